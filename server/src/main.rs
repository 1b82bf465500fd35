//! `tickwire`: the server's command line.

mod cli;

use anyhow::Context;
use cli::Command;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;
use tickwire_server::config::{LogFormat, ServerConfig, layers};
use tickwire_server::net::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload as log_reload};

/// Time between two looks at who is still there.
const DRAIN_LOOK: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In words and without a backtrace: what stops the server here is its environment.
            eprintln!("error: {}", in_words(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each once: some errors tell their cause themselves.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

fn run() -> anyhow::Result<()> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = cli::parse(&args).map_err(|error| match error.downcast::<clap::Error>() {
        // Help and versions are errors to the parser, which knows how to print them.
        Ok(error) => error.exit(),
        Err(error) => error,
    })?;
    let config = match cli.command {
        Some(Command::Serve(config)) => *config,
        None => cli.serve,
        Some(Command::CheckConfig { file }) => return cli::check_config(&file),
        Some(Command::DefaultConfig { markdown: true }) => {
            println!(
                "{}\n{}",
                layers::reference_table(),
                tickwire_server::admin::metrics_table()
            );
            return Ok(());
        }
        Some(Command::DefaultConfig { .. }) => {
            print!("{}", layers::default_file());
            return Ok(());
        }
        Some(Command::Token(args)) => return cli::token(args),
        Some(Command::DevCert(args)) => return cli::dev_cert(&args),
    };
    let level = start_log(config.log, &config.log_level)?;
    for name in layers::unknown_variables(std::env::vars_os().map(|(name, _)| name)) {
        tracing::warn!(%name, "an environment variable is no setting and is ignored");
    }
    serve(config, &args, &level)
}

fn serve(config: ServerConfig, args: &[OsString], level: &LogLevel) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime that waits for signals")?;
    // Listening for signals begins before the port is known to anyone.
    let mut ends = runtime.block_on(async {
        anyhow::Ok((
            signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
        ))
    })?;
    let base = config.base_path.trim_end_matches('/').to_owned();
    let grace = Duration::from_secs(config.operations.drain_grace);
    let is_tls = config.security.tls_cert.is_some();
    let server = Server::start(config)?;
    let (http, ws) = if is_tls {
        ("https", "wss")
    } else {
        ("http", "ws")
    };
    let listens = server.address();
    println!(
        "Tickwire {} listens on {listens}: open {http}://{address}{base}/ in a browser to play, \
         or connect a client to {ws}://{address}{base}/ws (Ctrl-C ends it)",
        env!("CARGO_PKG_VERSION"),
        address = reachable(listens),
    );
    let cause = runtime.block_on(async {
        loop {
            tokio::select! {
                _ = ends.0.recv() => return Cause::Signal("SIGINT"),
                _ = ends.1.recv() => return Cause::Signal("SIGTERM"),
                _ = ends.2.recv() => reload(&server, args, level),
                () = server.drain_wanted() => return Cause::Operator,
            }
        }
    });
    let name = match cause {
        Cause::Signal(name) => name,
        Cause::Operator => "a request on the admin listener",
    };
    tracing::info!(cause = name, "shutting down");
    runtime.block_on(async {
        server.begin_drain();
        let mut end_now = async || {
            tokio::select! {
                _ = ends.0.recv() => {}
                _ = ends.1.recv() => {}
            }
        };
        let is_hurried = tokio::select! {
            () = players_gone(&server, grace) => false,
            () = end_now() => true,
        };
        // Whoever cannot wait for the goodbye sends a second signal. After a drain that an operator
        // asked for, the first one only ends the waiting: it is the service manager's.
        if is_hurried && cause != Cause::Operator {
            std::process::exit(1);
        }
        // Joining threads blocks, and a signal must still be heard.
        let mut stopping = tokio::task::spawn_blocking(|| server.shut_down());
        let mut is_last = is_hurried || cause != Cause::Operator;
        loop {
            tokio::select! {
                _ = &mut stopping => break,
                () = end_now() => if std::mem::replace(&mut is_last, true) {
                    std::process::exit(1);
                },
            }
        }
    });
    Ok(())
}

/// An address that a browser on this machine can open: `0.0.0.0` means every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Why the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Signal(&'static str),
    Operator,
}

/// Waits for the players to leave by themselves, but not for ever.
async fn players_gone(server: &Server, grace: Duration) {
    let empty = async {
        while server.metrics().players.get() > 0 {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    let _ = tokio::time::timeout(grace, empty).await;
}

/// Reads the settings again and takes up what can change. If something is wrong all stays as it is.
fn reload(server: &Server, args: &[OsString], level: &LogLevel) {
    let reloaded = cli::parse(args).and_then(|cli| {
        let config = match cli.command {
            Some(Command::Serve(config)) => *config,
            _ => cli.serve,
        };
        let filter = EnvFilter::try_new(&config.log_level)?;
        server.reload(&config)?;
        Ok(level.reload(filter)?)
    });
    match reloaded {
        Ok(()) => tracing::info!(
            "reloaded certificates, keys, origins, proxies, limits and log level; other settings \
             wait for a restart"
        ),
        Err(error) => tracing::error!(%error, "not reloaded; everything stays as it was"),
    }
}

/// What is logged, changeable while the server runs.
type LogLevel = log_reload::Handle<EnvFilter, Registry>;

fn start_log(format: LogFormat, level: &str) -> anyhow::Result<LogLevel> {
    let (filter, handle) = log_reload::Layer::new(EnvFilter::try_new(level)?);
    let log = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .init(),
        LogFormat::Json => log.with(lines.json()).init(),
    }
    Ok(handle)
}
