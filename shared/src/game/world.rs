//! The constants of a room that both ends hold: told once in `Welcome`, the same for everyone.

use super::{Arena, Body, Grid, Input, MoveRules, movement};
use crate::TickRate;

/// Arena, grid and movement constants of one room. Immutable while the room lives.
#[derive(Clone, Debug)]
pub struct World {
    /// Walls and dimensions.
    pub arena: Arena,
    /// The cut of the arena into cells.
    pub grid: Grid,
    /// Speeds and times in the units of the step, at this tick rate.
    pub movement: MoveRules,
    /// Ticks per second.
    pub tick_rate: TickRate,
}

impl World {
    /// The world of `arena` at `tick_rate` under the standard movement.
    pub fn new(arena: Arena, tick_rate: TickRate) -> World {
        World::with_movement(arena, tick_rate, MoveRules::at(tick_rate))
    }

    /// The world of `arena` at `tick_rate` under movement constants told by a server.
    pub fn with_movement(arena: Arena, tick_rate: TickRate, movement: MoveRules) -> World {
        let grid = arena.grid();
        World {
            arena,
            grid,
            movement,
            tick_rate,
        }
    }

    /// One tick of one body; see [`movement::step`].
    #[inline]
    #[must_use]
    pub fn step(&self, body: &Body, input: &Input) -> Body {
        movement::step(body, input, &self.movement, &self.arena)
    }
}
