//! The subcommands around the codec: `measure`, `train`, `vectors`.

use crate::{measure, play, train, vectors};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::PathBuf;
use tickwire_shared::wire::{Predictor, model};

/// What to do with the codec.
#[derive(Debug, Subcommand)]
pub enum CodecCommand {
    /// Weigh cell frames of simulated play, and compare every decoded body with the truth.
    Measure(Measure),
    /// Make the table of odds, assets/model.v1.txt, from simulated play.
    Train(Train),
    /// Make the golden bytes and traces of assets/vectors.
    Vectors(Vectors),
}

/// Options of `measure`.
#[derive(Debug, Args)]
pub struct Measure {
    /// Players.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    players: u16,
    /// Edge of a cell in units (64, 128 or 256), or `one` for the whole arena of 512 x 512.
    #[arg(long, default_value = "128")]
    cells: String,
    /// How followers predict.
    #[arg(long, value_enum, default_value_t = By::Step)]
    predictor: By,
    /// Seconds counted, after a warm-up.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also dashes, bumps, teleports and sparks; without, only movement and aim.
    #[arg(long)]
    events: bool,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    report: Form,
}

/// Options of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Where to write; `-` for standard output.
    #[arg(long, default_value = "assets/model.v1.txt")]
    out: PathBuf,
    /// Also tell what each group of decisions costs.
    #[arg(long)]
    costs: bool,
}

/// Options of `vectors`.
#[derive(Debug, Args)]
pub struct Vectors {
    /// The directory to write to.
    #[arg(long, default_value = "assets/vectors")]
    out: PathBuf,
    /// Write nothing; fail if a file differs.
    #[arg(long)]
    check: bool,
}

/// How followers predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The movement step.
    Step,
    /// Extrapolation.
    Fallback,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One line of JSON.
    Json,
    /// For people.
    Text,
}

impl CodecCommand {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            CodecCommand::Measure(options) => options.run(),
            CodecCommand::Train(options) => options.run(),
            CodecCommand::Vectors(options) => options.run(),
        }
    }
}

impl Measure {
    fn run(&self) -> anyhow::Result<()> {
        let cell_units = match self.cells.as_str() {
            "one" => 512,
            "64" => 64,
            "128" => 128,
            "256" => 256,
            other => bail!("--cells is 64, 128, 256 or one, not {other}"),
        };
        let scenario = play::Scenario {
            players: self.players,
            cell_units,
            predictor: match self.predictor {
                By::Step => Predictor::Step,
                By::Fallback => Predictor::Fallback,
            },
            events: self.events,
            seed: self.seed,
        };
        let bar = ProgressBar::new(u64::from(measure::ticks(self.seconds)));
        bar.set_style(ProgressStyle::with_template(
            "{elapsed} {bar:40} {pos} of {len} ticks, {eta} left",
        )?);
        let report = measure::run(scenario, self.seconds, |tick| {
            bar.set_position(u64::from(tick));
        });
        bar.finish_and_clear();
        match self.report {
            Form::Json => println!("{}", serde_json::to_string(&report)?),
            Form::Text => println!("{report}"),
        }
        if report.mismatches > 0 {
            bail!("{} mismatches", report.mismatches);
        }
        Ok(())
    }
}

impl Train {
    fn run(&self) -> anyhow::Result<()> {
        let tally = train::study();
        let text = train::table(&tally);
        if self.costs {
            let costs = tally.cost(&tally.fit());
            let sum: f64 = costs.iter().map(|(_, bits)| bits).sum();
            for (name, bits) in costs {
                eprintln!("{name:24} {:6.2} %", 100.0 * bits / sum);
            }
        }
        if self.out.as_os_str() == "-" {
            print!("{text}");
            return Ok(());
        }
        fs::write(&self.out, &text).with_context(|| format!("writing {}", self.out.display()))?;
        let entries = model::CONTEXTS;
        println!(
            "{}: {entries} entries; build again to use them",
            self.out.display()
        );
        Ok(())
    }
}

impl Vectors {
    fn run(&self) -> anyhow::Result<()> {
        for (name, text) in vectors::files() {
            let path = self.out.join(name);
            if self.check {
                let found = fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                if found != text {
                    bail!("{} is not what the code writes", path.display());
                }
            } else {
                fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            }
            println!("{}", path.display());
        }
        Ok(())
    }
}
