// When others are drawn: a playout clock behind the arrivals, by a delay that follows the
// measured jitter. It grows fast and shrinks slowly, and never lets time run backwards.

/** Arrivals over which the percentile is taken: four seconds at 30 Hz. */
const WINDOW = 128;
const PERCENTILE = 0.95;
const RECOMPUTE_EVERY = 8;
const SAFETY_MS = 4;
const DELAY_MAX_MS = 500;
const GROW = 0.25;
const SHRINK = 0.01;
/** Playout speeds up or slows down by at most this part. */
const SLEW_MAX = 0.1;
const SLEW_GAIN_PER_TICK = 0.05;
/** A larger error than this is jumped, in milliseconds. */
const JUMP_MS = 600;
/** The base of arrivals is the earliest one of the last two windows of this length. */
const BASE_WINDOW_MS = 5000;

export class Playout {
  constructor(periodMs) {
    this.periodMs = periodMs;
    this.lateness = new Float64Array(WINDOW);
    this.sorted = new Float64Array(WINDOW);
    this.restart();
  }

  restart() {
    this.samples = 0;
    this.baseOld = Infinity;
    this.baseNew = Infinity;
    this.baseSince = 0;
    this.delayMs = this.periodMs * 1.5;
    this.wantedMs = this.delayMs;
    /** The tick being drawn, with its fraction; NaN before the first arrival. */
    this.tick = NaN;
    this.now = NaN;
    this.lastLateMs = 0;
  }

  get baseMs() {
    return Math.min(this.baseOld, this.baseNew);
  }

  /** A tick message arrived. */
  arrived(tick, now) {
    const offset = now - tick * this.periodMs;
    if (now - this.baseSince > BASE_WINDOW_MS) {
      this.baseOld = this.baseNew;
      this.baseNew = Infinity;
      this.baseSince = now;
    }
    this.baseNew = Math.min(this.baseNew, offset);
    this.lastLateMs = offset - this.baseMs;
    this.lateness[this.samples % WINDOW] = this.lastLateMs;
    this.samples += 1;
    if (this.samples % RECOMPUTE_EVERY === 0 || this.lastLateMs > this.wantedMs) this.recompute();
    this.delayMs += (this.wantedMs - this.delayMs) * (this.wantedMs > this.delayMs ? GROW : SHRINK);
  }

  recompute() {
    const count = Math.min(this.samples, WINDOW);
    const sorted = this.sorted.subarray(0, count);
    sorted.set(this.lateness.subarray(0, count));
    sorted.sort();
    const late = sorted[Math.min(count - 1, Math.floor(count * PERCENTILE))];
    this.wantedMs = Math.min(DELAY_MAX_MS, this.periodMs + late + SAFETY_MS);
  }

  /** Moves the playout to `now` and returns the tick to draw. */
  advance(now) {
    if (this.samples === 0) return NaN;
    const ideal = (now - this.baseMs - this.delayMs) / this.periodMs;
    const error = ideal - this.tick;
    if (Number.isNaN(this.tick) || Math.abs(error) * this.periodMs > JUMP_MS) {
      this.tick = Number.isNaN(this.tick) ? ideal : Math.max(this.tick, ideal);
    } else {
      const slew = Math.max(-SLEW_MAX, Math.min(SLEW_MAX, error * SLEW_GAIN_PER_TICK));
      this.tick += (Math.max(0, now - this.now) / this.periodMs) * (1 + slew);
    }
    this.now = now;
    return this.tick;
  }
}
