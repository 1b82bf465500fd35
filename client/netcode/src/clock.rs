//! How far this client runs ahead of the server: a controller on the input margin.
//!
//! The clock counts the server's ticks with a fraction. When it passes T, the input for tick T is
//! sampled and sent; it must reach the server before the server runs T. The server reports how
//! early inputs came (the margin). A clock that is further ahead gives larger margins, so
//!
//! ```text
//! delivery = margin - phase         phase = clock - nominal rate * local time, at sampling
//! ```
//!
//! depends on the line alone, not on what the clock did meanwhile. That makes the controller free
//! of the delay of its own feedback: it never integrates an error that is already on its way to
//! being corrected. It keeps the deliveries of two minutes, takes the quantile that may be late,
//! and steers the phase to where that quantile has the least margin. A caller with frames samples
//! up to one frame after its tick; that is a habit, known exactly, and added to the lead instead of
//! being guessed from deliveries ([`FrameHabit`]). What an input is sampled later than that, because
//! the machine was busy, counts as part of its delivery.
//!
//! ```text
//! state      on                                        to         the phase
//! ---------  ----------------------------------------  ---------  ---------------------------
//! Unsynced   Welcome                                   Acquiring  set from tick and round trip
//! Acquiring  a delivery                                Acquiring  jumps ahead if it must
//! Acquiring  ACQUIRE_SAMPLES deliveries                Tracking
//! Tracking   error within the reset limits             Tracking   slews, a few per cent
//! Tracking   error beyond a reset limit                Tracking   jumps
//! any        clock behind the stream or far ahead      Acquiring  set from tick and round trip
//! ```
//!
//! Gains, and why: an error is removed with a time constant of one second, at most 5 % faster
//! (a late input costs a correction, so lead grows quickly) and at most 2 % slower (lead that is
//! too long costs nothing that the own player sees, so it shrinks slowly and does not chase every
//! quiet second). Both speeds are invisible in the own avatar's movement. N4E's
//! `ServerCommandAge` is the same feedback with a fixed target.

use crate::frames::FrameHabit;
use std::collections::VecDeque;
use std::time::Duration;
use tickwire_shared::limits::INPUT_LEAD_TICKS_MAX;
use tickwire_shared::wire::tick_message::{InputMargin, MARGIN_STEPS_PER_TICK};
use tickwire_shared::{LocalTime, Tick, TickRate};

/// Gains and limits of the clock.
#[derive(Clone, Copy, Debug)]
pub struct ClockConfig {
    /// The share of inputs that may come late. Smaller means a longer lead on a jittery line.
    pub late_share: f64,
    /// The margin that this share shall still have at least.
    pub margin_min: Duration,
    /// This many times the habitual jitter is added to the margin: a line that always jitters has
    /// not shown its worst yet. A steady line with a rare hiccup pays for the hiccup alone.
    pub margin_jitter: f64,
    /// That is added up to here.
    pub margin_jitter_max: Duration,
    /// For how long a delivery is remembered.
    pub memory: Duration,
    /// An error that asks for more lead than this jumps.
    pub reset_ahead: Duration,
    /// An error that asks for less lead than this jumps back.
    pub reset_back: Duration,
    /// Whether the clock may jump at all. Off only in tests that show why it must.
    pub resets: bool,
}

impl Default for ClockConfig {
    fn default() -> ClockConfig {
        ClockConfig {
            late_share: 0.005,
            margin_min: Duration::from_millis(8),
            margin_jitter: 3.0,
            margin_jitter_max: Duration::from_millis(40),
            memory: Duration::from_mins(2),
            reset_ahead: Duration::from_millis(120),
            reset_back: Duration::from_millis(500),
            resets: true,
        }
    }
}

/// See the table of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// No session yet.
    Unsynced,
    /// Few deliveries are known.
    Acquiring,
    /// Steering by the quantile.
    Tracking,
}

/// Deliveries that make a quantile worth steering by.
const ACQUIRE_SAMPLES: usize = 6;
/// Deliveries kept at most, whatever the rate: bounds memory and the search for the quantile.
const SAMPLES_MAX: usize = 1_024;
/// Sent inputs kept until their margin is reported; older ones are forgotten.
const SENT_MAX: usize = 128;
/// The margin saturates here.
const MARGIN_LATEST: InputMargin = -127;
/// Time constant of the correction, in seconds.
const TIME_CONSTANT: f64 = 1.0;
/// Limits of the slew, as shares of the nominal rate; see the module.
const SLEW_AHEAD_MAX: f64 = 0.05;
const SLEW_BACK_MAX: f64 = 0.02;
/// Errors below this, in ticks, are half the resolution of the margin and left alone.
const DEAD_BAND_TICKS: f64 = 0.03;
/// Consecutive deliveries that are all this much better than the quantile say that the line or
/// the server's schedule changed for good: the memory of the old one is dropped.
const LEVEL_SAMPLES: usize = 8;
const LEVEL_CHANGE: Duration = Duration::from_millis(150);
/// Even of few deliveries so many may be late: one stall is no habit, and what it costs once is
/// less than a lead that remembers it for minutes. With fewer than `LATE_FEW_OF` per late one,
/// each counts.
const LATE_FEW: usize = 2;
const LATE_FEW_OF: usize = 16;
/// The habitual jitter is the distance from the middle delivery to the one that this share of
/// deliveries is worse than: often enough to be a habit, at any rate of inputs.
const HABIT_SHARE: f64 = 0.1;
/// The margin assumed necessary before the first delivery is known.
const MARGIN_INITIAL: Duration = Duration::from_millis(30);

/// The client's idea of the server's tick.
#[derive(Debug)]
pub(crate) struct Clock {
    config: ClockConfig,
    hz: f64,
    state: ClockState,
    /// `value` ticks at `at`, advancing at `speed` times the nominal rate.
    value: f64,
    at: LocalTime,
    speed: f64,
    /// Origin of phases.
    epoch: LocalTime,
    sent: VecDeque<Sent>,
    deliveries: VecDeque<Delivery>,
    last_margin: Option<InputMargin>,
    wanted_phase: Option<f64>,
    resets: u64,
    frames: FrameHabit,
    jumped: bool,
    scratch: Vec<f64>,
    /// What is wanted beyond the delivery of the middle, in ticks.
    target: f64,
}

/// An input on its way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    label: Tick,
    phase: f64,
    measured: bool,
}

/// Three deliveries, in ticks.
#[derive(Clone, Copy, Debug)]
struct Spread {
    /// The one that may just be late.
    low: f64,
    /// See [`HABIT_SHARE`].
    habit: f64,
    /// The median.
    middle: f64,
}

#[derive(Clone, Copy, Debug)]
struct Delivery {
    at: LocalTime,
    /// Margin less phase, in ticks.
    ticks: f64,
}

impl Clock {
    pub(crate) fn new(config: ClockConfig, rate: TickRate, now: LocalTime) -> Clock {
        Clock {
            config,
            hz: f64::from(rate.hz()),
            state: ClockState::Unsynced,
            value: 0.0,
            at: now,
            speed: 1.0,
            epoch: now,
            sent: VecDeque::new(),
            deliveries: VecDeque::new(),
            last_margin: None,
            wanted_phase: None,
            resets: 0,
            frames: FrameHabit::default(),
            jumped: false,
            scratch: Vec::new(),
            target: 0.0,
        }
    }

    pub(crate) fn state(&self) -> ClockState {
        self.state
    }

    pub(crate) fn resets(&self) -> u64 {
        self.resets
    }

    /// The clock at `now`, in ticks.
    pub(crate) fn ticks(&self, now: LocalTime) -> f64 {
        self.value + seconds(now, self.at) * self.hz * self.speed
    }

    /// When the clock will pass `tick`.
    pub(crate) fn time_of(&self, tick: Tick) -> LocalTime {
        let left = (f64::from(tick.0) - self.value) / (self.hz * self.speed);
        self.at + Duration::from_secs_f64(left.max(0.0)) + Duration::from_micros(1)
    }

    /// How far the phase is from where it is wanted, in seconds; positive: more lead is wanted.
    pub(crate) fn error_seconds(&self) -> f64 {
        self.error_ticks() / self.hz
    }

    /// The margin that the middle delivery gets when the worst still get theirs, in seconds.
    pub(crate) fn target_seconds(&self) -> f64 {
        self.target / self.hz
    }

    /// Sets the clock from the tick that the server runs next, as told by a message that has just
    /// come, and the round trip: coarse, but always there.
    pub(crate) fn set(&mut self, now: LocalTime, next: Tick, round_trip: Duration) {
        let ahead = (round_trip + MARGIN_INITIAL).as_secs_f64() * self.hz;
        self.value = f64::from(next.0) + ahead;
        self.at = now;
        self.speed = 1.0;
        self.jumped = true;
        self.state = ClockState::Acquiring;
        self.sent.clear();
        self.deliveries.clear();
        self.wanted_phase = None;
    }

    /// A tick message has come: the clock cannot be behind it, nor further ahead than the server
    /// takes inputs. Either way something stopped (a suspended machine, a server that skipped
    /// time) and the margin alone would find back too slowly.
    pub(crate) fn check(&mut self, now: LocalTime, newest: Tick, round_trip: Duration) -> bool {
        let ahead = self.ticks(now) - f64::from(newest.0);
        let limit = f64::from(INPUT_LEAD_TICKS_MAX) + round_trip.as_secs_f64() * self.hz;
        let broken = !(0.0..=limit).contains(&ahead);
        if broken && self.config.resets {
            self.set(now, newest.next(), round_trip);
            self.resets += 1;
        }
        broken && self.config.resets
    }

    /// Whether the clock has jumped since this was last asked. A jump lands somewhere inside a
    /// tick, whose sampling is then up to a whole tick late: better leave it to the next.
    pub(crate) fn take_jump(&mut self) -> bool {
        std::mem::take(&mut self.jumped)
    }

    /// The caller draws frames, this long apart, and so samples up to a frame late, even if frames
    /// and ticks happen to fall together at present.
    pub(crate) fn framed(&mut self, apart: Duration) {
        self.frames.note(apart);
    }

    /// An input labelled `label` leaves.
    pub(crate) fn sent(&mut self, label: Tick) {
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        let late = self.value - f64::from(label.0);
        let phase = self.phase() - late.clamp(0.0, self.late_by_habit());
        self.sent.push_back(Sent {
            label,
            phase,
            measured: false,
        });
    }

    /// The tick message of `tick` reports `margin`. Returns whether it was news of an input.
    ///
    /// The server reports the newest input that came before it ran `tick`, so the label lies in
    /// `tick - 1 + margin` to `tick + margin`: the report names its input. A report that repeats
    /// the last one may fit an input that is still on its way; a changed one settles that.
    pub(crate) fn margin(&mut self, now: LocalTime, tick: Tick, margin: InputMargin) -> bool {
        let changed = self.last_margin.replace(margin) != Some(margin);
        let steps = i64::from(tick.0) * MARGIN_STEPS_PER_TICK + i64::from(margin);
        let (low, high) = (
            steps.div_euclid(MARGIN_STEPS_PER_TICK),
            (steps + 1).div_euclid(MARGIN_STEPS_PER_TICK),
        );
        let fits = |label: Tick| match margin {
            InputMargin::MAX => i64::from(label.0) >= low,
            MARGIN_LATEST => i64::from(label.0) <= high,
            _ => (low..=high).contains(&i64::from(label.0)),
        };
        let sent = self.sent.iter_mut().rev();
        let Some(sent) = { sent }.find(|s| fits(s.label) && (changed || !s.measured)) else {
            return false;
        };
        sent.measured = true;
        let ticks = f64::from(margin) / MARGIN_STEPS_PER_TICK as f64 - sent.phase;
        self.remember(Delivery { at: now, ticks });
        self.steer(now);
        true
    }

    /// Lets time pass: ends the present piece of the clock and begins the next at the speed that
    /// the error asks for.
    pub(crate) fn advance(&mut self, now: LocalTime) {
        let span = seconds(now, self.at);
        if span <= 0.0 {
            return;
        }
        self.value = self.ticks(now);
        self.at = now;
        let error = self.error_ticks();
        self.speed = if error.abs() < DEAD_BAND_TICKS {
            1.0
        } else {
            1.0 + (error / (self.hz * TIME_CONSTANT)).clamp(-SLEW_BACK_MAX, SLEW_AHEAD_MAX)
        };
    }

    fn remember(&mut self, delivery: Delivery) {
        let oldest = delivery.at - self.config.memory;
        while self.deliveries.front().is_some_and(|d| d.at < oldest)
            || self.deliveries.len() >= SAMPLES_MAX
        {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    fn steer(&mut self, now: LocalTime) {
        let mut spread = self.spread();
        let recent = self.deliveries.iter().rev().take(LEVEL_SAMPLES);
        let recent_low = recent.map(|d| d.ticks).fold(f64::INFINITY, f64::min);
        let level_change = LEVEL_CHANGE.as_secs_f64() * self.hz;
        if self.deliveries.len() > LEVEL_SAMPLES && recent_low - spread.low > level_change {
            let old = self.deliveries.len() - LEVEL_SAMPLES;
            self.deliveries.drain(..old);
            spread = self.spread();
        }
        let config = &self.config;
        let jitter_max = config.margin_jitter_max.as_secs_f64() * self.hz;
        // Half of all deliveries seem one step of the margin apart, even if they are alike.
        let step = 1.0 / MARGIN_STEPS_PER_TICK as f64;
        let jitter = (spread.middle - spread.habit - step).max(0.0) * config.margin_jitter;
        let margin = config.margin_min.as_secs_f64() * self.hz + jitter.min(jitter_max);
        self.target = spread.middle - spread.low + margin;
        self.wanted_phase = Some(margin - spread.low + self.late_by_habit());
        self.advance(now);
        let error = self.error_ticks();
        let limit = |limit: Duration| limit.as_secs_f64() * self.hz;
        let jump = match self.state {
            ClockState::Unsynced => false,
            ClockState::Acquiring => error > 0.0,
            ClockState::Tracking => {
                error > limit(self.config.reset_ahead) || -error > limit(self.config.reset_back)
            }
        };
        if jump && self.config.resets {
            self.value += error;
            self.speed = 1.0;
            self.jumped = true;
            self.resets += u64::from(self.state == ClockState::Tracking);
        }
        if self.deliveries.len() >= ACQUIRE_SAMPLES && self.state == ClockState::Acquiring {
            self.state = ClockState::Tracking;
        }
    }

    fn spread(&mut self) -> Spread {
        self.scratch.clear();
        self.scratch.extend(self.deliveries.iter().map(|d| d.ticks));
        let len = self.scratch.len();
        let by = f64::total_cmp;
        let (below, middle, _) = self.scratch.select_nth_unstable_by(len / 2, by);
        let middle = *middle;
        if below.is_empty() {
            let (low, habit) = (middle, middle);
            return Spread { low, habit, middle };
        }
        let at = |share: f64| (len as f64 * share) as usize;
        let last = below.len() - 1;
        let (below, habit, _) = below.select_nth_unstable_by(at(HABIT_SHARE).min(last), by);
        let habit = *habit;
        let low = if below.is_empty() {
            habit
        } else {
            let last = below.len() - 1;
            let few = LATE_FEW.min(len / LATE_FEW_OF);
            let late = at(self.config.late_share).max(few).min(last);
            *below.select_nth_unstable_by(late, by).1
        };
        Spread { low, habit, middle }
    }

    /// How late after its tick, in ticks, an input is sampled without anything being wrong.
    fn late_by_habit(&self) -> f64 {
        (self.frames.apart().as_secs_f64() * self.hz).min(1.0)
    }

    fn phase(&self) -> f64 {
        self.value - seconds(self.at, self.epoch) * self.hz
    }

    fn error_ticks(&self) -> f64 {
        self.wanted_phase
            .map_or(0.0, |wanted| wanted - self.phase())
    }
}

fn seconds(later: LocalTime, earlier: LocalTime) -> f64 {
    later.micros_since(earlier) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that runs tick `t` at `t / hz` plus `behind`, and a line that takes `delay`
    /// seconds there and nothing back.
    struct Rig {
        clock: Clock,
        now: LocalTime,
        behind: f64,
        rate: TickRate,
        next: u32,
        label: u32,
        in_flight: VecDeque<(LocalTime, u32)>,
        margin: InputMargin,
        late: u32,
    }

    impl Rig {
        fn new(hz: u16) -> Rig {
            let rate = TickRate::new(hz).unwrap();
            let mut clock = Clock::new(ClockConfig::default(), rate, LocalTime(0));
            clock.set(LocalTime(0), Tick(0), Duration::from_millis(20));
            Rig {
                clock,
                now: LocalTime(0),
                behind: 0.0,
                rate,
                next: 0,
                label: 0,
                in_flight: VecDeque::new(),
                margin: 0,
                late: 0,
            }
        }

        /// Lets `seconds` pass; returns how many inputs came late.
        fn run(&mut self, seconds: f64, delay: impl Fn(u32) -> f64) -> u32 {
            let end = self.now + Duration::from_secs_f64(seconds);
            let late = self.late;
            let hz = f64::from(self.rate.hz());
            while self.now < end {
                self.now = self.now + Duration::from_millis(1);
                self.clock.advance(self.now);
                let due = self.clock.ticks(self.now) as u32;
                if due > self.label {
                    self.label = due;
                    if due.is_multiple_of(4) {
                        self.clock.sent(Tick(due));
                        let arrival = self.now + Duration::from_secs_f64(delay(due));
                        let last = self.in_flight.back().map_or(arrival, |(at, _)| *at);
                        self.in_flight.push_back((arrival.max(last), due));
                    }
                }
                let tick_at = |tick: u32, behind: f64| {
                    LocalTime(((f64::from(tick) / hz + behind) * 1e6) as u64)
                };
                while let Some((at, label)) = self.in_flight.front().copied()
                    && at <= self.now
                {
                    self.in_flight.pop_front();
                    let margin = tick_at(label, self.behind).micros_since(at) as f64 / 1e6 * hz;
                    self.margin = (margin * 16.0).floor().clamp(-127.0, 127.0) as InputMargin;
                    self.late += u32::from(margin < 0.0);
                }
                while tick_at(self.next, self.behind) <= self.now {
                    let tick = Tick(self.next);
                    self.next += 1;
                    self.clock.margin(self.now, tick, self.margin);
                    self.clock.check(self.now, tick, Duration::from_millis(20));
                }
            }
            self.late - late
        }
    }

    #[test]
    fn inputs_are_in_time_on_a_steady_line_at_every_rate() {
        for hz in [10, 30, 60, 128] {
            for delay in [0.001, 0.04, 0.15] {
                let mut rig = Rig::new(hz);
                rig.run(3.0, |_| delay);
                let late = rig.run(20.0, |_| delay);
                assert_eq!(late, 0, "at {hz} Hz over {delay} s");
                assert_eq!(rig.clock.state(), ClockState::Tracking);
                let lead = rig.clock.ticks(rig.now) / f64::from(hz) - rig.now.0 as f64 / 1e6;
                assert!(
                    lead < delay + 0.06,
                    "lead {lead} s over {delay} s at {hz} Hz"
                );
            }
        }
    }

    #[test]
    fn a_server_that_skips_time_is_found_again() {
        let mut rig = Rig::new(30);
        rig.run(10.0, |_| 0.03);
        rig.behind = 3.0;
        rig.run(8.0, |_| 0.03);
        assert_eq!(rig.run(10.0, |_| 0.03), 0);
        let ahead = rig.clock.ticks(rig.now) - f64::from(rig.next);
        assert!((0.0..12.0).contains(&ahead), "{ahead} ticks ahead");
    }

    #[test]
    fn one_hiccup_on_a_steady_line_costs_no_lead_for_minutes() {
        let mut rig = Rig::new(30);
        rig.run(20.0, |_| 0.01);
        let lead = |rig: &Rig| rig.clock.ticks(rig.now) / 30.0 - rig.now.0 as f64 / 1e6;
        let before = lead(&rig);
        let hiccup = |label: u32| if label / 8 == 80 { 0.16 } else { 0.01 };
        assert!(rig.run(4.0, hiccup) > 0, "the hiccup was seen");
        rig.run(2.0, |_| 0.01);
        let after = lead(&rig);
        assert!(after < before + 0.01, "{before} s before, {after} s after");
    }

    #[test]
    fn jitter_is_paid_for_with_lead_and_not_with_late_inputs() {
        let mut rig = Rig::new(30);
        let jitter = |label: u32| 0.03 + f64::from(label.wrapping_mul(2_654_435_761) >> 20) * 1e-5;
        rig.run(20.0, jitter);
        assert!(rig.run(60.0, jitter) <= 1);
    }
}
