//! `tickwire-bots proxy`: stands between clients and a server and spoils the line.
//!
//! It works on the TCP stream, not on messages, so that it also spoils TLS, handshakes and
//! closes. What arrives when is decided by [`link_model`](crate::link_model).

mod options;
mod pipe;
mod stats;

pub use options::ProxyOptions;
pub use stats::{DirectionReport, ProxyReport};

use crate::link_model::{LinkModel, LinkSpec, Outage, OutageSpec};
use pipe::Pipe;
use stats::Counters;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A line to put between clients and a server.
#[derive(Clone, Debug)]
pub struct Line {
    /// From client to server.
    pub up: LinkSpec,
    /// From server to client.
    pub down: LinkSpec,
    /// How connections end.
    pub outages: OutageSpec,
    /// Bytes that may be under way in one direction; `None` computes what the line holds.
    pub buffer: Option<usize>,
    /// Bytes that the kernel may keep on each of the proxy's sockets, each way. Small, or the
    /// kernel would take megabytes off the sender that no real line would have taken.
    pub socket_buffer: u32,
    /// Rests in reading from the server; `None` reads always.
    pub pause_down: Option<Pause>,
    /// Seed of all that is random.
    pub seed: u64,
}

/// A reader that rests now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Reads for this long,
    pub reads_for: Duration,
    /// then rests for this long, and so on.
    pub rests_for: Duration,
}

impl Default for Line {
    fn default() -> Line {
        Line {
            up: LinkSpec::default(),
            down: LinkSpec::default(),
            outages: OutageSpec::default(),
            buffer: None,
            socket_buffer: SOCKET_BUFFER_BYTES,
            pause_down: None,
            seed: 1,
        }
    }
}

/// A proxy that listens.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    to: String,
    line: Line,
    counters: Arc<Counters>,
}

/// Unless the line says otherwise; see [`Line::socket_buffer`].
const SOCKET_BUFFER_BYTES: u32 = 16 * 1024;
/// For how long a half-open connection is kept: longer than any peer waits.
const HALF_OPEN_HOLD: Duration = Duration::from_secs(90);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

impl Proxy {
    /// Binds the listener.
    pub fn bind(listen: SocketAddr, to: String, line: Line) -> io::Result<Proxy> {
        let socket = if listen.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        // Accepted sockets inherit these; set later, the window would be negotiated already.
        socket.set_recv_buffer_size(line.socket_buffer)?;
        socket.set_send_buffer_size(line.socket_buffer)?;
        socket.bind(listen)?;
        Ok(Proxy {
            listener: socket.listen(BACKLOG)?,
            to,
            line,
            counters: Arc::default(),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Its counters, readable while it runs.
    pub fn counters(&self) -> ProxyCounters {
        ProxyCounters(Arc::clone(&self.counters))
    }

    /// Accepts until the future is dropped.
    pub async fn run(self) {
        let mut number = 0u64;
        loop {
            let client = match self.listener.accept().await {
                Ok((client, _)) => client,
                Err(error) => {
                    // Out of descriptors, usually: others will end.
                    eprintln!("proxy: accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            number += 1;
            let connection = Connection {
                client,
                to: self.to.clone(),
                line: self.line.clone(),
                // An odd factor keeps the seeds of connections apart.
                seed: self.line.seed ^ number.wrapping_mul(0xa24b_aed4_963e_e407),
                counters: Arc::clone(&self.counters),
            };
            tokio::spawn(connection.run());
        }
    }
}

/// A handle on the counters of a proxy.
#[derive(Clone, Debug)]
pub struct ProxyCounters(Arc<Counters>);

impl ProxyCounters {
    /// What the proxy has done.
    pub fn report(&self) -> ProxyReport {
        self.0.report()
    }
}

struct Connection {
    client: TcpStream,
    to: String,
    line: Line,
    seed: u64,
    counters: Arc<Counters>,
}

impl Connection {
    async fn run(self) {
        let counters = Arc::clone(&self.counters);
        counters.opened.fetch_add(1, Relaxed);
        if let Err(error) = self.forward().await {
            counters.failed.fetch_add(1, Relaxed);
            eprintln!("proxy: {error}");
        }
        counters.closed.fetch_add(1, Relaxed);
    }

    async fn forward(self) -> io::Result<()> {
        let server = connect(&self.to, self.line.socket_buffer)
            .await
            .map_err(|error| {
                io::Error::new(error.kind(), format!("connect {}: {error}", self.to))
            })?;
        self.client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut client, mut server) = (self.client, server);
        let outage = self.line.outages.draw(self.seed);
        {
            let (client_read, client_write) = client.split();
            let (server_read, server_write) = server.split();
            let pipe = |spec: LinkSpec, seed, pause, counters| Pipe {
                model: LinkModel::new(spec, seed),
                buffer: self.line.buffer.unwrap_or_else(|| buffer_of(&spec)),
                pause,
                counters,
            };
            let rests = self.line.pause_down;
            let up = pipe(self.line.up, self.seed ^ 1, None, &self.counters.up);
            let down = pipe(self.line.down, self.seed ^ 2, rests, &self.counters.down);
            let both = async {
                tokio::join!(
                    up.run(client_read, server_write),
                    down.run(server_read, client_write)
                )
            };
            let Some((after, how)) = outage else {
                both.await;
                return Ok(());
            };
            tokio::select! {
                _ = both => return Ok(()),
                () = tokio::time::sleep(after) => {}
            }
            match how {
                Outage::Cut => self.counters.cut.fetch_add(1, Relaxed),
                Outage::HalfOpen => self.counters.half_opened.fetch_add(1, Relaxed),
            };
            if how == Outage::HalfOpen {
                tokio::time::sleep(HALF_OPEN_HOLD).await;
            }
        }
        // Without lingering, both ends see a reset instead of an orderly end.
        for stream in [&client, &server] {
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

async fn connect(to: &str, socket_buffer: u32) -> io::Result<TcpStream> {
    let mut last = None;
    for address in tokio::net::lookup_host(to).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_recv_buffer_size(socket_buffer)?;
        socket.set_send_buffer_size(socket_buffer)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("the name has no address")))
}

/// What a line of this kind holds: its latency's worth and half a second of queue, as routers do.
fn buffer_of(spec: &LinkSpec) -> usize {
    const MIN: f64 = 16.0 * 1024.0;
    const MAX: f64 = 256.0 * 1024.0;
    match spec.bandwidth {
        None => MAX as usize,
        Some(bits) => {
            let seconds = spec.latency.as_secs_f64() + spec.jitter.as_secs_f64() + 0.5;
            (bits as f64 / 8.0 * seconds).clamp(MIN, MAX) as usize
        }
    }
}

/// The `proxy` subcommand: runs until Ctrl-C, SIGTERM or its time is up.
pub async fn run(options: &ProxyOptions) -> anyhow::Result<ProxyReport> {
    use anyhow::Context as _;
    let proxy = Proxy::bind(options.listen, options.to.clone(), options.line())
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = proxy.local_addr()?;
    if let Some(path) = &options.port_file {
        std::fs::write(path, format!("{}\n", address.port()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    eprintln!(
        "proxy: {address} -> {} ({})",
        options.to,
        options.describe()
    );
    let counters = proxy.counters();
    let time_is_up = async {
        if options.seconds > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = proxy.run() => {}
        () = crate::signals::asked_to_end() => {}
        () = time_is_up => {}
    }
    Ok(counters.report())
}

#[cfg(test)]
mod tests;
