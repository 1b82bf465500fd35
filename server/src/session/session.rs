//! The states of a session, and what a client's message means in each.

use super::subscription::Subscription;
use crate::log_limiter::LogLimiter;
use crate::room::{RoomInfo, RoomRequest, SessionKey};
use std::sync::Arc;
use tickwire_shared::wire::{ClientMessage, CloseReason, DecodeError, ServerMessage, TickComposer};
use tickwire_shared::{CellId, LocalTime, PlayerId, Tick};

/// One client of one room. It lives on a network thread and holds no socket.
///
/// ```text
/// Joining -> Playing -> Ended      Joining: nothing is sent until the room's answer
/// Joining ------------> Ended      Playing: Welcome was sent; ticks follow
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) key: SessionKey,
    pub(super) room: Arc<RoomInfo>,
    pub(super) stage: Stage,
    pub(super) format: Format,
    pub(super) paused: bool,
    pub(super) subscription: Subscription,
    pub(super) composer: TickComposer,
    /// What the client is given to come back with; empty for none.
    pub(super) ticket: String,
}

/// How a session's ticks are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Cell frames: `tickwire.v1`.
    #[default]
    Cells,
    /// Plain numbers: `tickwire.plain.v1`.
    Plain,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Joining,
    Playing(Playing),
    Ended,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Playing {
    pub(super) player: Option<PlayerId>,
    /// Where a spectator looks.
    pub(super) watching: Option<CellId>,
    /// The tick up to which control blocks have been sent.
    pub(super) control_sent: Tick,
    /// The last tick whose cells were sent.
    pub(super) cells_sent: Option<Tick>,
    /// Whether the client's cells are as sent; if not, all are to come by keyframe.
    pub(super) cells_hold: bool,
}

/// What is to be done about a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// Nothing more.
    Nothing,
    /// To be passed to the room.
    Forward(RoomRequest),
    /// To be sent to the client at once.
    Reply(ServerMessage),
    /// The client leaves.
    Leave,
}

impl Session {
    /// A session whose `Join` has been or will be pushed to the room.
    pub fn new(key: SessionKey, room: Arc<RoomInfo>) -> Session {
        Session {
            key,
            room,
            stage: Stage::Joining,
            format: Format::Cells,
            paused: false,
            subscription: Subscription::default(),
            composer: TickComposer::default(),
            ticket: String::new(),
        }
    }

    /// The ticket that `Welcome` will hold.
    #[must_use]
    pub fn with_ticket(self, ticket: String) -> Session {
        Session { ticket, ..self }
    }

    /// How its ticks are to be written.
    #[must_use]
    pub fn with_format(self, format: Format) -> Session {
        Session { format, ..self }
    }

    /// Its number.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// The room it is in or wants to be in.
    pub fn room(&self) -> &Arc<RoomInfo> {
        &self.room
    }

    /// Its player, once admitted; `None` for a spectator.
    pub fn player(&self) -> Option<PlayerId> {
        match &self.stage {
            Stage::Playing(playing) => playing.player,
            Stage::Joining | Stage::Ended => None,
        }
    }

    /// Whether the room has answered with admission.
    pub fn is_playing(&self) -> bool {
        matches!(self.stage, Stage::Playing(_))
    }

    /// Takes one message of the client. After an error the session must be closed with
    /// [`close_reason`].
    pub fn receive(&mut self, bytes: &[u8], arrived: LocalTime) -> Result<Received, DecodeError> {
        let message = ClientMessage::decode(bytes)?;
        Ok(match message {
            ClientMessage::Ping { nonce } => Received::Reply(ServerMessage::Pong { nonce }),
            ClientMessage::Leave => Received::Leave,
            message => match &mut self.stage {
                Stage::Playing(_) => self.receive_playing(message, arrived),
                // A client speaks after Welcome; what it says before concerns nobody.
                Stage::Joining | Stage::Ended => Received::Nothing,
            },
        })
    }

    fn receive_playing(&mut self, message: ClientMessage, arrived: LocalTime) -> Received {
        let Stage::Playing(playing) = &mut self.stage else {
            return Received::Nothing;
        };
        let grid = &self.room.world.grid;
        match (message, playing.player) {
            (ClientMessage::Input { tick, input }, Some(player)) => {
                return Received::Forward(RoomRequest::Input {
                    session: self.key,
                    player,
                    tick,
                    input,
                    arrived,
                });
            }
            (ClientMessage::Chat { text }, Some(player)) => {
                return Received::Forward(RoomRequest::Chat {
                    session: self.key,
                    player,
                    text,
                });
            }
            (ClientMessage::Pause, _) => {
                self.paused = true;
                playing.cells_hold = false;
            }
            (ClientMessage::Resume, _) => self.paused = false,
            (ClientMessage::Resync { cell }, _) => {
                let counted = self.subscription.await_one(grid, cell);
                self.room.metrics.resyncs.add(counted.into());
                if counted {
                    self.log_desync(cell, arrived);
                }
            }
            (ClientMessage::Watch { cell }, None) if grid.contains(cell) => {
                playing.watching = Some(cell);
            }
            // A spectator's input or chat, a player's or an impossible `Watch`.
            _ => {}
        }
        Received::Nothing
    }
}

impl Session {
    /// What is needed to run the room again and see why.
    fn log_desync(&self, cell: CellId, now: LocalTime) {
        static LINES: LogLimiter = LogLimiter::new();
        if let Some(left_out) = LINES.allow(now) {
            tracing::warn!(
                session = self.key.0,
                room = %self.room.name,
                seed = self.room.seed,
                cell = cell.0,
                left_out,
                "a client's cell differs from the room's; it gets a keyframe"
            );
        }
    }
}

/// The reason to close with after a message that could not be read.
pub fn close_reason(error: &DecodeError) -> CloseReason {
    match error {
        DecodeError::TooLong { .. } => CloseReason::MessageTooLarge,
        _ => CloseReason::ProtocolViolation,
    }
}
