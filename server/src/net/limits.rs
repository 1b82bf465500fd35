//! Limits on what one client may send.

use tickwire_shared::LocalTime;

/// A token bucket over time: so many at once, so many per second in the long run.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    /// In fractions of a token, so that microseconds times rate need no division.
    tokens: u64,
    burst: u64,
    per_minute: u64,
    filled: LocalTime,
}

/// Microseconds of a minute.
const TOKEN: u64 = 60_000_000;

impl TokenBucket {
    /// A full bucket.
    pub(super) fn new(burst: u32, per_second: u32, now: LocalTime) -> TokenBucket {
        let burst = u64::from(burst) * TOKEN;
        TokenBucket {
            tokens: burst,
            burst,
            per_minute: u64::from(per_second) * 60,
            filled: now,
        }
    }

    /// A full bucket for what happens rarely: so many per minute, and as many at once.
    pub(super) fn per_minute(count: u32, now: LocalTime) -> TokenBucket {
        let per_minute = count.into();
        TokenBucket {
            per_minute,
            ..TokenBucket::new(count, 0, now)
        }
    }

    /// Whether it would be as full as at the start.
    pub(super) fn is_full(&self, now: LocalTime) -> bool {
        let mut filled = *self;
        filled.fill(now);
        filled.tokens >= filled.burst
    }

    /// Takes so many tokens; `false` if there are fewer.
    pub(super) fn take_many(&mut self, count: u32, now: LocalTime) -> bool {
        self.fill(now);
        let wanted = u64::from(count) * TOKEN;
        let has_tokens = self.tokens >= wanted;
        if has_tokens {
            self.tokens -= wanted;
        }
        has_tokens
    }

    fn fill(&mut self, now: LocalTime) {
        let elapsed = now.since(self.filled).as_micros() as u64;
        let earned = elapsed.saturating_mul(self.per_minute);
        self.tokens = self.tokens.saturating_add(earned).min(self.burst);
        self.filled = self.filled.max(now);
    }

    /// Takes one token; `false` if there is none.
    pub(super) fn take(&mut self, now: LocalTime) -> bool {
        self.take_many(1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 4, LocalTime(0));
        let mut taken = |micros: u64| (0..100).filter(|_| bucket.take(LocalTime(micros))).count();
        assert_eq!(taken(0), 10);
        assert_eq!(taken(249_999), 0);
        assert_eq!(taken(500_000), 2);
        assert_eq!(taken(100_000_000), 10);
        // A clock that steps back earns nothing.
        assert_eq!(taken(0), 0);
    }
}
