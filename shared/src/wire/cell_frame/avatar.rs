//! An avatar as a follower of its cell knows it, and what the codec remembers of it.

use crate::PlayerId;
use crate::game::movement::VELOCITY_MAX;
use crate::game::{Angle, Body, Input, Throttle};
use serde::{Deserialize, Serialize};

/// Lattice points per step of a position that the fallback predictor carries: 1/128 unit. What
/// moves by rules that a follower does not know would pay for every finer bit on every tick.
pub const FREE_STEP: i32 = 1 << FREE_SHIFT;
pub(super) const FREE_SHIFT: u32 = 5;
/// Steps of velocity per step of such a position.
pub(super) const FREE_VELOCITY_SHIFT: u32 = FREE_SHIFT + 4;

/// An input is old from here on.
pub(super) const AGE_MAX: u8 = 8;
/// An aim that was still for so many ticks will likely stay so.
pub(super) const STILL_MAX: u8 = 3;
/// The largest turn that counts as a jitter of the stick, in 1/256 turn.
pub(super) const JITTER_MAX: u8 = 4;
/// Ticks for which a correction makes another likely.
pub(super) const CORRECTED_TICKS: u8 = 3;
/// Residuals from here on count alike.
pub(super) const SURPRISE_MAX: u8 = 3;
/// Bound of the speed of an aim, in 1/[`AIM_RATE_ONE`] of 1/256 turn per tick.
pub(super) const AIM_RATE_MAX: i16 = 255;
const AIM_RATE_SHIFT: u32 = 3;
/// Fixed-point one of the speed of an aim.
const AIM_RATE_ONE: i16 = 1 << AIM_RATE_SHIFT;

/// How the state of the next tick is predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Predictor {
    /// By the movement step: exact, unless something else moves the body.
    #[default]
    Step,
    /// By extrapolation of the last positions: for kinds whose movement followers do not know.
    Fallback,
}

/// An avatar as a follower of its cell knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Avatar {
    /// Whose.
    pub id: PlayerId,
    /// Its exact state at the end of the tick.
    pub body: Body,
    /// The input that the tick ran with, and the next will unless it changes.
    pub input: Input,
    pub(super) predictor: Predictor,
    pub(super) memory: Memory,
}

/// What the odds of the next tick depend on besides body and input. Part of a keyframe: a replica
/// that starts from one must go on exactly like the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Ticks since the input changed (its aim apart), at most [`AGE_MAX`].
    pub(super) input_age: u8,
    /// Whether the last heading was none of a keyboard's.
    pub(super) is_analog: bool,
    /// Which way the last change of heading went if it was a jitter: 1 counter-clockwise, -1
    /// clockwise. A stick held between two steps flickers, so that the next goes back.
    pub(super) tremor: i8,
    /// Counts down from [`CORRECTED_TICKS`] after a correction.
    pub(super) corrected: u8,
    /// Ticks for which the aim has been still, at most [`STILL_MAX`].
    pub(super) still: u8,
    /// Size of the last residual of the aim, at most [`SURPRISE_MAX`].
    pub(super) surprise: u8,
    /// Speed of the aim, in 1/8 of 1/256 turn per tick, at most [`AIM_RATE_MAX`] either way.
    pub(super) aim_rate: i16,
    /// Fallback only: the last change of displacement per axis, in steps of 1/128 unit.
    pub(super) acceleration: [i8; 2],
    /// Fallback only: the last residuals per axis, cut off at [`SURPRISE_MAX`] either way.
    pub(super) residual: [i8; 2],
}

/// Where an aim will point if it goes on as before.
#[derive(Clone, Copy, Debug)]
pub(super) struct AimPrediction {
    pub(super) angle: Angle,
    /// By how much it turns.
    pub(super) delta: i8,
    /// What rounding left out: -4 to 3.
    pub(super) fraction: i16,
    /// The damped speed.
    rate: i16,
}

impl Avatar {
    /// An avatar that has just appeared in a cell.
    #[must_use]
    pub fn new(id: PlayerId, body: Body, input: Input) -> Avatar {
        Avatar {
            id,
            body,
            input,
            predictor: Predictor::Step,
            memory: Memory::fresh(input),
        }
    }

    /// An avatar of a kind whose movement followers do not know. Followers get its position,
    /// rounded down to [`FREE_STEP`], and its facing; its velocity is what the last tick moved it.
    #[must_use]
    pub fn free(id: PlayerId, body: &Body) -> Avatar {
        let position = body.position >> FREE_SHIFT << FREE_SHIFT;
        Avatar {
            id,
            body: Body {
                position,
                facing: body.facing,
                ..Body::default()
            },
            input: Input::IDLE,
            predictor: Predictor::Fallback,
            memory: Memory::default(),
        }
    }

    /// How its next tick is predicted.
    pub fn predictor(&self) -> Predictor {
        self.predictor
    }

    /// The class of movement that the odds depend on: at rest, keyboard, stick, or thrown about.
    #[inline]
    pub(super) fn motion(&self) -> usize {
        if self.memory.corrected > 0 {
            3
        } else if self.input.throttle() == Throttle::REST {
            0
        } else {
            1 + usize::from(self.memory.is_analog)
        }
    }

    /// The class of aim: none, resting, just stopped, or moving with the last residual 0, 1 or
    /// more.
    #[inline]
    pub(super) fn activity(&self) -> usize {
        if self.predictor == Predictor::Step && self.input.aim().is_none() {
            0
        } else {
            self.memory.activity()
        }
    }

    /// The input of the next tick if nothing happens.
    #[inline]
    pub(super) fn expected_input(&self) -> (Input, Option<AimPrediction>) {
        match self.input.aim() {
            None => (self.input, None),
            Some(aim) => {
                let expected = self.memory.expected_aim(aim);
                let input = self.input;
                let (heading, throttle) = (input.heading(), input.throttle());
                let angle = Some(expected.angle);
                let input = Input::new(heading, throttle, angle, input.dash());
                (input, Some(expected))
            }
        }
    }

    /// Takes the avatar to the next tick, with what the codec remembers of it.
    #[inline]
    pub(super) fn advance(
        &mut self,
        expected: Option<AimPrediction>,
        input: Input,
        body: Body,
        is_corrected: bool,
    ) {
        let old = self.input;
        let is_same = old.heading() == input.heading()
            && old.throttle() == input.throttle()
            && old.dash() == input.dash()
            && old.aim().is_some() == input.aim().is_some();
        let memory = &mut self.memory;
        if is_same {
            memory.input_age = (memory.input_age + 1).min(AGE_MAX);
        } else {
            memory.input_age = 0;
            if input.throttle() == Throttle::REST {
                memory.tremor = 0;
            } else {
                memory.is_analog = is_analog(input);
                let turn = old.heading().difference(input.heading());
                let trembles =
                    turn.unsigned_abs() <= JITTER_MAX && old.throttle() == input.throttle();
                memory.tremor = if trembles { turn.signum() } else { 0 };
            }
        }
        match (old.aim(), input.aim(), expected) {
            (Some(from), Some(to), Some(expected)) => memory.follow_aim(from, to, expected),
            (None, None, _) => {}
            _ => memory.forget_aim(),
        }
        memory.corrected = if is_corrected {
            CORRECTED_TICKS
        } else {
            memory.corrected.saturating_sub(1)
        };
        self.input = input;
        self.body = body;
    }
}

impl Memory {
    /// Of an avatar that has just appeared.
    pub(super) fn fresh(input: Input) -> Memory {
        Memory {
            is_analog: is_analog(input),
            ..Memory::default()
        }
    }

    #[inline]
    pub(super) fn activity(&self) -> usize {
        match self.still {
            0 => 3 + usize::from(self.surprise.min(2)),
            STILL_MAX => 1,
            _ => 2,
        }
    }

    #[inline]
    pub(super) fn expected_aim(&self, aim: Angle) -> AimPrediction {
        let rate = ((i32::from(self.aim_rate) * 31 + 16) >> 5) as i16;
        let delta = ((rate + AIM_RATE_ONE / 2) >> AIM_RATE_SHIFT) as i8;
        AimPrediction {
            angle: aim.turned(delta),
            delta,
            fraction: rate - (i16::from(delta) << AIM_RATE_SHIFT),
            rate,
        }
    }

    #[inline]
    pub(super) fn follow_aim(&mut self, from: Angle, to: Angle, expected: AimPrediction) {
        self.surprise = expected
            .angle
            .difference(to)
            .unsigned_abs()
            .min(SURPRISE_MAX);
        let delta = i16::from(from.difference(to));
        if delta == 0 {
            self.aim_rate = 0;
            self.still = (self.still + 1).min(STILL_MAX);
        } else {
            let gain = (((delta << AIM_RATE_SHIFT) - expected.rate) * 3) >> 2;
            self.aim_rate = (expected.rate + gain).clamp(-AIM_RATE_MAX, AIM_RATE_MAX);
            self.still = 0;
        }
    }

    fn forget_aim(&mut self) {
        self.still = 0;
        self.surprise = 0;
        self.aim_rate = 0;
    }
}

/// Whether a heading and throttle in force are none of a keyboard's.
pub(super) fn is_analog(input: Input) -> bool {
    input.throttle() != Throttle::REST
        && (input.throttle() != Throttle::FULL || input.heading().0 & 31 != 0)
}

const _: () = assert!(VELOCITY_MAX >> FREE_VELOCITY_SHIFT == 256);
