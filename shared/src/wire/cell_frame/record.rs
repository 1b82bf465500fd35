//! Whole avatars and sparks: the parts of a keyframe, and what enters a cell.

use super::super::DecodeError;
use super::super::model::{self, Coder, Group};
use super::avatar::{AGE_MAX, AIM_RATE_MAX, Avatar, FREE_SHIFT, FREE_VELOCITY_SHIFT};
use super::avatar::{Memory, Predictor, SURPRISE_MAX, is_analog};
use super::free::displacement;
use super::motion::{check_body, code_dash, code_stick};
use super::number::{below, bits_below, raw, signed, sized, tree};
use crate::game::angle::DIRECTION_SHIFT;
use crate::game::movement::VELOCITY_MAX;
use crate::game::sparks::SPARK_STEPS_PER_UNIT;
use crate::game::{Angle, Body, Input, Spark, Throttle, UNIT_SHIFT, World};
use crate::{CellId, PlayerId, SparkId};
use glam::IVec2;

/// Bits of a coordinate that may lie anywhere: 1,024 units.
const COORDINATE_BITS: u32 = 10 + UNIT_SHIFT;
/// Bits of a spark's coordinate that may lie anywhere.
const SPARK_BITS: u32 = 12;

/// What a record is part of: codes differ in their odds, and only keyframes hold memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Keyframe,
    Enter,
}

/// A record of `cell`. Identifiers ascend, so the first possible one is given.
pub(super) fn code_avatar<C: Coder>(
    coder: &mut C,
    world: &World,
    (cell, purpose, first): (CellId, Purpose, u32),
    told: &Avatar,
) -> Result<Avatar, DecodeError> {
    let group = match purpose {
        Purpose::Keyframe => model::ID_GAP,
        Purpose::Enter => model::ENTER_ID,
    };
    let id = PlayerId(code_id(coder, group, first, told.id.0, "avatar id")?);
    let is_free = coder.bit(
        model::PREDICTOR.at(0),
        told.predictor == Predictor::Fallback,
    );
    let shift = if is_free { FREE_SHIFT } else { 0 };
    let outside = model::OUTSIDE.at(usize::from(purpose == Purpose::Enter));
    let corner = world.grid.corner(cell);
    let edge = world.grid.cell_edge();
    let frame = (corner >> shift, edge >> shift, COORDINATE_BITS - shift);
    let at = told.body.position >> shift;
    let position = code_position(coder, outside, frame, at)? << shift;
    let mut avatar = if is_free {
        let body = Body {
            position,
            facing: Angle(raw(coder, 8, told.body.facing.0.into()) as u8),
            ..Body::default()
        };
        Avatar::free(id, &body)
    } else {
        let input = code_input(coder, told.input);
        let body = code_body(coder, world, (position, &input), &told.body);
        check_body(&body, world)?;
        Avatar::new(id, body, input)
    };
    if !world.arena.contains(position) {
        return Err(DecodeError::OutOfRange { field: "position" });
    }
    if purpose == Purpose::Keyframe {
        if is_free {
            code_free_memory(coder, &mut avatar, told)?;
        } else {
            code_step_memory(coder, &mut avatar, &told.memory)?;
        }
    }
    Ok(avatar)
}

/// A spark of `cell`.
pub(super) fn code_spark<C: Coder>(
    coder: &mut C,
    world: &World,
    (cell, purpose, first): (CellId, Purpose, u32),
    told: Spark,
) -> Result<Spark, DecodeError> {
    let group = match purpose {
        Purpose::Keyframe => model::SPARK_GAP,
        Purpose::Enter => model::SPARK_ENTER_ID,
    };
    let id = SparkId(code_id(coder, group, first, told.id.0, "spark id")?);
    let step = UNIT_SHIFT - SPARK_STEPS_PER_UNIT.trailing_zeros();
    let corner = world.grid.corner(cell) >> step;
    let frame = (corner, world.grid.cell_edge() >> step, SPARK_BITS);
    let at = IVec2::new(told.x.into(), told.y.into());
    let at = code_position(coder, model::SPARK_OUTSIDE.at(0), frame, at)?;
    let spark = Spark {
        id,
        x: at.x as u16,
        y: at.y as u16,
    };
    if world.arena.contains(spark.position()) {
        Ok(spark)
    } else {
        Err(DecodeError::OutOfRange { field: "spark" })
    }
}

/// An identifier from `first` on.
fn code_id<C: Coder>(
    coder: &mut C,
    group: Group,
    first: u32,
    told: u16,
    field: &'static str,
) -> Result<u16, DecodeError> {
    debug_assert!(
        !C::WRITES || u32::from(told) >= first,
        "{field} must ascend"
    );
    let gap = sized(coder, group, u32::from(told).saturating_sub(first));
    u16::try_from(first.saturating_add(gap)).map_err(|_| DecodeError::RosterOrder { field })
}

/// A position within the square `frame` = corner, edge, or else any of so many bits.
fn code_position<C: Coder>(
    coder: &mut C,
    outside: model::Context,
    (corner, edge, bits): (IVec2, i32, u32),
    told: IVec2,
) -> Result<IVec2, DecodeError> {
    let offset = told.wrapping_sub(corner);
    let inside = |value: i32| (0..edge).contains(&value);
    if coder.bit(outside, !inside(offset.x) || !inside(offset.y)) {
        let x = raw(coder, bits, told.x.cast_unsigned());
        let y = raw(coder, bits, told.y.cast_unsigned());
        return Ok(IVec2::new(x as i32, y as i32));
    }
    debug_assert!(bits_below(edge as u32) <= bits);
    let x = below(coder, edge as u32, offset.x.cast_unsigned(), "position")?;
    let y = below(coder, edge as u32, offset.y.cast_unsigned(), "position")?;
    Ok(corner + IVec2::new(x as i32, y as i32))
}

fn code_input<C: Coder>(coder: &mut C, told: Input) -> Input {
    let moves = coder.bit(model::RECORD_MOVES.at(0), told.throttle() != Throttle::REST);
    let (heading, throttle) = if !moves {
        (0, Throttle::REST)
    } else if coder.bit(model::RECORD_ANALOG.at(0), is_analog(told)) {
        code_stick(coder, told.heading().0, told.throttle())
    } else {
        let eighths = raw(coder, 3, u32::from(told.heading().0 >> 5));
        ((eighths << 5) as u8, Throttle::FULL)
    };
    let aims = coder.bit(model::RECORD_AIMS.at(0), told.aim().is_some());
    let aim = aims.then(|| Angle(raw(coder, 8, told.aim().unwrap_or_default().0.into()) as u8));
    let dash = coder.bit(model::RECORD_DASH_HELD.at(0), told.dash());
    Input::new(Angle(heading), throttle, aim, dash)
}

fn code_body<C: Coder>(
    coder: &mut C,
    world: &World,
    (position, input): (IVec2, &Input),
    told: &Body,
) -> Body {
    let moves = input.throttle() != Throttle::REST;
    let (x, y) = input.heading().direction();
    let speed = world.movement.speed[usize::from(input.throttle().level())];
    let target = IVec2::new(
        (x * speed) >> DIRECTION_SHIFT,
        (y * speed) >> DIRECTION_SHIFT,
    );
    let mut velocity = target;
    let mut unsteady = false;
    for axis in 0..2 {
        let differs = told.velocity[axis] != target[axis];
        let context = usize::from(moves) * 2 + usize::from(unsteady);
        unsteady = coder.bit(model::RECORD_UNSTEADY.at(context), differs);
        if unsteady {
            let by = told.velocity[axis].wrapping_sub(target[axis]);
            let by = signed(coder, model::RECORD_VELOCITY, by);
            velocity[axis] = target[axis].wrapping_add(by);
        }
    }
    let implied = input.aim().or(moves.then_some(input.heading()));
    let context = usize::from(implied.is_none());
    let implied = implied.unwrap_or_default();
    let facing = if coder.bit(model::RECORD_FACING.at(context), told.facing != implied) {
        Angle(raw(coder, 8, told.facing.0.into()) as u8)
    } else {
        implied
    };
    let dashes = coder.bit(
        model::RECORD_DASH.at(0),
        told.dash != crate::game::Dash::default(),
    );
    let dash = if dashes {
        code_dash(coder, told.dash)
    } else {
        crate::game::Dash::default()
    };
    Body {
        position,
        velocity,
        facing,
        dash,
    }
}

fn code_step_memory<C: Coder>(
    coder: &mut C,
    avatar: &mut Avatar,
    told: &Memory,
) -> Result<(), DecodeError> {
    let moves = avatar.input.throttle() != Throttle::REST;
    let memory = &mut avatar.memory;
    let age = model::RECORD_AGE.from(15 * usize::from(moves));
    memory.input_age = tree(coder, age, 4, told.input_age.into()) as u8;
    if memory.input_age > AGE_MAX {
        return Err(DecodeError::OutOfRange { field: "input age" });
    }
    if moves {
        let tremor = u32::from((told.tremor + 1).cast_unsigned());
        memory.tremor = tree(coder, model::RECORD_TREMOR, 2, tremor) as i8 - 1;
        if memory.tremor > 1 {
            return Err(DecodeError::OutOfRange { field: "tremor" });
        }
    } else {
        memory.is_analog = coder.bit(model::RECORD_STYLE.at(0), told.is_analog);
    }
    memory.corrected = tree(coder, model::RECORD_CORRECTED, 2, told.corrected.into()) as u8;
    if avatar.input.aim().is_some() {
        code_aim_memory(coder, memory, told)?;
    }
    Ok(())
}

fn code_aim_memory<C: Coder>(
    coder: &mut C,
    memory: &mut Memory,
    told: &Memory,
) -> Result<(), DecodeError> {
    memory.still = tree(coder, model::RECORD_STILL, 2, told.still.into()) as u8;
    memory.surprise = tree(coder, model::RECORD_SURPRISE, 2, told.surprise.into()) as u8;
    if memory.still == 0 {
        memory.aim_rate = bounded(
            coder,
            model::RECORD_AIM_RATE,
            (told.aim_rate, AIM_RATE_MAX),
            "aim rate",
        )?;
    }
    Ok(())
}

fn code_free_memory<C: Coder>(
    coder: &mut C,
    avatar: &mut Avatar,
    told: &Avatar,
) -> Result<(), DecodeError> {
    code_aim_memory(coder, &mut avatar.memory, &told.memory)?;
    let moved = displacement(&told.body);
    let bound = (VELOCITY_MAX >> FREE_VELOCITY_SHIFT) as i16;
    let surprise = u32::from(SURPRISE_MAX);
    for axis in 0..2 {
        let moved = (moved[axis] as i16, bound);
        let moved = bounded(coder, model::RECORD_DISPLACEMENT, moved, "displacement")?;
        avatar.body.velocity[axis] = i32::from(moved) << FREE_VELOCITY_SHIFT;
        let change = (i16::from(told.memory.acceleration[axis]), 127);
        let change = bounded(coder, model::RECORD_ACCELERATION, change, "acceleration")?;
        avatar.memory.acceleration[axis] = change as i8;
        let residual = i32::from(told.memory.residual[axis]) + i32::from(SURPRISE_MAX);
        let residual = tree(coder, model::RECORD_RESIDUAL, 3, residual as u32);
        if residual > 2 * surprise {
            return Err(DecodeError::OutOfRange { field: "residual" });
        }
        avatar.memory.residual[axis] = residual as i8 - SURPRISE_MAX as i8;
    }
    Ok(())
}

/// A small signed number within a bound.
fn bounded<C: Coder>(
    coder: &mut C,
    group: Group,
    (told, bound): (i16, i16),
    field: &'static str,
) -> Result<i16, DecodeError> {
    match i16::try_from(signed(coder, group, told.into())) {
        Ok(value) if value.unsigned_abs() <= bound.unsigned_abs() => Ok(value),
        _ => Err(DecodeError::OutOfRange { field }),
    }
}
