//! What a steady tick of a whole server takes from the heap, by thread: real rooms, real sockets.
//!
//! Every thread counts into a slot of its own; the slots are told apart by the names that the
//! threads have in the kernel.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a counting allocator has to be an allocator")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use support::{Raw, start};
use tickwire_shared::Tick;
use tickwire_shared::game::{Angle, Input, Throttle};
use tickwire_shared::wire::ClientMessage;

/// Threads that can be told apart; later ones share the last slot.
const SLOTS: usize = 256;

struct Slot {
    thread: AtomicI32,
    count: AtomicU64,
}

static COUNTS: [Slot; SLOTS] = [const {
    Slot {
        thread: AtomicI32::new(0),
        count: AtomicU64::new(0),
    }
}; SLOTS];
static USED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SLOT: Cell<usize> = const { Cell::new(usize::MAX) };
}

unsafe extern "C" {
    safe fn gettid() -> i32;
}

fn note() {
    SLOT.with(|slot| {
        if slot.get() == usize::MAX {
            let index = USED.fetch_add(1, Ordering::Relaxed).min(SLOTS - 1);
            COUNTS[index].thread.store(gettid(), Ordering::Relaxed);
            slot.set(index);
        }
        COUNTS[slot.get()].count.fetch_add(1, Ordering::Relaxed);
    });
}

struct Counting;

// SAFETY: everything is passed to the system's allocator unchanged; counting touches statics and a
// constant thread-local that neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations so far of the threads whose names begin so.
fn allocations(name: &str) -> u64 {
    let is_named = |slot: &&Slot| {
        let thread = slot.thread.load(Ordering::Relaxed);
        let path = format!("/proc/self/task/{thread}/comm");
        thread != 0 && std::fs::read_to_string(path).is_ok_and(|comm| comm.starts_with(name))
    };
    let slots = COUNTS.iter().filter(is_named);
    slots.map(|slot| slot.count.load(Ordering::Relaxed)).sum()
}

const SESSIONS: u64 = 60;
const WARM_UP_TICKS: u32 = 90;
const TICKS: u32 = 150;
/// Inputs of a player are at most so many ticks apart.
const INPUT_INTERVAL_TICKS: u32 = 5;

/// Plays these ticks; everybody changes course now and then, not all at once.
async fn play(players: &mut [Raw], ticks: std::ops::Range<u32>) {
    for tick in ticks {
        for (number, player) in (0u32..).zip(&mut *players) {
            while player.tick().await.tick.0 < tick {}
            let phase = tick + number;
            if phase.is_multiple_of(INPUT_INTERVAL_TICKS) {
                let heading = Angle((phase / 20 * 90) as u8);
                let input = Input::new(heading, Throttle::FULL, None, false);
                let tick = Tick(tick + 3);
                player.send(&ClientMessage::Input { tick, input }).await;
            }
        }
    }
}

#[tokio::test]
async fn a_steady_server_takes_nothing_on_the_worker_and_at_most_one_on_the_network_per_session() {
    let server = start(|_| ());
    let mut players = Vec::new();
    for number in 0..SESSIONS {
        let query = format!("room=r&name=p{number}");
        players.push(Raw::join(server.address(), &query).await.0);
    }
    let last = players.len() - 1;
    let first = players[last].tick().await.tick.0 + 1;
    let (steady, end) = (first + WARM_UP_TICKS, first + WARM_UP_TICKS + TICKS);
    play(&mut players, first..steady).await;
    let ticks = server.metrics().ticks.get();
    let packets = server.metrics().packets_sent.get();
    let before = (allocations("worker"), allocations("network"));
    play(&mut players, steady..end).await;
    let after = (allocations("worker"), allocations("network"));
    let ticks = (server.metrics().ticks.get() - ticks) as f64;
    let packets = (server.metrics().packets_sent.get() - packets) as f64;
    let worker = (after.0 - before.0) as f64 / ticks;
    let network = (after.1 - before.1) as f64 / packets;
    println!("{ticks} ticks: {worker} on the worker per tick, {network} on the network per packet");
    assert!(
        before.0 > 0 && before.1 > 0,
        "the threads are found by name"
    );
    assert!(packets > 0.8 * ticks * SESSIONS as f64, "{packets} packets");
    // The shared broadcast and the wake-up of its readers, whoever they are; nothing per session.
    assert!(worker < 6.0, "{worker} per tick of {SESSIONS} sessions");
    assert!(network < 1.0, "{network} per session and tick");
}
