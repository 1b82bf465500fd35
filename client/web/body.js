// Exact avatar states as columns: the mirror of shared/src/game/{body,input}.rs and of `Avatar`.
// Columns of typed arrays instead of objects, because a thousand avatars are stepped per tick
// and nothing may be left for the garbage collector.

/** A growable table of avatars: identity, body, and the input that the last tick ran with. */
export class Avatars {
  constructor(capacity = 16) {
    this.length = 0;
    this.allocate(capacity);
  }

  allocate(capacity) {
    this.capacity = capacity;
    this.id = new Uint16Array(capacity);
    this.x = new Int32Array(capacity);
    this.y = new Int32Array(capacity);
    this.vx = new Int32Array(capacity);
    this.vy = new Int32Array(capacity);
    this.facing = new Uint8Array(capacity);
    this.dashTicks = new Uint8Array(capacity);
    this.dashCooldown = new Uint8Array(capacity);
    this.dashHeading = new Uint8Array(capacity);
    this.heading = new Uint8Array(capacity);
    this.throttle = new Uint8Array(capacity);
    /** -1: the avatar faces where it goes. */
    this.aim = new Int16Array(capacity);
    this.dash = new Uint8Array(capacity);
    this.allocateMemory(capacity);
    /** All columns, for copies of whole rows. */
    this.columns = [
      this.id, this.x, this.y, this.vx, this.vy, this.facing, this.dashTicks, this.dashCooldown,
      this.dashHeading, this.heading, this.throttle, this.aim, this.dash,
      this.isFree, this.inputAge, this.isAnalog, this.tremor, this.corrected, this.still, this.surprise, this.aimRate,
      this.accelerationX, this.accelerationY, this.residualX, this.residualY,
    ];
  }

  /** What the cell frame codec remembers of an avatar besides body and input. */
  allocateMemory(capacity) {
    /** Whether the fallback predictor carries it instead of the movement step. */
    this.isFree = new Uint8Array(capacity);
    this.inputAge = new Uint8Array(capacity);
    this.isAnalog = new Uint8Array(capacity);
    this.tremor = new Int8Array(capacity);
    this.corrected = new Uint8Array(capacity);
    this.still = new Uint8Array(capacity);
    this.surprise = new Uint8Array(capacity);
    this.aimRate = new Int16Array(capacity);
    this.accelerationX = new Int8Array(capacity);
    this.accelerationY = new Int8Array(capacity);
    this.residualX = new Int8Array(capacity);
    this.residualY = new Int8Array(capacity);
  }

  reserve(capacity) {
    if (capacity <= this.capacity) return;
    const old = this.columns;
    this.allocate(Math.max(capacity, this.capacity * 2));
    this.columns.forEach((column, index) => column.set(old[index]));
  }

  clear() {
    this.length = 0;
  }

  /** Opens a row at `at`, with everything zero and no aim. */
  insert(at, id) {
    this.reserve(this.length + 1);
    const inMiddle = at < this.length;
    for (const column of this.columns) {
      if (inMiddle) column.copyWithin(at + 1, at, this.length);
      column[at] = 0;
    }
    this.id[at] = id;
    this.aim[at] = -1;
    this.length += 1;
  }

  removeAt(at) {
    for (const column of this.columns) column.copyWithin(at, at + 1, this.length);
    this.length -= 1;
  }

  /** The row of an id in a table in ascending order, or where it would stand as -1 - row. */
  find(id) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.id[middle] < id) low = middle + 1;
      else high = middle;
    }
    return low < this.length && this.id[low] === id ? low : -1 - low;
  }

  /** Copies identity, body and input from another table. */
  copyRow(to, from, row) {
    this.id[to] = from.id[row];
    this.isFree[to] = from.isFree[row];
    this.copyBody(to, from, row);
    this.copyInput(to, from, row);
  }

  copyBody(to, from, row) {
    this.x[to] = from.x[row];
    this.y[to] = from.y[row];
    this.vx[to] = from.vx[row];
    this.vy[to] = from.vy[row];
    this.facing[to] = from.facing[row];
    this.dashTicks[to] = from.dashTicks[row];
    this.dashCooldown[to] = from.dashCooldown[row];
    this.dashHeading[to] = from.dashHeading[row];
  }

  copyInput(to, from, row) {
    this.heading[to] = from.heading[row];
    this.throttle[to] = from.throttle[row];
    this.aim[to] = from.aim[row];
    this.dash[to] = from.dash[row];
  }

  setInput(row, input) {
    this.heading[row] = input.heading;
    this.throttle[row] = input.throttle;
    this.aim[row] = input.aim;
    this.dash[row] = input.dash;
  }

  sameBody(row, other, otherRow) {
    return this.x[row] === other.x[otherRow] && this.y[row] === other.y[otherRow]
      && this.vx[row] === other.vx[otherRow] && this.vy[row] === other.vy[otherRow]
      && this.facing[row] === other.facing[otherRow]
      && this.dashTicks[row] === other.dashTicks[otherRow]
      && this.dashCooldown[row] === other.dashCooldown[otherRow]
      && this.dashHeading[row] === other.dashHeading[otherRow];
  }

  sameInput(row, other, otherRow) {
    return this.heading[row] === other.heading[otherRow]
      && this.throttle[row] === other.throttle[otherRow]
      && this.aim[row] === other.aim[otherRow] && this.dash[row] === other.dash[otherRow];
  }
}

/** One tick of intent in canonical form: without throttle the heading is zero. */
export function makeInput(heading, throttle, aim, dash) {
  return { heading: throttle === 0 ? 0 : heading & 255, throttle, aim, dash: dash ? 1 : 0 };
}

export const IDLE = Object.freeze(makeInput(0, 0, -1, false));

export function sameInput(a, b) {
  return a.heading === b.heading && a.throttle === b.throttle && a.aim === b.aim && a.dash === b.dash;
}

// By (x + 1) * 3 + (y + 1).
const KEY_HEADINGS = [160, 128, 96, 192, 0, 64, 224, 0, 32];

/** The eight directions of a keyboard: x and y count by their sign, y points up. */
export function inputFromKeys(x, y, aim, dash) {
  const sx = Math.sign(x);
  const sy = Math.sign(y);
  if (sx === 0 && sy === 0) return makeInput(0, 0, aim, dash);
  return makeInput(KEY_HEADINGS[(sx + 1) * 3 + sy + 1], 3, aim, dash);
}
