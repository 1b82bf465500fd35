//! The command line's words, and what the small commands do.

use anyhow::{Context, anyhow};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use tickwire_server::clock;
use tickwire_server::config::ServerConfig;
use tickwire_server::config::layers::{self, FileSettings};
use tickwire_server::net::Server;
use tickwire_server::security::auth::{Claims, make_token};
use tickwire_server::security::keys::KeySource;

/// Tickwire: an authoritative game server over WebSocket.
///
/// Without a command it serves: the web client and the game on one address.
#[derive(Debug, Parser)]
#[command(name = "tickwire", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: ServerConfig,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the game (the default)
    Serve(Box<ServerConfig>),
    /// Check a configuration file and say everything that is wrong with it
    CheckConfig {
        /// The file
        #[arg(default_value = "tickwire.toml")]
        file: PathBuf,
    },
    /// Print every setting with its default, as a file to start from
    DefaultConfig {
        /// Print the table of the operations page instead
        #[arg(long)]
        markdown: bool,
    },
    /// Make a token for testing
    Token(TokenArgs),
    /// Make a certificate for testing, signed by an authority of its own
    DevCert(DevCertArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// Key that signs: hs256:FILE, rs256:FILE, es256:FILE or eddsa:FILE (private keys in PEM)
    #[arg(long, value_name = "ALGORITHM:FILE")]
    key: KeySource,
    /// Key id, if the server has several keys with ids
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// Who the player is
    #[arg(long, value_name = "ID")]
    sub: String,
    /// Make this many, one per line, for the players ID0, ID1 and so on: a file for
    /// `tickwire-bots --token-file`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    count: Option<u32>,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// Rooms allowed; all if none is given
    #[arg(long, value_name = "ROOM,…", value_delimiter = ',')]
    rooms: Option<Vec<String>>,
    /// Seconds until it expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    ttl: u64,
    /// Issuer
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// Audience
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    audience: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DevCertArgs {
    /// Names and addresses that the certificate is for
    #[arg(value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
    /// Folder for dev-ca.pem, dev-cert.pem and dev-key.pem
    #[arg(long, value_name = "PATH", default_value = ".")]
    out: PathBuf,
}

/// Reads the command line, with the environment and the file below it.
pub(crate) fn parse(args: &[OsString]) -> anyhow::Result<Cli> {
    let file = file_settings(args)?;
    let command = layers::layered(Cli::command(), &file);
    let matches = command.try_get_matches_from(args)?;
    Ok(Cli::from_arg_matches(&matches)?)
}

/// Commands that are about the file itself must work when it is broken.
fn file_settings(args: &[OsString]) -> anyhow::Result<FileSettings> {
    let is_about_files = args.get(1).is_some_and(|arg| {
        [
            "check-config",
            "default-config",
            "token",
            "dev-cert",
            "help",
        ]
        .iter()
        .any(|name| arg == name)
    });
    let found = layers::find_file(args, std::env::var_os(layers::file_variable()));
    match found.filter(|_| !is_about_files) {
        Some(path) => layers::read_file(&path).map_err(|error| anyhow!("{error}")),
        None => Ok(FileSettings::default()),
    }
}

pub(crate) fn check_config(file: &std::path::Path) -> anyhow::Result<()> {
    let settings = layers::read_file(file).map_err(|errors| anyhow!("{errors}"))?;
    let in_file = |error: String| anyhow!("{}: {error}", file.display());
    let config = layers::resolve(&settings).map_err(in_file)?;
    // The files that it names must be there too: whoever asks is about to start the server.
    Server::check(&config).map_err(|error| in_file(error.to_string()))?;
    println!("{}: in order", file.display());
    Ok(())
}

pub(crate) fn token(args: TokenArgs) -> anyhow::Result<()> {
    let key = args.key.load_signing()?;
    let mut claims = Claims {
        sub: args.sub.clone(),
        exp: clock::unix_seconds().0 + args.ttl,
        nbf: None,
        name: args.name,
        rooms: args.rooms,
        iss: args.issuer,
        aud: args.audience,
    };
    let mut tokens = String::new();
    for number in 0..args.count.unwrap_or(1) {
        if args.count.is_some() {
            claims.sub = format!("{}{number}", args.sub);
        }
        let token = make_token(&claims, &key, args.key_id.clone());
        tokens.push_str(&token.map_err(|error| anyhow!(error))?);
        tokens.push('\n');
    }
    print!("{tokens}");
    Ok(())
}

pub(crate) fn dev_cert(args: &DevCertArgs) -> anyhow::Result<()> {
    let made =
        tickwire_server::net::dev_certificate(&args.names).map_err(|error| anyhow!(error))?;
    std::fs::create_dir_all(&args.out).context("cannot make the folder")?;
    for (file, content) in [
        ("dev-ca.pem", &made.authority),
        ("dev-cert.pem", &made.certificate),
        ("dev-key.pem", &made.key),
    ] {
        let path = args.out.join(file);
        write_private(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    println!(
        "serve with --tls-cert dev-cert.pem --tls-key dev-key.pem; let clients trust dev-ca.pem"
    );
    Ok(())
}

/// Readable by its owner only: one of the files is a private key.
fn write_private(path: &std::path::Path, content: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(content.as_bytes())
}
