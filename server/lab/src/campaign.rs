//! Many seeds on all cores, stopping at the first failure: `tickwire-lab simulate`.

use crate::fault::Fault;
use crate::scenario;
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What was violated, or the words of a panic.
    pub what: String,
}

/// What a campaign found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Seeds that ran to their end.
    pub passed: u64,
    /// Virtual seconds that they took together.
    pub virtual_seconds: u64,
    /// All traces together: the same for the same seeds, in any order.
    pub trace_hash: u64,
    /// In ascending order of seed.
    pub failures: Vec<Failure>,
}

/// What to run and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seeds.
    pub seeds: Range<u64>,
    /// A defect put in on purpose.
    pub fault: Option<Fault>,
    /// How many at once.
    pub threads: usize,
    /// Whether the first failure is no reason to stop.
    pub keep_going: bool,
}

/// Runs the seeds of a plan.
pub fn run(plan: &Plan, bar: &ProgressBar) -> Summary {
    let seeds = &plan.seeds;
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let result = run_one(seed, plan.fault);
                    let mut summary = summary.lock().expect("no thread panics with it");
                    bar.inc(1);
                    match result {
                        Ok(outcome) => {
                            summary.passed += 1;
                            summary.virtual_seconds += outcome.duration / 1_000_000;
                            summary.trace_hash =
                                summary.trace_hash.wrapping_add(outcome.trace_hash);
                        }
                        Err(what) => {
                            summary.failures.push(Failure { seed, what });
                            if !plan.keep_going {
                                next.store(seeds.end, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().expect("no thread panics with it");
    summary.failures.sort_by_key(|failure| failure.seed);
    summary
}

/// A bar on standard error with rate and remaining time.
pub fn progress_bar(seeds: &Range<u64>) -> ProgressBar {
    let bar = ProgressBar::new(seeds.end - seeds.start);
    let template = "{bar:40} {pos}/{len} seeds  {per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The command that repeats a failure.
pub fn repeat_command(seed: u64, fault: Option<Fault>) -> String {
    let mut command = format!(
        "cargo run --release -p tickwire-lab -- simulate --seeds {seed}..{}",
        seed + 1
    );
    if let Some((name, _)) = Fault::ALL.into_iter().find(|(_, f)| Some(*f) == fault) {
        command.push_str(" --fault ");
        command.push_str(name);
    }
    command
}

fn run_one(seed: u64, fault: Option<Fault>) -> Result<scenario::Outcome, String> {
    let run = catch_unwind(AssertUnwindSafe(|| scenario::run(seed, fault)));
    match run {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(violation)) => Err(violation.to_string()),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("panic: {}", words.unwrap_or("without words")))
        }
    }
}
