// One tick of one avatar whose movement followers do not know: second-order extrapolation with
// decaying acceleration. The mirror of shared/src/wire/cell_frame/free.rs.

import { DecodeError } from './codec.js';
import { VELOCITY_MAX } from './limits.js';
import { CONTEXT, LOW_SHARES } from './model.js';
import { activity, expectAim, expected, followAim, readAim, SURPRISE_MAX } from './motion.js';
import { sized, unary } from './number.js';

/** Lattice points per step of a position of this kind: 1 << 5, 1/128 unit. */
export const FREE_SHIFT = 5;
export const FREE_VELOCITY_SHIFT = FREE_SHIFT + 4;
const DECAY = 11;
const SIZE_STEPS = 15;
const LARGE_MASK = (1 << 20) - 1;
const DISPLACEMENT_MAX = VELOCITY_MAX >> FREE_VELOCITY_SHIFT;

const { FREE_QUIET, FREE_AXIS_QUIET, FREE_SIGN, FREE_SIZE, FREE_LARGE, FREE_TURNED } = CONTEXT;

/** Takes row `row` one tick further. */
export function readFree(coder, world, avatars, row) {
  const x = predict(avatars.vx[row], avatars.accelerationX[row], avatars.residualX[row]);
  const y = predict(avatars.vy[row], avatars.accelerationY[row], avatars.residualY[row]);
  const fromX = avatars.x[row] >> FREE_SHIFT;
  const fromY = avatars.y[row] >> FREE_SHIFT;
  const oldFacing = avatars.facing[row];
  expectAim(avatars, row, oldFacing);
  const active = activity(avatars, row) - 1;
  let residualX = 0;
  let residualY = 0;
  let facing = expected.angle;
  if (coder.decode(LOW_SHARES[FREE_QUIET + (x.kind * 4 + y.kind) * 6 + active]) === 1) {
    residualX = readAxis(coder, x, avatars.residualX[row], 0, y.kind);
    const other = 2 * Math.min(2, Math.abs(residualX)) + (y.kind > 0 ? 1 : 0);
    residualY = readAxis(coder, y, avatars.residualY[row], 1, other);
    const largest = Math.max(Math.abs(residualX), Math.abs(residualY));
    const turned = largest === 0
      ? 1 : coder.decode(LOW_SHARES[FREE_TURNED + active * 2 + (largest > 1 ? 1 : 0)]);
    if (turned === 1) facing = readAim(coder, avatars.surprise[row]);
  }
  const stepsX = fromX + x.displacement + residualX;
  const stepsY = fromY + y.displacement + residualY;
  const toX = lattice(stepsX);
  const toY = lattice(stepsY);
  if (toX >= world.arena.width || toY >= world.arena.height) throw DecodeError.outOfRange('position');
  followAim(avatars, row, oldFacing, facing);
  const movedX = bounded(stepsX - fromX, DISPLACEMENT_MAX);
  const movedY = bounded(stepsY - fromY, DISPLACEMENT_MAX);
  avatars.accelerationX[row] = bounded(movedX - (avatars.vx[row] >> FREE_VELOCITY_SHIFT), 127);
  avatars.accelerationY[row] = bounded(movedY - (avatars.vy[row] >> FREE_VELOCITY_SHIFT), 127);
  avatars.residualX[row] = bounded(residualX, SURPRISE_MAX);
  avatars.residualY[row] = bounded(residualY, SURPRISE_MAX);
  avatars.vx[row] = movedX << FREE_VELOCITY_SHIFT;
  avatars.vy[row] = movedY << FREE_VELOCITY_SHIFT;
  avatars.x[row] = toX;
  avatars.y[row] = toY;
  avatars.facing[row] = facing;
}

function predict(velocity, acceleration, residual) {
  const last = velocity >> FREE_VELOCITY_SHIFT;
  const change = acceleration * DECAY;
  const rounded = (change + 8) >> 4;
  const size = Math.abs(residual);
  const kind = size === 0 && last === 0 && acceleration === 0 ? 0 : 1 + Math.min(2, size);
  return { displacement: last + rounded, fraction: change - (rounded << 4), kind };
}

function readAxis(coder, axis, last, index, other) {
  const fraction = (axis.fraction + 8) >> 2;
  const quiet = ((index * 4 + axis.kind) * 4 + fraction) * 6 + other;
  if (coder.decode(LOW_SHARES[FREE_AXIS_QUIET + quiet]) === 0) return 0;
  const sign = (index * 3 + Math.sign(last) + 1) * 4 + fraction;
  const isNegative = coder.decode(LOW_SHARES[FREE_SIGN + sign]);
  const group = FREE_SIZE + Math.min(Math.abs(last), SURPRISE_MAX) * SIZE_STEPS;
  let size = unary(coder, group, SIZE_STEPS);
  if (size === SIZE_STEPS) size += sized(coder, FREE_LARGE);
  const read = (size & LARGE_MASK) + 1;
  return isNegative === 1 ? -read : read;
}

function bounded(value, bound) {
  return value > bound ? bound : value < -bound ? -bound : value;
}

/** A coordinate in lattice points from one in steps, if it can be one. */
function lattice(steps) {
  if (steps < 0 || steps >= 1 << 20) throw DecodeError.outOfRange('position');
  return steps << FREE_SHIFT;
}
