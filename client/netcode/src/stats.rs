//! Counters and measurements for reports, graphs and tests.

use crate::prediction::CorrectionCause;

/// Corrections of the own avatar by cause. Consecutive ticks corrected for the same cause count
/// once: they are one event that the player sees once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    /// An input came too late, so the server ran a tick without it.
    pub late_input: u64,
    /// Something that no client can know moved the avatar: a bump, a respawn.
    pub server_event: u64,
    /// The stream continued after a gap.
    pub resync: u64,
}

impl Corrections {
    /// All causes.
    pub fn total(&self) -> u64 {
        self.late_input + self.server_event + self.resync
    }

    pub(crate) fn count(&mut self, cause: CorrectionCause) {
        match cause {
            CorrectionCause::LateInput => self.late_input += 1,
            CorrectionCause::ServerEvent => self.server_event += 1,
            CorrectionCause::Resync => self.resync += 1,
        }
    }
}

/// What a client measured since it was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Last measured round trip of a ping, in milliseconds.
    pub rtt_ms: f64,
    /// Tick messages received.
    pub ticks_received: u64,
    /// Ticks per second received, over the last second or two.
    pub tick_rate_hz: f64,
    /// Last input margin that the server reported, in milliseconds; negative means late.
    pub margin_ms: f64,
    /// How early the clock wants the worst inputs to come plus their measured spread, in ms.
    pub margin_target_ms: f64,
    /// How far the clock is from where it wants to be, in milliseconds.
    pub clock_error_ms: f64,
    /// Times the clock jumped instead of slewing.
    pub clock_resets: u64,
    /// How far behind the newest possible tick others are drawn, in milliseconds.
    pub interpolation_delay_ms: f64,
    /// Spread of the arrival of tick messages (playout percentile less minimum), in milliseconds.
    pub arrival_jitter_ms: f64,
    /// Largest gap between two tick messages since the start, in milliseconds.
    pub arrival_gap_max_ms: f64,
    /// Last gap between two tick messages, in milliseconds.
    pub arrival_gap_ms: f64,
    /// The largest gap of late, in milliseconds: it fades by half every second, so that a stall
    /// stays visible although the burst after it is over at once.
    pub stall_ms: f64,
    /// Milliseconds for which others were drawn by extrapolation.
    pub starved_ms: f64,
    /// Bytes received: messages with their WebSocket framing.
    pub bytes_received: u64,
    /// Bytes sent: messages with their WebSocket framing.
    pub bytes_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Visible avatars, summed over tick messages.
    pub avatar_ticks: u64,
    /// Inputs sent.
    pub inputs_sent: u64,
    /// Inputs that the server reported as late, of those whose margin was seen.
    pub inputs_late: u64,
    /// Inputs whose margin was seen.
    pub inputs_measured: u64,
    /// Corrections of the own avatar.
    pub corrections: Corrections,
    /// Distance of the last correction, in units.
    pub correction_size: f32,
    /// Largest correction, in units.
    pub correction_size_max: f32,
    /// Cells whose replica differed from the server's.
    pub desyncs: u64,
    /// Keyframes received.
    pub keyframes: u64,
    /// Ticks that the server left out and replaced by keyframes.
    pub ticks_skipped: u64,
    /// Connections that were lost.
    pub disconnects: u64,
    /// Events that nobody polled in time and that were dropped.
    pub events_dropped: u64,
}
