//! The unit of fan-out: one cell of one tick as bytes that hold nothing about any session.
//!
//! A [`Cell`] is the state that encoder and decoder share. [`Cell::encode_delta`] takes it from
//! tick N-1 to tick N and writes what the step cannot know; [`Cell::apply_delta`] reads that and
//! takes a replica the same way. [`Cell::encode_keyframe`] writes the whole state.

use super::{DecodeError, codec};
use crate::game::{Body, Input, Spark, World};
use crate::{CellId, PlayerId, SparkId, Tick};
use serde::{Deserialize, Serialize};

/// An avatar as a follower of its cell knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Avatar {
    /// Whose.
    pub id: PlayerId,
    /// Its exact state at the end of the tick.
    pub body: Body,
    /// The input that the tick ran with, and the next will unless it changes.
    pub input: Input,
}

impl Avatar {
    /// An avatar that has just appeared in a cell.
    #[must_use]
    pub fn new(id: PlayerId, body: Body, input: Input) -> Avatar {
        Avatar { id, body, input }
    }
}

/// The replicated state of one cell at the end of one tick. Both lists are in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    avatars: Vec<Avatar>,
    sparks: Vec<Spark>,
}

/// Which cell of which tick a frame belongs to. Part of what both ends know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStamp {
    /// The cell.
    pub cell: CellId,
    /// The tick at whose end the frame's state holds.
    pub tick: Tick,
}

/// What happened to a cell's membership during one tick. All lists are in ascending order of id.
#[derive(Clone, Copy, Debug, Default)]
pub struct CellChange<'a> {
    /// Avatars that were in the cell and are not any more.
    pub avatars_left: &'a [PlayerId],
    /// Avatars that were not in the cell and are, as they stand at the end of the tick.
    pub avatars_entered: &'a [Avatar],
    /// Sparks that are gone.
    pub sparks_left: &'a [SparkId],
    /// Sparks that appeared.
    pub sparks_entered: &'a [Spark],
}

impl Cell {
    /// The avatars, in ascending order of id.
    pub fn avatars(&self) -> &[Avatar] {
        &self.avatars
    }

    /// The sparks, in ascending order of id.
    pub fn sparks(&self) -> &[Spark] {
        &self.sparks
    }

    /// The avatar of this player, if it is here.
    pub fn avatar(&self, id: PlayerId) -> Option<&Avatar> {
        self.avatars
            .binary_search_by_key(&id, |avatar| avatar.id)
            .ok()
            .map(|at| &self.avatars[at])
    }

    /// Takes this state from the tick before to `stamp.tick` and appends the frame that does the
    /// same to a replica. `truth` gives input and body of every avatar that stays, at the end of
    /// the tick. An uneventful frame may be zero bytes.
    pub fn encode_delta(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        change: CellChange<'_>,
        truth: impl Fn(PlayerId) -> (Input, Body),
        out: &mut Vec<u8>,
    ) {
        let _ = (world, stamp);
        self.avatars
            .retain(|avatar| change.avatars_left.binary_search(&avatar.id).is_err());
        for avatar in &mut self.avatars {
            (avatar.input, avatar.body) = truth(avatar.id);
        }
        self.avatars.extend_from_slice(change.avatars_entered);
        self.avatars.sort_unstable_by_key(|avatar| avatar.id);
        self.sparks
            .retain(|spark| change.sparks_left.binary_search(&spark.id).is_err());
        self.sparks.extend_from_slice(change.sparks_entered);
        self.sparks.sort_unstable_by_key(|spark| spark.id);
        codec::encode_into(self, out);
    }

    /// Takes a replica from the tick before to `stamp.tick`. After an error the replica is
    /// undefined and needs a keyframe.
    pub fn apply_delta(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        self.apply_keyframe(world, stamp, bytes)
    }

    /// Appends the whole state: everything that later frames build on.
    pub fn encode_keyframe(&self, world: &World, stamp: FrameStamp, out: &mut Vec<u8>) {
        let _ = (world, stamp);
        if !self.avatars.is_empty() || !self.sparks.is_empty() {
            codec::encode_into(self, out);
        }
    }

    /// Replaces this state by a keyframe's, whatever it was before.
    pub fn apply_keyframe(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        let _ = (world, stamp);
        *self = if bytes.is_empty() {
            Cell::default()
        } else {
            codec::decode(bytes, crate::limits::SERVER_PACKET_BYTES_MAX)?
        };
        Ok(())
    }

    /// A hash of the whole state, the same on every platform (FNV-1a, 32 bits).
    pub fn checksum(&self) -> u32 {
        codec::encode(self).iter().fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
    }
}
