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

mod deliveries;

use crate::frames::FrameHabit;
use deliveries::Deliveries;
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
/// So many deliveries in a row that are all better than the middle one of the last minutes, by
/// this much, say the same of a smaller change: a server that stood still for a few ticks is later
/// by them from then on, and the lead that was right before would be too long for minutes.
const SHIFT_SAMPLES: usize = 24;
const SHIFT_MIN: Duration = Duration::from_millis(12);
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
    deliveries: Deliveries,
    last_margin: Option<InputMargin>,
    wanted_phase: Option<f64>,
    resets: u64,
    frames: FrameHabit,
    jumped: bool,
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
            deliveries: Deliveries::default(),
            last_margin: None,
            wanted_phase: None,
            resets: 0,
            frames: FrameHabit::default(),
            jumped: false,
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
        self.deliveries.remember(now, ticks, self.config.memory);
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

    fn steer(&mut self, now: LocalTime) {
        let mut spread = self.deliveries.spread(self.config.late_share);
        let recent_low = self.deliveries.worst_of_last(LEVEL_SAMPLES);
        let level_change = LEVEL_CHANGE.as_secs_f64() * self.hz;
        if self.deliveries.len() > LEVEL_SAMPLES && recent_low - spread.low > level_change {
            self.deliveries.keep_last(LEVEL_SAMPLES);
            spread = self.deliveries.spread(self.config.late_share);
        }
        let shift = self.deliveries.worst_of_last(SHIFT_SAMPLES) - spread.middle;
        if shift > SHIFT_MIN.as_secs_f64() * self.hz {
            self.deliveries.keep_last(SHIFT_SAMPLES);
            spread = self.deliveries.spread(self.config.late_share);
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
mod tests;
