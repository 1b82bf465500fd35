//! The unit of fan-out: one cell of one tick as bytes that hold nothing about any session.
//!
//! A [`Cell`] is the state that encoder and decoder share. [`Cell::encode_delta`] takes it from
//! tick N-1 to tick N and writes what the step cannot know; [`Cell::apply_delta`] reads that and
//! takes a replica the same way. [`Cell::encode_keyframe`] writes the whole state.
//!
//! ```text
//! delta    = roster-changed [leaving-avatars leaving-sparks entering-sparks]
//!            tick-of-avatar*            those that stay, in ascending order
//!            [entering-avatars]         if roster-changed
//!            [checksum:32]              every second, unless the cell is empty
//! keyframe = avatar-count avatar* spark-count spark*
//! ```
//!
//! All of it goes through one range coder per frame; each part is described once, by a function
//! that a writer and a reader share (see [`Coder`]).

mod avatar;
mod free;
mod motion;
mod number;
mod record;
#[cfg(test)]
mod tests;

pub use avatar::{Avatar, FREE_STEP, Predictor};

use super::DecodeError;
use super::model::{self, Coder, Tally};
use super::range_coder::{RangeDecoder, RangeEncoder};
use crate::game::{Body, Input, Spark, World};
use crate::limits::{ROOM_PLAYERS_MAX, SPARKS_MAX};
use crate::{CellId, PlayerId, SparkId, Tick};
use number::{raw, sized};
use record::Purpose;
use serde::{Deserialize, Serialize};

/// The replicated state of one cell at the end of one tick. Both lists are in ascending order.
#[derive(Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    avatars: Vec<Avatar>,
    sparks: Vec<Spark>,
}

/// Written out, because the derived `clone_from` gives the memory back and takes new: a room copies
/// every cell every tick.
impl Clone for Cell {
    fn clone(&self) -> Cell {
        Cell {
            avatars: self.avatars.clone(),
            sparks: self.sparks.clone(),
        }
    }

    fn clone_from(&mut self, source: &Cell) {
        self.avatars.clone_from(&source.avatars);
        self.sparks.clone_from(&source.sparks);
    }
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
    ///
    /// Of avatars under the fallback predictor only position and facing of the truth count.
    pub fn encode_delta(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        change: CellChange<'_>,
        truth: impl Fn(PlayerId) -> (Input, Body),
        out: &mut Vec<u8>,
    ) {
        let mut coder = RangeEncoder::new(out);
        self.write_delta(&mut coder, world, stamp, change, truth);
        coder.finish();
    }

    /// The same as [`Cell::encode_delta`], but counts decisions instead of writing bytes.
    pub fn tally_delta(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        change: CellChange<'_>,
        truth: impl Fn(PlayerId) -> (Input, Body),
        tally: &mut Tally,
    ) {
        self.write_delta(tally, world, stamp, change, truth);
    }

    /// Takes a replica from the tick before to `stamp.tick`. After an error the replica is
    /// undefined and needs a keyframe.
    pub fn apply_delta(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        let mut coder = RangeDecoder::new(bytes);
        self.code_delta(&mut coder, world, stamp, CellChange::default(), |_| {
            Default::default()
        })?;
        coder.finish()
    }

    /// Appends the whole state: everything that later frames build on.
    pub fn encode_keyframe(&self, world: &World, stamp: FrameStamp, out: &mut Vec<u8>) {
        let mut coder = RangeEncoder::new(out);
        self.write_keyframe(&mut coder, world, stamp.cell);
        coder.finish();
    }

    /// The same as [`Cell::encode_keyframe`], but counts decisions instead of writing bytes.
    pub fn tally_keyframe(&self, world: &World, stamp: FrameStamp, tally: &mut Tally) {
        self.write_keyframe(tally, world, stamp.cell);
    }

    /// Replaces this state by a keyframe's, whatever it was before.
    pub fn apply_keyframe(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        let mut coder = RangeDecoder::new(bytes);
        self.read_keyframe(&mut coder, world, stamp.cell)?;
        coder.finish()
    }

    /// A hash of everything that is seen of the cell, the same on every platform. What the codec
    /// remembers besides needs no hash: if it differed, the next frames would not decode alike.
    pub fn checksum(&self) -> u32 {
        let mut hash = Checksum::default();
        hash.add(self.avatars.len() as u32);
        for avatar in &self.avatars {
            let Avatar {
                id, body, input, ..
            } = avatar;
            let dash = body.dash;
            let bytes = |a: u8, b: u8, c: u8, d: u8| u32::from_le_bytes([a, b, c, d]);
            let (aims, aim) = (input.aim().is_some(), input.aim().unwrap_or_default().0);
            let bits = input.throttle().level() | u8::from(aims) << 2 | u8::from(input.dash()) << 3;
            hash.add(u32::from(id.0));
            hash.add(body.position.x.cast_unsigned());
            hash.add(body.position.y.cast_unsigned());
            hash.add(body.velocity.x.cast_unsigned());
            hash.add(body.velocity.y.cast_unsigned());
            let facing = body.facing.0;
            hash.add(bytes(
                facing,
                dash.ticks_left,
                dash.cooldown,
                dash.heading.0,
            ));
            hash.add(bytes(input.heading().0, aim, bits, 0));
        }
        for spark in &self.sparks {
            hash.add(u32::from(spark.id.0));
            hash.add(u32::from(spark.x) | u32::from(spark.y) << 16);
        }
        hash.0
    }

    fn write_delta<C: Coder>(
        &mut self,
        coder: &mut C,
        world: &World,
        stamp: FrameStamp,
        change: CellChange<'_>,
        truth: impl Fn(PlayerId) -> (Input, Body),
    ) {
        self.code_delta(coder, world, stamp, change, truth)
            .expect("the server's own state lies within the ranges of the format");
    }

    /// One delta in either direction. A reader's `change` and `truth` are ignored.
    fn code_delta<C: Coder>(
        &mut self,
        coder: &mut C,
        world: &World,
        stamp: FrameStamp,
        change: CellChange<'_>,
        truth: impl Fn(PlayerId) -> (Input, Body),
    ) -> Result<(), DecodeError> {
        let roster_changed = coder.bit(model::ROSTER_CHANGED.at(0), !change.is_empty());
        if roster_changed {
            self.code_leaving(coder, change)?;
            self.code_entering_sparks(coder, world, stamp.cell, change.sparks_entered)?;
        }
        for avatar in &mut self.avatars {
            let truth = truth(avatar.id);
            match avatar.predictor() {
                Predictor::Step => motion::code_step(coder, world, avatar, truth)?,
                Predictor::Fallback => free::code_free(coder, world, avatar, &truth.1)?,
            }
        }
        if roster_changed {
            self.code_entering_avatars(coder, world, stamp.cell, change.avatars_entered)?;
        }
        let checksum_due =
            (stamp.tick.0.wrapping_add(stamp.cell.0.into())) % u32::from(world.tick_rate.hz()) == 0;
        if checksum_due && (!self.avatars.is_empty() || !self.sparks.is_empty()) {
            let actual = self.checksum();
            let expected = raw(coder, 32, actual);
            if expected != actual {
                return Err(DecodeError::Checksum { expected, actual });
            }
        }
        Ok(())
    }

    fn code_leaving<C: Coder>(
        &mut self,
        coder: &mut C,
        change: CellChange<'_>,
    ) -> Result<(), DecodeError> {
        let left = change.avatars_left.iter();
        code_leaving(coder, 0, &mut self.avatars, left.map(|id| id.0), |a| a.id.0)?;
        let left = change.sparks_left.iter();
        code_leaving(coder, 2, &mut self.sparks, left.map(|id| id.0), |s| s.id.0)
    }

    fn code_entering_avatars<C: Coder>(
        &mut self,
        coder: &mut C,
        world: &World,
        cell: CellId,
        entered: &[Avatar],
    ) -> Result<(), DecodeError> {
        let stayed = self.avatars.len();
        let mut told = entered.iter();
        let (mut more, mut first) = (4, 0);
        loop {
            let next = told.next();
            if !coder.bit(model::ROSTER_MORE.at(more), next.is_some()) {
                break;
            }
            let part = (cell, Purpose::Enter, first);
            let told = next.copied().unwrap_or_default();
            let avatar = record::code_avatar(coder, world, part, &told)?;
            self.avatars.push(avatar);
            (more, first) = (5, u32::from(avatar.id.0) + 1);
        }
        limit(self.avatars.len(), ROOM_PLAYERS_MAX, "avatars")?;
        merge(&mut self.avatars, stayed, "avatar id", |avatar| avatar.id)
    }

    fn code_entering_sparks<C: Coder>(
        &mut self,
        coder: &mut C,
        world: &World,
        cell: CellId,
        entered: &[Spark],
    ) -> Result<(), DecodeError> {
        let stayed = self.sparks.len();
        let mut told = entered.iter();
        let (mut more, mut first) = (6, 0);
        loop {
            let next = told.next();
            if !coder.bit(model::ROSTER_MORE.at(more), next.is_some()) {
                break;
            }
            let part = (cell, Purpose::Enter, first);
            let spark = record::code_spark(coder, world, part, next.copied().unwrap_or(NO_SPARK))?;
            self.sparks.push(spark);
            (more, first) = (7, u32::from(spark.id.0) + 1);
        }
        limit(self.sparks.len(), SPARKS_MAX, "sparks")?;
        merge(&mut self.sparks, stayed, "spark id", |spark| spark.id)
    }

    fn write_keyframe<C: Coder>(&self, coder: &mut C, world: &World, cell: CellId) {
        let mut code = || -> Result<(), DecodeError> {
            sized(coder, model::AVATAR_COUNT, self.avatars.len() as u32);
            let mut first = 0;
            for avatar in &self.avatars {
                let part = (cell, Purpose::Keyframe, first);
                record::code_avatar(coder, world, part, avatar)?;
                first = u32::from(avatar.id.0) + 1;
            }
            sized(coder, model::SPARK_COUNT, self.sparks.len() as u32);
            first = 0;
            for spark in &self.sparks {
                record::code_spark(coder, world, (cell, Purpose::Keyframe, first), *spark)?;
                first = u32::from(spark.id.0) + 1;
            }
            Ok(())
        };
        code().expect("the server's own state lies within the ranges of the format");
    }

    fn read_keyframe<C: Coder>(
        &mut self,
        coder: &mut C,
        world: &World,
        cell: CellId,
    ) -> Result<(), DecodeError> {
        self.avatars.clear();
        self.sparks.clear();
        let count = sized(coder, model::AVATAR_COUNT, 0) as usize;
        limit(count, ROOM_PLAYERS_MAX, "avatars")?;
        let mut first = 0;
        for _ in 0..count {
            let part = (cell, Purpose::Keyframe, first);
            let avatar = record::code_avatar(coder, world, part, &Avatar::default())?;
            first = u32::from(avatar.id.0) + 1;
            self.avatars.push(avatar);
        }
        let count = sized(coder, model::SPARK_COUNT, 0) as usize;
        limit(count, SPARKS_MAX, "sparks")?;
        first = 0;
        for _ in 0..count {
            let part = (cell, Purpose::Keyframe, first);
            let spark = record::code_spark(coder, world, part, NO_SPARK)?;
            first = u32::from(spark.id.0) + 1;
            self.sparks.push(spark);
        }
        Ok(())
    }
}

impl CellChange<'_> {
    fn is_empty(&self) -> bool {
        self.avatars_left.is_empty()
            && self.avatars_entered.is_empty()
            && self.sparks_left.is_empty()
            && self.sparks_entered.is_empty()
    }
}

/// What a reader hands to functions that ignore it.
const NO_SPARK: Spark = Spark {
    id: SparkId(0),
    x: 0,
    y: 0,
};

/// Takes those that leave out of `members`. They are named by their place among those that follow
/// the one named before. Identifiers of nobody who is here are passed over.
fn code_leaving<C: Coder, T: Copy>(
    coder: &mut C,
    mut more: usize,
    members: &mut Vec<T>,
    mut left: impl Iterator<Item = u16>,
    id: impl Fn(&T) -> u16,
) -> Result<(), DecodeError> {
    let (mut from, mut kept) = (0, 0);
    while from < members.len() {
        let rest = &members[from..];
        let next = std::iter::from_fn(|| left.next())
            .find_map(|leaver| rest.binary_search_by_key(&leaver, &id).ok());
        if !coder.bit(model::ROSTER_MORE.at(more), next.is_some()) {
            break;
        }
        let count = rest.len() as u32;
        let gap = number::below(coder, count, next.unwrap_or(0) as u32, "leaving")? as usize;
        members.copy_within(from..from + gap, kept);
        kept += gap;
        from += gap + 1;
        more |= 1;
    }
    members.copy_within(from.., kept);
    members.truncate(kept + members.len() - from);
    Ok(())
}

/// Brings those that entered, after the first `stayed`, to their places.
fn merge<T, K: Ord>(
    members: &mut [T],
    stayed: usize,
    field: &'static str,
    id: impl Fn(&T) -> K,
) -> Result<(), DecodeError> {
    if stayed == members.len() {
        return Ok(());
    }
    members.sort_unstable_by_key(&id);
    if members.is_sorted_by(|a, b| id(a) < id(b)) {
        Ok(())
    } else {
        Err(DecodeError::RosterOrder { field })
    }
}

fn limit(count: usize, max: usize, field: &'static str) -> Result<(), DecodeError> {
    if count <= max {
        Ok(())
    } else {
        Err(DecodeError::OutOfRange { field })
    }
}

/// Multiply, then fold the high bits down: enough to tell states apart, and short in any language.
struct Checksum(u32);

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum(0x811c_9dc5)
    }
}

impl Checksum {
    fn add(&mut self, word: u32) {
        let hash = (self.0 ^ word).wrapping_mul(0x9e37_79b1);
        self.0 = hash ^ hash >> 15;
    }
}
