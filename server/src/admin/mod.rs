//! The second listener, for operators: health, metrics, a live page, kick and drain.
//!
//! It is plain HTTP on an address that players cannot reach. Reading needs no token; changing
//! anything does, and without a configured token nobody can.

mod http;
mod prometheus;

use crate::link::Directory;
use crate::metrics::Metrics;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

pub use prometheus::{metrics_table, render};

/// Where the admin listener is if nobody says otherwise.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);

/// Whether the server takes players, and whether an operator wants it to stop.
#[derive(Debug)]
pub struct Lifecycle {
    is_draining: AtomicBool,
    drain_wanted: watch::Sender<bool>,
}

/// What the admin listener shows and does.
pub struct Panel {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Rooms.
    pub directory: Arc<Directory>,
    /// Ready or not.
    pub lifecycle: Arc<Lifecycle>,
    /// What allows changes.
    pub token: Option<String>,
}

impl Default for Lifecycle {
    fn default() -> Lifecycle {
        Lifecycle {
            is_draining: AtomicBool::new(false),
            drain_wanted: watch::Sender::new(false),
        }
    }
}

impl Lifecycle {
    /// Whether newcomers are turned away because the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// From here on newcomers are turned away.
    pub fn begin_drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// An operator asks for a drain.
    pub fn want_drain(&self) {
        self.drain_wanted.send_replace(true);
    }

    /// Comes back when an operator has asked for a drain.
    pub async fn drain_wanted(&self) {
        let mut wanted = self.drain_wanted.subscribe();
        // The sender lives as long as `self`.
        let _ = wanted.wait_for(|wanted| *wanted).await;
    }
}

impl fmt::Debug for Panel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panel")
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

/// Serves on a thread of its own until `ending` changes.
pub fn serve(
    listener: TcpListener,
    panel: Panel,
    mut ending: watch::Receiver<Option<tickwire_shared::wire::CloseReason>>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let panel = Arc::new(panel);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            result = http::accept(listener, panel) => result,
            _ = ending.changed() => Ok(()),
        }
    })
}
