import assert from 'node:assert/strict';
import test from 'node:test';
import { makeInput } from '../body.js';
import { CLOSE_REASONS, closeReasonFromCode } from '../close.js';
import { DecodeError, Reader, Writer } from '../codec.js';
import { ClientMessage, readServerMessage } from '../message.js';
import { PacketReader } from '../packet.js';
import { TickReader } from '../tick_message.js';
import { seeded, worldOf } from './assets.mjs';

const rule = (name) => (error) => error instanceof DecodeError && error.rule === name;

test('varints come back and a longer form than needed is refused', () => {
  for (const value of [0, 1, 250, 251, 252, 65535, 65536, 2 ** 31, 2 ** 32 - 1]) {
    const bytes = new Writer().varint(value).finish();
    const reader = new Reader(bytes);
    assert.equal(reader.varint(), value);
    reader.finish();
  }
  for (const bytes of [[251, 250, 0], [252, 255, 255, 0, 0], [253, 0, 0, 0, 0, 0, 0, 0, 1], [255]]) {
    assert.throws(() => new Reader(Uint8Array.from(bytes)).varint(), rule('out_of_range'));
  }
  assert.throws(() => new Reader(Uint8Array.of(251, 1)).varint(), rule('unexpected_end'));
});

test('signed numbers come back', () => {
  for (const value of [0, -1, 1, 63, -64, 12345, -(2 ** 31), 2 ** 31 - 1]) {
    assert.equal(new Reader(new Writer().zigzag(value).finish()).zigzag(), value);
  }
});

test('texts must be UTF-8 and lengths must be possible', () => {
  assert.equal(new Reader(new Writer().string('Żółw 🐢').finish()).string(), 'Żółw 🐢');
  assert.throws(() => new Reader(Uint8Array.of(1, 0xff)).string(), rule('malformed'));
  assert.throws(() => new Reader(Uint8Array.of(200, 1)).string(), rule('unexpected_end'));
});

test('client messages have the bytes that bincode writes', () => {
  const bytes = (message) => [...message];
  assert.deepEqual(bytes(ClientMessage.input(1, makeInput(64, 3, 200, true))), [0, 1, 64, 3, 1, 200, 1]);
  assert.deepEqual(bytes(ClientMessage.input(300, makeInput(64, 0, -1, false))), [0, 251, 44, 1, 0, 0, 0, 0]);
  assert.deepEqual(bytes(ClientMessage.ping(7)), [1, 7]);
  assert.deepEqual(bytes(ClientMessage.chat('hé')), [2, 3, 104, 195, 169]);
  assert.deepEqual(bytes(ClientMessage.pause()), [3]);
  assert.deepEqual(bytes(ClientMessage.resume()), [4]);
  assert.deepEqual(bytes(ClientMessage.resync(260)), [5, 251, 4, 1]);
  assert.deepEqual(bytes(ClientMessage.leave()), [6]);
  assert.deepEqual(bytes(ClientMessage.watch(9)), [7, 9]);
});

test('a goodbye tells its reason and when to come back', () => {
  const bytes = new Writer().varint(5).varint(6).string('full').byte(1).varint(1500).finish();
  const goodbye = readServerMessage(new Reader(bytes));
  assert.equal(goodbye.reason.name, 'room_full');
  assert.equal(goodbye.retryAfterMs, 1500);
  assert.throws(() => readServerMessage(new Reader(Uint8Array.of(5, 99))), rule('malformed'));
  assert.throws(() => readServerMessage(new Reader(Uint8Array.of(77))), rule('malformed'));
});

test('close codes lead to their reasons', () => {
  for (const reason of CLOSE_REASONS) assert.equal(closeReasonFromCode(reason.code), reason);
  assert.equal(closeReasonFromCode(1006), null);
});

test('control messages follow one another in a packet', () => {
  const packet = new Writer().byte(1).varint(3).byte(1).varint(3).string('hello')
    .byte(1).varint(4).varint(7).finish();
  const reader = new PacketReader(packet);
  assert.deepEqual(reader.next(null), { kind: 'chat', from: 3, text: 'hello' });
  assert.deepEqual(reader.next(null), { kind: 'pong', nonce: 7 });
  assert.equal(reader.next(null), null);
  assert.throws(() => new PacketReader(Uint8Array.of(9)).next(null), rule('unknown_tag'));
  assert.throws(() => new PacketReader(Uint8Array.of(0, 0)).next(null), rule('unknown_tag'));
});

test('a tick message fills in what it leaves out', () => {
  const { grid } = worldOf('plain');
  const ticks = new TickReader(grid);
  // Tick 7, centre 5 (9 cells), margin -3, score 10; cell 2 of the block a keyframe of 2 bytes.
  const first = Uint8Array.of(0, 31, 7, 5, 253, 10, 4, 0, 4, 0, 2, 88, 99);
  assert.equal(new PacketReader(first).next(ticks), ticks);
  assert.deepEqual([ticks.tick, ticks.centre, ticks.margin, ticks.score], [7, 5, -3, 10]);
  assert.equal(ticks.isKeyframe[2], 1);
  assert.deepEqual([...first.subarray(ticks.partStart[2], ticks.partEnd[2])], [88, 99]);
  assert.equal(ticks.partStart[3], ticks.partEnd[3]);
  new PacketReader(Uint8Array.of(0, 0, 0, 0)).next(ticks);
  assert.deepEqual([ticks.tick, ticks.centre, ticks.margin, ticks.score], [8, 5, -3, 10]);
  assert.equal(ticks.isKeyframe[2], 0);
});

test('a tick message that breaks a rule is refused', () => {
  const { grid } = worldOf('plain');
  const read = (...bytes) => () => new PacketReader(Uint8Array.of(0, ...bytes)).next(new TickReader(grid));
  assert.throws(read(0, 0, 0), rule('out_of_range'), 'no tick told');
  assert.throws(read(32), rule('out_of_range'), 'unknown flag');
  assert.throws(read(3, 7, 99), rule('out_of_range'), 'no such cell');
  assert.throws(read(3, 7, 5, 0, 2), rule('out_of_range'), 'bits beyond the block');
  assert.throws(read(3, 7, 5, 1, 0, 0), rule('out_of_range'), 'an empty part that is filled');
  assert.throws(read(3, 7, 5, 1, 0, 9, 1), rule('unexpected_end'));
});

test('no bytes make the readers fail with anything but a rule', () => {
  const random = seeded(3);
  const { grid } = worldOf('plain');
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 40) }, () => random() * 256 * random());
    try {
      const reader = new PacketReader(bytes);
      const ticks = new TickReader(grid);
      while (reader.next(ticks) !== null);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `${error.stack} for ${bytes}`);
    }
  }
});
