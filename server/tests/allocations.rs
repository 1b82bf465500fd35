//! What a steady tick takes from the heap, counted.
//!
//! The worker's share must not grow with the number of players, and composing a session's packet
//! must take nothing once the buffer has grown.

#![expect(unsafe_code, reason = "a counting allocator has to be an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Count;
use std::sync::Arc;
use tickwire_server::room::{Broadcast, Room, RoomConfig, RoomRequest, SessionKey};
use tickwire_server::session::{Composed, Session};
use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
use tickwire_shared::{LocalTime, PlayerId, TickRate};

thread_local! {
    static ALLOCATIONS: Count<u64> = const { Count::new(0) };
}

struct Counting;

// SAFETY: everything is passed to the system's allocator unchanged; counting touches a constant
// thread-local that neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Count::get);
    run();
    ALLOCATIONS.with(Count::get) - before
}

const TICKS: u32 = 300;

/// Allocations per tick on the worker's side and per packet on the network's.
fn steady(players: u64) -> (f64, f64) {
    let world = World::new(Arena::named("plain").unwrap(), TickRate::DEFAULT);
    let mut room = Room::new(RoomConfig::new("r", Arc::new(world)));
    let mut sessions = Vec::new();
    for key in (0..players).map(SessionKey) {
        room.push(RoomRequest::Join {
            session: key,
            name: format!("p{}", key.0),
            spectator: false,
        });
        sessions.push(Session::new(key, room.info().clone()));
    }
    let mut recent: Vec<Arc<Broadcast>> = Vec::with_capacity(9);
    let mut packet = Vec::new();
    let (mut worker, mut network) = (0, 0);
    for n in 0..3 * TICKS {
        let is_steady = n >= 2 * TICKS;
        let ran = counted(|| {
            for player in (0..players as u16).map(PlayerId) {
                // Everybody changes course now and then, not all at once.
                let heading = Angle(((n + u32::from(player.0) * 7) / 20 * 90) as u8);
                room.push(RoomRequest::Input {
                    session: SessionKey(player.0.into()),
                    player,
                    tick: room.next_tick(),
                    input: Input::new(heading, Throttle::FULL, None, false),
                    arrived: LocalTime(0),
                });
            }
            let now = LocalTime(0) + TickRate::DEFAULT.offset(room.next_tick());
            recent.push(room.tick(now));
        });
        if recent.len() > 8 {
            recent.remove(0);
        }
        let sent = counted(|| {
            for session in &mut sessions {
                packet.clear();
                assert_eq!(session.compose(&recent, &mut packet), Composed::Packet);
            }
        });
        if is_steady {
            worker += ran;
            network += sent;
        }
    }
    let packets = f64::from(TICKS) * players as f64;
    (worker as f64 / f64::from(TICKS), network as f64 / packets)
}

#[test]
fn a_steady_tick_takes_nothing_from_the_heap_per_session() {
    let (small, _) = steady(40);
    let (large, per_packet) = steady(400);
    println!("per tick: {small} with 40 players, {large} with 400; per packet: {per_packet}");
    // What is left is the shared broadcast, and lists that grow once in a while to a new largest
    // size: nothing per player, which would be hundreds.
    assert!(small < 3.0 && large < 3.0, "{small} and {large} per tick");
    // Walking into a new cell may make a keyframe, which is shared.
    assert!(per_packet < 0.05, "{per_packet} per packet");
}
