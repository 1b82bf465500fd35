// The whole arena in a corner: walls, the part on the screen, avatars of the followed cells.

import { playerColour, withAlpha } from './palette.js';

export class Minimap {
  constructor(canvas, palette) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.palette = palette;
    this.ground = null;
    this.arena = null;
  }

  setArena(arena) {
    this.arena = arena;
    const edge = this.canvas.width;
    const longest = Math.max(arena.columns, arena.rows);
    this.scale = edge / (longest * arena.spec.tileUnits);
    this.ground = document.createElement('canvas');
    this.ground.width = edge;
    this.ground.height = edge;
    const context = this.ground.getContext('2d');
    const tile = edge / longest;
    this.high = arena.rows * tile;
    context.fillStyle = withAlpha(this.palette.arena.floor, 0.92);
    context.fillRect(0, 0, arena.columns * tile, this.high);
    context.fillStyle = this.palette.arena.wall_light;
    for (const [x, y, w, h] of arena.spec.walls) {
      context.fillRect(x * tile, this.high - (y + h) * tile, Math.max(1, w * tile), Math.max(1, h * tile));
    }
  }

  draw(view, camera) {
    if (this.arena === null) return;
    const { context, scale, canvas } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.ground, 0, 0);
    context.fillStyle = this.palette.spark.body;
    const { sparks, others, own } = view;
    context.globalAlpha = 0.6;
    for (let at = 0; at < sparks.count; at++) this.dot(sparks.x[at], sparks.y[at], 1.4);
    context.globalAlpha = 1;
    for (let at = 0; at < others.count; at++) {
      context.fillStyle = playerColour(this.palette, others.id[at]);
      this.dot(others.x[at], others.y[at], 3);
    }
    context.strokeStyle = withAlpha(this.palette.ui.text, 0.4);
    context.lineWidth = 1;
    const width = (camera.width / camera.scale) * scale;
    const height = (camera.height / camera.scale) * scale;
    context.strokeRect(camera.x * scale - width / 2, this.high - camera.y * scale - height / 2, width, height);
    if (!view.hasOwn) return;
    context.fillStyle = this.palette.ui.text;
    context.beginPath();
    context.arc(own.x * scale, this.high - own.y * scale, 4, 0, 2 * Math.PI);
    context.fill();
  }

  dot(x, y, size) {
    this.context.fillRect(x * this.scale - size / 2, this.high - y * this.scale - size / 2, size, size);
  }
}
