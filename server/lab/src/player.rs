//! Somebody at the controls: a seeded wanderer whose intents change as a person's do.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use std::time::Duration;
use tickwire_shared::LocalTime;
use tickwire_shared::game::{Angle, Input, Throttle};

/// A way to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Turns every half second or so, dashes now and then.
    Wander,
    /// Rests until it is still, then walks for a while: the first step is an event that can be
    /// timed on every screen.
    Pulse,
}

/// Decides what to do, in its own time.
#[derive(Debug)]
pub struct Player {
    style: Style,
    random: Pcg32,
    input: Input,
    until: LocalTime,
    dash_until: LocalTime,
    presses: u64,
    pressed: LocalTime,
}

impl Player {
    /// The same seed plays the same way.
    pub fn new(style: Style, seed: u64) -> Player {
        Player {
            style,
            random: Pcg32::seed_from_u64(seed),
            input: Input::IDLE,
            until: LocalTime(0),
            dash_until: LocalTime(0),
            presses: 0,
            pressed: LocalTime(0),
        }
    }

    /// What the keys say at `now`. Changes happen between frames, as they do.
    pub fn input(&mut self, now: LocalTime) -> Input {
        while self.until <= now {
            self.change();
        }
        let input = self.input;
        let dash = self.dash_until > now;
        Input::new(input.heading(), input.throttle(), input.aim(), dash)
    }

    /// What the keys said last.
    pub fn holding(&self, now: LocalTime) -> Input {
        debug_assert!(self.until > now, "asked after `input`");
        self.input
    }

    /// How often it began to walk, and when it last did.
    pub fn press(&self) -> (u64, LocalTime) {
        (self.presses, self.pressed)
    }

    fn change(&mut self) {
        let since = self.until;
        match self.style {
            Style::Wander => {
                self.until = since + self.millis(150, 1_200);
                let throttle = match self.random.next_u32() % 8 {
                    0 => Throttle::REST,
                    1 => Throttle::new(2).expect("2 is a throttle"),
                    _ => Throttle::FULL,
                };
                let aim = self
                    .random
                    .next_u32()
                    .is_multiple_of(3)
                    .then(|| self.angle());
                self.input = Input::new(self.angle(), throttle, aim, false);
                if self.random.next_u32().is_multiple_of(6) {
                    self.dash_until = since + self.millis(30, 120);
                }
            }
            Style::Pulse if self.input == Input::IDLE => {
                self.until = since + self.millis(350, 600);
                self.input = Input::new(self.angle(), Throttle::FULL, None, false);
                self.presses += 1;
                self.pressed = since;
            }
            Style::Pulse => {
                // 2.5 s: at rest on every screen, also behind a long playout delay.
                self.until = since + self.millis(2_500, 3_000);
                self.input = Input::IDLE;
            }
        }
    }

    fn angle(&mut self) -> Angle {
        Angle(self.random.next_u32() as u8)
    }

    fn millis(&mut self, low: u32, high: u32) -> Duration {
        let micros = low * 1_000 + self.random.next_u32() % ((high - low) * 1_000);
        Duration::from_micros(micros.into())
    }
}
