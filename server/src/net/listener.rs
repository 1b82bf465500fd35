//! Accepts connections and hands them round the network threads.

use super::door::Caller;
use super::server::Shared;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, TcpStream as StdTcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Connections that the kernel holds until they are accepted. After a restart everybody comes at
/// once.
const BACKLOG: i32 = 4_096;

/// Accepted connections that may wait for one network thread.
pub(super) const HANDOVER_MAX: usize = 1_024;

/// An accepted connection and where it came from.
pub(super) type Arrival = (StdTcpStream, Caller);

/// How long to rest when the process has no file descriptor left: accepting at once again would
/// only burn the processor.
const EXHAUSTED_NAP: Duration = Duration::from_millis(100);

/// A listening socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<StdTcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server must not wait for the old one's connections to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until told to end. `threads` take the connections in turn.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listener: StdTcpListener,
    threads: Vec<mpsc::Sender<Arrival>>,
    mut ending: watch::Receiver<Option<tickwire_shared::wire::CloseReason>>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ending.changed() => return Ok(()),
        };
        let accepted = accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer.ip())));
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_NAP).await;
                continue;
            }
        };
        let metrics = &shared.metrics;
        metrics.connections_accepted.increment();
        if metrics.connections.get() >= shared.config.net.connections_max as u64 {
            metrics.connections_refused.increment();
            continue;
        }
        let caller = match shared.door.admit(peer) {
            Ok(permit) => Caller {
                peer,
                is_tls: shared.tls.is_some(),
                permit,
            },
            Err(turned) => {
                // Unheard: an answer would cost more than the attempt.
                metrics.connections_refused.increment();
                metrics.refusals.increment(turned.name());
                continue;
            }
        };
        turn = (turn + 1) % threads.len();
        if threads[turn].try_send((stream, caller)).is_err() {
            metrics.connections_refused.increment();
        }
    }
}
