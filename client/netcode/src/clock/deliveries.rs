//! How well inputs were delivered during the last minutes, and what is usual.

use std::collections::VecDeque;
use std::time::Duration;
use tickwire_shared::LocalTime;

/// Deliveries kept at most, whatever the rate: bounds memory and the search for the quantile.
const SAMPLES_MAX: usize = 1_024;
/// Even of few deliveries so many may be late: one stall is no habit, and what it costs once is
/// less than a lead that remembers it for minutes. With fewer than `LATE_FEW_OF` per late one,
/// each counts.
const LATE_FEW: usize = 2;
const LATE_FEW_OF: usize = 16;
/// The habitual jitter is the distance from the middle delivery to the one that this share of
/// deliveries is worse than: often enough to be a habit, at any rate of inputs.
const HABIT_SHARE: f64 = 0.1;
/// The deliveries that the clock remembers.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    all: VecDeque<Delivery>,
    scratch: Vec<f64>,
}

/// Three deliveries, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    /// The one that may just be late.
    pub(super) low: f64,
    /// See [`HABIT_SHARE`].
    pub(super) habit: f64,
    /// The median.
    pub(super) middle: f64,
}

#[derive(Clone, Copy, Debug)]
struct Delivery {
    at: LocalTime,
    /// Margin less phase, in ticks.
    ticks: f64,
}

impl Deliveries {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// Takes a delivery in and forgets those that came longer ago than `memory`.
    pub(super) fn remember(&mut self, now: LocalTime, ticks: f64, memory: Duration) {
        let oldest = now - memory;
        while self.all.front().is_some_and(|d| d.at < oldest) || self.all.len() >= SAMPLES_MAX {
            self.all.pop_front();
        }
        self.all.push_back(Delivery { at: now, ticks });
    }

    /// The worst of the last `count`.
    pub(super) fn worst_of_last(&self, count: usize) -> f64 {
        let recent = self.all.iter().rev().take(count);
        recent.map(|d| d.ticks).fold(f64::INFINITY, f64::min)
    }

    /// Forgets all but the last `count`.
    pub(super) fn keep_last(&mut self, count: usize) {
        let old = self.all.len().saturating_sub(count);
        self.all.drain(..old);
    }

    /// What is usual. There is at least one delivery.
    pub(super) fn spread(&mut self, late_share: f64) -> Spread {
        self.scratch.clear();
        self.scratch.extend(self.all.iter().map(|d| d.ticks));
        let len = self.scratch.len();
        let by = f64::total_cmp;
        let (below, middle, _) = self.scratch.select_nth_unstable_by(len / 2, by);
        let middle = *middle;
        if below.is_empty() {
            let (low, habit) = (middle, middle);
            return Spread { low, habit, middle };
        }
        let at = |share: f64| (len as f64 * share) as usize;
        let last = below.len() - 1;
        let (below, habit, _) = below.select_nth_unstable_by(at(HABIT_SHARE).min(last), by);
        let habit = *habit;
        let low = if below.is_empty() {
            habit
        } else {
            let last = below.len() - 1;
            let few = LATE_FEW.min(len / LATE_FEW_OF);
            let late = at(late_share).max(few).min(last);
            *below.select_nth_unstable_by(late, by).1
        };
        Spread { low, habit, middle }
    }
}
