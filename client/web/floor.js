// Floor and walls: they never change, so they are drawn once into square chunks and copied.

import { withAlpha } from './palette.js';
import { disc } from './sprites.js';

const CHUNK_UNITS = 16;
const CHUNKS_MAX = 60;
/** Distance of the dots around the arena, and the size of their picture. */
const DOT_UNITS = 2;
const DOT_PIXELS = 64;

export class Floor {
  constructor(palette, arena) {
    this.palette = palette;
    this.arena = arena;
    this.tile = arena.spec.tileUnits;
    this.widthUnits = arena.columns * this.tile;
    this.heightUnits = arena.rows * this.tile;
    this.chunks = new Map();
    this.scale = 0;
  }

  draw(context, camera) {
    if (this.scale === 0 || Math.abs(camera.scale / this.scale - 1) > 0.25) {
      this.scale = camera.scale;
      this.chunks.clear();
    }
    this.drawOutside(context, camera);
    // At the scale that the chunks were made for, a copy needs no filter.
    context.imageSmoothingEnabled = Math.abs(camera.scale / this.scale - 1) > 0.01;
    const first = (screen) => Math.floor(screen / CHUNK_UNITS);
    const left = Math.max(-1, first(camera.worldX(0)));
    const right = Math.min(first(this.widthUnits + 1), first(camera.worldX(camera.width)));
    const low = Math.max(-1, first(camera.worldY(camera.height)));
    const high = Math.min(first(this.heightUnits + 1), first(camera.worldY(0)));
    for (let row = low; row <= high; row++) {
      for (let column = left; column <= right; column++) {
        const x = Math.round(camera.screenX(column * CHUNK_UNITS));
        const y = Math.round(camera.screenY((row + 1) * CHUNK_UNITS));
        const toX = Math.round(camera.screenX((column + 1) * CHUNK_UNITS));
        const toY = Math.round(camera.screenY(row * CHUNK_UNITS));
        context.drawImage(this.chunk(column, row), x, y, toX - x, toY - y);
      }
    }
    context.imageSmoothingEnabled = true;
  }

  /** Around the arena: a field of dots, so that one sees oneself move there too. */
  drawOutside(context, camera) {
    context.fillStyle = this.palette.arena.outside;
    context.fillRect(0, 0, camera.width, camera.height);
    const left = camera.worldX(0) < 0 || camera.worldX(camera.width) > this.widthUnits;
    const low = camera.worldY(camera.height) < 0 || camera.worldY(0) > this.heightUnits;
    if (!left && !low) return;
    this.dots ??= this.makeDots(context);
    const zoom = (camera.scale * DOT_UNITS) / DOT_PIXELS;
    this.dots.setTransform(new DOMMatrix([zoom, 0, 0, zoom, camera.screenX(0), camera.screenY(0)]));
    context.fillStyle = this.dots;
    context.fillRect(0, 0, camera.width, camera.height);
  }

  makeDots(context) {
    const canvas = document.createElement('canvas');
    canvas.width = DOT_PIXELS;
    canvas.height = DOT_PIXELS;
    disc(canvas.getContext('2d'), DOT_PIXELS / 2, DOT_PIXELS / 2, DOT_PIXELS / 28, this.palette.arena.floor_line);
    return context.createPattern(canvas, 'repeat');
  }

  chunk(column, row) {
    const key = row * 4096 + column;
    let canvas = this.chunks.get(key);
    if (canvas === undefined) {
      if (this.chunks.size >= CHUNKS_MAX) this.chunks.delete(this.chunks.keys().next().value);
      canvas = this.makeChunk(column * CHUNK_UNITS, row * CHUNK_UNITS);
    } else {
      this.chunks.delete(key);
    }
    // The map keeps the order of use.
    this.chunks.set(key, canvas);
    return canvas;
  }

  makeChunk(left, low) {
    const canvas = document.createElement('canvas');
    canvas.width = Math.ceil(CHUNK_UNITS * this.scale);
    canvas.height = canvas.width;
    const context = canvas.getContext('2d');
    const scale = canvas.width / CHUNK_UNITS;
    context.setTransform(scale, 0, 0, -scale, -left * scale, (low + CHUNK_UNITS) * scale);
    this.drawTiles(context, left, low);
    const near = this.arena.spec.walls.map((rect) => rect.map((tiles) => tiles * this.tile))
      .filter(([x, y, w, h]) => x < left + CHUNK_UNITS + 1 && x + w > left - 1
        && y < low + CHUNK_UNITS + 1 && y + h > low - 1);
    this.drawWalls(context, near);
    this.drawBorder(context);
    return canvas;
  }

  drawTiles(context, left, low) {
    const { arena: colours } = this.palette;
    // Squares of four units whatever the tile, so that every arena has the same grain.
    const edge = Math.max(4, this.tile);
    for (let y = Math.max(0, low); y < Math.min(this.heightUnits, low + CHUNK_UNITS); y += edge) {
      for (let x = Math.max(0, left); x < Math.min(this.widthUnits, left + CHUNK_UNITS); x += edge) {
        const odd = (x / edge + y / edge) % 2 !== 0;
        context.fillStyle = odd ? colours.floor_alt : colours.floor;
        context.fillRect(x, y, Math.min(edge, this.widthUnits - x), Math.min(edge, this.heightUnits - y));
        context.fillStyle = colours.floor_line;
        context.fillRect(x, y, edge, 0.04);
        context.fillRect(x, y, 0.04, edge);
      }
    }
    // A small cross where four big squares meet.
    context.fillStyle = colours.floor_mark;
    const mark = edge * 4;
    for (let y = Math.floor(low / mark) * mark; y <= low + CHUNK_UNITS; y += mark) {
      for (let x = Math.floor(left / mark) * mark; x <= left + CHUNK_UNITS; x += mark) {
        if (x <= 0 || y <= 0 || x >= this.widthUnits || y >= this.heightUnits) continue;
        context.fillRect(x - 0.45, y - 0.05, 0.9, 0.1);
        context.fillRect(x - 0.05, y - 0.45, 0.1, 0.9);
      }
    }
  }

  drawWalls(context, walls) {
    const { arena: colours, wall } = this.palette;
    const [shadowX, shadowY] = wall.shadow_offset;
    context.fillStyle = withAlpha(colours.shadow, 0.5);
    for (const part of [0.5, 1]) {
      for (const [x, y, w, h] of walls) context.fillRect(x + shadowX * part, y + shadowY * part, w, h);
    }
    // All feet first, then all tops, so that walls that touch look like one.
    context.fillStyle = colours.wall_dark;
    for (const [x, y, w, h] of walls) context.fillRect(x, y, w, h);
    const bevel = wall.bevel;
    for (const [x, y, w, h] of walls) this.drawEdges(context, x, y, w, h, bevel);
  }

  /** The top of one wall: light from the upper left, edges only where no wall follows. */
  drawEdges(context, x, y, w, h, bevel) {
    const { arena: colours } = this.palette;
    const { tile } = this;
    for (let row = y / tile; row < (y + h) / tile; row++) {
      for (let column = x / tile; column < (x + w) / tile; column++) {
        const left = this.solidInside(column - 1, row) ? 0 : bevel;
        const right = this.solidInside(column + 1, row) ? 0 : bevel;
        const up = this.solidInside(column, row + 1) ? 0 : bevel;
        const down = this.solidInside(column, row - 1) ? 0 : bevel;
        const tx = column * tile;
        const ty = row * tile;
        context.fillStyle = colours.wall_top;
        context.fillRect(tx + left - 0.02, ty + down - 0.02, tile - left - right + 0.04, tile - up - down + 0.04);
        context.fillStyle = colours.wall_light;
        if (up) context.fillRect(tx, ty + tile - bevel, tile, bevel * 0.55);
        if (left) context.fillRect(tx, ty, bevel * 0.55, tile);
        context.fillStyle = colours.wall_dark;
        if (down) context.fillRect(tx, ty, tile, bevel);
        if (right) context.fillRect(tx + tile - bevel, ty, bevel, tile);
      }
    }
  }

  solidInside(column, row) {
    return column >= 0 && row >= 0 && column < this.arena.columns && row < this.arena.rows
      && this.arena.isSolid(column, row);
  }

  drawBorder(context) {
    context.strokeStyle = this.palette.arena.border;
    context.lineWidth = 0.3;
    context.strokeRect(-0.15, -0.15, this.widthUnits + 0.3, this.heightUnits + 0.3);
    context.strokeStyle = withAlpha(this.palette.arena.shadow, 0.6);
    context.lineWidth = 0.5;
    context.strokeRect(0.25, 0.25, this.widthUnits - 0.5, this.heightUnits - 0.5);
  }
}
