// Limits and measures that both ends rely on. The mirror of shared/src/limits.rs and of the
// constants of shared/src/game.

/** Lattice points per unit of length. */
export const UNIT = 4096;
export const UNIT_SHIFT = 12;
/** Velocity steps per unit per tick. */
export const VELOCITY_UNIT = 65536;
/** Half the edge of an avatar's square, in lattice points. */
export const AVATAR_RADIUS = UNIT / 2;
/** Largest velocity along one axis, in 1/65536 unit per tick. */
export const VELOCITY_MAX = 2 * VELOCITY_UNIT;
/** Distance between centres at which an avatar picks a spark up, in lattice points. */
export const PICKUP_RADIUS = Math.floor((UNIT * 9) / 10);
/** Lattice points per step of a spark's position. */
export const SPARK_STEP = UNIT / 4;
/** How far beyond its cell's edge an avatar must be before it changes cells. */
export const HYSTERESIS = UNIT;

export const SERVER_PACKET_BYTES_MAX = 4 * 1024 * 1024;
export const NAME_BYTES_MAX = 24;
export const ROOM_NAME_BYTES_MAX = 32;
export const CHAT_BYTES_MAX = 240;
export const INPUT_INTERVAL_TICKS_MAX = 8;
export const INPUT_LEAD_TICKS_MAX = 64;
export const ROOM_PLAYERS_MAX = 20_000;
export const SPARKS_MAX = 20_000;
export const CELLS_MAX = 4096;
export const FOLLOWED_CELLS_MAX = 81;
export const PING_INTERVAL_MS = 2000;
export const ARENA_UNITS_MAX = 1024;
/** Steps of the input margin per tick. */
export const MARGIN_STEPS_PER_TICK = 16;
export const SUBPROTOCOL = 'tickwire.v1';
