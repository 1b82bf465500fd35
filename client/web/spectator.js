// Watching without playing: follows the leader while it is in sight, or roams by the keys.

import { UNIT } from './limits.js';

const ROAM_UNITS_PER_SECOND = 24;

export class Spectator {
  constructor(camera) {
    this.camera = camera;
    this.x = 0;
    this.y = 0;
    this.following = true;
    this.watched = -1;
  }

  start(arena) {
    this.x = arena.width / UNIT / 2;
    this.y = arena.height / UNIT / 2;
    this.watched = -1;
  }

  follow() {
    this.following = true;
  }

  /** Moves for one frame; returns the cell to watch from now on, or null if it is the same. */
  move(client, controls, seconds) {
    const { play } = client;
    const { arena, grid } = play.world;
    if (this.watched < 0 && play.ticks.told) {
      // The server chose the first centre: the leader's cell, or the middle.
      this.watched = play.ticks.centre;
      this.x = (grid.cornerX(this.watched) + grid.cellEdge / 2) / UNIT;
      this.y = (grid.cornerY(this.watched) + grid.cellEdge / 2) / UNIT;
      this.camera.release();
    }
    const keys = controls.keys();
    const stick = controls.touch?.move ?? { x: 0, y: 0 };
    const dx = keys.x + stick.x;
    const dy = keys.y + stick.y;
    if (dx !== 0 || dy !== 0) {
      this.following = false;
      this.x += dx * ROAM_UNITS_PER_SECOND * seconds;
      this.y += dy * ROAM_UNITS_PER_SECOND * seconds;
    } else if (this.following) {
      this.followLeader(client);
    }
    this.x = Math.min(arena.width / UNIT - 1, Math.max(1, this.x));
    this.y = Math.min(arena.height / UNIT - 1, Math.max(1, this.y));
    if (this.watched < 0) return null;
    const cell = grid.cellWithHysteresis(Math.round(this.x * UNIT), Math.round(this.y * UNIT), this.watched);
    if (cell === this.watched) return null;
    this.watched = cell;
    return cell;
  }

  followLeader(client) {
    const { others } = client.view;
    for (const { id } of client.leaders) {
      for (let at = 0; at < others.count; at++) {
        if (others.id[at] === id) {
          this.x = others.x[at];
          this.y = others.y[at];
          return;
        }
      }
    }
    if (others.count > 0 && client.leaders.length === 0) {
      this.x = others.x[0];
      this.y = others.y[0];
    }
  }
}
