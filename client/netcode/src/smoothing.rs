//! The visual decay of a correction, apart from the simulation: the body is corrected at once,
//! the drawing follows.

use glam::Vec2;

/// Beyond this distance, in units, nothing is smoothed: a glide across the screen would be a lie
/// about what happened.
pub(crate) const SNAP_UNITS: f32 = 8.0;

/// Below this distance, in units, an error is invisible and dropped.
const NEGLIGIBLE_UNITS: f32 = 0.001;

/// Seconds in which an error halves. Short enough that aim stays honest, long enough that an
/// error of three units moves less than half a unit per frame.
const HALF_LIFE_SECONDS: f32 = 0.09;

/// No error shrinks faster than this: what is corrected glides at most as fast as a dash goes,
/// which is a motion that players know.
const UNITS_PER_SECOND_MAX: f32 = 20.0;

/// The distance between what is drawn and what is known, on its way to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Smoothing {
    error: Vec2,
}

impl Smoothing {
    /// What was drawn at `drawn` is known to be at `known`: the difference is taken over, unless
    /// it is too far.
    pub(crate) fn absorb(&mut self, drawn: Vec2, known: Vec2) {
        let error = drawn - known;
        self.error = if error.length() > SNAP_UNITS {
            Vec2::ZERO
        } else {
            error
        };
    }

    /// Lets `seconds` pass.
    pub(crate) fn decay(&mut self, seconds: f32) {
        if self.error == Vec2::ZERO {
            return;
        }
        let removed = self.error * (1.0 - (-seconds / HALF_LIFE_SECONDS).exp2());
        self.error -= removed.clamp_length_max(UNITS_PER_SECOND_MAX * seconds);
        if self.error.length() < NEGLIGIBLE_UNITS {
            self.error = Vec2::ZERO;
        }
    }

    /// To be added to what is known.
    pub(crate) fn error(self) -> Vec2 {
        self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_halves_in_its_half_life_and_ends_at_zero() {
        let mut smoothing = Smoothing::default();
        smoothing.absorb(Vec2::new(3.0, 0.0), Vec2::new(1.0, 0.0));
        smoothing.decay(HALF_LIFE_SECONDS);
        assert!((smoothing.error().x - 1.0).abs() < 1e-4);
        for _ in 0..120 {
            smoothing.decay(1.0 / 60.0);
        }
        assert_eq!(smoothing.error(), Vec2::ZERO);
    }

    #[test]
    fn an_error_beyond_the_snap_limit_is_not_smoothed() {
        let mut smoothing = Smoothing::default();
        smoothing.absorb(Vec2::new(SNAP_UNITS + 1.0, 0.0), Vec2::ZERO);
        assert_eq!(smoothing.error(), Vec2::ZERO);
    }
}
