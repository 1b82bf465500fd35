//! The one place of this crate that does I/O: a [`Client`](crate::Client) on a WebSocket.
//!
//! Two drivers over the same link. [`Driver`] is for callers with frames: a task of its own owns
//! the socket, [`Driver::pump`] never blocks. [`AsyncDriver`] is for callers that are tasks
//! themselves, such as bots: no channel, no second task, one wake-up per message.
//!
//! `wss://` is TLS with the server's certificate verified, by this machine's authorities or those
//! of a file; see [`Trust`].

mod address;
mod driver;
mod link;
mod stream;
mod trust;

pub use address::{AddressError, ConnectOptions};
pub use driver::{AsyncDriver, Driver};
pub use trust::{Trust, TrustError};

use std::sync::OnceLock;
use std::time::Instant;
use tickwire_shared::LocalTime;

/// This process's monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the socket module is the shell that owns the clock"
)]
pub fn now() -> LocalTime {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = ORIGIN.get_or_init(Instant::now);
    LocalTime(u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX))
}
