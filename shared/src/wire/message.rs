//! Control messages: serde enums, one bincode value each.
//!
//! The order of the variants is the wire's; new ones go to the end.

use super::{CloseReason, DecodeError, codec, model};
use crate::game::{ArenaSpec, Input, MoveRules};
use crate::limits::{CHAT_BYTES_MAX, CLIENT_MESSAGE_BYTES_MAX};
use crate::{CellId, PlayerId, Tick, TickRate};
use serde::{Deserialize, Serialize};

/// From client to server: one WebSocket message each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// The intent for `tick` and all later ticks until the next one. Sent on change and at least
    /// every [`INPUT_INTERVAL_TICKS_MAX`](crate::limits::INPUT_INTERVAL_TICKS_MAX) ticks.
    Input {
        /// The tick it is for: ahead of the server by the client's lead.
        tick: Tick,
        /// The intent.
        input: Input,
    },
    /// Asks for a `Pong` with the same nonce.
    Ping {
        /// The client's own.
        nonce: u32,
    },
    /// A line for everyone in the room, 1 to [`CHAT_BYTES_MAX`] bytes.
    Chat {
        /// The line.
        text: String,
    },
    /// The client is hidden: send no ticks until `Resume`.
    Pause,
    /// The client is visible again: continue with keyframes.
    Resume,
    /// The replica of this cell is wrong or missing: send a keyframe.
    Resync {
        /// The cell.
        cell: CellId,
    },
    /// The player leaves for good; the server closes.
    Leave,
    /// A spectator looks at this cell. Ignored from players, whose centre is their avatar's cell.
    Watch {
        /// The new centre.
        cell: CellId,
    },
}

impl ClientMessage {
    /// Reads one message and checks what the types alone do not.
    pub fn decode(bytes: &[u8]) -> Result<ClientMessage, DecodeError> {
        let message = codec::decode(bytes, CLIENT_MESSAGE_BYTES_MAX)?;
        if let ClientMessage::Chat { text } = &message
            && (text.is_empty() || text.len() > CHAT_BYTES_MAX)
        {
            return Err(DecodeError::OutOfRange { field: "chat text" });
        }
        Ok(message)
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
}

/// From server to client: blocks of a packet, see [`packet`](super::packet).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The first message of a session.
    Welcome(Box<Welcome>),
    /// Who came and who went. Right after `Welcome` it lists everyone present.
    Roster {
        /// Newcomers; a known id takes the new name.
        joined: Vec<RosterEntry>,
        /// Leavers.
        left: Vec<PlayerId>,
    },
    /// The leaderboard, best first, at most [`LEADERS_MAX`](crate::limits::LEADERS_MAX) rows.
    Scores {
        /// Players and their scores.
        leaders: Vec<(PlayerId, u32)>,
    },
    /// A line of chat.
    Chat {
        /// Who said it; `None` for the server.
        from: Option<PlayerId>,
        /// The line.
        text: String,
    },
    /// The answer to `Ping`.
    Pong {
        /// From the `Ping`.
        nonce: u32,
    },
    /// The session ends; a close frame follows.
    Goodbye {
        /// Why.
        reason: CloseReason,
        /// In words, for the player.
        message: String,
        /// When to try again, in milliseconds; spread by the server so that not all come at once.
        retry_after_ms: Option<u32>,
    },
}

/// Everything a client must know before the first tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The player's id; `None` for a spectator.
    pub player: Option<PlayerId>,
    /// The name after normalisation.
    pub name: String,
    /// The room.
    pub room: String,
    /// The tick that the room runs next.
    pub tick: Tick,
    /// Ticks per second.
    pub tick_rate: TickRate,
    /// Walls, cells, view distance.
    pub arena: ArenaSpec,
    /// Constants of the step.
    pub movement: MoveRules,
    /// Hands the player back after a lost connection; empty if the server offers no resume.
    pub ticket: String,
    /// Whether this session continues an earlier one.
    pub resumed: bool,
    /// Version of the server program.
    pub server_version: String,
    /// [`model::fingerprint`] of the server: with another one a client
    /// would read other things out of every cell frame.
    pub model: u32,
}

impl Welcome {
    /// Refuses a server whose cell frames this program would misread, with what differs.
    pub fn check_model(&self) -> Result<(), DecodeError> {
        let ours = model::fingerprint();
        if self.model == ours {
            return Ok(());
        }
        Err(DecodeError::OtherModel {
            ours,
            theirs: self.model,
            server_version: self.server_version.clone(),
        })
    }
}

/// One player of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// Identity.
    pub id: PlayerId,
    /// Display name, at most [`NAME_BYTES_MAX`](crate::limits::NAME_BYTES_MAX) bytes.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Angle, Throttle};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_from_the_network_panic_the_decoder(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(message) = ClientMessage::decode(&bytes) {
                // What was accepted is written back in the same meaning.
                prop_assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
            }
        }

        #[test]
        fn inputs_come_back_as_they_were(
            tick in any::<u32>(), heading in any::<u8>(), level in 0u8..=3,
            aim in any::<Option<u8>>(), dash in any::<bool>(),
        ) {
            let throttle = Throttle::new(level).unwrap();
            let input = Input::new(Angle(heading), throttle, aim.map(Angle), dash);
            let message = ClientMessage::Input { tick: Tick(tick), input };
            prop_assert_eq!(ClientMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn bad_messages_name_the_rule() {
        let chat = |text: &str| ClientMessage::Chat { text: text.into() }.encode();
        assert_eq!(
            ClientMessage::decode(&chat("")),
            Err(DecodeError::OutOfRange { field: "chat text" })
        );
        assert!(ClientMessage::decode(&chat(&"x".repeat(CHAT_BYTES_MAX))).is_ok());
        assert_eq!(
            ClientMessage::decode(&chat(&"x".repeat(CHAT_BYTES_MAX + 1))),
            Err(DecodeError::OutOfRange { field: "chat text" })
        );
        assert!(matches!(
            ClientMessage::decode(&chat(&"x".repeat(2_000))),
            Err(DecodeError::TooLong { .. })
        ));
        // Variant 0, tick 1, heading 0, throttle 4.
        let error = ClientMessage::decode(&[0, 1, 0, 4, 0, 0]).unwrap_err();
        assert!(
            error.to_string().contains("throttle 4 is outside 0 to 3"),
            "{error}"
        );
    }
}
