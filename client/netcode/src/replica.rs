//! The client's copy of the cells it follows: exact, never guessed, never smoothed.
//!
//! There is one way to fall out of step and one way back, the same for every cause:
//!
//! ```text
//! status            on                                to
//! ----------------  --------------------------------  -----------------
//! (not in block)    keyframe                          Following
//! (not in block)    delta (a defect of the server)    AwaitingKeyframe, and a desync
//! Following         delta of the tick after           Following
//! Following         delta that does not fit           AwaitingKeyframe, and a desync
//! AwaitingKeyframe  delta                             AwaitingKeyframe (ignored)
//! any               keyframe                          Following
//! any               centre moved away                 (not in block)
//! ```

use crate::cell_cache::CellCache;
use std::collections::BTreeMap;
use std::sync::Arc;
use tickwire_shared::game::{Spark, World};
use tickwire_shared::wire::{Avatar, Cell, CellPart, DecodeError, FrameStamp, TickView};
use tickwire_shared::{CellId, PlayerId, Tick};

/// Whether a followed cell holds the server's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellStatus {
    /// Equal to the server's cell at the replica's tick, bit for bit.
    Following,
    /// Out of step: a keyframe was asked for, and deltas mean nothing until it comes.
    AwaitingKeyframe,
}

/// The cells of the block around the centre.
#[derive(Debug, Default)]
pub struct Replica {
    tick: Option<Tick>,
    centre: CellId,
    cells: BTreeMap<CellId, Held>,
    /// Where other clients' states are, and the number of this one's world there.
    cache: Option<(CellCache, usize)>,
}

#[derive(Debug)]
struct Held {
    /// Shared with other clients of a cache, or with nobody.
    cell: Arc<Cell>,
    status: CellStatus,
}

/// What one tick message did to the replica.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Cells that turned out to differ from the server's.
    pub(crate) desyncs: Vec<CellId>,
    pub(crate) keyframes: u32,
    /// Ticks that were left out since the last message.
    pub(crate) skipped: u32,
}

impl Held {
    fn apply(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        part: CellPart<'_>,
        cache: Option<&(CellCache, usize)>,
    ) -> Result<(), DecodeError> {
        if let Some((cache, world)) = cache {
            self.cell = cache.apply(*world, &self.cell, stamp, part)?;
            return Ok(());
        }
        let cell = Arc::make_mut(&mut self.cell);
        match part {
            CellPart::Delta(bytes) => cell.apply_delta(world, stamp, bytes),
            CellPart::Keyframe(bytes) => cell.apply_keyframe(world, stamp, bytes),
        }
    }
}

impl Replica {
    /// A replica that takes what others have decoded already.
    pub(crate) fn with_cache(cache: CellCache, world: usize) -> Replica {
        Replica {
            cache: Some((cache, world)),
            ..Replica::default()
        }
    }

    /// The tick at whose end this state holds; `None` before the first.
    pub fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// The centre of the block.
    pub fn centre(&self) -> CellId {
        self.centre
    }

    /// The cells that are in step, in ascending order.
    pub fn cells(&self) -> impl Iterator<Item = (CellId, &Cell)> {
        self.cells
            .iter()
            .filter(|(_, copy)| copy.status == CellStatus::Following)
            .map(|(id, copy)| (*id, &*copy.cell))
    }

    /// A cell that is in step.
    pub fn cell(&self, id: CellId) -> Option<&Cell> {
        self.cells
            .get(&id)
            .filter(|copy| copy.status == CellStatus::Following)
            .map(|copy| &*copy.cell)
    }

    /// The status of a cell of the block.
    pub fn status(&self, id: CellId) -> Option<CellStatus> {
        self.cells.get(&id).map(|copy| copy.status)
    }

    /// Every visible avatar, cell by cell.
    pub fn avatars(&self) -> impl Iterator<Item = &Avatar> {
        self.cells().flat_map(|(_, cell)| cell.avatars())
    }

    /// The avatar of one player, if it is visible.
    pub fn avatar(&self, id: PlayerId) -> Option<&Avatar> {
        // The own avatar is nearly always asked for, and nearly always in the centre.
        self.cell(self.centre)
            .and_then(|cell| cell.avatar(id))
            .or_else(|| self.cells().find_map(|(_, cell)| cell.avatar(id)))
    }

    /// Every visible spark, cell by cell.
    pub fn sparks(&self) -> impl Iterator<Item = &Spark> {
        self.cells().flat_map(|(_, cell)| cell.sparks())
    }

    /// Applies one tick message. An error is a broken protocol; a cell that is merely out of step
    /// is reported in the result.
    pub(crate) fn apply(
        &mut self,
        world: &World,
        view: &TickView<'_>,
    ) -> Result<Applied, DecodeError> {
        let tick = view.head.tick;
        let skipped = match self.tick {
            Some(last) => (tick.since(last) - 1).max(0) as u32,
            None => 0,
        };
        let mut applied = Applied {
            skipped,
            ..Applied::default()
        };
        if view.head.centre != self.centre {
            let block = world.grid.block(view.head.centre);
            self.cells.retain(|cell, _| block.contains(*cell));
            self.centre = view.head.centre;
        }
        for (cell, part) in view.cells() {
            self.apply_part(world, FrameStamp { cell, tick }, part, &mut applied)?;
        }
        self.tick = Some(tick);
        Ok(applied)
    }

    fn apply_part(
        &mut self,
        world: &World,
        stamp: FrameStamp,
        part: CellPart<'_>,
        applied: &mut Applied,
    ) -> Result<(), DecodeError> {
        let known = self.cells.contains_key(&stamp.cell);
        let copy = self.cells.entry(stamp.cell).or_insert_with(|| Held {
            cell: Arc::default(),
            status: CellStatus::AwaitingKeyframe,
        });
        let cache = self.cache.as_ref();
        match (part, copy.status) {
            (CellPart::Keyframe(_), _) => {
                applied.keyframes += 1;
                copy.apply(world, stamp, part, cache)?;
                copy.status = CellStatus::Following;
            }
            (CellPart::Delta(_), CellStatus::Following) => {
                if applied.skipped > 0 || copy.apply(world, stamp, part, cache).is_err() {
                    copy.status = CellStatus::AwaitingKeyframe;
                    applied.desyncs.push(stamp.cell);
                }
            }
            (CellPart::Delta(_), CellStatus::AwaitingKeyframe) if !known => {
                applied.desyncs.push(stamp.cell);
            }
            (CellPart::Delta(_), CellStatus::AwaitingKeyframe) => {}
        }
        Ok(())
    }

    /// The cells for which a keyframe is awaited.
    pub(crate) fn awaiting(&self) -> impl Iterator<Item = CellId> {
        self.cells
            .iter()
            .filter(|(_, copy)| copy.status == CellStatus::AwaitingKeyframe)
            .map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::TickRate;
    use tickwire_shared::game::{Arena, Body, Input};
    use tickwire_shared::wire::packet::PacketReader;
    use tickwire_shared::wire::{Block, CellChange, TickComposer, TickHead, TickReader};

    struct Server {
        world: World,
        cell: Cell,
        tick: Tick,
        composer: TickComposer,
    }

    const CELL: CellId = CellId(0);

    impl Server {
        fn new() -> Server {
            let mut spec = Arena::named("tiny").unwrap().spec().clone();
            spec.cell_units = 32;
            let world = World::new(Arena::new(spec).unwrap(), TickRate::DEFAULT);
            assert_eq!(world.grid.len(), 1);
            Server {
                world,
                cell: Cell::default(),
                tick: Tick(0),
                composer: TickComposer::default(),
            }
        }

        fn delta(&mut self, entered: &[Avatar]) -> Vec<u8> {
            let before = self.cell.clone();
            let change = CellChange {
                avatars_entered: entered,
                ..CellChange::default()
            };
            self.tick = self.tick.next();
            let stamp = FrameStamp {
                cell: CELL,
                tick: self.tick,
            };
            let mut frame = Vec::new();
            let truth = |id| {
                let avatar = before.avatar(id).unwrap();
                (avatar.input, self.world.step(&avatar.body, &avatar.input))
            };
            self.cell
                .encode_delta(&self.world, stamp, change, truth, &mut frame);
            frame
        }

        fn keyframe(&self) -> Vec<u8> {
            let stamp = FrameStamp {
                cell: CELL,
                tick: self.tick,
            };
            let mut frame = Vec::new();
            self.cell.encode_keyframe(&self.world, stamp, &mut frame);
            frame
        }

        fn message(&mut self, part: CellPart<'_>) -> Vec<u8> {
            let head = TickHead {
                tick: self.tick,
                centre: CELL,
                margin: 0,
                score: 0,
            };
            let mut bytes = Vec::new();
            self.composer
                .compose(&self.world.grid, head, |_| part, &mut bytes);
            bytes
        }
    }

    fn feed(
        replica: &mut Replica,
        reader: &mut TickReader,
        world: &World,
        bytes: &[u8],
    ) -> Applied {
        let mut packet = PacketReader::new(bytes).unwrap();
        let Some(Block::Tick(view)) = packet.next_block(Some(reader)).unwrap() else {
            panic!("not a tick");
        };
        replica.apply(world, &view).unwrap()
    }

    #[test]
    fn a_replica_follows_and_a_gap_is_a_desync_that_a_keyframe_heals() {
        let mut server = Server::new();
        let mut replica = Replica::default();
        let mut reader = TickReader::new(server.world.grid);
        let at = server.world.arena.free_position(9);
        let avatar = Avatar::new(PlayerId(4), Body::at(at), Input::IDLE);

        let _ = server.delta(&[avatar]);
        let keyframe = server.keyframe();
        let bytes = server.message(CellPart::Keyframe(&keyframe));
        let applied = feed(&mut replica, &mut reader, &server.world, &bytes);
        assert_eq!((applied.keyframes, applied.desyncs.len()), (1, 0));
        assert_eq!(replica.cell(CELL), Some(&server.cell));

        let delta = server.delta(&[]);
        let bytes = server.message(CellPart::Delta(&delta));
        feed(&mut replica, &mut reader, &server.world, &bytes);
        assert_eq!(replica.cell(CELL), Some(&server.cell));
        assert!(replica.avatar(PlayerId(4)).is_some());

        let _ = server.delta(&[]);
        let delta = server.delta(&[]);
        let bytes = server.message(CellPart::Delta(&delta));
        let applied = feed(&mut replica, &mut reader, &server.world, &bytes);
        assert_eq!((applied.skipped, applied.desyncs), (1, vec![CELL]));
        assert_eq!(replica.status(CELL), Some(CellStatus::AwaitingKeyframe));
        assert_eq!(replica.cell(CELL), None);

        // Deltas that were on their way mean nothing, and are no further desync.
        let delta = server.delta(&[]);
        let bytes = server.message(CellPart::Delta(&delta));
        let applied = feed(&mut replica, &mut reader, &server.world, &bytes);
        assert!(applied.desyncs.is_empty());

        let _ = server.delta(&[]);
        let keyframe = server.keyframe();
        let bytes = server.message(CellPart::Keyframe(&keyframe));
        feed(&mut replica, &mut reader, &server.world, &bytes);
        assert_eq!(replica.cell(CELL), Some(&server.cell));
    }

    #[test]
    fn a_delta_for_a_cell_without_state_is_a_desync() {
        let mut server = Server::new();
        let mut replica = Replica::default();
        let mut reader = TickReader::new(server.world.grid);
        let delta = server.delta(&[]);
        let bytes = server.message(CellPart::Delta(&delta));
        let applied = feed(&mut replica, &mut reader, &server.world, &bytes);
        assert_eq!(applied.desyncs, [CELL]);
    }
}
