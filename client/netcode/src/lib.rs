//! Tickwire's client without a screen and without a socket.
//!
//! [`Client`] is sans-IO: bytes and the time go in, bytes, events and a [`View`] come out. The
//! Bevy client, the bots and the laboratory drive the very same code.
//!
//! ```text
//! socket --handle_message--> replica --> tracks (others, interpolated at the playout time)  \
//!                               |                                                            view
//! player --set_input--> clock --> prediction (own body, replayed on the authoritative one)  /
//!                               \--poll_transmit--> socket
//! ```
//!
//! * [`session`](SessionState): connecting, joining, playing, backing off, ended.
//! * [`clock`](ClockState): how far this client runs ahead of the server.
//! * [`Replica`]: the exact cells that the server's frames describe.
//! * prediction and smoothing: the own avatar, at once; interpolation: the others, smoothly.
//! * [`socket`]: the one place that does I/O, behind the feature `socket`.

mod cell_cache;
mod client;
mod clock;
mod config;
mod effects;
mod event;
mod frames;
mod game;
mod interpolation;
mod outgoing;
mod playout;
mod prediction;
mod random;
mod replica;
mod session;
mod smoothing;
#[cfg(feature = "socket")]
pub mod socket;
mod stats;
mod view;

pub use cell_cache::CellCache;
pub use client::Client;
pub use clock::{ClockConfig, ClockState};
pub use config::{ClientConfig, InterpolationConfig, InterpolationMode};
pub use event::Event;
pub use outgoing::Transmit;
pub use prediction::CorrectionCause;
pub use replica::{CellStatus, Replica};
pub use session::{Disconnect, SessionState};
pub use stats::{Corrections, Stats};
pub use view::{AvatarView, OwnView, SparkView, View};
