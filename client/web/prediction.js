// The own avatar ahead of the server: stepped with the player's inputs at once, compared bit by
// bit with the stream's own body, and replayed from there where they differ.

import { Avatars, IDLE, sameInput } from './body.js';
import { UNIT, VELOCITY_UNIT } from './limits.js';

/** Ticks of inputs and predicted bodies kept; a power of two. */
const HISTORY = 256;
/** Ticks that prediction may run ahead of the last authoritative body. */
const AHEAD_MAX = 100;
/** A correction larger than this is shown at once, in units. */
const SNAP_UNITS = 4;
/** Time in which the visible rest of a correction decays to 1/e, in seconds. */
const SMOOTHING_SECONDS = 0.1;

export class Prediction {
  constructor(world, corrections = { late_input: 0, server_event: 0, resync: 0 }) {
    this.world = world;
    /** Row `tick % HISTORY`: the input of that tick and the body at its end. */
    this.history = new Avatars(HISTORY);
    this.history.length = HISTORY;
    this.current = new Avatars(1);
    /** The tick after the last one, under the intent of this moment: what is drawn leads to it. */
    this.ahead = new Avatars(1);
    this.live = IDLE;
    /** The last tick predicted, the last one confirmed; -1 before the first body. */
    this.tick = -1;
    this.confirmed = -1;
    this.errorX = 0;
    this.errorY = 0;
    this.corrections = corrections;
    this.resyncing = true;
  }

  get ready() {
    return this.confirmed >= 0;
  }

  /** The next comparison may differ for a reason of the connection's: a pause, a keyframe. */
  expectResync() {
    this.resyncing = true;
  }

  /** Runs the tick after the last one with this input. Returns whether it did. */
  advance(input) {
    if (!this.ready || this.tick - this.confirmed >= AHEAD_MAX) return false;
    this.tick += 1;
    this.current.setInput(0, input);
    this.world.step(this.current, 0);
    this.history.copyRow(this.tick & (HISTORY - 1), this.current, 0);
    return true;
  }

  /** The server's body at the end of `tick`, in row `row` of `avatars`. */
  confirm(tick, avatars, row) {
    const at = tick & (HISTORY - 1);
    const first = !this.ready;
    if (!first && tick > this.confirmed && tick <= this.tick) {
      this.confirmed = tick;
      if (this.history.sameBody(at, avatars, row)) {
        this.resyncing = false;
        return;
      }
      this.count(this.history.sameInput(at, avatars, row));
    }
    this.confirmed = tick;
    this.rebase(tick, avatars, row, first);
    this.resyncing = false;
  }

  count(sameInput) {
    if (this.resyncing) this.corrections.resync += 1;
    else if (sameInput) this.corrections.server_event += 1;
    else this.corrections.late_input += 1;
  }

  rebase(tick, avatars, row, first) {
    const oldX = this.current.x[0];
    const oldY = this.current.y[0];
    const last = this.tick;
    this.current.copyRow(0, avatars, row);
    this.history.copyRow(tick & (HISTORY - 1), avatars, row);
    this.tick = tick;
    // The inputs stay as they were; only what came of them is computed again.
    for (let next = tick + 1; next <= last; next++) {
      const at = next & (HISTORY - 1);
      this.current.copyInput(0, this.history, at);
      this.world.step(this.current, 0);
      this.history.copyBody(at, this.current, 0);
      this.tick = next;
    }
    if (first) return;
    this.errorX += (oldX - this.current.x[0]) / UNIT;
    this.errorY += (oldY - this.current.y[0]) / UNIT;
    if (Math.hypot(this.errorX, this.errorY) > SNAP_UNITS) {
      this.errorX = 0;
      this.errorY = 0;
    }
  }

  /** Forgets ticks after `tick`, when the clock jumps back. */
  rewind(tick) {
    if (!this.ready || tick >= this.tick || tick < this.confirmed || this.tick - tick >= HISTORY) return;
    this.tick = tick;
    this.current.copyRow(0, this.history, tick & (HISTORY - 1));
  }

  /** Lets the visible error decay; once per drawn frame. */
  smooth(seconds) {
    const keep = Math.exp(-seconds / SMOOTHING_SECONDS);
    this.errorX *= keep;
    this.errorY *= keep;
  }

  /**
   * Writes the drawn state into `own`: `fraction` of the way from the last tick to the next, which
   * is stepped with the intent of this moment, so that a key shows in the very next frame.
   */
  view(fraction, live, own) {
    const part = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    this.lookAhead(this.live);
    if (!sameInput(live, this.live)) {
      // The way changes in the middle of a tick; the picture goes over smoothly.
      const x = this.between('x', part);
      const y = this.between('y', part);
      this.lookAhead(live);
      this.errorX += x - this.between('x', part);
      this.errorY += y - this.between('y', part);
      this.live = live;
    }
    const { ahead, current } = this;
    own.x = this.between('x', part) + this.errorX;
    own.y = this.between('y', part) + this.errorY;
    own.vx = (ahead.vx[0] / VELOCITY_UNIT) * this.world.tickRate;
    own.vy = (ahead.vy[0] / VELOCITY_UNIT) * this.world.tickRate;
    own.facing = ahead.facing[0];
    own.dashing = current.dashTicks[0] > 0 || ahead.dashTicks[0] > 0;
    own.dashReady = 1 - ahead.dashCooldown[0] / this.world.movement.dashCooldownTicks;
    own.throttle = live.throttle;
  }

  lookAhead(input) {
    this.ahead.copyRow(0, this.current, 0);
    this.ahead.setInput(0, input);
    this.world.step(this.ahead, 0);
  }

  between(axis, part) {
    const from = this.current[axis][0];
    return (from + (this.ahead[axis][0] - from) * part) / UNIT;
  }

  /** The input recorded for a tick, for tests. */
  inputAt(tick) {
    if (tick > this.tick || tick <= this.tick - HISTORY) return IDLE;
    const at = tick & (HISTORY - 1);
    const { heading, throttle, aim, dash } = this.history;
    return { heading: heading[at], throttle: throttle[at], aim: aim[at], dash: dash[at] };
  }
}
