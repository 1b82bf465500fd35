//! Broadcasts whose readers are done, taken up again with their memory, so that a steady room
//! allocates next to nothing per tick.

use super::broadcast::Broadcast;
use super::request::RoomInfo;
use super::roster::Roster;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use tickwire_shared::wire::DeltaParts;
use tickwire_shared::{CellId, Tick};

/// Broadcasts watched for reuse. It only has to exceed the history that readers keep; what is
/// held for longer is given up and freed by its last reader.
const WATCHED_MAX: usize = 64;

/// Broadcasts that are or were in use, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    issued: VecDeque<Arc<Broadcast>>,
}

impl Pool {
    /// An empty broadcast, with the memory of an old one if there is one that nobody holds.
    pub(super) fn take(&mut self, room: &Arc<RoomInfo>) -> Broadcast {
        if self.issued.len() > WATCHED_MAX {
            self.issued.pop_front();
        }
        let recycled = self
            .issued
            .pop_front_if(|oldest| Arc::strong_count(oldest) == 1)
            .and_then(Arc::into_inner);
        match recycled {
            Some(mut broadcast) => {
                broadcast.reset();
                broadcast
            }
            None => Broadcast::empty(room),
        }
    }

    /// Shares a finished broadcast and watches it.
    pub(super) fn share(&mut self, broadcast: Broadcast) -> Arc<Broadcast> {
        let shared = Arc::new(broadcast);
        self.issued.push_back(shared.clone());
        shared
    }
}

impl Broadcast {
    fn empty(room: &Arc<RoomInfo>) -> Broadcast {
        let cells = room.world.grid.len();
        Broadcast {
            room: room.clone(),
            tick: Tick(0),
            deltas: DeltaParts::default(),
            cells: Vec::with_capacity(cells),
            keyframes: (0..cells).map(|_| OnceLock::new()).collect(),
            plain: (0..cells).map(|_| OnceLock::new()).collect(),
            players: Vec::new(),
            control: Vec::new(),
            notices: Vec::new(),
            roster: Arc::new(Roster::default()),
            scores: Bytes::new(),
            leader_cell: CellId(0),
        }
    }

    fn reset(&mut self) {
        self.deltas.clear();
        self.players.clear();
        self.control.clear();
        self.notices.clear();
        for encoded in self.keyframes.iter_mut().chain(&mut self.plain) {
            encoded.take();
        }
    }
}
