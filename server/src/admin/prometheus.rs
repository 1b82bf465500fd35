//! The counters in Prometheus' text format.

use crate::link::Directory;
use crate::metrics::{HISTOGRAM_BOUNDS_MICROS, Histogram, Labelled, Metrics};
use std::fmt::Write;

/// What a counter is called outside, what it is, and what it counts.
struct Family {
    name: String,
    kind: &'static str,
    help: String,
}

const REFUSALS: &str = "Connections and handshakes turned away, by the rule.";
const CLOSES: &str = "Sessions that the server ended, by the close reason.";
const TICK_SECONDS: &str = "How long ticks take, in seconds.";
const LATENESS_SECONDS: &str = "How late ticks start, in seconds.";
const MARGIN_SECONDS: &str =
    "How long before their tick inputs come, in seconds; late ones count as 0.";
const QUEUE: &str = "Requests that wait for a worker at present.";
const DRAINING: &str = "1 while newcomers are turned away because the server is about to stop.";
const MEMORY: &str = "Bytes of memory that the process occupies at present.";
const BUILD: &str = "1, with the version of the program.";

/// The text for `/metrics`.
pub fn render(metrics: &Metrics, directory: &Directory, is_draining: bool) -> String {
    let mut out = String::new();
    for (name, help, value) in metrics.snapshot() {
        let family = family(name, help);
        head(&family, &mut out);
        let _ = writeln!(out, "{} {value}", family.name);
    }
    labelled(
        "tickwire_refusals_total",
        REFUSALS,
        &metrics.refusals,
        &mut out,
    );
    labelled("tickwire_closes_total", CLOSES, &metrics.closes, &mut out);
    for (name, help, values) in histograms(metrics) {
        histogram(name, help, values, &mut out);
    }
    head(&gauge("tickwire_worker_queue", QUEUE), &mut out);
    for (worker, depth) in directory.queue_depths().into_iter().enumerate() {
        let _ = writeln!(out, "tickwire_worker_queue{{worker=\"{worker}\"}} {depth}");
    }
    head(&gauge("tickwire_draining", DRAINING), &mut out);
    let _ = writeln!(out, "tickwire_draining {}", u8::from(is_draining));
    head(&gauge("process_resident_memory_bytes", MEMORY), &mut out);
    let _ = writeln!(out, "process_resident_memory_bytes {}", resident_bytes());
    head(&gauge("tickwire_build_info", BUILD), &mut out);
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(out, "tickwire_build_info{{version=\"{version}\"}} 1");
    out
}

/// Name, help and values of every distribution.
fn histograms(metrics: &Metrics) -> [(&'static str, &'static str, &Histogram); 3] {
    [
        ("tickwire_tick_seconds", TICK_SECONDS, &metrics.tick_seconds),
        (
            "tickwire_tick_lateness_seconds",
            LATENESS_SECONDS,
            &metrics.tick_lateness_seconds,
        ),
        (
            "tickwire_input_margin_seconds",
            MARGIN_SECONDS,
            &metrics.input_margin_seconds,
        ),
    ]
}

/// Every metric as a table in Markdown: `docs/operations.md` holds it, and a test compares.
pub fn metrics_table() -> String {
    let mut families: Vec<Family> = Metrics::default()
        .snapshot()
        .into_iter()
        .map(|(name, help, _)| family(name, help))
        .collect();
    let other = |name: &str, kind, help: &str| Family {
        name: name.to_owned(),
        kind,
        help: help.to_owned(),
    };
    families.extend([
        other("tickwire_refusals_total{reason}", "counter", REFUSALS),
        other("tickwire_closes_total{reason}", "counter", CLOSES),
    ]);
    let metrics = Metrics::default();
    families.extend(histograms(&metrics).map(|(name, help, _)| other(name, "histogram", help)));
    families.extend([
        other("tickwire_worker_queue{worker}", "gauge", QUEUE),
        other("tickwire_draining", "gauge", DRAINING),
        other("process_resident_memory_bytes", "gauge", MEMORY),
        other("tickwire_build_info{version}", "gauge", BUILD),
    ]);
    let mut out = String::from("| metric | kind | what it is |\n|---|---|---|\n");
    for Family { name, kind, help } in families {
        let _ = writeln!(out, "| `{name}` | {kind} | {help} |");
    }
    out
}

/// Counters of what is present may fall; all others only grow.
fn family(name: &str, help: &str) -> Family {
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if help.contains("at present") {
        gauge(&format!("tickwire_{name}"), &help)
    } else {
        Family {
            name: format!("tickwire_{name}_total"),
            kind: "counter",
            help,
        }
    }
}

fn gauge(name: &str, help: &str) -> Family {
    Family {
        name: name.to_owned(),
        kind: "gauge",
        help: help.to_owned(),
    }
}

fn head(family: &Family, out: &mut String) {
    let Family { name, kind, help } = family;
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn labelled(name: &str, help: &str, counts: &Labelled, out: &mut String) {
    let family = Family {
        kind: "counter",
        ..gauge(name, help)
    };
    head(&family, out);
    for (reason, count) in counts.snapshot() {
        let _ = writeln!(out, "{name}{{reason=\"{reason}\"}} {count}");
    }
}

fn histogram(name: &str, help: &str, histogram: &Histogram, out: &mut String) {
    let family = Family {
        kind: "histogram",
        ..gauge(name, help)
    };
    head(&family, out);
    let (counts, sum) = histogram.snapshot();
    let mut below = 0;
    for (bound, count) in HISTOGRAM_BOUNDS_MICROS.iter().zip(&counts) {
        below += count;
        let seconds = *bound as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{le=\"{seconds}\"}} {below}");
    }
    let all: u64 = counts.iter().sum();
    let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {all}");
    let _ = writeln!(out, "{name}_sum {}", sum.as_secs_f64());
    let _ = writeln!(out, "{name}_count {all}");
}

/// From the kernel's account, in pages of 4 KiB; 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4_096
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text(metrics: &Metrics) -> String {
        let factory = |_: &str, _| unreachable!("no room is opened");
        let directory = Directory::new(Vec::new(), 1, 1, Box::new(factory));
        render(metrics, &directory, false)
    }

    #[test]
    fn every_metric_has_help_a_kind_and_a_row_in_the_docs() {
        let page = include_str!("../../../docs/operations.md");
        let table = metrics_table();
        assert!(
            page.contains(&table),
            "docs/operations.md must hold what `tickwire default-config --markdown` prints"
        );
        for line in text(&Metrics::default()).lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(table.contains(name) && help.ends_with('.'), "{line}");
            }
        }
    }

    #[test]
    fn buckets_are_cumulative_and_labels_are_shown() {
        let metrics = Metrics::default();
        metrics.refusals.increment("origin_not_allowed");
        for micros in [100, 101, 3_000_000] {
            metrics.tick_seconds.record(Duration::from_micros(micros));
        }
        let text = text(&metrics);
        for line in [
            "tickwire_refusals_total{reason=\"origin_not_allowed\"} 1",
            "tickwire_tick_seconds_bucket{le=\"0.0001\"} 1",
            "tickwire_tick_seconds_bucket{le=\"1\"} 2",
            "tickwire_tick_seconds_bucket{le=\"+Inf\"} 3",
            "tickwire_tick_seconds_sum 3.000201",
            "tickwire_players 0",
            "tickwire_ticks_total 0",
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "{line} is missing in\n{text}"
            );
        }
    }
}
