//! Limits on what one client may send.

use tickwire_shared::LocalTime;

/// A token bucket over time: so many at once, so many per second in the long run.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    /// In millionths of a token, so that microseconds times rate need no division.
    tokens: u64,
    burst: u64,
    per_second: u64,
    filled: LocalTime,
}

const TOKEN: u64 = 1_000_000;

impl TokenBucket {
    /// A full bucket.
    pub(super) fn new(burst: u32, per_second: u32, now: LocalTime) -> TokenBucket {
        let burst = u64::from(burst) * TOKEN;
        TokenBucket {
            tokens: burst,
            burst,
            per_second: per_second.into(),
            filled: now,
        }
    }

    /// Takes one token; `false` if there is none.
    pub(super) fn take(&mut self, now: LocalTime) -> bool {
        let elapsed = now.since(self.filled).as_micros() as u64;
        let earned = elapsed.saturating_mul(self.per_second);
        self.tokens = self.tokens.saturating_add(earned).min(self.burst);
        self.filled = self.filled.max(now);
        let has_token = self.tokens >= TOKEN;
        if has_token {
            self.tokens -= TOKEN;
        }
        has_token
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
