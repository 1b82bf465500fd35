// The cut of the arena into square cells, and the rule by which a session follows them.
// The mirror of shared/src/game/grid.rs. Both ends know the rule, so a tick message names the
// centre cell only.

import { HYSTERESIS } from './limits.js';

export class Grid {
  constructor(width, height, cellEdge, viewDistance) {
    this.columns = Math.floor((width + cellEdge - 1) / cellEdge);
    this.rows = Math.floor((height + cellEdge - 1) / cellEdge);
    this.cellEdge = cellEdge;
    this.radius = Math.floor((viewDistance + HYSTERESIS + cellEdge - 1) / cellEdge);
    this.length = this.columns * this.rows;
    this.blocks = new Map();
  }

  contains(cell) {
    return cell >= 0 && cell < this.length;
  }

  /** The cell of a position; positions outside the arena count as at its edge. */
  cellAt(x, y) {
    const column = clamp(Math.trunc(x / this.cellEdge), 0, this.columns - 1);
    const row = clamp(Math.trunc(y / this.cellEdge), 0, this.rows - 1);
    return row * this.columns + column;
  }

  /** The cell of an avatar that was in `current`. */
  cellWithHysteresis(x, y, current) {
    if (this.contains(current)) {
      const left = this.cornerX(current) - HYSTERESIS;
      const low = this.cornerY(current) - HYSTERESIS;
      const edge = this.cellEdge + 2 * HYSTERESIS;
      if (x >= left && x < left + edge && y >= low && y < low + edge) return current;
    }
    return this.cellAt(x, y);
  }

  cornerX(cell) {
    return (cell % this.columns) * this.cellEdge;
  }

  cornerY(cell) {
    return Math.floor(cell / this.columns) * this.cellEdge;
  }

  /** The cells that a session with this centre follows, in ascending order, as a Uint16Array. */
  block(centre) {
    let block = this.blocks.get(centre);
    if (block === undefined) {
      block = this.buildBlock(centre);
      this.blocks.set(centre, block);
    }
    return block;
  }

  buildBlock(centre) {
    const column = centre % this.columns;
    const row = Math.floor(centre / this.columns);
    const cells = [];
    for (let y = Math.max(0, row - this.radius); y <= Math.min(this.rows - 1, row + this.radius); y++) {
      for (let x = Math.max(0, column - this.radius); x <= Math.min(this.columns - 1, column + this.radius); x++) {
        cells.push(y * this.columns + x);
      }
    }
    return Uint16Array.from(cells);
  }

  blockLengthMax() {
    const edge = this.radius * 2 + 1;
    return Math.min(edge, this.columns) * Math.min(edge, this.rows);
  }
}

function clamp(value, min, max) {
  return value < min ? min : value > max ? max : value;
}
