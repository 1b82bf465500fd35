// One tick of one body under one input, bit for bit what shared/src/game/movement.rs does:
// integers, `+ - >>` and Math.imul only. Run by prediction for the own avatar and by the
// cell frame decoder for every other.

import { COS, DIRECTION_SHIFT, SIN } from './angle.js';
import { VELOCITY_MAX, VELOCITY_UNIT } from './limits.js';

const VELOCITY_SNAP = 64;
const APPROACH_SHIFT = 12;
const APPROACH_ONE = 1 << APPROACH_SHIFT;
const VELOCITY_TO_POSITION_SHIFT = 4;
const VELOCITY_ROUND = 1 << (VELOCITY_TO_POSITION_SHIFT - 1);

/** The standard constants of "Sparks" at a tick rate; a session uses those of `Welcome`. */
export function moveRulesAt(hz) {
  const speed = (level) => Math.trunc((7 * VELOCITY_UNIT * level) / (3 * hz));
  return {
    speed: Int32Array.of(0, speed(1), speed(2), speed(3)),
    approach: Math.min(Math.trunc((9 * APPROACH_ONE) / hz), APPROACH_ONE),
    dashSpeed: Math.trunc((20 * VELOCITY_UNIT) / hz),
    dashTicks: Math.floor((hz + 4) / 5),
    dashCooldownTicks: Math.trunc((hz * 6) / 5),
  };
}

/** Throws a RangeError where constants told by a server would make the step inexact. */
export function validateMoveRules(rules) {
  const check = (name, value, min, max) => {
    if (!(value >= min && value <= max)) {
      throw new RangeError(`movement constant \`${name}\` is ${value}, outside ${min} to ${max}`);
    }
  };
  for (const speed of rules.speed) check('speed', speed, 0, VELOCITY_MAX);
  check('approach', rules.approach, 1, APPROACH_ONE);
  check('dash_speed', rules.dashSpeed, 0, VELOCITY_MAX);
  check('dash_ticks', rules.dashTicks, 1, 255);
  check('dash_cooldown_ticks', rules.dashCooldownTicks, 1, 255);
}

/** Steps row `row` of an `Avatars` table under the input in the same row. */
export function step(avatars, row, rules, arena) {
  const throttle = avatars.throttle[row];
  const heading = avatars.heading[row];
  const aim = avatars.aim[row];
  if (aim >= 0) avatars.facing[row] = aim;
  else if (throttle > 0) avatars.facing[row] = heading;

  let ticksLeft = avatars.dashTicks[row];
  let cooldown = avatars.dashCooldown[row];
  if (avatars.dash[row] === 1 && cooldown === 0 && ticksLeft === 0) {
    ticksLeft = rules.dashTicks;
    cooldown = rules.dashCooldownTicks;
    avatars.dashHeading[row] = throttle > 0 ? heading : avatars.facing[row];
  }
  let vx;
  let vy;
  if (ticksLeft > 0) {
    const along = avatars.dashHeading[row];
    vx = Math.imul(COS[along], rules.dashSpeed) >> DIRECTION_SHIFT;
    vy = Math.imul(SIN[along], rules.dashSpeed) >> DIRECTION_SHIFT;
    avatars.dashTicks[row] = ticksLeft - 1;
  } else {
    const speed = rules.speed[throttle];
    vx = approach(avatars.vx[row], Math.imul(COS[heading], speed) >> DIRECTION_SHIFT, rules.approach);
    vy = approach(avatars.vy[row], Math.imul(SIN[heading], speed) >> DIRECTION_SHIFT, rules.approach);
  }
  if (ticksLeft <= 1) avatars.dashHeading[row] = 0;
  avatars.dashCooldown[row] = cooldown > 0 ? cooldown - 1 : 0;

  // Along x, then along y: a blocked axis loses its velocity, the other keeps it.
  const byX = (vx + VELOCITY_ROUND) >> VELOCITY_TO_POSITION_SHIFT;
  const byY = (vy + VELOCITY_ROUND) >> VELOCITY_TO_POSITION_SHIFT;
  const fromX = arena.clampX(avatars.x[row]);
  const fromY = arena.clampY(avatars.y[row]);
  const x = arena.slideX(fromX, fromY, byX);
  const y = arena.slideY(x, fromY, byY);
  avatars.x[row] = x;
  avatars.y[row] = y;
  avatars.vx[row] = x === fromX + byX ? vx : 0;
  avatars.vy[row] = y === fromY + byY ? vy : 0;
}

function approach(velocity, target, factor) {
  const from = velocity > VELOCITY_MAX ? VELOCITY_MAX : velocity < -VELOCITY_MAX ? -VELOCITY_MAX : velocity;
  const way = target - from;
  if (way < VELOCITY_SNAP && way > -VELOCITY_SNAP) return target;
  return from + (Math.imul(way, factor) >> APPROACH_SHIFT);
}
