//! The one place of this crate that reads a monotonic clock. The core takes its result as an
//! argument.

use std::sync::OnceLock;
use std::time::Instant;
use tickwire_shared::LocalTime;

/// The time on this process's clock, whose origin is the first call.
pub fn now() -> LocalTime {
    let elapsed = instant().duration_since(*origin());
    LocalTime(elapsed.as_micros() as u64)
}

/// The instant of a time on this process's clock, for deadlines of the standard library.
pub fn instant_of(time: LocalTime) -> Instant {
    *origin() + time.since(LocalTime(0))
}

fn origin() -> &'static Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(instant)
}

#[expect(clippy::disallowed_methods, reason = "this is the shell's clock")]
fn instant() -> Instant {
    Instant::now()
}

/// The wall clock, for the expiry of tokens: they are made elsewhere and count in Unix time.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens expire by the wall clock, and this is the shell"
)]
pub fn unix_seconds() -> crate::security::auth::UnixSeconds {
    let since_1970 = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    crate::security::auth::UnixSeconds(since_1970.as_secs())
}
