// How far this client runs ahead of the server: a controller on the input margin. The mirror of
// client/netcode/src/clock/mod.rs, where the reasoning stands.
//
// When the clock passes tick T, the input for T is sampled and sent. The server reports how early
// inputs came (the margin). A clock further ahead gives larger margins, so
//
//   delivery = margin - phase         phase = clock - nominal rate * local time, at sampling
//
// depends on the line alone, not on what the clock did meanwhile: the controller is free of the
// delay of its own feedback. It steers the phase to where the share of deliveries that may be
// late has the least margin. A page samples up to one frame after its tick; that habit is known and
// added to the lead. What an input is sampled later than that counts as part of its delivery.

import { FrameHabit } from './frames.js';
import { INPUT_LEAD_TICKS_MAX, MARGIN_STEPS_PER_TICK } from './limits.js';

const LATE_SHARE = 0.005;
const MARGIN_MIN_MS = 8;
/** This many times the habitual jitter is added to the margin, up to here. */
const MARGIN_JITTER = 3;
const MARGIN_JITTER_MAX_MS = 40;
/** The share of deliveries that is worse than the habit. */
const HABIT_SHARE = 0.1;
/** Even of few deliveries so many may be late, if there are enough for each. */
const LATE_FEW = 2;
const LATE_FEW_OF = 16;
const MEMORY_MS = 120_000;
const RESET_AHEAD_MS = 120;
const RESET_BACK_MS = 500;
const ACQUIRE_SAMPLES = 6;
const SAMPLES_MAX = 1024;
const SENT_MAX = 128;
const MARGIN_SATURATED = 127;
/** Time constant of the correction, and how fast it may go: lead grows quickly, shrinks slowly. */
const TIME_CONSTANT_SECONDS = 1;
const SLEW_AHEAD_MAX = 0.05;
const SLEW_BACK_MAX = 0.02;
/** Errors below this are half the resolution of the margin and left alone. */
const DEAD_BAND_TICKS = 0.03;
/** Deliveries in a row that are all this much better: the line changed for good. */
const LEVEL_SAMPLES = 8;
const LEVEL_CHANGE_MS = 150;
/** The same of a smaller change: all so much better than the middle one of the last minutes. */
const SHIFT_SAMPLES = 24;
const SHIFT_MIN_MS = 12;
const MARGIN_INITIAL_MS = 30;

export class Clock {
  constructor(tickRate, welcomeTick, roundTripMs, now) {
    this.perMs = tickRate / 1000;
    this.epoch = now;
    this.resets = 0;
    this.lastMargin = null;
    this.marginTicks = 0;
    this.scratch = new Float64Array(SAMPLES_MAX);
    this.frames = new FrameHabit();
    this.set(now, welcomeTick, roundTripMs);
  }

  /** Starts anew from the tick that the server runs next. */
  set(now, next, roundTripMs) {
    /** The tick being played, with its fraction. */
    this.tick = next + (roundTripMs + MARGIN_INITIAL_MS) * this.perMs;
    this.now = now;
    this.speed = 1;
    this.tracking = false;
    this.sentInputs = [];
    this.deliveries = [];
    this.wantedPhase = null;
  }

  /** Repairs a clock that is behind the stream or hopelessly ahead. Returns whether it was. */
  check(now, newest, roundTripMs) {
    const ahead = this.tick - newest;
    if (ahead >= 0 && ahead <= INPUT_LEAD_TICKS_MAX + roundTripMs * this.perMs) return false;
    this.set(now, newest + 1, roundTripMs);
    this.resets += 1;
    return true;
  }

  /** The caller draws frames, this long apart: it samples up to a frame late. */
  framed(apartMs) {
    this.frames.note(apartMs);
  }

  /** An input with this label leaves. */
  sent(label) {
    if (this.sentInputs.length === SENT_MAX) this.sentInputs.shift();
    const late = Math.min(this.lateByHabit(), Math.max(0, this.tick - label));
    this.sentInputs.push({ label, phase: this.phase() - late, measured: false });
  }

  /** The server had run `tick` and reported `margin`. Returns whether it was a new measurement. */
  report(now, tick, margin) {
    this.marginTicks = margin / MARGIN_STEPS_PER_TICK;
    const changed = this.lastMargin !== margin;
    this.lastMargin = margin;
    // The margin counts from the start of the tick that the input was for, so it tells which.
    const steps = tick * MARGIN_STEPS_PER_TICK + margin;
    const low = Math.floor(steps / MARGIN_STEPS_PER_TICK);
    const high = Math.floor((steps + 1) / MARGIN_STEPS_PER_TICK);
    const fits = (label) => (margin === MARGIN_SATURATED ? label >= low
      : margin === -MARGIN_SATURATED ? label <= high : label >= low && label <= high);
    const input = this.sentInputs.findLast((each) => fits(each.label) && (changed || !each.measured));
    if (input === undefined) return false;
    input.measured = true;
    this.remember(now, margin / MARGIN_STEPS_PER_TICK - input.phase);
    this.steer(now);
    return true;
  }

  /** Lets time pass. */
  advance(now) {
    const elapsed = now - this.now;
    if (elapsed <= 0) return;
    this.tick += elapsed * this.perMs * this.speed;
    this.now = now;
    const error = this.errorTicks();
    const wanted = error / (this.perMs * 1000 * TIME_CONSTANT_SECONDS);
    this.speed = Math.abs(error) < DEAD_BAND_TICKS
      ? 1 : 1 + Math.min(SLEW_AHEAD_MAX, Math.max(-SLEW_BACK_MAX, wanted));
  }

  remember(now, ticks) {
    const { deliveries } = this;
    while (deliveries.length > 0 && (deliveries[0].at < now - MEMORY_MS || deliveries.length >= SAMPLES_MAX)) {
      deliveries.shift();
    }
    deliveries.push({ at: now, ticks });
  }

  worstOfLast(count) {
    let worst = Infinity;
    for (let at = Math.max(0, this.deliveries.length - count); at < this.deliveries.length; at++) {
      worst = Math.min(worst, this.deliveries[at].ticks);
    }
    return worst;
  }

  steer(now) {
    let [low, habit, middle] = this.quantiles();
    if (this.deliveries.length > LEVEL_SAMPLES && this.worstOfLast(LEVEL_SAMPLES) - low > LEVEL_CHANGE_MS * this.perMs) {
      this.deliveries = this.deliveries.slice(-LEVEL_SAMPLES);
      [low, habit, middle] = this.quantiles();
    }
    if (this.worstOfLast(SHIFT_SAMPLES) - middle > SHIFT_MIN_MS * this.perMs) {
      this.deliveries = this.deliveries.slice(-SHIFT_SAMPLES);
      [low, habit, middle] = this.quantiles();
    }
    // Half of all deliveries seem one step of the margin apart, even if they are alike.
    const jitter = Math.max(0, middle - habit - 1 / MARGIN_STEPS_PER_TICK) * MARGIN_JITTER;
    const margin = MARGIN_MIN_MS * this.perMs + Math.min(jitter, MARGIN_JITTER_MAX_MS * this.perMs);
    this.wantedPhase = margin - low + this.lateByHabit();
    this.advance(now);
    const error = this.errorTicks();
    const jumps = this.tracking
      ? error > RESET_AHEAD_MS * this.perMs || -error > RESET_BACK_MS * this.perMs : error > 0;
    if (jumps) {
      this.tick += error;
      this.speed = 1;
      if (this.tracking) this.resets += 1;
    }
    if (this.deliveries.length >= ACQUIRE_SAMPLES) this.tracking = true;
  }

  /** The delivery that may just be late, the one at the edge of the habit, and the middle one. */
  quantiles() {
    const count = this.deliveries.length;
    const sorted = this.scratch.subarray(0, count);
    for (let at = 0; at < count; at++) sorted[at] = this.deliveries[at].ticks;
    sorted.sort();
    const few = Math.min(LATE_FEW, Math.floor(count / LATE_FEW_OF));
    const late = Math.max(few, Math.floor(count * LATE_SHARE));
    return [sorted[late], sorted[Math.floor(count * HABIT_SHARE)], sorted[count >> 1]];
  }

  /** How late after its tick, in ticks, an input is sampled without anything being wrong. */
  lateByHabit() {
    return Math.min(1, this.frames.apartMs * this.perMs);
  }

  phase() {
    return this.tick - (this.now - this.epoch) * this.perMs;
  }

  errorTicks() {
    return this.wantedPhase === null ? 0 : this.wantedPhase - this.phase();
  }
}
