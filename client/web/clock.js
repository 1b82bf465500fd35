// Which tick the client plays: a controller on the input margin that the server reports.
//
//   Seeking --margin seen, error below SEEK_LIMIT--> Locked
//   Locked  --error beyond RESET_LIMIT-------------> Seeking (jump)
//
// Seeking jumps by the whole error and then waits until the server has seen an input from after
// the jump; Locked slews, so that prediction never stutters. The gain of 0.02 per tick of error
// gives a time constant of 50 ticks, several times the delay of the feedback (a round trip and up
// to 8 ticks between inputs), which keeps the loop free of oscillation.

import { MARGIN_STEPS_PER_TICK } from './limits.js';

const SLEW_GAIN = 0.02;
const SLEW_MAX = 0.05;
const SEEK_LIMIT_TICKS = 0.75;
const RESET_LIMIT_TICKS = 5;
/** Target margin: this much, and twice the measured jitter, within bounds. In ticks. */
const TARGET_BASE_TICKS = 0.5;
const TARGET_MAX_TICKS = 6;
const JITTER_DECAY = 0.97;

export class Clock {
  constructor(tickRate, welcomeTick, roundTripMs, now) {
    this.hz = tickRate;
    this.now = now;
    /** The tick being played, with its fraction. */
    this.tick = welcomeTick + 1 + (roundTripMs * tickRate) / 1000;
    this.slew = 0;
    this.locked = false;
    /** Margins are heard again once the server has run this tick. */
    this.deafUntil = Math.floor(this.tick) + 2;
    this.marginTicks = 0;
    this.jitterTicks = 0;
    this.target = TARGET_BASE_TICKS + 0.5;
    this.resets = 0;
  }

  /** Moves to `now`. A gap longer than a second (a suspended tab) moves by real time too. */
  advance(now) {
    const elapsed = Math.max(0, now - this.now);
    this.now = now;
    this.tick += (elapsed * this.hz * (1 + this.slew)) / 1000;
  }

  /** The server has run `serverTick` and reports a margin in 1/16 ticks. */
  report(serverTick, margin) {
    this.marginTicks = margin / MARGIN_STEPS_PER_TICK;
    if (serverTick < this.deafUntil) return;
    const error = this.target - this.marginTicks;
    if (Math.abs(error) > (this.locked ? RESET_LIMIT_TICKS : SEEK_LIMIT_TICKS)) {
      this.jump(error);
      return;
    }
    this.locked = true;
    this.slew = Math.max(-SLEW_MAX, Math.min(SLEW_MAX, error * SLEW_GAIN));
  }

  /** How far the last arrival strayed from an even beat, in milliseconds: widens the target. */
  observeJitter(lateMs) {
    const late = (lateMs * this.hz) / 1000;
    this.jitterTicks = Math.max(late, this.jitterTicks * JITTER_DECAY);
    const wanted = Math.min(TARGET_MAX_TICKS, TARGET_BASE_TICKS + this.jitterTicks);
    this.target += (wanted - this.target) * (wanted > this.target ? 0.2 : 0.01);
  }

  jump(ticks) {
    this.tick += ticks;
    this.slew = 0;
    this.locked = false;
    this.resets += 1;
    this.deafUntil = Math.ceil(this.tick) + 1;
  }
}
