//! Threads that own rooms and run their ticks at fixed times.
//!
//! A worker never waits for a client: it reads channels that do not block it and writes feeds that
//! nobody can hold up.

mod host;
mod pacer;

pub use host::{WorkerSettings, spawn};
pub use pacer::{CATCH_UP_TICKS_MAX, Pacer, Step};
