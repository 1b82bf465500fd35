//! The exact state of a mover, on the lattice.

use super::Angle;
use glam::{IVec2, Vec2};
use serde::{Deserialize, Serialize};

/// Everything that [`step`](super::movement::step) reads and writes of one avatar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Body {
    /// Centre, in 1/4096 unit.
    pub position: IVec2,
    /// In 1/65536 unit per tick; each axis within ±[`VELOCITY_MAX`](super::movement::VELOCITY_MAX).
    pub velocity: IVec2,
    /// Where the avatar looks.
    pub facing: Angle,
    /// The dash in progress and the wait for the next.
    pub dash: Dash,
}

/// State of the dash. While `ticks_left` is zero the heading is zero (canonical).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dash {
    /// Ticks for which the dash still sets the velocity.
    pub ticks_left: u8,
    /// Ticks until the next dash may start.
    pub cooldown: u8,
    /// Where it goes.
    pub heading: Angle,
}

impl Body {
    /// A body at rest.
    #[must_use]
    pub fn at(position: IVec2) -> Body {
        Body {
            position,
            ..Body::default()
        }
    }

    /// Whether a dash sets the velocity.
    pub fn is_dashing(&self) -> bool {
        self.dash.ticks_left > 0
    }

    /// The position in units, for views.
    pub fn position_units(&self) -> Vec2 {
        self.position.as_vec2() / super::UNIT as f32
    }

    /// The velocity in units per tick, for views.
    pub fn velocity_units(&self) -> Vec2 {
        self.velocity.as_vec2() / super::VELOCITY_UNIT as f32
    }
}
