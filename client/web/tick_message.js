// The per-session part of a tick: the mirror of the reader in shared/src/wire/tick_message.rs.

import { DecodeError } from './codec.js';
import { FOLLOWED_CELLS_MAX } from './limits.js';

const TICK = 1;
const CENTRE = 1 << 1;
const MARGIN = 1 << 2;
const SCORE = 1 << 3;
const KEYFRAMES = 1 << 4;

/** Fills in what tick messages leave out. The reader itself is the view of the last message. */
export class TickReader {
  constructor(grid) {
    this.grid = grid;
    this.told = false;
    this.tick = 0;
    this.centre = 0;
    /** How early the last input came, in 1/16 tick, saturating at ±127. */
    this.margin = 0;
    this.score = 0;
    /** Followed cells in the order of their parts, and where each part's bytes lie. */
    this.block = null;
    this.partStart = new Int32Array(FOLLOWED_CELLS_MAX);
    this.partEnd = new Int32Array(FOLLOWED_CELLS_MAX);
    this.isKeyframe = new Uint8Array(FOLLOWED_CELLS_MAX);
  }

  /** Reads one tick message; its tag has been read already. */
  read(reader) {
    const flags = reader.byte();
    if (flags >= KEYFRAMES << 1) throw DecodeError.outOfRange('tick flags');
    if (!this.told && (flags & TICK) === 0) throw DecodeError.outOfRange('tick');
    const tick = flags & TICK ? reader.varint() : this.tick + 1;
    if (this.told && tick <= this.tick) throw DecodeError.outOfRange('tick');
    if (!this.told && (flags & CENTRE) === 0) throw DecodeError.outOfRange('centre cell');
    const centre = flags & CENTRE ? reader.varintU16('centre cell') : this.centre;
    if (!this.grid.contains(centre)) throw DecodeError.outOfRange('centre cell');
    if (flags & MARGIN) this.margin = (reader.byte() << 24) >> 24;
    if (flags & SCORE) this.score = reader.varint();
    this.tick = tick;
    this.centre = centre;
    this.block = this.grid.block(centre);
    this.readParts(reader, flags);
    this.told = true;
  }

  readParts(reader, flags) {
    const count = this.block.length;
    const { bytes } = reader;
    const bitmapLength = (count + 7) >> 3;
    const filled = reader.skip(bitmapLength);
    checkPadding(bytes, filled, count, 'filled cells');
    let keyframes = -1;
    if (flags & KEYFRAMES) {
      keyframes = reader.skip(bitmapLength);
      checkPadding(bytes, keyframes, count, 'keyframes');
    }
    for (let index = 0; index < count; index++) {
      const byte = index >> 3;
      const bit = 1 << (index & 7);
      this.isKeyframe[index] = keyframes >= 0 && bytes[keyframes + byte] & bit ? 1 : 0;
      let length = 0;
      if (bytes[filled + byte] & bit) {
        length = reader.varint();
        if (length === 0) throw DecodeError.outOfRange('cell part length');
      }
      this.partStart[index] = reader.skip(length);
      this.partEnd[index] = reader.at;
    }
  }
}

/** Bits beyond the last cell must be zero: every value has one encoding. */
function checkPadding(bytes, start, count, field) {
  const used = count & 7;
  if (used !== 0 && bytes[start + (count >> 3)] >> used !== 0) throw DecodeError.outOfRange(field);
}
