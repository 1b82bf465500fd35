// One tick of one avatar that the movement step predicts: the mirror of
// shared/src/wire/cell_frame/{motion,avatar}.rs. Everything that happens is read first, then the
// step runs, then what the step could not know is applied.

import { angleDifference } from './angle.js';
import { DecodeError } from './codec.js';
import { VELOCITY_MAX } from './limits.js';
import { CONTEXT, LOW_SHARES } from './model.js';
import { signed, tree, unary } from './number.js';

/** An input is old from here on. */
export const AGE_MAX = 8;
const STILL_MAX = 3;
/** The largest turn that counts as a jitter of the stick. */
const JITTER_MAX = 4;
const CORRECTED_TICKS = 3;
export const SURPRISE_MAX = 3;
/** Bound of the speed of an aim, in 1/8 of 1/256 turn per tick. */
export const AIM_RATE_MAX = 255;
const AIM_RATE_SHIFT = 3;
const AIM_SIZE_STEPS = 12;

const {
  QUIET, AIM_MOVED, INPUT_CHANGED, CORRECTED, MOVE_CHANGED, DASH_CHANGED, AIM_MODE_CHANGED, STOP,
  JITTER, JITTER_SIGN, JITTER_SIZE, TURN, TURN_EIGHTHS, THROTTLE, HEADING, AIM_STOPPED, AIM_SHORT,
  AIM_SIZE, CORRECTION_PART, CORRECTION_VELOCITY, CORRECTION_POSITION,
} = CONTEXT;

/** Where an aim will point if it goes on as before; refilled by `expectAim`. */
export const expected = { angle: 0, delta: 0, fraction: 0, rate: 0 };
/** The input being read. */
const next = { heading: 0, throttle: 0, aim: -1, dash: 0 };

/** Predicts the aim of row `row`, which points at `aim`. */
export function expectAim(avatars, row, aim) {
  const rate = (avatars.aimRate[row] * 31 + 16) >> 5;
  const delta = (rate + (1 << (AIM_RATE_SHIFT - 1))) >> AIM_RATE_SHIFT;
  expected.rate = rate;
  expected.delta = delta;
  expected.fraction = rate - (delta << AIM_RATE_SHIFT);
  expected.angle = (aim + delta) & 255;
}

/** The class of aim of an avatar that has one: resting, just stopped, or moving. */
export function activity(avatars, row) {
  const still = avatars.still[row];
  if (still === 0) return 3 + (avatars.surprise[row] > 2 ? 2 : avatars.surprise[row]);
  return still === STILL_MAX ? 1 : 2;
}

/** Takes row `row` one tick further. */
export function readStep(coder, world, avatars, row) {
  const aim = avatars.aim[row];
  const throttle = avatars.throttle[row];
  const motion = avatars.corrected[row] > 0 ? 3 : throttle === 0 ? 0 : 1 + avatars.isAnalog[row];
  const age = avatars.inputAge[row];
  const ageClass = age >= 8 ? 2 : age >= 2 ? 1 : 0;
  let active = 0;
  if (aim >= 0) {
    expectAim(avatars, row, aim);
    active = activity(avatars, row);
  }
  if (coder.decode(LOW_SHARES[QUIET + (motion * 6 + active) * 3 + ageClass]) === 1) {
    readEvents(coder, world, avatars, row, motion, active);
    return;
  }
  if (aim >= 0) avatars.aim[row] = expected.angle;
  world.step(avatars, row);
  if (age < AGE_MAX) avatars.inputAge[row] = age + 1;
  if (aim >= 0) followAim(avatars, row, aim, expected.angle);
  if (avatars.corrected[row] > 0) avatars.corrected[row] -= 1;
}

function readEvents(coder, world, avatars, row, motion, active) {
  const aims = avatars.aim[row] >= 0 ? 1 : 0;
  const aimMoved = aims === 1 ? coder.decode(LOW_SHARES[AIM_MOVED + motion * 6 + active]) : 0;
  const inputChanged = coder.decode(LOW_SHARES[INPUT_CHANGED + motion * 3 + aims + aimMoved]);
  const corrected = aimMoved === 0 && inputChanged === 0
    ? 1 : coder.decode(LOW_SHARES[CORRECTED + (motion === 3 ? 1 : 0)]);
  next.heading = avatars.heading[row];
  next.throttle = avatars.throttle[row];
  next.aim = aims === 1 ? expected.angle : -1;
  next.dash = avatars.dash[row];
  if (inputChanged === 1) readInput(coder, avatars, row);
  if (aimMoved === 1) {
    if (next.aim < 0) throw DecodeError.outOfRange('aim mode');
    next.aim = readAim(coder, avatars.surprise[row]);
  }
  const { heading, throttle } = next;
  const oldAim = avatars.aim[row];
  const oldHeading = avatars.heading[row];
  const oldThrottle = avatars.throttle[row];
  const isSame = oldHeading === heading && oldThrottle === throttle
    && avatars.dash[row] === next.dash && oldAim >= 0 === next.aim >= 0;
  avatars.setInput(row, next);
  world.step(avatars, row);
  if (corrected === 1) {
    readCorrection(coder, avatars, row);
    checkBody(avatars, row, world);
  }
  if (isSame) {
    if (avatars.inputAge[row] < AGE_MAX) avatars.inputAge[row] += 1;
  } else {
    avatars.inputAge[row] = 0;
    rememberMove(avatars, row, oldHeading, oldThrottle);
  }
  rememberAim(avatars, row, oldAim, next.aim);
  if (corrected === 1) avatars.corrected[row] = CORRECTED_TICKS;
  else if (avatars.corrected[row] > 0) avatars.corrected[row] -= 1;
}

function rememberMove(avatars, row, oldHeading, oldThrottle) {
  const heading = avatars.heading[row];
  const throttle = avatars.throttle[row];
  avatars.tremor[row] = 0;
  if (throttle === 0) return;
  avatars.isAnalog[row] = isAnalog(heading, throttle);
  const turn = angleDifference(oldHeading, heading);
  if (Math.abs(turn) <= JITTER_MAX && oldThrottle === throttle) avatars.tremor[row] = Math.sign(turn);
}

function rememberAim(avatars, row, from, to) {
  if (from >= 0 && to >= 0) followAim(avatars, row, from, to);
  else if (from >= 0 || to >= 0) {
    avatars.still[row] = 0;
    avatars.surprise[row] = 0;
    avatars.aimRate[row] = 0;
  }
}

/** What the aim's way from one angle to another teaches about the next tick. */
export function followAim(avatars, row, from, to) {
  const surprise = Math.abs(angleDifference(expected.angle, to));
  avatars.surprise[row] = surprise > SURPRISE_MAX ? SURPRISE_MAX : surprise;
  const delta = angleDifference(from, to);
  if (delta === 0) {
    avatars.aimRate[row] = 0;
    if (avatars.still[row] < STILL_MAX) avatars.still[row] += 1;
    return;
  }
  const rate = expected.rate + ((((delta << AIM_RATE_SHIFT) - expected.rate) * 3) >> 2);
  avatars.aimRate[row] = rate > AIM_RATE_MAX ? AIM_RATE_MAX : rate < -AIM_RATE_MAX ? -AIM_RATE_MAX : rate;
  avatars.still[row] = 0;
}

/** A changed input, its moved aim apart: from `next` into `next`. */
function readInput(coder, avatars, row) {
  const analog = avatars.isAnalog[row];
  const { heading, throttle } = next;
  const moves = throttle !== 0 ? 1 : 0;
  const moved = coder.decode(LOW_SHARES[MOVE_CHANGED + analog * 2 + moves]);
  const dashChanged = coder.decode(LOW_SHARES[DASH_CHANGED + moved * 2 + next.dash]);
  const modeChanged = moved === 0 && dashChanged === 0 ? 1 : coder.decode(LOW_SHARES[AIM_MODE_CHANGED]);
  if (moved === 1) {
    readMove(coder, analog, moves, avatars.tremor[row]);
    if (next.throttle === 0) next.heading = 0;
    if (next.heading === heading && next.throttle === throttle) throw DecodeError.outOfRange('input change');
  }
  if (modeChanged === 1) {
    next.aim = next.aim >= 0 ? -1 : (avatars.facing[row] + coder.raw(8)) & 255;
  }
  next.dash ^= dashChanged;
}

/** A heading and throttle that differ from the last ones. */
function readMove(coder, analog, moves, tremor) {
  if (moves === 1) {
    if (coder.decode(LOW_SHARES[STOP + analog]) === 1) {
      next.throttle = 0;
      return;
    }
    if (coder.decode(LOW_SHARES[JITTER + analog]) === 1) {
      const clockwise = coder.decode(LOW_SHARES[JITTER_SIGN + tremor + 1]);
      const size = tree(coder, JITTER_SIZE, 2) + 1;
      next.heading = (next.heading + (clockwise === 1 ? -size : size)) & 255;
      return;
    }
  } else {
    // From rest the heading is zero, so eighths count from the x axis.
    next.heading = 0;
    next.throttle = 3;
  }
  if (coder.decode(LOW_SHARES[TURN + analog * 2 + moves]) === 1) {
    const eighths = tree(coder, TURN_EIGHTHS + 7 * moves, 3);
    next.heading = (next.heading + (eighths << 5)) & 255;
    return;
  }
  next.throttle = readThrottle(coder);
  next.heading = (next.heading + readTurn(coder)) & 255;
}

/** A throttle of 1 to 3. */
export function readThrottle(coder) {
  if (coder.decode(LOW_SHARES[THROTTLE]) === 1) return 3;
  return coder.decode(LOW_SHARES[THROTTLE + 1]) === 1 ? 2 : 1;
}

/** A turn of any size; follows the throttle. */
export function readTurn(coder) {
  const high = tree(coder, HEADING, 3);
  return (high << 5) | coder.raw(5);
}

/** An aim that differs from its prediction, told relative to the direction of the turn. */
export function readAim(coder, surprise) {
  const { angle, delta, fraction } = expected;
  const forward = delta < 0 ? -1 : 1;
  const speed = Math.min(delta * forward, 3);
  if (speed === 3 && coder.decode(LOW_SHARES[AIM_STOPPED]) === 1) return (angle - delta) & 255;
  const fallsShort = coder.decode(LOW_SHARES[AIM_SHORT + speed * 9 + fraction * forward + 4]);
  const sizes = fallsShort === 1 ? speed % 3 : 0;
  const group = AIM_SIZE + (Math.min(surprise, 2) * 3 + sizes) * AIM_SIZE_STEPS;
  let size = unary(coder, group, AIM_SIZE_STEPS);
  if (size === AIM_SIZE_STEPS) size += coder.raw(7);
  const turn = (size + 1) * (fallsShort === 1 ? -forward : forward);
  if (turn > 127 || turn < -128) throw DecodeError.outOfRange('aim');
  return (angle + turn) & 255;
}

/** Reads where something other than the step left a body, and puts it there. */
function readCorrection(coder, avatars, row) {
  const velocity = coder.decode(LOW_SHARES[CORRECTION_PART]);
  const position = coder.decode(LOW_SHARES[CORRECTION_PART + 1]);
  const facing = coder.decode(LOW_SHARES[CORRECTION_PART + 2]);
  const dash = velocity === 0 && position === 0 && facing === 0
    ? 1 : coder.decode(LOW_SHARES[CORRECTION_PART + 3]);
  if (velocity === 1) {
    avatars.vx[row] += signed(coder, CORRECTION_VELOCITY);
    avatars.vy[row] += signed(coder, CORRECTION_VELOCITY);
  }
  if (position === 1) {
    avatars.x[row] += signed(coder, CORRECTION_POSITION);
    avatars.y[row] += signed(coder, CORRECTION_POSITION);
  }
  if (facing === 1) avatars.facing[row] = coder.raw(8);
  if (dash === 1) readDash(coder, avatars, row);
}

/** A dash in full; canonical, but not yet checked against the rules. */
export function readDash(coder, avatars, row) {
  avatars.dashTicks[row] = coder.raw(8);
  avatars.dashCooldown[row] = coder.raw(8);
  avatars.dashHeading[row] = avatars.dashTicks[row] > 0 ? coder.raw(8) : 0;
}

/** Refuses a body that no step and no rule can have made. */
export function checkBody(avatars, row, world) {
  const { arena, movement } = world;
  if (arena.clampX(avatars.x[row]) !== avatars.x[row] || arena.clampY(avatars.y[row]) !== avatars.y[row]) {
    throw DecodeError.outOfRange('position');
  }
  if (Math.abs(avatars.vx[row]) > VELOCITY_MAX || Math.abs(avatars.vy[row]) > VELOCITY_MAX) {
    throw DecodeError.outOfRange('velocity');
  }
  if (avatars.dashTicks[row] > movement.dashTicks || avatars.dashCooldown[row] > movement.dashCooldownTicks) {
    throw DecodeError.outOfRange('dash');
  }
}

/** Whether a heading and throttle in force are none of a keyboard's, as 0 or 1. */
export function isAnalog(heading, throttle) {
  return throttle !== 0 && (throttle !== 3 || (heading & 31) !== 0) ? 1 : 0;
}
