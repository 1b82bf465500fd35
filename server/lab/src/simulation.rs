//! The world under test: one real room, its sessions, and real clients on virtual lines.
//!
//! Time moves from event to event; at equal times the order is fixed (server's receiving, tick,
//! then the clients one after the other), so that a seed is a run and a run is a seed. Every
//! checker is asked wherever it may have something to say, and the first violation ends the run.

use crate::check::{Check, InputChecker, Violation, WireChecker, ensure};
use crate::fault::{Fault, Forger};
use crate::line::Line;
use crate::peer::{Connection, Peer, PeerSpec};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tickwire_bots::path::PathFinder;
use tickwire_bots::profile::Profile;
use tickwire_netcode::{Disconnect, Event, SessionState, Transmit, View};
use tickwire_server::metrics::Metrics;
use tickwire_server::room::{Broadcast, Room, RoomConfig, RoomRequest, SessionKey};
use tickwire_server::session::{Composed, Received, Session, close_reason};
use tickwire_shared::game::World;
use tickwire_shared::wire::packet::put_control;
use tickwire_shared::wire::{ClientMessage, CloseReason};
use tickwire_shared::{LocalTime, PlayerId};

/// Broadcasts that sessions may catch up from, as in the server.
const RECENT_MAX: usize = 8;
/// Seconds of broadcasts kept for comparison; longer than any message is under way.
const HISTORY_SECONDS: usize = 30;
/// A session whose newest message needs longer than this is a slow reader and is left out.
const BACKLOG_MAX: Duration = Duration::from_millis(400);
/// Events at one moment; more mean that one of them is never taken.
const STILL_MAX: u32 = 10_000;
/// After this time without a sign of life the server gives a half-open connection up.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);
/// What a client's queue of messages may hold, in bytes.
const UP_BYTES_MAX: usize = 64 * 1_024;
/// What the server may have under way to one client, in bytes.
const DOWN_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// From the calm on, and from `Welcome` on, a client has this time.
const CONVERGENCE: Duration = Duration::from_secs(2);

/// Watches a run without taking part.
pub trait Probe {
    /// The room has run a tick.
    fn ticked(&mut self, _now: LocalTime, _broadcast: &Broadcast) {}
    /// A client has told something.
    fn heard(&mut self, _index: usize, _event: &Event) {}
    /// A client has drawn a frame.
    fn framed(&mut self, _now: LocalTime, _index: usize, _peer: &Peer, _view: &View) {}
}

impl Probe for () {}

/// See the module.
#[derive(Debug)]
pub struct Simulation {
    /// Virtual time.
    pub now: LocalTime,
    /// The room's constants.
    pub world: Arc<World>,
    /// The room's counters.
    pub metrics: Arc<Metrics>,
    /// The clients.
    pub peers: Vec<Peer>,
    room: Room,
    recent: Vec<Arc<Broadcast>>,
    history: VecDeque<Arc<Broadcast>>,
    tick_at: LocalTime,
    /// Shift of the tick schedule by hiccups.
    schedule: LocalTime,
    inputs: BTreeMap<PlayerId, InputChecker>,
    /// Connections that their client has given up and the server has not noticed yet.
    ghosts: Vec<Connection>,
    sessions: u64,
    is_calm: bool,
    fault: Option<Fault>,
    again: Vec<RoomRequest>,
    keyframes_encoded: u64,
    trace: u64,
    finder: PathFinder,
}

impl Simulation {
    /// An empty room whose first tick starts at once.
    pub fn new(world: World, seed: u64, fault: Option<Fault>) -> Simulation {
        let world = Arc::new(world);
        let metrics = Arc::<Metrics>::default();
        let room = Room::new(RoomConfig {
            seed,
            metrics: metrics.clone(),
            ..RoomConfig::new("lab", world.clone())
        });
        Simulation {
            now: LocalTime(0),
            world,
            metrics,
            peers: Vec::new(),
            room,
            recent: Vec::new(),
            history: VecDeque::new(),
            tick_at: LocalTime(0),
            schedule: LocalTime(0),
            inputs: BTreeMap::new(),
            ghosts: Vec::new(),
            sessions: 0,
            is_calm: false,
            fault,
            again: Vec::new(),
            keyframes_encoded: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            finder: PathFinder::default(),
        }
    }

    /// A client begins to connect.
    pub fn join(&mut self, mut spec: PeerSpec) {
        spec.client.clock.resets &= self.fault != Some(Fault::ClockWithoutReset);
        self.peers.push(Peer::new(spec, self.now));
    }

    /// The hash of everything that the room did and that anybody received.
    pub fn trace_hash(&self) -> u64 {
        self.trace ^ self.room.trace_hash().rotate_left(1)
    }

    /// Broadcasts of the last seconds, oldest first.
    pub fn history(&self) -> &VecDeque<Arc<Broadcast>> {
        &self.history
    }

    /// What is known about a player's inputs.
    pub fn input_checker(&self, id: PlayerId) -> Option<&InputChecker> {
        self.inputs.get(&id)
    }

    /// The connection of a client breaks; each end notices in its own time.
    pub fn cut(&mut self, index: usize, client_after: Duration, server_after: Duration) {
        let now = self.now;
        let peer = &mut self.peers[index];
        if let Some(connection) = &mut peer.connection {
            connection.up.die();
            connection.down.die();
            connection.server_loss_at = Some(now + server_after);
            peer.loss_at = Some(now + client_after);
        }
    }

    /// Nothing passes any more, and nobody is told.
    pub fn half_open(&mut self, index: usize) {
        if let Some(connection) = &mut self.peers[index].connection {
            connection.up.die();
            connection.down.die();
            connection.server_loss_at = Some(self.now + SERVER_TIMEOUT);
        }
    }

    /// The client's machine sleeps, and with it its clock.
    pub fn suspend(&mut self, index: usize, duration: Duration) {
        let peer = &mut self.peers[index];
        if peer.suspended_until.is_none() {
            peer.suspended_until = Some(self.now + duration);
            peer.checker.disturbed();
        }
    }

    /// The room misses its time: everything later happens later by `duration`.
    pub fn hiccup(&mut self, duration: Duration) {
        self.schedule = self.schedule + duration;
        self.tick_at = self.tick_at + duration;
    }

    /// A client's line becomes another.
    pub fn set_profile(&mut self, index: usize, profile: Profile) {
        let peer = &mut self.peers[index];
        peer.profile = profile;
        let seed = peer.spec.seed ^ self.now.0;
        if let Some(connection) = &mut peer.connection {
            connection.up.become_like(profile.up, seed);
            connection.down.become_like(profile.down, seed ^ 1);
        }
    }

    /// From now on every line is `profile` and nothing disturbs any more.
    pub fn calm(&mut self, profile: Profile) {
        self.is_calm = true;
        for index in 0..self.peers.len() {
            self.set_profile(index, profile);
            let peer = &mut self.peers[index];
            let lines = peer.connection.as_ref();
            let under_way = lines.map(|c| c.up.settles_at().max(c.down.settles_at()));
            // What was under way or late before the calm still has to come.
            let quiet = self.tick_at.max(under_way.unwrap_or_default());
            peer.calm_since = self.now.max(quiet);
        }
    }

    /// Runs until `end`, or until something is violated.
    pub fn run_until(&mut self, end: LocalTime, probe: &mut dyn Probe) -> Result<(), Violation> {
        let mut still = 0;
        loop {
            let next = self.peers.iter().map(Peer::next_at).min();
            let next = next.map_or(self.tick_at, |at| at.min(self.tick_at));
            if next > end {
                self.now = end;
                return Ok(());
            }
            still = if next > self.now { 0 } else { still + 1 };
            assert!(still < STILL_MAX, "time stands still at {:?}", self.now);
            self.now = self.now.max(next);
            self.step(probe).map_err(|(rule, detail)| Violation {
                at: self.now,
                rule,
                detail,
            })?;
        }
    }

    fn step(&mut self, probe: &mut dyn Probe) -> Check {
        for index in 0..self.peers.len() {
            self.receive(index)?;
        }
        self.bury_ghosts();
        if self.tick_at <= self.now {
            self.tick(probe)?;
        }
        for index in 0..self.peers.len() {
            self.serve_client(index, probe)?;
        }
        Ok(())
    }

    /// The server's end of one connection: what came, and whether it is still there.
    fn receive(&mut self, index: usize) -> Check {
        let now = self.now;
        while let Some(connection) = &mut self.peers[index].connection {
            let Some(bytes) = connection.up.take(now) else {
                break;
            };
            if !connection.server_gone {
                self.receive_one(index, &bytes)?;
            }
        }
        let Some(connection) = &mut self.peers[index].connection else {
            return Ok(());
        };
        if connection.server_loss_at.is_some_and(|at| at <= now) && !connection.server_gone {
            connection.server_loss_at = None;
            connection.server_gone = true;
            let session = connection.session.key();
            self.settle_accounts(index);
            self.room.push(RoomRequest::Detach { session });
        }
        Ok(())
    }

    fn receive_one(&mut self, index: usize, bytes: &[u8]) -> Check {
        let now = self.now;
        let next = self.room.next_tick();
        let Some(connection) = &mut self.peers[index].connection else {
            return Ok(());
        };
        if let Ok(message) = ClientMessage::decode(bytes) {
            connection.wire.received(&message);
        }
        match connection.session.receive(bytes, now) {
            Err(error) => {
                let reason = close_reason(&error);
                let mut packet = Vec::new();
                connection.session.put_goodbye(reason, None, &mut packet);
                connection.down.send(now, packet);
                connection.closing = Some((reason.code(), error.to_string()));
                let rule = "a client of ours never breaks the protocol";
                return ensure(false, rule, || error.to_string());
            }
            Ok(Received::Nothing) => {}
            Ok(Received::Reply(message)) => {
                let mut packet = Vec::new();
                put_control(&message, &mut packet);
                connection.down.send(now, packet);
            }
            Ok(Received::Leave) => {
                connection.server_gone = true;
                let reason = CloseReason::Left;
                connection.closing = Some((reason.code(), reason.to_string()));
                let session = connection.session.key();
                self.settle_accounts(index);
                self.room.push(RoomRequest::Leave { session });
            }
            Ok(Received::Forward(request)) => {
                if let RoomRequest::Input {
                    player,
                    tick,
                    input,
                    ..
                } = &request
                {
                    if let Some(checker) = self.inputs.get_mut(player) {
                        checker.received(*tick, *input, next);
                    }
                    if *tick < next && self.fault == Some(Fault::LateInputTwice) {
                        self.again.push(request.clone());
                    }
                }
                self.room.push(request);
            }
        }
        Ok(())
    }

    /// The player of this peer is no longer the peer's: its counts are added up.
    fn settle_accounts(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if let Some(checker) = peer.id.take().and_then(|id| self.inputs.remove(&id)) {
            peer.misplaced_before += checker.misplaced;
            peer.events_before += checker.events;
        }
    }

    fn bury_ghosts(&mut self) {
        let now = self.now;
        let room = &mut self.room;
        self.ghosts.retain(|ghost| {
            let is_noticed = ghost.server_loss_at.is_none_or(|at| at <= now);
            if is_noticed && !ghost.server_gone {
                let session = ghost.session.key();
                room.push(RoomRequest::Detach { session });
            }
            !is_noticed
        });
    }

    fn tick(&mut self, probe: &mut dyn Probe) -> Check {
        let rate = self.world.tick_rate;
        let broadcast = self.room.tick(self.tick_at);
        let tick = broadcast.tick();
        for request in self.again.drain(..) {
            self.room.push(request);
        }
        self.tick_at = self.schedule + rate.offset(self.room.next_tick());
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(broadcast.clone());
        if self.history.len() == HISTORY_SECONDS * usize::from(rate.hz()) {
            self.history.pop_front();
        }
        self.history.push_back(broadcast.clone());
        self.history.make_contiguous();
        for (id, checker) in &mut self.inputs {
            let cell = broadcast.cell(broadcast.player(*id).cell);
            let avatar = cell.avatar(*id);
            let rule = "every player has an avatar in its cell";
            let avatar = avatar.ok_or_else(|| (rule, format!("{id} at {tick}")))?;
            checker.ran(&self.world, tick, *id, avatar)?;
        }
        probe.ticked(self.now, &broadcast);
        for index in 0..self.peers.len() {
            self.compose(index)?;
        }
        let encoded = self.metrics.keyframes_encoded.get();
        let new = encoded - std::mem::replace(&mut self.keyframes_encoded, encoded);
        let rule = "a keyframe is encoded at most once per cell and tick";
        ensure(new <= self.world.grid.len() as u64, rule, || {
            format!("{new} keyframes at {tick}")
        })
    }

    fn compose(&mut self, index: usize) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        let Some(connection) = &mut peer.connection else {
            return Ok(());
        };
        if connection.server_gone
            || connection.closing.is_some()
            || connection.down.backlog(now) > BACKLOG_MAX
        {
            return Ok(());
        }
        let mut packet = Vec::new();
        let composed = connection.session.compose(&self.recent, &mut packet);
        if composed == Composed::Nothing {
            return Ok(());
        }
        if let Some(forger) = &mut connection.forger {
            packet = forger.forge(&packet, self.history.as_slices().0);
        }
        connection.wire.sent(&packet)?;
        connection.down.send(now, packet);
        let bytes = connection.down.bytes();
        let rule = "every queue is bounded";
        ensure(bytes <= DOWN_BYTES_MAX, rule, || {
            format!("{bytes} bytes to peer {index}")
        })?;
        if let Composed::End(reason) = composed {
            connection.closing = Some((reason.code(), reason.to_string()));
            connection.server_gone = true;
        }
        if let Some(id) = connection.session.player()
            && peer.id.is_none()
        {
            peer.id = Some(id);
            peer.last_id = Some(id);
            self.inputs.insert(id, InputChecker::default());
            let newest = self.recent.last().expect("a tick has just been run");
            if let Some(avatar) = newest.cell(newest.player(id).cell).avatar(id)
                && let Some(checker) = self.inputs.get_mut(&id)
            {
                checker.began(newest.tick(), avatar);
            }
        }
        Ok(())
    }

    /// The client's end: what came, the end of its connection, and its frame.
    fn serve_client(&mut self, index: usize, probe: &mut dyn Probe) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        if let Some(until) = peer.suspended_until {
            if now < until {
                return Ok(());
            }
            let began = peer.frame_at.min(until);
            peer.slept += until.since(began);
            peer.suspended_until = None;
            peer.calm_since = peer.calm_since.max(now);
        }
        if peer.dialling.is_some_and(|at| at <= now) {
            peer.dialling = None;
            self.open(index);
        }
        self.deliver(index)?;
        if self.peers[index].frame_at <= now {
            self.frame(index, probe)?;
        }
        self.transmit(index)
    }

    fn open(&mut self, index: usize) {
        let grid = self.world.grid;
        let key = SessionKey(self.sessions);
        self.sessions += 1;
        let local = self.peers[index].local(self.now);
        let newest = self.recent.last();
        let is_present = |id: &PlayerId| {
            newest.is_some_and(|b| b.cell(b.player(*id).cell).avatar(*id).is_some())
        };
        let peer = &mut self.peers[index];
        peer.must_resume = peer
            .last_id
            .filter(|id| peer.resumes.is_some() && is_present(id));
        peer.connections += 1;
        let seed = peer.spec.seed ^ peer.connections << 32;
        let forges = self.fault == Some(Fault::DeltaToAwaiting);
        peer.connection = Some(Connection {
            session: Session::new(key, self.room.info().clone()).with_ticket(key.0.to_string()),
            up: Line::new(peer.profile.up, seed),
            down: Line::new(peer.profile.down, seed ^ 1),
            wire: WireChecker::new(grid),
            forger: forges.then(|| Forger::new(grid)),
            server_loss_at: None,
            closing: None,
            server_gone: false,
        });
        peer.client.handle_connected(local);
        self.room.push(match peer.resumes.take() {
            Some(previous) => RoomRequest::Resume {
                session: key,
                previous,
            },
            None => RoomRequest::Join {
                session: key,
                name: format!("peer {index}"),
                spectator: peer.spec.client.spectator,
            },
        });
    }

    fn deliver(&mut self, index: usize) -> Check {
        let now = self.now;
        let peer = &mut self.peers[index];
        let local = peer.local(now);
        while let Some(bytes) = peer.connection.as_mut().and_then(|c| c.down.take(now)) {
            for byte in &bytes {
                self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            self.trace ^= index as u64;
            let result = peer.client.handle_message(local, &bytes);
            let rule = "a server of ours never breaks the protocol";
            result.map_err(|error| (rule, format!("to peer {index}: {error}")))?;
            peer.checker
                .handled(&peer.client, self.history.as_slices().0)?;
        }
        if let Some(pilot) = &mut peer.pilot {
            pilot.look(&mut peer.client, local, &mut self.finder);
        }
        let lost = peer
            .loss_at
            .take_if(|at| *at <= now)
            .map(|_| Disconnect::Lost {
                message: "the line was cut".into(),
            });
        let closed = peer.connection.as_mut().and_then(|connection| {
            let is_drained = connection.down.next_at().is_none();
            let (code, reason) = connection.closing.take_if(|_| is_drained)?;
            Some(Disconnect::Closed { code, reason })
        });
        if let Some(disconnect) = lost.or(closed) {
            peer.client.handle_disconnected(local, &disconnect);
            self.abandon(index);
        }
        Ok(())
    }

    /// The client has given its connection up; the server will notice.
    fn abandon(&mut self, index: usize) {
        if let Some(mut connection) = self.peers[index].connection.take()
            && !connection.server_gone
        {
            self.settle_accounts(index);
            self.peers[index].misplaced_before += connection.up.messages();
            let soon = self.now + self.peers[index].profile.up.latency;
            connection.server_loss_at.get_or_insert(soon);
            self.ghosts.push(connection);
        }
        self.peers[index].id = None;
    }

    fn frame(&mut self, index: usize, probe: &mut dyn Probe) -> Check {
        let now = self.now;
        let newest = self.room.next_tick();
        let peer = &mut self.peers[index];
        let local = peer.local(now);
        peer.frame_at = now.max(peer.frame_at) + peer.frame_period();
        let input = peer.player.input(now);
        if !peer.left && peer.pilot.is_none() {
            peer.client.set_input(input);
        }
        peer.client.advance(local);
        let view = peer.client.view(local).clone();
        peer.checker.drawn(&peer.client, &view)?;
        while let Some(event) = peer.client.poll_event() {
            probe.heard(index, &event);
            match event {
                Event::Welcomed {
                    player, resumed, ..
                } => {
                    peer.calm_since = peer.calm_since.max(now);
                    if let Some(pilot) = &mut peer.pilot {
                        pilot.restart();
                    }
                    let rule = "resume within the grace period keeps the player";
                    let expected = peer.must_resume.take();
                    let kept = expected.is_none() || (resumed && player == expected);
                    ensure(kept, rule, || format!("{player:?} instead of {expected:?}"))?;
                }
                Event::Desync { cell } => {
                    let rule = "a replica never differs from the server's cell";
                    return ensure(false, rule, || format!("{cell} of peer {index}"));
                }
                _ => {}
            }
        }
        let checker = peer.id.and_then(|id| self.inputs.get(&id));
        // What is still under way may be late already: the client may know before the server.
        let under_way = peer.connection.as_ref().map_or(0, |c| c.up.messages());
        let misplaced = peer.misplaced_before + checker.map_or(0, |c| c.misplaced);
        let events = peer.events_before + checker.map_or(0, |c| c.events);
        let explained = misplaced + under_way;
        peer.checker.account(&peer.client, explained, events)?;
        let is_settled = self.is_calm
            && *peer.client.session() == SessionState::Playing
            && now.since(peer.calm_since) >= CONVERGENCE
            && peer
                .connection
                .as_ref()
                .is_some_and(|c| c.server_loss_at.is_none() && !c.server_gone);
        if is_settled {
            let tick = peer.client.replica().tick().unwrap_or_default();
            let behind = newest.since(tick) - 1;
            peer.checker
                .converged(local, &peer.client, &view, behind, misplaced)
                .map_err(|(rule, detail)| (rule, format!("peer {index}: {detail}")))?;
        } else {
            peer.checker.disturbed();
        }
        probe.framed(now, index, peer, &view);
        Ok(())
    }

    fn transmit(&mut self, index: usize) -> Check {
        let now = self.now;
        while let Some(transmit) = self.peers[index].client.poll_transmit() {
            let peer = &mut self.peers[index];
            match transmit {
                Transmit::Connect { resume_ticket } => {
                    let ticket = resume_ticket.and_then(|ticket| ticket.parse().ok());
                    peer.resumes = ticket.map(SessionKey);
                    // TCP's handshake and the upgrade: two round trips.
                    let round_trip = peer.profile.up.latency + peer.profile.down.latency;
                    peer.dialling = Some(now + 2 * round_trip);
                    self.abandon(index);
                }
                Transmit::Send(bytes) => {
                    if let Some(connection) = &mut peer.connection {
                        connection.up.send(now, bytes);
                        let bytes = connection.up.bytes();
                        let rule = "every queue is bounded";
                        ensure(bytes <= UP_BYTES_MAX, rule, || {
                            format!("{bytes} bytes from peer {index}")
                        })?;
                    }
                }
                Transmit::Close { .. } => {
                    peer.dialling = None;
                    peer.loss_at = None;
                    self.abandon(index);
                }
            }
        }
        Ok(())
    }
}
