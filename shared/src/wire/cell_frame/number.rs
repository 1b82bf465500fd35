//! Numbers as decisions.

use super::super::DecodeError;
use super::super::model::{Coder, Group};

/// A number of `bits` bits, each with odds that depend on those above it: `2^bits - 1` contexts.
pub(super) fn tree<C: Coder>(coder: &mut C, group: Group, bits: u32, value: u32) -> u32 {
    let mut node = 1;
    for shift in (0..bits).rev() {
        let bit = coder.bit(group.at(node as usize - 1), value >> shift & 1 == 1);
        node = node << 1 | u32::from(bit);
    }
    node - (1 << bits)
}

/// A number of `bits` bits of which nothing is known.
pub(super) fn raw<C: Coder>(coder: &mut C, bits: u32, value: u32) -> u32 {
    (0..bits).rev().fold(0, |read, shift| {
        read << 1 | u32::from(coder.half(value >> shift & 1 == 1))
    })
}

/// A number below `count`, all alike.
pub(super) fn below<C: Coder>(
    coder: &mut C,
    count: u32,
    value: u32,
    field: &'static str,
) -> Result<u32, DecodeError> {
    let value = raw(coder, bits_below(count), value);
    if value < count {
        Ok(value)
    } else {
        Err(DecodeError::OutOfRange { field })
    }
}

/// Bits of the largest number below `count`, which is at least one.
pub(super) fn bits_below(count: u32) -> u32 {
    u32::BITS - (count - 1).leading_zeros()
}

/// A number of any size below 2^31: its length in bits as a tree of five bits (31 contexts), then
/// the bits below the leading one.
pub(super) fn sized<C: Coder>(coder: &mut C, group: Group, value: u32) -> u32 {
    debug_assert!(value < 1 << 31);
    let len = tree(coder, group, 5, u32::BITS - value.leading_zeros());
    match len {
        0 => 0,
        _ => 1 << (len - 1) | raw(coder, len - 1, value),
    }
}

/// The same with a sign, which is the 32nd context of the group.
pub(super) fn signed<C: Coder>(coder: &mut C, group: Group, value: i32) -> i32 {
    let size = sized(coder, group, value.unsigned_abs()) as i32;
    if size != 0 && coder.bit(group.at(31), value < 0) {
        -size
    } else {
        size
    }
}

/// A count, one decision per step, up to `limit`; the context of each step is the step's place in
/// the group.
pub(super) fn unary<C: Coder>(coder: &mut C, group: Group, limit: u32, value: u32) -> u32 {
    (0..limit)
        .find(|&step| !coder.bit(group.at(step as usize), value > step))
        .unwrap_or(limit)
}
