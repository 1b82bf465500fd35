// Numbers as decisions: the mirror of shared/src/wire/cell_frame/number.rs. A group is where its
// contexts start in the table.

import { DecodeError } from './codec.js';
import { LOW_SHARES } from './model.js';

/** A number of `bits` bits, each with odds that depend on those above it. */
export function tree(coder, group, bits) {
  let node = 1;
  for (let bit = 0; bit < bits; bit++) node = (node << 1) | coder.decode(LOW_SHARES[group + node - 1]);
  return node - (1 << bits);
}

/** A number below `count`, all alike. */
export function below(coder, count, field) {
  const value = coder.raw(32 - Math.clz32(count - 1));
  if (value >= count) throw DecodeError.outOfRange(field);
  return value;
}

/** A number of any size below 2^31: its length in bits as a tree, then the bits themselves. */
export function sized(coder, group) {
  const length = tree(coder, group, 5);
  return length === 0 ? 0 : (1 << (length - 1)) | coder.raw(length - 1);
}

/** The same with a sign, which is the 32nd context of the group. */
export function signed(coder, group) {
  const size = sized(coder, group);
  return size !== 0 && coder.decode(LOW_SHARES[group + 31]) === 1 ? -size : size;
}

/** A count, one decision per step, up to `limit`. */
export function unary(coder, group, limit) {
  let step = 0;
  while (step < limit && coder.decode(LOW_SHARES[group + step]) === 1) step += 1;
  return step;
}
