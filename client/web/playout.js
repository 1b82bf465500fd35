// When others are drawn: a playout clock behind the arrivals, by a delay that follows the
// measured jitter. It grows fast and shrinks slowly, and never lets time run backwards. The mirror
// of client/netcode/src/playout.rs.

const MEMORY_MS = 30_000;
const ARRIVALS_MAX = 3840;
const PERCENTILE = 0.98;
/** The latest arrival is waited for as well if it is at most this much beyond the percentile. */
const INSURANCE_MS = 50;
/** Nor if it is later than so many times the spread of all others: a hiccup on a steady line. */
const INSURANCE_SPREADS = 2;
const REFRESH_ARRIVALS = 8;
const DELAY_MAX_MS = 500;
/** To be late only costs immediacy; to be early starves, and is mended sooner. In seconds. */
const TIME_CONSTANT_LATE = 0.4;
const TIME_CONSTANT_EARLY = 0.15;
const MARGIN_MS = 2;
const SLOWER_MAX = 0.2;
/** While nothing is known: the slower a guess goes, the less of it is wrong. */
const SLOWER_STARVED_MAX = 0.7;
const FASTER_MAX = 0.05;
/** A larger error than this is jumped. */
const JUMP_MS = 350;
/** The earliest of the last second is this much later than the earliest: the schedule moved. */
const LEVEL_RISE_MS = 100;
const LEVEL_WINDOW_MS = 1000;
/** So many arrivals in a row, all this much earlier than the percentile: it moved the other way. */
const SHIFT_MS = 600;
const SHIFT_ARRIVALS = 8;

export class Playout {
  constructor(periodMs) {
    this.periodMs = periodMs;
    this.scratch = new Float64Array(ARRIVALS_MAX);
    this.restart();
  }

  restart() {
    /** Each { at, offset }: how much later than tick 0 a message came, its tick's time taken off. */
    this.arrivals = [];
    this.refreshIn = 0;
    this.earliestMs = 0;
    this.percentileMs = 0;
    /** The tick being drawn, with its fraction; NaN before the first arrival. */
    this.tick = NaN;
    this.now = NaN;
  }

  /** How far behind the earliest arrivals others are drawn. */
  get delayMs() {
    return Number.isNaN(this.tick) ? 0 : this.now - this.earliestMs - this.tick * this.periodMs;
  }

  /** A tick message arrived. */
  arrived(tick, now) {
    const { arrivals } = this;
    const offset = now - tick * this.periodMs;
    while (arrivals.length > 0 && (arrivals[0].at < now - MEMORY_MS || arrivals.length >= ARRIVALS_MAX)) arrivals.shift();
    arrivals.push({ at: now, offset });
    const shifted = this.percentileMs - SHIFT_MS;
    if (arrivals.length > SHIFT_ARRIVALS && arrivals.slice(-SHIFT_ARRIVALS).every((each) => each.offset < shifted)) {
      arrivals.splice(0, arrivals.length - SHIFT_ARRIVALS);
      this.refreshIn = 0;
    }
    if (this.refreshIn <= 0 || offset > this.percentileMs) this.refresh();
    this.refreshIn -= 1;
  }

  refresh() {
    this.forgetOldLevel();
    const { arrivals } = this;
    const sorted = this.scratch.subarray(0, arrivals.length);
    for (let at = 0; at < arrivals.length; at++) sorted[at] = arrivals[at].offset;
    sorted.sort();
    const last = sorted.length - 1;
    const percentile = sorted[Math.min(last, Math.ceil(last * PERCENTILE))];
    this.earliestMs = sorted[0];
    const insurance = Math.min(INSURANCE_MS, (percentile - this.earliestMs) * INSURANCE_SPREADS);
    this.percentileMs = sorted[last] - percentile <= insurance ? sorted[last] : percentile;
    this.refreshIn = REFRESH_ARRIVALS;
  }

  forgetOldLevel() {
    const { arrivals } = this;
    const since = arrivals[arrivals.length - 1].at - LEVEL_WINDOW_MS;
    let old = arrivals.length;
    let recent = Infinity;
    while (old > 0 && arrivals[old - 1].at >= since) {
      old -= 1;
      recent = Math.min(recent, arrivals[old].offset);
    }
    let earliest = recent;
    for (let at = 0; at < old; at++) earliest = Math.min(earliest, arrivals[at].offset);
    if (arrivals.length - old >= SHIFT_ARRIVALS && recent > earliest + LEVEL_RISE_MS) arrivals.splice(0, old);
  }

  /**
   * Moves the playout to `now` and returns the tick to draw: never beyond `limit`, which is as far
   * as extrapolation goes after `newest`, the last tick that arrived.
   */
  advance(now, newest, limit) {
    if (this.arrivals.length === 0) return NaN;
    const behind = Math.min(this.percentileMs, this.earliestMs + DELAY_MAX_MS) + MARGIN_MS + this.periodMs;
    const target = (now - behind) / this.periodMs;
    if (Number.isNaN(this.tick)) {
      this.tick = target;
    } else {
      const nominal = Math.max(0, now - this.now) / this.periodMs;
      const errorMs = (target - this.tick - nominal) * this.periodMs;
      const slower = this.tick > newest ? SLOWER_STARVED_MAX : SLOWER_MAX;
      const wanted = errorMs / 1000 / (errorMs < 0 ? TIME_CONSTANT_EARLY : TIME_CONSTANT_LATE);
      const slew = Math.min(FASTER_MAX, Math.max(-slower, wanted));
      const to = errorMs > JUMP_MS ? target : this.tick + nominal * (1 + slew);
      this.tick = Math.max(this.tick, Math.min(to, limit));
    }
    this.now = now;
    return this.tick;
  }
}
