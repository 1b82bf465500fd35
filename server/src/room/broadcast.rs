//! What one tick of a room tells the world: immutable, shared by every session, the same bytes
//! for all who follow a cell.

use super::request::{Notice, RoomInfo, SessionKey};
use super::roster::Roster;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use tickwire_shared::wire::tick_message::InputMargin;
use tickwire_shared::wire::{Cell, DeltaParts, FrameStamp, plain};
use tickwire_shared::{CellId, PlayerId, Tick};

/// One tick of one room.
///
/// A keyframe is encoded when the first session needs it, from the copy of the cell that the
/// broadcast holds. The copy is a plain one (some tens of bytes per avatar and tick, far less than
/// the step and the delta cost): the room's own cell has moved on by the time somebody asks.
#[derive(Debug)]
pub struct Broadcast {
    pub(super) room: Arc<RoomInfo>,
    pub(super) tick: Tick,
    /// The delta frames of all cells.
    pub(super) deltas: DeltaParts,
    /// Every cell as it is after this tick.
    pub(super) cells: Vec<Cell>,
    pub(super) keyframes: Vec<OnceLock<Box<[u8]>>>,
    /// Every cell in plain numbers, for those who asked for it.
    pub(super) plain: Vec<OnceLock<Box<[u8]>>>,
    /// One row per id, the absent ones included.
    pub(super) players: Vec<PlayerRow>,
    /// Control blocks for everybody.
    pub(super) control: Vec<u8>,
    /// What concerns single sessions, in ascending order of key.
    pub(super) notices: Vec<(SessionKey, Notice)>,
    pub(super) roster: Arc<Roster>,
    pub(super) scores: Bytes,
    pub(super) leader_cell: CellId,
}

/// What a tick tells one player besides the cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayerRow {
    /// The session that has the player. Another one that still believes so has missed its end.
    pub owner: Option<SessionKey>,
    /// The cell of its avatar: the centre of what its session follows.
    pub cell: CellId,
    /// How early its last input came.
    pub margin: InputMargin,
    /// Its score.
    pub score: u32,
}

impl Broadcast {
    /// The room it is of.
    pub fn room(&self) -> &Arc<RoomInfo> {
        &self.room
    }

    /// The tick at whose end all this holds.
    #[inline]
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The change of `cell` since the tick before.
    pub fn delta(&self, cell: CellId) -> &[u8] {
        self.deltas.get(cell)
    }

    /// The changes of all cells since the tick before.
    #[inline]
    pub fn deltas(&self) -> &DeltaParts {
        &self.deltas
    }

    /// The whole state of `cell`; encoded when it is asked for the first time.
    pub fn keyframe(&self, cell: CellId) -> &[u8] {
        self.keyframes[cell.index()].get_or_init(|| {
            let mut out = Vec::new();
            let stamp = FrameStamp {
                cell,
                tick: self.tick,
            };
            self.cell(cell)
                .encode_keyframe(&self.room.world, stamp, &mut out);
            self.room.metrics.keyframes_encoded.increment();
            out.into_boxed_slice()
        })
    }

    /// The state of `cell` in plain numbers; encoded when it is asked for the first time.
    pub fn plain(&self, cell: CellId) -> &[u8] {
        self.plain[cell.index()].get_or_init(|| {
            let mut out = Vec::new();
            plain::put_cell(&self.room.world, cell, self.cell(cell), &mut out);
            out.into_boxed_slice()
        })
    }

    /// The state that both ends hold after this tick.
    pub fn cell(&self, cell: CellId) -> &Cell {
        &self.cells[cell.index()]
    }

    /// What this tick tells a player who is present.
    #[inline]
    pub fn player(&self, id: PlayerId) -> PlayerRow {
        self.players.get(id.index()).copied().unwrap_or_default()
    }

    /// Control blocks for everybody: roster changes, scores, chat. Often none.
    #[inline]
    pub fn control(&self) -> &[u8] {
        &self.control
    }

    /// The notices for one session, in the order in which they arose.
    #[inline]
    pub fn notices(&self, session: SessionKey) -> impl Iterator<Item = &Notice> {
        let start = self.notices.partition_point(|(key, _)| *key < session);
        self.notices[start..]
            .iter()
            .take_while(move |(key, _)| *key == session)
            .map(|(_, notice)| notice)
    }

    /// Everybody who is present after this tick.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The control block with the leaderboard as last told; empty before the first.
    pub fn scores(&self) -> &[u8] {
        &self.scores
    }

    /// Where a spectator looks who has not said where.
    pub fn leader_cell(&self) -> CellId {
        self.leader_cell
    }
}
