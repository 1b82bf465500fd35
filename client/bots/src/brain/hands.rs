//! How an intent becomes inputs: some players have a keyboard, some a stick, half of them a mouse.
//!
//! The difference matters to the server: keys change seldom and give eight directions, sticks
//! give any, and a mouse that moves changes the input every tick.

use super::Intent;
use rand::{Rng, RngExt};
use tickwire_shared::game::{Angle, Input, Throttle};

/// The devices of one player and what they hold at the moment.
#[derive(Debug)]
pub struct Hands {
    has_keyboard: bool,
    has_mouse: bool,
    heading: Angle,
    aim: Angle,
}

/// Eighths of a turn, in the steps of [`Angle`].
const EIGHTH: u8 = 32;
/// How far a wish must lie from the held key's direction before another key is pressed. Half an
/// eighth would flutter between two keys.
const KEY_TOLERANCE: i8 = 21;
/// The same for a stick, which people do not move by less.
const STICK_TOLERANCE: i8 = 4;
/// The fastest that a mouse turns the aim, per tick.
const MOUSE_STEP: i8 = 11;
/// A mouse rests when it points nearly enough.
const MOUSE_TOLERANCE: i8 = 3;

impl Hands {
    /// Devices by lot: half keyboards, half sticks, and independently half with a mouse.
    pub fn new(rng: &mut impl Rng) -> Hands {
        Hands {
            has_keyboard: rng.random_bool(0.5),
            has_mouse: rng.random_bool(0.5),
            heading: Angle(0),
            aim: Angle(rng.random_range(0..=255)),
        }
    }

    /// The input of one tick.
    pub fn input(&mut self, intent: &Intent) -> Input {
        let throttle = match intent.walk {
            None => Throttle::REST,
            Some((wish, throttle)) => {
                self.turn(wish);
                if self.has_keyboard {
                    Throttle::FULL
                } else {
                    throttle
                }
            }
        };
        let aim = self.has_mouse.then(|| {
            if let Some(gaze) = intent.gaze.or(intent.walk.map(|(wish, _)| wish)) {
                let way = self.aim.difference(gaze);
                if way.unsigned_abs() > MOUSE_TOLERANCE.unsigned_abs() {
                    self.aim = self.aim.turned(way.clamp(-MOUSE_STEP, MOUSE_STEP));
                }
            }
            self.aim
        });
        Input::new(self.heading, throttle, aim, intent.dash)
    }

    fn turn(&mut self, wish: Angle) {
        let tolerance = if self.has_keyboard {
            KEY_TOLERANCE
        } else {
            STICK_TOLERANCE
        };
        if self.heading.difference(wish).unsigned_abs() < tolerance.unsigned_abs() {
            return;
        }
        self.heading = if self.has_keyboard {
            Angle(wish.0.wrapping_add(EIGHTH / 2) / EIGHTH * EIGHTH)
        } else {
            wish
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hands(has_keyboard: bool, has_mouse: bool) -> Hands {
        Hands {
            has_keyboard,
            has_mouse,
            heading: Angle(0),
            aim: Angle(0),
        }
    }

    fn walk(heading: u8) -> Intent {
        Intent {
            walk: Some((Angle(heading), Throttle::new(2).unwrap())),
            ..Intent::default()
        }
    }

    #[test]
    fn a_keyboard_gives_eight_directions_at_full_throttle_and_does_not_flutter() {
        let mut hands = hands(true, false);
        let mut changes = 0;
        let mut last = hands.input(&walk(0));
        for wish in [10, 20, 14, 18, 15, 20, 22, 30, 14, 60] {
            let input = hands.input(&walk(wish));
            assert_eq!(input.heading().0 % EIGHTH, 0);
            assert_eq!(input.throttle(), Throttle::FULL);
            changes += usize::from(input != last);
            last = input;
        }
        assert_eq!(changes, 2, "to 32 and to 64");
    }

    #[test]
    fn a_mouse_turns_step_by_step_and_then_rests() {
        let mut hands = hands(false, true);
        let intent = Intent {
            gaze: Some(Angle(100)),
            ..Intent::default()
        };
        let aims: Vec<u8> = (0..12)
            .map(|_| hands.input(&intent).aim().unwrap().0)
            .collect();
        assert_eq!(aims[0], MOUSE_STEP.unsigned_abs());
        assert_eq!(aims[10], aims[11]);
        assert!(Angle(aims[11]).difference(Angle(100)).abs() <= MOUSE_TOLERANCE);
    }
}
