// What the browser test asks of a page that plays: all of it is read from the running client.

import { until } from './harness.mjs';

/** Counters and places of this moment. */
export function look(page) {
  return page.evaluate(() => {
    const game = window.tickwire;
    if (game === undefined) return { kind: 'title' };
    const { client } = game;
    const { stats, play, view } = client;
    const others = {};
    for (let at = 0; at < view.others.count; at++) {
      others[view.others.id[at]] = [view.others.x[at], view.others.y[at]];
    }
    return {
      kind: client.state.kind,
      player: client.welcome?.player ?? null,
      resumed: client.welcome?.resumed ?? null,
      hasOwn: view.hasOwn,
      own: game.ownPosition,
      others,
      sparks: view.sparks.count,
      tick: play?.replica.tick ?? null,
      ticks: stats.ticks,
      desyncs: stats.desyncs,
      keyframes: stats.keyframes,
      corrections: stats.corrections,
      reconnects: stats.reconnects,
      rttMs: stats.rttMs,
      framesPerSecond: game.framesPerSecond,
      frameMs: game.cost.frameMs / Math.max(1, game.cost.frames),
      decodePercent: stats.rates.decodePercent,
      bitsPerAvatar: stats.rates.bitsPerAvatar,
      marginMs: play === null ? null : play.clock.marginTicks * play.world.periodMs,
    };
  });
}

/** Waits until the page plays and has drawn its own avatar (or watches others). */
export function playing(page, seconds = 20) {
  return until('the page plays', async () => {
    const seen = await look(page);
    return seen.kind === 'playing' && seen.ticks > 5 && (seen.hasOwn || seen.player === null) ? seen : null;
  }, seconds);
}

export function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** Holds keys until the own avatar has gone so far; tries other ways where a wall is. */
export async function walk(page, units) {
  const before = (await look(page)).own;
  for (const key of ['KeyD', 'KeyW', 'KeyA', 'KeyS', 'ArrowRight', 'ArrowUp']) {
    await page.keyboard.down(key);
    const went = await until('walking', async () => distance(before, (await look(page)).own) > units, 2).catch(() => false);
    await page.keyboard.up(key);
    if (went) return before;
  }
  throw new Error('no key moved the avatar');
}
