//! Strolling: a direction for a while, a pause, another direction; walls turn it aside.

use super::{Intent, Senses, ticks};
use glam::IVec2;
use rand::{Rng, RngExt};
use tickwire_shared::Tick;
use tickwire_shared::game::{Angle, Throttle, UNIT, World};

/// A stroller's state.
#[derive(Debug, Default)]
pub(super) struct Wander {
    intent: Intent,
    until: Tick,
}

/// How far ahead a stroller looks for walls, in lattice points: two units, about what it needs to
/// turn at full speed.
const LOOK_AHEAD: i32 = 2 * UNIT;
/// Directions tried before a stroller in a corner stands still for a moment.
const TRIES: u32 = 8;

impl Wander {
    pub(super) fn look(&mut self, senses: &Senses<'_>, rng: &mut impl Rng) -> Intent {
        let Senses { tick, world, .. } = *senses;
        let from = senses.body.position;
        if tick >= self.until {
            self.choose(senses, rng);
        } else if let Some((heading, _)) = self.intent.walk
            && !is_clear(world, from, heading)
        {
            // Usually a little aside is enough; a person would not turn on the spot.
            for turn in 1..=TRIES as i8 {
                let aside = if rng.random_bool(0.5) { 12 } else { -12 } * turn;
                if is_clear(world, from, heading.turned(aside)) {
                    self.intent.walk = self.intent.walk.map(|(h, t)| (h.turned(aside), t));
                    break;
                }
            }
        }
        self.intent
    }

    fn choose(&mut self, senses: &Senses<'_>, rng: &mut impl Rng) {
        let Senses { tick, world, .. } = *senses;
        let was_walking = self.intent.walk.is_some();
        self.intent = Intent::default();
        if was_walking && rng.random_bool(0.4) {
            self.intent.gaze = rng
                .random_bool(0.3)
                .then(|| Angle(rng.random_range(0..=255)));
            self.until = tick + ticks(world, rng.random_range(0.5..4.0));
            return;
        }
        self.until = tick + ticks(world, rng.random_range(0.8..3.5));
        let throttle = Throttle::new(rng.random_range(1..=3)).unwrap_or(Throttle::FULL);
        self.intent.walk = (0..TRIES)
            .map(|_| Angle(rng.random_range(0..=255)))
            .find(|heading| is_clear(world, senses.body.position, *heading))
            .map(|heading| (heading, throttle));
    }
}

fn is_clear(world: &World, from: IVec2, heading: Angle) -> bool {
    let (x, y) = heading.direction();
    let one = tickwire_shared::game::angle::DIRECTION_ONE;
    let ahead = |length: i32| from + IVec2::new(x * (length / one), y * (length / one));
    [LOOK_AHEAD / 2, LOOK_AHEAD].into_iter().all(|length| {
        let point = ahead(length);
        world.arena.clamp(point) == point && world.arena.is_free(point)
    })
}

const _: () = assert!(LOOK_AHEAD / 2 >= tickwire_shared::game::angle::DIRECTION_ONE);
