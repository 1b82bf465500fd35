//! The rules of "Sparks": a top-down arena in which avatars accelerate, slide along walls, dash
//! into one another and pick up sparks.
//!
//! Everything here is integer arithmetic on a lattice (`+ - * >>` and table look-ups), so that
//! the same bits come out in Rust and in JavaScript on every platform. Positions are counted in
//! 1/4096 unit, velocities in 1/65536 unit per tick. The x axis points right, the y axis up.
//!
//! [`movement::step`] is run by the server as the truth, by the owner as prediction, and by every
//! decoder for every avatar it follows.

pub mod angle;
pub mod arena;
pub mod body;
pub mod grid;
pub mod input;
pub mod movement;
pub mod sparks;
mod world;

pub use angle::Angle;
pub use arena::{Arena, ArenaError, ArenaSpec, WallRect};
pub use body::{Body, Dash};
pub use grid::Grid;
pub use input::{Input, Throttle};
pub use movement::MoveRules;
pub use sparks::Spark;
pub use world::World;

/// Lattice points per unit of length.
pub const UNIT: i32 = 1 << UNIT_SHIFT;
/// `log2` of [`UNIT`].
pub const UNIT_SHIFT: u32 = 12;
/// Velocity steps per unit per tick.
pub const VELOCITY_UNIT: i32 = 1 << 16;
