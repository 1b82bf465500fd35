// Feeds a stream of `tickwire-lab stream` through the decoder; see server/lab/src/stream.rs.

import { Cell } from '../cell_frame.js';
import { Reader } from '../codec.js';
import { readServerMessage } from '../message.js';
import { World } from '../world.js';

/** Decodes every frame; returns how many of what there were, or throws at the first difference. */
export function playStream(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const welcomeEnd = 4 + view.getUint32(0, true);
  const welcome = readServerMessage(new Reader(bytes, 4, welcomeEnd));
  const world = new World(welcome.arena, welcome.tickRate, welcome.movement);
  const cells = Array.from({ length: world.grid.length }, (_, id) => new Cell(id));
  const seen = { frames: 0, keyframes: 0, bytes: 0, avatars: 0, free: 0, gone: 0 };
  const gone = [];
  for (let at = welcomeEnd; at < bytes.length;) {
    const tick = view.getUint32(at, true);
    const cell = cells[view.getUint16(at + 4, true)];
    const isKeyframe = bytes[at + 6] === 1;
    const start = at + 11;
    const end = start + view.getUint32(at + 7, true);
    gone.length = 0;
    const where = `frame ${seen.frames}, tick ${tick}, cell ${cell.id}`;
    try {
      if (isKeyframe) cell.applyKeyframe(world, tick, bytes, start, end, gone);
      else cell.applyDelta(world, tick, bytes, start, end, gone);
    } catch (error) {
      error.message = `${where}: ${error.message}`;
      throw error;
    }
    const told = view.getUint32(end, true);
    if (cell.checksum() !== told) throw new Error(`${where}: state differs`);
    seen.frames += 1;
    seen.keyframes += isKeyframe ? 1 : 0;
    seen.bytes += end - start;
    seen.avatars += cell.avatars.length;
    seen.gone += gone.length / 3;
    at = end + 4;
  }
  seen.free = cells.reduce((sum, { avatars }) => sum + avatars.isFree.subarray(0, avatars.length).reduce((a, b) => a + b, 0), 0);
  return seen;
}
