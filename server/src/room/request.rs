//! What a room is made from, asked for, and answers.

use super::chat::ChatRules;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::game::{Input, World};
use tickwire_shared::wire::CloseReason;
use tickwire_shared::{LocalTime, PlayerId, Tick};

/// The server's number of a session, unique for the life of the process. Never on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

/// How long a lost player is kept if nobody says otherwise: long enough for a phone that changes
/// from one network to another, short enough that others are not left with a field of statues.
pub const RESUME_GRACE: Duration = Duration::from_secs(30);

/// How to make a room.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// Its name, already checked.
    pub name: String,
    /// Arena, grid, movement and tick rate.
    pub world: Arc<World>,
    /// Players that the room takes; spectators are not counted.
    pub players_max: usize,
    /// How long a player whose connection was lost keeps body, score and name.
    pub resume_grace: Duration,
    /// How much a player may say.
    pub chat: ChatRules,
    /// The seed of everything random in the room.
    pub seed: u64,
    /// Where the room counts what happens.
    pub metrics: Arc<Metrics>,
}

impl RoomConfig {
    /// A room with room for all, its own counters and seed 0; for tests and laboratories.
    pub fn new(name: impl Into<String>, world: Arc<World>) -> RoomConfig {
        RoomConfig {
            name: name.into(),
            world,
            players_max: tickwire_shared::limits::ROOM_PLAYERS_MAX,
            resume_grace: RESUME_GRACE,
            chat: ChatRules::default(),
            seed: 0,
            metrics: Arc::default(),
        }
    }
}

/// What everybody who has to do with a room may know of it, at any time and from any thread.
#[derive(Debug)]
pub struct RoomInfo {
    /// Its name.
    pub name: String,
    /// The seed of everything random in it.
    pub seed: u64,
    /// Arena, grid, movement and tick rate.
    pub world: Arc<World>,
    /// The process's counters.
    pub metrics: Arc<Metrics>,
}

/// A request to a room. Answers, where there are any, are [`Notice`]s of the next broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomRequest {
    /// A session wants in. The next broadcast holds the answer.
    Join {
        /// The session.
        session: SessionKey,
        /// The name the client asked for, as it came.
        name: String,
        /// Whether it only watches.
        spectator: bool,
    },
    /// A session wants the player of another one, whose connection was lost or is superseded.
    /// The next broadcast holds the answer. That the session may do so has been checked.
    Resume {
        /// The session.
        session: SessionKey,
        /// The session that has the player so far.
        previous: SessionKey,
    },
    /// A session's connection was lost. Its player stands still and waits for `Resume` until the
    /// grace period is over. A spectator leaves.
    Detach {
        /// The session.
        session: SessionKey,
    },
    /// A session is over, admitted or not. Its player leaves.
    Leave {
        /// The session.
        session: SessionKey,
    },
    /// A player's intent. Ignored if the session has lost the player.
    Input {
        /// Who says so.
        session: SessionKey,
        /// The player.
        player: PlayerId,
        /// The tick it is for.
        tick: Tick,
        /// The intent.
        input: Input,
        /// When the server received it.
        arrived: LocalTime,
    },
    /// A line for everyone. Ignored if the session has lost the player.
    Chat {
        /// Who says so.
        session: SessionKey,
        /// Who says it.
        player: PlayerId,
        /// The line, not empty and within its limit.
        text: String,
    },
    /// The server says a line to everyone.
    Announce {
        /// The line.
        text: String,
    },
    /// An operator removes a session.
    Kick {
        /// The session.
        session: SessionKey,
        /// Told to its client.
        reason: CloseReason,
    },
    /// An operator removes a player.
    KickPlayer {
        /// The player.
        player: PlayerId,
        /// Told to its client.
        reason: CloseReason,
    },
}

/// Something that a broadcast tells one session only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session is in.
    Admitted(Admitted),
    /// The session is out: refused, or removed later.
    Ended(CloseReason),
    /// A line of chat was dropped by the rate limit; told once per dry spell.
    ChatDropped,
}

/// What a session is in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its player; `None` for a spectator.
    pub player: Option<PlayerId>,
    /// Its name after normalisation.
    pub name: Arc<str>,
    /// Whether it continues an earlier session.
    pub resumed: bool,
}
