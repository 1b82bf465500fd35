// The client without I/O: bytes, times and wishes go in, messages, events and a view come out.
// The mirror of client/netcode's `Client`. All times are milliseconds of one monotonic clock.
//
//   connecting --open--> joining --Welcome--> playing --lost--> backing_off --wait--> connecting
//   any --a reason that is not worth a retry, or leave--> ended

import { Backoff } from './backoff.js';
import { IDLE } from './body.js';
import { closeReasonFromCode } from './close.js';
import { DecodeError } from './codec.js';
import { PING_INTERVAL_MS } from './limits.js';
import { ClientMessage } from './message.js';
import { fingerprint } from './model.js';
import { PacketReader } from './packet.js';
import { Play } from './play.js';
import { Stats } from './stats.js';
import { View } from './view.js';

/** An open connection without `Welcome`, or a silent one, is given up after this long. */
const JOIN_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 7_000;
/** A session that held this long was a good one: backoff starts anew. */
const STABLE_MS = 3_000;
/** Something this client does not understand is a violation by the server. */
const PROTOCOL_VIOLATION = 1002;
const UNSUPPORTED_VERSION = 4009;
/** So many in a row mean a page older than the server. */
const VIOLATIONS_MAX = 3;

export class Client {
  constructor(config, now) {
    this.config = { spectator: false, random: Math.random, ticket: null, ...config };
    this.backoff = new Backoff(this.config.random);
    this.ticket = this.config.ticket;
    this.stats = new Stats();
    this.view = new View();
    this.roster = new Map();
    this.leaders = [];
    this.input = IDLE;
    this.visible = true;
    this.play = null;
    this.welcome = null;
    this.transmits = [];
    this.events = [];
    this.goodbye = null;
    this.violations = 0;
    this.connect(now);
  }

  // From the transport.

  handleConnected(now) {
    this.state = { kind: 'joining', until: now + JOIN_TIMEOUT_MS };
    this.connectMs = now - this.connectedFrom;
  }

  /** Takes one WebSocket message. Throws nothing: bytes that break a rule close the session. */
  handleMessage(now, bytes) {
    if (this.state.kind !== 'joining' && this.state.kind !== 'playing') return;
    this.heard = now;
    this.stats.received(bytes.length);
    try {
      const packet = new PacketReader(bytes);
      while (this.state.kind !== 'ended') {
        const block = packet.next(this.play?.ticks ?? null);
        if (block === null) break;
        if (block === this.play?.ticks) this.handleTick(now, bytes);
        else this.handleControl(now, block);
      }
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof RangeError)) throw error;
      this.transmits.push({ kind: 'close', code: PROTOCOL_VIOLATION, reason: error.message.slice(0, 100) });
      this.violations += 1;
      if (this.violations < VIOLATIONS_MAX) this.fail(now, `the server sent something unreadable: ${error.message}`, null);
      else this.end('unsupported_version', 'this page and the server do not fit together: reload the page');
    }
  }

  /** `cause` is { opened, code, reason } of the socket's close event. */
  handleDisconnected(now, cause) {
    if (this.state.kind === 'ended' || this.state.kind === 'backing_off') return;
    const reason = this.goodbye?.reason ?? closeReasonFromCode(cause.code);
    const words = this.goodbye?.message || cause.reason || reason?.text
      || (cause.opened ? 'the connection was lost' : 'the server cannot be reached');
    if (reason !== null && reason.name === 'bad_ticket') {
      this.ticket = null;
      this.fail(now, words, 0);
    } else if (reason !== null && !reason.retry && cause.code !== 1006) {
      this.end(reason.name, words);
    } else {
      this.fail(now, words, this.goodbye?.retryAfterMs ?? null);
    }
  }

  // From the player.

  setInput(input) {
    this.input = input;
  }

  chat(text) {
    if (this.state.kind === 'playing' && text !== '') this.send(ClientMessage.chat(text));
  }

  /** Told when the tab is hidden or shown. A hidden one asks for no ticks. */
  setVisible(now, visible) {
    if (visible === this.visible) return;
    this.visible = visible;
    if (this.state.kind !== 'playing') return;
    this.heard = now;
    if (visible) {
      this.play.resume(now);
      this.send(ClientMessage.resume());
      this.ping(now);
    } else {
      this.play.pause(now).forEach((message) => this.send(message));
      this.send(ClientMessage.pause());
    }
  }

  watch(cell) {
    if (this.state.kind === 'playing' && this.welcome.player === null) this.send(ClientMessage.watch(cell));
  }

  leave() {
    if (this.state.kind === 'playing') this.send(ClientMessage.leave());
    this.transmits.push({ kind: 'close', code: 1000, reason: 'left' });
    this.end('left', 'you left');
  }

  /** Ends a wait at once. */
  retryNow(now) {
    if (this.state.kind === 'backing_off') this.connect(now);
  }

  // Time.

  /** Clock, inputs, prediction and timers; once per frame or timer. */
  advance(now) {
    const { state } = this;
    if (state.kind === 'backing_off' && now >= state.until) this.connect(now);
    else if (state.kind === 'joining' && now >= state.until) {
      this.drop(now, 'the server did not answer');
    } else if (state.kind === 'playing') {
      if (now - this.heard > SILENCE_TIMEOUT_MS && this.visible) this.drop(now, 'the server fell silent');
      else this.advancePlaying(now);
    }
  }

  advancePlaying(now) {
    if (now >= this.nextPing) this.ping(now);
    if (!this.visible) return;
    for (const message of this.play.advance(now, this.input)) this.send(message);
    if (now - this.playingSince > STABLE_MS) {
      this.backoff.reset();
      this.violations = 0;
    }
  }

  /** Refills and returns the view; `seconds` since the last one. */
  refreshView(now, seconds) {
    if (this.play !== null) this.play.refreshView(now, seconds, this.view, this.events);
    return this.view;
  }

  pollTransmit() {
    return this.transmits.shift() ?? null;
  }

  pollEvent() {
    return this.events.shift() ?? null;
  }

  // Below: the inside.

  connect(now) {
    this.state = { kind: 'connecting', attempt: this.backoff.attempt };
    this.connectedFrom = now;
    this.goodbye = null;
    this.transmits.push({ kind: 'connect', ticket: this.ticket });
    this.events.push({ kind: 'connecting', attempt: this.backoff.attempt });
  }

  send(bytes) {
    this.stats.sent(bytes.length);
    this.transmits.push({ kind: 'send', bytes });
  }

  ping(now) {
    this.pingNonce = ((this.pingNonce ?? 0) + 1) >>> 0;
    this.pingSent = now;
    this.nextPing = now + PING_INTERVAL_MS;
    this.send(ClientMessage.ping(this.pingNonce));
  }

  handleTick(now, bytes) {
    const began = performance.now();
    const { play } = this;
    const { desyncs, corrections } = this.stats;
    const pushes = corrections.server_event;
    for (const cell of play.tick(now, bytes)) this.send(ClientMessage.resync(cell));
    if (this.stats.desyncs > desyncs) this.events.push({ kind: 'desync' });
    if (corrections.server_event > pushes && play.wasThrown()) this.events.push({ kind: 'bumped' });
    this.stats.ticked(play.replica.population);
    this.stats.decodeMs += performance.now() - began;
  }

  handleControl(now, message) {
    if (message.kind === 'welcome' && this.play !== null) {
      throw new DecodeError('out_of_order', 'a second `Welcome` arrived');
    }
    switch (message.kind) {
      case 'welcome': return this.handleWelcome(now, message);
      case 'roster':
        for (const { id, name } of message.joined) this.roster.set(id, name);
        for (const id of message.left) this.roster.delete(id);
        return this.events.push({ kind: 'roster' });
      case 'scores':
        this.leaders = message.leaders;
        return this.events.push({ kind: 'scores' });
      case 'chat': {
        const name = message.from === null ? null : this.roster.get(message.from) ?? `p${message.from}`;
        return this.events.push({ kind: 'chat', from: message.from, name, text: message.text });
      }
      case 'pong':
        if (message.nonce === this.pingNonce) this.stats.pong(now - this.pingSent);
        return undefined;
      default:
        this.goodbye = message;
        return undefined;
    }
  }

  handleWelcome(now, welcome) {
    if (welcome.model !== fingerprint()) {
      const hex = (value) => value.toString(16).padStart(8, '0');
      const words = `this page's table of odds (${hex(fingerprint())}) is not that of the server `
        + `(${hex(welcome.model)}, version ${welcome.serverVersion})`;
      this.transmits.push({ kind: 'close', code: UNSUPPORTED_VERSION, reason: words.slice(0, 100) });
      this.end('unsupported_version', `${words}: reload the page`);
      return;
    }
    this.welcome = welcome;
    this.ticket = welcome.ticket === '' ? null : welcome.ticket;
    this.roster.clear();
    this.leaders = [];
    this.play = new Play(welcome, this.connectMs, now, this.stats);
    this.state = { kind: 'playing' };
    this.playingSince = now;
    this.ping(now);
    this.events.push({ kind: 'welcomed', welcome, world: this.play.world });
    if (!this.visible) this.send(ClientMessage.pause());
  }

  drop(now, words) {
    this.transmits.push({ kind: 'close', code: 1000, reason: '' });
    this.fail(now, words, null);
  }

  fail(now, message, hintMs) {
    this.play = null;
    this.stats.reconnects += 1;
    const retryMs = hintMs === 0 ? 0 : this.backoff.next(hintMs);
    this.state = { kind: 'backing_off', until: now + retryMs, message };
    this.events.push({ kind: 'lost', message, retryMs });
  }

  end(reason, message) {
    this.play = null;
    this.state = { kind: 'ended', reason, message };
    this.events.push({ kind: 'ended', reason, message });
  }
}
