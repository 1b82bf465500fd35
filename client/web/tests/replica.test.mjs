// The subscription of one cell: following, out of step, asking, healed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { useTable } from '../model.js';
import { Replica } from '../replica.js';
import { fromHex, readJson, readText, worldOf } from './assets.mjs';

useTable(readText('model.v1.txt'));
const SCENE = readJson('vectors/frames.json').scenes[0];

/** What the tick reader shows of a message that holds one frame. */
function told(tick, isKeyframe, bytes, block) {
  return { tick, centre: SCENE.cell, block, isKeyframe: [isKeyframe], partStart: [0], partEnd: [bytes.length] };
}

test('a desync is counted, asked about once a second, and healed by a keyframe', () => {
  const counters = { keyframes: 0, desyncs: 0 };
  const replica = new Replica(worldOf(SCENE.arena, SCENE.tick_rate), counters);
  const block = Uint16Array.of(SCENE.cell);
  const keyframe = SCENE.frames.find(({ kind }) => kind === 'keyframe');
  const bytes = fromHex(keyframe.hex);
  assert.deepEqual(replica.apply(told(keyframe.tick, 1, bytes, block), bytes), []);
  assert.equal(replica.cells[SCENE.cell].checksum(), keyframe.checksum);

  const broken = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  let tick = keyframe.tick + 1;
  assert.deepEqual(replica.apply(told(tick, 0, broken, block), broken), [SCENE.cell]);
  assert.equal(counters.desyncs, 1);
  let asked = 0;
  for (; tick < keyframe.tick + 1 + 65; tick++) {
    asked += replica.apply(told(tick + 1, 0, broken, block), broken).length;
  }
  assert.equal(asked, 2, 'deltas are passed over and the request repeated');
  assert.equal(counters.desyncs, 1, 'one desync is counted once');

  assert.deepEqual(replica.apply(told(tick + 1, 1, bytes, block), bytes), []);
  assert.equal(replica.cells[SCENE.cell].checksum(), keyframe.checksum);
  assert.equal(counters.keyframes, 2);
});

test('a delta for a cell without state is a violation', () => {
  const replica = new Replica(worldOf(SCENE.arena, SCENE.tick_rate));
  const block = Uint16Array.of(SCENE.cell);
  const empty = new Uint8Array(0);
  assert.throws(() => replica.apply(told(5, 0, empty, block), empty), { rule: 'delta_without_state' });
});

test('cells that leave the block are dropped', () => {
  const replica = new Replica(worldOf('plain'));
  const empty = new Uint8Array(0);
  const keyframes = (block, tick) => ({
    tick, centre: block[0], block, isKeyframe: [...block].map(() => 1), partStart: [...block].map(() => 0), partEnd: [...block].map(() => 0),
  });
  replica.apply(keyframes(Uint16Array.of(0, 1), 1), empty);
  replica.apply(keyframes(Uint16Array.of(1, 2), 2), empty);
  assert.equal(replica.cells[0], null);
  assert.notEqual(replica.cells[1], null);
  assert.notEqual(replica.cells[2], null);
});
