//! The chat of one player: a token bucket that counts in ticks, so that the room needs no clock.

use tickwire_shared::{Tick, TickRate};

/// How much a player may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatRules {
    /// Lines at once, at least one.
    pub burst: u32,
    /// Seconds after which there may be one more.
    pub seconds_per_line: u32,
}

impl Default for ChatRules {
    /// A short exchange passes; a script that fills everybody's screen does not.
    fn default() -> ChatRules {
        ChatRules {
            burst: 5,
            seconds_per_line: 2,
        }
    }
}

/// What came out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A line.
    Line,
    /// Nothing, for the first time since a line.
    Dry,
    /// Nothing again.
    StillDry,
}

/// How many lines a player may say.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChatBucket {
    spent: u32,
    /// When the bucket was last filled.
    filled: Tick,
    /// The player has been told that the bucket is empty.
    is_warned: bool,
}

impl ChatBucket {
    /// A full bucket.
    pub(super) fn new(at: Tick) -> ChatBucket {
        ChatBucket {
            spent: 0,
            filled: at,
            is_warned: false,
        }
    }

    /// Takes one line out, if there is one.
    pub(super) fn take(&mut self, at: Tick, rate: TickRate, rules: ChatRules) -> Taken {
        let period = (rules.seconds_per_line * u32::from(rate.hz())).max(1);
        let earned = at.0.saturating_sub(self.filled.0) / period;
        if earned >= self.spent {
            self.spent = 0;
            self.filled = at;
        } else {
            self.spent -= earned;
            self.filled = self.filled + earned * period;
        }
        if self.spent >= rules.burst {
            let is_first = !std::mem::replace(&mut self.is_warned, true);
            return if is_first {
                Taken::Dry
            } else {
                Taken::StillDry
            };
        }
        self.spent += 1;
        self.is_warned = false;
        Taken::Line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_line_per_period() {
        let rate = TickRate::DEFAULT;
        let mut bucket = ChatBucket::new(Tick(0));
        let mut said = |tick: u32| {
            let taken: Vec<Taken> = (0..10)
                .map(|_| bucket.take(Tick(tick), rate, ChatRules::default()))
                .collect();
            let count = |kind| taken.iter().filter(|taken| **taken == kind).count();
            assert!(count(Taken::Dry) <= 1, "one warning per dry spell");
            count(Taken::Line)
        };
        assert_eq!(said(0), 5);
        assert_eq!(said(59), 0);
        assert_eq!(said(60), 1);
        assert_eq!(said(119), 0);
        assert_eq!(said(100_000), 5);
    }
}
