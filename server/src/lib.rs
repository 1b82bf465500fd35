//! The Tickwire server as a library: the pure core, and the thin shells around it.
//!
//! * [`room`]: one room of the game, tick by tick. No clock, no socket, no thread.
//! * [`security`]: who gets in. Pure as well.
//! * [`session`]: what one client is due of each tick, and what its messages mean. Pure as well.
//! * [`worker`]: threads that own rooms and run their ticks at fixed times.
//! * [`net`]: listener, HTTP, handshake, connections.
//! * [`admin`]: health, metrics and an operator's page on a listener of its own.
//! * [`link`]: the only types that cross between workers and network threads.
//!
//! The way of data: socket, connection, link, worker, [`room::Room::tick`], broadcast,
//! [`session::Session::compose`], socket. Cells are encoded once per tick, whoever follows them.

pub mod admin;
pub mod clock;
pub mod config;
pub mod link;
pub mod log_limiter;
pub mod metrics;
pub mod net;
pub mod room;
pub mod security;
pub mod session;
pub mod worker;
