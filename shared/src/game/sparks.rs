//! Sparks and what avatars do to each other: the rules that only the server decides.
//!
//! A client may run them too, to show an effect before the server confirms it.

use super::{Angle, Body, MoveRules, UNIT};
use crate::SparkId;
use glam::IVec2;
use serde::{Deserialize, Serialize};

/// Distance between the centres at which an avatar picks a spark up, in lattice points.
pub const PICKUP_RADIUS: i32 = UNIT * 9 / 10;

/// Distance between the centres at which a dashing avatar bumps another, in lattice points.
pub const BUMP_RADIUS: i32 = UNIT * 11 / 10;

/// Score for a spark.
pub const SPARK_SCORE: u32 = 1;

/// Score that a bump takes from the bumped and gives to the dasher, if the bumped has it.
pub const BUMP_SCORE: u32 = 1;

/// Seconds after which a picked-up spark appears elsewhere.
pub const RESPAWN_SECONDS: u32 = 4;

/// Steps per unit of a spark's position. Sparks lie still on a coarse lattice, so that their enter
/// records stay small.
pub const SPARK_STEPS_PER_UNIT: i32 = 4;

/// A spark that lies in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spark {
    /// Identity within the room.
    pub id: SparkId,
    /// Position in 1/4 unit.
    pub x: u16,
    /// Position in 1/4 unit.
    pub y: u16,
}

impl Spark {
    /// The spark nearest to a position on the lattice.
    #[must_use]
    pub fn near(id: SparkId, position: IVec2) -> Spark {
        let step = UNIT / SPARK_STEPS_PER_UNIT;
        Spark {
            id,
            x: (position.x / step) as u16,
            y: (position.y / step) as u16,
        }
    }

    /// Its centre, in 1/4096 unit.
    pub fn position(&self) -> IVec2 {
        IVec2::new(self.x.into(), self.y.into()) * (UNIT / SPARK_STEPS_PER_UNIT)
    }

    /// Whether an avatar at `position` picks it up.
    pub fn is_reached_from(&self, position: IVec2) -> bool {
        within(self.position(), position, PICKUP_RADIUS)
    }
}

/// Whether a dash of `dasher` bumps `other`.
pub fn bumps(dasher: &Body, other: &Body) -> bool {
    dasher.is_dashing()
        && !other.is_dashing()
        && within(dasher.position, other.position, BUMP_RADIUS)
}

/// The velocity of a body bumped by a dash with this heading: thrown along at dash speed.
#[must_use]
pub fn bumped_velocity(heading: Angle, rules: &MoveRules) -> IVec2 {
    super::movement::along(heading, rules.dash_speed)
}

fn within(a: IVec2, b: IVec2, radius: i32) -> bool {
    let d = a - b;
    // The box test first keeps the squares within 32 bits.
    d.x.abs() < radius && d.y.abs() < radius && d.x * d.x + d.y * d.y < radius * radius
}

const _: () = assert!(BUMP_RADIUS < 1 << 15, "squares must fit 32 bits");
