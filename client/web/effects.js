// Short-lived drawings: dash trails, pick-up sparkles, bump rings. Pools of fixed size; the oldest
// makes room. Under reduced motion only the rings remain, and fewer of them.

import { withAlpha } from './palette.js';

const TRAILS_MAX = 512;
const BURSTS_MAX = 48;

export class Effects {
  constructor(palette, reducedMotion) {
    this.look = palette.effects;
    this.colours = palette.spark;
    this.bump = palette.ui.text;
    this.reducedMotion = reducedMotion;
    this.trailX = new Float32Array(TRAILS_MAX);
    this.trailY = new Float32Array(TRAILS_MAX);
    this.trailAt = new Float64Array(TRAILS_MAX).fill(-1e9);
    this.trailId = new Uint16Array(TRAILS_MAX);
    this.trailNext = 0;
    this.lastTrail = 0;
    this.bursts = [];
  }

  /** Whether this frame drops trail pictures: at a fixed rate, whatever the display's. */
  dueTrails(now) {
    if (this.reducedMotion || now - this.lastTrail < this.look.trail_interval_seconds * 1000) return false;
    this.lastTrail = now;
    return true;
  }

  trail(id, x, y, now) {
    const at = this.trailNext;
    this.trailNext = (at + 1) % TRAILS_MAX;
    this.trailX[at] = x;
    this.trailY[at] = y;
    this.trailAt[at] = now;
    this.trailId[at] = id;
  }

  burst(kind, x, y, now) {
    if (this.bursts.length >= BURSTS_MAX) this.bursts.shift();
    this.bursts.push({ kind, x, y, at: now, turn: Math.random() * Math.PI });
  }

  drawTrails(context, camera, sprites, now) {
    const life = this.look.trail_seconds * 1000;
    context.globalCompositeOperation = 'lighter';
    for (let at = 0; at < TRAILS_MAX; at++) {
      const age = (now - this.trailAt[at]) / life;
      if (age >= 1) continue;
      const sprite = sprites.trail(this.trailId[at]);
      const size = sprite.width * (camera.scale / sprites.scale) * (1 - age * 0.55);
      context.globalAlpha = (1 - age) * 0.55;
      context.drawImage(
        sprite, camera.screenX(this.trailX[at]) - size / 2, camera.screenY(this.trailY[at]) - size / 2, size, size,
      );
    }
    context.globalAlpha = 1;
    context.globalCompositeOperation = 'source-over';
  }

  drawBursts(context, camera, now) {
    for (let index = this.bursts.length - 1; index >= 0; index--) {
      const burst = this.bursts[index];
      const isBump = burst.kind === 'bump';
      const age = Math.max(0, now - burst.at) / 1000 / (isBump ? this.look.bump_seconds : this.look.pickup_seconds);
      if (age >= 1) {
        this.bursts.splice(index, 1);
        continue;
      }
      const radius = (isBump ? this.look.bump_ring_radius : this.look.pickup_ring_radius) * easeOut(age);
      const x = camera.screenX(burst.x);
      const y = camera.screenY(burst.y);
      context.strokeStyle = withAlpha(isBump ? this.bump : this.colours.body, (1 - age) * 0.8);
      context.lineWidth = Math.max(1, camera.scale * 0.09 * (1 - age));
      context.beginPath();
      context.arc(x, y, radius * camera.scale, 0, 2 * Math.PI);
      context.stroke();
      if (!isBump && !this.reducedMotion) this.drawParticles(context, camera, burst, age, x, y);
    }
  }

  drawParticles(context, camera, burst, age, x, y) {
    const count = this.look.pickup_particles;
    const way = easeOut(age) * this.look.pickup_ring_radius * 1.15 * camera.scale;
    const size = Math.max(0.6, camera.scale * 0.085 * (1 - age));
    context.fillStyle = withAlpha(this.colours.core, 1 - age);
    for (let particle = 0; particle < count; particle++) {
      const angle = burst.turn + (particle * 2 * Math.PI) / count;
      context.beginPath();
      context.arc(x + Math.cos(angle) * way, y + Math.sin(angle) * way, size, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

function easeOut(part) {
  return 1 - (1 - part) * (1 - part);
}
