//! Log lines that clients can cause, so that no client can fill the disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tickwire_shared::LocalTime;

/// Lines of a kind in one period.
const LINES_MAX: u64 = 10;

/// Length of a period.
const PERIOD: Duration = Duration::from_secs(10);

/// Lets the first lines of a kind through in each period and counts the rest.
#[derive(Debug, Default)]
pub struct LogLimiter {
    /// The start of the period in microseconds; 0 before the first line.
    began: AtomicU64,
    /// Lines since then.
    lines: AtomicU64,
}

impl LogLimiter {
    /// Nothing said yet.
    pub const fn new() -> LogLimiter {
        LogLimiter {
            began: AtomicU64::new(0),
            lines: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written at `now`, and how many of the last period were left out.
    pub fn allow(&self, now: LocalTime) -> Option<u64> {
        let began = self.began.load(Ordering::Relaxed);
        let is_over = began == 0 || now.since(LocalTime(began)) >= PERIOD;
        // Of several threads one begins the new period; the others count into it.
        let relaxed = Ordering::Relaxed;
        let begin = || {
            self.began
                .compare_exchange(began, now.0.max(1), relaxed, relaxed)
        };
        if is_over && begin().is_ok() {
            let before = self.lines.swap(1, Ordering::Relaxed);
            return Some(before.saturating_sub(LINES_MAX));
        }
        (self.lines.fetch_add(1, Ordering::Relaxed) < LINES_MAX).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_few_lines_and_a_count() {
        let limiter = LogLimiter::new();
        let at = |seconds: u64| LocalTime(seconds * 1_000_000);
        let said = |now| {
            (0..1_000)
                .filter_map(|_| limiter.allow(now))
                .collect::<Vec<_>>()
        };
        assert_eq!(said(at(1)), [0; 10]);
        assert!(said(at(5)).is_empty());
        let next = said(at(12));
        assert_eq!((next.len(), next[0], next[1]), (10, 1_990, 0));
    }
}
