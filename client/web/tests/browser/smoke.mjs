// The browser client end to end: the real server, 20 bots, headless Chromium. Run by
// scripts/browser-smoke. Prints one line per check and exits 0 only if all hold.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { distance, look, playing, walk } from './game.mjs';
import {
  cleanUp, makeStream, openPage, ROOT, sleep, startBots, startBrowser, startProxy, startServer, until,
} from './harness.mjs';

const PAGE_BYTES_MAX = 150_000;
const LOAD_TO_PLAY_SECONDS_MAX = 3;
/** A machine that is busy with other things may need more than one look. */
const LOADS_MAX = 3;
const DECODE_PERCENT_MAX = 15;
const PICTURES = process.env.TICKWIRE_PICTURES ?? `${ROOT}target/browser-smoke/pictures/`;
const ROOM = 'smoke';
/** What Chromium itself says when a server is away; the page handles it. */
const SERVER_AWAY = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/;

const pages = [];
let passed = 0;

async function check(name, run) {
  const began = Date.now();
  const said = await run();
  passed += 1;
  console.log(`ok  ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)${said ? `: ${said}` : ''}`);
}

const picture = (page, name) => page.screenshot({ path: `${PICTURES}${name}.png` });

async function open(browser, address, options) {
  const opened = await openPage(browser, address, options);
  pages.push(opened);
  return opened;
}

async function titleAndJoin(browser, address) {
  const first = await open(browser, address);
  const { page, seen } = first;
  await check('the title screen is a form with a policy, and small', async () => {
    await page.waitForSelector('#join', { state: 'visible' });
    await sleep(600);
    await picture(page, 'title');
    const answer = await page.request.get(address);
    const policy = answer.headers()['content-security-policy'];
    assert.ok(policy.includes("default-src 'none'") && !policy.includes('unsafe'), policy);
    assert.equal(answer.headers()['x-content-type-options'], 'nosniff');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
    const unlabelled = await page.evaluate(() => [...document.querySelectorAll('input, button, canvas, dialog')]
      .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')))
      .map((e) => e.outerHTML));
    assert.deepEqual(unlabelled, [], 'everything has a name that a screen reader can say');
    assert.ok(seen.bytes < PAGE_BYTES_MAX, `${seen.bytes} bytes`);
    return `${seen.bytes} bytes over the wire`;
  });
  await check('a name and Enter join the game', async () => {
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Ada');
    await page.fill('#room', ROOM);
    await page.press('#room', 'Enter');
    await playing(page);
  });
  return first;
}

async function play(browser, address, first) {
  const { page } = first;
  await check('a page with a name in its address plays soon', async () => {
    const taken = [];
    while (taken.length < LOADS_MAX) {
      const began = Date.now();
      const opened = await open(browser, `${address}?autojoin=1&name=Grace&room=${ROOM}`);
      await playing(opened.page);
      taken.push((Date.now() - began) / 1000);
      if (taken.at(-1) < LOAD_TO_PLAY_SECONDS_MAX) return `${taken.at(-1).toFixed(2)} s`;
      await retire(opened);
    }
    throw new assert.AssertionError({ message: `${taken.join(' s, ')} s` });
  });
  const second = pages[1];
  await check('real key events move the avatar', async () => {
    const before = await walk(page, 3);
    return `${distance(before, (await look(page)).own).toFixed(1)} units`;
  });
  await check('others are seen moving', async () => {
    const before = (await look(page)).others;
    await sleep(1500);
    const after = (await look(page)).others;
    const moved = Object.keys(before).filter((id) => after[id] && Math.hypot(after[id][0] - before[id][0], after[id][1] - before[id][1]) > 0.3);
    assert.ok(moved.length >= 5, `${moved.length} of ${Object.keys(before).length} moved`);
    return `${moved.length} of ${Object.keys(before).length} others`;
  });
  await check('two pages see each other walk', async () => {
    for (const [walker, watcher] of [[first, second], [second, first]]) {
      const { player } = await look(walker.page);
      const seenBefore = (await look(watcher.page)).others[player];
      await walk(walker.page, 3);
      await until('it is seen where it stands', async () => {
        const { own } = await look(walker.page);
        const seen = (await look(watcher.page)).others[player];
        return Math.hypot(seen[0] - seenBefore[0], seen[1] - seenBefore[1]) > 1
          && Math.hypot(seen[0] - own.x, seen[1] - own.y) < 0.5;
      });
    }
  });
  await check('chat goes from one page to the other', async () => {
    await page.keyboard.press('Enter');
    await page.keyboard.type('Hello Grace <b>&');
    await page.keyboard.press('Enter');
    for (const { page: reader } of [first, second]) {
      await until('the line', () => reader.evaluate(() => document.getElementById('chat-log').textContent.includes('Hello Grace <b>&')));
    }
  });
  await check('leaders, net graph and dash are shown', async () => {
    await page.keyboard.press('F3');
    await until('leaders', () => page.evaluate(() => document.querySelectorAll('#leaders li').length >= 5), 40);
    await page.keyboard.press('Space');
    await until('the dash', () => page.evaluate(() => document.getElementById('dash-meter').classList.contains('charging')));
    await sleep(1200);
    await picture(page, 'leaderboard');
    await page.keyboard.press('F3');
    await picture(page, 'play');
  });
}

async function hideAndReturn({ page }) {
  await check('a hidden tab asks for no ticks and comes back in step', async () => {
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    await sleep(400);
    const before = await look(page);
    await sleep(2000);
    const hidden = await look(page);
    assert.ok(hidden.ticks - before.ticks <= 1, `${hidden.ticks - before.ticks} ticks while hidden`);
    await hide(false);
    await until('ticks again', async () => (await look(page)).ticks > hidden.ticks + 20);
    await walk(page, 2);
    const after = await look(page);
    assert.equal(after.player, before.player);
    assert.equal(after.reconnects, before.reconnects, 'the connection was kept');
    return `${after.keyframes - hidden.keyframes} keyframes`;
  });
}

async function restartServer(server, bots) {
  const [{ page, seen }] = pages;
  for (const { seen: each } of pages) each.tolerate = SERVER_AWAY;
  let again;
  await check('a restart of the server is survived', async () => {
    const before = await look(page);
    await server.stop();
    await until('the page says so', () => page.evaluate(() => !document.getElementById('banner').hidden
      && /reconnecting/i.test(document.getElementById('banner').textContent)));
    await picture(page, 'reconnecting');
    await sleep(1500);
    again = await startServer(server.port);
    const after = await until('playing again', async () => {
      const now = await look(page);
      return now.kind === 'playing' && now.ticks > before.ticks + 30 && now.hasOwn ? now : null;
    }, 40);
    assert.ok(after.reconnects > before.reconnects);
    await until('the banner goes', () => page.evaluate(() => document.getElementById('banner').hidden));
    await walk(page, 2);
    assert.deepEqual(seen.troubles, []);
    return `after ${after.reconnects} attempts`;
  });
  await bots.stop();
  return again;
}

async function touch(browser, address) {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const opened = await open(browser, `${address}?autojoin=1&name=Thumb&room=${ROOM}`, phone);
  const { page, inspector } = opened;
  await check('thumbs move, aim and dash on a phone', async () => {
    await playing(page);
    const thumbs = (type, points) => inspector.send('Input.dispatchTouchEvent', {
      type, touchPoints: points.map(([id, x, y]) => ({ id, x, y })),
    });
    const before = (await look(page)).own;
    let went = 0;
    for (const [dx, dy] of [[50, 0], [0, -50], [-50, 0], [0, 50]]) {
      await thumbs('touchStart', [[1, 90, 650]]);
      await thumbs('touchMove', [[1, 90 + dx, 650 + dy]]);
      // One direction may lead into a wall.
      for (let looks = 0; looks < 25 && went <= 2; looks++) {
        await sleep(100);
        went = distance(before, (await look(page)).own);
      }
      if (went > 2) break;
      await thumbs('touchEnd', []);
    }
    assert.ok(went > 2, `moved ${went} units`);
    await thumbs('touchStart', [[1, 140, 650], [2, 300, 600]]);
    await thumbs('touchMove', [[1, 140, 650], [2, 300, 550]]);
    await sleep(400);
    await picture(page, 'phone');
    assert.equal(await page.evaluate(() => window.tickwire.client.input.aim), 64, 'the right thumb aims up');
    await thumbs('touchEnd', []);
    await page.tap('#dash-button');
    await until('the dash', () => page.evaluate(() => document.getElementById('dash-button').disabled));
    await retire(opened);
    return `${went.toFixed(1)} units`;
  });
  await check('the title fits a phone', async () => {
    const titleOnly = await open(browser, address, phone);
    const { page: title } = titleOnly;
    await title.waitForSelector('#join', { state: 'visible' });
    await sleep(400);
    const box = await title.locator('#join').boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height < 844);
    await picture(title, 'phone-title');
    await retire(titleOnly);
  });
}

async function spectate(browser, address) {
  await check('a spectator sees the room without an avatar', async () => {
    const opened = await open(browser, `${address}?autojoin=1&spectate=1&name=Eye&room=${ROOM}`);
    const { page } = opened;
    const seen = await playing(page);
    assert.equal(seen.player, null);
    await until('others', async () => Object.keys((await look(page)).others).length > 10);
    await page.keyboard.down('KeyD');
    await sleep(1500);
    await page.keyboard.up('KeyD');
    await picture(page, 'spectate');
    await page.keyboard.press('Escape');
    await page.click('#menu button[value=leave]');
    await page.waitForSelector('#join', { state: 'visible' });
    await retire(opened);
  });
}

async function behindProxy(browser, server) {
  const address = await startProxy(server.port, '/games/sparks/');
  await check('it works under https and a path prefix', async () => {
    const opened = await open(browser, `${address}?autojoin=1&name=Tunnel&room=${ROOM}`);
    await playing(opened.page);
    await walk(opened.page, 2);
    await retire(opened);
  });
}

async function decodeCost(browser, address) {
  const AVATARS = 1000;
  const SECONDS = 10;
  const CELLS = 16;
  const WARM_UP_TICKS = 150;
  const stream = makeStream({ avatars: AVATARS, arena: 'plain', frames: SECONDS * 30 * CELLS + WARM_UP_TICKS * CELLS });
  await check('1,000 visible avatars at 30 Hz decode within the budget', async () => {
    const opened = await open(browser, address);
    const { page } = opened;
    // The machine is busy with other things too: of each tick the quickest run counts.
    const cost = await page.evaluate(measureDecoding, { stream: stream.toString('base64'), skipTicks: WARM_UP_TICKS, runs: 5 });
    await retire(opened);
    const percent = cost.milliseconds / (SECONDS * 10);
    assert.ok(cost.avatarTicks > AVATARS * 0.9 * SECONDS * 30, `${cost.avatarTicks} avatar ticks`);
    assert.ok(percent < DECODE_PERCENT_MAX, `${percent} %`);
    return `${percent.toFixed(2)} % of a core for ${Math.round(cost.avatarTicks / (SECONDS * 30))} avatars, of events far denser than play`;
  });
}

/** Runs in the page: time spent in decoding and in keeping positions for interpolation. */
async function measureDecoding({ stream, skipTicks, runs }) {
  const load = (name) => import(new URL(name, document.baseURI));
  const { Cell } = await load('cell_frame.js');
  const { Reader } = await load('codec.js');
  const { readServerMessage } = await load('message.js');
  const { World } = await load('world.js');
  const { Interpolation } = await load('interpolation.js');
  const { loadModel } = await load('model.js');
  // The page loads the table of odds too, but may not have it yet.
  await loadModel(document.baseURI);
  const bytes = Uint8Array.from(atob(stream), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const welcomeEnd = 4 + view.getUint32(0, true);
  const welcome = readServerMessage(new Reader(bytes, 4, welcomeEnd));
  const quickest = [];
  let avatarTicks = 0;
  for (let run = 0; run < runs; run++) {
    const world = new World(welcome.arena, welcome.tickRate, welcome.movement);
    const cells = Array.from({ length: world.grid.length }, (_, id) => new Cell(id));
    const replica = { tick: 0, block: cells.map((cell) => cell.id), cells };
    const interpolation = new Interpolation(world);
    avatarTicks = 0;
    for (let at = welcomeEnd; at < bytes.length;) {
      const began = performance.now();
      const tick = view.getUint32(at, true);
      for (let frame = 0; frame < cells.length; frame++) {
        const cell = cells[view.getUint16(at + 4, true)];
        const start = at + 11;
        const end = start + view.getUint32(at + 7, true);
        if (bytes[at + 6] === 1) cell.applyKeyframe(world, tick, bytes, start, end, []);
        else cell.applyDelta(world, tick, bytes, start, end, []);
        at = end + 4;
        if (tick > skipTicks) avatarTicks += cell.avatars.length;
      }
      replica.tick = tick;
      interpolation.record(replica, tick * world.periodMs);
      quickest[tick] = Math.min(quickest[tick] ?? Infinity, performance.now() - began);
    }
  }
  const milliseconds = quickest.slice(skipTicks + 1).reduce((sum, each) => sum + each, 0);
  return { milliseconds, avatarTicks };
}

/** What must hold of every page, whatever it did. Closes it, so that it draws no more. */
async function retire(opened) {
  const { page, seen } = opened;
  pages.splice(pages.indexOf(opened), 1);
  const now = await look(page);
  assert.deepEqual(seen.troubles, [], `troubles on ${page.url()}`);
  assert.deepEqual(seen.elsewhere, [], `requests elsewhere by ${page.url()}`);
  if (now.kind !== 'title') assert.equal(now.desyncs, 0, `desyncs on ${page.url()}`);
  await opened.close();
  return now;
}

async function settle(first) {
  await check('no desync, no console error, no request elsewhere', async () => {
    const now = await retire(first);
    for (const opened of [...pages]) await retire(opened);
    return `${now.ticks} ticks, ${JSON.stringify(now.corrections)} corrections, round trip ${now.rttMs.toFixed(1)} ms, `
      + `decode ${now.decodePercent.toFixed(2)} % of a core, ${now.framesPerSecond} frames/s, ${now.frameMs.toFixed(1)} ms each`;
  });
}

async function main() {
  mkdirSync(PICTURES, { recursive: true });
  let server = await startServer();
  let bots = startBots(server.port, ROOM, 20);
  const browser = await startBrowser();
  const address = `http://127.0.0.1:${server.port}/`;
  const first = await titleAndJoin(browser, address);
  await play(browser, address, first);
  await hideAndReturn(first);
  server = await restartServer(server, bots);
  bots = startBots(server.port, ROOM, 20);
  await touch(browser, address);
  await spectate(browser, address);
  await behindProxy(browser, server);
  await decodeCost(browser, address);
  await settle(first);
  console.log(`${passed} checks passed; pictures in ${PICTURES}`);
}

main().catch(async (error) => {
  console.error(`FAILED after ${passed} checks: ${error.stack}`);
  for (const [index, { page }] of pages.entries()) await picture(page, `failed-${index}`).catch(() => {});
  process.exitCode = 1;
}).finally(cleanUp);
