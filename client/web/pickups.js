// Sparks as they are drawn: an own pick-up is shown at once and taken back if the server does not
// confirm it; somebody else's waits until that avatar is drawn arriving there.

import { PICKUP_RADIUS, SPARK_STEP, UNIT } from './limits.js';

/** An own pick-up that no server confirmed by then was none. */
const CONFIRM_MS = 800;
/** Sparks that vanish with no avatar drawn yet are kept at most this long. */
const GHOSTS_MAX = 256;

export class Pickups {
  constructor() {
    this.hidden = new Map();
    this.ghosts = [];
  }

  /** Sparks that left the replica at `tick`, as [id, x, y] triples. */
  gone(triples, tick) {
    for (let at = 0; at < triples.length; at += 3) {
      if (this.hidden.delete(triples[at])) continue;
      if (this.ghosts.length < GHOSTS_MAX) {
        this.ghosts.push({ id: triples[at], x: triples[at + 1] / 4, y: triples[at + 2] / 4, tick });
      }
    }
  }

  /** Fills `out` and reports pick-ups by `onPickup(x, y, isOwn)`. `own` is a predicted body. */
  view(replica, playoutTick, own, now, out, onPickup) {
    out.count = 0;
    for (const id of replica.block) {
      const cell = replica.cells[id];
      if (cell === null) continue;
      const { sparks } = cell;
      for (let row = 0; row < sparks.length; row++) {
        const spark = sparks.id[row];
        const x = sparks.x[row];
        const y = sparks.y[row];
        const shown = own === null ? true : this.showsAfterOwn(spark, x, y, own, now, onPickup);
        if (shown) out.push(spark, x / 4, y / 4);
      }
    }
    for (let index = this.ghosts.length - 1; index >= 0; index--) {
      const ghost = this.ghosts[index];
      if (playoutTick < ghost.tick) {
        out.push(ghost.id, ghost.x, ghost.y);
      } else {
        onPickup(ghost.x, ghost.y, false);
        this.ghosts.splice(index, 1);
      }
    }
  }

  showsAfterOwn(spark, x, y, own, now, onPickup) {
    const until = this.hidden.get(spark);
    if (until !== undefined) {
      if (now < until) return false;
      // Taken back; it may be tried again only after the avatar has been away.
      if (reaches(own, x, y)) return true;
      this.hidden.delete(spark);
      return true;
    }
    if (!reaches(own, x, y)) return true;
    this.hidden.set(spark, now + CONFIRM_MS);
    onPickup(x / 4, y / 4, true);
    return false;
  }

  clear() {
    this.hidden.clear();
    this.ghosts.length = 0;
  }
}

function reaches(own, x, y) {
  const dx = own.x[0] - x * SPARK_STEP;
  const dy = own.y[0] - y * SPARK_STEP;
  return dx < UNIT && dx > -UNIT && dy < UNIT && dy > -UNIT
    && dx * dx + dy * dy < PICKUP_RADIUS * PICKUP_RADIUS;
}
