// The golden vectors in assets/vectors, which the Rust tests read too: bit for bit.

import assert from 'node:assert/strict';
import test from 'node:test';
import { specFromJson } from '../arena.js';
import { Avatars, makeInput } from '../body.js';
import { Cell } from '../cell_frame.js';
import { CLOSE_REASONS } from '../close.js';
import { DecodeError, Reader } from '../codec.js';
import { ClientMessage, readServerMessage } from '../message.js';
import { useTable } from '../model.js';
import { moveRulesAt } from '../movement.js';
import { PacketReader } from '../packet.js';
import { RangeDecoder } from '../range_coder.js';
import { TickReader } from '../tick_message.js';
import { World } from '../world.js';
import { arenaSpec, fromHex, readJson, readText, toHex, worldOf } from './assets.mjs';

useTable(readText('model.v1.txt'));

test('every movement trace comes out bit for bit', () => {
  const { traces } = readJson('vectors/movement.json');
  assert.ok(traces.length > 0);
  for (const [index, trace] of traces.entries()) {
    const world = new World(arenaSpec(trace.arena), trace.tick_rate, movementFromJson(trace.movement));
    assert.deepEqual(moveRulesAt(trace.tick_rate), movementFromJson(trace.movement));
    const body = new Avatars(1);
    setBody(body, trace.start);
    trace.inputs.forEach(([heading, throttle, aim, dash], tick) => {
      body.setInput(0, makeInput(heading, throttle, aim, dash));
      world.step(body, 0);
      assert.deepEqual(bodyOf(body, 0), trace.after[tick], `trace ${index} (${trace.arena}), tick ${tick}`);
    });
  }
});

test('every decision of the range coder comes back, and other forms are refused', () => {
  const { cases, refused } = readJson('vectors/range_coder.json');
  assert.ok(cases.length > 0 && refused.length > 0);
  const read = ({ hex, decisions }) => {
    const bytes = fromHex(hex);
    const coder = new RangeDecoder().begin(bytes, 0, bytes.length);
    const sides = decisions.map(([, share]) => coder.decode(share));
    coder.finish();
    return sides;
  };
  for (const each of cases) assert.deepEqual(read(each), each.decisions.map(([side]) => side), each.name);
  for (const each of refused) assert.throws(() => read(each), DecodeError, `${each.name ?? each.hex}`);
});

test('every frame of every scene leads to the state told, and keyframes lead there alone', () => {
  const { scenes } = readJson('vectors/frames.json');
  assert.ok(scenes.length > 0);
  for (const [index, scene] of scenes.entries()) {
    const world = worldOf(scene.arena, scene.tick_rate);
    const cell = new Cell(scene.cell);
    let fresh = null;
    for (const frame of scene.frames) {
      const bytes = fromHex(frame.hex);
      const where = `scene ${index}, tick ${frame.tick}, ${frame.kind}`;
      if (frame.kind === 'keyframe') {
        fresh = new Cell(scene.cell);
        fresh.applyKeyframe(world, frame.tick, bytes, 0, bytes.length, null);
      } else {
        for (const each of [cell, fresh]) each?.applyDelta(world, frame.tick, bytes, 0, bytes.length, []);
      }
      for (const each of fresh === null ? [cell] : [cell, fresh]) {
        assert.deepEqual(stateOf(each), { avatars: frame.avatars, sparks: frame.sparks }, where);
        assert.equal(each.checksum(), frame.checksum, where);
      }
    }
  }
});

test('every client message is written byte for byte', () => {
  const { client } = readJson('vectors/messages.json');
  for (const { hex, value } of client) assert.equal(toHex(writeClientMessage(value)), hex, JSON.stringify(value));
});

test('every server message is read as it was meant', () => {
  const { server } = readJson('vectors/messages.json');
  for (const { hex, value } of server) {
    const reader = new Reader(fromHex(hex));
    const message = readServerMessage(reader);
    reader.finish();
    assert.deepEqual(message, serverMessageFromJson(value), hex);
  }
});

test('every packet of ticks is read as it was meant', () => {
  const { ticks: { arena, packets } } = readJson('vectors/messages.json');
  const ticks = new TickReader(worldOf(arena).grid);
  for (const packet of packets) {
    const bytes = fromHex(packet.hex);
    const reader = new PacketReader(bytes);
    assert.equal(reader.next(ticks), ticks);
    assert.equal(reader.next(ticks), null);
    const { tick, centre, margin, score } = ticks;
    assert.deepEqual({ tick, centre, margin, score },
      { tick: packet.tick, centre: packet.centre, margin: packet.margin, score: packet.score });
    const parts = Array.from(ticks.block, (cell, at) => [
      cell, ticks.isKeyframe[at] === 1 ? 'keyframe' : 'delta', toHex(bytes.subarray(ticks.partStart[at], ticks.partEnd[at])),
    ]);
    assert.deepEqual(parts, packet.parts);
  }
});

test('every refused packet is refused', () => {
  const { refused } = readJson('vectors/messages.json');
  for (const { hex, name } of refused.server) {
    assert.throws(() => {
      const reader = new PacketReader(fromHex(hex));
      while (reader.next(null) !== null);
    }, DecodeError, name);
  }
});

function setBody(avatars, [x, y, vx, vy, facing, dashTicks, dashCooldown, dashHeading]) {
  const told = { x, y, vx, vy, facing, dashTicks, dashCooldown, dashHeading };
  for (const [name, value] of Object.entries(told)) avatars[name][0] = value;
}

function bodyOf(a, row) {
  return [a.x[row], a.y[row], a.vx[row], a.vy[row], a.facing[row], a.dashTicks[row], a.dashCooldown[row], a.dashHeading[row]];
}

function stateOf({ avatars: a, sparks }) {
  return {
    avatars: Array.from({ length: a.length }, (_, row) => [
      a.id[row], a.isFree[row], ...bodyOf(a, row), a.heading[row], a.throttle[row], a.aim[row], a.dash[row],
    ]),
    sparks: Array.from({ length: sparks.length }, (_, row) => [sparks.id[row], sparks.x[row], sparks.y[row]]),
  };
}

function movementFromJson(json) {
  return {
    speed: Int32Array.from(json.speed),
    approach: json.approach,
    dashSpeed: json.dash_speed,
    dashTicks: json.dash_ticks,
    dashCooldownTicks: json.dash_cooldown_ticks,
  };
}

function writeClientMessage(value) {
  if (typeof value === 'string') return ClientMessage[value.toLowerCase()]();
  const [[kind, body]] = Object.entries(value);
  switch (kind) {
    case 'Input': {
      const { heading, throttle, aim, dash } = body.input;
      return ClientMessage.input(body.tick, makeInput(heading, throttle, aim ?? -1, dash));
    }
    case 'Ping': return ClientMessage.ping(body.nonce);
    case 'Chat': return ClientMessage.chat(body.text);
    case 'Resync': return ClientMessage.resync(body.cell);
    default: return ClientMessage.watch(body.cell);
  }
}

function serverMessageFromJson(value) {
  const [[kind, body]] = Object.entries(value);
  switch (kind) {
    case 'Welcome': return {
      kind: 'welcome',
      player: body.player,
      name: body.name,
      room: body.room,
      tick: body.tick,
      tickRate: body.tick_rate,
      arena: specFromJson(body.arena),
      movement: movementFromJson(body.movement),
      ticket: body.ticket,
      resumed: body.resumed,
      serverVersion: body.server_version,
      model: body.model,
    };
    case 'Scores': return { kind: 'scores', leaders: body.leaders.map(([id, score]) => ({ id, score })) };
    case 'Goodbye': return {
      kind: 'goodbye',
      reason: CLOSE_REASONS.find(({ name }) => name.replaceAll('_', '') === body.reason.toLowerCase()),
      message: body.message,
      retryAfterMs: body.retry_after_ms,
    };
    default: return { kind: kind.toLowerCase(), ...body };
  }
}
