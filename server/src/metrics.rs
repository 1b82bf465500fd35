//! Counters of the whole process: plain atomics, raised where things happen, read by whoever
//! reports them. All are totals since the start unless their text says "at present".

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A number that only grows, or that counts what is present.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `count` more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// One less, for what is counted at present.
    pub fn decrement(&self) {
        self.subtract(1);
    }

    /// `count` less, for what is counted at present.
    pub fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by a word, which comes from this program and not from the network.
#[derive(Debug, Default)]
pub struct Labelled(Mutex<BTreeMap<&'static str, u64>>);

impl Labelled {
    /// One more of this kind.
    pub fn increment(&self, label: &'static str) {
        *self.lock().entry(label).or_default() += 1;
    }

    /// How many of this kind.
    pub fn get(&self, label: &str) -> u64 {
        self.lock().get(label).copied().unwrap_or_default()
    }

    /// All kinds seen so far, by name.
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        self.lock()
            .iter()
            .map(|(label, count)| (*label, *count))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Upper bounds of a histogram's buckets in microseconds: from a tenth of a cheap tick to a second.
pub const HISTOGRAM_BOUNDS_MICROS: [u64; 11] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// A distribution of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; HISTOGRAM_BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    /// One more duration.
    pub fn record(&self, duration: Duration) {
        let micros = duration.as_micros() as u64;
        let bucket = HISTOGRAM_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts per bucket, the one without an upper bound last, and the sum of all durations.
    pub fn snapshot(&self) -> (Vec<u64>, Duration) {
        let counts = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let sum = Duration::from_micros(self.sum_micros.load(Ordering::Relaxed));
        (counts.collect(), sum)
    }
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $name:ident,)+) => {
        /// Every counter of the server.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $help])+ pub $name: Counter,)+
            /// Connections and handshakes turned away, by the rule.
            pub refusals: Labelled,
            /// Sessions that the server ended, by the close reason.
            pub closes: Labelled,
            /// How long ticks take, in seconds.
            pub tick_seconds: Histogram,
            /// How late ticks start, in seconds.
            pub tick_lateness_seconds: Histogram,
            /// How long before their tick inputs come, in seconds; late ones count as 0.
            pub input_margin_seconds: Histogram,
        }

        impl Metrics {
            /// Name, help and value of every counter, in the order of declaration.
            pub fn snapshot(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($help),+), self.$name.get()),)+]
            }
        }
    };
}

metrics! {
    /// Rooms at present.
    rooms,
    /// Players in rooms at present.
    players,
    /// Spectators in rooms at present.
    spectators,
    /// Sessions (admitted or waiting for admission) at present.
    sessions,
    /// Open connections at present, whatever they speak.
    connections,
    /// Connections accepted.
    connections_accepted,
    /// Connections turned away because too many were open.
    connections_refused,
    /// Sockets upgraded to the protocol.
    upgrades,
    /// Handshakes refused before the upgrade.
    handshakes_refused,
    /// Ticks run, all rooms together.
    ticks,
    /// Ticks that took longer than their period.
    ticks_overrun,
    /// Ticks left out because a worker was too far behind.
    ticks_skipped,
    /// Rooms ended by a fault of the program in their tick; the other rooms went on.
    rooms_failed,
    /// Inputs taken over.
    inputs,
    /// Inputs that came after their tick had run; applied at the next tick.
    inputs_late,
    /// Inputs dropped because their tick lay too far ahead.
    inputs_too_early,
    /// Client messages dropped: the channel to the worker was full.
    messages_dropped,
    /// Chat lines sent on.
    chats,
    /// Chat lines dropped by the rate limit.
    chats_dropped,
    /// Sparks picked up.
    pickups,
    /// Avatars bumped by a dash.
    bumps,
    /// Keyframes encoded; each at most once per cell and tick.
    keyframes_encoded,
    /// Keyframes sent, all sessions together.
    keyframes_sent,
    /// Times that a session skipped ticks and continued with keyframes.
    conflations,
    /// Times that a session skipped ticks and was sent all of them at once.
    catch_ups,
    /// Keyframes asked for by clients whose replica was wrong or missing.
    resyncs,
    /// Packets sent.
    packets_sent,
    /// Bytes of packets sent, with their WebSocket headers.
    bytes_sent,
    /// Client messages received.
    messages_received,
    /// Bytes of client messages received.
    bytes_received,
    /// Players whose connection was lost and who are kept for the grace period.
    sessions_lost,
    /// Players who came back with a ticket, or by their identity.
    sessions_resumed,
    /// Resume tickets refused.
    tickets_refused,
    /// Sessions ended because a message broke a rule of the protocol.
    protocol_violations,
    /// Sessions ended because the client took no data for too long.
    no_progress_closes,
    /// Sessions ended because pings were not answered.
    heartbeat_closes,
}
