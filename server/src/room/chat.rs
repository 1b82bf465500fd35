//! The chat of one player: a token bucket that counts in ticks, so that the room needs no clock.

use tickwire_shared::{Tick, TickRate};

/// Lines that a player may say at once.
const CHAT_BURST: u32 = 5;

/// Seconds after which a player may say one more.
const CHAT_SECONDS_PER_LINE: u32 = 2;

/// How many lines a player may say.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChatBucket {
    lines: u32,
    /// When the bucket was last filled.
    filled: Tick,
}

impl ChatBucket {
    /// A full bucket.
    pub(super) fn new(at: Tick) -> ChatBucket {
        ChatBucket {
            lines: CHAT_BURST,
            filled: at,
        }
    }

    /// Takes one line out; `false` if there is none.
    pub(super) fn take(&mut self, at: Tick, rate: TickRate) -> bool {
        let period = CHAT_SECONDS_PER_LINE * u32::from(rate.hz());
        let earned = at.0.saturating_sub(self.filled.0) / period;
        if self.lines + earned >= CHAT_BURST {
            *self = ChatBucket::new(at);
        } else {
            self.lines += earned;
            self.filled = self.filled + earned * period;
        }
        if self.lines == 0 {
            return false;
        }
        self.lines -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_line_per_period() {
        let rate = TickRate::DEFAULT;
        let mut bucket = ChatBucket::new(Tick(0));
        let mut said = |tick: u32| (0..10).filter(|_| bucket.take(Tick(tick), rate)).count();
        assert_eq!(said(0), 5);
        assert_eq!(said(59), 0);
        assert_eq!(said(60), 1);
        assert_eq!(said(119), 0);
        assert_eq!(said(100_000), 5);
    }
}
