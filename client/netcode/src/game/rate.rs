//! How many ticks come per second.

use tickwire_shared::LocalTime;

/// Ticks per second over the last whole second.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    since: Option<LocalTime>,
    count: u32,
    hz: f64,
}

impl RateMeter {
    pub(super) fn count(&mut self, now: LocalTime) -> f64 {
        let since = *self.since.get_or_insert(now);
        let span = now.since(since).as_secs_f64();
        if span >= 1.0 {
            self.hz = f64::from(self.count) / span;
            self.since = Some(now);
            self.count = 0;
        }
        self.count += 1;
        self.hz
    }
}
