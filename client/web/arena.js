// The arena: a map of square tiles, solid or free, and the slides along them.
// The mirror of shared/src/game/arena.rs.

import { ARENA_UNITS_MAX, AVATAR_RADIUS, CELLS_MAX, FOLLOWED_CELLS_MAX, UNIT, UNIT_SHIFT } from './limits.js';
import { Grid } from './grid.js';

/** A checked arena. Throws a RangeError that names the field where the description is wrong. */
export class Arena {
  constructor(spec) {
    checkRanges(spec);
    this.spec = spec;
    this.columns = spec.widthTiles;
    this.rows = spec.heightTiles;
    this.tileShift = UNIT_SHIFT + (31 - Math.clz32(spec.tileUnits));
    this.width = this.columns << this.tileShift;
    this.height = this.rows << this.tileShift;
    // One row and column of solid tiles around the map, so that a step at the edge, which looks
    // at most one tile beyond it, needs no test of bounds.
    this.stride = this.columns + 2;
    this.solid = new Uint8Array(this.stride * (this.rows + 2)).fill(1);
    for (let row = 0; row < this.rows; row++) {
      const start = (row + 1) * this.stride + 1;
      this.solid.fill(0, start, start + this.columns);
    }
    spec.walls.forEach(([x, y, width, height], index) => {
      if (x + width > this.columns || y + height > this.rows) {
        throw new RangeError(`arena wall ${index} reaches outside the arena`);
      }
      for (let row = y; row < y + height; row++) {
        const start = (row + 1) * this.stride + 1 + x;
        this.solid.fill(1, start, start + width);
      }
    });
    this.grid = new Grid(this.width, this.height, spec.cellUnits * UNIT, spec.viewUnits * UNIT);
    range('followed cells', this.grid.blockLengthMax(), 1, FOLLOWED_CELLS_MAX);
    range('cells', this.grid.length, 1, CELLS_MAX);
  }

  /** Whether the tile at this column and row is solid; all outside the arena are. */
  isSolid(column, row) {
    if (column < 0 || row < 0 || column >= this.columns || row >= this.rows) return true;
    return this.solid[(row + 1) * this.stride + column + 1] === 1;
  }

  clampX(x) {
    return x < AVATAR_RADIUS ? AVATAR_RADIUS
      : x > this.width - AVATAR_RADIUS ? this.width - AVATAR_RADIUS : x;
  }

  clampY(y) {
    return y < AVATAR_RADIUS ? AVATAR_RADIUS
      : y > this.height - AVATAR_RADIUS ? this.height - AVATAR_RADIUS : y;
  }

  /** Whether an avatar's square fits at this position. */
  isFree(x, y) {
    const shift = this.tileShift;
    for (let row = (y - AVATAR_RADIUS) >> shift; row <= (y + AVATAR_RADIUS - 1) >> shift; row++) {
      for (let column = (x - AVATAR_RADIUS) >> shift; column <= (x + AVATAR_RADIUS - 1) >> shift; column++) {
        if (this.isSolid(column, row)) return false;
      }
    }
    return true;
  }

  /** Where an avatar at (x, y), inside the arena, ends along x when it wants to go `by`. */
  slideX(x, y, by) {
    const shift = this.tileShift;
    const to = (x + by) | 0;
    let line;
    if (by > 0) {
      line = (to + AVATAR_RADIUS - 1) >> shift;
      if (line === (x + AVATAR_RADIUS - 1) >> shift) return to;
    } else if (by < 0) {
      line = (to - AVATAR_RADIUS) >> shift;
      if (line === (x - AVATAR_RADIUS) >> shift) return to;
    } else {
      return to;
    }
    const last = (y + AVATAR_RADIUS - 1) >> shift;
    for (let row = (y - AVATAR_RADIUS) >> shift; row <= last; row++) {
      if (this.solid[(row + 1) * this.stride + line + 1] === 1) {
        return by > 0 ? (line << shift) - AVATAR_RADIUS : ((line + 1) << shift) + AVATAR_RADIUS;
      }
    }
    return to;
  }

  /** Where an avatar at (x, y), inside the arena, ends along y when it wants to go `by`. */
  slideY(x, y, by) {
    const shift = this.tileShift;
    const to = (y + by) | 0;
    let line;
    if (by > 0) {
      line = (to + AVATAR_RADIUS - 1) >> shift;
      if (line === (y + AVATAR_RADIUS - 1) >> shift) return to;
    } else if (by < 0) {
      line = (to - AVATAR_RADIUS) >> shift;
      if (line === (y - AVATAR_RADIUS) >> shift) return to;
    } else {
      return to;
    }
    const start = (line + 1) * this.stride + 1;
    const last = (x + AVATAR_RADIUS - 1) >> shift;
    for (let column = (x - AVATAR_RADIUS) >> shift; column <= last; column++) {
      if (this.solid[start + column] === 1) {
        return by > 0 ? (line << shift) - AVATAR_RADIUS : ((line + 1) << shift) + AVATAR_RADIUS;
      }
    }
    return to;
  }
}

/** The description in an arena file, as `Welcome` tells it. For tests and tools. */
export function specFromJson(json) {
  return {
    name: json.name,
    tileUnits: json.tile_units,
    widthTiles: json.width_tiles,
    heightTiles: json.height_tiles,
    cellUnits: json.cell_units,
    viewUnits: json.view_units,
    sparks: json.sparks,
    walls: json.walls,
  };
}

function checkRanges(spec) {
  range('name length', new TextEncoder().encode(spec.name).length, 1, 32);
  range('tile_units', spec.tileUnits, 2, 16);
  if ((spec.tileUnits & (spec.tileUnits - 1)) !== 0) {
    throw new RangeError(`arena \`tile_units\` is ${spec.tileUnits}, which is not a power of two`);
  }
  range('width in units', spec.widthTiles * spec.tileUnits, 8, ARENA_UNITS_MAX);
  range('height in units', spec.heightTiles * spec.tileUnits, 8, ARENA_UNITS_MAX);
  range('cell_units', spec.cellUnits, 8, ARENA_UNITS_MAX);
  range('view_units', spec.viewUnits, 1, ARENA_UNITS_MAX);
  range('walls', spec.walls.length, 0, 4096);
}

function range(field, value, min, max) {
  if (!(value >= min && value <= max)) {
    throw new RangeError(`arena \`${field}\` is ${value}, outside ${min} to ${max}`);
  }
}
