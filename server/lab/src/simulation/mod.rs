//! The world under test: one real room, its sessions, and real clients on virtual lines.
//!
//! Time moves from event to event; at equal times the order is fixed (server's receiving, tick,
//! then the clients one after the other), so that a seed is a run and a run is a seed. Every
//! checker is asked wherever it may have something to say, and the first violation ends the run.

mod client;
mod server;

use crate::check::{Check, InputChecker, Violation};
use crate::fault::Fault;
use crate::peer::{Connection, Peer, PeerSpec};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tickwire_bots::path::PathFinder;
use tickwire_bots::profile::Profile;
use tickwire_netcode::{Event, View};
use tickwire_server::metrics::Metrics;
use tickwire_server::room::{Broadcast, Room, RoomConfig, RoomRequest};
use tickwire_shared::game::World;
use tickwire_shared::{LocalTime, PlayerId};

/// Events at one moment; more mean that one of them is never taken.
const STILL_MAX: u32 = 10_000;
/// After this time without a sign of life the server gives a half-open connection up.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);
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
}
