//! Who gets in: pure decisions over what a handshake shows. Time and randomness are arguments;
//! sockets, files and clocks live elsewhere.
//!
//! * [`origin`]: which web pages may connect.
//! * [`auth`], [`keys`]: tokens and the keys that verify them.
//! * [`tickets`]: how a lost connection gets its player back.
//! * [`names`]: what players and rooms may be called.
//! * [`identity`]: who a connection speaks for.

pub mod auth;
pub mod identity;
pub mod keys;
pub mod names;
pub mod origin;
pub mod tickets;

pub use identity::Identity;
