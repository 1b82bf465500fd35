//! Going for sparks: choose one of the nearest on foot, walk the way around the walls, dash where
//! the way is long and straight, and now and then dash at somebody who stands too near.

use super::{Intent, Senses, ticks, towards};
use crate::path::{PathFinder, centre_of, tile_of, walk_is_free};
use glam::IVec2;
use rand::{Rng, RngExt};
use tickwire_shared::game::{Body, MoveRules, Spark, Throttle, UNIT};
use tickwire_shared::{SparkId, Tick};

/// A seeker's state.
#[derive(Debug, Default)]
pub(super) struct Seek {
    errand: Option<Errand>,
    lunge: Option<Lunge>,
    /// A spark it gave up, not to be chosen again before this tick.
    given_up: Option<(SparkId, Tick)>,
    rest_until: Tick,
    progress: Progress,
}

/// Where it is going.
#[derive(Debug)]
struct Errand {
    /// `None` while it only looks for a place with sparks.
    spark: Option<Spark>,
    goal: IVec2,
    /// Tiles still to walk, last first.
    way: Vec<IVec2>,
    /// Caught at the corner of a wall, which eight directions cannot always leave towards the
    /// goal: to this point first.
    detour: Option<IVec2>,
    give_up_at: Tick,
}

/// A dash at somebody.
#[derive(Clone, Copy, Debug)]
struct Lunge {
    at: IVec2,
    until: Tick,
}

/// Whether it gets anywhere.
#[derive(Debug, Default)]
struct Progress {
    position: IVec2,
    since: Tick,
}

/// Sparks among which it chooses: not everybody runs to the very nearest.
const CHOICES: usize = 3;
/// A seeker that takes this much longer than the way needs at full speed chooses another spark.
const PATIENCE: f32 = 2.0;
/// And this much besides.
const PATIENCE_SECONDS: f32 = 3.0;
/// For how long it does not come back to a spark that it gave up.
const GRUDGE_SECONDS: f32 = 5.0;
/// Somebody this near may be dashed at, in lattice points: a dash goes four units.
const LUNGE_DISTANCE: i32 = 4 * UNIT;
/// Odds per look.
const LUNGE_ODDS: f64 = 0.04;
const SPRINT_ODDS: f64 = 0.05;
/// A straight stretch worth a dash, in lattice points.
const SPRINT_DISTANCE: i32 = 7 * UNIT;
/// Moved less than this within [`STUCK_SECONDS`] while it wanted to walk: stuck.
const STUCK_DISTANCE: i32 = UNIT / 2;
const STUCK_SECONDS: f32 = 0.4;
/// A detour ends this near to its point, in lattice points.
const DETOUR_END: i32 = UNIT / 4;
/// Tiles of the way looked at for a straight walk.
const SHORT_CUT_TILES: usize = 6;
/// Places among which a seeker without a spark takes a middling one, and how far they may lie.
const ROAM_CHOICES: usize = 6;
const ROAM_UNITS: i32 = 28;

impl Seek {
    pub(super) fn look(
        &mut self,
        senses: &Senses<'_>,
        finder: &mut PathFinder,
        rng: &mut impl Rng,
    ) -> Intent {
        if senses.tick < self.rest_until {
            return Intent::default();
        }
        if let Some(intent) = self.lunge(senses, rng) {
            return intent;
        }
        self.drop_stale_errand(senses, rng);
        if self.errand.is_none() {
            self.errand = self.choose(senses, finder, rng);
        }
        let Some(errand) = &mut self.errand else {
            self.rest_until = senses.tick + ticks(senses.world, 0.5);
            return Intent::default();
        };
        errand.walk(senses, rng)
    }

    /// Continues or begins a dash at somebody.
    fn lunge(&mut self, senses: &Senses<'_>, rng: &mut impl Rng) -> Option<Intent> {
        let body = &senses.body;
        self.lunge = self.lunge.filter(|lunge| senses.tick < lunge.until);
        if self.lunge.is_none() && body.dash.cooldown == 0 && rng.random_bool(LUNGE_ODDS) {
            self.lunge = nearest_victim(senses).map(|victim| Lunge {
                // Where it will be when the dash arrives.
                at: victim.position + (victim.velocity >> IVec2::splat(4)) * 4,
                until: senses.tick + ticks(senses.world, 0.3),
            });
        }
        self.lunge.map(|lunge| {
            let heading = towards(body.position, lunge.at);
            Intent {
                walk: Some((heading, Throttle::FULL)),
                gaze: Some(heading),
                dash: true,
            }
        })
    }

    /// Ends an errand that is done, taken by another, too long, or stuck.
    fn drop_stale_errand(&mut self, senses: &Senses<'_>, rng: &mut impl Rng) {
        let Senses {
            tick, world, body, ..
        } = *senses;
        let is_stuck = self.progress.is_stuck(senses);
        let Some(errand) = &mut self.errand else {
            return;
        };
        let is_gone = match errand.spark {
            Some(spark) => !sees(senses, spark) || spark.is_reached_from(body.position),
            None => (errand.goal - body.position).abs().max_element() < UNIT,
        };
        if is_gone {
            // A short breath now and then.
            if rng.random_bool(0.15) {
                self.rest_until = tick + ticks(world, rng.random_range(0.2..1.2));
            }
        } else if tick >= errand.give_up_at || (is_stuck && errand.detour.is_some()) {
            let until = tick + ticks(world, GRUDGE_SECONDS);
            self.given_up = errand.spark.map(|spark| (spark.id, until));
        } else {
            if is_stuck {
                let here = tile_of(&world.arena, body.position);
                errand.detour = Some(centre_of(&world.arena, here));
            }
            return;
        }
        self.errand = None;
    }

    fn choose(
        &self,
        senses: &Senses<'_>,
        finder: &mut PathFinder,
        rng: &mut impl Rng,
    ) -> Option<Errand> {
        let (arena, from) = (&senses.world.arena, senses.body.position);
        let shunned = self.given_up.filter(|(_, until)| senses.tick < *until);
        let mut sparks: Vec<Spark> = Vec::new();
        senses.sight.for_each_cell(&mut |cell| {
            let wanted = |spark: &&Spark| shunned.is_none_or(|(id, _)| spark.id != id);
            sparks.extend(cell.sparks().iter().filter(wanted));
        });
        let goals = sparks.iter().map(Spark::position);
        let Some(way) = finder.find(arena, from, goals, rng.random_range(0..CHOICES)) else {
            return roam(senses, finder, rng);
        };
        let end = way.first().copied().unwrap_or(tile_of(arena, from));
        let spark = sparks
            .into_iter()
            .find(|spark| tile_of(arena, spark.position()) == end)?;
        Some(Errand::new(senses, Some(spark), spark.position(), way))
    }
}

/// No spark in sight: go some way and look again.
fn roam(senses: &Senses<'_>, finder: &mut PathFinder, rng: &mut impl Rng) -> Option<Errand> {
    let (arena, from) = (&senses.world.arena, senses.body.position);
    let places: Vec<IVec2> = (0..ROAM_CHOICES)
        .map(|_| {
            let mut units = || rng.random_range(-ROAM_UNITS..=ROAM_UNITS);
            arena.clamp(from + IVec2::new(units(), units()) * UNIT)
        })
        .collect();
    let way = finder.find(arena, from, places.into_iter(), ROAM_CHOICES / 2)?;
    let goal = centre_of(arena, *way.first()?);
    Some(Errand::new(senses, None, goal, way))
}

impl Errand {
    fn new(senses: &Senses<'_>, spark: Option<Spark>, goal: IVec2, way: Vec<IVec2>) -> Errand {
        let tile_units = f32::from(senses.world.arena.spec().tile_units);
        let seconds = way.len() as f32 * tile_units / MoveRules::UNITS_PER_SECOND as f32;
        let patience = PATIENCE * seconds + PATIENCE_SECONDS;
        Errand {
            spark,
            goal,
            way,
            detour: None,
            give_up_at: senses.tick + ticks(senses.world, patience),
        }
    }

    /// Towards the farthest point of the way that can be walked to straight.
    fn walk(&mut self, senses: &Senses<'_>, rng: &mut impl Rng) -> Intent {
        let (arena, body) = (&senses.world.arena, &senses.body);
        let from = body.position;
        let here = tile_of(arena, from);
        if let Some(at) = self.way.iter().position(|tile| *tile == here) {
            self.way.truncate(at);
        }
        let distance_to = |point: IVec2| (point - from).abs().max_element();
        self.detour = self.detour.filter(|point| distance_to(*point) > DETOUR_END);
        let near_goal = self.way.len() <= SHORT_CUT_TILES && walk_is_free(arena, from, self.goal);
        let target = if let Some(point) = self.detour {
            point
        } else if near_goal {
            self.goal
        } else {
            let ahead = self.way.len().saturating_sub(SHORT_CUT_TILES);
            self.way[ahead..]
                .iter()
                .map(|tile| centre_of(arena, *tile))
                .find(|centre| walk_is_free(arena, from, *centre))
                // Blocked by the rim of a wall: back to the middle of the tile first.
                .unwrap_or(centre_of(arena, here))
        };
        let heading = towards(coasting(body), target);
        let is_sprint = body.dash.cooldown == 0
            && distance_to(target) > SPRINT_DISTANCE
            && rng.random_bool(SPRINT_ODDS);
        Intent {
            walk: Some((heading, Throttle::FULL)),
            gaze: Some(towards(from, self.goal)),
            dash: is_sprint,
        }
    }
}

impl Progress {
    fn is_stuck(&mut self, senses: &Senses<'_>) -> bool {
        let moved = (senses.body.position - self.position).abs().max_element();
        if moved > STUCK_DISTANCE {
            self.position = senses.body.position;
            self.since = senses.tick;
        }
        let is_stuck = senses.tick.since(self.since) > ticks(senses.world, STUCK_SECONDS).into();
        if is_stuck {
            self.since = senses.tick;
        }
        is_stuck
    }
}

/// Where the body's momentum carries it within about three ticks, so that it steers against its
/// sideways drift.
fn coasting(body: &Body) -> IVec2 {
    body.position + (body.velocity >> IVec2::splat(4)) * 2
}

fn sees(senses: &Senses<'_>, spark: Spark) -> bool {
    let mut found = false;
    senses.sight.for_each_cell(&mut |cell| {
        found |= cell
            .sparks()
            .binary_search_by_key(&spark.id, |other| other.id)
            .is_ok_and(|at| cell.sparks()[at] == spark);
    });
    found
}

fn nearest_victim(senses: &Senses<'_>) -> Option<Body> {
    let from = senses.body.position;
    let distance = |body: &Body| (body.position - from).abs().max_element();
    let mut nearest: Option<Body> = None;
    senses.sight.for_each_cell(&mut |cell| {
        for avatar in cell.avatars() {
            let is_better = avatar.id != senses.me
                && !avatar.body.is_dashing()
                && distance(&avatar.body) < nearest.as_ref().map_or(LUNGE_DISTANCE, distance);
            if is_better {
                nearest = Some(avatar.body);
            }
        }
    });
    nearest.filter(|victim| walk_is_free(&senses.world.arena, from, victim.position))
}
