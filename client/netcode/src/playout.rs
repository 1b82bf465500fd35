//! Which moment of the past is drawn: the playout time of the others.
//!
//! TCP does not lose, it stalls: nothing for a while, then a burst. So the delay follows the
//! measured arrival, not an assumed interval. Every tick message is late by some amount against
//! the nominal schedule; the playout runs behind by the configured percentile of the last seconds,
//! plus the one tick that interpolation needs. The percentile grows as soon as late messages come
//! and shrinks as they age out; the playout time itself only ever slews towards it, so that nobody
//! moves backwards, and jumps only ahead, past everything that is too old to be shown.

use crate::config::{InterpolationConfig, InterpolationMode};
use std::collections::VecDeque;
use std::time::Duration;
use tickwire_shared::{LocalTime, Tick, TickRate};

/// For how long an arrival is remembered: long enough to have seen the line's habits, short
/// enough that a bad minute is forgiven.
const MEMORY: Duration = Duration::from_secs(30);
/// Arrivals kept at most: `MEMORY` at the highest tick rate.
const ARRIVALS_MAX: usize = 3_840;
/// The latest arrival remembered is waited for as well if it is at most this much later than the
/// percentile: cheap insurance. What is later yet would cost everyone more than it saves.
const INSURANCE: Duration = Duration::from_millis(50);
/// Nor is it waited for if it is later than so many times the spread of all others: a hiccup on a
/// steady line is rare enough to be extrapolated through.
const INSURANCE_SPREADS: f64 = 2.0;
/// The percentile is computed anew after this many arrivals, and at once for a late one.
const REFRESH_ARRIVALS: u32 = 8;
/// Time constants of the playout's error, in seconds. To be late only costs immediacy; to be
/// early starves, and is mended sooner.
const TIME_CONSTANT_LATE: f64 = 0.4;
const TIME_CONSTANT_EARLY: f64 = 0.15;
/// Added to the percentile, so that frames and ticks that fall together do not starve by turns.
const MARGIN: Duration = Duration::from_millis(2);
/// Falling behind to gain delay: others move visibly slower, but smoothly and soon safely.
const SLOWER_MAX: f64 = 0.2;
/// The same while nothing is known: what is drawn then is a guess, and the slower it goes, the
/// less of it is wrong.
const SLOWER_STARVED_MAX: f64 = 0.7;
/// Catching up to lose delay: invisible.
const FASTER_MAX: f64 = 0.05;
/// More than this behind its target the playout jumps ahead: after a hidden tab, a suspended
/// machine, a stall beyond all delay.
const JUMP: Duration = Duration::from_millis(350);
/// The earliest of the last `LEVEL_WINDOW` is this much later than the earliest remembered: the
/// server's schedule has moved (it skipped time), and the old level means nothing. No jitter does
/// that: the line would have to be bad for every single message.
const LEVEL_RISE: Duration = Duration::from_millis(100);
const LEVEL_WINDOW: Duration = Duration::from_secs(1);
/// Consecutive arrivals all this much earlier than the percentile: the schedule has moved (this
/// machine slept), and what was measured before means nothing.
const SHIFT: Duration = Duration::from_millis(600);
const SHIFT_ARRIVALS: usize = 8;

/// The schedule of arrivals and the playout time that follows it.
#[derive(Debug)]
pub(crate) struct Playout {
    config: InterpolationConfig,
    hz: f64,
    epoch: LocalTime,
    arrivals: VecDeque<Arrival>,
    scratch: Vec<f64>,
    refresh_in: u32,
    earliest: f64,
    percentile: f64,
    /// Half of the shortest round trip: by so much the server is ahead of the earliest arrival.
    one_way: Duration,
    position: Option<f64>,
    at: LocalTime,
    starved: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: LocalTime,
    /// Local time less nominal time of the tick, in ticks.
    offset: f64,
}

impl Playout {
    pub(crate) fn new(config: InterpolationConfig, rate: TickRate, now: LocalTime) -> Playout {
        Playout {
            config,
            hz: f64::from(rate.hz()),
            epoch: now,
            arrivals: VecDeque::new(),
            scratch: Vec::new(),
            refresh_in: 0,
            earliest: 0.0,
            percentile: 0.0,
            one_way: Duration::MAX,
            position: None,
            at: now,
            starved: Duration::ZERO,
        }
    }

    /// Forgets everything measured; the playout time goes on from where it is, or jumps ahead.
    pub(crate) fn reset(&mut self) {
        self.arrivals.clear();
        self.refresh_in = 0;
    }

    /// The tick message of `tick` has come.
    pub(crate) fn arrival(&mut self, now: LocalTime, tick: Tick) {
        let offset = self.local_ticks(now) - f64::from(tick.0);
        let oldest = now - MEMORY;
        while self.arrivals.front().is_some_and(|a| a.at < oldest)
            || self.arrivals.len() >= ARRIVALS_MAX
        {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(Arrival { at: now, offset });
        let newest = self.arrivals.iter().rev().take(SHIFT_ARRIVALS);
        let shift = self.percentile - SHIFT.as_secs_f64() * self.hz;
        if self.arrivals.len() > SHIFT_ARRIVALS && newest.map(|a| a.offset).all(|o| o < shift) {
            self.arrivals.drain(..self.arrivals.len() - SHIFT_ARRIVALS);
            self.refresh_in = 0;
        }
        if self.refresh_in == 0 || offset > self.percentile {
            self.refresh();
        }
        self.refresh_in -= 1;
    }

    /// A round trip took this long.
    pub(crate) fn round_trip(&mut self, round_trip: Duration) {
        self.one_way = self.one_way.min(round_trip / 2);
    }

    /// Lets time pass and returns the playout time. `newest` is the newest tick received.
    pub(crate) fn advance(&mut self, now: LocalTime, newest: Tick) -> f64 {
        let span = now.since(self.at);
        self.at = now.max(self.at);
        if self.arrivals.is_empty() {
            return self.position.unwrap_or(f64::from(newest.0));
        }
        let newest = f64::from(newest.0);
        let last = newest + self.config.extrapolation_max.as_secs_f64() * self.hz;
        let target = self.target(now);
        let position = match self.position {
            None => target,
            Some(position) => {
                let nominal = span.as_secs_f64() * self.hz;
                let error = (target - position - nominal) / self.hz;
                if error > JUMP.as_secs_f64() {
                    target
                } else {
                    let slower = if position > newest {
                        SLOWER_STARVED_MAX
                    } else {
                        SLOWER_MAX
                    };
                    let time_constant = if error < 0.0 {
                        TIME_CONSTANT_EARLY
                    } else {
                        TIME_CONSTANT_LATE
                    };
                    let slew = (error / time_constant).clamp(-slower, FASTER_MAX);
                    position + nominal * (1.0 + slew)
                }
            }
        };
        // Never beyond what extrapolation covers, never backwards.
        let position = position.min(last).max(self.position.unwrap_or(0.0));
        if position > newest && self.config.mode == InterpolationMode::Delayed {
            self.starved += span;
        }
        self.position = Some(position);
        position
    }

    /// Whether the playout stands still for want of data.
    pub(crate) fn is_lagging(&self, newest: Tick) -> bool {
        let last = f64::from(newest.0) + self.config.extrapolation_max.as_secs_f64() * self.hz;
        self.position
            .is_some_and(|position| position >= last - 1e-6)
    }

    /// The playout time of the last `advance`.
    pub(crate) fn position(&self) -> Option<f64> {
        self.position
    }

    /// How far behind the earliest possible display of the newest tick, in seconds.
    pub(crate) fn delay_seconds(&self) -> f64 {
        self.position.map_or(0.0, |position| {
            (self.local_ticks(self.at) - self.earliest - position) / self.hz
        })
    }

    /// Spread of arrivals: percentile less minimum, in seconds.
    pub(crate) fn jitter_seconds(&self) -> f64 {
        (self.percentile - self.earliest) / self.hz
    }

    /// For how long playout was beyond the newest tick.
    pub(crate) fn starved(&self) -> Duration {
        self.starved
    }

    fn target(&self, now: LocalTime) -> f64 {
        let local = self.local_ticks(now);
        match self.config.mode {
            InterpolationMode::Present => {
                let one_way = self.one_way.min(self.config.extrapolation_max);
                local - self.earliest + one_way.as_secs_f64() * self.hz
            }
            InterpolationMode::Delayed => {
                let bound = self.earliest + self.config.delay_max.as_secs_f64() * self.hz;
                local - self.percentile.min(bound) - MARGIN.as_secs_f64() * self.hz - 1.0
            }
        }
    }

    fn refresh(&mut self) {
        self.forget_old_level();
        self.scratch.clear();
        self.scratch.extend(self.arrivals.iter().map(|a| a.offset));
        let last = self.scratch.len() - 1;
        let at = (last as f64 * self.config.percentile).ceil() as usize;
        let (below, percentile, above) = self
            .scratch
            .select_nth_unstable_by(at.min(last), f64::total_cmp);
        let latest = above.iter().copied().fold(*percentile, f64::max);
        self.earliest = below.iter().copied().fold(*percentile, f64::min);
        let spread = *percentile - self.earliest;
        let insurance = (spread * INSURANCE_SPREADS).min(INSURANCE.as_secs_f64() * self.hz);
        let is_insured = latest - *percentile <= insurance;
        self.percentile = if is_insured { latest } else { *percentile };
        self.refresh_in = REFRESH_ARRIVALS;
    }

    fn forget_old_level(&mut self) {
        let earliest = |arrivals: &mut dyn Iterator<Item = &Arrival>| {
            arrivals.map(|a| a.offset).fold(f64::INFINITY, f64::min)
        };
        let Some(newest) = self.arrivals.back() else {
            return;
        };
        let since = newest.at - LEVEL_WINDOW;
        let old = self.arrivals.partition_point(|a| a.at < since);
        let recent = earliest(&mut self.arrivals.range(old..));
        let limit = earliest(&mut self.arrivals.iter()) + LEVEL_RISE.as_secs_f64() * self.hz;
        if self.arrivals.len() - old >= SHIFT_ARRIVALS && recent > limit {
            self.arrivals.drain(..old);
        }
    }

    fn local_ticks(&self, now: LocalTime) -> f64 {
        now.micros_since(self.epoch) as f64 / 1e6 * self.hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: TickRate = TickRate::DEFAULT;

    fn playout() -> Playout {
        Playout::new(InterpolationConfig::default(), RATE, LocalTime(0))
    }

    /// Feeds ticks whose message takes `delay(tick)` milliseconds and draws at 60 Hz in between.
    /// Returns the playout time of every frame.
    fn run(
        playout: &mut Playout,
        ticks: std::ops::Range<u32>,
        delay: impl Fn(u32) -> u64,
    ) -> Vec<f64> {
        let arrival =
            |tick| LocalTime(0) + RATE.offset(Tick(tick)) + Duration::from_millis(delay(tick));
        let mut frames = Vec::new();
        let mut now = LocalTime(0) + RATE.offset(Tick(ticks.start));
        let (mut next, mut at) = (ticks.start, LocalTime(0));
        while next < ticks.end {
            now = now + Duration::from_micros(16_667);
            while next < ticks.end && arrival(next).max(at) <= now {
                at = arrival(next).max(at);
                playout.arrival(at, Tick(next));
                next += 1;
            }
            if next > ticks.start {
                frames.push(playout.advance(now, Tick(next - 1)));
            }
        }
        frames
    }

    #[test]
    fn a_steady_line_is_drawn_one_tick_behind() {
        let mut playout = playout();
        run(&mut playout, 100..400, |_| 20);
        assert!(playout.delay_seconds() < 1.3 * RATE.seconds());
        assert_eq!(playout.starved(), Duration::ZERO);
    }

    #[test]
    fn the_playout_never_runs_backwards_and_starves_only_until_the_delay_has_grown() {
        let mut playout = playout();
        let stalls = |tick: u32| if tick % 60 < 55 { 20 } else { 160 };
        let frames = run(&mut playout, 0..600, stalls);
        assert!(frames.windows(2).all(|pair| pair[1] >= pair[0]));
        assert!(playout.delay_seconds() > 0.14);
        let before = playout.starved();
        run(&mut playout, 600..900, stalls);
        assert_eq!(playout.starved(), before);
    }

    #[test]
    fn the_present_is_the_servers_and_does_not_wait_for_a_line_that_jitters() {
        let config = InterpolationConfig {
            mode: InterpolationMode::Present,
            ..InterpolationConfig::default()
        };
        let mut playout = Playout::new(config, RATE, LocalTime(0));
        playout.round_trip(Duration::from_millis(40));
        playout.round_trip(Duration::from_millis(90));
        let jitter = |tick: u32| 20 + u64::from(tick % 7) * 8;
        let frames = run(&mut playout, 100..400, jitter);
        assert!(frames.windows(2).all(|pair| pair[1] >= pair[0]));
        // The server has just run the tick that its clock shows; the frame came a little later.
        let last = frames.last().copied().expect("frames were drawn");
        assert!((398.0..401.0).contains(&last), "drawn at {last}");
        assert!(!playout.is_lagging(Tick(399)));
        assert_eq!(playout.starved(), Duration::ZERO);
    }

    #[test]
    fn one_hiccup_on_a_steady_line_delays_nobody_for_long() {
        let mut playout = playout();
        run(&mut playout, 0..300, |tick| 20 + u64::from(tick % 3));
        let before = playout.delay_seconds();
        let hiccup = |tick: u32| {
            if tick == 310 {
                60
            } else {
                20 + u64::from(tick % 3)
            }
        };
        run(&mut playout, 300..400, hiccup);
        let after = playout.delay_seconds();
        assert!(after < before + 0.005, "{before} s before, {after} s after");
    }

    #[test]
    fn a_schedule_that_moved_is_followed_within_two_seconds() {
        let mut playout = playout();
        run(&mut playout, 0..300, |_| 20);
        // The server skipped two seconds: every message is that much later than it was.
        run(&mut playout, 300..370, |_| 2_020);
        assert!(playout.delay_seconds() < 3.0 * RATE.seconds());
        assert!(!playout.is_lagging(Tick(369)));
        // This machine slept two seconds without its clock noticing.
        run(&mut playout, 431..470, |_| 20);
        assert!(playout.delay_seconds() < 3.0 * RATE.seconds());
    }
}
