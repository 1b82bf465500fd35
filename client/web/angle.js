// Angles in 1/256 of a turn, counter-clockwise from the x axis, and their directions by table.
// The mirror of shared/src/game/angle.rs.

/** log2 of the length of the directions in COS and SIN. */
export const DIRECTION_SHIFT = 12;

// round(4096 * sin(i * pi / 128)) for the first quarter turn. A table, because Math.sin may
// differ between engines in the last bit.
const QUARTER_SINE = [
  0, 101, 201, 301, 401, 501, 601, 700, 799, 897,
  995, 1092, 1189, 1285, 1380, 1474, 1567, 1660, 1751, 1842,
  1931, 2019, 2106, 2191, 2276, 2359, 2440, 2520, 2598, 2675,
  2751, 2824, 2896, 2967, 3035, 3102, 3166, 3229, 3290, 3349,
  3406, 3461, 3513, 3564, 3612, 3659, 3703, 3745, 3784, 3822,
  3857, 3889, 3920, 3948, 3973, 3996, 4017, 4036, 4052, 4065,
  4076, 4085, 4091, 4095, 4096,
];

/** Sine of every angle, in 1/4096. */
export const SIN = Int32Array.from({ length: 256 }, (_, angle) => {
  const within = angle & 63;
  switch (angle >> 6) {
    case 0: return QUARTER_SINE[within];
    case 1: return QUARTER_SINE[64 - within];
    case 2: return -QUARTER_SINE[within];
    default: return -QUARTER_SINE[64 - within];
  }
});

/** Cosine of every angle, in 1/4096. */
export const COS = Int32Array.from({ length: 256 }, (_, angle) => SIN[(angle + 64) & 255]);

/** The nearest angle of a direction; zero for a vector without one. Only for gathering input. */
export function angleFromVector(x, y) {
  if (!Number.isFinite(x) || !Number.isFinite(y) || (x === 0 && y === 0)) return 0;
  return Math.round((Math.atan2(y, x) / (2 * Math.PI)) * 256) & 255;
}

/** In radians, for views. */
export function radians(angle) {
  return (((angle << 24) >> 24) * Math.PI) / 128;
}

/** The shorter way from one angle to another, in 1/256 turn, -128 to 127. */
export function angleDifference(from, to) {
  return ((to - from) << 24) >> 24;
}
