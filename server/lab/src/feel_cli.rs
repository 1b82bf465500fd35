//! The subcommand `feel`.

use crate::feel::{self, Bars, Course};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use tickwire_bots::profile::{PROFILES, Profile, named};
use tickwire_netcode::InterpolationMode;

/// Measure what players judge, on virtual lines.
#[derive(Debug, Args)]
pub struct FeelOptions {
    /// lan, cable, wifi, mobile, awful or all.
    #[arg(long, default_value = "all")]
    profile: String,
    /// Virtual seconds to measure, after the warm-up.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// All chance comes from here.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How others are drawn. The bars are for `delayed`, which is what clients do.
    #[arg(long, value_enum, default_value_t = Others::Delayed)]
    others: Others,
    /// How to report on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    report: Format,
    /// Write a picture (SVG) of truth against what was drawn.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Others {
    /// As they were a playout delay ago: smooth.
    Delayed,
    /// As they would be now if nobody turned: immediate.
    Present,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Markdown table.
    Text,
    /// One array of objects.
    Json,
}

/// Runs the subcommand. Fails if a profile misses a bar.
pub fn feel(options: &FeelOptions) -> anyhow::Result<()> {
    let profiles: Vec<Profile> = if options.profile == "all" {
        PROFILES.to_vec()
    } else {
        let profile = named(&options.profile);
        vec![profile.with_context(|| format!("no profile is named `{}`", options.profile))?]
    };
    let mut reports = Vec::new();
    let mut paths = Vec::new();
    for profile in profiles {
        let course = Course {
            profile,
            seconds: options.seconds,
            seed: options.seed,
            others: match options.others {
                Others::Delayed => InterpolationMode::Delayed,
                Others::Present => InterpolationMode::Present,
            },
        };
        let feel = feel::run(&course)
            .map_err(|violation| anyhow::anyhow!("{}: {violation}", profile.name))?;
        reports.push(feel.report);
        paths.push((profile.name, feel.path));
    }
    match options.report {
        Format::Text => print!("{}", feel::table(&reports)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&reports)?),
    }
    if let Some(file) = &options.plot {
        let panels: Vec<_> = paths.iter().map(|(name, path)| (*name, path)).collect();
        std::fs::write(file, feel::plot(&panels)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let bars = |report: &feel::FeelReport| Bars::of(&report.profile).missed(report);
    let missed: Vec<String> = reports.iter().flat_map(bars).collect();
    if missed.is_empty() || options.others == Others::Present {
        Ok(())
    } else {
        bail!("{}", missed.join("\n"))
    }
}
