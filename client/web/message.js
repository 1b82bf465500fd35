// Control messages, one bincode value each: the mirror of shared/src/wire/message.rs.

import { CLOSE_REASONS } from './close.js';
import { DecodeError, Writer } from './codec.js';

/** From client to server: each returns the bytes of one WebSocket message. */
export const ClientMessage = {
  input(tick, input) {
    const out = new Writer().varint(0).varint(tick).byte(input.heading).byte(input.throttle);
    if (input.aim >= 0) out.byte(1).byte(input.aim);
    else out.byte(0);
    return out.byte(input.dash).finish();
  },
  ping: (nonce) => new Writer().varint(1).varint(nonce).finish(),
  chat: (text) => new Writer().varint(2).string(text).finish(),
  pause: () => new Writer().varint(3).finish(),
  resume: () => new Writer().varint(4).finish(),
  resync: (cell) => new Writer().varint(5).varint(cell).finish(),
  leave: () => new Writer().varint(6).finish(),
  watch: (cell) => new Writer().varint(7).varint(cell).finish(),
};

/** From server to client: `{ kind, ... }`, read from the start of what is left in `reader`. */
export function readServerMessage(reader) {
  const variant = reader.varint();
  switch (variant) {
    case 0: return readWelcome(reader);
    case 1: return {
      kind: 'roster',
      joined: list(reader, 2, () => ({ id: reader.varintU16('player'), name: reader.string() })),
      left: list(reader, 1, () => reader.varintU16('player')),
    };
    case 2: return {
      kind: 'scores',
      leaders: list(reader, 2, () => ({ id: reader.varintU16('player'), score: reader.varint() })),
    };
    case 3: return {
      kind: 'chat',
      from: reader.option(() => reader.varintU16('player')),
      text: reader.string(),
    };
    case 4: return { kind: 'pong', nonce: reader.varint() };
    case 5: return {
      kind: 'goodbye',
      reason: readReason(reader),
      message: reader.string(),
      retryAfterMs: reader.option(() => reader.varint()),
    };
    default: throw new DecodeError('malformed', `unknown control message ${variant}`);
  }
}

function readWelcome(reader) {
  return {
    kind: 'welcome',
    player: reader.option(() => reader.varintU16('player')),
    name: reader.string(),
    room: reader.string(),
    tick: reader.varint(),
    tickRate: reader.varintU16('tick rate'),
    arena: {
      name: reader.string(),
      tileUnits: reader.varintU16('tile_units'),
      widthTiles: reader.varintU16('width_tiles'),
      heightTiles: reader.varintU16('height_tiles'),
      cellUnits: reader.varintU16('cell_units'),
      viewUnits: reader.varintU16('view_units'),
      sparks: reader.varintU16('sparks'),
      walls: list(reader, 4, () => Array.from({ length: 4 }, () => reader.varintU16('wall'))),
    },
    movement: {
      speed: Int32Array.from({ length: 4 }, () => reader.zigzag()),
      approach: reader.zigzag(),
      dashSpeed: reader.zigzag(),
      dashTicks: reader.byte(),
      dashCooldownTicks: reader.byte(),
    },
    ticket: reader.string(),
    resumed: reader.bool(),
    serverVersion: reader.string(),
    model: reader.varint(),
  };
}

function readReason(reader) {
  const reason = CLOSE_REASONS[reader.varint()];
  if (reason === undefined) throw new DecodeError('malformed', 'unknown close reason');
  return reason;
}

function list(reader, bytesEach, read) {
  return Array.from({ length: reader.length(bytesEach) }, read);
}
