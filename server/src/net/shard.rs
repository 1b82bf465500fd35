//! One network thread: a single-threaded runtime and everything that lives on it.

use super::connection::Connection;
use super::door::{Caller, Guest};
use super::fanout::{self, Group};
use super::half::Half;
use super::handshake::Accepted;
use super::http;
use super::listener::Arrival;
use super::seat::{Applicant, Held, HeldSeat};
use super::server::Shared;
use super::transport::Transport;
use crate::clock;
use crate::link::RoomId;
use crate::room::{RoomInfo, RoomRequest, SessionKey};
use crate::session::Session;
use std::cell::RefCell;
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
        tokio::task::spawn_local(async move {
            let shared = self.shared.clone();
            if let Ok(stream) = TcpStream::from_std(stream)
                && Transport::configure(&stream, &shared.config.net).is_ok()
            {
                match secure(&shared, stream).await {
                    Some(transport) => http::serve(self, transport, caller).await,
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
        (accepted, mut guest): (Accepted, Guest),
    ) {
        let shared = &self.shared;
        let key = shared.next_session();
        let (seat, ticket, refusal) = match self.admit(key, &accepted, &mut guest) {
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
            connection.end_in_words(reason, words, None);
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
        guest: &mut Guest,
    ) -> Result<(HeldSeat, String), (CloseReason, String)> {
        let in_words = |reason: CloseReason| (reason, reason.to_string());
        if let Some(reason) = accepted.refusal {
            return Err(in_words(reason));
        }
        if let Some(refusal) = guest.refusal.take() {
            return Err(refusal);
        }
        let shared = &self.shared;
        let applicant = Applicant {
            session,
            identity: &guest.identity,
            room: &accepted.room,
        };
        let join = || RoomRequest::Join {
            session,
            name: accepted.name.clone(),
            spectator: accepted.spectator,
        };
        let (request, ticket) = match &accepted.ticket {
            // Spectators have nothing to come back to.
            _ if accepted.spectator => (join(), String::new()),
            Some(ticket) => shared.tickets.redeem(ticket, applicant).map_err(|error| {
                shared.metrics.tickets_refused.increment();
                (CloseReason::BadTicket, error.to_string())
            })?,
            None => match shared.tickets.take_over(applicant) {
                Some((previous, ticket)) => self.take_over(session, previous, ticket, join),
                None => (join(), shared.tickets.issue(applicant)),
            },
        };
        if !shared.directory.has_room(&accepted.room) {
            let allowed = shared.door.gate.open_room(guest.ip, clock::now());
            allowed.map_err(|turned| {
                shared.metrics.refusals.increment(turned.name());
                shared.tickets.abandon(session, false);
                (CloseReason::ServerFull, turned.words().to_owned())
            })?;
        }
        let is_resume = matches!(request, RoomRequest::Resume { .. });
        let attached = shared.directory.attach(&accepted.room, session, request);
        let attachment = attached.map_err(|reason| {
            shared.tickets.abandon(session, is_resume);
            in_words(reason)
        })?;
        let seat = HeldSeat::new(attachment, shared.tickets.clone(), session);
        Ok((seat, ticket))
    }

    /// One live session per identity, the newest wins: in the same room it takes the player over,
    /// from another room the older one is removed.
    fn take_over(
        &self,
        session: SessionKey,
        previous: Held,
        ticket: String,
        join: impl FnOnce() -> RoomRequest,
    ) -> (RoomRequest, String) {
        let Held {
            session: previous,
            other_room,
        } = previous;
        let Some(room) = other_room else {
            return (RoomRequest::Resume { session, previous }, ticket);
        };
        let reason = CloseReason::Replaced;
        self.shared.directory.send(
            &room,
            RoomRequest::Kick {
                session: previous,
                reason,
            },
        );
        (join(), ticket)
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

    async fn drain(&self, reason: CloseReason) {
        let connections: Vec<_> = self
            .connections
            .borrow()
            .iter()
            .map(|(k, c)| (*k, c.clone()))
            .collect();
        for (key, connection) in connections {
            // Spread by a multiplicative hash, so that neighbours do not come back together.
            let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let spread_ms = self.shared.config.operations.retry_spread * 1_000;
            let retry_after = 500 + spread * spread_ms / (1 << 32);
            connection.end(reason, Some(retry_after as u32));
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
async fn secure(shared: &Shared, stream: TcpStream) -> Option<Transport> {
    let Some(tls) = &shared.tls else {
        return Some(Transport::Plain(stream));
    };
    let deadline = Duration::from_secs(shared.config.net.handshake_timeout);
    let accepted = tokio::time::timeout(deadline, tls.acceptor().accept(stream)).await;
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
        world: world.clone(),
        metrics: shared.clone(),
    })
}
