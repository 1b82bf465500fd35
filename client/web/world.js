// The constants of a room that both ends hold: told once in `Welcome`.
// The mirror of shared/src/game/world.rs.

import { Arena } from './arena.js';
import { step, validateMoveRules } from './movement.js';

export class World {
  constructor(arenaSpec, tickRate, movement) {
    if (!(tickRate >= 10 && tickRate <= 128)) {
      throw new RangeError(`tick rate ${tickRate} Hz is outside 10 to 128 Hz`);
    }
    validateMoveRules(movement);
    this.arena = new Arena(arenaSpec);
    this.grid = this.arena.grid;
    this.movement = movement;
    this.tickRate = tickRate;
    this.periodMs = 1000 / tickRate;
  }

  step(avatars, row) {
    step(avatars, row, this.movement, this.arena);
  }
}
