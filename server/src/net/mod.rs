//! The network front: listener, HTTP, handshake, connections, and the loops that send each tick
//! to everyone.
//!
//! Each network thread runs a single-threaded runtime of its own, so that its connections need no
//! locks. Per tick and room one task composes every session's packet into the same buffer and
//! writes it straight to the socket; a connection's own task reads, and finishes writes that the
//! socket did not take at once.

mod connection;
mod door;
mod fanout;
mod gate;
mod half;
mod handshake;
mod http;
mod limits;
mod listener;
mod outbox;
mod pages;
mod seat;
mod server;
mod shard;
mod state;
mod tls;
mod transport;

pub use server::{Server, StartError};
pub use tls::{DevCertificate, TlsError, dev_certificate};
