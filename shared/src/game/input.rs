//! What a player wants during one tick.

use super::Angle;
use serde::{Deserialize, Serialize};

/// One tick of intent. It holds until the next one arrives.
///
/// Canonical: without throttle the heading is zero, so that equal intents are equal values and
/// a codec never spends bits on a heading that has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "RawInput", into = "RawInput")]
pub struct Input {
    heading: Angle,
    throttle: Throttle,
    aim: Option<Angle>,
    dash: bool,
}

/// How hard the stick is pushed: 0 rest, 1 and 2 a third and two thirds of the speed, 3 full.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Throttle(u8);

/// A throttle above 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("throttle {0} is outside 0 to 3")]
pub struct ThrottleError(pub u8);

impl Throttle {
    /// No push.
    pub const REST: Throttle = Throttle(0);
    /// A third of the speed.
    pub const THIRD: Throttle = Throttle(1);
    /// Two thirds of the speed.
    pub const TWO_THIRDS: Throttle = Throttle(2);
    /// Full push.
    pub const FULL: Throttle = Throttle(3);

    /// Checks the range.
    pub const fn new(level: u8) -> Result<Throttle, ThrottleError> {
        if level <= 3 {
            Ok(Throttle(level))
        } else {
            Err(ThrottleError(level))
        }
    }

    /// 0 to 3.
    pub const fn level(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Throttle {
    type Error = ThrottleError;

    fn try_from(level: u8) -> Result<Throttle, ThrottleError> {
        Throttle::new(level)
    }
}

impl From<Throttle> for u8 {
    fn from(throttle: Throttle) -> u8 {
        throttle.0
    }
}

impl Input {
    /// No intent at all.
    pub const IDLE: Input = Input {
        heading: Angle(0),
        throttle: Throttle(0),
        aim: None,
        dash: false,
    };

    /// An input in canonical form. `aim` is `None` for players whose avatar faces where it goes.
    #[must_use]
    pub const fn new(heading: Angle, throttle: Throttle, aim: Option<Angle>, dash: bool) -> Input {
        let heading = if throttle.0 == 0 { Angle(0) } else { heading };
        Input {
            heading,
            throttle,
            aim,
            dash,
        }
    }

    /// The eight directions of a keyboard: `x` and `y` are -1, 0 or 1 (other values count by
    /// their sign).
    #[must_use]
    pub fn from_keys(x: i32, y: i32, aim: Option<Angle>, dash: bool) -> Input {
        let heading = match (x.signum(), y.signum()) {
            (0, 0) => return Input::new(Angle(0), Throttle::REST, aim, dash),
            (1, 0) => 0,
            (1, 1) => 32,
            (0, 1) => 64,
            (-1, 1) => 96,
            (-1, 0) => 128,
            (-1, -1) => 160,
            (0, -1) => 192,
            _ => 224,
        };
        Input::new(Angle(heading), Throttle::FULL, aim, dash)
    }

    /// The direction of movement; zero without throttle.
    pub const fn heading(&self) -> Angle {
        self.heading
    }

    /// How hard.
    pub const fn throttle(&self) -> Throttle {
        self.throttle
    }

    /// Where a mouse or second stick points, if the player has one.
    pub const fn aim(&self) -> Option<Angle> {
        self.aim
    }

    /// Whether a dash is wanted. While held, the avatar dashes whenever the cooldown allows.
    pub const fn dash(&self) -> bool {
        self.dash
    }
}

/// The same fields without the promise of canonical form.
#[derive(Serialize, Deserialize)]
struct RawInput {
    heading: Angle,
    throttle: Throttle,
    aim: Option<Angle>,
    dash: bool,
}

impl From<RawInput> for Input {
    fn from(raw: RawInput) -> Input {
        Input::new(raw.heading, raw.throttle, raw.aim, raw.dash)
    }
}

impl From<Input> for RawInput {
    fn from(input: Input) -> RawInput {
        let Input {
            heading,
            throttle,
            aim,
            dash,
        } = input;
        RawInput {
            heading,
            throttle,
            aim,
            dash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_throttle_the_heading_is_zero() {
        let input = Input::new(Angle(77), Throttle::REST, None, false);
        assert_eq!(input, Input::IDLE);
    }

    #[test]
    fn keys_give_multiples_of_an_eighth_turn() {
        for x in -1..=1 {
            for y in -1..=1 {
                let input = Input::from_keys(x, y, None, false);
                let (dx, dy) = input.heading().direction();
                if (x, y) == (0, 0) {
                    assert_eq!(input.throttle(), Throttle::REST);
                } else {
                    assert_eq!((dx.signum(), dy.signum()), (x, y));
                }
            }
        }
    }
}
