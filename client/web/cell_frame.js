// One cell of one tick as bytes: the mirror of shared/src/wire/cell_frame.rs.

import { Avatars } from './body.js';
import { DecodeError, Reader } from './codec.js';

const reader = new Reader(new Uint8Array(0));

/** The replicated state of one cell. Avatars and sparks are in ascending order of id. */
export class Cell {
  constructor(id) {
    this.id = id;
    this.tick = -1;
    this.avatars = new Avatars();
    this.sparkCount = 0;
    this.sparkId = new Uint16Array(16);
    this.sparkX = new Uint16Array(16);
    this.sparkY = new Uint16Array(16);
  }

  clear() {
    this.avatars.clear();
    this.sparkCount = 0;
    this.tick = -1;
  }

  applyDelta(world, tick, bytes, start, end, gone) {
    this.applyKeyframe(world, tick, bytes, start, end, gone);
  }

  applyKeyframe(world, tick, bytes, start, end, gone) {
    const before = gone === null ? null : this.sparkTriples();
    if (start === end) this.clear();
    else this.readPlain(bytes, start, end);
    this.tick = tick;
    if (before !== null) this.reportGone(before, gone);
  }

  readPlain(bytes, start, end) {
    reader.reset(bytes, start, end);
    const { avatars } = this;
    const count = reader.length(10);
    avatars.clear();
    avatars.reserve(count);
    for (let row = 0; row < count; row++) {
      avatars.id[row] = reader.varintU16('player');
      avatars.x[row] = reader.zigzag();
      avatars.y[row] = reader.zigzag();
      avatars.vx[row] = reader.zigzag();
      avatars.vy[row] = reader.zigzag();
      avatars.facing[row] = reader.byte();
      avatars.dashTicks[row] = reader.byte();
      avatars.dashCooldown[row] = reader.byte();
      avatars.dashHeading[row] = reader.byte();
      avatars.heading[row] = reader.byte();
      avatars.throttle[row] = reader.byte();
      if (avatars.throttle[row] > 3) throw DecodeError.outOfRange('throttle');
      avatars.aim[row] = reader.bool() ? reader.byte() : -1;
      avatars.dash[row] = reader.bool() ? 1 : 0;
    }
    avatars.length = count;
    this.reserveSparks(reader.length(3));
    for (let row = 0; row < this.sparkCount; row++) {
      this.sparkId[row] = reader.varintU16('spark');
      this.sparkX[row] = reader.varintU16('spark x');
      this.sparkY[row] = reader.varintU16('spark y');
    }
    reader.finish();
  }

  reserveSparks(count) {
    if (count > this.sparkId.length) {
      const capacity = Math.max(count, this.sparkId.length * 2);
      this.sparkId = grown(this.sparkId, capacity);
      this.sparkX = grown(this.sparkX, capacity);
      this.sparkY = grown(this.sparkY, capacity);
    }
    this.sparkCount = count;
  }

  sparkTriples() {
    const triples = [];
    for (let row = 0; row < this.sparkCount; row++) {
      triples.push(this.sparkId[row], this.sparkX[row], this.sparkY[row]);
    }
    return triples;
  }

  reportGone(before, gone) {
    const ids = this.sparkId.subarray(0, this.sparkCount);
    for (let at = 0; at < before.length; at += 3) {
      const row = ids.indexOf(before[at]);
      if (row < 0 || this.sparkX[row] !== before[at + 1] || this.sparkY[row] !== before[at + 2]) {
        gone.push(before[at], before[at + 1], before[at + 2]);
      }
    }
  }
}

function grown(column, capacity) {
  const larger = new column.constructor(capacity);
  larger.set(column);
  return larger;
}
