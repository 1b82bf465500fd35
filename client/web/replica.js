// A client's copy of the cells it follows: exact, and the only state that frames act on.
// The mirror of client/netcode's replica. Subscriptions follow from the centre cell by the
// grid's rule; a cell is either followed or awaits a keyframe.

import { Cell } from './cell_frame.js';
import { DecodeError } from './codec.js';

/** Ticks to wait for the keyframe of a lost cell before asking again. */
const RESYNC_INTERVAL_TICKS = 30;

export class Replica {
  constructor(world, counters = { keyframes: 0, desyncs: 0 }) {
    this.world = world;
    this.counters = counters;
    /** One entry per cell of the grid; null where the cell is not followed. */
    this.cells = new Array(world.grid.length).fill(null);
    this.block = new Uint16Array(0);
    this.tick = -1;
    this.centre = -1;
    /** Cells that await a keyframe after a desync: cell -> tick of the last request. */
    this.lost = new Map();
    /** Sparks that the last tick took away, as [id, x, y] triples in 1/4 unit. */
    this.sparksGone = [];
  }

  /** Avatars in the followed cells. */
  get population() {
    let count = 0;
    for (const cell of this.block) count += this.cells[cell]?.avatars.length ?? 0;
    return count;
  }

  /**
   * Takes the replica to the tick that `ticks` has just read from `bytes`. Returns the cells to
   * ask a keyframe for (usually none). Throws a DecodeError where the peer broke the protocol.
   */
  apply(ticks, bytes) {
    this.sparksGone.length = 0;
    if (ticks.block !== this.block) this.follow(ticks.block);
    const gap = ticks.tick !== this.tick + 1;
    let requests = NONE;
    for (let index = 0; index < ticks.block.length; index++) {
      const id = ticks.block[index];
      const failed = ticks.isKeyframe[index] === 1
        ? this.applyKeyframe(id, bytes, ticks.partStart[index], ticks.partEnd[index], ticks.tick)
        : this.applyDelta(id, bytes, ticks.partStart[index], ticks.partEnd[index], ticks.tick, gap);
      if (failed && this.isDue(id, ticks.tick)) {
        if (requests === NONE) requests = [];
        requests.push(id);
      }
    }
    this.tick = ticks.tick;
    this.centre = ticks.centre;
    return requests;
  }

  /** Drops the cells that are not in the block any more. */
  follow(block) {
    for (const id of this.block) {
      if (!block.includes(id)) {
        this.cells[id] = null;
        this.lost.delete(id);
      }
    }
    this.block = block;
  }

  applyKeyframe(id, bytes, start, end, tick) {
    const cell = this.cells[id] ?? (this.cells[id] = new Cell(id));
    const healed = this.lost.delete(id);
    this.counters.keyframes += 1;
    const gone = healed || cell.tick !== tick - 1 ? null : this.sparksGone;
    cell.applyKeyframe(this.world, tick, bytes, start, end, gone);
    return false;
  }

  applyDelta(id, bytes, start, end, tick, gap) {
    if (this.lost.has(id)) return true;
    const cell = this.cells[id];
    if (cell === null || gap) {
      throw new DecodeError('delta_without_state', 'a delta arrived for a cell that awaits a keyframe');
    }
    try {
      cell.applyDelta(this.world, tick, bytes, start, end, this.sparksGone);
      return false;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      // Whatever broke it, the replica of this cell is worth nothing; a keyframe heals it.
      this.counters.desyncs += 1;
      this.lost.set(id, -Infinity);
      cell.clear();
      return true;
    }
  }

  isDue(id, tick) {
    if (tick - this.lost.get(id) < RESYNC_INTERVAL_TICKS) return false;
    this.lost.set(id, tick);
    return true;
  }

  /** The followed cell that holds this player's avatar, or null. */
  cellOf(player, hint) {
    const near = hint === null ? null : this.cells[hint.id];
    if (near !== null && near !== undefined && near.avatars.find(player) >= 0) return near;
    for (const id of this.block) {
      const cell = this.cells[id];
      if (cell !== null && cell.avatars.find(player) >= 0) return cell;
    }
    return null;
  }
}

const NONE = Object.freeze([]);
