//! One room: the game's state and its tick, without clock, socket or thread.
//!
//! `room` holds the tick on one page; the other modules are its stages. Everything here is
//! deterministic: the same configuration and the same requests give the same
//! [`Room::trace_hash`] on every platform.

mod broadcast;
mod chat;
mod inputs;
mod interest;
mod nearby;
mod players;
mod pool;
mod request;
mod resume;
#[expect(
    clippy::module_inception,
    reason = "the tick of a room is found in room/room.rs"
)]
mod room;
mod roster;
mod rules;
mod stored;
mod text;
mod trace;

#[cfg(test)]
mod tests;

pub use broadcast::{Broadcast, PlayerRow};
pub use chat::ChatRules;
pub use request::{Admitted, Notice, RESUME_GRACE, RoomConfig, RoomInfo, RoomRequest, SessionKey};
pub use room::Room;
pub use roster::Roster;
pub use stored::{StoredPlayer, StoredRoom};
pub use text::normalise_name;
