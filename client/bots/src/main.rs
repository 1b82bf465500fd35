//! The `tickwire-bots` program.

use anyhow::Context as _;
use clap::Parser;
use serde::Serialize;
use std::fmt::Display;
use std::process::ExitCode;
use tickwire_bots::options::{Cli, Command, PlayOptions, ReportFormat};
use tickwire_bots::{fleet, proxy};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Some(Command::Proxy(options)) => spoil(options),
        None => play(&cli.play),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tickwire-bots: {error:#}");
        ExitCode::FAILURE
    })
}

fn play(options: &PlayOptions) -> anyhow::Result<ExitCode> {
    let outcome = fleet::run(options)?;
    match options.report {
        ReportFormat::Text => print!("{}", outcome.text()),
        ReportFormat::Json => {
            println!("{}", json(&outcome.report())?);
            eprint!("{}", outcome.troubles());
        }
    }
    if outcome.has_nobody() {
        eprintln!(
            "tickwire-bots: nobody could join {}{}",
            options.url,
            outcome.why_nobody()
        );
    }
    Ok(if outcome.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn spoil(options: &proxy::ProxyOptions) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(proxy::run(options))?;
    print_as(options.report, &report)?;
    Ok(ExitCode::SUCCESS)
}

fn print_as<T: Display + Serialize>(format: ReportFormat, report: &T) -> anyhow::Result<()> {
    match format {
        ReportFormat::Text => print!("{report}"),
        ReportFormat::Json => println!("{}", json(report)?),
    }
    Ok(())
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    serde_json::to_string_pretty(value).context("cannot write the report")
}
