//! `tickwire.plain.v1`: the ticks as plain numbers, for engines and scripts that do not want to
//! port the range coder and the movement step.
//!
//! Everything but the ticks is the same as in `tickwire.v1`: packets of blocks, control messages,
//! the client's messages. A tick is a block with the tag [`TAG_PLAIN_TICK`] and one bincode value:
//!
//! ```text
//! plain-tick = tick:varint margin:i8 score:varint count:varint cell*
//! cell       = id:varint count:varint avatar* count:varint spark*
//! avatar     = id:varint x:f32 y:f32 vx:f32 vy:f32 facing:f32 dashing:u8
//! spark      = id:varint x:f32 y:f32
//! ```
//!
//! Numbers are little-endian, positions in units, velocities in units per second, the facing in
//! radians. A cell's bytes hold nothing about any session, so they are encoded once per tick and
//! shared, like a keyframe. Every tick stands for itself: what it does not name is not seen.

use super::codec::{self, put_varint};
use super::{Cell, InputMargin};
use crate::game::World;
use crate::{CellId, PlayerId, SparkId, Tick};
use serde::{Deserialize, Serialize};

/// The WebSocket sub-protocol with plain ticks.
pub const PLAIN_SUBPROTOCOL: &str = "tickwire.plain.v1";

/// Tag of a plain tick among the blocks of a packet.
pub const TAG_PLAIN_TICK: u8 = 2;

/// One tick as a session sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainTick {
    /// The tick at whose end all this holds.
    pub tick: Tick,
    /// How early the last input came, in 1/16 tick.
    pub margin: InputMargin,
    /// The player's score.
    pub score: u32,
    /// The cells around the player's avatar.
    pub cells: Vec<PlainCell>,
}

/// One cell of a plain tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainCell {
    /// Which.
    pub cell: CellId,
    /// In ascending order of id.
    pub avatars: Vec<PlainAvatar>,
    /// In ascending order of id.
    pub sparks: Vec<PlainSpark>,
}

/// An avatar in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainAvatar {
    /// Whose.
    pub id: PlayerId,
    /// Position in units.
    pub x: f32,
    /// Position in units.
    pub y: f32,
    /// Velocity in units per second.
    pub vx: f32,
    /// Velocity in units per second.
    pub vy: f32,
    /// In radians, counter-clockwise from the x axis.
    pub facing: f32,
    /// Whether a dash sets the velocity.
    pub dashing: bool,
}

/// A spark in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainSpark {
    /// Which.
    pub id: SparkId,
    /// Position in units.
    pub x: f32,
    /// Position in units.
    pub y: f32,
}

/// Appends one cell; the bytes are the same for every session.
pub fn put_cell(world: &World, id: CellId, cell: &Cell, out: &mut Vec<u8>) {
    let hz = f32::from(world.tick_rate.hz());
    let avatars = cell.avatars().iter().map(|avatar| {
        let position = avatar.body.position_units();
        let velocity = avatar.body.velocity_units() * hz;
        PlainAvatar {
            id: avatar.id,
            x: position.x,
            y: position.y,
            vx: velocity.x,
            vy: velocity.y,
            facing: avatar.body.facing.radians(),
            dashing: avatar.body.is_dashing(),
        }
    });
    let sparks = cell.sparks().iter().map(|spark| {
        let position = spark.position().as_vec2() / crate::game::UNIT as f32;
        PlainSpark {
            id: spark.id,
            x: position.x,
            y: position.y,
        }
    });
    let plain = PlainCell {
        cell: id,
        avatars: avatars.collect(),
        sparks: sparks.collect(),
    };
    codec::encode_into(&plain, out);
}

/// Appends the block of one tick from its cells' bytes.
pub fn put_tick<'a>(
    (tick, margin, score): (Tick, InputMargin, u32),
    cells: impl ExactSizeIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) {
    out.push(TAG_PLAIN_TICK);
    put_varint(tick.0, out);
    out.push(margin.cast_unsigned());
    put_varint(score, out);
    put_varint(cells.len() as u32, out);
    for cell in cells {
        out.extend_from_slice(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TickRate;
    use crate::game::{Arena, Body, Input, Spark, UNIT, VELOCITY_UNIT};
    use crate::wire::{Avatar, CellChange, FrameStamp};
    use glam::IVec2;

    #[test]
    fn a_tick_put_together_from_cells_is_one_bincode_value() {
        let world = World::new(Arena::named("tiny").unwrap(), TickRate::DEFAULT);
        let mut body = Body::at(IVec2::new(3 * UNIT / 2, 5 * UNIT));
        body.velocity = IVec2::new(VELOCITY_UNIT / 10, 0);
        let avatar = Avatar::new(PlayerId(7), body, Input::IDLE);
        let spark = Spark {
            id: SparkId(300),
            x: 5,
            y: 6,
        };
        let change = CellChange {
            avatars_entered: &[avatar],
            sparks_entered: &[spark],
            ..CellChange::default()
        };
        let stamp = FrameStamp {
            cell: CellId(1),
            tick: Tick(900),
        };
        let mut cell = Cell::default();
        let truth = |_| (Input::IDLE, body);
        cell.encode_delta(&world, stamp, change, truth, &mut Vec::new());

        let (mut full, mut empty, mut out) = (Vec::new(), Vec::new(), Vec::new());
        put_cell(&world, CellId(1), &cell, &mut full);
        put_cell(&world, CellId(2), &Cell::default(), &mut empty);
        let cells = [&full[..], &empty[..]];
        put_tick((Tick(900), -5, 12), cells.into_iter(), &mut out);
        assert_eq!(out[0], TAG_PLAIN_TICK);
        let tick: PlainTick = codec::decode(&out[1..], 1_000).unwrap();
        assert_eq!((tick.tick, tick.margin, tick.score), (Tick(900), -5, 12));
        assert_eq!(tick.cells.len(), 2);
        assert_eq!(tick.cells[1].avatars, []);
        let seen = tick.cells[0].avatars[0];
        assert_eq!((seen.id, seen.x, seen.y), (PlayerId(7), 1.5, 5.0));
        assert!((seen.vx - 3.0).abs() < 1e-3, "{}", seen.vx);
        let seen = tick.cells[0].sparks[0];
        assert_eq!((seen.id, seen.x, seen.y), (SparkId(300), 1.25, 1.5));
    }
}
