//! What can be set, with units, defaults and reasons. The text of `--help` is here.

mod front;
pub mod layers;

pub use front::{AdminListen, AuthMode, LimitSettings, OperationsSettings, SecuritySettings};

use crate::room::{ChatRules, RESUME_GRACE};
use crate::security::keys::KeyError;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tickwire_shared::TickRate;
use tickwire_shared::game::{Arena, ArenaError};
use tickwire_shared::limits::ROOM_PLAYERS_MAX;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Everything that the server can be told.
#[derive(Args, Clone, Debug)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Write the port that is listened on to this file, once it is
    #[arg(long, value_name = "PATH")]
    pub port_file: Option<PathBuf>,

    /// Path under which a reverse proxy shows the server, if the proxy does not take it off
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub base_path: String,

    /// What rooms are made of.
    #[command(flatten)]
    pub rooms: RoomSettings,

    /// How connections are served.
    #[command(flatten)]
    pub net: NetSettings,

    /// Who gets in.
    #[command(flatten)]
    pub security: SecuritySettings,

    /// How much at once.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// How the server is watched and how it leaves.
    #[command(flatten)]
    pub operations: OperationsSettings,

    /// Read settings from this file [default: tickwire.toml if there is one]. Flags and
    /// environment variables (`TICKWIRE_TICK_RATE` for --tick-rate) go before it
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,

    /// Format of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,

    /// What is logged: error, warn, info, debug or trace, also by module, as in
    /// `info,tickwire_server::net=debug`. Read again at SIGHUP
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = log_level)]
    pub log_level: String,
}

/// What rooms are made of.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rooms")]
pub struct RoomSettings {
    /// Ticks per second, 10 to 128
    #[arg(long, value_name = "HZ", default_value_t = TickRate::DEFAULT.hz(),
          value_parser = clap::value_parser!(u16).range(10..=128))]
    pub tick_rate: u16,

    /// Arena: garden, plain, city, tiny, or the path of an arena file
    #[arg(long, value_name = "NAME|PATH", default_value = "garden")]
    pub arena: String,

    /// Players that one room takes; more are told that it is full
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = players)]
    pub room_players_max: usize,

    /// Rooms at once; they are opened by the first who asks for them
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub rooms_max: usize,

    /// Seconds after which a room that nobody is in is closed
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub empty_room_time: u64,

    /// Seconds for which a player whose connection was lost keeps place, score and name; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = RESUME_GRACE.as_secs())]
    pub resume_grace: u64,

    /// Threads that run rooms [default: half the cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub workers: Option<usize>,

    /// Ticks of every room that are kept for sessions that fall behind. More costs memory, fewer
    /// means keyframes after shorter stalls. 4 to 60
    #[arg(long, value_name = "TICKS", default_value_t = 16, value_parser = history)]
    pub history_ticks: usize,

    /// Lines of chat that a player may say at once, at least 1
    #[arg(long, value_name = "N", default_value_t = ChatRules::default().burst,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub chat_burst: u32,

    /// Seconds after which a player may say one more line, 0 to 3600. Slower than reading, so that
    /// one player cannot push the others' lines away
    #[arg(long, value_name = "SECONDS", default_value_t = ChatRules::default().seconds_per_line,
          value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pub chat_interval: u32,

    /// Seed of everything random in rooms [default: a new one for each room]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// How connections are served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub struct NetSettings {
    /// Threads that serve connections [default: half the cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub network_threads: Option<usize>,

    /// Connections at once; more are turned away unheard
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub connections_max: usize,

    /// Seconds from the connection to the end of the handshake
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub handshake_timeout: u64,

    /// Seconds of a client's silence after which it is pinged
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub heartbeat_interval: u64,

    /// Seconds of a client's silence after which it counts as dead
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    pub heartbeat_timeout: u64,

    /// Seconds without a byte taken by a client that has bytes to take, after which it is closed
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub no_progress_timeout: u64,

    /// Messages per second that a client may send in the long run. One that sends inputs at 128 Hz
    /// stays far below
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub messages_per_second: u32,

    /// Messages that a client may send at once, as after a stall of its line
    #[arg(long, value_name = "N", default_value_t = 900)]
    pub messages_burst: u32,

    /// Kernel's send buffer per connection in bytes (`SO_SNDBUF`). It bounds what one slow client
    /// holds; smaller than rate times round trip it slows distant clients
    #[arg(long, value_name = "BYTES", default_value_t = 128 * 1_024)]
    pub send_buffer: usize,

    /// Unsent bytes in the kernel per connection above which nothing is added
    /// (`TCP_NOTSENT_LOWAT`). Small, so that after a stall the newest state leaves first: a tick
    /// is about a hundred bytes, and 16 kB of them would be six seconds of the past
    #[arg(long, value_name = "BYTES", default_value_t = 4 * 1_024)]
    pub notsent_lowat: u32,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The arena file cannot be read.
    #[error("--arena {path}: {error}; the name of an embedded arena or a file is needed ({names})")]
    ArenaFile {
        /// What was given.
        path: String,
        /// Why not.
        error: std::io::Error,
        /// Embedded arenas.
        names: String,
    },
    /// The arena is not one.
    #[error("--arena: {0}")]
    Arena(#[from] ArenaError),
    /// The heartbeat would declare everybody dead before asking.
    #[error("--heartbeat-timeout ({timeout} s) must exceed --heartbeat-interval ({interval} s)")]
    Heartbeat {
        /// The timeout.
        timeout: u64,
        /// The interval.
        interval: u64,
    },
    /// Keys cannot be read, or there are none.
    #[error("--auth-keys: {0}")]
    Keys(#[from] KeyError),
    /// Tokens are asked for and cannot be verified.
    #[error("--auth jwt needs --auth-keys")]
    NoKeys,
    /// Half of what TLS needs.
    #[error("--tls-cert and --tls-key belong together; only one is given")]
    HalfTls,
    /// The base path is not one.
    #[error("--base-path {0}: must start with `/`")]
    BasePath(String),
}

impl ServerConfig {
    /// Checks what concerns several settings at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let net = &self.net;
        if net.heartbeat_timeout <= net.heartbeat_interval {
            return Err(ConfigError::Heartbeat {
                timeout: net.heartbeat_timeout,
                interval: net.heartbeat_interval,
            });
        }
        let security = &self.security;
        if security.tls_cert.is_some() != security.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        if security.auth == AuthMode::Jwt && security.auth_keys.is_empty() {
            return Err(ConfigError::NoKeys);
        }
        if !self.base_path.starts_with('/') {
            return Err(ConfigError::BasePath(self.base_path.clone()));
        }
        Ok(())
    }
}

impl Default for ServerConfig {
    /// What `tickwire` without options uses.
    fn default() -> ServerConfig {
        #[derive(clap::Parser)]
        struct Defaults {
            #[command(flatten)]
            config: ServerConfig,
        }
        let defaults: Defaults = clap::Parser::parse_from(["tickwire"]);
        defaults.config
    }
}

impl RoomSettings {
    /// Loads the arena.
    pub fn load_arena(&self) -> Result<Arena, ConfigError> {
        match Arena::named(&self.arena) {
            Err(ArenaError::UnknownName(name)) => {
                let json =
                    std::fs::read_to_string(&name).map_err(|error| ConfigError::ArenaFile {
                        path: name,
                        error,
                        names: tickwire_shared::game::arena::EMBEDDED_NAMES.join(", "),
                    })?;
                Ok(Arena::from_json(&json)?)
            }
            arena => Ok(arena?),
        }
    }

    /// The tick rate.
    pub fn rate(&self) -> TickRate {
        TickRate::new(self.tick_rate).unwrap_or_default()
    }

    /// Threads that run rooms.
    pub fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(half_the_cores)
    }

    /// How much a player may say.
    pub fn chat_rules(&self) -> ChatRules {
        ChatRules {
            burst: self.chat_burst,
            seconds_per_line: self.chat_interval,
        }
    }

    /// How long a lost player is kept.
    pub fn resume_grace(&self) -> Duration {
        Duration::from_secs(self.resume_grace)
    }

    /// After how long an empty room is closed.
    pub fn empty_room_time(&self) -> Duration {
        Duration::from_secs(self.empty_room_time)
    }
}

impl NetSettings {
    /// Threads that serve connections.
    pub fn thread_count(&self) -> usize {
        self.network_threads.unwrap_or_else(half_the_cores)
    }
}

fn half_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// A filter as `tracing_subscriber` reads it, but for bare words that are no level: to it they are
/// modules, so that a misspelt level would silence everything else.
fn log_level(text: &str) -> Result<String, String> {
    let is_directive = |part: &str| {
        let part = part.trim();
        part.contains('=') || (!part.is_empty() && part.parse::<LevelFilter>().is_ok())
    };
    if text.split(',').all(is_directive) && text.parse::<EnvFilter>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(
        "must be error, warn, info, debug, trace or off, or MODULE=LEVEL, separated by commas"
            .to_owned(),
    )
}

/// Fewer are gone before a network thread that was busy with other rooms gets to see them; more are
/// not taken up again by the room's pool.
fn history(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(ticks @ 4..=60) => Ok(ticks),
        _ => Err("must be 4 to 60".to_owned()),
    }
}

fn players(text: &str) -> Result<usize, String> {
    number(text, ROOM_PLAYERS_MAX)
}

fn threads(text: &str) -> Result<usize, String> {
    number(text, 256)
}

fn number(text: &str, max: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(format!("must be 1 to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        let config = ServerConfig::default();
        config.validate().unwrap();
        assert_eq!(config.rooms.load_arena().unwrap().spec().name, "garden");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn an_error_names_the_option_and_the_rule() {
        let mut config = ServerConfig::default();
        config.net.heartbeat_timeout = 1;
        let error = config.validate().unwrap_err().to_string();
        assert!(
            error.contains("--heartbeat-timeout (1 s) must exceed"),
            "{error}"
        );
        assert_eq!(
            log_level("warn,tickwire_server::net=debug").unwrap(),
            "warn,tickwire_server::net=debug"
        );
        for bad in ["", " ", "lots", "info,loud", "tickwire_server=lots"] {
            assert!(log_level(bad).unwrap_err().starts_with("must be "), "{bad}");
        }
        config.rooms.arena = "nowhere".into();
        let error = config.rooms.load_arena().unwrap_err().to_string();
        assert!(
            error.contains("nowhere") && error.contains("garden"),
            "{error}"
        );
    }
}
