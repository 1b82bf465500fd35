import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cell } from '../cell_frame.js';
import { DecodeError } from '../codec.js';
import { GROUPS, useTable } from '../model.js';
import { seeded, worldOf } from './assets.mjs';
import { playStream } from './stream.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TABLE = readFileSync(`${ROOT}assets/model.v1.txt`, 'utf8');
useTable(TABLE);

/** The laboratory's binary: named by the environment, or the newest place it is built to. */
function laboratory() {
  const places = [process.env.TICKWIRE_LAB, `${ROOT}target/release/tickwire-lab`, `${ROOT}target/debug/tickwire-lab`];
  return places.find((place) => place !== undefined && existsSync(place));
}

const lab = laboratory();
const CASES = [
  { seed: 1, rate: 30, arena: 'garden' },
  { seed: 2, rate: 60, arena: 'tiny' },
  { seed: 3, rate: 128, arena: 'city' },
];

for (const { seed, rate, arena } of CASES) {
  const name = `10,000 frames made by Rust decode to the same states (seed ${seed}, ${rate} Hz, ${arena})`;
  test(name, { skip: lab === undefined && 'tickwire-lab is not built' }, () => {
    const options = ['stream', '--seed', seed, '--frames', 10_000, '--tick-rate', rate, '--arena', arena];
    const bytes = execFileSync(lab, options.map(String), { maxBuffer: 1 << 28 });
    const seen = playStream(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    assert.ok(seen.frames >= 10_000, `${seen.frames} frames`);
    assert.ok(seen.keyframes > 100 && seen.gone > 50, 'everything happens');
  });
}

test('the table of odds has the groups that the decoder knows', () => {
  const told = TABLE.split('\n').map((line) => /^# ([A-Z_]+) (\d+)$/.exec(line)).filter((match) => match !== null);
  if (told.length > 0) assert.deepEqual(told.map(([, name, size]) => [name, Number(size)]), GROUPS);
});

test('no bytes make the decoder fail with anything but a rule', () => {
  const random = seeded(11);
  const world = worldOf('garden');
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 60) }, () => random() * 256);
    const cell = new Cell(1);
    try {
      cell.applyKeyframe(world, 1, bytes, 0, bytes.length, null);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `${error.stack} for ${bytes}`);
    }
    try {
      cell.applyDelta(world, 2, bytes, 0, bytes.length, []);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `${error.stack} for ${bytes}`);
    }
  }
});

test('a frame of no bytes is an uneventful tick', () => {
  const world = worldOf('plain');
  const cell = new Cell(1);
  cell.applyDelta(world, 1, new Uint8Array(0), 0, 0, []);
  assert.equal(cell.avatars.length, 0);
  assert.throws(() => cell.applyDelta(world, 2, Uint8Array.of(0), 0, 1, []), { rule: 'trailing_bytes' });
});
