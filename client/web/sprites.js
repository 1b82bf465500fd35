// Pictures drawn once and copied often: avatars by colour, names, glows. All are remade when the
// scale changes enough to show.

import { playerColour, shade, withAlpha } from './palette.js';

/** Half the edge of an avatar's picture in units: the nose reaches furthest. */
const AVATAR_EXTENT = 0.9;
const NAMES_MAX = 600;
const LIGHT_RADIUS = 4.5;
/** Close by, avatars grow and their names do not. */
const NAME_PIXELS_MAX = 26;

export class Sprites {
  constructor(palette) {
    this.palette = palette;
    this.scale = 0;
    this.avatars = [];
    this.names = new Map();
  }

  /** Pixels per unit that the pictures are for; drops those of another scale. */
  useScale(scale) {
    if (this.scale !== 0 && Math.abs(scale / this.scale - 1) < 0.12) return;
    this.scale = scale;
    this.avatars = [];
    this.names.clear();
    this.shadow = this.makeShadow();
    this.spark = this.makeSpark();
    this.ring = this.makeRing();
    this.lights = [];
    this.trails = [];
  }

  avatar(id) {
    const index = id % this.palette.players.length;
    return (this.avatars[index] ??= this.makeAvatar(playerColour(this.palette, id)));
  }

  trail(id) {
    const index = id % this.palette.players.length;
    return (this.trails[index] ??= this.glow(0.62, playerColour(this.palette, id), 0.55));
  }

  /** The light that the own avatar throws on the floor. */
  light(id) {
    const index = id % this.palette.players.length;
    return (this.lights[index] ??= this.glow(LIGHT_RADIUS, playerColour(this.palette, id), 0.12));
  }

  name(id, name, isOwn) {
    const key = isOwn ? -1 : id;
    const known = this.names.get(key);
    if (known !== undefined && known.name === name) return known.canvas;
    if (this.names.size >= NAMES_MAX) this.names.delete(this.names.keys().next().value);
    const canvas = this.makeName(name, isOwn);
    this.names.set(key, { name, canvas });
    return canvas;
  }

  makeAvatar(colour) {
    const { avatar: a } = this.palette;
    const { canvas, context: c } = this.square(AVATAR_EXTENT);
    // The nose lies under the body and shows where the avatar looks.
    c.beginPath();
    c.moveTo(a.nose_tip, 0);
    c.lineTo(a.nose_base, a.nose_half_width);
    c.lineTo(a.nose_base, -a.nose_half_width);
    c.closePath();
    c.fillStyle = shade(colour, a.rim_shade);
    c.strokeStyle = shade(colour, a.rim_shade);
    c.lineWidth = a.rim;
    c.lineJoin = 'round';
    c.fill();
    c.stroke();
    disc(c, 0, 0, a.radius, shade(colour, a.rim_shade));
    const body = c.createRadialGradient(0.06, 0, 0.05, 0, 0, a.radius - a.rim);
    body.addColorStop(0, shade(colour, 1.35));
    body.addColorStop(0.55, colour);
    body.addColorStop(1, shade(colour, 0.86));
    disc(c, 0, 0, a.radius - a.rim, body);
    for (const side of [-1, 1]) {
      disc(c, a.eye_forward, side * a.eye_side, a.eye_radius, this.palette.ui.ink);
      disc(c, a.eye_forward + 0.035, side * a.eye_side + 0.03, a.eye_radius * 0.36, '#ffffff');
    }
    return canvas;
  }

  makeShadow() {
    const { canvas, context: c } = this.square(0.8);
    const fade = c.createRadialGradient(0, 0, 0.25, 0, 0, 0.72);
    fade.addColorStop(0, withAlpha(this.palette.arena.shadow, 0.75));
    fade.addColorStop(1, withAlpha(this.palette.arena.shadow, 0));
    disc(c, 0, 0, 0.78, fade);
    return canvas;
  }

  makeSpark() {
    const { spark, spark_shape: shape } = this.palette;
    const { canvas, context: c } = this.square(shape.glow_radius);
    const glow = c.createRadialGradient(0, 0, 0, 0, 0, shape.glow_radius);
    glow.addColorStop(0, withAlpha(spark.glow, 0.65));
    glow.addColorStop(0.35, withAlpha(spark.glow, 0.22));
    glow.addColorStop(1, withAlpha(spark.glow, 0));
    disc(c, 0, 0, shape.glow_radius, glow);
    // A four-pointed star, as sparks are drawn.
    const long = shape.body_radius * 1.5;
    const short = shape.body_radius * 0.42;
    c.beginPath();
    for (let point = 0; point < 8; point++) {
      const radius = point % 2 === 0 ? long : short;
      c.lineTo(Math.cos((point * Math.PI) / 4) * radius, Math.sin((point * Math.PI) / 4) * radius);
    }
    c.closePath();
    c.fillStyle = spark.body;
    c.fill();
    disc(c, 0, 0, shape.core_radius, spark.core);
    return canvas;
  }

  makeRing() {
    const { avatar: a, ui } = this.palette;
    const { canvas, context: c } = this.square(AVATAR_EXTENT);
    c.strokeStyle = withAlpha(ui.text, 0.85);
    c.lineWidth = a.own_ring_width;
    c.beginPath();
    c.arc(0, 0, a.own_ring_radius, 0, 2 * Math.PI);
    c.stroke();
    return canvas;
  }

  /** A soft disc of one colour. */
  glow(radius, colour, alpha) {
    const { canvas, context: c } = this.square(radius);
    const fade = c.createRadialGradient(0, 0, 0, 0, 0, radius);
    fade.addColorStop(0, withAlpha(colour, alpha));
    fade.addColorStop(0.6, withAlpha(colour, alpha * 0.45));
    fade.addColorStop(1, withAlpha(colour, 0));
    disc(c, 0, 0, radius, fade);
    return canvas;
  }

  makeName(name, isOwn) {
    const height = Math.min(NAME_PIXELS_MAX, Math.max(11, Math.round(this.palette.avatar.name_height * this.scale)));
    const font = `600 ${height}px system-ui, sans-serif`;
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    context.font = font;
    canvas.width = Math.ceil(context.measureText(name).width) + 8;
    canvas.height = Math.ceil(height * 1.4);
    context.font = font;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.lineWidth = 3;
    context.strokeStyle = withAlpha(this.palette.arena.outside, 0.85);
    context.fillStyle = isOwn ? this.palette.ui.text : shade(this.palette.ui.text, 0.86);
    context.strokeText(name, canvas.width / 2, canvas.height / 2);
    context.fillText(name, canvas.width / 2, canvas.height / 2);
    return canvas;
  }

  /** A canvas of `extent` units each way, whose context counts in units with y up. */
  square(extent) {
    const canvas = document.createElement('canvas');
    canvas.width = Math.ceil(extent * 2 * this.scale) + 2;
    canvas.height = canvas.width;
    const context = canvas.getContext('2d');
    context.setTransform(this.scale, 0, 0, -this.scale, canvas.width / 2, canvas.height / 2);
    return { canvas, context };
  }
}

export function disc(context, x, y, radius, fill) {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
