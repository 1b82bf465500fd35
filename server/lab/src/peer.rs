//! One client with its player, its screen and its line to the server.

use crate::check::{ClientChecker, WireChecker};
use crate::fault::Forger;
use crate::line::Line;
use crate::player::{Player, Style};
use std::time::Duration;
use tickwire_bots::brain::BrainKind;
use tickwire_bots::pilot::Pilot;
use tickwire_bots::profile::Profile;
use tickwire_netcode::{Client, ClientConfig};
use tickwire_server::room::SessionKey;
use tickwire_server::session::Session;
use tickwire_shared::{LocalTime, PlayerId};

/// How to make a peer.
#[derive(Clone, Debug)]
pub struct PeerSpec {
    /// Its netcode.
    pub client: ClientConfig,
    /// Its line.
    pub profile: Profile,
    /// Its player.
    pub style: Style,
    /// A bot that plays instead.
    pub brain: Option<BrainKind>,
    /// Frames per second of its screen.
    pub frames_per_second: u32,
    /// Its clock's rate against the server's, in parts per million.
    pub drift_ppm: i64,
    /// What its clock shows when the server's shows zero.
    pub epoch: Duration,
    /// Everything random about it.
    pub seed: u64,
}

/// A client and its surroundings.
#[derive(Debug)]
pub struct Peer {
    /// The client under test.
    pub client: Client,
    /// Who plays.
    pub player: Player,
    /// The bot that plays instead.
    pub pilot: Option<Pilot>,
    /// What it was made from.
    pub spec: PeerSpec,
    /// Present line; differs from the spec's when a scenario changed it.
    pub profile: Profile,
    /// The connection, from the upgrade on.
    pub connection: Option<Connection>,
    /// When a connection under way will be open.
    pub dialling: Option<LocalTime>,
    /// The session that the connection under way shall continue: its ticket.
    pub resumes: Option<SessionKey>,
    /// The player whom the next `Welcome` must give back.
    pub must_resume: Option<PlayerId>,
    /// The player's id when it last had one.
    pub last_id: Option<PlayerId>,
    /// When the loss of a connection will be noticed by the client.
    pub loss_at: Option<LocalTime>,
    /// The next frame of its screen.
    pub frame_at: LocalTime,
    /// A suspended machine runs nothing until then, and its clock stands still.
    pub suspended_until: Option<LocalTime>,
    /// For how long its clock has stood still in all.
    pub slept: Duration,
    /// Where its checker keeps its idea.
    pub checker: ClientChecker,
    /// When its line last became good, or its session began, whatever was later.
    pub calm_since: LocalTime,
    /// The player's id in its last session.
    pub id: Option<PlayerId>,
    /// Inputs misplaced and server events in its sessions so far.
    pub misplaced_before: u64,
    /// See `misplaced_before`.
    pub events_before: u64,
    /// Connections made, so that each gets its own dice.
    pub connections: u64,
    /// Whether it was told to leave.
    pub left: bool,
}

/// Both ends of one connection.
#[derive(Debug)]
pub struct Connection {
    /// The server's end.
    pub session: Session,
    /// From client to server.
    pub up: Line,
    /// From server to client.
    pub down: Line,
    /// Checks what the session sends.
    pub wire: WireChecker,
    /// Puts a defect in.
    pub forger: Option<Forger>,
    /// When the server will notice that the connection is gone.
    pub server_loss_at: Option<LocalTime>,
    /// The server closes after what is under way: code and words.
    pub closing: Option<(u16, String)>,
    /// The server's end is gone.
    pub server_gone: bool,
}

impl Peer {
    /// A peer that begins to connect at `now`.
    pub fn new(spec: PeerSpec, now: LocalTime) -> Peer {
        let mut peer = Peer {
            client: Client::new(spec.client.clone(), LocalTime(0)),
            player: Player::new(spec.style, spec.seed),
            pilot: spec.brain.map(|brain| Pilot::new(brain, spec.seed)),
            profile: spec.profile,
            connection: None,
            dialling: None,
            resumes: None,
            must_resume: None,
            last_id: None,
            loss_at: None,
            frame_at: now,
            suspended_until: None,
            slept: Duration::ZERO,
            checker: ClientChecker::default(),
            calm_since: now,
            id: None,
            misplaced_before: 0,
            events_before: 0,
            connections: 0,
            left: false,
            spec,
        };
        let config = peer.spec.client.clone();
        peer.client = Client::new(config, peer.local(now));
        peer
    }

    /// What its own clock shows: another origin, a little faster or slower, and standing still
    /// while the machine sleeps.
    pub fn local(&self, now: LocalTime) -> LocalTime {
        let awake = now.0.saturating_sub(self.slept.as_micros() as u64);
        let drift = awake.cast_signed() * self.spec.drift_ppm / 1_000_000;
        LocalTime(awake.saturating_add_signed(drift)) + self.spec.epoch
    }

    /// Time between two frames.
    pub fn frame_period(&self) -> Duration {
        Duration::from_micros(1_000_000 / u64::from(self.spec.frames_per_second))
    }

    /// When something happens to it next.
    pub fn next_at(&self) -> LocalTime {
        let connection = self.connection.as_ref();
        let waking = |at: Option<LocalTime>| match (at, self.suspended_until) {
            (Some(at), Some(awake)) => Some(at.max(awake)),
            (at, _) => at,
        };
        [
            waking(Some(self.frame_at)),
            waking(self.dialling),
            waking(self.loss_at),
            waking(connection.and_then(|c| c.down.next_at())),
            connection.and_then(|c| c.up.next_at()),
            connection
                .filter(|c| !c.server_gone)
                .and_then(|c| c.server_loss_at),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(self.frame_at)
    }
}
