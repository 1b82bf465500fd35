//! How far apart a caller draws: the habit, not the hitch.
//!
//! A caller with frames samples inputs when a frame begins, up to one frame after the tick that
//! they are for. Where in a tick the frames fall drifts slowly, so the worst may not have been seen
//! for minutes; but it is known, from the frames themselves. A frame that comes late now and then
//! says nothing about the next ones and shall not cost lead.

use std::time::Duration;

/// Frames looked back on: half a second to three.
const FRAMES: usize = 64;
/// The habit is computed anew after this many frames.
const REFRESH: usize = 8;
/// So many of the `FRAMES` may be further apart without being a habit.
const HITCHES: usize = 6;

/// The distance that nearly all of the last frames kept.
#[derive(Debug)]
pub(crate) struct FrameHabit {
    gaps: [Duration; FRAMES],
    noted: usize,
    apart: Duration,
}

impl Default for FrameHabit {
    fn default() -> FrameHabit {
        FrameHabit {
            gaps: [Duration::ZERO; FRAMES],
            noted: 0,
            apart: Duration::ZERO,
        }
    }
}

impl FrameHabit {
    /// A frame was drawn this long after the one before.
    pub(crate) fn note(&mut self, gap: Duration) {
        self.gaps[self.noted % FRAMES] = gap;
        self.noted += 1;
        if self.noted.is_multiple_of(REFRESH) || self.noted < REFRESH {
            let mut gaps = self.gaps;
            let gaps = &mut gaps[..self.noted.min(FRAMES)];
            // In proportion, while few are known.
            let at = gaps.len() - 1 - gaps.len() * HITCHES / FRAMES;
            self.apart = *gaps.select_nth_unstable(at).1;
        }
    }

    /// Zero for a caller that draws nothing.
    pub(crate) fn apart(&self) -> Duration {
        self.apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_habit_follows_the_frame_rate_and_forgives_hitches() {
        let ms = Duration::from_millis;
        let mut habit = FrameHabit::default();
        assert_eq!(habit.apart(), Duration::ZERO);
        habit.note(ms(16));
        assert_eq!(habit.apart(), ms(16));
        for frame in 1..=600 {
            habit.note(if frame % 30 == 0 { ms(90) } else { ms(16) });
        }
        assert_eq!(habit.apart(), ms(16));
        // Every third frame is dropped: that is how this machine draws.
        for frame in 0..64 {
            habit.note(if frame % 3 == 0 { ms(33) } else { ms(16) });
        }
        assert_eq!(habit.apart(), ms(33));
        for _ in 0..64 {
            habit.note(ms(7));
        }
        assert_eq!(habit.apart(), ms(7));
    }
}
