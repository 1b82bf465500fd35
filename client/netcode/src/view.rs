//! What to draw at one moment. Floats begin here: nothing flows back from a view.

use glam::Vec2;
use tickwire_shared::{PlayerId, SparkId, Tick};

/// Everything visible. Positions are in units, velocities in units per second, facings in
/// radians counter-clockwise from the x axis.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The newest tick of the replica.
    pub tick: Tick,
    /// The tick, with its fraction, at which others are drawn.
    pub playout: f64,
    /// The own avatar; `None` for spectators and before the first tick.
    pub own: Option<OwnView>,
    /// Everybody else, in ascending order of id.
    pub others: Vec<AvatarView>,
    /// Sparks, in ascending order of id.
    pub sparks: Vec<SparkView>,
    /// The stream has dried up for longer than extrapolation covers: what is shown stands still.
    pub lagging: bool,
}

/// The own avatar: predicted, smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnView {
    /// Identity.
    pub id: PlayerId,
    /// Centre.
    pub position: Vec2,
    /// Velocity.
    pub velocity: Vec2,
    /// Where it looks.
    pub facing: f32,
    /// Whether a dash is under way.
    pub dashing: bool,
    /// 0 right after a dash, 1 when the next may start.
    pub dash_ready: f32,
    /// As the server counts it.
    pub score: u32,
}

/// An avatar of another player.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AvatarView {
    /// Identity, stable while the player is in the room.
    pub id: PlayerId,
    /// Centre.
    pub position: Vec2,
    /// Velocity.
    pub velocity: Vec2,
    /// Where it looks.
    pub facing: f32,
    /// Whether a dash is under way.
    pub dashing: bool,
}

/// A spark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparkView {
    /// Identity.
    pub id: SparkId,
    /// Centre.
    pub position: Vec2,
    /// 1 for a spark that lies there; less while it fades in, above all one that the own avatar
    /// seemed to have picked up and had not.
    pub presence: f32,
}
