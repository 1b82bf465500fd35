//! `tickwire`: the server's command line.

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use tickwire_server::config::{LogFormat, ServerConfig};
use tickwire_server::net::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Tickwire: an authoritative game server over WebSocket.
///
/// Without a command it serves: the web client and the game on one address.
#[derive(Debug, Parser)]
#[command(name = "tickwire", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServerConfig,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the game (the default)
    Serve(Box<ServerConfig>),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = match cli.command {
        Some(Command::Serve(config)) => *config,
        None => cli.serve,
    };
    start_log(config.log);
    serve(config)
}

fn serve(config: ServerConfig) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime that waits for signals")?;
    // Listening for signals begins before the port is known to anyone.
    let mut ends = runtime.block_on(async {
        anyhow::Ok((
            signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
        ))
    })?;
    let base = config.base_path.trim_end_matches('/').to_owned();
    let server = Server::start(config)?;
    println!(
        "Tickwire {} listens on {address}: open http://{address}{base}/ in a browser to play, \
         or connect a client to ws://{address}{base}/ws (Ctrl-C ends it)",
        env!("CARGO_PKG_VERSION"),
        address = server.address(),
    );
    let name = runtime.block_on(async {
        tokio::select! {
            _ = ends.0.recv() => "SIGINT",
            _ = ends.1.recv() => "SIGTERM",
        }
    });
    tracing::info!(signal = name, "shutting down");
    server.shut_down();
    Ok(())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
