//! Settings of the front door: who gets in, and how much of it at once.

use crate::security::keys::KeySource;
use crate::security::origin::OriginPattern;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Who gets in.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Who gets in")]
pub struct SecuritySettings {
    /// Web pages that may connect besides the server's own: `https://HOST[:PORT]`,
    /// `https://*.HOST` or `*`. Programs that are no browsers send no origin and pass
    #[arg(long, value_name = "ORIGIN,…", value_delimiter = ',')]
    pub allowed_origins: Vec<OriginPattern>,

    /// Addresses of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed
    #[arg(long, value_name = "NET,…", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether players must show a token
    #[arg(long, value_enum, default_value_t = AuthMode::None)]
    pub auth: AuthMode,

    /// Keys that verify tokens: hs256:FILE, rs256:FILE, es256:FILE, eddsa:FILE or jwks:FILE.
    /// Several, so that keys can be rotated
    #[arg(long, value_name = "ALGORITHM:FILE,…", value_delimiter = ',')]
    pub auth_keys: Vec<KeySource>,

    /// Seconds by which the clocks of the tokens' issuer and of this server may differ
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub auth_leeway: u64,

    /// If given, tokens must name this issuer (`iss`)
    #[arg(long, value_name = "NAME")]
    pub auth_issuer: Option<String>,

    /// If given, tokens must be for this audience (`aud`)
    #[arg(long, value_name = "NAME")]
    pub auth_audience: Option<String>,

    /// Cookie that may carry the token
    #[arg(long, value_name = "NAME", default_value = "tickwire_token")]
    pub auth_cookie: String,

    /// Certificate chain in PEM; with it the server speaks TLS only. Read again at SIGHUP
    #[arg(long, value_name = "PATH")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM. Read again at SIGHUP
    #[arg(long, value_name = "PATH")]
    pub tls_key: Option<PathBuf>,
}

/// How much at once. Each limit has a counter in `/metrics`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Connections at once from one address (one /64 with IPv6). A browser opens six for the page's
    /// fifty modules and keeps one: a school behind one address fits, with eighty pages that load
    /// at the same time, and a single machine cannot take all places
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connections_per_ip: u32,

    /// New connections per second from one address in the long run: eight pages a second
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub connection_rate_per_ip: u32,

    /// New connections at once from one address
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connection_burst_per_ip: u32,

    /// Connections that have neither been served a page nor completed their handshake. More are
    /// turned away, so that slow handshakes cannot take the places of players; eight times what
    /// one address may open
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub handshakes_max: u32,

    /// Joins per second in the long run, all addresses together. It protects a restart from
    /// everybody coming back at once; who is too many is told when to try again
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub join_rate: u32,

    /// Joins at once, all addresses together
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub join_burst: u32,

    /// Rooms that one address may open per minute. Rooms are limited in number, and one visitor
    /// must not use them up
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub rooms_per_ip: u32,

    /// Addresses without limits per address: by default this machine, where load tests and
    /// undeclared proxies live
    #[arg(
        long,
        value_name = "NET,…",
        value_delimiter = ',',
        default_value = "127.0.0.0/8,::1/128"
    )]
    pub limit_exempt: Vec<IpNet>,

    /// Bytes per second that a client may send in the long run, frames of all kinds together.
    /// Inputs at 128 Hz are 2 kB
    #[arg(long, value_name = "BYTES", default_value_t = 32 * 1_024)]
    pub bytes_per_second: u32,

    /// Bytes that a client may send at once, as after a stall of its line
    #[arg(long, value_name = "BYTES", default_value_t = 128 * 1_024)]
    pub bytes_burst: u32,
}

/// How the server is watched and how it leaves.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Operations")]
pub struct OperationsSettings {
    /// Address of the admin listener: /healthz, /readyz, /metrics, /admin. `off` for none
    /// [default: 127.0.0.1:9090 if it is free]
    #[arg(long, value_name = "ADDR|off", value_parser = admin_address)]
    pub admin_listen: Option<AdminListen>,

    /// File with the token that kicks and drains over the admin listener; without it nobody can
    #[arg(long, value_name = "PATH")]
    pub admin_token_file: Option<PathBuf>,

    /// Folder in which rooms and tickets are kept from a drain to the next start
    #[arg(long, value_name = "PATH")]
    pub state_dir: Option<PathBuf>,

    /// Seconds that a drain waits for players to leave by themselves before it says goodbye
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub drain_grace: u64,

    /// Seconds over which clients are told to spread their return after the server's end
    #[arg(long, value_name = "SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub retry_spread: u64,
}

/// Whether players must show a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// Everybody may play under any name.
    None,
    /// A JSON Web Token signed with one of the keys.
    Jwt,
}

/// Where the admin listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// Here; it is an error if that is not possible.
    At(SocketAddr),
}

fn admin_address(text: &str) -> Result<AdminListen, String> {
    if text == "off" {
        return Ok(AdminListen::Off);
    }
    let address = text.parse();
    address
        .map(AdminListen::At)
        .map_err(|_| "must be IP:PORT or `off`".to_owned())
}
