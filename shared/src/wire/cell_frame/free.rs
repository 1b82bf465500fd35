//! One tick of one avatar of a kind whose movement followers do not know: second-order
//! extrapolation with decaying acceleration, and the residual of each axis.

use super::super::DecodeError;
use super::super::model::{self, Coder};
use super::avatar::{Avatar, FREE_SHIFT, FREE_VELOCITY_SHIFT, Memory, SURPRISE_MAX};
use super::motion::code_aim;
use super::number::{sized, unary};
use crate::game::movement::VELOCITY_MAX;
use crate::game::{Body, World};
use glam::IVec2;

/// The part of an acceleration that lasts another tick, in sixteenths: the decay of an approach
/// that covers 5/16 of the way per tick.
const DECAY: i32 = 11;
/// Steps of the unary part of a residual.
const SIZE_STEPS: u32 = 15;

/// What extrapolation says of one axis, in steps of 1/128 unit.
#[derive(Clone, Copy)]
struct AxisPrediction {
    displacement: i32,
    /// What rounding left out, in sixteenths: -8 to 7.
    fraction: i32,
    /// Odds class: at rest, last residual 0, 1, more.
    class: usize,
}

/// Takes `avatar` one tick further. A writer is given the true body, a reader any.
pub(super) fn code_free<C: Coder>(
    coder: &mut C,
    world: &World,
    avatar: &mut Avatar,
    truth: &Body,
) -> Result<(), DecodeError> {
    let from = avatar.body.position >> FREE_SHIFT;
    let (x, y) = (predict(avatar, 0), predict(avatar, 1));
    let expected = from.wrapping_add(IVec2::new(x.displacement, y.displacement));
    let aim = avatar.memory.expected_aim(avatar.body.facing);
    let told = (truth.position >> FREE_SHIFT).wrapping_sub(expected);
    let told_turned = truth.facing != aim.angle;

    let mut residual = IVec2::ZERO;
    let mut facing = aim.angle;
    let activity = avatar.activity() - 1;
    let quiet = model::FREE_QUIET.at((x.class * 4 + y.class) * 6 + activity);
    if coder.bit(quiet, told != IVec2::ZERO || told_turned) {
        let last = avatar.memory.residual;
        residual.x = code_axis(coder, x, last[0], (0, y.class), told.x);
        let other = 2 * residual.x.unsigned_abs().min(2) as usize + usize::from(y.class > 0);
        residual.y = code_axis(coder, y, last[1], (1, other), told.y);
        let largest = residual.x.unsigned_abs().max(residual.y.unsigned_abs());
        let turned = residual == IVec2::ZERO
            || coder.bit(
                model::FREE_TURNED.at(activity * 2 + usize::from(largest > 1)),
                told_turned,
            );
        if turned {
            facing = code_aim(coder, &avatar.memory, aim, truth.facing)?;
        }
    }
    let steps = expected.wrapping_add(residual);
    let position = IVec2::new(lattice(steps.x)?, lattice(steps.y)?);
    if !world.arena.contains(position) {
        return Err(DecodeError::OutOfRange { field: "position" });
    }
    avatar.memory.follow_aim(avatar.body.facing, facing, aim);
    advance(avatar, steps - from, residual);
    avatar.body.position = position;
    avatar.body.facing = facing;
    Ok(())
}

/// The displacement of the last tick, in steps of 1/128 unit.
pub(super) fn displacement(body: &Body) -> IVec2 {
    body.velocity >> FREE_VELOCITY_SHIFT
}

fn predict(avatar: &Avatar, axis: usize) -> AxisPrediction {
    let displacement = displacement(&avatar.body)[axis];
    let memory = &avatar.memory;
    let change = i32::from(memory.acceleration[axis]) * DECAY;
    let rounded = (change + 8) >> 4;
    AxisPrediction {
        displacement: displacement + rounded,
        fraction: change - (rounded << 4),
        class: class(memory, axis, displacement),
    }
}

fn class(memory: &Memory, axis: usize, displacement: i32) -> usize {
    match memory.residual[axis].unsigned_abs() {
        0 if displacement == 0 && memory.acceleration[axis] == 0 => 0,
        size => 1 + usize::from(size.min(2)),
    }
}

/// The residual of one axis, x first. `other` is what is known of the other axis.
fn code_axis<C: Coder>(
    coder: &mut C,
    expected: AxisPrediction,
    last: i8,
    (axis, other): (usize, usize),
    told: i32,
) -> i32 {
    let fraction = ((expected.fraction + 8) >> 2) as usize;
    let quiet = ((axis * 4 + expected.class) * 4 + fraction) * 6 + other;
    let quiet = model::FREE_AXIS_QUIET.at(quiet);
    if !coder.bit(quiet, told != 0) {
        return 0;
    }
    let sign = model::FREE_SIGN.at((axis * 3 + (last.signum() + 1) as usize) * 4 + fraction);
    let is_negative = coder.bit(sign, told < 0);
    let size = told.unsigned_abs().saturating_sub(1);
    let group = model::FREE_SIZE.from(usize::from(last.unsigned_abs().min(SURPRISE_MAX)) * 15);
    let mut read = unary(coder, group, SIZE_STEPS, size);
    if read == SIZE_STEPS {
        read += sized(
            coder,
            model::FREE_LARGE,
            size.wrapping_sub(SIZE_STEPS) & LARGE_MASK,
        );
    }
    let read = (read & LARGE_MASK) as i32 + 1;
    if is_negative { -read } else { read }
}

/// No residual is larger: an arena has fewer steps of 1/128 unit.
const LARGE_MASK: u32 = (1 << 20) - 1;

/// Remembers how far the body went and how wrong the prediction was.
fn advance(avatar: &mut Avatar, moved: IVec2, residual: IVec2) {
    let last = displacement(&avatar.body);
    let bound = IVec2::splat(VELOCITY_MAX >> FREE_VELOCITY_SHIFT);
    let moved = moved.clamp(-bound, bound);
    let change = moved - last;
    let surprise = i32::from(SURPRISE_MAX);
    for axis in 0..2 {
        avatar.memory.acceleration[axis] = change[axis].clamp(-127, 127) as i8;
        avatar.memory.residual[axis] = residual[axis].clamp(-surprise, surprise) as i8;
    }
    avatar.body.velocity = moved << FREE_VELOCITY_SHIFT;
}

/// A coordinate in lattice points from one in steps, if it can be one.
fn lattice(steps: i32) -> Result<i32, DecodeError> {
    let field = "position";
    if (0..1 << 20).contains(&steps) {
        Ok(steps << FREE_SHIFT)
    } else {
        Err(DecodeError::OutOfRange { field })
    }
}
