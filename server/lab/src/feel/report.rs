//! The figures of `feel`, and the bars that they are held against.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt::Write;

/// Half, nearly all, and the worst.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    pub(super) fn of_micros(histogram: &Histogram<u64>) -> Quantiles {
        Quantiles::scaled(histogram, 1e3)
    }

    pub(super) fn of_millionths(histogram: &Histogram<u64>) -> Quantiles {
        Quantiles::scaled(histogram, 1e6)
    }

    fn scaled(histogram: &Histogram<u64>, scale: f64) -> Quantiles {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / scale;
        Quantiles {
            p50: at(0.5),
            p99: at(0.99),
            max: histogram.max() as f64 / scale,
        }
    }
}

/// What one profile feels like.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FeelReport {
    /// The line.
    pub profile: String,
    /// Measured virtual seconds.
    pub seconds: u64,
    /// From a key press to the first frame that shows it moved, on the own screen.
    pub own_input_to_own_screen_ms: Quantiles,
    /// The same on the screens of the others.
    pub own_input_to_others_screens_ms: Quantiles,
    /// Corrections for late inputs, per client and minute.
    pub corrections_late_per_minute: f64,
    /// Corrections for what the server did, per client and minute.
    pub corrections_event_per_minute: f64,
    /// Corrections after gaps, per client and minute.
    pub corrections_resync_per_minute: f64,
    /// The largest correction of the own avatar since the start, server events included.
    pub correction_max_units: f64,
    /// How much further than it really did another avatar moved in one frame, at most.
    pub others_jump_max_units: f64,
    /// The largest change, from one frame to the next, of the difference between drawn and real
    /// motion.
    pub others_jerk_max_units: f64,
    /// How far from where they are at that moment others were drawn, in units.
    pub others_off_units: Quantiles,
    /// Share of the time in which others were drawn by extrapolation.
    pub starved_percent: f64,
    /// How far behind the newest possible tick others are drawn.
    pub playout_delay_ms: Quantiles,
    /// How far the clock is from where it wants to be.
    pub clock_error_ms: Quantiles,
    /// How far the clock runs ahead of the server.
    pub lead_ms: f64,
    /// Inputs that came after their tick.
    pub late_inputs_percent: f64,
}

/// What a profile must reach; `None` where nothing is asked.
#[derive(Clone, Copy, Debug)]
pub struct Bars {
    /// Own input to own screen, in milliseconds: one frame and half a tick.
    pub own_ms: f64,
    /// Corrections without server events, per minute.
    pub corrections: Option<f64>,
    /// Largest jump of others, in units.
    pub jump: Option<f64>,
    /// Late inputs, in per cent.
    pub late: Option<f64>,
}

impl Bars {
    /// The bars of a profile, at 60 Hz screens and 30 Hz ticks.
    pub fn of(profile: &str) -> Bars {
        let (corrections, jump, late) = match profile {
            "lan" | "cable" => (Some(0.0), Some(0.02), Some(0.1)),
            "wifi" => (Some(0.0), Some(0.1), Some(1.0)),
            "mobile" => (Some(2.0), Some(0.5), Some(3.0)),
            _ => (None, None, None),
        };
        Bars {
            own_ms: 1e3 / 60.0 + 1e3 / 60.0,
            corrections,
            jump,
            late,
        }
    }

    /// What a report does not reach, in words.
    pub fn missed(&self, report: &FeelReport) -> Vec<String> {
        let own = report.own_input_to_own_screen_ms.p99;
        let corrections = report.corrections_late_per_minute + report.corrections_resync_per_minute;
        let measured = [
            ("own input to own screen (p99, ms)", own, Some(self.own_ms)),
            (
                "corrections without server events per minute",
                corrections,
                self.corrections,
            ),
            (
                "largest jump of others (units)",
                report.others_jump_max_units,
                self.jump,
            ),
            ("late inputs (%)", report.late_inputs_percent, self.late),
        ];
        let too_much = |(what, value, bar): (&str, f64, Option<f64>)| {
            let bar = bar.filter(|bar| value > *bar)?;
            Some(format!(
                "{}: {what} is {value:.3}, the bar is {bar:.3}",
                report.profile
            ))
        };
        measured.into_iter().filter_map(too_much).collect()
    }
}

/// The reports as a Markdown table, one column per profile.
pub fn table(reports: &[FeelReport]) -> String {
    type Row = (&'static str, fn(&FeelReport) -> String);
    let rows: [Row; 14] = [
        ("own input to own screen, p50 / p99 / max ms", |r| {
            three(r.own_input_to_own_screen_ms)
        }),
        ("own input to others' screens, p50 / p99 / max ms", |r| {
            three(r.own_input_to_others_screens_ms)
        }),
        ("corrections for late inputs, per minute", |r| {
            two(r.corrections_late_per_minute)
        }),
        ("corrections for server events, per minute", |r| {
            two(r.corrections_event_per_minute)
        }),
        ("corrections after gaps, per minute", |r| {
            two(r.corrections_resync_per_minute)
        }),
        ("largest correction, units", |r| two(r.correction_max_units)),
        (
            "others: largest jump in a frame beyond true motion, units",
            |r| format!("{:.4}", r.others_jump_max_units),
        ),
        ("others: largest jerk, units", |r| {
            format!("{:.4}", r.others_jerk_max_units)
        }),
        (
            "others: distance from where they are, p50 / p99 / max units",
            |r| {
                let Quantiles { p50, p99, max } = r.others_off_units;
                format!("{p50:.2} / {p99:.2} / {max:.2}")
            },
        ),
        ("time starved, %", |r| two(r.starved_percent)),
        ("playout delay, p50 / p99 / max ms", |r| {
            three(r.playout_delay_ms)
        }),
        ("clock error, p50 / p99 / max ms", |r| {
            three(r.clock_error_ms)
        }),
        ("lead over the server, mean ms", |r| two(r.lead_ms)),
        ("late inputs, %", |r| {
            format!("{:.3}", r.late_inputs_percent)
        }),
    ];
    let mut out = String::from("| |");
    for report in reports {
        let _ = write!(out, " {} |", report.profile);
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(reports.len()));
    for (name, value) in rows {
        let _ = write!(out, "\n| {name} |");
        for report in reports {
            let _ = write!(out, " {} |", value(report));
        }
    }
    out.push('\n');
    out
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

fn three(quantiles: Quantiles) -> String {
    let Quantiles { p50, p99, max } = quantiles;
    format!("{p50:.1} / {p99:.1} / {max:.1}")
}
