//! Composing every session's packet of a few ticks, once, for a profiler that counts
//! instructions: see `scripts/instructions`. Prints how many packets were composed and their
//! bytes.

#[path = "support/crowd.rs"]
mod crowd;

use crowd::Crowd;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use tickwire_server::room::Broadcast;
use tickwire_server::session::Session;
use tickwire_shared::game::{Arena, World};
use tickwire_shared::{CellId, PlayerId, TickRate};

/// Ticks that are counted.
const TICKS: usize = 20;

/// Broadcasts that a network thread is given each time.
const HISTORY_TICKS: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (Some(players), Some(block)) = (number(), number()) else {
        eprintln!("usage: instructions PLAYERS CELLS (cells of a block: 1, 9 or 25)");
        return;
    };
    let mut crowd = Crowd::new(players, world_with_blocks_of(block));
    let mut recent = VecDeque::from([crowd.tick()]);
    let mut sessions = crowd.sessions();
    let mut out = Vec::with_capacity(1 << 20);
    compose(&mut sessions, recent.make_contiguous(), &mut out);
    crowd.warm_up();
    let mut centres = centres_of(&recent[0], players);
    let (mut packets, mut bytes) = (0, 0);
    for tick in 0..HISTORY_TICKS + TICKS {
        recent.push_back(crowd.tick());
        if recent.len() > HISTORY_TICKS {
            recent.pop_front();
        }
        let newest = &recent[recent.len() - 1];
        let grid = &crowd.room.info().world.grid;
        let before = std::mem::replace(&mut centres, centres_of(newest, players));
        // Whole blocks only, and nobody who has just walked into a new cell and needs keyframes.
        let is_steady = |session: &Session| {
            let index = session.player().map_or(0, PlayerId::index);
            tick >= HISTORY_TICKS
                && before[index] == centres[index]
                && grid.block(centres[index]).len() == usize::from(block)
        };
        let (mut steady, mut others): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_steady);
        out.clear();
        compose(&mut others, recent.make_contiguous(), &mut out);
        out.clear();
        measured(&mut steady, recent.make_contiguous(), &mut out);
        packets += steady.len();
        bytes += out.len();
        steady.append(&mut others);
        sessions = steady;
    }
    println!("{packets} {bytes}");
}

/// The part that is counted, by name.
#[inline(never)]
fn measured(sessions: &mut [Session], recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
    compose(sessions, recent, out);
}

#[inline]
fn compose(sessions: &mut [Session], recent: &[Arc<Broadcast>], out: &mut Vec<u8>) {
    for session in sessions {
        black_box(session.compose(recent, out));
    }
}

fn centres_of(broadcast: &Broadcast, players: u16) -> Vec<CellId> {
    let ids = (0..players).map(PlayerId);
    ids.map(|id| broadcast.player(id).cell).collect()
}

/// The arena `city` cut so that a block in its middle has this many cells.
fn world_with_blocks_of(cells: u16) -> World {
    let mut spec = Arena::named("city").expect("embedded").spec().clone();
    (spec.cell_units, spec.view_units) = match cells {
        1 => (512, 90),
        9 => (128, 90),
        _ => (64, 90),
    };
    World::new(Arena::new(spec).expect("valid"), TickRate::DEFAULT)
}
