// Reads what the tests share with the Rust tests: arenas and golden vectors under assets/.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { specFromJson } from '../arena.js';
import { moveRulesAt } from '../movement.js';
import { World } from '../world.js';

const ASSETS = fileURLToPath(new URL('../../../assets/', import.meta.url));

export function readText(path) {
  return readFileSync(ASSETS + path, 'utf8');
}

export function readJson(path) {
  return JSON.parse(readText(path));
}

export function arenaSpec(name) {
  return specFromJson(readJson(`arenas/${name}.json`));
}

export function worldOf(name, hz = 30) {
  return new World(arenaSpec(name), hz, moveRulesAt(hz));
}

export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A small seeded generator (mulberry32), so that a failure can be run again. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
