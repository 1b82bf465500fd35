//! Angles in 1/256 of a turn, and their directions by table.

use glam::Vec2;
use serde::{Deserialize, Serialize};

/// An angle in 1/256 turn, counter-clockwise from the x axis. Arithmetic wraps, as angles do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Angle(pub u8);

/// The length of the vectors that [`Angle::direction`] returns: a fixed-point one.
pub const DIRECTION_ONE: i32 = 1 << DIRECTION_SHIFT;
/// `log2` of [`DIRECTION_ONE`].
pub const DIRECTION_SHIFT: u32 = 12;

impl Angle {
    /// Cosine and sine, as multiples of 1/[`DIRECTION_ONE`].
    #[inline]
    pub fn direction(self) -> (i32, i32) {
        (sine(self.0.wrapping_add(64)), sine(self.0))
    }

    /// The nearest angle of a direction; zero for a vector without one. For gathering input from
    /// pointers and sticks: it uses floating point, so the simulation never calls it.
    #[must_use]
    pub fn from_vec2(direction: Vec2) -> Angle {
        if !direction.is_finite() || direction == Vec2::ZERO {
            return Angle(0);
        }
        let turns = f64::from(direction.y).atan2(f64::from(direction.x)) / std::f64::consts::TAU;
        Angle((turns * 256.0).round().rem_euclid(256.0) as u8)
    }

    /// In radians, -π to π, for views.
    pub fn radians(self) -> f32 {
        f32::from(self.0.cast_signed()) * std::f32::consts::TAU / 256.0
    }

    /// The shorter way from `self` to `other`, in 1/256 turn, -128 to 127.
    pub fn difference(self, other: Angle) -> i8 {
        other.0.wrapping_sub(self.0).cast_signed()
    }

    /// This angle turned by `delta`.
    #[must_use]
    pub fn turned(self, delta: i8) -> Angle {
        Angle(self.0.wrapping_add(delta.cast_unsigned()))
    }
}

fn sine(angle: u8) -> i32 {
    let within = usize::from(angle & 63);
    match angle >> 6 {
        0 => QUARTER_SINE[within],
        1 => QUARTER_SINE[64 - within],
        2 => -QUARTER_SINE[within],
        _ => -QUARTER_SINE[64 - within],
    }
}

/// `round(4096 * sin(i * pi / 128))` for the first quarter turn. A table, because the sine of a
/// platform's library is not the same on every platform.
#[rustfmt::skip]
const QUARTER_SINE: [i32; 65] = [
    0, 101, 201, 301, 401, 501, 601, 700, 799, 897,
    995, 1092, 1189, 1285, 1380, 1474, 1567, 1660, 1751, 1842,
    1931, 2019, 2106, 2191, 2276, 2359, 2440, 2520, 2598, 2675,
    2751, 2824, 2896, 2967, 3035, 3102, 3166, 3229, 3290, 3349,
    3406, 3461, 3513, 3564, 3612, 3659, 3703, 3745, 3784, 3822,
    3857, 3889, 3920, 3948, 3973, 3996, 4017, 4036, 4052, 4065,
    4076, 4085, 4091, 4095, 4096,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_rounded_sine() {
        for angle in 0..=255u8 {
            let radians = f64::from(angle) * std::f64::consts::TAU / 256.0;
            let (x, y) = Angle(angle).direction();
            assert_eq!(
                x,
                (radians.cos() * 4096.0).round() as i32,
                "cosine of {angle}"
            );
            assert_eq!(
                y,
                (radians.sin() * 4096.0).round() as i32,
                "sine of {angle}"
            );
        }
    }

    #[test]
    fn a_direction_gives_its_angle_back() {
        for angle in 0..=255u8 {
            let (x, y) = Angle(angle).direction();
            assert_eq!(
                Angle::from_vec2(Vec2::new(x as f32, y as f32)),
                Angle(angle)
            );
        }
        assert_eq!(Angle::from_vec2(Vec2::NAN), Angle(0));
    }

    #[test]
    fn differences_take_the_shorter_way() {
        assert_eq!(Angle(250).difference(Angle(4)), 10);
        assert_eq!(Angle(4).turned(-10), Angle(250));
    }
}
