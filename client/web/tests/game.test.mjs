import assert from 'node:assert/strict';
import test from 'node:test';
import { angleDifference, angleFromVector, COS, SIN } from '../angle.js';
import { Arena } from '../arena.js';
import { Avatars, inputFromKeys, makeInput, sameInput } from '../body.js';
import { Grid } from '../grid.js';
import { AVATAR_RADIUS, UNIT, VELOCITY_MAX } from '../limits.js';
import { moveRulesAt, validateMoveRules } from '../movement.js';
import { arenaSpec, seeded, worldOf } from './assets.mjs';

test('the table is the rounded sine', () => {
  for (let angle = 0; angle < 256; angle++) {
    const turn = (angle * Math.PI) / 128;
    assert.equal(COS[angle], Math.round(Math.cos(turn) * 4096) + 0, `cosine of ${angle}`);
    assert.equal(SIN[angle], Math.round(Math.sin(turn) * 4096) + 0, `sine of ${angle}`);
    assert.equal(angleFromVector(COS[angle], SIN[angle]), angle);
  }
  assert.equal(angleFromVector(NaN, 1), 0);
  assert.equal(angleDifference(250, 4), 10);
  assert.equal(angleDifference(4, 250), -10);
});

test('keys give multiples of an eighth turn and rest has no heading', () => {
  for (let x = -1; x <= 1; x++) {
    for (let y = -1; y <= 1; y++) {
      const input = inputFromKeys(x, y, -1, false);
      if (x === 0 && y === 0) {
        assert.equal(input.throttle, 0);
      } else {
        assert.deepEqual([Math.sign(COS[input.heading]), Math.sign(SIN[input.heading])], [x, y]);
      }
    }
  }
  assert.ok(sameInput(makeInput(77, 0, -1, false), makeInput(0, 0, -1, false)));
});

test('every embedded arena is valid and a wrong one names its field', () => {
  for (const name of ['garden', 'plain', 'city', 'tiny']) {
    assert.equal(new Arena(arenaSpec(name)).spec.name, name);
  }
  const spec = arenaSpec('tiny');
  assert.throws(() => new Arena({ ...spec, tileUnits: 6 }), /tile_units.*power of two/);
  assert.throws(() => new Arena({ ...spec, walls: [[2, 0, 999, 1]] }), /wall 0 reaches outside/);
  assert.throws(() => new Arena({ ...arenaSpec('plain'), cellUnits: 8 }), /followed cells/);
});

test('a block lists its cells in ascending order clipped at the edge', () => {
  const grid = new Grid(512 * UNIT, 512 * UNIT, 128 * UNIT, 40 * UNIT);
  assert.deepEqual([...grid.block(0)], [0, 1, 4, 5]);
  assert.equal(grid.block(5).length, 9);
  assert.equal(grid.block(5), grid.block(5), 'blocks are kept');
});

test('a block covers the view distance from anywhere in the centre', () => {
  const grid = new Grid(500 * UNIT, 500 * UNIT, 64 * UNIT, 90 * UNIT);
  const inside = (p) => Math.min(500 * UNIT - 1, Math.max(0, p));
  for (let cell = 0; cell < grid.length; cell++) {
    for (const [sx, sy] of [[-1, -1], [1, 1], [-1, 1]]) {
      const at = (corner, sign) => (sign < 0 ? corner - UNIT - 90 * UNIT : corner + grid.cellEdge + UNIT - 1 + 90 * UNIT);
      const seen = grid.cellAt(inside(at(grid.cornerX(cell), sx)), inside(at(grid.cornerY(cell), sy)));
      assert.ok(grid.block(cell).includes(seen), `${cell} does not see ${seen}`);
    }
  }
});

test('an avatar changes cells only beyond the hysteresis', () => {
  const grid = new Grid(512 * UNIT, 512 * UNIT, 128 * UNIT, 40 * UNIT);
  const edge = 128 * UNIT;
  assert.equal(grid.cellWithHysteresis(edge + UNIT - 1, UNIT, 0), 0);
  assert.equal(grid.cellWithHysteresis(edge + UNIT, UNIT, 0), 1);
  assert.equal(grid.cellWithHysteresis(edge - UNIT, UNIT, 1), 1);
  assert.equal(grid.cellWithHysteresis(edge - UNIT - 1, UNIT, 1), 0);
});

test('the step never ends inside a wall and keeps the bounds of velocity', () => {
  const random = seeded(7);
  const below = (limit) => Math.floor(random() * limit);
  for (let round = 0; round < 60; round++) {
    const world = worldOf('garden', 10 + below(119));
    const { arena } = world;
    const body = new Avatars(1);
    body.length = 1;
    do {
      body.x[0] = AVATAR_RADIUS + below(arena.width);
      body.y[0] = AVATAR_RADIUS + below(arena.height);
    } while (!arena.isFree(body.x[0], body.y[0]));
    body.vx[0] = below(2 ** 32);
    body.vy[0] = below(2 ** 32);
    for (let tick = 0; tick < 300; tick++) {
      if (tick % 9 === 0) body.setInput(0, makeInput(below(256), below(4), below(2) ? below(256) : -1, below(3) === 0));
      world.step(body, 0);
      assert.ok(arena.isFree(body.x[0], body.y[0]), `in a wall at ${body.x[0]}, ${body.y[0]}`);
      assert.ok(Math.max(Math.abs(body.vx[0]), Math.abs(body.vy[0])) <= VELOCITY_MAX);
    }
  }
});

test('full throttle reaches full speed and rest comes to rest', () => {
  for (const hz of [10, 30, 60, 128]) {
    const world = worldOf('plain', hz);
    const body = new Avatars(1);
    body.x[0] = 100 * UNIT;
    body.y[0] = 100 * UNIT;
    body.setInput(0, inputFromKeys(1, 0, -1, false));
    for (let tick = 0; tick < hz; tick++) world.step(body, 0);
    assert.equal(body.vx[0], world.movement.speed[3], `at ${hz} Hz`);
    assert.equal(body.vy[0], 0);
    body.setInput(0, makeInput(0, 0, -1, false));
    for (let tick = 0; tick < 2 * hz; tick++) world.step(body, 0);
    assert.equal(body.vx[0], 0, `at ${hz} Hz`);
  }
});

test('a dash lasts its ticks and waits for its cooldown', () => {
  const world = worldOf('plain');
  const body = new Avatars(1);
  body.x[0] = 100 * UNIT;
  body.y[0] = 100 * UNIT;
  body.setInput(0, inputFromKeys(1, 0, -1, true));
  let fast = 0;
  for (let tick = 0; tick < 72; tick++) {
    world.step(body, 0);
    if (body.vx[0] === world.movement.dashSpeed) fast += 1;
  }
  assert.equal(fast, 2 * world.movement.dashTicks);
});

test('movement constants that would make the step inexact are refused by name', () => {
  const rules = moveRulesAt(30);
  validateMoveRules(rules);
  assert.throws(() => validateMoveRules({ ...rules, dashSpeed: VELOCITY_MAX + 1 }), /dash_speed/);
  assert.throws(() => validateMoveRules({ ...rules, approach: 0 }), /approach/);
});

test('rows of avatars are opened, found and closed in order', () => {
  const table = new Avatars(2);
  for (const id of [9, 3, 7, 1]) table.insert(-1 - table.find(id), id);
  assert.deepEqual([...table.id.subarray(0, 4)], [1, 3, 7, 9]);
  table.x[2] = 70;
  table.removeAt(0);
  assert.equal(table.find(7), 1);
  assert.equal(table.x[1], 70);
  assert.equal(table.find(8), -1 - 2);
});
