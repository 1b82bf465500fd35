//! What must always hold: the invariants of the architecture as checkers that know nothing of
//! scenarios. A checker watches what passes between the parts and keeps its own, simpler idea of
//! what is right.

mod client;
mod inputs;
mod wire;

pub use client::ClientChecker;
pub use inputs::InputChecker;
pub use wire::WireChecker;

use std::fmt;
use tickwire_shared::LocalTime;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in virtual time.
    pub at: LocalTime,
    /// Which.
    pub rule: &'static str,
    /// Who and how.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.0 as f64 / 1e6;
        write!(f, "at {seconds:.3} s: {}: {}", self.rule, self.detail)
    }
}

/// A violation without its time, which the simulation adds.
pub type Check = Result<(), (&'static str, String)>;

/// Fails with `rule` unless `holds`.
pub fn ensure(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err((rule, detail())) }
}
