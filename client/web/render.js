// Draws a view onto the stage: floor, sparks, trails, avatars, names. Pictures are made once in
// sprites.js and floor.js; a frame copies them.

import { Camera } from './camera.js';
import { Effects } from './effects.js';
import { Floor } from './floor.js';
import { Sprites } from './sprites.js';

/** More device pixels than this per CSS pixel cost time and show nothing. */
const PIXEL_RATIO_MAX = 2;
/** Beyond this many others, names of the farther ones are left out. */
const NAMES_SHOWN_MAX = 120;

export class Renderer {
  constructor(canvas, palette, reducedMotion) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.palette = palette;
    this.reducedMotion = reducedMotion;
    this.camera = new Camera(palette.camera);
    this.sprites = new Sprites(palette);
    this.effects = new Effects(palette, reducedMotion);
    this.floor = null;
    this.arena = null;
    this.wasDashing = new Uint8Array(65536);
  }

  /** A new room: walls and floor of this arena. */
  setArena(arena) {
    this.arena = arena;
    this.floor = new Floor(this.palette, arena);
    this.camera.release();
  }

  /** Matches the canvas to the window. */
  resize() {
    const ratio = Math.min(PIXEL_RATIO_MAX, window.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(window.innerWidth * ratio));
    const height = Math.max(1, Math.round(window.innerHeight * ratio));
    this.ratio = ratio;
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.camera.resize(width, height);
  }

  /** One frame. `names` maps ids to names; `now` is in milliseconds. */
  draw(view, names, now) {
    const { context, camera } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    if (this.floor === null || !camera.placed) return;
    this.sprites.useScale(camera.scale);
    this.floor.draw(context, camera);
    this.leaveTrails(view, now);
    if (view.hasOwn) this.drawLight(view.own);
    this.drawSparks(view.sparks, now);
    this.effects.drawTrails(context, camera, this.sprites, now);
    this.drawAvatars(view);
    this.effects.drawBursts(context, camera, now);
    this.drawNames(view, names);
  }

  leaveTrails(view, now) {
    if (!this.effects.dueTrails(now)) return;
    const { others, own } = view;
    for (let at = 0; at < others.count; at++) {
      if (others.dashing[at] && this.shows(others.x[at], others.y[at])) {
        this.effects.trail(others.id[at], others.x[at], others.y[at], now);
      }
    }
    if (view.hasOwn && own.dashing) this.effects.trail(own.id, own.x, own.y, now);
  }

  drawLight(own) {
    this.context.globalCompositeOperation = 'lighter';
    this.place(this.sprites.light(own.id), own.x, own.y, 1);
    this.context.globalCompositeOperation = 'source-over';
  }

  drawSparks(sparks, now) {
    const { context, camera } = this;
    const { pulse_seconds: seconds, pulse_part: part } = this.palette.spark_shape;
    const sprite = this.sprites.spark;
    const base = sprite.width * (camera.scale / this.sprites.scale);
    for (let at = 0; at < sparks.count; at++) {
      if (!this.shows(sparks.x[at], sparks.y[at])) continue;
      // Each spark pulses and turns in its own phase.
      const phase = this.reducedMotion ? 0 : (now / 1000 / seconds + sparks.id[at] * 0.37) * 2 * Math.PI;
      const size = base * (1 + part * Math.sin(phase));
      const turn = this.reducedMotion ? 0 : phase * 0.12;
      const cos = Math.cos(turn);
      const sin = Math.sin(turn);
      context.setTransform(cos, sin, -sin, cos, camera.screenX(sparks.x[at]), camera.screenY(sparks.y[at]));
      context.drawImage(sprite, -size / 2, -size / 2, size, size);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  drawAvatars(view) {
    const { others, own } = view;
    const { context } = this;
    for (let at = 0; at < others.count; at++) {
      if (this.shows(others.x[at], others.y[at])) this.drawShadow(others.x[at], others.y[at], others.alpha[at]);
    }
    if (view.hasOwn) this.drawShadow(own.x, own.y, 1);
    for (let at = 0; at < others.count; at++) {
      if (!this.shows(others.x[at], others.y[at])) continue;
      context.globalAlpha = others.alpha[at];
      this.drawAvatar(others.id[at], others.x[at], others.y[at], others.facing[at]);
    }
    context.globalAlpha = 1;
    if (view.hasOwn) {
      this.drawAvatar(own.id, own.x, own.y, own.facing);
      this.place(this.sprites.ring, own.x, own.y, 1);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  drawShadow(x, y, alpha) {
    const [dx, dy] = this.palette.avatar.shadow_offset;
    this.context.globalAlpha = alpha;
    this.place(this.sprites.shadow, x + dx, y + dy, 1);
    this.context.globalAlpha = 1;
  }

  drawAvatar(id, x, y, facing) {
    const { context, camera } = this;
    const sprite = this.sprites.avatar(id);
    const angle = (-facing * Math.PI) / 128;
    const zoom = camera.scale / this.sprites.scale;
    const cos = Math.cos(angle) * zoom;
    const sin = Math.sin(angle) * zoom;
    context.setTransform(cos, sin, -sin, cos, camera.screenX(x), camera.screenY(y));
    context.drawImage(sprite, -sprite.width / 2, -sprite.height / 2);
  }

  place(sprite, x, y, size) {
    const { context, camera } = this;
    const zoom = (camera.scale / this.sprites.scale) * size;
    context.setTransform(zoom, 0, 0, zoom, camera.screenX(x), camera.screenY(y));
    context.drawImage(sprite, -sprite.width / 2, -sprite.height / 2);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  drawNames(view, names) {
    const { others, own } = view;
    let shown = 0;
    for (let at = 0; at < others.count && shown < NAMES_SHOWN_MAX; at++) {
      if (!this.shows(others.x[at], others.y[at])) continue;
      const name = names.get(others.id[at]);
      if (name === undefined) continue;
      shown += 1;
      this.context.globalAlpha = others.alpha[at] * 0.9;
      this.drawName(this.sprites.name(others.id[at], name, false), others.x[at], others.y[at]);
    }
    this.context.globalAlpha = 1;
    const ownName = view.hasOwn ? names.get(own.id) : undefined;
    if (ownName !== undefined) this.drawName(this.sprites.name(own.id, ownName, true), own.x, own.y);
  }

  drawName(picture, x, y) {
    const { camera } = this;
    const top = camera.screenY(y + this.palette.avatar.name_above);
    this.context.drawImage(picture, Math.round(camera.screenX(x) - picture.width / 2), Math.round(top - picture.height / 2));
  }

  /** Whether a point is on the screen or near its edge. */
  shows(x, y) {
    const { camera } = this;
    const dx = Math.abs(x - camera.x) * camera.scale;
    const dy = Math.abs(y - camera.y) * camera.scale;
    const edge = camera.scale * 1.5;
    return dx < camera.width / 2 + edge && dy < camera.height / 2 + edge;
  }
}
