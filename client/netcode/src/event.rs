//! What a client tells its player.

use glam::Vec2;
use std::time::Duration;
use tickwire_shared::wire::CloseReason;
use tickwire_shared::{CellId, PlayerId, SparkId};

/// Something a player, a bot or a report may want to know, in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A connection is being made.
    Connecting {
        /// Counts from 1 since the last session that worked.
        attempt: u32,
    },
    /// The server admitted this client.
    Welcomed {
        /// The own id; `None` for a spectator.
        player: Option<PlayerId>,
        /// The room.
        room: String,
        /// The own name after normalisation.
        name: String,
        /// Whether an earlier session continues: same player, same score, same place.
        resumed: bool,
    },
    /// The server said no. `Lost` follows if the client tries again, else `Ended`.
    Refused {
        /// Why, if it was one of the protocol's reasons.
        reason: Option<CloseReason>,
        /// In words.
        message: String,
    },
    /// The connection is gone; the client tries again by itself.
    Lost {
        /// Why, in words.
        message: String,
        /// When.
        retry_in: Duration,
    },
    /// A line of chat.
    Chat {
        /// Who said it; `None` for the server.
        from: Option<PlayerId>,
        /// That player's name at the time; empty for the server.
        name: String,
        /// The line.
        text: String,
    },
    /// Somebody came, left or was renamed; see [`Client::roster`](crate::Client::roster).
    RosterChanged,
    /// The leaderboard changed; see [`Client::leaders`](crate::Client::leaders).
    ScoresChanged,
    /// The own avatar reached a spark. Predicted: if the server disagrees, the spark fades in
    /// again and no score comes.
    PickedUp {
        /// Which.
        spark: SparkId,
        /// Where, in units.
        position: Vec2,
    },
    /// Something other than the own inputs moved the own avatar: a dash of another.
    Bumped,
    /// The stream shows for the first time the effect of an input that was sent.
    InputEffect {
        /// From sending the input to receiving its effect.
        latency: Duration,
    },
    /// The replica of a cell differed from the server's. It is being healed by a keyframe.
    Desync {
        /// The cell.
        cell: CellId,
    },
    /// The session is over and will not be taken up again.
    Ended {
        /// Why, if it was one of the protocol's reasons.
        reason: Option<CloseReason>,
        /// In words.
        message: String,
    },
}
