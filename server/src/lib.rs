//! The Tickwire server as a library: the pure core, and the thin shells around it.
//!
//! * [`room`]: one room of the game, tick by tick. No clock, no socket, no thread.
//! * [`session`]: what one client is due of each tick, and what its messages mean. Pure as well.
//!
//! The way of data: socket, connection, link, worker, [`room::Room::tick`], broadcast,
//! [`session::Session::compose`], socket. Cells are encoded once per tick, whoever follows them.

pub mod metrics;
pub mod room;
pub mod session;
