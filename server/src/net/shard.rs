//! One network thread: a single-threaded runtime and everything that lives on it.

use super::connection::Connection;
use super::door::{Caller, Guest};
use super::fanout::{self, Group};
use super::half::Half;
use super::handshake::Accepted;
use super::http;
use super::listener::Arrival;
use super::seat::{Applicant, Entry, HeldSeat, Turned};
use super::server::Shared;
use super::transport::{Metered, Transport};
use crate::clock;
use crate::link::{Attachment, Departure, RoomId};
use crate::room::{RoomInfo, RoomRequest, SessionKey};
use crate::session::Session;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::TcpStream as StdTcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::limits::CLIENT_MESSAGE_BYTES_MAX;
use tickwire_shared::wire::CloseReason;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Time between two looks at every connection's deadlines.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(250);

/// Time for all connections to close at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Size of the WebSocket library's read buffer, which it fills with zeros at every read: large
/// ones cost time and memory, and clients send a few bytes at a time.
const READ_BUFFER_BYTES: usize = 4 * 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) shared: Arc<Shared>,
    connections: RefCell<BTreeMap<u64, Rc<Connection>>>,
    groups: RefCell<BTreeMap<RoomId, Rc<Group>>>,
    /// Why everybody has been told to go.
    ended: Cell<Option<CloseReason>>,
}

/// Runs a network thread until `ending` gives a reason and all connections are closed.
pub(super) fn run(
    shared: Arc<Shared>,
    mut accepted: mpsc::Receiver<Arrival>,
    mut ending: watch::Receiver<Option<CloseReason>>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shard = Rc::new(Shard {
        shared,
        connections: RefCell::default(),
        groups: RefCell::default(),
        ended: Cell::new(None),
    });
    let tasks = LocalSet::new();
    tasks.spawn_local(shard.clone().keep_house());
    tasks.block_on(&runtime, async {
        loop {
            tokio::select! {
                stream = accepted.recv() => match stream {
                    Some((stream, caller)) => shard.clone().serve(stream, caller),
                    None => break,
                },
                _ = ending.changed() => break,
            }
        }
        let reason = ending.borrow().unwrap_or(CloseReason::ServerShutdown);
        shard.drain(reason).await;
    });
    Ok(())
}

impl Shard {
    fn serve(self: Rc<Self>, stream: StdTcpStream, caller: Caller) {
        let metrics = &self.shared.metrics;
        metrics.connections.increment();
        let deadline = http::deadline(&self.shared);
        tokio::task::spawn_local(async move {
            let shared = self.shared.clone();
            if let Ok(stream) = TcpStream::from_std(stream)
                && Transport::configure(&stream, &shared.config.net).is_ok()
            {
                match secure(&shared, stream, deadline).await {
                    Some(transport) => http::serve(self, transport, caller, deadline).await,
                    None => shared.metrics.refusals.increment("tls_handshake"),
                }
            }
            shared.metrics.connections.decrement();
        });
    }

    /// Makes an upgraded connection a session, and stays until it is over.
    pub(super) async fn join(
        self: Rc<Self>,
        transport: Transport,
        read_ahead: Vec<u8>,
        (accepted, guest): (Accepted, Guest),
    ) {
        let shared = &self.shared;
        let key = shared.next_session();
        let (seat, ticket, refusal) = match self.admit(key, &accepted, &guest) {
            Ok((seat, ticket)) => (Some(seat), ticket, None),
            Err(refusal) => (None, String::new(), Some(refusal)),
        };
        let room = seat.as_ref().and_then(HeldSeat::room).cloned();
        let info = room
            .as_ref()
            .map_or_else(|| shared.nowhere.clone(), |room| room.info.clone());
        let connection = Rc::new(Connection::new(
            transport,
            Session::new(key, info)
                .with_ticket(ticket)
                .with_format(accepted.format()),
            seat,
            &shared.config,
            shared.metrics.clone(),
        ));
        if let Some(expires) = guest.expires {
            connection.expire_at(expires);
        }
        shared.metrics.upgrades.increment();
        tracing::debug!(
            session = key.0,
            room = %accepted.room,
            ip = %guest.ip,
            identity = %guest.identity,
            "session opened"
        );
        self.connections
            .borrow_mut()
            .insert(key.0, connection.clone());
        if let Some(room) = room {
            self.group_of(&room).add(connection.clone());
        }
        if let Some((reason, words)) = refusal {
            connection.end_in_words(reason, &words, None);
        } else if let Some(reason) = self.ended.get() {
            // Its handshake was under way when everybody else was told.
            connection.end(reason, Some(self.retry_after(key.0)));
        }
        let half = Half(connection.clone());
        let config = Some(socket_config());
        let socket =
            WebSocketStream::from_partially_read(half, read_ahead, Role::Server, config).await;
        connection.run(socket).await;
        self.connections.borrow_mut().remove(&key.0);
        tracing::debug!(session = key.0, "session over");
    }

    /// Finds a place for a handshake that was accepted: the one its ticket names, or a new one.
    /// Returns it with the ticket for the next time, or why there is none.
    fn admit(
        &self,
        session: SessionKey,
        accepted: &Accepted,
        guest: &Guest,
    ) -> Result<(HeldSeat, String), Turned> {
        if let Some(told) = &accepted.told {
            return Err((told.reason, told.words.clone()));
        }
        let shared = &self.shared;
        let join = || RoomRequest::Join {
            session,
            name: accepted.name.clone(),
            spectator: accepted.spectator,
        };
        let seat = |attachment| HeldSeat::new(attachment, shared.tickets.clone(), session);
        if accepted.spectator {
            // Spectators have nothing to come back to, and do not count as a live session.
            let attachment = self.attach(&accepted.room, guest, session, join())?;
            return Ok((seat(attachment), String::new()));
        }
        let applicant = Applicant {
            session,
            identity: &guest.identity,
            room: &accepted.room,
        };
        let entered = shared
            .tickets
            .enter(applicant, accepted.ticket.as_deref(), |entry| {
                let request = match entry {
                    Entry::Resume { previous } => RoomRequest::Resume { session, previous },
                    Entry::Join | Entry::Move { .. } => join(),
                };
                let attachment = self.attach(&accepted.room, guest, session, request)?;
                match entry {
                    Entry::Move { previous, room } => self.replace(&room, previous, attachment),
                    _ => Ok(attachment),
                }
            });
        match entered {
            Ok((attachment, ticket)) => Ok((seat(attachment), ticket)),
            Err(turned) => {
                if turned.0 == CloseReason::BadTicket {
                    shared.metrics.tickets_refused.increment();
                }
                Err(turned)
            }
        }
    }

    /// Asks a room to let a session in. The room is opened if there is none.
    fn attach(
        &self,
        room: &str,
        guest: &Guest,
        session: SessionKey,
        request: RoomRequest,
    ) -> Result<Attachment, Turned> {
        let shared = &self.shared;
        if !shared.directory.has_room(room) {
            let allowed = shared.door.gate.open_room(guest.ip, clock::now());
            allowed.map_err(|turned| {
                shared.metrics.refusals.increment(turned.name());
                (CloseReason::ServerFull, turned.words().to_owned())
            })?;
        }
        let attached = shared.directory.attach(room, session, request);
        attached.map_err(|reason| (reason, reason.to_string()))
    }

    /// Ends the session of the same identity in another room; the new one is in by now. It stays
    /// out if the other room is too busy to be told.
    fn replace(
        &self,
        room: &str,
        previous: SessionKey,
        attachment: Attachment,
    ) -> Result<Attachment, Turned> {
        let kick = RoomRequest::Kick {
            session: previous,
            reason: CloseReason::Replaced,
        };
        let directory = &self.shared.directory;
        if directory.send(room, kick) || !directory.has_room(room) {
            return Ok(attachment);
        }
        attachment.depart(Departure::Left);
        let reason = CloseReason::ServerFull;
        Err((reason, reason.to_string()))
    }

    /// Forgets the group of a room. Whoever joins later gets a new one.
    pub(super) fn remove_group(&self, room: RoomId) {
        self.groups.borrow_mut().remove(&room);
    }

    fn group_of(self: &Rc<Self>, room: &Arc<crate::link::RoomLink>) -> Rc<Group> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.entry(room.id).or_insert_with(|| {
            let group = Rc::new(Group::default());
            let task = fanout::run(self.clone(), room.clone(), group.clone());
            tokio::task::spawn_local(task);
            group
        });
        group.clone()
    }

    async fn keep_house(self: Rc<Self>) {
        let mut interval = tokio::time::interval(HOUSEKEEPING_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.shared.tickets.sweep();
            let connections: Vec<_> = self.connections.borrow().values().cloned().collect();
            for connection in connections {
                connection.keep_house(clock::now(), &self.shared.config.net);
            }
        }
    }

    /// When a session shall come back after the server's end, in milliseconds.
    fn retry_after(&self, session: u64) -> u32 {
        // Spread by a multiplicative hash, so that neighbours do not come back together.
        let spread = session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let spread_ms = self.shared.config.operations.retry_spread * 1_000;
        (500 + spread * spread_ms / (1 << 32)) as u32
    }

    async fn drain(&self, reason: CloseReason) {
        self.ended.set(Some(reason));
        let connections: Vec<_> = self
            .connections
            .borrow()
            .iter()
            .map(|(k, c)| (*k, c.clone()))
            .collect();
        for (key, connection) in connections {
            connection.end(reason, Some(self.retry_after(key)));
        }
        let closed = async {
            while !self.connections.borrow().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, closed).await;
    }
}

/// Goes through the TLS handshake, if this server speaks TLS; `None` if that fails or takes too
/// long.
async fn secure(shared: &Shared, stream: TcpStream, deadline: Instant) -> Option<Transport> {
    let stream = Metered::new(stream);
    let Some(tls) = &shared.tls else {
        return Some(Transport::Plain(stream));
    };
    let accepted = tokio::time::timeout_at(deadline, tls.acceptor().accept(stream)).await;
    match accepted.ok()? {
        Ok(stream) => Some(Transport::Tls(Box::new(stream))),
        Err(error) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
    }
}

fn socket_config() -> WebSocketConfig {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BUFFER_BYTES;
    // The library writes pongs and answers to a close only.
    config.write_buffer_size = 0;
    config.max_write_buffer_size = READ_BUFFER_BYTES;
    config.max_message_size = Some(CLIENT_MESSAGE_BYTES_MAX);
    config.max_frame_size = Some(CLIENT_MESSAGE_BYTES_MAX);
    config
}

impl Shared {
    fn next_session(&self) -> SessionKey {
        let key = self
            .sessions
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        SessionKey(key)
    }
}

/// The room of sessions that are refused before they get to one.
pub(super) fn nowhere(
    world: &Arc<tickwire_shared::game::World>,
    shared: &Arc<crate::metrics::Metrics>,
) -> Arc<RoomInfo> {
    Arc::new(RoomInfo {
        name: String::new(),
        seed: 0,
        world: world.clone(),
        metrics: shared.clone(),
    })
}
