//! The movement step: one pure integer function that is the truth, the prediction and, because
//! every decoder runs it, the compressor.
//!
//! Order of one step: the dash may start, the velocity approaches its target, the body moves along
//! x and then along y, sliding along solid tiles, and the facing follows aim or heading.
//!
//! Exponential approach to a target velocity is the ground acceleration of most top-down games;
//! moving the axes one after the other is the classic slide along axis-aligned walls.

use super::angle::DIRECTION_SHIFT;
use super::{Angle, Arena, Body, Dash, Input, UNIT, VELOCITY_UNIT};
use crate::TickRate;
use glam::IVec2;
use serde::{Deserialize, Serialize};

/// Largest velocity along one axis, in 1/65536 unit per tick: two units. No faster, so that a body
/// cannot pass a tile (two units or wider) in one step, and all products stay within 32 bits.
pub const VELOCITY_MAX: i32 = 2 * VELOCITY_UNIT;

/// Half the edge of an avatar's square, in lattice points: half a unit.
pub const AVATAR_RADIUS: i32 = UNIT / 2;

/// Below this distance from its target a velocity snaps to it, in 1/65536 unit per tick. Without,
/// rounding would leave a creep of a few steps that never ends.
const VELOCITY_SNAP: i32 = 64;

/// Fixed-point one of [`MoveRules::approach`].
const APPROACH_ONE: i32 = 1 << APPROACH_SHIFT;
const APPROACH_SHIFT: u32 = 12;
/// Lattice points of position hold this many bits less than steps of velocity.
const VELOCITY_TO_POSITION_SHIFT: u32 = 4;

/// Movement constants in the units of the step, derived from the tick rate by the server and told
/// to every client, so that no client derives them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRules {
    /// Target speed for each throttle, in 1/65536 unit per tick.
    pub speed: [i32; 4],
    /// Part of the way to the target that the velocity goes per tick, in 1/4096.
    pub approach: i32,
    /// Speed while dashing, in 1/65536 unit per tick.
    pub dash_speed: i32,
    /// Length of a dash, in ticks.
    pub dash_ticks: u8,
    /// Ticks from the start of a dash until the next may start.
    pub dash_cooldown_ticks: u8,
}

/// A movement constant told by a server is outside the range in which the step is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("movement constant `{name}` is {value}, outside {min} to {max}")]
pub struct MoveRulesError {
    /// The field.
    pub name: &'static str,
    /// What was told.
    pub value: i32,
    /// Smallest legal value.
    pub min: i32,
    /// Largest legal value.
    pub max: i32,
}

impl MoveRules {
    /// Full speed in units per second.
    pub const UNITS_PER_SECOND: i32 = 7;
    /// Speed of a dash in units per second.
    pub const DASH_UNITS_PER_SECOND: i32 = 20;

    /// The standard constants of "Sparks" at `rate`.
    #[must_use]
    pub fn at(rate: TickRate) -> MoveRules {
        let hz = i32::from(rate.hz());
        let speed = |level: i32| MoveRules::UNITS_PER_SECOND * VELOCITY_UNIT * level / (3 * hz);
        MoveRules {
            speed: [0, speed(1), speed(2), speed(3)],
            // 9 per second: nine tenths of a change of velocity within a quarter of a second.
            approach: (9 * APPROACH_ONE / hz).min(APPROACH_ONE),
            dash_speed: MoveRules::DASH_UNITS_PER_SECOND * VELOCITY_UNIT / hz,
            // 0.2 s, rounded up so that a dash exists at every rate.
            dash_ticks: (hz as u8).div_ceil(5),
            // 1.2 s: 154 ticks at 128 Hz.
            dash_cooldown_ticks: (hz * 6 / 5) as u8,
        }
    }

    /// Checks that the step stays exact under these constants.
    pub fn validate(&self) -> Result<(), MoveRulesError> {
        let check = |name, value, min, max| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(MoveRulesError {
                    name,
                    value,
                    min,
                    max,
                })
            }
        };
        for speed in self.speed {
            check("speed", speed, 0, VELOCITY_MAX)?;
        }
        check("approach", self.approach, 1, APPROACH_ONE)?;
        check("dash_speed", self.dash_speed, 0, VELOCITY_MAX)?;
        check("dash_ticks", self.dash_ticks.into(), 1, 255)?;
        check(
            "dash_cooldown_ticks",
            self.dash_cooldown_ticks.into(),
            1,
            255,
        )
    }
}

/// One tick of one body under one input. Total: every body, every input, no panic; a body that is
/// outside walls stays outside walls.
#[must_use]
pub fn step(body: &Body, input: &Input, rules: &MoveRules, arena: &Arena) -> Body {
    let facing = match input.aim() {
        Some(aim) => aim,
        None if input.throttle().level() > 0 => input.heading(),
        None => body.facing,
    };
    let dash = step_dash(body, *input, facing, rules);
    let velocity = if dash.ticks_left > 0 {
        along(dash.heading, rules.dash_speed)
    } else {
        let target = along(
            input.heading(),
            rules.speed[usize::from(input.throttle().level())],
        );
        IVec2::new(
            approach(body.velocity.x, target.x, rules.approach),
            approach(body.velocity.y, target.y, rules.approach),
        )
    };
    let dash = Dash {
        ticks_left: dash.ticks_left.saturating_sub(1),
        cooldown: dash.cooldown.saturating_sub(1),
        heading: if dash.ticks_left > 1 {
            dash.heading
        } else {
            Angle(0)
        },
    };
    slide(
        Body {
            velocity,
            facing,
            dash,
            ..*body
        },
        arena,
    )
}

/// The dash that is in force during this tick.
fn step_dash(body: &Body, input: Input, facing: Angle, rules: &MoveRules) -> Dash {
    if input.dash() && body.dash.cooldown == 0 && body.dash.ticks_left == 0 {
        let heading = if input.throttle().level() > 0 {
            input.heading()
        } else {
            facing
        };
        Dash {
            ticks_left: rules.dash_ticks,
            cooldown: rules.dash_cooldown_ticks,
            heading,
        }
    } else {
        body.dash
    }
}

/// A vector of length `speed`, which is at most [`VELOCITY_MAX`], so the product fits 30 bits.
pub(super) fn along(heading: Angle, speed: i32) -> IVec2 {
    let (x, y) = heading.direction();
    IVec2::new(
        (x * speed) >> DIRECTION_SHIFT,
        (y * speed) >> DIRECTION_SHIFT,
    )
}

/// Both velocities lie within ±[`VELOCITY_MAX`] and the factor within 2^12: the product fits.
fn approach(velocity: i32, target: i32, factor: i32) -> i32 {
    let velocity = velocity.clamp(-VELOCITY_MAX, VELOCITY_MAX);
    let way = target - velocity;
    if way.abs() < VELOCITY_SNAP {
        target
    } else {
        velocity + ((way * factor) >> APPROACH_SHIFT)
    }
}

/// Moves along x, then along y. A blocked axis loses its velocity, the other keeps it.
fn slide(mut body: Body, arena: &Arena) -> Body {
    let round = 1 << (VELOCITY_TO_POSITION_SHIFT - 1);
    let by = (body.velocity + round) >> IVec2::splat(VELOCITY_TO_POSITION_SHIFT as i32);
    let from = arena.clamp(body.position);
    let x = arena.slide_x(from, by.x);
    let y = arena.slide_y(IVec2::new(x, from.y), by.y);
    if x != from.x + by.x {
        body.velocity.x = 0;
    }
    if y != from.y + by.y {
        body.velocity.y = 0;
    }
    body.position = IVec2::new(x, y);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::Throttle;
    use proptest::prelude::*;

    fn rates() -> impl Strategy<Value = TickRate> {
        (10u16..=128).prop_map(|hz| TickRate::new(hz).unwrap())
    }

    fn inputs() -> impl Strategy<Value = Input> {
        (any::<u8>(), 0u8..=3, any::<Option<u8>>(), any::<bool>()).prop_map(|(h, t, aim, dash)| {
            Input::new(Angle(h), Throttle::new(t).unwrap(), aim.map(Angle), dash)
        })
    }

    fn free_body(arena: &Arena, seed: u32) -> Body {
        Body::at(arena.free_position(seed))
    }

    proptest! {
        #[test]
        fn the_step_never_ends_inside_a_wall_or_outside_the_arena(
            rate in rates(),
            seed in any::<u32>(),
            push in any::<(i32, i32)>(),
            script in proptest::collection::vec((inputs(), 1usize..40), 1..20),
        ) {
            let arena = Arena::named("garden").unwrap();
            let rules = MoveRules::at(rate);
            rules.validate().unwrap();
            let mut body = free_body(&arena, seed);
            // Something other than the step may have given it any velocity.
            body.velocity = IVec2::new(push.0, push.1);
            for (input, ticks) in script {
                for _ in 0..ticks {
                    body = step(&body, &input, &rules, &arena);
                    prop_assert!(arena.is_free(body.position), "{body:?} is in a wall");
                    prop_assert!(body.velocity.abs().max_element() <= VELOCITY_MAX);
                }
            }
        }

        #[test]
        fn the_step_is_total_for_bodies_that_no_server_sends(
            position in any::<(i32, i32)>(),
            velocity in any::<(i32, i32)>(),
            dash in any::<(u8, u8, u8)>(),
            input in inputs(),
        ) {
            let arena = Arena::named("garden").unwrap();
            let rules = MoveRules::at(TickRate::DEFAULT);
            let body = Body {
                position: position.into(),
                velocity: velocity.into(),
                facing: Angle(0),
                dash: Dash { ticks_left: dash.0, cooldown: dash.1, heading: Angle(dash.2) },
            };
            let once = step(&body, &input, &rules, &arena);
            prop_assert_eq!(once, step(&body, &input, &rules, &arena));
            prop_assert!(arena.contains(once.position));
        }
    }

    #[test]
    fn full_throttle_reaches_full_speed_and_rest_comes_to_rest() {
        let arena = Arena::named("plain").unwrap();
        for hz in [10, 30, 60, 128] {
            let rules = MoveRules::at(TickRate::new(hz).unwrap());
            let mut body = Body::at(arena.free_position(1));
            let east = Input::from_keys(1, 0, None, false);
            for _ in 0..hz {
                body = step(&body, &east, &rules, &arena);
            }
            assert_eq!(body.velocity, IVec2::new(rules.speed[3], 0), "at {hz} Hz");
            for _ in 0..2 * hz {
                body = step(&body, &Input::IDLE, &rules, &arena);
            }
            assert_eq!(body.velocity, IVec2::ZERO, "at {hz} Hz");
        }
    }

    #[test]
    fn a_dash_lasts_its_ticks_and_waits_for_its_cooldown() {
        let arena = Arena::named("plain").unwrap();
        let rules = MoveRules::at(TickRate::DEFAULT);
        let mut body = Body::at(arena.free_position(1));
        let dash = Input::from_keys(1, 0, None, true);
        let fast = (0..72)
            .filter(|_| {
                body = step(&body, &dash, &rules, &arena);
                body.velocity.x == rules.dash_speed
            })
            .count();
        assert_eq!(fast, 2 * usize::from(rules.dash_ticks));
    }
}
