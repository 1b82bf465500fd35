//! Identifiers. Each is a number of its own kind, so that one cannot be passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A player of a room, unique among the players present; reused only some time after a leave.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct PlayerId(pub u16);

/// A spark of a room. A picked-up spark respawns under the same id at another place.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SparkId(pub u16);

/// A cell of the arena's grid, row-major from the corner at the origin.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CellId(pub u16);

impl PlayerId {
    /// The position of this player in a table with one row per id.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl CellId {
    /// The position of this cell in a table with one row per cell.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}
