// A binary range decoder: the reading half of shared/src/wire/range_coder.rs. All numbers are
// unsigned 32 bits; products stay below 2^32, so doubles hold them exactly.

import { DecodeError } from './codec.js';

const SHARE_SHIFT = 12;
/** The share of a decision of which nothing is known. */
const SHARE_HALF = 1 << (SHARE_SHIFT - 1);
const RANGE_MIN = 2 ** 24;

/** Reads the decisions of one frame; reused from frame to frame. */
export class RangeDecoder {
  constructor() {
    this.bytes = new Uint8Array(0);
    this.start = 0;
    this.next = 4;
    this.end = 0;
    this.code = 0;
    this.range = 0;
  }

  /** Starts to read the frame in `bytes[start..end]`. */
  begin(bytes, start, end) {
    this.bytes = bytes;
    this.start = start;
    this.next = start + 4;
    this.end = end;
    this.code = this.window();
    this.range = 0xffffffff;
    return this;
  }

  /** Reads one decision, whose low side has `lowShare` of 4096; 1 is the high side. */
  decode(lowShare) {
    const bound = (this.range >>> SHARE_SHIFT) * lowShare;
    let high = 0;
    if (this.code >= bound) {
      high = 1;
      this.code -= bound;
      this.range -= bound;
    } else {
      this.range = bound;
    }
    while (this.range < RANGE_MIN) {
      const byte = this.next < this.end ? this.bytes[this.next] : 0;
      this.next += 1;
      this.code = ((this.code << 8) | byte) >>> 0;
      this.range = (this.range << 8) >>> 0;
    }
    return high;
  }

  /** A number of `bits` bits of which nothing is known. */
  raw(bits) {
    let value = 0;
    for (let bit = 0; bit < bits; bit++) value = (value << 1) | this.decode(SHARE_HALF);
    return value >>> 0;
  }

  /** Checks that the frame ends here, in the one form that the encoder writes. */
  finish() {
    if (this.next < this.end) {
      throw new DecodeError('trailing_bytes', `${this.end - this.next} bytes follow the end of the frame`);
    }
    if (this.end > this.start && this.bytes[this.end - 1] === 0) {
      throw new DecodeError('trailing_bytes', '1 bytes follow the end of the frame');
    }
    const value = this.window();
    if (this.code >= this.range || shortestEnd(value - this.code, this.range) !== value) {
      throw DecodeError.outOfRange('frame end');
    }
  }

  /** The last four bytes read, with zeros for those beyond the end. */
  window() {
    let window = 0;
    for (let at = this.next - 4; at < this.next; at++) {
      window = (window << 8) | (at < this.end ? this.bytes[at] : 0);
    }
    return window >>> 0;
  }
}

/** The number in low..low + range with the fewest leading bytes of four that are not zero. */
function shortestEnd(low, range) {
  for (let kept = 0; kept < 4; kept++) {
    const step = 2 ** (32 - 8 * kept);
    const value = Math.ceil(low / step) * step;
    if (value < low + range) return value;
  }
  return low;
}
