// Where others are drawn: between the two exact states around the playout tick; past the last
// one by the real movement step for a bounded time, then held and told as lagging.

import { angleDifference } from './angle.js';
import { Avatars } from './body.js';
import { UNIT, VELOCITY_UNIT } from './limits.js';
import { Playout } from './playout.js';

/** Ticks of positions kept per avatar; a power of two. */
const HISTORY = 64;
/** A starved avatar is stepped on for this long, in milliseconds. */
const EXTRAPOLATION_MAX_MS = 250;
/** A move larger than this within one tick is a jump, not a way: half the largest cell. */
const JUMP_LATTICE = 4 * UNIT;
const FADE_SECONDS = 0.25;
const SMOOTHING_SECONDS = 0.1;
/** A guess that was wrong by more than this is not smoothed, in units. */
const SNAP_UNITS = 4;

export class Interpolation {
  constructor(world) {
    this.world = world;
    this.playout = new Playout(world.periodMs);
    this.extrapolationMax = Math.max(1, Math.ceil(EXTRAPOLATION_MAX_MS / world.periodMs));
    this.slotOf = new Int32Array(65536).fill(-1);
    this.active = [];
    this.free = [];
    this.allocate(64);
    this.latest = -1;
    this.guessed = -1;
    this.ahead = new Avatars(64);
    this.wasGuess = false;
    this.lagging = false;
    this.starvedMs = 0;
  }

  allocate(capacity) {
    const grown = (Type, length, old) => {
      const column = new Type(length);
      if (old) column.set(old);
      return column;
    };
    this.stamp = grown(Int32Array, capacity * HISTORY, this.stamp);
    if (this.capacity === undefined) this.stamp.fill(-1);
    else this.stamp.fill(-1, this.capacity * HISTORY);
    for (const name of ['hx', 'hy']) this[name] = grown(Int32Array, capacity * HISTORY, this[name]);
    for (const name of ['hFacing', 'hDashing']) this[name] = grown(Uint8Array, capacity * HISTORY, this[name]);
    this.slotId = grown(Uint16Array, capacity, this.slotId);
    this.first = grown(Int32Array, capacity, this.first);
    this.last = grown(Int32Array, capacity, this.last);
    for (const name of ['drawnX', 'drawnY', 'errorX', 'errorY']) {
      this[name] = grown(Float64Array, capacity, this[name]);
    }
    for (let slot = capacity - 1; slot >= (this.capacity ?? 0); slot--) this.free.push(slot);
    this.capacity = capacity;
  }

  /** Keeps the exact positions of every avatar of the replica's tick. */
  record(replica, now) {
    const { tick } = replica;
    if (tick !== this.latest + 1) this.forgetGuesses();
    this.playout.arrived(tick, now);
    this.latest = tick;
    this.guessed = tick;
    for (const id of replica.block) {
      const cell = replica.cells[id];
      if (cell !== null) this.write(cell.avatars, tick);
    }
  }

  /** After a pause: everything starts anew. */
  restart() {
    this.playout.restart();
    for (const slot of this.active) {
      this.slotOf[this.slotId[slot]] = -1;
      this.stamp.fill(-1, slot * HISTORY, (slot + 1) * HISTORY);
      this.free.push(slot);
    }
    this.active.length = 0;
    this.latest = -1;
    this.guessed = -1;
    this.wasGuess = false;
  }

  forgetGuesses() {
    this.wasGuess = false;
  }

  write(avatars, tick) {
    const at = tick & (HISTORY - 1);
    for (let row = 0; row < avatars.length; row++) {
      let slot = this.slotOf[avatars.id[row]];
      if (slot < 0) slot = this.open(avatars.id[row], tick);
      const entry = slot * HISTORY + at;
      this.stamp[entry] = tick;
      this.hx[entry] = avatars.x[row];
      this.hy[entry] = avatars.y[row];
      this.hFacing[entry] = avatars.facing[row];
      this.hDashing[entry] = avatars.dashTicks[row] > 0 ? 1 : 0;
      this.last[slot] = tick;
    }
  }

  open(id, tick) {
    if (this.free.length === 0) this.allocate(this.capacity * 2);
    const slot = this.free.pop();
    this.slotOf[id] = slot;
    this.slotId[slot] = id;
    this.first[slot] = tick;
    this.errorX[slot] = 0;
    this.errorY[slot] = 0;
    this.drawnX[slot] = NaN;
    this.active.push(slot);
    return slot;
  }

  close(index) {
    const slot = this.active[index];
    this.slotOf[this.slotId[slot]] = -1;
    this.stamp.fill(-1, slot * HISTORY, (slot + 1) * HISTORY);
    this.free.push(slot);
    this.active[index] = this.active[this.active.length - 1];
    this.active.length -= 1;
  }

  /** Steps a copy of the replica on, up to `tick`, where the stream has not arrived yet. */
  guess(replica, tick) {
    if (this.guessed === this.latest) {
      this.ahead.reserve(replica.population);
      this.ahead.length = 0;
      for (const id of replica.block) {
        const avatars = replica.cells[id]?.avatars;
        for (let row = 0; avatars !== undefined && row < avatars.length; row++) {
          this.ahead.copyRow(this.ahead.length, avatars, row);
          this.ahead.length += 1;
        }
      }
    }
    while (this.guessed < tick) {
      this.guessed += 1;
      for (let row = 0; row < this.ahead.length; row++) {
        if (this.ahead.isFree[row] === 0) this.world.step(this.ahead, row);
      }
      this.write(this.ahead, this.guessed);
    }
  }

  /** Fills `out` (see view.js) with every avatar but `own` as it stands at `now`. */
  view(replica, now, own, seconds, out) {
    out.count = 0;
    const limit = this.latest + this.extrapolationMax;
    const tick = this.playout.advance(now, this.latest, limit);
    if (Number.isNaN(tick) || this.latest < 0) return;
    this.lagging = tick >= limit;
    if (tick > this.latest) this.starvedMs += seconds * 1000;
    const guessing = tick > this.latest;
    if (guessing) this.guess(replica, Math.ceil(tick));
    const smooth = this.wasGuess;
    this.wasGuess = guessing;
    const keep = Math.exp(-seconds / SMOOTHING_SECONDS);
    const floor = Math.floor(tick);
    const fade = FADE_SECONDS * this.world.tickRate;
    for (let index = this.active.length - 1; index >= 0; index--) {
      const slot = this.active[index];
      if (this.last[slot] < floor) this.close(index);
      else if (this.slotId[slot] !== own) this.drawSlot(slot, floor, tick - floor, smooth, keep, fade, seconds, out);
    }
  }

  drawSlot(slot, floor, fraction, smooth, keep, fade, seconds, out) {
    const a = slot * HISTORY + (floor & (HISTORY - 1));
    const b = slot * HISTORY + ((floor + 1) & (HISTORY - 1));
    const hasA = this.stamp[a] === floor;
    const hasB = this.stamp[b] === floor + 1;
    if (!hasA && !hasB) return;
    const from = hasA ? a : b;
    const to = hasB ? b : a;
    const dx = this.hx[to] - this.hx[from];
    const dy = this.hy[to] - this.hy[from];
    const jumps = dx > JUMP_LATTICE || dx < -JUMP_LATTICE || dy > JUMP_LATTICE || dy < -JUMP_LATTICE;
    const part = jumps ? 1 : fraction;
    let x = (this.hx[from] + dx * part) / UNIT;
    let y = (this.hy[from] + dy * part) / UNIT;
    const vx = (dx / UNIT) * this.world.tickRate;
    const vy = (dy / UNIT) * this.world.tickRate;
    if (smooth && this.drawnX[slot] === this.drawnX[slot]) {
      // What was drawn was a guess: what stands there now replaces it gently.
      const errorX = this.drawnX[slot] + vx * seconds - x;
      const errorY = this.drawnY[slot] + vy * seconds - y;
      const small = errorX * errorX + errorY * errorY < SNAP_UNITS * SNAP_UNITS && !jumps;
      this.errorX[slot] = small ? errorX : 0;
      this.errorY[slot] = small ? errorY : 0;
    }
    this.errorX[slot] *= keep;
    this.errorY[slot] *= keep;
    x += this.errorX[slot];
    y += this.errorY[slot];
    this.drawnX[slot] = x;
    this.drawnY[slot] = y;
    const age = floor + fraction - this.first[slot];
    const alpha = Math.min(1, age / fade + 0.1) * (hasB ? 1 : 1 - fraction);
    const turn = angleDifference(this.hFacing[from], this.hFacing[to]) * part;
    out.push(this.slotId[slot], x, y, jumps ? 0 : vx, jumps ? 0 : vy,
      this.hFacing[from] + turn, this.hDashing[from] | this.hDashing[to], alpha);
  }
}

/** The speed of a body in units per second, for views and tests. */
export function unitsPerSecond(velocity, tickRate) {
  return (velocity / VELOCITY_UNIT) * tickRate;
}
