import assert from 'node:assert/strict';
import test from 'node:test';
import { Backoff } from '../backoff.js';
import { Avatars, inputFromKeys, IDLE } from '../body.js';
import { Cell } from '../cell_frame.js';
import { Clock } from '../clock.js';
import { FrameHabit } from '../frames.js';
import { Interpolation } from '../interpolation.js';
import { UNIT } from '../limits.js';
import { Playout } from '../playout.js';
import { Prediction } from '../prediction.js';
import { AvatarViews } from '../view.js';
import { seeded, worldOf } from './assets.mjs';

/** Runs a clock against a server `latency` ms away; returns what was late and spare at the end. */
function runClock({ hz, latency, jitter, skew = 1, seconds = 30, hiccup = () => 0 }) {
  const random = seeded(hz + latency);
  const clock = new Clock(hz, 100, latency, 0);
  const period = 1000 / hz;
  const inputs = [];
  const reports = [];
  const margins = [];
  let sent = Math.floor(clock.tick);
  let margin = 0;
  let serverTick = 100;
  for (let now = 0; now < seconds * 1000; now += 2) {
    clock.advance(now);
    while (sent < Math.floor(clock.tick)) {
      sent += 1;
      clock.sent(sent);
      const last = inputs.at(-1)?.arrives ?? 0;
      const arrives = now + latency / 2 + random() * jitter + hiccup(now);
      inputs.push({ tick: sent, arrives: Math.max(last, arrives) });
    }
    // The server's clock runs `skew` times as fast as the client's.
    while (100 + (now * skew) / period >= serverTick) {
      while (inputs.length > 0 && inputs[0].arrives <= now) {
        const input = inputs.shift();
        const starts = ((input.tick - 100) * period) / skew;
        const early = starts - input.arrives;
        margin = Math.max(-127, Math.min(127, Math.floor((early / period) * 16)));
        if (now > 10_000) margins.push(early);
      }
      reports.push({ tick: serverTick, margin, arrives: now + latency / 2 + random() * jitter });
      serverTick += 1;
    }
    while (reports.length > 0 && reports[0].arrives <= now) {
      const report = reports.shift();
      clock.report(now, report.tick, report.margin);
    }
  }
  margins.sort((a, b) => a - b);
  const late = margins.filter((early) => early < 0).length / margins.length;
  return { clock, late, median: margins[margins.length >> 1] };
}

test('the clock settles with hardly an input late and little to spare, at every rate and latency', () => {
  for (const hz of [10, 30, 60, 128]) {
    for (const latency of [1, 40, 150]) {
      const { clock, late, median } = runClock({ hz, latency, jitter: 4 });
      const what = `${hz} Hz, ${latency} ms: ${late} late, ${median} ms median, ${clock.resets} resets`;
      assert.ok(clock.tracking && clock.resets === 0, what);
      assert.ok(late < 0.02, what);
      assert.ok(median < 30 + 1000 / hz / 4, what);
    }
  }
});

test('the clock follows a server whose oscillator is off', () => {
  for (const skew of [0.999, 1.001]) {
    const { clock, late, median } = runClock({ hz: 30, latency: 60, jitter: 4, skew });
    const what = `${late} late, ${median} ms median, ${clock.resets} resets`;
    assert.ok(late < 0.05 && median < 60 && clock.resets === 0, what);
  }
});

test('one hiccup on a steady line costs no lead for minutes', () => {
  const hiccup = (now) => (now > 12_000 && now < 12_040 ? 150 : 0);
  const { late, median } = runClock({ hz: 30, latency: 20, jitter: 1, seconds: 40, hiccup });
  assert.ok(late < 0.02 && median < 20, `${late} late, ${median} ms median`);
});

test('frames that hitch now and then are no habit', () => {
  const frames = new FrameHabit();
  for (let frame = 1; frame <= 600; frame++) frames.note(frame % 30 === 0 ? 90 : 16);
  assert.equal(frames.apartMs, 16);
  for (let frame = 0; frame < 64; frame++) frames.note(frame % 3 === 0 ? 33 : 16);
  assert.equal(frames.apartMs, 33);
});

test('a clock behind the stream or hopelessly ahead starts anew', () => {
  const clock = new Clock(30, 100, 40, 0);
  assert.equal(clock.check(0, 100, 40), false);
  assert.equal(clock.check(0, 500, 40), true);
  assert.ok(clock.tick > 501 && clock.tick < 506);
  assert.equal(clock.check(0, 300, 40), true);
  assert.equal(clock.resets, 2);
});

/** Feeds ticks whose message takes `delay(tick)` ms and draws at 60 Hz in between. */
function runPlayout(playout, first, end, delay) {
  const period = 1000 / 30;
  const frames = [];
  let next = first;
  let starved = 0;
  let arrived = 0;
  for (let now = first * period; next < end; now += 1000 / 60) {
    while (next < end && Math.max(arrived, next * period + delay(next)) <= now) {
      arrived = Math.max(arrived, next * period + delay(next));
      playout.arrived(next, arrived);
      next += 1;
    }
    if (next === first) continue;
    frames.push(playout.advance(now, next - 1, next + 7));
    if (frames.at(-1) > next - 1) starved += 1;
  }
  return { frames, starved };
}

test('a steady line is drawn one tick behind', () => {
  const playout = new Playout(1000 / 30);
  const { starved } = runPlayout(playout, 0, 300, () => 20);
  assert.ok(playout.delayMs < 1.3 * (1000 / 30), `${playout.delayMs} ms`);
  assert.equal(starved, 0);
});

test('the playout never runs backwards and starves only until the delay has grown', () => {
  const playout = new Playout(1000 / 30);
  const stalls = (tick) => (tick % 60 < 55 ? 20 : 160);
  const { frames } = runPlayout(playout, 0, 600, stalls);
  for (let at = 1; at < frames.length; at++) assert.ok(frames[at] >= frames[at - 1]);
  assert.ok(playout.delayMs > 140, `${playout.delayMs} ms`);
  assert.equal(runPlayout(playout, 600, 900, stalls).starved, 0);
});

test('a schedule that moved is followed within two seconds', () => {
  const playout = new Playout(1000 / 30);
  runPlayout(playout, 0, 300, () => 20);
  runPlayout(playout, 300, 370, () => 2020);
  assert.ok(playout.delayMs < 100, `${playout.delayMs} ms after the server skipped time`);
  runPlayout(playout, 370, 400, () => 20);
  assert.ok(playout.delayMs < 100, `${playout.delayMs} ms after this machine slept`);
});

/** A room of one cell with one avatar that walks east. */
function walking(world) {
  const cell = new Cell(0);
  cell.avatars.insert(0, 5);
  cell.avatars.x[0] = 20 * UNIT;
  cell.avatars.y[0] = 20 * UNIT;
  cell.avatars.setInput(0, inputFromKeys(1, 0, -1, false));
  return { tick: 0, block: [0], cells: [cell], population: 1, run() { this.tick += 1; world.step(cell.avatars, 0); } };
}

test('others are drawn between exact positions, without a jump through a stall', () => {
  const world = worldOf('plain');
  const interpolation = new Interpolation(world);
  const replica = walking(world);
  const out = new AvatarViews();
  let held = 0;
  let lastX = NaN;
  let largest = 0;
  for (let now = 0; now < 4000; now += 8) {
    const stalled = now >= 2000 && now < 2200;
    while (replica.tick * world.periodMs < now) {
      if (stalled) break;
      replica.run();
      interpolation.record(replica, now);
      held += 1;
    }
    interpolation.view(replica, now, -1, 0.008, out);
    if (now < 300) continue;
    assert.equal(out.count, 1);
    if (!Number.isNaN(lastX)) {
      assert.ok(out.x[0] >= lastX - 1e-6, `backwards at ${now}`);
      largest = Math.max(largest, out.x[0] - lastX);
    }
    lastX = out.x[0];
  }
  assert.ok(held > 100);
  // Full speed is 7 units a second, 0.056 a frame; playout may hurry by a tenth.
  assert.ok(largest < 0.075, `largest step ${largest}`);
});

test('an avatar that left is not drawn any more and its slot is used again', () => {
  const world = worldOf('plain');
  const interpolation = new Interpolation(world);
  const replica = walking(world);
  const out = new AvatarViews();
  for (let now = 0; now < 3000; now += 16) {
    while (replica.tick * world.periodMs < now) {
      replica.run();
      if (replica.tick === 40) replica.cells[0].avatars.removeAt(0);
      if (replica.tick >= 40) replica.run = function run() { this.tick += 1; };
      interpolation.record(replica, now);
    }
    interpolation.view(replica, now, -1, 0.016, out);
  }
  assert.equal(out.count, 0);
  assert.equal(interpolation.active.length, 0);
});

test('prediction that the server confirms is never corrected', () => {
  const world = worldOf('garden');
  const prediction = new Prediction(world);
  const server = new Avatars(1);
  server.x[0] = 10 * UNIT;
  server.y[0] = 10 * UNIT;
  server.aim[0] = -1;
  prediction.confirm(100, server, 0);
  const random = seeded(1);
  const inputs = [];
  for (let tick = 101; tick < 600; tick++) {
    const input = tick % 7 === 0 ? inputFromKeys(random() * 3 - 1.5, random() * 3 - 1.5, -1, random() < 0.2) : inputs.at(-1) ?? IDLE;
    inputs.push(input);
    assert.ok(prediction.advance(input));
    if (tick >= 110) {
      server.setInput(0, inputs[tick - 110]);
      world.step(server, 0);
      prediction.confirm(tick - 9, server, 0);
    }
  }
  assert.deepEqual(prediction.corrections, { late_input: 0, server_event: 0, resync: 0 });
});

test('a push by the server is replayed under the pending inputs and smoothed', () => {
  const world = worldOf('plain');
  const prediction = new Prediction(world);
  const server = new Avatars(1);
  server.x[0] = 50 * UNIT;
  server.y[0] = 50 * UNIT;
  server.aim[0] = -1;
  prediction.confirm(10, server, 0);
  const east = inputFromKeys(1, 0, -1, false);
  for (let tick = 11; tick <= 20; tick++) prediction.advance(east);
  const own = {};
  prediction.view(0, IDLE, own);
  const drawn = { x: own.x, y: own.y };
  server.setInput(0, east);
  world.step(server, 0);
  server.y[0] += UNIT;
  prediction.confirm(11, server, 0);
  assert.equal(prediction.corrections.server_event, 1);
  assert.equal(prediction.current.y[0], 51 * UNIT);
  for (let tick = 12; tick <= 20; tick++) world.step(server, 0);
  assert.equal(prediction.current.x[0], server.x[0], 'the pending inputs were replayed');
  prediction.view(0, IDLE, own);
  assert.ok(Math.hypot(own.x - drawn.x, own.y - drawn.y) < 1e-9, 'nothing jumps on the screen');
  for (let frame = 0; frame < 60; frame++) prediction.smooth(1 / 60);
  prediction.view(0, IDLE, own);
  assert.ok(Math.abs(own.y - 51) < 0.01, 'the picture comes to the truth');
});

test('a key shows in the next frame and goes over smoothly', () => {
  const world = worldOf('plain');
  const prediction = new Prediction(world);
  const server = new Avatars(1);
  server.x[0] = 50 * UNIT;
  server.y[0] = 50 * UNIT;
  server.aim[0] = -1;
  prediction.confirm(10, server, 0);
  const east = inputFromKeys(1, 0, -1, false);
  const own = {};
  prediction.view(0.5, IDLE, own);
  assert.equal(own.x, 50);
  prediction.view(0.5, east, own);
  assert.ok(Math.abs(own.x - 50) < 1e-9, 'no jump within the frame');
  assert.ok(own.vx > 0);
  prediction.view(0.75, east, own);
  assert.ok(own.x > 50.005, 'it moves before the next tick');
});

test('an input that came late is told apart from a push', () => {
  const world = worldOf('plain');
  const prediction = new Prediction(world);
  const server = new Avatars(1);
  server.x[0] = 50 * UNIT;
  server.y[0] = 50 * UNIT;
  server.aim[0] = -1;
  prediction.confirm(10, server, 0);
  prediction.confirm(10, server, 0);
  prediction.advance(inputFromKeys(0, 1, -1, false));
  world.step(server, 0);
  prediction.confirm(11, server, 0);
  assert.deepEqual(prediction.corrections, { late_input: 1, server_event: 0, resync: 0 });
});

test('waits between attempts grow, are spread, stay bounded and honour the hint', () => {
  const backoff = new Backoff(seeded(2));
  const waits = Array.from({ length: 12 }, () => backoff.next(null));
  assert.ok(waits.every((wait) => wait >= 100 && wait <= 15_000));
  assert.ok(new Set(waits).size > 8);
  const late = Array.from({ length: 200 }, () => backoff.next(null));
  assert.ok(Math.max(...late) > 12_000 && Math.min(...late) < 3_000, 'full jitter');
  assert.ok(backoff.next(4000) >= 4000);
  backoff.reset();
  assert.ok(backoff.next(null) <= 500);
});
