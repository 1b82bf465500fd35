//! The report: a table for people, or one JSON object for programs.

use crate::resume::Returns;
use crate::tally::Tally;
use serde::Serialize;
use std::fmt::{self, Write as _};

/// What a run of bots saw. The field names are the JSON's and promised to users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Bots that were admitted.
    pub joined: u64,
    /// Bots that were refused or not admitted in time.
    pub refused: u64,
    /// Sessions lost after they had begun.
    pub disconnects: u64,
    /// Connections that failed and messages that broke the protocol.
    pub errors: u64,
    /// Cells whose replica differed from the server's.
    pub desyncs: u64,
    /// Corrections of the bots' own avatars.
    pub corrections: u64,
    /// Tick messages received, per second and client.
    pub ticks_per_second: TicksPerSecond,
    /// Bytes with WebSocket framing, per client and second.
    pub wire_bytes_per_player_second: WireBytes,
    /// Visible avatars per tick.
    pub visible_mean: f64,
    /// Bits received per visible avatar and tick, everything included.
    pub bits_per_visible_tick: f64,
    /// From sending an input to the stream showing its effect.
    pub input_to_effect_ms: Percentiles,
    /// Bots that came back after a lost connection; only if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// How others would be seen; only with `--screens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screens: Option<Screens>,
    /// Bots that read nothing for 5 s of every 10 s; only with `--stall-readers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_readers: Option<SlowReaders>,
    /// Bots that read one kilobyte per second; only with `--trickle-readers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trickle_readers: Option<SlowReaders>,
}

/// Tick messages received, per second and client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TicksPerSecond {
    /// Mean over clients.
    pub mean: f64,
    /// The slowest client's.
    pub min: f64,
}

/// Bytes with WebSocket framing, per client and second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WireBytes {
    /// From the server.
    pub received: f64,
    /// To the server.
    pub sent: f64,
}

/// Percentiles of a latency in milliseconds; all zero if there were no samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half were at most this.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// Bots that came back after a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Resumed {
    /// Sessions that the server took up again.
    pub sessions: u64,
    /// Those with the same id, no lower score, and the avatar where it was.
    pub with_score_and_place: u64,
    /// Bots that had to join anew, as somebody else.
    pub anew: u64,
    /// From the loss to the first tick.
    pub away_ms: Percentiles,
}

/// What screens would have shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Screens {
    /// How far behind the newest possible tick others were drawn.
    pub playout_delay_ms: Percentiles,
    /// Share of the time in which others were drawn by extrapolation.
    pub starved_percent: f64,
    /// Inputs that came after their tick.
    pub inputs_late_percent: f64,
    /// Corrections of the own avatar for late inputs, per bot and minute.
    pub corrections_late_per_minute: f64,
    /// Corrections of the own avatar for what the server did, per bot and minute.
    pub corrections_event_per_minute: f64,
    /// Corrections of the own avatar after gaps, per bot and minute.
    pub corrections_resync_per_minute: f64,
}

/// What became of bots that read too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SlowReaders {
    /// Bots that were admitted.
    pub joined: u64,
    /// Sessions lost after they had begun.
    pub disconnects: u64,
    /// Cells whose replica differed from the server's.
    pub desyncs: u64,
    /// Mean ticks per second received.
    pub ticks_per_second: f64,
    /// Ticks that the server left out.
    pub ticks_skipped: u64,
    /// Keyframes by which they came back.
    pub keyframes: u64,
}

/// All that bots of each kind saw.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Bots that read as fast as they can.
    pub players: Tally,
    /// Bots that read nothing for 5 s of every 10 s.
    pub stalled: Tally,
    /// Bots that read one kilobyte per second.
    pub trickled: Tally,
}

impl Outcome {
    /// Whether every bot joined and nothing was lost or out of step. Slow readers may be dropped,
    /// which is the server's right, but never fall out of step.
    pub fn is_clean(&self) -> bool {
        self.players.is_clean() && self.stalled.desyncs == 0 && self.trickled.desyncs == 0
    }

    /// Whether there were bots and none was admitted.
    pub fn has_nobody(&self) -> bool {
        let all = [&self.players, &self.stalled, &self.trickled];
        all.iter().any(|tally| tally.started > 0) && all.iter().all(|tally| tally.joined == 0)
    }

    /// Why nobody was admitted, to go behind the address: the most frequent trouble.
    pub fn why_nobody(&self) -> String {
        let troubles = self.sorted_troubles();
        let trouble = troubles.first().map_or("", |(words, _)| words.as_str());
        if trouble.is_empty() || trouble.starts_with("cannot reach") {
            ". Is the server running? `cargo run --release` starts one.".to_owned()
        } else {
            format!(": {trouble}")
        }
    }

    /// The figures.
    pub fn report(&self) -> Report {
        let Tally { window, .. } = &self.players;
        let per_second = |sum: u64| round(ratio(sum as f64, window.seconds), 1);
        Report {
            joined: self.players.joined,
            refused: self.players.refused,
            disconnects: self.players.disconnects,
            errors: self.players.errors,
            desyncs: self.players.desyncs,
            corrections: self.players.corrections.total(),
            ticks_per_second: TicksPerSecond {
                mean: round(ratio(window.rates, window.bots as f64), 3),
                min: round(window.rate_min.unwrap_or(0.0), 3),
            },
            wire_bytes_per_player_second: WireBytes {
                received: per_second(window.bytes_received),
                sent: per_second(window.bytes_sent),
            },
            visible_mean: round(ratio(window.avatar_ticks as f64, window.ticks as f64), 2),
            bits_per_visible_tick: round(
                ratio(
                    window.bytes_received as f64 * 8.0,
                    window.avatar_ticks as f64,
                ),
                3,
            ),
            input_to_effect_ms: Percentiles::of(&self.players.input_to_effect),
            resumed: Resumed::of(&self.players.returns),
            screens: Screens::of(&self.players),
            stall_readers: SlowReaders::of(&self.stalled),
            trickle_readers: SlowReaders::of(&self.trickled),
        }
    }

    /// The report with the troubles, for people.
    pub fn text(&self) -> String {
        let report = self.report();
        let mut out = report.to_string();
        let Tally {
            window,
            corrections,
            ..
        } = &self.players;
        let gaps = Percentiles::of(&self.players.arrival_gaps);
        let _ = writeln!(
            out,
            "  of the corrections      {} late input, {} server event, {} resync",
            corrections.late_input, corrections.server_event, corrections.resync
        );
        let _ = writeln!(
            out,
            "  inputs late             {:.3} % of {}",
            100.0 * ratio(window.inputs_late as f64, window.inputs as f64),
            window.inputs
        );
        let _ = writeln!(
            out,
            "  gap between ticks, ms   p50 {:.1}  p90 {:.1}  p99 {:.1}  max {:.1}",
            gaps.p50, gaps.p90, gaps.p99, gaps.max
        );
        out.push_str(&self.troubles());
        out
    }

    /// Troubles in words, most frequent first; empty if there were none.
    pub fn troubles(&self) -> String {
        let mut out = String::new();
        for (words, count) in self.sorted_troubles() {
            let _ = writeln!(out, "  {count} x {words}");
        }
        out
    }

    fn sorted_troubles(&self) -> Vec<(String, u64)> {
        let mut sum = Tally::default();
        for tally in [&self.players, &self.stalled, &self.trickled] {
            sum.add(tally);
        }
        let mut troubles: Vec<_> = sum.troubles.into_iter().collect();
        troubles.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        troubles
    }
}

impl Percentiles {
    fn of(micros: &hdrhistogram::Histogram<u64>) -> Percentiles {
        let at = |quantile| round(micros.value_at_quantile(quantile) as f64 / 1_000.0, 2);
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: round(micros.max() as f64 / 1_000.0, 2),
        }
    }
}

impl Resumed {
    fn of(returns: &Returns) -> Option<Resumed> {
        (!returns.is_none()).then(|| Resumed {
            sessions: returns.resumed,
            with_score_and_place: returns.unchanged,
            anew: returns.anew,
            away_ms: Percentiles::of(&returns.away),
        })
    }
}

impl Screens {
    fn of(tally: &Tally) -> Option<Screens> {
        let window = &tally.window;
        let minutes = window.seconds / 60.0;
        let percent = |part: f64, whole: f64| round(100.0 * ratio(part, whole), 3);
        let per_minute = |count: u64| round(ratio(count as f64, minutes), 3);
        (!tally.playout_delay.is_empty()).then(|| Screens {
            playout_delay_ms: Percentiles::of(&tally.playout_delay),
            starved_percent: percent(window.starved_ms / 1e3, window.seconds),
            inputs_late_percent: percent(window.inputs_late as f64, window.inputs as f64),
            corrections_late_per_minute: per_minute(tally.corrections.late_input),
            corrections_event_per_minute: per_minute(tally.corrections.server_event),
            corrections_resync_per_minute: per_minute(tally.corrections.resync),
        })
    }
}

impl fmt::Display for Screens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p90, p99, max } = self.playout_delay_ms;
        writeln!(
            f,
            "  playout delay, ms       p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  max {max:.1}"
        )?;
        writeln!(f, "  starved                 {:.2} %", self.starved_percent)?;
        writeln!(
            f,
            "  corrections per minute  {:.2} late input, {:.2} server event, {:.2} resync",
            self.corrections_late_per_minute,
            self.corrections_event_per_minute,
            self.corrections_resync_per_minute
        )
    }
}

impl SlowReaders {
    fn of(tally: &Tally) -> Option<SlowReaders> {
        (tally.started > 0).then(|| SlowReaders {
            joined: tally.joined,
            disconnects: tally.disconnects,
            desyncs: tally.desyncs,
            ticks_per_second: round(ratio(tally.window.rates, tally.window.bots as f64), 3),
            ticks_skipped: tally.window.ticks_skipped,
            keyframes: tally.window.keyframes,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p90, p99, max } = self.input_to_effect_ms;
        writeln!(f, "  joined                  {}", self.joined)?;
        writeln!(f, "  refused                 {}", self.refused)?;
        writeln!(f, "  disconnects             {}", self.disconnects)?;
        writeln!(f, "  errors                  {}", self.errors)?;
        writeln!(f, "  desyncs                 {}", self.desyncs)?;
        writeln!(
            f,
            "  ticks per second        {:.2} mean, {:.2} slowest client",
            self.ticks_per_second.mean, self.ticks_per_second.min
        )?;
        writeln!(
            f,
            "  bytes per player-second {:.0} received, {:.0} sent (with framing)",
            self.wire_bytes_per_player_second.received, self.wire_bytes_per_player_second.sent
        )?;
        writeln!(
            f,
            "  visible avatars         {:.1} mean, {:.3} bits each per tick",
            self.visible_mean, self.bits_per_visible_tick
        )?;
        writeln!(
            f,
            "  input to effect, ms     p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  max {max:.1}"
        )?;
        if let Some(resumed) = &self.resumed {
            writeln!(
                f,
                "  resumed                 {}, {} of them with score and place; {} joined anew",
                resumed.sessions, resumed.with_score_and_place, resumed.anew
            )?;
            let Percentiles { p50, p90, p99, max } = resumed.away_ms;
            writeln!(
                f,
                "  away, ms                p50 {p50:.0}  p90 {p90:.0}  p99 {p99:.0}  max {max:.0}"
            )?;
        }
        if let Some(screens) = &self.screens {
            write!(f, "{screens}")?;
        }
        for (name, slow) in [
            ("stall readers", &self.stall_readers),
            ("trickle readers", &self.trickle_readers),
        ] {
            if let Some(slow) = slow {
                writeln!(
                    f,
                    "  {name:<23} {} joined, {} disconnects, {} desyncs, {:.2} ticks per second, \
                     {} ticks left out, {} keyframes",
                    slow.joined,
                    slow.disconnects,
                    slow.desyncs,
                    slow.ticks_per_second,
                    slow.ticks_skipped,
                    slow.keyframes
                )?;
            }
        }
        writeln!(f, "  corrections             {}", self.corrections)
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn round(value: f64, decimals: i32) -> f64 {
    let one = 10f64.powi(decimals);
    (value * one).round() / one
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::Duration;
    use tickwire_netcode::Stats;

    fn outcome() -> Outcome {
        let mut outcome = Outcome::default();
        let players = &mut outcome.players;
        (players.started, players.joined) = (1, 1);
        let after = Stats {
            ticks_received: 300,
            avatar_ticks: 3_000,
            bytes_received: 1_500,
            bytes_sent: 250,
            ..Stats::default()
        };
        players.measure(&Stats::default(), &after, Duration::from_secs(10));
        players.input_to_effect.record(50_000).unwrap();
        outcome
    }

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    fn keys(value: &Value) -> Vec<&str> {
        value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn the_json_has_exactly_the_promised_keys() {
        let json = serde_json::to_value(outcome().report()).unwrap();
        let mut expected = vec![
            "joined",
            "refused",
            "disconnects",
            "errors",
            "desyncs",
            "corrections",
            "ticks_per_second",
            "wire_bytes_per_player_second",
            "visible_mean",
            "bits_per_visible_tick",
            "input_to_effect_ms",
        ];
        expected.sort_unstable();
        let mut found = keys(&json);
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(keys(&json["ticks_per_second"]), ["mean", "min"]);
        assert_eq!(
            keys(&json["wire_bytes_per_player_second"]),
            ["received", "sent"]
        );
        assert_eq!(
            keys(&json["input_to_effect_ms"]),
            ["max", "p50", "p90", "p99"]
        );
    }

    #[test]
    fn the_figures_are_ratios_of_the_window() {
        let report = outcome().report();
        assert!(is_near(report.ticks_per_second.mean, 30.0));
        assert!(is_near(report.visible_mean, 10.0));
        assert!(is_near(report.bits_per_visible_tick, 4.0));
        assert!(is_near(report.wire_bytes_per_player_second.received, 150.0));
        assert!((49.0..=51.0).contains(&report.input_to_effect_ms.p99));
    }

    #[test]
    fn returns_have_their_own_row_and_only_if_there_are_any() {
        let mut outcome = outcome();
        outcome.players.returns.resumed = 3;
        outcome.players.returns.unchanged = 2;
        let json = serde_json::to_value(outcome.report()).unwrap();
        assert_eq!(json["resumed"]["sessions"], 3);
        assert_eq!(json["resumed"]["with_score_and_place"], 2);
        assert!(outcome.text().contains("3, 2 of them with score and place"));
    }

    #[test]
    fn screens_have_their_own_rows_and_only_if_there_are_any() {
        let mut outcome = outcome();
        assert_eq!(outcome.report().screens, None);
        let stats = Stats {
            interpolation_delay_ms: 40.0,
            ..Stats::default()
        };
        outcome.players.drew(&stats);
        outcome.players.window.starved_ms = 100.0;
        outcome.players.corrections.late_input = 2;
        let screens = outcome.report().screens.expect("a frame was drawn");
        assert!((39.0..=41.0).contains(&screens.playout_delay_ms.p50));
        assert!(is_near(screens.starved_percent, 1.0));
        assert!(is_near(screens.corrections_late_per_minute, 12.0));
        assert!(outcome.text().contains("playout delay"));
    }

    #[test]
    fn slow_readers_have_their_own_row_and_only_if_there_are_any() {
        let mut outcome = outcome();
        outcome.stalled.started = 2;
        let json = serde_json::to_value(outcome.report()).unwrap();
        assert_eq!(json["stall_readers"]["joined"], 0);
        assert!(json.get("trickle_readers").is_none());
        assert!(outcome.text().contains("stall readers"));
    }

    #[test]
    fn a_run_without_anybody_divides_by_nothing() {
        let report = Outcome::default().report();
        assert!(is_near(report.bits_per_visible_tick, 0.0));
        assert!(is_near(report.ticks_per_second.min, 0.0));
    }

    #[test]
    fn a_run_is_clean_only_if_all_joined_and_none_was_lost() {
        let mut outcome = outcome();
        assert!(outcome.is_clean());
        outcome.players.started = 2;
        assert!(!outcome.is_clean());
        outcome.players.started = 1;
        outcome.stalled.disconnects = 1;
        assert!(outcome.is_clean(), "the server may drop slow readers");
        outcome.stalled.desyncs = 1;
        assert!(!outcome.is_clean());
    }
}
