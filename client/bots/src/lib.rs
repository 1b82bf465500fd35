//! Bots that fill a Tickwire server, play as people would, and report what they saw; and a proxy
//! that spoils the line between a client and a server.
//!
//! The bots play through exactly the netcode that the desktop client uses.
//!
//! * [`brain`], [`path`]: what a bot wants, as pure functions of what it sees.
//! * [`pilot`], [`bot`], [`fleet`]: a brain at a client, one bot, and many.
//! * [`tokens`]: as whom they present themselves.
//! * [`tally`], [`resume`], [`report`]: what they saw, counted and printed.
//! * [`link_model`], [`profile`], [`proxy`]: a bad line as arithmetic, by name, and for real
//!   sockets.

pub mod bot;
pub mod brain;
pub mod files;
pub mod fleet;
pub mod link_model;
pub mod options;
pub mod path;
pub mod pilot;
pub mod profile;
pub mod proxy;
pub mod report;
pub mod resume;
pub mod signals;
pub mod tally;
pub mod tokens;
