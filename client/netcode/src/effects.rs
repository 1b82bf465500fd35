//! Sparks as they are drawn, and the own pick-ups shown before the server confirms them.
//!
//! ```text
//! the own predicted avatar reaches a spark    hidden at once, `PickedUp`
//! the stream shows it gone                    confirmed, nothing to see
//! the stream shows the tick and the spark     denied: it fades in again
//! somebody else picks it up                   shown until the playout reaches that tick
//! it appears                                  fades in
//! ```

use crate::replica::Replica;
use crate::view::SparkView;
use glam::Vec2;
use std::collections::BTreeMap;
use tickwire_shared::game::{Body, Spark, UNIT};
use tickwire_shared::{SparkId, Tick};

/// Seconds in which a spark fades in.
const FADE_SECONDS: f32 = 0.25;

/// Pick-ups waiting for confirmation. An avatar passes a few sparks per second and a round trip
/// is short of that; more means that the stream has stopped.
const CLAIMS_MAX: usize = 64;

/// Ticks after which an unconfirmed pick-up counts as denied: the rules run after the step of
/// the same tick, so one would do; the second forgives a server that counts differently.
const PATIENCE_TICKS: u32 = 2;

/// The sparks drawn last and the pick-ups claimed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    claims: Vec<Claim>,
    shown: BTreeMap<SparkId, Shown>,
    seen_any: bool,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    spark: Spark,
    tick: Tick,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    spark: Spark,
    presence: f32,
    /// The newest tick at which the stream had it.
    last: Tick,
}

/// The centre of a spark in units.
pub(crate) fn position(spark: Spark) -> Vec2 {
    spark.position().as_vec2() / UNIT as f32
}

impl Effects {
    pub(crate) fn clear(&mut self) {
        *self = Effects::default();
    }

    /// The own avatar is predicted at `body` at the end of `tick`. Returns the sparks that it
    /// reached for the first time.
    pub(crate) fn claim(&mut self, replica: &Replica, tick: Tick, body: &Body) -> Vec<Spark> {
        let reached = replica
            .sparks()
            .filter(|spark| spark.is_reached_from(body.position));
        let mut new = Vec::new();
        for spark in reached {
            let known = self.claims.iter().any(|claim| claim.spark == *spark);
            if !known && self.claims.len() < CLAIMS_MAX {
                self.claims.push(Claim {
                    spark: *spark,
                    tick,
                });
                new.push(*spark);
            }
        }
        new
    }

    /// The replica has a new tick: claims are confirmed or denied.
    pub(crate) fn settle(&mut self, replica: &Replica) {
        let Some(tick) = replica.tick() else { return };
        self.claims.retain(|claim| {
            let patient = tick <= claim.tick + PATIENCE_TICKS;
            patient && replica.sparks().any(|spark| *spark == claim.spark)
        });
    }

    /// What to draw; `playout` is the time at which others are drawn.
    pub(crate) fn draw(
        &mut self,
        replica: &Replica,
        playout: f64,
        seconds: f32,
        out: &mut Vec<SparkView>,
    ) {
        let Some(newest) = replica.tick() else { return };
        // The first sight of a room is no event: nothing fades.
        let first = !std::mem::replace(&mut self.seen_any, true);
        for spark in replica.sparks() {
            let shown = self.shown.entry(spark.id).or_insert(Shown {
                spark: *spark,
                presence: if first { 1.0 } else { 0.0 },
                last: newest,
            });
            if shown.spark != *spark {
                shown.presence = 0.0;
            }
            shown.spark = *spark;
            shown.last = newest;
        }
        let claims = &self.claims;
        self.shown.retain(|_, shown| {
            let is_claimed = claims.iter().any(|claim| claim.spark == shown.spark);
            let is_gone = shown.last < newest;
            if is_claimed {
                shown.presence = 0.0;
            } else if !is_gone {
                shown.presence = (shown.presence + seconds / FADE_SECONDS).min(1.0);
            }
            // Hidden and gone: a confirmed claim. Shown and gone: until the playout is there.
            !is_gone || (shown.presence > 0.0 && playout < f64::from(shown.last.0))
        });
        out.clear();
        out.extend(
            self.shown
                .iter()
                .filter(|(_, s)| s.presence > 0.0)
                .map(|(id, s)| SparkView {
                    id: *id,
                    position: position(s.spark),
                    presence: s.presence,
                }),
        );
    }
}
