// One welcomed session: world, replica, clock, prediction and interpolation, and what passes
// between them. Lives from `Welcome` to the end of the connection.

import { IDLE, sameInput } from './body.js';
import { Clock } from './clock.js';
import { Interpolation } from './interpolation.js';
import { INPUT_INTERVAL_TICKS_MAX } from './limits.js';
import { ClientMessage } from './message.js';
import { Pickups } from './pickups.js';
import { Prediction } from './prediction.js';
import { Replica } from './replica.js';
import { TickReader } from './tick_message.js';
import { World } from './world.js';

/** Ticks that one frame may catch up by single inputs; beyond it the gap is jumped. */
const CATCH_UP_TICKS_MAX = 6;

export class Play {
  constructor(welcome, connectMs, now, stats) {
    this.stats = stats;
    this.player = welcome.player;
    this.world = new World(welcome.arena, welcome.tickRate, welcome.movement);
    this.ticks = new TickReader(this.world.grid);
    this.replica = new Replica(this.world, stats);
    // Opening a WebSocket takes two round trips or more; the first margins mend the guess.
    this.roundTripMs = connectMs / 2;
    this.clock = new Clock(welcome.tickRate, welcome.tick, this.roundTripMs, now);
    this.prediction = new Prediction(this.world, stats.corrections);
    this.interpolation = new Interpolation(this.world);
    this.pickups = new Pickups();
    this.ownCell = null;
    this.ownRow = -1;
    this.inputTick = Math.floor(this.clock.tick) - 1;
    this.sent = null;
    this.sentTick = -Infinity;
    this.effect = { tick: -1, sentAt: 0, ms: NaN };
    this.live = IDLE;
  }

  /** A tick message has been read into `ticks`. Returns cells to ask a keyframe for. */
  tick(now, bytes) {
    const { replica, ticks } = this;
    const requests = replica.apply(ticks, bytes);
    this.interpolation.record(replica, now);
    this.pickups.gone(replica.sparksGone, ticks.tick);
    if (this.player === null) return requests;
    this.clock.advance(now);
    this.clock.report(now, ticks.tick, ticks.margin);
    this.clock.check(now, ticks.tick, Number.isNaN(this.stats.rttMs) ? this.roundTripMs : this.stats.rttMs);
    this.ownCell = replica.cellOf(this.player, this.ownCell);
    if (this.ownCell !== null) {
      this.ownRow = this.ownCell.avatars.find(this.player);
      this.prediction.confirm(ticks.tick, this.ownCell.avatars, this.ownRow);
    }
    if (this.effect.tick >= 0 && ticks.tick >= this.effect.tick) {
      this.effect.ms = now - this.effect.sentAt;
      this.effect.tick = -1;
    }
    return requests;
  }

  /** Whether the own body goes as fast as only a dash of its own or of somebody else makes it. */
  wasThrown() {
    if (this.ownCell === null) return false;
    const { avatars } = this.ownCell;
    const speed = Math.hypot(avatars.vx[this.ownRow], avatars.vy[this.ownRow]);
    return avatars.dashTicks[this.ownRow] === 0 && speed > this.world.movement.dashSpeed * 0.8;
  }

  /** Runs the clock and every tick that has begun. Returns the messages to send. */
  advance(now, input) {
    this.clock.advance(now);
    this.live = input;
    if (this.player === null) return NOTHING;
    const target = Math.floor(this.clock.tick);
    if (target < this.inputTick) {
      // The clock was set back. The server drops inputs of later ticks as soon as one of an
      // earlier tick comes, so one goes out at once.
      this.inputTick = target - 1;
      this.prediction.rewind(target - 1);
      this.sent = null;
    }
    const { prediction } = this;
    if (target - this.inputTick > CATCH_UP_TICKS_MAX) this.inputTick = target - 1;
    let messages = NOTHING;
    while (this.inputTick < target) {
      this.inputTick += 1;
      const message = this.inputMessage(now, this.inputTick, input);
      if (message !== null) messages = messages === NOTHING ? [message] : [...messages, message];
      while (prediction.tick < this.inputTick - 1 && prediction.advance(this.sent ?? IDLE));
      if (prediction.tick < this.inputTick) prediction.advance(input);
    }
    return messages;
  }

  /** An input goes out when it differs from the last one, and every few ticks. */
  inputMessage(now, tick, input) {
    const changed = this.sent === null || !sameInput(this.sent, input);
    if (!changed && tick - this.sentTick < INPUT_INTERVAL_TICKS_MAX) return null;
    if (changed && this.effect.tick < 0) {
      this.effect.tick = tick;
      this.effect.sentAt = now;
    }
    this.sent = input;
    this.sentTick = tick;
    this.clock.sent(tick);
    return ClientMessage.input(tick, input);
  }

  /** The tab was hidden: stand still. Returns the messages to send. */
  pause(now) {
    this.clock.advance(now);
    if (this.player === null || this.sent === null || sameInput(this.sent, IDLE)) return NOTHING;
    this.sent = IDLE;
    this.sentTick = Math.floor(this.clock.tick) + 1;
    return [ClientMessage.input(this.sentTick, IDLE)];
  }

  /** The tab is shown again: everything drawn starts anew with the keyframes. */
  resume(now) {
    this.clock.advance(now);
    this.inputTick = Math.floor(this.clock.tick) - 1;
    this.sent = null;
    this.sentTick = -Infinity;
    this.interpolation.restart();
    this.pickups.clear();
    this.prediction = new Prediction(this.world, this.stats.corrections);
  }

  refreshView(now, seconds, view, events) {
    const { prediction, interpolation } = this;
    this.clock.framed(seconds * 1000);
    view.hasOwn = this.player !== null && prediction.ready;
    view.tick = this.replica.tick;
    if (view.hasOwn) {
      prediction.smooth(seconds);
      prediction.view(this.clock.tick - prediction.tick, this.live, view.own);
      view.own.id = this.player;
      view.own.score = this.ticks.score;
    }
    const own = view.hasOwn ? this.player : -1;
    interpolation.view(this.replica, now, own, seconds, view.others);
    view.lagging = interpolation.lagging;
    this.pickups.view(
      this.replica, interpolation.playout.tick, view.hasOwn ? prediction.current : null, now, view.sparks,
      (x, y, isOwn) => events.push({ kind: 'picked_up', x, y, isOwn }),
    );
  }
}

const NOTHING = Object.freeze([]);
