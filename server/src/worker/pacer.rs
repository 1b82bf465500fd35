//! When the next tick of a room is due: absolute times from a whole number of ticks, so that
//! nothing drifts; bounded catching up, so that a hiccup does not become a spiral.

use std::time::Duration;
use tickwire_shared::{LocalTime, Tick, TickRate};

/// Ticks that are run at once after a hiccup, besides the one that is due. What is further behind
/// is skipped: the room's time stands still for that long.
pub const CATCH_UP_TICKS_MAX: u32 = 2;

/// The schedule of one room.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    rate: TickRate,
    /// When tick 0 started, or would have without the skipped time.
    origin: LocalTime,
    next: Tick,
}

/// What to do at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is due before this time.
    Wait(LocalTime),
    /// Run one tick, which was to start at `start`. Before it, so many ticks' worth of time were
    /// given up.
    Run {
        /// The scheduled start.
        start: LocalTime,
        /// Ticks that will never be made up.
        skipped: u32,
    },
}

impl Pacer {
    /// A schedule whose first tick is due at `start`.
    pub fn new(rate: TickRate, start: LocalTime) -> Pacer {
        Pacer {
            rate,
            origin: start,
            next: Tick(0),
        }
    }

    /// When the next tick is due.
    pub fn due(&self) -> LocalTime {
        self.origin + self.rate.offset(self.next)
    }

    /// What to do at `now`. A `Run` counts as run.
    pub fn step(&mut self, now: LocalTime) -> Step {
        let due = self.due();
        if now < due {
            return Step::Wait(due);
        }
        let late = now.since(due);
        let behind = self.rate.offset_ticks(late);
        let skipped = behind.saturating_sub(CATCH_UP_TICKS_MAX);
        let mut shift = self.rate.offset(Tick(skipped));
        // Offsets are rounded to microseconds, which may leave one tick more than is caught up.
        let limit = self.origin + self.rate.offset(self.next + (CATCH_UP_TICKS_MAX + 1));
        if limit + shift <= now {
            shift = now.since(limit) + Duration::from_micros(1);
        }
        self.origin = self.origin + shift;
        let start = self.due();
        self.next = self.next.next();
        Step::Run { start, skipped }
    }
}

/// Whole ticks in a duration, none included.
trait OffsetTicks {
    fn offset_ticks(self, late: Duration) -> u32;
}

impl OffsetTicks for TickRate {
    fn offset_ticks(self, late: Duration) -> u32 {
        let ticks = late.as_micros() * u128::from(self.hz()) / 1_000_000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> LocalTime {
        LocalTime(millis * 1_000)
    }

    /// Ticks run and skipped while the clock stands at `now`.
    fn drain(pacer: &mut Pacer, now: LocalTime) -> (u32, u32) {
        let (mut ran, mut given_up) = (0, 0);
        while let Step::Run { skipped, start } = pacer.step(now) {
            assert!(start <= now);
            ran += 1;
            given_up += skipped;
        }
        (ran, given_up)
    }

    #[test]
    fn a_punctual_worker_runs_every_tick_at_its_time() {
        let mut pacer = Pacer::new(TickRate::DEFAULT, at(5));
        assert_eq!(pacer.step(at(4)), Step::Wait(at(5)));
        for tick in 0..100_000u32 {
            let due = at(5) + TickRate::DEFAULT.offset(Tick(tick));
            let expected = Step::Run {
                start: due,
                skipped: 0,
            };
            assert_eq!(pacer.step(due), expected);
        }
    }

    #[test]
    fn two_ticks_are_caught_up_and_the_rest_is_skipped() {
        let mut pacer = Pacer::new(TickRate::new(100).unwrap(), at(0));
        assert_eq!(drain(&mut pacer, at(0)), (1, 0));
        assert_eq!(drain(&mut pacer, at(25)), (2, 0));
        assert_eq!(drain(&mut pacer, at(50)), (3, 0));
        assert_eq!(drain(&mut pacer, at(1_059)), (3, 97));
        assert_eq!(pacer.step(at(1_059)), Step::Wait(at(1_060)));
    }

    proptest! {
        #[test]
        fn a_hiccup_never_runs_more_than_three_ticks_at_once(
            hz in 10u16..=128, naps in proptest::collection::vec(0u64..400_000, 1..50),
        ) {
            let rate = TickRate::new(hz).unwrap();
            let mut pacer = Pacer::new(rate, LocalTime(0));
            let (mut now, mut all) = (LocalTime(0), 0);
            for nap in naps {
                now = now + Duration::from_micros(nap);
                let (ran, skipped) = drain(&mut pacer, now);
                prop_assert!(ran <= CATCH_UP_TICKS_MAX + 1);
                all += u64::from(ran + skipped);
            }
            // Run and skipped ticks together are the time that has passed.
            let elapsed = now.0 * u64::from(hz) / 1_000_000;
            prop_assert!(all.abs_diff(elapsed) <= 2, "{all} ticks in {elapsed}");
        }
    }
}
