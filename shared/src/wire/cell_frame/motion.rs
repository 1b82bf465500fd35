//! One tick of one avatar that the movement step predicts.

use super::super::DecodeError;
use super::super::model::{self, Coder};
use super::avatar::{AimPrediction, Avatar, JITTER_MAX, Memory};
use super::number::{raw, signed, tree, unary};
use crate::game::movement::VELOCITY_MAX;
use crate::game::{Angle, Body, Dash, Input, Throttle, World};
use glam::IVec2;

/// Steps of the unary part of a residual of the aim.
const AIM_SIZE_STEPS: u32 = 12;

/// Where something other than the step left a body: differences of position and velocity to the
/// step's, and the rest as it is.
#[derive(Clone, Copy, Debug, Default)]
struct Correction {
    velocity: IVec2,
    position: IVec2,
    facing: Option<Angle>,
    dash: Option<Dash>,
}

/// Takes `avatar` one tick further. A writer is given the truth, a reader anything.
#[inline]
pub(super) fn code_step<C: Coder>(
    coder: &mut C,
    world: &World,
    avatar: &mut Avatar,
    truth: (Input, Body),
) -> Result<(), DecodeError> {
    let (expected, aim) = avatar.expected_input();
    let motion = avatar.motion();
    let activity = avatar.activity();
    let age = avatar.memory.input_age;
    let age_class = usize::from(age >= 2) + usize::from(age >= 8);
    let quiet = model::QUIET.at((motion * 6 + activity) * 3 + age_class);
    // A writer steps with the true input, a reader with the input that it has read.
    let known = C::WRITES.then(|| world.step(&avatar.body, &truth.0));
    let happened = known.is_some_and(|stepped| truth.0 != expected || truth.1 != stepped);
    if coder.bit(quiet, happened) {
        let told = Told {
            input: truth.0,
            body: truth.1,
            stepped: known,
        };
        code_events(coder, world, avatar, (expected, aim), told)
    } else {
        let stepped = known.unwrap_or_else(|| world.step(&avatar.body, &expected));
        avatar.advance(aim, expected, stepped, false);
        Ok(())
    }
}

/// What a writer knows; a reader's is ignored.
#[derive(Clone, Copy)]
struct Told {
    input: Input,
    body: Body,
    /// Where the step leads with the true input. None for a reader.
    stepped: Option<Body>,
}

/// What happened, the step, and what the step could not know.
#[inline(never)]
fn code_events<C: Coder>(
    coder: &mut C,
    world: &World,
    avatar: &mut Avatar,
    (expected, aim): (Input, Option<AimPrediction>),
    told: Told,
) -> Result<(), DecodeError> {
    let Told {
        input,
        body,
        stepped,
    } = told;
    let motion = avatar.motion();
    let aims = expected.aim().is_some();
    let aim_moved = aims
        && coder.bit(
            model::AIM_MOVED.at(motion * 6 + avatar.activity()),
            input.aim().is_some() && input.aim() != expected.aim(),
        );
    let with_aim =
        |input: &Input, aim| Input::new(input.heading(), input.throttle(), aim, input.dash());
    let rest_differs =
        input.aim().is_some() != aims || with_aim(&input, None) != with_aim(&expected, None);
    let seen = motion * 3 + usize::from(aims) + usize::from(aim_moved);
    let input_changed = coder.bit(model::INPUT_CHANGED.at(seen), rest_differs);
    let is_corrected = (!aim_moved && !input_changed)
        || coder.bit(
            model::CORRECTED.at(usize::from(motion == 3)),
            stepped.is_some_and(|stepped| stepped != body),
        );

    let mut next = expected;
    if input_changed {
        next = code_input(coder, avatar, expected, input)?;
    }
    if let (true, Some(aim)) = (aim_moved, aim) {
        if next.aim().is_none() {
            return Err(DecodeError::OutOfRange { field: "aim mode" });
        }
        let angle = code_aim(coder, &avatar.memory, aim, input.aim().unwrap_or_default())?;
        next = with_aim(&next, Some(angle));
    }
    let mut stepped = stepped.unwrap_or_else(|| world.step(&avatar.body, &next));
    if is_corrected {
        let correction = code_correction(coder, Correction::between(&stepped, &body));
        stepped = correction.applied_to(&stepped, world)?;
    }
    avatar.advance(aim, next, stepped, is_corrected);
    Ok(())
}

/// A changed input, its moved aim apart.
fn code_input<C: Coder>(
    coder: &mut C,
    avatar: &Avatar,
    old: Input,
    new: Input,
) -> Result<Input, DecodeError> {
    let is_analog = usize::from(avatar.memory.is_analog);
    let moves = old.throttle() != Throttle::REST;
    let (from, to) = (
        (old.heading(), old.throttle()),
        (new.heading(), new.throttle()),
    );
    let moved = coder.bit(
        model::MOVE_CHANGED.at(is_analog * 2 + usize::from(moves)),
        from != to,
    );
    let dash_changed = coder.bit(
        model::DASH_CHANGED.at(usize::from(moved) * 2 + usize::from(old.dash())),
        old.dash() != new.dash(),
    );
    let mode_changed = (!moved && !dash_changed)
        || coder.bit(
            model::AIM_MODE_CHANGED.at(0),
            old.aim().is_some() != new.aim().is_some(),
        );
    let (heading, throttle) = if moved {
        {
            let tremor = (avatar.memory.tremor + 1) as usize;
            code_move(coder, (is_analog, tremor), from, to)
        }
    } else {
        from
    };
    let aim = match (mode_changed, old.aim()) {
        (false, aim) => aim,
        (true, Some(_)) => None,
        (true, None) => {
            let facing = avatar.body.facing;
            let turn = facing.difference(new.aim().unwrap_or_default());
            let turn = raw(coder, 8, turn.cast_unsigned().into()) as u8;
            Some(facing.turned(turn.cast_signed()))
        }
    };
    let read = Input::new(heading, throttle, aim, old.dash() != dash_changed);
    if moved && (read.heading(), read.throttle()) == from {
        return Err(DecodeError::OutOfRange {
            field: "input change",
        });
    }
    Ok(read)
}

/// A heading and throttle that differ from the last ones.
fn code_move<C: Coder>(
    coder: &mut C,
    (is_analog, tremor): (usize, usize),
    from: (Angle, Throttle),
    to: (Angle, Throttle),
) -> (Angle, Throttle) {
    let moves = from.1 != Throttle::REST;
    if moves {
        if coder.bit(model::STOP.at(is_analog), to.1 == Throttle::REST) {
            return (Angle(0), Throttle::REST);
        }
        let turn = from.0.difference(to.0);
        let is_jitter = to.1 == from.1 && turn.unsigned_abs() <= JITTER_MAX;
        if coder.bit(model::JITTER.at(is_analog), is_jitter) {
            let clockwise = coder.bit(model::JITTER_SIGN.at(tremor), turn < 0);
            let size = u32::from(turn.unsigned_abs()).wrapping_sub(1) & 3;
            let size = tree(coder, model::JITTER_SIZE, 2, size) as i8 + 1;
            return (from.0.turned(if clockwise { -size } else { size }), from.1);
        }
    }
    // From rest the heading is zero, so eighths count from the x axis.
    let (reference, throttle) = if moves {
        from
    } else {
        (Angle(0), Throttle::FULL)
    };
    let turn = reference.difference(to.0).cast_unsigned();
    let kind = is_analog * 2 + usize::from(moves);
    if coder.bit(model::TURN.at(kind), to.1 == throttle && turn % 32 == 0) {
        let group = model::TURN_EIGHTHS.from(7 * usize::from(moves));
        let eighths = tree(coder, group, 3, u32::from(turn >> 5)) as u8;
        return (reference.turned((eighths << 5).cast_signed()), throttle);
    }
    let (turn, throttle) = code_stick(coder, turn, to.1);
    (reference.turned(turn.cast_signed()), throttle)
}

/// A throttle of 1 to 3 and a turn of any size.
pub(super) fn code_stick<C: Coder>(coder: &mut C, turn: u8, throttle: Throttle) -> (u8, Throttle) {
    let throttle = if coder.bit(model::THROTTLE.at(0), throttle == Throttle::FULL) {
        Throttle::FULL
    } else if coder.bit(model::THROTTLE.at(1), throttle.level() == 2) {
        Throttle::TWO_THIRDS
    } else {
        Throttle::THIRD
    };
    let high = tree(coder, model::HEADING, 3, u32::from(turn >> 5));
    let low = raw(coder, 5, turn.into());
    ((high << 5 | low) as u8, throttle)
}

/// An aim that differs from its prediction.
pub(super) fn code_aim<C: Coder>(
    coder: &mut C,
    memory: &Memory,
    expected: AimPrediction,
    new: Angle,
) -> Result<Angle, DecodeError> {
    // Everything is told relative to the direction of the turn.
    let forward = if expected.delta < 0 { -1 } else { 1 };
    let residual = i32::from(expected.angle.difference(new)) * forward;
    let speed = i32::from(expected.delta) * forward;
    let speed_class = speed.min(3) as usize;
    if speed_class == 3 && coder.bit(model::AIM_STOPPED.at(0), residual == -speed) {
        return Ok(expected.angle.turned(-expected.delta));
    }
    let fraction = (i32::from(expected.fraction) * forward + 4) as usize;
    let falls_short = coder.bit(
        model::AIM_SHORT.at(speed_class * 9 + fraction),
        residual < 0,
    );
    let sizes = if falls_short { speed_class % 3 } else { 0 };
    let surprise = usize::from(memory.surprise.min(2));
    let group = model::AIM_SIZE.from((surprise * 3 + sizes) * AIM_SIZE_STEPS as usize);
    let size = residual.unsigned_abs().saturating_sub(1);
    let mut read = unary(coder, group, AIM_SIZE_STEPS, size);
    if read == AIM_SIZE_STEPS {
        read += raw(coder, 7, size.wrapping_sub(AIM_SIZE_STEPS));
    }
    let read = (read as i32 + 1) * forward;
    let turn = i8::try_from(if falls_short { -read } else { read })
        .map_err(|_| DecodeError::OutOfRange { field: "aim" })?;
    Ok(expected.angle.turned(turn))
}

fn code_correction<C: Coder>(coder: &mut C, told: Correction) -> Correction {
    let mut part = |index, differs| coder.bit(model::CORRECTION_PART.at(index), differs);
    let velocity = part(0, told.velocity != IVec2::ZERO);
    let position = part(1, told.position != IVec2::ZERO);
    let facing = part(2, told.facing.is_some());
    let dash = (!velocity && !position && !facing) || part(3, told.dash.is_some());
    let mut read = Correction::default();
    if velocity {
        read.velocity.x = signed(coder, model::CORRECTION_VELOCITY, told.velocity.x);
        read.velocity.y = signed(coder, model::CORRECTION_VELOCITY, told.velocity.y);
    }
    if position {
        read.position.x = signed(coder, model::CORRECTION_POSITION, told.position.x);
        read.position.y = signed(coder, model::CORRECTION_POSITION, told.position.y);
    }
    if facing {
        read.facing = Some(Angle(
            raw(coder, 8, told.facing.unwrap_or_default().0.into()) as u8,
        ));
    }
    if dash {
        read.dash = Some(code_dash(coder, told.dash.unwrap_or_default()));
    }
    read
}

/// A dash in full; canonical, but not yet checked against the rules.
pub(super) fn code_dash<C: Coder>(coder: &mut C, told: Dash) -> Dash {
    let mut byte = |told: u8| raw(coder, 8, told.into()) as u8;
    let ticks_left = byte(told.ticks_left);
    let cooldown = byte(told.cooldown);
    let heading = if ticks_left > 0 {
        byte(told.heading.0)
    } else {
        0
    };
    Dash {
        ticks_left,
        cooldown,
        heading: Angle(heading),
    }
}

impl Correction {
    fn between(stepped: &Body, truth: &Body) -> Correction {
        Correction {
            velocity: truth.velocity.wrapping_sub(stepped.velocity),
            position: truth.position.wrapping_sub(stepped.position),
            facing: (truth.facing != stepped.facing).then_some(truth.facing),
            dash: (truth.dash != stepped.dash).then_some(truth.dash),
        }
    }

    fn applied_to(&self, stepped: &Body, world: &World) -> Result<Body, DecodeError> {
        let body = Body {
            position: stepped.position.wrapping_add(self.position),
            velocity: stepped.velocity.wrapping_add(self.velocity),
            facing: self.facing.unwrap_or(stepped.facing),
            dash: self.dash.unwrap_or(stepped.dash),
        };
        check_body(&body, world)?;
        Ok(body)
    }
}

/// Refuses a body that no step and no rule can have made.
pub(super) fn check_body(body: &Body, world: &World) -> Result<(), DecodeError> {
    let check = |holds: bool, field| {
        if holds {
            Ok(())
        } else {
            Err(DecodeError::OutOfRange { field })
        }
    };
    check(
        world.arena.clamp(body.position) == body.position,
        "position",
    )?;
    let bound = IVec2::splat(VELOCITY_MAX);
    check(
        body.velocity.clamp(-bound, bound) == body.velocity,
        "velocity",
    )?;
    let (dash, rules) = (body.dash, &world.movement);
    check(
        dash.ticks_left <= rules.dash_ticks && dash.cooldown <= rules.dash_cooldown_ticks,
        "dash",
    )
}
