//! The whole server as a value: started, asked for its address, shut down.

use super::door::{Door, Rules};
use super::seat::TicketOffice;
use super::state::State;
use super::tls::{Loaded, Tls, TlsError};
use super::{listener, shard};
use crate::admin::{self, Lifecycle, Panel};
use crate::clock;
use crate::config::{AdminListen, AuthMode, ConfigError, SecuritySettings, ServerConfig};
use crate::link::{Directory, RoomId, WorkerCommand, WorkerLink};
use crate::metrics::Metrics;
use crate::room::{RoomConfig, RoomInfo, RoomRequest, StoredRoom};
use crate::worker::{self, WorkerSettings};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tickwire_shared::game::World;
use tickwire_shared::wire::CloseReason;
use tokio::sync::{mpsc, watch};

/// Characters of the operators' token; shorter ones can be guessed.
const ADMIN_TOKEN_BYTES_MIN: usize = 16;

/// What all network threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    pub(super) directory: Arc<Directory>,
    pub(super) metrics: Arc<Metrics>,
    /// Stands in for the room of sessions that are refused before they get to one.
    pub(super) nowhere: Arc<RoomInfo>,
    pub(super) sessions: AtomicU64,
    pub(super) tickets: Arc<TicketOffice>,
    pub(super) door: Door,
    pub(super) tls: Option<Tls>,
    pub(super) lifecycle: Arc<Lifecycle>,
}

/// A running server. Dropping it ends it without goodbye; see [`Server::shut_down`].
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    ending: watch::Sender<Option<CloseReason>>,
    network: Vec<JoinHandle<()>>,
    workers: Vec<(WorkerLink, JoinHandle<Vec<StoredRoom>>)>,
    admin: Option<(SocketAddr, JoinHandle<()>)>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate cannot be used.
    #[error("--tls-cert, --tls-key: {0}")]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// What was configured.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The operators' token cannot be read.
    #[error("--admin-token-file: {0}")]
    AdminToken(io::Error),
    /// Rooms and tickets could not be written at the end.
    #[error("--state-dir {path}: {error}")]
    StateDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The port file cannot be written.
    #[error("cannot write the port file: {0}")]
    PortFile(io::Error),
    /// A thread or a runtime could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl Server {
    /// Whether a server could start with this: whatever files it names are read. What only the
    /// start itself can tell, such as an address that is taken, is left to it.
    pub fn check(config: &ServerConfig) -> Result<(), StartError> {
        config.validate()?;
        config.rooms.load_arena()?;
        Door::new(&config.security, &config.limits)?;
        load_tls(&config.security)?;
        if let Some(path) = &config.operations.admin_token_file {
            read_token(path).map_err(StartError::AdminToken)?;
        }
        Ok(())
    }

    /// Starts all threads; returns when connections are accepted.
    pub fn start(config: ServerConfig) -> Result<Server, StartError> {
        config.validate()?;
        raise_file_limit(config.net.connections_max);
        let door = Door::new(&config.security, &config.limits)?;
        let tls = load_tls(&config.security)?.map(Tls::new);
        if let Some(dir) = &config.operations.state_dir {
            State::check(dir).map_err(|error| StartError::StateDir {
                path: dir.clone(),
                error,
            })?;
        }
        warn_if_open(&config);
        let world = Arc::new(World::new(config.rooms.load_arena()?, config.rooms.rate()));
        let metrics = Arc::new(Metrics::default());
        let address = config.listen;
        let listen_error = |error| StartError::Listen { address, error };
        let listener = listener::bind(address).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let cell = Arc::new(OnceLock::new());
        let workers = start_workers(&config, &cell)?;
        let directory = Arc::new(Directory::new(
            workers.iter().map(|(link, _)| link.clone()).collect(),
            config.rooms.rooms_max,
            config.rooms.history_ticks,
            room_factory(&config, world.clone(), metrics.clone()),
        ));
        cell.get_or_init(|| directory.clone());

        let shared = Arc::new(Shared {
            nowhere: shard::nowhere(&world, &metrics),
            directory,
            metrics,
            sessions: AtomicU64::new(1),
            door,
            tls,
            lifecycle: Arc::default(),
            tickets: Arc::new(TicketOffice::new(config.rooms.resume_grace())),
            config,
        });
        let ending = watch::Sender::new(None);
        let admin = start_admin(&shared, &ending)?;
        if let Some(path) = &shared.config.port_file {
            write_port(path, address.port()).map_err(StartError::PortFile)?;
        }
        // Last of what can fail but for the threads: what is taken up is gone from the disk.
        take_up(&shared);
        let network = start_network(&shared, listener, &ending)?;
        Ok(Server {
            address,
            shared,
            ending,
            network,
            workers,
            admin,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin listener is, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(address, _)| *address)
    }

    /// Turns newcomers away from here on; who is in stays in, and is told if there is time.
    pub fn begin_drain(&self) {
        self.shared.lifecycle.begin_drain();
        let grace = self.shared.config.operations.drain_grace;
        if grace == 0 {
            return;
        }
        let keeps = self.shared.config.operations.state_dir.is_some();
        let after = if keeps {
            "; your place is kept, and you will be taken back to it"
        } else {
            ""
        };
        for room in self.directory().rooms() {
            let text = format!("The server restarts within {grace} s{after}.");
            room.send(RoomRequest::Announce { text });
        }
    }

    /// Comes back when an operator has asked for a drain.
    pub async fn drain_wanted(&self) {
        self.shared.lifecycle.drain_wanted().await;
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Its rooms.
    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// Takes up what can change while it runs: origins, proxies, keys, limits per address. Nothing
    /// changes if something is wrong.
    pub fn reload(&self, config: &ServerConfig) -> Result<(), StartError> {
        config.validate()?;
        let shared = &self.shared;
        let security = &config.security;
        let certificate = load_tls(security)?;
        let rules = Rules::load(security)?;
        // From here on nothing fails.
        if let (Some(tls), Some(certificate)) = (&shared.tls, certificate) {
            tls.take_up(certificate);
        }
        shared.door.take_up(rules, &config.limits);
        Ok(())
    }

    /// Says goodbye to everyone, closes, and waits for all threads.
    ///
    /// If there is a state folder, rooms and tickets are written there, so that players find their
    /// places in the next process.
    pub fn shut_down(mut self) {
        self.shared.lifecycle.begin_drain();
        let rooms = self.stop();
        let shared = &self.shared;
        if let Some(dir) = &shared.config.operations.state_dir {
            let next = shared.sessions.load(std::sync::atomic::Ordering::Relaxed);
            let state = State::new(next, rooms, shared.tickets.store());
            match state.write(dir, clock::unix_seconds().0) {
                Ok(path) => tracing::info!(path = %path.display(), "rooms and tickets written"),
                Err(error) => tracing::error!(%error, "rooms and tickets could not be written"),
            }
        }
    }

    fn stop(&mut self) -> Vec<StoredRoom> {
        self.ending.send_replace(Some(CloseReason::ServerShutdown));
        for thread in self.network.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a network thread had failed");
            }
        }
        let mut rooms = Vec::new();
        for (link, thread) in self.workers.drain(..) {
            let _ = link.commands.send(WorkerCommand::Stop);
            if let Ok(stored) = thread.join() {
                rooms.extend(stored);
            } else {
                tracing::error!("a worker thread had failed");
            }
        }
        if let Some((_, thread)) = self.admin.take() {
            let _ = thread.join();
        }
        rooms
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes up what an earlier process left, if it left something.
fn take_up(shared: &Shared) {
    let dir = shared.config.operations.state_dir.as_deref();
    let Some(state) = dir.and_then(|dir| State::take(dir, clock::unix_seconds().0)) else {
        return;
    };
    let (rooms, seats) = (state.rooms.len(), state.seats.len());
    let next = state.next_session.max(1);
    shared
        .sessions
        .store(next, std::sync::atomic::Ordering::Relaxed);
    shared.tickets.restore(state.seats);
    for room in state.rooms {
        let name = room.name.clone();
        if let Err(reason) = shared.directory.adopt(room) {
            tracing::warn!(room = %name, reason = reason.name(), "a stored room was left out");
        }
    }
    tracing::info!(
        rooms,
        seats,
        "took up rooms and tickets of an earlier process"
    );
}

/// Starts the admin listener. At its default address it is a convenience, and a second server on
/// the same machine does without; at an address that was asked for it must be.
fn start_admin(
    shared: &Arc<Shared>,
    ending: &watch::Sender<Option<CloseReason>>,
) -> Result<Option<(SocketAddr, JoinHandle<()>)>, StartError> {
    let operations = &shared.config.operations;
    let (address, is_required) = match operations.admin_listen {
        Some(AdminListen::Off) => return Ok(None),
        Some(AdminListen::At(address)) => (address, true),
        None => (admin::DEFAULT_ADDRESS, false),
    };
    let token = match &operations.admin_token_file {
        Some(path) => Some(read_token(path).map_err(StartError::AdminToken)?),
        None => None,
    };
    let bound = listener::bind(address).and_then(|l| Ok((l.local_addr()?, l)));
    let (address, listener) = match bound {
        Ok(bound) => bound,
        Err(error) if is_required => return Err(StartError::Listen { address, error }),
        Err(error) => {
            tracing::info!(%address, %error, "no admin listener; --admin-listen names another place");
            return Ok(None);
        }
    };
    tracing::info!(%address, "admin listener: /healthz /readyz /metrics /admin");
    let panel = Panel {
        metrics: shared.metrics.clone(),
        directory: shared.directory.clone(),
        lifecycle: shared.lifecycle.clone(),
        token,
    };
    let ending = ending.subscribe();
    let thread = start_thread("admin".to_owned(), move || {
        admin::serve(listener, panel, ending)
    })?;
    Ok(Some((address, thread)))
}

fn read_token(path: &Path) -> io::Result<String> {
    let token = std::fs::read_to_string(path)?.trim().to_owned();
    if token.len() < ADMIN_TOKEN_BYTES_MIN {
        let words = format!("a token needs at least {ADMIN_TOKEN_BYTES_MIN} characters");
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok(token)
}

fn tls_files(security: &SecuritySettings) -> Option<(&Path, &Path)> {
    security
        .tls_cert
        .as_deref()
        .zip(security.tls_key.as_deref())
}

fn load_tls(security: &SecuritySettings) -> Result<Option<Loaded>, TlsError> {
    let files = tls_files(security);
    files
        .map(|(certificate, key)| Loaded::read(certificate, key))
        .transpose()
}

/// Every connection is an open file, and the usual soft limit is a tenth of the connections that
/// are allowed by default.
fn raise_file_limit(connections_max: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
        let files = getrlimit(Resource::Nofile).current;
        if files.is_some_and(|files| files < connections_max as u64) {
            tracing::warn!(
                files,
                connections_max,
                "the system allows fewer open files than connections are allowed; raise its limit \
                 (`ulimit -n`) or lower --connections-max"
            );
        }
    }
}

/// Says what a listener that the world can reach lacks.
fn warn_if_open(config: &ServerConfig) {
    let security = &config.security;
    let is_local = config.listen.ip().is_loopback();
    if !is_local && security.tls_cert.is_none() && security.trusted_proxies.is_empty() {
        tracing::warn!(
            listen = %config.listen,
            "others on the network can read and change what players send: give --tls-cert and \
             --tls-key, or name the proxy that speaks TLS with --trusted-proxies"
        );
    }
    if !is_local && security.auth == AuthMode::None {
        tracing::info!("anybody may play under any name; --auth jwt asks for tokens");
    }
}

fn start_workers(
    config: &ServerConfig,
    directory: &Arc<OnceLock<Arc<Directory>>>,
) -> io::Result<Vec<(WorkerLink, JoinHandle<Vec<StoredRoom>>)>> {
    (0..config.rooms.worker_count())
        .map(|index| {
            let settings = WorkerSettings {
                empty_room_time: config.rooms.empty_room_time(),
                directory: directory.clone(),
            };
            worker::spawn(index, settings)
        })
        .collect()
}

fn room_factory(
    config: &ServerConfig,
    world: Arc<World>,
    metrics: Arc<Metrics>,
) -> crate::link::RoomFactory {
    let players_max = config.rooms.room_players_max;
    let resume_grace = config.rooms.resume_grace();
    let seed = config.rooms.seed;
    let chat = config.rooms.chat_rules();
    Box::new(move |name: &str, id: RoomId| {
        RoomConfig {
            name: name.to_owned(),
            world: world.clone(),
            players_max,
            resume_grace,
            chat,
            // The standard library's random state is the seed that needs no further crate.
            seed: seed.unwrap_or_else(|| RandomState::new().hash_one(id)),
            metrics: metrics.clone(),
        }
    })
}

fn start_network(
    shared: &Arc<Shared>,
    listener: std::net::TcpListener,
    ending: &watch::Sender<Option<CloseReason>>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    let mut senders = Vec::new();
    for index in 0..shared.config.net.thread_count() {
        let (sender, accepted) = mpsc::channel(listener::HANDOVER_MAX);
        let (shared, ending) = (shared.clone(), ending.subscribe());
        senders.push(sender);
        threads.push(start_thread(format!("network-{index}"), move || {
            shard::run(shared, accepted, ending)
        })?);
    }
    let (shared, ending) = (shared.clone(), ending.subscribe());
    threads.push(start_thread("listener".to_owned(), move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(listener::accept(shared, listener, senders, ending))
    })?);
    Ok(threads)
}

fn start_thread(
    name: String,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(move || {
        if let Err(error) = run() {
            tracing::error!(%error, "a thread ended");
        }
    })
}

/// Written beside and renamed, so that a reader never sees half a number.
fn write_port(path: &std::path::Path, port: u16) -> io::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, format!("{port}\n"))?;
    std::fs::rename(&draft, path)
}
