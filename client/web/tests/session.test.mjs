// The client's state machine, driven without a socket; the table stands in docs/protocol.md.

import assert from 'node:assert/strict';
import test from 'node:test';
import { CLOSE_REASONS } from '../close.js';
import { Writer } from '../codec.js';
import { useTable } from '../model.js';
import { Client } from '../session.js';
import { socketUrl } from '../socket.js';
import { fromHex, readJson, readText, seeded, toHex } from './assets.mjs';

useTable(readText('model.v1.txt'));

/** A `Welcome` of the golden messages, as a packet: room "lobby", arena "tiny", with a ticket. */
const WELCOME = fromHex(`01${readJson('vectors/messages.json').server[0].hex}`);
const TICKET = 'c29tZSB0aWNrZXQ';

function drain(client) {
  const transmits = [];
  for (let each = client.pollTransmit(); each !== null; each = client.pollTransmit()) transmits.push(each);
  return transmits;
}

function events(client) {
  const kinds = [];
  for (let each = client.pollEvent(); each !== null; each = client.pollEvent()) kinds.push(each.kind);
  return kinds;
}

function welcomed(config = {}) {
  const client = new Client({ random: seeded(4), ...config }, 0);
  client.handleConnected(20);
  client.handleMessage(40, WELCOME);
  return client;
}

/** The first byte of each message sent, which names it. */
const sent = (client) => drain(client).filter(({ kind }) => kind === 'send').map(({ bytes }) => bytes[0]);

function goodbye(name, retryAfterMs = null) {
  const out = new Writer().byte(1).varint(5).varint(CLOSE_REASONS.findIndex((reason) => reason.name === name)).string('');
  return (retryAfterMs === null ? out.byte(0) : out.byte(1).varint(retryAfterMs)).finish();
}

test('a client connects, joins and plays, and pings at once', () => {
  const client = new Client({}, 0);
  assert.deepEqual(drain(client), [{ kind: 'connect', ticket: null }]);
  assert.equal(client.state.kind, 'connecting');
  client.handleConnected(20);
  assert.equal(client.state.kind, 'joining');
  client.handleMessage(40, WELCOME);
  assert.equal(client.state.kind, 'playing');
  assert.equal(client.welcome.room, 'lobby');
  assert.deepEqual(sent(client), [1]);
  assert.deepEqual(events(client), ['connecting', 'welcomed']);
});

test('a server with another table of odds ends the session in words, without another attempt', () => {
  const client = new Client({}, 0);
  client.handleConnected(20);
  drain(client);
  const other = WELCOME.slice();
  other[other.length - 1] ^= 1;
  client.handleMessage(40, other);
  assert.equal(client.state.kind, 'ended');
  assert.equal(client.state.reason, 'unsupported_version');
  assert.match(client.state.message, /table of odds \([0-9a-f]{8}\) is not that of the server/);
  const [close] = drain(client);
  assert.deepEqual([close.kind, close.code], ['close', 4009]);
});

test('a lost connection is tried again with the ticket, after a wait that grows', () => {
  const client = welcomed();
  drain(client);
  client.handleDisconnected(1000, { opened: true, code: 1006, reason: '' });
  assert.equal(client.state.kind, 'backing_off');
  assert.ok(client.state.until > 1000 && client.state.until <= 1500);
  client.advance(client.state.until - 1);
  assert.deepEqual(drain(client), []);
  client.advance(client.state.until);
  assert.deepEqual(drain(client), [{ kind: 'connect', ticket: TICKET }]);
  let longest = 0;
  for (let attempt = 0; attempt < 12; attempt++) {
    const now = 10_000 * (attempt + 1);
    client.handleDisconnected(now, { opened: false, code: 1006, reason: '' });
    longest = Math.max(longest, client.state.until - now);
    client.advance(client.state.until);
    drain(client);
  }
  assert.ok(longest > 2000 && longest <= 15_000, `${longest} ms`);
});

test('a refusal that is not worth a retry ends the session in words', () => {
  const client = new Client({}, 0);
  client.handleConnected(20);
  client.handleMessage(30, goodbye('room_full'));
  client.handleDisconnected(40, { opened: true, code: 4001, reason: 'the room is full' });
  assert.deepEqual(client.state, { kind: 'ended', reason: 'room_full', message: 'the room is full' });
});

test('a close code alone tells the reason too', () => {
  const client = welcomed();
  client.handleDisconnected(100, { opened: true, code: 4006, reason: '' });
  assert.equal(client.state.reason, 'replaced');
});

test('a restart of the server is waited for as long as it asks', () => {
  const client = welcomed();
  client.handleMessage(90, goodbye('server_shutdown', 4000));
  client.handleDisconnected(100, { opened: true, code: 1001, reason: '' });
  assert.equal(client.state.kind, 'backing_off');
  assert.ok(client.state.until >= 4100);
});

test('a ticket that does not hold is dropped and the next attempt comes at once', () => {
  const client = welcomed({ ticket: 'old' });
  client.handleDisconnected(100, { opened: true, code: 4011, reason: '' });
  assert.equal(client.state.until, 100);
  drain(client);
  client.advance(100);
  assert.deepEqual(drain(client), [{ kind: 'connect', ticket: null }]);
});

test('a server that falls silent or never answers is given up', () => {
  const silent = welcomed();
  drain(silent);
  silent.advance(7000);
  assert.equal(silent.state.kind, 'playing');
  silent.advance(7200);
  assert.equal(silent.state.kind, 'backing_off');
  assert.ok(drain(silent).some(({ kind }) => kind === 'close'));
  const mute = new Client({}, 0);
  mute.handleConnected(20);
  mute.advance(10_019);
  assert.equal(mute.state.kind, 'joining');
  mute.advance(10_020);
  assert.equal(mute.state.kind, 'backing_off');
});

test('a hidden tab pauses, sends no inputs, and resumes', () => {
  const client = welcomed();
  client.advance(100);
  assert.ok(sent(client).includes(0), 'inputs while visible');
  client.setVisible(200, false);
  assert.equal(sent(client).at(-1), 3);
  client.advance(1200);
  assert.ok(!sent(client).includes(0), 'no inputs while hidden');
  client.setVisible(1300, true);
  assert.ok(sent(client).includes(4));
  client.advance(1400);
  assert.ok(sent(client).includes(0));
});

test('bytes that break a rule close with 1002, and a page that does not fit asks for a reload', () => {
  const client = welcomed();
  drain(client);
  for (let attempt = 1; attempt <= 3; attempt++) {
    client.handleMessage(100 * attempt, Uint8Array.of(9));
    assert.ok(drain(client).some(({ kind, code }) => kind === 'close' && code === 1002));
    if (attempt < 3) {
      assert.equal(client.state.kind, 'backing_off');
      client.retryNow(100 * attempt + 1);
      client.handleConnected(100 * attempt + 2);
      client.handleMessage(100 * attempt + 3, WELCOME);
    }
  }
  assert.match(client.state.message, /reload/);
});

test('unchanged inputs are repeated every 8 ticks and changed ones go out at once', () => {
  const client = welcomed();
  const labels = [];
  const collect = () => drain(client).filter(({ bytes }) => bytes?.[0] === 0).forEach(({ bytes }) => labels.push(toHex(bytes)));
  for (let now = 40; now < 2040; now += 16) {
    client.advance(now);
    collect();
  }
  assert.ok(labels.length >= 7 && labels.length <= 10, `${labels.length} inputs in 2 s`);
  client.setInput({ heading: 64, throttle: 3, aim: -1, dash: 0 });
  client.advance(2080);
  collect();
  assert.match(labels.at(-1), /40030000$/);
});

test('the socket lies beside the page, under any prefix, and wss follows https', () => {
  const options = { room: 'a b', name: 'Å&', spectator: true };
  const url = socketUrl('https://example.org/games/sparks/?x=1#y', options);
  assert.equal(url.href, 'wss://example.org/games/sparks/ws?room=a+b&name=%C3%85%26&spectate=1');
  assert.equal(socketUrl('http://[::1]:8080/', { room: 'r', name: 'n' }).href, 'ws://[::1]:8080/ws?room=r&name=n');
});
