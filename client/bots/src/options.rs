//! The command line.

use crate::brain::BrainKind;
use crate::proxy::ProxyOptions;
use crate::tokens::{Tokens, TokensError};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::Path;
use tickwire_netcode::socket::{Trust, TrustError};

/// Bots for a Tickwire server: they join, play as people would, and report what they saw.
///
/// Without options, 20 bots play for 20 seconds on the server that `cargo run` starts.
#[derive(Debug, Parser)]
#[command(
    name = "tickwire-bots",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// Something else than playing.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of playing.
    #[command(flatten)]
    pub play: PlayOptions,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Stand between clients and a server and spoil the line: latency, jitter, stalls, cuts.
    Proxy(ProxyOptions),
}

/// Who plays where, how, and for how long.
#[derive(Clone, Debug, Args)]
pub struct PlayOptions {
    /// Address of the server's socket; wss:// for TLS.
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws", value_name = "URL")]
    pub url: String,
    /// Room to play in; with --rooms, rooms NAME-1, NAME-2 and so on.
    #[arg(long, default_value = "lobby", value_name = "NAME")]
    pub room: String,
    /// Spread the bots evenly over this many rooms.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rooms: u32,
    /// Bots.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=20_000))]
    pub players: u32,
    /// Seconds to play and measure once everybody has joined; 0 plays until Ctrl-C.
    #[arg(long, default_value_t = 20.0, value_name = "S", value_parser = seconds)]
    pub seconds: f64,
    /// How the bots behave.
    #[arg(long, value_enum, default_value_t = BrainKind::Mixed)]
    pub brain: BrainKind,
    /// Seed of everything the bots decide.
    #[arg(long, default_value_t = 1, value_name = "K")]
    pub seed: u64,
    /// Form of the report on standard output; progress and troubles go to standard error.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub report: ReportFormat,
    /// Joins per second.
    #[arg(long, default_value_t = 200.0, value_name = "N", value_parser = join_rate)]
    pub join_rate: f64,
    /// Names are this and a number.
    #[arg(long, default_value = "bot", value_name = "NAME")]
    pub name_prefix: String,
    /// Believe the certificate authorities in this PEM file about wss:// servers, instead of those
    /// that the system knows.
    #[arg(long, value_name = "FILE", value_parser = authorities)]
    pub ca: Option<Trust>,
    /// Token to present, for servers that ask for one. One token is one player.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "TICKWIRE_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// File with a token per line, one for each bot; goes before --token. `tickwire token --count`
    /// makes such files for testing.
    #[arg(long, value_name = "FILE", value_parser = tokens)]
    pub token_file: Option<Tokens>,
    /// Further bots that read nothing for 5 s of every 10 s.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=2_000))]
    pub stall_readers: u32,
    /// Further bots that read one kilobyte per second.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=2_000))]
    pub trickle_readers: u32,
    /// Let every bot draw 60 frames per second, as a player's machine does, and report how late
    /// and how smoothly others would be seen.
    #[arg(long)]
    pub screens: bool,
    /// Threads that run the bots.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// Let every bot decode all frames by itself, as clients on devices of their own do. Otherwise
    /// bots of one thread that watch the same room decode each frame once for all of them.
    #[arg(long)]
    pub decode_each: bool,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
}

impl PlayOptions {
    /// The room of the bot with this number, counted from 0.
    pub fn room_of(&self, bot: u32) -> String {
        if self.rooms == 1 {
            self.room.clone()
        } else {
            format!("{}-{}", self.room, bot % self.rooms + 1)
        }
    }

    /// All bots, the slow ones included.
    pub fn bots(&self) -> u32 {
        self.players + self.stall_readers + self.trickle_readers
    }

    /// The token of the bot with this number, counted from 0.
    pub fn token_of(&self, bot: u32) -> Option<String> {
        match &self.token_file {
            Some(tokens) => tokens.of(bot).map(str::to_owned),
            None => self.token.clone(),
        }
    }

    /// Checks that every bot has an identity of its own, or none.
    pub fn check_tokens(&self) -> Result<(), String> {
        let bots = self.bots();
        match (&self.token_file, &self.token) {
            (Some(tokens), _) if tokens.count() < bots as usize => Err(format!(
                "the file of tokens has {} of them, and there are {bots} bots",
                tokens.count()
            )),
            (None, Some(_)) if bots > 1 => Err(format!(
                "one token is one player, and there are {bots} bots: a server keeps one session \
                 per identity, and the newest wins. Give each its own with --token-file"
            )),
            _ => Ok(()),
        }
    }
}

/// Files are read once and at the start, so that a wrong one is told at once.
fn authorities(path: &str) -> Result<Trust, TrustError> {
    Trust::from_file(Path::new(path))
}

fn tokens(path: &str) -> Result<Tokens, TokensError> {
    Tokens::from_file(Path::new(path))
}

fn seconds(text: &str) -> Result<f64, String> {
    bounded(text, 0.0, 1e7)
}

fn join_rate(text: &str) -> Result<f64, String> {
    bounded(text, 0.1, 100_000.0)
}

fn bounded(text: &str, min: f64, max: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(format!("expected a number from {min} to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"tickwire-bots").chain(args))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_options_twenty_bots_play_for_twenty_seconds_on_the_default_server() {
        let play = parse(&[]).unwrap().play;
        assert_eq!((play.players, play.seconds), (20, 20.0));
        assert_eq!(play.url, "ws://127.0.0.1:8080/ws");
        assert_eq!(play.brain, BrainKind::Mixed);
        assert_eq!(play.room_of(7), "lobby");
    }

    #[test]
    fn rooms_share_the_bots_evenly() {
        let play = parse(&["--rooms", "3", "--room", "r", "--players", "7"])
            .unwrap()
            .play;
        let rooms: Vec<String> = (0..play.players).map(|bot| play.room_of(bot)).collect();
        assert_eq!(rooms, ["r-1", "r-2", "r-3", "r-1", "r-2", "r-3", "r-1"]);
    }

    #[test]
    fn one_token_is_for_one_bot() {
        let play = |args| parse(args).unwrap().play;
        assert_eq!(
            play(&["--token", "t", "--players", "1"]).check_tokens(),
            Ok(())
        );
        let error = play(&["--token", "t"]).check_tokens().unwrap_err();
        assert!(error.contains("--token-file"), "{error}");
    }

    #[test]
    fn bad_numbers_are_refused_with_their_range() {
        let error = parse(&["--seconds=-1"]).unwrap_err().to_string();
        assert!(error.contains("expected a number from 0"), "{error}");
        let error = parse(&["--rooms", "0"]).unwrap_err().to_string();
        assert!(error.contains("1..=10000"), "{error}");
        assert!(parse(&["--brain", "clever"]).is_err());
    }
}
