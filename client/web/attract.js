// What moves behind the title: a few avatars in a small arena, stepped by the real rules.

import { Avatars, makeInput } from './body.js';
import { moveRulesAt } from './movement.js';
import { View } from './view.js';
import { World } from './world.js';

const TICK_RATE = 30;
const AVATARS = 36;
const SPARKS = 44;
const SPEC = {
  name: 'title', tileUnits: 2, widthTiles: 40, heightTiles: 30, cellUnits: 80, viewUnits: 40, sparks: 0,
  walls: [[7, 6, 3, 1], [7, 6, 1, 4], [30, 6, 3, 1], [32, 6, 1, 4], [7, 23, 3, 1], [7, 20, 1, 4],
    [30, 23, 3, 1], [32, 20, 1, 4], [13, 13, 2, 4], [25, 13, 2, 4], [18, 5, 4, 1], [18, 24, 4, 1]],
};

export class Attract {
  constructor() {
    this.world = new World(SPEC, TICK_RATE, moveRulesAt(TICK_RATE));
    this.view = new View();
    this.bodies = new Avatars(AVATARS);
    this.before = new Avatars(AVATARS);
    this.turn = new Float64Array(AVATARS);
    this.names = new Map();
    this.elapsed = 0;
    for (let row = 0; row < AVATARS; row++) {
      this.bodies.insert(row, row * 5 + 1);
      this.bodies.heading[row] = (row * 53) & 255;
      this.bodies.throttle[row] = 2;
      do {
        this.bodies.x[row] = Math.random() * this.world.arena.width;
        this.bodies.y[row] = Math.random() * this.world.arena.height;
      } while (!this.world.arena.isFree(this.bodies.x[row], this.bodies.y[row]));
    }
    this.before.length = AVATARS;
    for (let spark = 0; spark < SPARKS; spark++) {
      this.view.sparks.push(spark, 4 + ((spark * 29.7) % 72), 4 + ((spark * 17.3) % 52));
    }
    this.step();
  }

  step() {
    const { bodies } = this;
    for (let row = 0; row < AVATARS; row++) {
      this.before.copyRow(row, bodies, row);
      const blocked = bodies.vx[row] === 0 || bodies.vy[row] === 0;
      this.turn[row] = this.turn[row] * 0.97 + (Math.random() - 0.5) * (blocked ? 9 : 1.2);
      const heading = Math.round(bodies.heading[row] + this.turn[row]) & 255;
      bodies.setInput(row, makeInput(heading, 2, -1, Math.random() < 0.004));
      this.world.step(bodies, row);
    }
  }

  /** The view `seconds` after the last one. */
  advance(seconds) {
    this.elapsed += Math.min(seconds, 0.2) * TICK_RATE;
    for (; this.elapsed >= 1; this.elapsed -= 1) this.step();
    const { others } = this.view;
    others.count = 0;
    for (let row = 0; row < AVATARS; row++) {
      const { before, bodies } = this;
      const between = (a, b) => (a + (b - a) * this.elapsed) / 4096;
      others.push(
        bodies.id[row], between(before.x[row], bodies.x[row]), between(before.y[row], bodies.y[row]),
        0, 0, bodies.facing[row], bodies.dashTicks[row] > 0 ? 1 : 0, 1,
      );
    }
    return this.view;
  }
}
