//! Time in its two forms inside the system: the room's [`Tick`] and this process's [`LocalTime`].
//!
//! They are never mixed. Wall clocks appear in logs only.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// The number of a simulation step of one room. It starts at zero with the room and never wraps:
/// at 128 Hz a room would have to live for more than a year.
///
/// Wrapping ticks with an order are a known source of defects, hence a plain ordered number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tick(pub u32);

impl Tick {
    /// The tick after this one.
    #[must_use]
    pub fn next(self) -> Tick {
        self + 1
    }

    /// How many ticks `self` lies after `earlier`; negative if it lies before.
    pub fn since(self, earlier: Tick) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }

    /// The tick `count` before this one, or tick 0.
    #[must_use]
    pub fn saturating_sub(self, count: u32) -> Tick {
        Tick(self.0.saturating_sub(count))
    }
}

impl Add<u32> for Tick {
    type Output = Tick;

    fn add(self, count: u32) -> Tick {
        Tick(self.0.saturating_add(count))
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// Ticks per second of a room, 10 to 128 Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TickRate(u16);

/// The number given is not a tick rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick rate {0} Hz is outside {min} to {max} Hz", min = TickRate::MIN.hz(), max = TickRate::MAX.hz())]
pub struct TickRateError(pub u16);

impl TickRate {
    /// Slower than this, an input waits longer than a player forgives.
    pub const MIN: TickRate = TickRate(10);
    /// Faster than this, the per-tick overhead of TCP/IP is all that grows.
    pub const MAX: TickRate = TickRate(128);
    /// What a room gets when nobody says otherwise.
    pub const DEFAULT: TickRate = TickRate(30);

    /// Checks the range.
    pub const fn new(hz: u16) -> Result<TickRate, TickRateError> {
        if hz >= TickRate::MIN.0 && hz <= TickRate::MAX.0 {
            Ok(TickRate(hz))
        } else {
            Err(TickRateError(hz))
        }
    }

    /// Ticks per second.
    pub const fn hz(self) -> u16 {
        self.0
    }

    /// The time from the start of tick 0 to the start of `tick`. Computed from the whole number of
    /// ticks, so that a period which is no whole number of microseconds does not drift.
    pub fn offset(self, tick: Tick) -> Duration {
        Duration::from_micros(u64::from(tick.0) * 1_000_000 / u64::from(self.0))
    }

    /// The length of one tick in seconds.
    pub fn seconds(self) -> f64 {
        1.0 / f64::from(self.0)
    }

    /// The length of one tick, rounded down to a microsecond.
    pub fn period(self) -> Duration {
        Duration::from_micros(1_000_000 / u64::from(self.0))
    }

    /// How many whole ticks fit into `duration`, at least one.
    pub fn ticks_in(self, duration: Duration) -> u32 {
        let ticks = duration.as_micros() * u128::from(self.0) / 1_000_000;
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }
}

impl Default for TickRate {
    fn default() -> TickRate {
        TickRate::DEFAULT
    }
}

impl TryFrom<u16> for TickRate {
    type Error = TickRateError;

    fn try_from(hz: u16) -> Result<TickRate, TickRateError> {
        TickRate::new(hz)
    }
}

impl From<TickRate> for u16 {
    fn from(rate: TickRate) -> u16 {
        rate.0
    }
}

/// A point on this process's monotonic clock, in microseconds since an origin of its own.
///
/// The core never reads a clock: shells pass the time in, laboratories pass a virtual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// Time from `earlier` to `self`, zero if `earlier` is the later one.
    pub fn since(self, earlier: LocalTime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Signed microseconds from `earlier` to `self`.
    pub fn micros_since(self, earlier: LocalTime) -> i64 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

impl Add<Duration> for LocalTime {
    type Output = LocalTime;

    fn add(self, duration: Duration) -> LocalTime {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        LocalTime(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for LocalTime {
    type Output = LocalTime;

    fn sub(self, duration: Duration) -> LocalTime {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        LocalTime(self.0.saturating_sub(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_that_is_no_whole_number_does_not_drift() {
        let rate = TickRate::new(60).unwrap();
        assert_eq!(rate.offset(Tick(60 * 3_600)), Duration::from_hours(1));
    }

    #[test]
    fn a_tick_rate_outside_its_range_names_the_range() {
        let error = TickRate::new(9).unwrap_err();
        assert_eq!(error.to_string(), "tick rate 9 Hz is outside 10 to 128 Hz");
        assert!(TickRate::new(129).is_err());
    }

    #[test]
    fn differences_of_ticks_are_signed() {
        assert_eq!(Tick(3).since(Tick(5)), -2);
        assert_eq!(Tick(u32::MAX).next(), Tick(u32::MAX));
    }
}
