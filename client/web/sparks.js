// The sparks of a cell as columns, in ascending order of id. Positions are in 1/4 unit.

export class Sparks {
  constructor() {
    this.length = 0;
    this.id = new Uint16Array(16);
    this.x = new Uint16Array(16);
    this.y = new Uint16Array(16);
  }

  clear() {
    this.length = 0;
  }

  insert(at, id, x, y) {
    if (this.length === this.id.length) this.grow();
    for (const column of [this.id, this.x, this.y]) column.copyWithin(at + 1, at, this.length);
    this.id[at] = id;
    this.x[at] = x;
    this.y[at] = y;
    this.length += 1;
  }

  removeAt(at) {
    for (const column of [this.id, this.x, this.y]) column.copyWithin(at, at + 1, this.length);
    this.length -= 1;
  }

  /** The row of an id, or where it would stand as -1 - row. */
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

  /** Everything as [id, x, y] one after the other. */
  triples() {
    const triples = [];
    for (let row = 0; row < this.length; row++) triples.push(this.id[row], this.x[row], this.y[row]);
    return triples;
  }

  /** Appends to `gone` those of `before` that are not here any more, or elsewhere. */
  reportMissing(before, gone) {
    for (let at = 0; at < before.length; at += 3) {
      const row = this.find(before[at]);
      if (row < 0 || this.x[row] !== before[at + 1] || this.y[row] !== before[at + 2]) {
        gone.push(before[at], before[at + 1], before[at + 2]);
      }
    }
  }

  grow() {
    for (const name of ['id', 'x', 'y']) {
      const larger = new Uint16Array(this[name].length * 2);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}
