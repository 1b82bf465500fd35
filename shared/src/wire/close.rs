//! Why a session ended: part of the wire, shown to users.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason of a close, in a close frame and in `Goodbye`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseReason {
    /// The client left.
    Left,
    /// The server is shutting down or restarting.
    ServerShutdown,
    /// The bytes of a message broke a rule of the protocol.
    ProtocolViolation,
    /// A text frame: this protocol is binary.
    TextFrame,
    /// A message above the size limit.
    MessageTooLarge,
    /// The server failed in a way that is its own fault.
    InternalError,
    /// The room has all the players it takes.
    RoomFull,
    /// The server has all the rooms or connections it takes.
    ServerFull,
    /// Too many messages or bytes.
    RateLimited,
    /// No answer to pings within the deadline.
    HeartbeatTimeout,
    /// The client took nothing off its socket for the configured time.
    NoProgress,
    /// The same player connected again; the newest connection wins.
    Replaced,
    /// No token, or one that does not hold.
    Unauthorized,
    /// The token expired while the session ran.
    TokenExpired,
    /// The client speaks no version that the server speaks.
    UnsupportedVersion,
    /// The room's or player's name is not acceptable.
    BadName,
    /// The resume ticket is unknown, used or expired.
    BadTicket,
    /// An operator removed the player.
    Kicked,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [CloseReason; 18] = [
        CloseReason::Left,
        CloseReason::ServerShutdown,
        CloseReason::ProtocolViolation,
        CloseReason::TextFrame,
        CloseReason::MessageTooLarge,
        CloseReason::InternalError,
        CloseReason::RoomFull,
        CloseReason::ServerFull,
        CloseReason::RateLimited,
        CloseReason::HeartbeatTimeout,
        CloseReason::NoProgress,
        CloseReason::Replaced,
        CloseReason::Unauthorized,
        CloseReason::TokenExpired,
        CloseReason::UnsupportedVersion,
        CloseReason::BadName,
        CloseReason::BadTicket,
        CloseReason::Kicked,
    ];

    /// The WebSocket close code: RFC 6455's where it has one that fits, else one of the private
    /// range from 4000.
    pub const fn code(self) -> u16 {
        match self {
            CloseReason::Left => 1000,
            CloseReason::ServerShutdown => 1001,
            CloseReason::ProtocolViolation => 1002,
            CloseReason::TextFrame => 1003,
            CloseReason::MessageTooLarge => 1009,
            CloseReason::InternalError => 1011,
            CloseReason::RoomFull => 4001,
            CloseReason::ServerFull => 4002,
            CloseReason::RateLimited => 4003,
            CloseReason::HeartbeatTimeout => 4004,
            CloseReason::NoProgress => 4005,
            CloseReason::Replaced => 4006,
            CloseReason::Unauthorized => 4007,
            CloseReason::TokenExpired => 4008,
            CloseReason::UnsupportedVersion => 4009,
            CloseReason::BadName => 4010,
            CloseReason::BadTicket => 4011,
            CloseReason::Kicked => 4012,
        }
    }

    /// The reason of a close code received.
    pub fn from_code(code: u16) -> Option<CloseReason> {
        CloseReason::ALL
            .into_iter()
            .find(|reason| reason.code() == code)
    }

    /// A stable name for logs, metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            CloseReason::Left => "left",
            CloseReason::ServerShutdown => "server_shutdown",
            CloseReason::ProtocolViolation => "protocol_violation",
            CloseReason::TextFrame => "text_frame",
            CloseReason::MessageTooLarge => "message_too_large",
            CloseReason::InternalError => "internal_error",
            CloseReason::RoomFull => "room_full",
            CloseReason::ServerFull => "server_full",
            CloseReason::RateLimited => "rate_limited",
            CloseReason::HeartbeatTimeout => "heartbeat_timeout",
            CloseReason::NoProgress => "no_progress",
            CloseReason::Replaced => "replaced",
            CloseReason::Unauthorized => "unauthorized",
            CloseReason::TokenExpired => "token_expired",
            CloseReason::UnsupportedVersion => "unsupported_version",
            CloseReason::BadName => "bad_name",
            CloseReason::BadTicket => "bad_ticket",
            CloseReason::Kicked => "kicked",
        }
    }

    /// Whether a client that lost its session for this reason should try again by itself.
    pub const fn is_worth_a_retry(self) -> bool {
        matches!(
            self,
            CloseReason::ServerShutdown
                | CloseReason::InternalError
                | CloseReason::ServerFull
                | CloseReason::RateLimited
                | CloseReason::HeartbeatTimeout
                | CloseReason::NoProgress
                | CloseReason::BadTicket
        )
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::Left => "you left",
            CloseReason::ServerShutdown => "the server is shutting down",
            CloseReason::ProtocolViolation => "a message broke the protocol",
            CloseReason::TextFrame => "text messages are not part of the protocol",
            CloseReason::MessageTooLarge => "a message was too large",
            CloseReason::InternalError => "the server failed",
            CloseReason::RoomFull => "the room is full",
            CloseReason::ServerFull => "the server is full",
            CloseReason::RateLimited => "too many messages",
            CloseReason::HeartbeatTimeout => "no answer to pings",
            CloseReason::NoProgress => "the connection took no data for too long",
            CloseReason::Replaced => "you connected from somewhere else",
            CloseReason::Unauthorized => "not authorised",
            CloseReason::TokenExpired => "the token expired",
            CloseReason::UnsupportedVersion => "the versions do not fit",
            CloseReason::BadName => "the name is not acceptable",
            CloseReason::BadTicket => "the session can no longer be resumed",
            CloseReason::Kicked => "you were removed by an operator",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_codes_lead_back() {
        let mut names: Vec<_> = CloseReason::ALL
            .iter()
            .map(|reason| reason.name())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CloseReason::ALL.len());
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from_code(reason.code()), Some(reason));
            assert!(reason.to_string().len() <= 123, "fits a close frame");
        }
    }
}
