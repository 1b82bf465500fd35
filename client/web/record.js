// Whole avatars and sparks, the parts of a keyframe, and what enters a cell: the mirror of
// shared/src/wire/cell_frame/record.rs.

import { COS, DIRECTION_SHIFT, SIN } from './angle.js';
import { DecodeError } from './codec.js';
import { FREE_SHIFT, FREE_VELOCITY_SHIFT } from './free.js';
import { SPARK_STEP, UNIT_SHIFT, VELOCITY_MAX } from './limits.js';
import { CONTEXT, LOW_SHARES } from './model.js';
import {
  AGE_MAX, AIM_RATE_MAX, checkBody, isAnalog, readDash, readThrottle, readTurn, SURPRISE_MAX,
} from './motion.js';
import { below, signed, sized, tree } from './number.js';

const COORDINATE_BITS = 10 + UNIT_SHIFT;
const SPARK_BITS = 12;
const SPARK_SHIFT = 31 - Math.clz32(SPARK_STEP);

const {
  ID_GAP, ENTER_ID, PREDICTOR, OUTSIDE, RECORD_MOVES, RECORD_ANALOG, RECORD_AIMS, RECORD_DASH_HELD,
  RECORD_UNSTEADY, RECORD_VELOCITY, RECORD_FACING, RECORD_DASH, RECORD_AGE, RECORD_STYLE,
  RECORD_TREMOR, RECORD_CORRECTED, RECORD_STILL, RECORD_SURPRISE, RECORD_AIM_RATE, RECORD_DISPLACEMENT,
  RECORD_ACCELERATION, RECORD_RESIDUAL, SPARK_GAP, SPARK_ENTER_ID, SPARK_OUTSIDE,
} = CONTEXT;

/** A place being read. */
const place = { x: 0, y: 0 };
/** The spark that `readSpark` read last. */
export const spark = { id: 0, x: 0, y: 0 };

/** The identifier of an avatar of a record, from `first` on. */
export function readAvatarId(coder, isKeyframe, first) {
  return readId(coder, isKeyframe ? ID_GAP : ENTER_ID, first, 'avatar id');
}

/** The rest of the record, into row `row`, which holds zeros and no aim. */
export function readAvatar(coder, world, cell, isKeyframe, avatars, row) {
  const isFree = coder.decode(LOW_SHARES[PREDICTOR]) === 1;
  const { grid, arena } = world;
  const shift = isFree ? FREE_SHIFT : 0;
  readPlace(
    coder, OUTSIDE + (isKeyframe ? 0 : 1), grid.cornerX(cell) >> shift, grid.cornerY(cell) >> shift,
    grid.cellEdge >> shift, COORDINATE_BITS - shift,
  );
  avatars.x[row] = place.x << shift;
  avatars.y[row] = place.y << shift;
  avatars.isFree[row] = isFree ? 1 : 0;
  if (isFree) {
    avatars.facing[row] = coder.raw(8);
  } else {
    readInput(coder, avatars, row);
    readBody(coder, world, avatars, row);
    checkBody(avatars, row, world);
    avatars.isAnalog[row] = isAnalog(avatars.heading[row], avatars.throttle[row]);
  }
  if (avatars.x[row] >= arena.width || avatars.y[row] >= arena.height) throw DecodeError.outOfRange('position');
  if (!isKeyframe) return;
  if (isFree) readFreeMemory(coder, avatars, row);
  else readStepMemory(coder, avatars, row);
}

/** A spark of `cell`, into `spark`. */
export function readSpark(coder, world, cell, isKeyframe, first) {
  const id = readId(coder, isKeyframe ? SPARK_GAP : SPARK_ENTER_ID, first, 'spark id');
  const { grid, arena } = world;
  readPlace(
    coder, SPARK_OUTSIDE, grid.cornerX(cell) >> SPARK_SHIFT, grid.cornerY(cell) >> SPARK_SHIFT,
    grid.cellEdge >> SPARK_SHIFT, SPARK_BITS,
  );
  if (place.x << SPARK_SHIFT >= arena.width || place.y << SPARK_SHIFT >= arena.height) {
    throw DecodeError.outOfRange('spark');
  }
  spark.id = id;
  spark.x = place.x;
  spark.y = place.y;
}

function readId(coder, group, first, field) {
  const id = first + sized(coder, group);
  if (id > 65535) throw new DecodeError('roster_order', `\`${field}\` is not in ascending order`);
  return id;
}

/** A position within the square at the corner, or else anywhere in so many bits. */
function readPlace(coder, outside, cornerX, cornerY, edge, bits) {
  if (coder.decode(LOW_SHARES[outside]) === 1) {
    place.x = coder.raw(bits);
    place.y = coder.raw(bits);
  } else {
    place.x = cornerX + below(coder, edge, 'position');
    place.y = cornerY + below(coder, edge, 'position');
  }
}

function readInput(coder, avatars, row) {
  if (coder.decode(LOW_SHARES[RECORD_MOVES]) === 1) {
    if (coder.decode(LOW_SHARES[RECORD_ANALOG]) === 1) {
      avatars.throttle[row] = readThrottle(coder);
      avatars.heading[row] = readTurn(coder);
    } else {
      avatars.throttle[row] = 3;
      avatars.heading[row] = coder.raw(3) << 5;
    }
  }
  avatars.aim[row] = coder.decode(LOW_SHARES[RECORD_AIMS]) === 1 ? coder.raw(8) : -1;
  avatars.dash[row] = coder.decode(LOW_SHARES[RECORD_DASH_HELD]);
}

function readBody(coder, world, avatars, row) {
  const throttle = avatars.throttle[row];
  const heading = avatars.heading[row];
  const moves = throttle !== 0 ? 1 : 0;
  const speed = world.movement.speed[throttle];
  const vx = Math.imul(COS[heading], speed) >> DIRECTION_SHIFT;
  const vy = Math.imul(SIN[heading], speed) >> DIRECTION_SHIFT;
  const unsteadyX = coder.decode(LOW_SHARES[RECORD_UNSTEADY + moves * 2]);
  avatars.vx[row] = unsteadyX === 1 ? vx + signed(coder, RECORD_VELOCITY) : vx;
  const unsteadyY = coder.decode(LOW_SHARES[RECORD_UNSTEADY + moves * 2 + unsteadyX]);
  avatars.vy[row] = unsteadyY === 1 ? vy + signed(coder, RECORD_VELOCITY) : vy;
  const implied = avatars.aim[row] >= 0 ? avatars.aim[row] : moves === 1 ? heading : -1;
  const differs = coder.decode(LOW_SHARES[RECORD_FACING + (implied < 0 ? 1 : 0)]);
  avatars.facing[row] = differs === 1 ? coder.raw(8) : Math.max(0, implied);
  if (coder.decode(LOW_SHARES[RECORD_DASH]) === 1) readDash(coder, avatars, row);
}

function readStepMemory(coder, avatars, row) {
  const moves = avatars.throttle[row] !== 0 ? 1 : 0;
  avatars.inputAge[row] = tree(coder, RECORD_AGE + 15 * moves, 4);
  if (avatars.inputAge[row] > AGE_MAX) throw DecodeError.outOfRange('input age');
  if (moves === 1) {
    avatars.tremor[row] = tree(coder, RECORD_TREMOR, 2) - 1;
    if (avatars.tremor[row] > 1) throw DecodeError.outOfRange('tremor');
  } else {
    avatars.isAnalog[row] = coder.decode(LOW_SHARES[RECORD_STYLE]);
  }
  avatars.corrected[row] = tree(coder, RECORD_CORRECTED, 2);
  if (avatars.aim[row] >= 0) readAimMemory(coder, avatars, row);
}

function readAimMemory(coder, avatars, row) {
  avatars.still[row] = tree(coder, RECORD_STILL, 2);
  avatars.surprise[row] = tree(coder, RECORD_SURPRISE, 2);
  if (avatars.still[row] === 0) {
    avatars.aimRate[row] = bounded(coder, RECORD_AIM_RATE, AIM_RATE_MAX, 'aim rate');
  }
}

function readFreeMemory(coder, avatars, row) {
  readAimMemory(coder, avatars, row);
  for (const axis of ['X', 'Y']) {
    const moved = bounded(coder, RECORD_DISPLACEMENT, VELOCITY_MAX >> FREE_VELOCITY_SHIFT, 'displacement');
    avatars[axis === 'X' ? 'vx' : 'vy'][row] = moved << FREE_VELOCITY_SHIFT;
    avatars[`acceleration${axis}`][row] = bounded(coder, RECORD_ACCELERATION, 127, 'acceleration');
    const residual = tree(coder, RECORD_RESIDUAL, 3);
    if (residual > 2 * SURPRISE_MAX) throw DecodeError.outOfRange('residual');
    avatars[`residual${axis}`][row] = residual - SURPRISE_MAX;
  }
}

/** A small signed number within a bound. */
function bounded(coder, group, bound, field) {
  const value = signed(coder, group);
  if (value > bound || value < -bound) throw DecodeError.outOfRange(field);
  return value;
}
