// Where the picture looks: follows smoothly, looks a little ahead, zooms.

import { UNIT } from './limits.js';

/** The part of the picture that may lie outside, so that no panel covers an avatar in a corner. */
const OUTSIDE_PART = 0.2;
/** A narrow screen shows at least this many units across. */
const WIDTH_UNITS_MIN = 17;

export class Camera {
  constructor(look) {
    this.look = look;
    this.x = 0;
    this.y = 0;
    this.heightUnits = look.height_units;
    this.heightWanted = look.height_units;
    this.width = 1;
    this.height = 1;
    this.scale = 1;
    this.placed = false;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
  }

  zoom(factor) {
    const { height_units_min: min, height_units_max: max } = this.look;
    this.heightWanted = Math.min(max, Math.max(min, this.heightWanted * factor));
  }

  /** Jumps there at the next `follow`. */
  release() {
    this.placed = false;
  }

  /** Moves towards a point; `view` bounds how far the picture may reach, in units. */
  follow(x, y, vx, vy, arena, view, seconds) {
    const { follow_per_second: rate, look_ahead_seconds: ahead } = this.look;
    this.heightUnits += (this.heightWanted - this.heightUnits) * (1 - Math.exp(-10 * seconds));
    const widest = Math.max(this.width, this.height) / (2 * view - 2);
    this.scale = Math.max(widest, Math.min(this.height / this.heightUnits, this.width / WIDTH_UNITS_MIN));
    let toX = x + vx * ahead;
    let toY = y + vy * ahead;
    if (arena !== null) {
      toX = within(toX, this.width / this.scale, arena.width / UNIT, this.look.margin_units);
      toY = within(toY, this.height / this.scale, arena.height / UNIT, this.look.margin_units);
    }
    const part = this.placed ? 1 - Math.exp(-rate * seconds) : 1;
    this.x += (toX - this.x) * part;
    this.y += (toY - this.y) * part;
    this.placed = true;
  }

  screenX(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  screenY(y) {
    return (this.y - y) * this.scale + this.height / 2;
  }

  worldX(screenX) {
    return (screenX - this.width / 2) / this.scale + this.x;
  }

  worldY(screenY) {
    return this.y - (screenY - this.height / 2) / this.scale;
  }
}

/** Keeps the picture inside the arena and a margin; an arena smaller than that is centred. */
function within(centre, shown, length, margin) {
  const outside = Math.max(margin, shown * OUTSIDE_PART);
  const low = shown / 2 - outside;
  const high = length + outside - shown / 2;
  return low > high ? length / 2 : Math.min(high, Math.max(low, centre));
}
