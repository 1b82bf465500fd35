//! What a proxy did.

use serde::Serialize;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) opened: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) half_opened: AtomicU64,
    pub(super) up: DirectionCounters,
    pub(super) down: DirectionCounters,
}

#[derive(Debug, Default)]
pub(super) struct DirectionCounters {
    pub(super) bytes: AtomicU64,
    pub(super) segments: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) delay_us: AtomicU64,
    pub(super) delay_max_us: AtomicU64,
    pub(super) under_way_max: AtomicU64,
    pub(super) late_max_us: AtomicU64,
}

/// What a proxy did since it started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProxyReport {
    /// Connections accepted.
    pub connections: u64,
    /// Of these, still open.
    pub open: u64,
    /// Connections to the server that failed.
    pub failed: u64,
    /// Connections cut.
    pub cut: u64,
    /// Connections left half-open.
    pub half_opened: u64,
    /// From clients to the server.
    pub up: DirectionReport,
    /// From the server to clients.
    pub down: DirectionReport,
}

/// One direction, all connections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DirectionReport {
    /// Bytes carried.
    pub bytes: u64,
    /// Segments carried.
    pub segments: u64,
    /// Segments lost and repaired.
    pub stalls: u64,
    /// Mean time under way, in milliseconds.
    pub delay_mean_ms: f64,
    /// Longest time under way, in milliseconds.
    pub delay_max_ms: f64,
    /// Most bytes that were under way on one connection.
    pub under_way_max: u64,
    /// How late the proxy itself was at worst, in milliseconds: a busy machine, not the line.
    pub own_lateness_max_ms: f64,
}

impl Counters {
    pub(super) fn report(&self) -> ProxyReport {
        let opened = self.opened.load(Relaxed);
        ProxyReport {
            connections: opened,
            open: opened.saturating_sub(self.closed.load(Relaxed)),
            failed: self.failed.load(Relaxed),
            cut: self.cut.load(Relaxed),
            half_opened: self.half_opened.load(Relaxed),
            up: self.up.report(),
            down: self.down.report(),
        }
    }
}

impl DirectionCounters {
    fn report(&self) -> DirectionReport {
        let segments = self.segments.load(Relaxed);
        let delay_ms = self.delay_us.load(Relaxed) as f64 / 1_000.0;
        DirectionReport {
            bytes: self.bytes.load(Relaxed),
            segments,
            stalls: self.stalls.load(Relaxed),
            delay_mean_ms: (delay_ms / segments.max(1) as f64 * 100.0).round() / 100.0,
            delay_max_ms: self.delay_max_us.load(Relaxed) as f64 / 1_000.0,
            under_way_max: self.under_way_max.load(Relaxed),
            own_lateness_max_ms: self.late_max_us.load(Relaxed) as f64 / 1_000.0,
        }
    }
}

impl fmt::Display for ProxyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  connections   {} ({} open, {} failed, {} cut, {} half-open)",
            self.connections, self.open, self.failed, self.cut, self.half_opened
        )?;
        for (name, direction) in [("up", &self.up), ("down", &self.down)] {
            writeln!(
                f,
                "  {name:<4}          {} bytes in {} segments, {} stalls, delay {:.1} ms mean, \
                 {:.1} ms max, at most {} bytes under way, the proxy itself late by {:.1} ms at most",
                direction.bytes,
                direction.segments,
                direction.stalls,
                direction.delay_mean_ms,
                direction.delay_max_ms,
                direction.under_way_max,
                direction.own_lateness_max_ms
            )?;
        }
        Ok(())
    }
}
