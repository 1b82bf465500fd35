//! What bots saw, as sums and histograms that add up over bots and threads.

use crate::resume::Returns;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;
use tickwire_netcode::{Corrections, Stats};

/// Everything that one bot or many saw.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Bots that were started.
    pub started: u64,
    /// Bots that were admitted at least once.
    pub joined: u64,
    /// Bots that the server refused, or that were not admitted in time.
    pub refused: u64,
    /// Sessions that were lost after they had begun.
    pub disconnects: u64,
    /// Connections that failed and messages that broke the protocol.
    pub errors: u64,
    /// Cells whose replica differed from the server's.
    pub desyncs: u64,
    /// Corrections of the bots' own avatars.
    pub corrections: Corrections,
    /// What the joined bots measured in the window.
    pub window: Window,
    /// From sending an input to seeing its effect, in microseconds.
    pub input_to_effect: Histogram<u64>,
    /// Between two packets from the server, in microseconds.
    pub arrival_gaps: Histogram<u64>,
    /// What became of those whose connection was lost.
    pub returns: Returns,
    /// How far behind the newest possible tick others were drawn, frame by frame, in microseconds.
    pub playout_delay: Histogram<u64>,
    /// Troubles in words, with their counts.
    pub troubles: BTreeMap<String, u64>,
}

/// Sums over the measured window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Bots that took part.
    pub bots: u64,
    /// Seconds, summed over those bots.
    pub seconds: f64,
    /// Ticks received.
    pub ticks: u64,
    /// Ticks per second, summed over bots.
    pub rates: f64,
    /// Ticks per second of the slowest bot.
    pub rate_min: Option<f64>,
    /// Visible avatars, summed over ticks.
    pub avatar_ticks: u64,
    /// Bytes received with their framing.
    pub bytes_received: u64,
    /// Bytes sent with their framing.
    pub bytes_sent: u64,
    /// Keyframes received.
    pub keyframes: u64,
    /// Ticks that the server left out.
    pub ticks_skipped: u64,
    /// Inputs sent.
    pub inputs: u64,
    /// Inputs that came late.
    pub inputs_late: u64,
    /// Milliseconds for which others were drawn by extrapolation.
    pub starved_ms: f64,
}

/// Different troubles that are kept in words; further ones are only counted.
const TROUBLES_MAX: usize = 20;
/// Latencies above a minute are all the same.
const LATENCY_MAX_US: u64 = 60_000_000;

impl Default for Tally {
    fn default() -> Tally {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_MAX_US, 2).expect("the bounds are constants");
        Tally {
            started: 0,
            joined: 0,
            refused: 0,
            disconnects: 0,
            errors: 0,
            desyncs: 0,
            corrections: Corrections::default(),
            window: Window::default(),
            input_to_effect: histogram(),
            arrival_gaps: histogram(),
            playout_delay: histogram(),
            returns: Returns {
                resumed: 0,
                unchanged: 0,
                anew: 0,
                away: histogram(),
            },
            troubles: BTreeMap::new(),
        }
    }
}

impl Tally {
    /// Adds what others saw.
    pub fn add(&mut self, other: &Tally) {
        self.started += other.started;
        self.joined += other.joined;
        self.refused += other.refused;
        self.disconnects += other.disconnects;
        self.errors += other.errors;
        self.desyncs += other.desyncs;
        self.corrections.late_input += other.corrections.late_input;
        self.corrections.server_event += other.corrections.server_event;
        self.corrections.resync += other.corrections.resync;
        self.window.add(&other.window);
        let fits = "all histograms have the same bounds";
        self.input_to_effect
            .add(&other.input_to_effect)
            .expect(fits);
        self.arrival_gaps.add(&other.arrival_gaps).expect(fits);
        self.playout_delay.add(&other.playout_delay).expect(fits);
        self.returns.resumed += other.returns.resumed;
        self.returns.unchanged += other.returns.unchanged;
        self.returns.anew += other.returns.anew;
        self.returns.away.add(&other.returns.away).expect(fits);
        for (trouble, count) in &other.troubles {
            self.trouble(trouble, *count);
        }
    }

    /// Keeps a trouble in words.
    pub fn trouble(&mut self, words: &str, count: u64) {
        let is_known = self.troubles.contains_key(words);
        let words = if is_known || self.troubles.len() < TROUBLES_MAX {
            words
        } else {
            "others"
        };
        *self.troubles.entry(words.to_owned()).or_default() += count;
    }

    /// A bot with a screen has drawn a frame.
    pub fn drew(&mut self, stats: &Stats) {
        let micros = (stats.interpolation_delay_ms * 1e3).max(1.0) as u64;
        self.playout_delay.saturating_record(micros);
    }

    /// Counts what one bot measured between two readings of its counters.
    pub fn measure(&mut self, before: &Stats, after: &Stats, elapsed: Duration) {
        let corrections =
            |f: fn(&Corrections) -> u64| f(&after.corrections) - f(&before.corrections);
        self.corrections.late_input += corrections(|c| c.late_input);
        self.corrections.server_event += corrections(|c| c.server_event);
        self.corrections.resync += corrections(|c| c.resync);
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let ticks = after.ticks_received - before.ticks_received;
        let rate = ticks as f64 / seconds;
        self.window.add(&Window {
            bots: 1,
            seconds,
            ticks,
            rates: rate,
            rate_min: Some(rate),
            avatar_ticks: after.avatar_ticks - before.avatar_ticks,
            bytes_received: after.bytes_received - before.bytes_received,
            bytes_sent: after.bytes_sent - before.bytes_sent,
            keyframes: after.keyframes - before.keyframes,
            ticks_skipped: after.ticks_skipped - before.ticks_skipped,
            inputs: after.inputs_sent - before.inputs_sent,
            inputs_late: after.inputs_late - before.inputs_late,
            starved_ms: after.starved_ms - before.starved_ms,
        });
    }

    /// Whether every bot joined and nothing was lost or out of step.
    pub fn is_clean(&self) -> bool {
        self.joined == self.started && self.disconnects == 0 && self.desyncs == 0
    }
}

impl Window {
    fn add(&mut self, other: &Window) {
        self.bots += other.bots;
        self.seconds += other.seconds;
        self.ticks += other.ticks;
        self.rates += other.rates;
        self.rate_min = match (self.rate_min, other.rate_min) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.avatar_ticks += other.avatar_ticks;
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        self.keyframes += other.keyframes;
        self.ticks_skipped += other.ticks_skipped;
        self.inputs += other.inputs;
        self.inputs_late += other.inputs_late;
        self.starved_ms += other.starved_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_the_slowest_bot_is_kept() {
        let bot = |ticks| {
            let mut tally = Tally::default();
            let after = Stats {
                ticks_received: ticks,
                ..Stats::default()
            };
            tally.measure(&Stats::default(), &after, Duration::from_secs(10));
            tally.trouble("lost", 1);
            tally
        };
        let mut sum = Tally::default();
        for ticks in [300, 290, 298] {
            sum.add(&bot(ticks));
        }
        assert_eq!(sum.window.bots, 3);
        assert_eq!(sum.window.rate_min, Some(29.0));
        assert_eq!(sum.window.ticks, 888);
        assert_eq!(sum.troubles["lost"], 3);
    }

    #[test]
    fn only_so_many_different_troubles_are_kept() {
        let mut tally = Tally::default();
        for number in 0..100 {
            tally.trouble(&format!("trouble {number}"), 1);
        }
        assert_eq!(tally.troubles.len(), TROUBLES_MAX + 1);
        assert_eq!(tally.troubles["others"], 100 - TROUBLES_MAX as u64);
    }
}
