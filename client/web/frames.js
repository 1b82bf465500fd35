// How far apart this page draws: the habit, not the hitch. The mirror of
// client/netcode/src/frames.rs.

const FRAMES = 64;
const REFRESH = 8;
/** So many of the FRAMES may be further apart without being a habit. */
const HITCHES = 6;

export class FrameHabit {
  constructor() {
    this.gaps = new Float64Array(FRAMES);
    this.scratch = new Float64Array(FRAMES);
    this.noted = 0;
    /** Zero for a page that draws nothing. */
    this.apartMs = 0;
  }

  /** A frame was drawn this long after the one before. */
  note(gapMs) {
    this.gaps[this.noted % FRAMES] = gapMs;
    this.noted += 1;
    if (this.noted % REFRESH !== 0 && this.noted >= REFRESH) return;
    const count = Math.min(this.noted, FRAMES);
    const sorted = this.scratch.subarray(0, count);
    sorted.set(this.gaps.subarray(0, count));
    sorted.sort();
    this.apartMs = sorted[count - 1 - Math.floor((count * HITCHES) / FRAMES)];
  }
}
