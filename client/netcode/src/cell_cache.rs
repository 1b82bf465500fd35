//! Cells decoded once for all clients of one process that watch the same room.
//!
//! A frame is a pure function: world, state before, tick and bytes give the state after. Clients of
//! one room receive the same bytes, so the first one decodes and the others take its result. Two
//! states are the same only if they are equal in everything, the codec's memory included; then
//! they are one object, by which the next frame is found without a comparison.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tickwire_shared::game::World;
use tickwire_shared::wire::{Cell, CellPart, DecodeError, FrameStamp};
use tickwire_shared::{CellId, Tick};

/// Avatars in all states that are kept: some 12 MB, or eight seconds of a thousand avatars at
/// 30 Hz, which is more than a line may lag before it gets keyframes anyway.
const AVATARS_MAX: usize = 1 << 18;
/// States that are kept, however few avatars they hold.
const STATES_MAX: usize = 1 << 15;

/// States shared by many clients; cloning it gives another handle on the same states. See
/// [`ClientConfig::cache`](crate::ClientConfig::cache).
#[derive(Clone, Debug, Default)]
pub struct CellCache(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    worlds: Vec<Arc<World>>,
    results: BTreeMap<Place, Vec<Decoded>>,
    states: BTreeMap<(WorldId, FrameKey, u32), Arc<Cell>>,
    /// What is kept, the oldest first, with the checksum of its state.
    order: VecDeque<(Place, u32, usize)>,
    avatars: usize,
}

type WorldId = usize;
type FrameKey = (CellId, Tick);

/// Where a result is looked for: the last part is the address of the state before, 0 for a
/// keyframe, which needs none.
type Place = (WorldId, FrameKey, usize);

#[derive(Debug)]
struct Decoded {
    /// Kept, so that no other state can come to its address.
    _from: Option<Arc<Cell>>,
    bytes: Box<[u8]>,
    to: Arc<Cell>,
}

impl CellCache {
    /// The one copy of an equal world, and its number.
    pub(crate) fn world(&self, world: World) -> (Arc<World>, WorldId) {
        self.with(|shelf| {
            let known = shelf.worlds.iter().position(|known| {
                known.tick_rate == world.tick_rate
                    && known.movement == world.movement
                    && known.arena.spec() == world.arena.spec()
            });
            let id = known.unwrap_or_else(|| {
                shelf.worlds.push(Arc::new(world));
                shelf.worlds.len() - 1
            });
            (shelf.worlds[id].clone(), id)
        })
    }

    /// The state after a part of a tick; `from` is the state before, if it matters.
    pub(crate) fn apply(
        &self,
        world: WorldId,
        from: &Arc<Cell>,
        stamp: FrameStamp,
        part: CellPart<'_>,
    ) -> Result<Arc<Cell>, DecodeError> {
        self.with(|shelf| match part {
            CellPart::Delta(bytes) => shelf.decode(world, Some(from), stamp, bytes),
            CellPart::Keyframe(bytes) => shelf.decode(world, None, stamp, bytes),
        })
    }

    fn with<T>(&self, action: impl FnOnce(&mut Shelf) -> T) -> T {
        // Whoever panicked in between left whole states behind.
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shelf {
    fn decode(
        &mut self,
        world: WorldId,
        from: Option<&Arc<Cell>>,
        stamp: FrameStamp,
        bytes: &[u8],
    ) -> Result<Arc<Cell>, DecodeError> {
        let key = (stamp.cell, stamp.tick);
        let place = (world, key, from.map_or(0, |from| Arc::as_ptr(from).addr()));
        let known = self.results.get(&place).into_iter().flatten();
        if let Some(decoded) = known.into_iter().find(|decoded| *decoded.bytes == *bytes) {
            return Ok(decoded.to.clone());
        }
        let mut cell = Cell::default();
        if let Some(from) = from {
            cell.clone_from(from);
            cell.apply_delta(&self.worlds[world], stamp, bytes)?;
        } else {
            cell.apply_keyframe(&self.worlds[world], stamp, bytes)?;
        }
        let checksum = cell.checksum();
        let same = self.states.get(&(world, key, checksum));
        // One state reached on two ways, by a delta and by a keyframe, goes on as one.
        let to = match same.filter(|same| ***same == cell) {
            Some(same) => same.clone(),
            None => Arc::new(cell),
        };
        self.keep(place, checksum, from, bytes, &to);
        Ok(to)
    }

    fn keep(
        &mut self,
        place: Place,
        checksum: u32,
        from: Option<&Arc<Cell>>,
        bytes: &[u8],
        to: &Arc<Cell>,
    ) {
        let (world, key, _) = place;
        let avatars = to.avatars().len();
        self.states.insert((world, key, checksum), to.clone());
        self.results.entry(place).or_default().push(Decoded {
            _from: from.cloned(),
            bytes: bytes.into(),
            to: to.clone(),
        });
        self.order.push_back((place, checksum, avatars));
        self.avatars += avatars;
        while self.order.len() > STATES_MAX || self.avatars > AVATARS_MAX {
            let Some(((world, key, from), checksum, avatars)) = self.order.pop_front() else {
                break;
            };
            self.results.remove(&(world, key, from));
            self.states.remove(&(world, key, checksum));
            self.avatars -= avatars;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::game::{Arena, Body, Input};
    use tickwire_shared::wire::{Avatar, CellChange};
    use tickwire_shared::{PlayerId, TickRate};

    const CELL: CellId = CellId(0);

    fn world() -> World {
        World::new(Arena::named("tiny").unwrap(), TickRate::DEFAULT)
    }

    fn stamp(tick: u32) -> FrameStamp {
        FrameStamp {
            cell: CELL,
            tick: Tick(tick),
        }
    }

    /// Takes `cell` one tick further; `entering` comes in. Returns the frame.
    fn advance(world: &World, cell: &mut Cell, tick: u32, entering: Option<u16>) -> Vec<u8> {
        let at = world.arena.free_position(7);
        let entered: Vec<Avatar> = entering
            .map(|id| Avatar::new(PlayerId(id), Body::at(at), Input::IDLE))
            .into_iter()
            .collect();
        let change = CellChange {
            avatars_entered: &entered,
            ..CellChange::default()
        };
        let before = cell.clone();
        let truth = |id| {
            let avatar = before.avatar(id).unwrap();
            (avatar.input, world.step(&avatar.body, &avatar.input))
        };
        let mut frame = Vec::new();
        cell.encode_delta(world, stamp(tick), change, truth, &mut frame);
        frame
    }

    /// The cache's only world is number 0.
    fn delta(
        cache: &CellCache,
        from: &Arc<Cell>,
        tick: u32,
        bytes: &[u8],
    ) -> Result<Arc<Cell>, DecodeError> {
        cache.apply(0, from, stamp(tick), CellPart::Delta(bytes))
    }

    #[test]
    fn equal_worlds_are_one() {
        let cache = CellCache::default();
        let (first, id) = cache.world(world());
        let (second, same) = cache.world(world());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(id, same);
        let faster = World::new(Arena::named("tiny").unwrap(), TickRate::new(60).unwrap());
        assert_ne!(cache.world(faster).1, id);
    }

    #[test]
    fn clients_on_both_ways_to_a_state_go_on_together() {
        let cache = CellCache::default();
        let (world, id) = cache.world(world());
        let mut truth = Cell::default();
        let empty = Arc::new(Cell::default());
        let frame = advance(&world, &mut truth, 1, Some(3));
        let by_delta = delta(&cache, &empty, 1, &frame).unwrap();
        let again = delta(&cache, &empty, 1, &frame).unwrap();
        assert!(Arc::ptr_eq(&by_delta, &again), "decoded once");
        assert_eq!(*by_delta, truth);

        let mut keyframe = Vec::new();
        truth.encode_keyframe(&world, stamp(1), &mut keyframe);
        let by_keyframe = cache
            .apply(id, &empty, stamp(1), CellPart::Keyframe(&keyframe))
            .unwrap();
        assert!(Arc::ptr_eq(&by_delta, &by_keyframe));
    }

    #[test]
    fn other_bytes_other_rooms_and_other_ticks_are_never_mixed_up() {
        let cache = CellCache::default();
        let (world, _) = cache.world(world());
        let empty = Arc::new(Cell::default());
        let (mut one, mut other) = (Cell::default(), Cell::default());
        let frame_of_one = advance(&world, &mut one, 1, Some(3));
        let frame_of_other = advance(&world, &mut other, 1, Some(4));
        let first = delta(&cache, &empty, 1, &frame_of_one).unwrap();
        let second = delta(&cache, &empty, 1, &frame_of_other).unwrap();
        assert_eq!((&*first, &*second), (&one, &other));
        // From here on both rooms send the same bytes, and mean different states.
        let frame = advance(&world, &mut one, 2, None);
        assert_eq!(frame, advance(&world, &mut other, 2, None));
        let first = delta(&cache, &first, 2, &frame).unwrap();
        let second = delta(&cache, &second, 2, &frame).unwrap();
        assert_eq!((&*first, &*second), (&one, &other));
        assert!(delta(&cache, &empty, 2, &[0xff; 9]).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cache = CellCache::default();
        let (world, _) = cache.world(world());
        let mut truth = Cell::default();
        let mut state = Arc::new(Cell::default());
        for tick in 1..=STATES_MAX as u32 + 100 {
            let frame = advance(&world, &mut truth, tick, (tick == 1).then_some(9));
            state = delta(&cache, &state, tick, &frame).unwrap();
        }
        assert_eq!(*state, truth);
        cache.with(|shelf| {
            assert_eq!(shelf.order.len(), STATES_MAX);
            assert_eq!(shelf.results.len(), STATES_MAX);
            assert_eq!(shelf.states.len(), STATES_MAX);
            assert_eq!(shelf.avatars, STATES_MAX);
        });
    }
}
