//! What `tickwire-bots` would see on a virtual line: the subcommand `bots`.
//!
//! The same brains play through the same netcode in the same world, join as fast and are measured
//! as long, and the same code counts: what differs from a run through the proxy is real sockets,
//! real timers and a machine that does other things as well.

use crate::check::Violation;
use crate::peer::{Peer, PeerSpec};
use crate::player::Style;
use crate::simulation::{Probe, Simulation};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use tickwire_bots::brain::BrainKind;
use tickwire_bots::options::ReportFormat;
use tickwire_bots::profile::Profile;
use tickwire_bots::report::Outcome;
use tickwire_bots::tally::Tally;
use tickwire_netcode::{ClientConfig, Event, Stats, View};
use tickwire_shared::game::{Arena, World};
use tickwire_shared::{LocalTime, TickRate};

/// What to play. The defaults are those of `tickwire-bots`.
#[derive(Clone, Debug, Args)]
pub struct BotsOptions {
    /// lan, cable, wifi, mobile or awful.
    #[arg(long, default_value = "mobile")]
    profile: Profile,
    /// Bots.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    players: u32,
    /// Virtual seconds to measure once everybody has joined.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How the bots behave.
    #[arg(long, value_enum, default_value_t = BrainKind::Mixed)]
    brain: BrainKind,
    /// All chance comes from here.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plays this often, with consecutive seeds, and adds up: a single run has few late inputs.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    runs: u64,
    /// Form of the report on standard output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    report: ReportFormat,
    /// The JSON report of real bots: print both side by side, and fail if they are apart.
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
}

/// Joins per second, as of `tickwire-bots`.
const JOIN_RATE: u64 = 200;
/// From the last join to the measurement: the join itself, and what `tickwire-bots` waits.
const SETTLE: Duration = Duration::from_secs(1);
const FRAMES_PER_SECOND: u32 = 60;
/// Figures may differ by this share of the larger one.
const APART_MAX: f64 = 0.3;

/// What is held against one another: name, place in the JSON report, and a difference that is
/// nothing. Where events are rare, that is two standard deviations of their number: fifty bots see
/// some twenty late inputs in a minute.
const FIGURES: [(&str, &str, f64); 15] = [
    ("ticks per second", "/ticks_per_second/mean", 0.0),
    (
        "bytes received",
        "/wire_bytes_per_player_second/received",
        0.0,
    ),
    ("bytes sent", "/wire_bytes_per_player_second/sent", 0.0),
    ("visible avatars", "/visible_mean", 0.0),
    ("bits per visible avatar", "/bits_per_visible_tick", 0.0),
    ("input to effect p50, ms", "/input_to_effect_ms/p50", 0.0),
    ("input to effect p90, ms", "/input_to_effect_ms/p90", 0.0),
    ("input to effect p99, ms", "/input_to_effect_ms/p99", 0.0),
    (
        "playout delay p50, ms",
        "/screens/playout_delay_ms/p50",
        0.0,
    ),
    (
        "playout delay p90, ms",
        "/screens/playout_delay_ms/p90",
        0.0,
    ),
    (
        "playout delay p99, ms",
        "/screens/playout_delay_ms/p99",
        0.0,
    ),
    ("starved, %", "/screens/starved_percent", 0.1),
    ("inputs late, %", "/screens/inputs_late_percent", 0.07),
    (
        "late corrections per minute",
        "/screens/corrections_late_per_minute",
        0.15,
    ),
    (
        "gap corrections per minute",
        "/screens/corrections_resync_per_minute",
        0.05,
    ),
];

/// Runs the subcommand.
pub fn run(options: &BotsOptions) -> anyhow::Result<()> {
    let mut outcome = Outcome::default();
    for seed in (options.seed..).take(options.runs as usize) {
        let run = play(options, seed).map_err(|violation| anyhow::anyhow!("{violation}"))?;
        outcome.players.add(&run.players);
    }
    let virtually = serde_json::to_value(outcome.report())?;
    let Some(file) = &options.beside else {
        match options.report {
            ReportFormat::Text => print!("{}", outcome.text()),
            ReportFormat::Json => println!("{}", serde_json::to_string_pretty(&virtually)?),
        }
        return Ok(());
    };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let really = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a report", file.display()))?;
    let (table, apart) = beside(&virtually, &really);
    print!("{table}");
    if apart.is_empty() {
        Ok(())
    } else {
        bail!(
            "more than {:.0} % apart: {}",
            APART_MAX * 100.0,
            apart.join(", ")
        );
    }
}

/// Plays and measures on a virtual line.
pub fn play(options: &BotsOptions, seed: u64) -> Result<Outcome, Violation> {
    let arena = Arena::named("garden").expect("an embedded arena");
    let world = World::new(arena, TickRate::DEFAULT);
    let mut simulation = Simulation::new(world, seed, None);
    let mut watch = Watch::default();
    for number in 0..u64::from(options.players) {
        let at = LocalTime(number * 1_000_000 / JOIN_RATE);
        simulation.run_until(at, &mut watch)?;
        // As the fleet seeds its bots.
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number;
        simulation.join(PeerSpec {
            client: ClientConfig {
                seed,
                ..ClientConfig::default()
            },
            profile: options.profile,
            style: Style::Wander,
            brain: Some(options.brain),
            frames_per_second: FRAMES_PER_SECOND,
            drift_ppm: 0,
            epoch: Duration::ZERO,
            seed,
        });
    }
    let begin = simulation.now + SETTLE;
    simulation.run_until(begin, &mut watch)?;
    watch.begin(&simulation);
    let elapsed = Duration::from_secs(options.seconds);
    simulation.run_until(begin + elapsed, &mut watch)?;
    Ok(watch.finish(&simulation, elapsed))
}

/// Counts as a fleet of bots does.
#[derive(Default)]
struct Watch {
    tally: Tally,
    before: Option<Vec<Stats>>,
}

impl Watch {
    fn begin(&mut self, simulation: &Simulation) {
        let stats = |peer: &Peer| peer.client.stats().clone();
        self.before = Some(simulation.peers.iter().map(stats).collect());
    }

    fn finish(mut self, simulation: &Simulation, elapsed: Duration) -> Outcome {
        self.tally.started = simulation.peers.len() as u64;
        let before = self.before.unwrap_or_default();
        for (peer, before) in simulation.peers.iter().zip(&before) {
            self.tally.measure(before, peer.client.stats(), elapsed);
        }
        Outcome {
            players: self.tally,
            ..Outcome::default()
        }
    }
}

impl Probe for Watch {
    fn heard(&mut self, _index: usize, event: &Event) {
        match event {
            Event::Welcomed { .. } => self.tally.joined += 1,
            Event::Lost { message, .. } => {
                self.tally.disconnects += 1;
                self.tally.trouble(message, 1);
            }
            Event::InputEffect { latency } if self.before.is_some() => {
                let micros = latency.as_micros() as u64;
                self.tally.input_to_effect.saturating_record(micros);
            }
            _ => {}
        }
    }

    fn framed(&mut self, _now: LocalTime, _index: usize, peer: &Peer, _view: &View) {
        if self.before.is_some() {
            self.tally.drew(peer.client.stats());
        }
    }
}

/// Both reports as a Markdown table, and the names of the figures that are apart.
fn beside(virtually: &Value, really: &Value) -> (String, Vec<&'static str>) {
    let mut table = String::from("| | virtual | real | real : virtual |\n|---|---|---|---|\n");
    let mut apart = Vec::new();
    for (name, place, nothing) in FIGURES {
        let figure = |report: &Value| report.pointer(place).and_then(Value::as_f64);
        let (Some(a), Some(b)) = (figure(virtually), figure(really)) else {
            apart.push(name);
            let _ = writeln!(table, "| {name} | is missing | | |");
            continue;
        };
        let difference = (a - b).abs();
        if difference > nothing && difference > APART_MAX * a.abs().max(b.abs()) {
            apart.push(name);
        }
        let share = if a > 0.0 {
            format!("{:.2}", b / a)
        } else {
            String::new()
        };
        let _ = writeln!(table, "| {name} | {a} | {b} | {share} |");
    }
    for (name, place) in [("disconnects", "/disconnects"), ("desyncs", "/desyncs")] {
        let figure = |report: &Value| report.pointer(place).and_then(Value::as_u64);
        let (a, b) = (figure(virtually), figure(really));
        if a != Some(0) || b != Some(0) {
            apart.push(name);
        }
        let words = |count: Option<u64>| count.map_or("is missing".into(), |n| n.to_string());
        let _ = writeln!(table, "| {name} | {} | {} | |", words(a), words(b));
    }
    (table, apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seconds: u64) -> BotsOptions {
        BotsOptions {
            profile: tickwire_bots::profile::named("cable").expect("a profile of the list"),
            players: 6,
            seconds,
            brain: BrainKind::Mixed,
            seed: 3,
            runs: 1,
            report: ReportFormat::Json,
            beside: None,
        }
    }

    #[test]
    fn virtual_bots_play_and_are_like_themselves() {
        let outcome = play(&options(10), 3).expect("nothing is violated");
        assert!(outcome.is_clean());
        let report = serde_json::to_value(outcome.report()).expect("a report");
        let bytes = report.pointer("/wire_bytes_per_player_second/sent");
        assert!(bytes.and_then(Value::as_f64) > Some(20.0), "they steer");
        let (table, apart) = beside(&report, &report);
        assert!(apart.is_empty(), "{apart:?}\n{table}");
    }

    #[test]
    fn figures_that_are_apart_or_missing_are_named() {
        let report = |delay: f64| {
            let mut outcome = play(&options(2), 3).expect("nothing is violated");
            outcome.players.playout_delay.reset();
            let stats = Stats {
                interpolation_delay_ms: delay,
                ..Stats::default()
            };
            outcome.players.drew(&stats);
            serde_json::to_value(outcome.report()).expect("a report")
        };
        let (_, apart) = beside(&report(50.0), &report(80.0));
        assert!(apart.contains(&"playout delay p50, ms"), "{apart:?}");
        let (_, apart) = beside(&report(50.0), &Value::Null);
        assert_eq!(apart.len(), FIGURES.len() + 2);
    }
}
