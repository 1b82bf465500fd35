//! The `tickwire-lab` binary: one subcommand per laboratory.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use std::ops::Range;
use std::thread;
use tickwire_lab::campaign;
use tickwire_lab::fault::Fault;

/// Virtual-time laboratory of Tickwire.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run many seeded scenarios with every invariant checked; stop at the first failure.
    Simulate(Simulate),
}

#[derive(Debug, Args)]
struct Simulate {
    /// The seeds, first included, last not.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, default_value = "0..200")]
    seeds: Range<u64>,
    /// Threads; all cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Put a defect in, to see that it is caught.
    #[arg(long, value_parser = parse_fault)]
    fault: Option<Fault>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Command::Simulate(options) => simulate(&options),
    }
}

fn simulate(options: &Simulate) -> anyhow::Result<()> {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or_else(cores);
    let bar = campaign::progress_bar(&options.seeds);
    let summary = campaign::run(options.seeds.clone(), options.fault, threads, &bar);
    let elapsed = bar.elapsed();
    bar.finish_and_clear();
    println!(
        "{} seeds passed, {} virtual seconds in {:.1} s, trace {:016x}",
        summary.passed,
        summary.virtual_seconds,
        elapsed.as_secs_f64(),
        summary.trace_hash
    );
    if let Some(failure) = summary.failure {
        let command = campaign::repeat_command(failure.seed, options.fault);
        bail!(
            "seed {} failed {}\nrepeat it with: {command}",
            failure.seed,
            failure.what
        );
    }
    Ok(())
}

fn parse_seeds(text: &str) -> anyhow::Result<Range<u64>> {
    let (first, end) = text.split_once("..").context("expected A..B")?;
    let seeds = first.trim().parse()?..end.trim().parse()?;
    if seeds.is_empty() {
        bail!("no seed lies in {text}");
    }
    Ok(seeds)
}

fn parse_fault(text: &str) -> anyhow::Result<Fault> {
    let names: Vec<_> = Fault::ALL.into_iter().map(|(name, _)| name).collect();
    Fault::named(text).with_context(|| format!("expected one of {}", names.join(", ")))
}
