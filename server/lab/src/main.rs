//! The `tickwire-lab` binary: one subcommand per laboratory.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::ops::Range;
use std::thread;
use tickwire_lab::bots::{self, BotsOptions};
use tickwire_lab::campaign;
use tickwire_lab::codec_cli::CodecCommand;
use tickwire_lab::fault::Fault;
use tickwire_lab::feel_cli::{self, FeelOptions};
use tickwire_lab::stream::{self, StreamOptions};
use tickwire_shared::TickRate;
use tickwire_shared::game::Arena;

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
    /// Measure what players judge, on virtual lines.
    Feel(FeelOptions),
    /// Measure what `tickwire-bots --screens` would on a virtual line, and hold its report against
    /// that.
    Bots(BotsOptions),
    /// Write a random stream of cell frames to standard output, to test decoders with.
    Stream(Stream),
    /// Around the codec.
    #[command(flatten)]
    Codec(CodecCommand),
}

#[derive(Debug, Args)]
struct Stream {
    /// Frames, at least.
    #[arg(long, default_value_t = 10_000)]
    frames: usize,
    /// All chance comes from here.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Avatars present at once, about.
    #[arg(long, default_value_t = 60)]
    avatars: usize,
    /// Ticks per second.
    #[arg(long, default_value_t = 30)]
    tick_rate: u16,
    /// Arena: garden, plain, city or tiny.
    #[arg(long, default_value = "garden")]
    arena: String,
}

#[derive(Debug, Args)]
struct Simulate {
    /// The seeds, first included, last not.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, default_value = "0..200")]
    seeds: Range<u64>,
    /// Threads; all cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Run all seeds, whatever fails, and tell every failure.
    #[arg(long)]
    keep_going: bool,
    /// Put a defect in, to see that it is caught.
    #[arg(long, value_parser = parse_fault)]
    fault: Option<Fault>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Command::Simulate(options) => simulate(&options),
        Command::Feel(options) => feel_cli::feel(&options),
        Command::Bots(options) => bots::run(&options),
        Command::Stream(options) => stream(&options),
        Command::Codec(command) => command.run(),
    }
}

fn simulate(options: &Simulate) -> anyhow::Result<()> {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let bar = campaign::progress_bar(&options.seeds);
    let plan = campaign::Plan {
        seeds: options.seeds.clone(),
        fault: options.fault,
        threads: options.threads.unwrap_or_else(cores),
        keep_going: options.keep_going,
    };
    let summary = campaign::run(&plan, &bar);
    let elapsed = bar.elapsed();
    bar.finish_and_clear();
    println!(
        "{} seeds passed, {} virtual seconds in {:.1} s, trace {:016x}",
        summary.passed,
        summary.virtual_seconds,
        elapsed.as_secs_f64(),
        summary.trace_hash
    );
    for failure in &summary.failures {
        let command = campaign::repeat_command(failure.seed, options.fault);
        eprintln!("seed {} failed {}", failure.seed, failure.what);
        eprintln!("repeat it with: {command}");
    }
    if summary.failures.is_empty() {
        Ok(())
    } else {
        bail!("{} of the seeds failed", summary.failures.len());
    }
}

fn stream(options: &Stream) -> anyhow::Result<()> {
    let arena = Arena::named(&options.arena)?;
    let bytes = stream::make(
        StreamOptions {
            frames: options.frames,
            seed: options.seed,
            avatars: options.avatars,
            tick_rate: TickRate::new(options.tick_rate)?,
        },
        arena,
    );
    std::io::stdout().write_all(&bytes)?;
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
