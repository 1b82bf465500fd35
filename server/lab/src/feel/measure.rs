//! Watches a run and gathers the figures.

use super::others::{Others, Truth};
use super::report::{FeelReport, Quantiles};
use super::{FRAMES_PER_SECOND, Feel, Path};
use crate::peer::Peer;
use crate::simulation::{Probe, Simulation};
use glam::Vec2;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::Arc;
use tickwire_netcode::{Stats, View};
use tickwire_server::room::Broadcast;
use tickwire_shared::game::angle::DIRECTION_ONE;
use tickwire_shared::game::{UNIT, World};
use tickwire_shared::{LocalTime, PlayerId};

/// An avatar at rest has moved when it is further off than this, in units.
const MOVED_UNITS: f32 = 0.003;
/// Seconds of the plotted path.
const PATH_SECONDS: f64 = 20.0;

/// See the module.
pub(super) struct Measure {
    world: Arc<World>,
    truth: Truth,
    began: Option<LocalTime>,
    others: Others,
    press: Press,
    own_ms: Histogram<u64>,
    others_ms: Histogram<u64>,
    delay_ms: Histogram<u64>,
    clock_error_us: Histogram<u64>,
    lead_ticks: (f64, u64),
    before: Vec<(Stats, u64, u64)>,
    path: Path,
}

/// The last press of the pulsing player and who has seen it.
#[derive(Default)]
struct Press {
    count: u64,
    at: LocalTime,
    id: Option<PlayerId>,
    /// Where each screen showed the avatar at rest; taken out when it has moved there.
    waiting: BTreeMap<usize, Vec2>,
    /// Where each screen shows it, by the last frame.
    shown: BTreeMap<usize, (Vec2, Vec2)>,
}

pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 100_000_000, 3).expect("constant bounds")
}

impl Measure {
    pub(super) fn new(world: Arc<World>) -> Measure {
        let rate = f64::from(world.tick_rate.hz());
        Measure {
            world,
            truth: Truth::default(),
            began: None,
            others: Others::new(rate / f64::from(FRAMES_PER_SECOND)),
            press: Press::default(),
            own_ms: histogram(),
            others_ms: histogram(),
            delay_ms: histogram(),
            clock_error_us: histogram(),
            lead_ticks: (0.0, 0),
            before: Vec::new(),
            path: Path::default(),
        }
    }

    pub(super) fn begin(&mut self, simulation: &Simulation) {
        self.began = Some(simulation.now);
        self.before = counters(simulation);
    }

    pub(super) fn finish(self, simulation: &Simulation, name: &str, seconds: u64) -> Feel {
        let after = counters(simulation);
        let mut report = FeelReport {
            profile: name.to_owned(),
            seconds,
            own_input_to_own_screen_ms: Quantiles::of_micros(&self.own_ms),
            own_input_to_others_screens_ms: Quantiles::of_micros(&self.others_ms),
            others_jump_max_units: self.others.jump_max,
            others_jerk_max_units: self.others.jerk_max,
            others_off_units: Quantiles::of_millionths(&self.others.off),
            playout_delay_ms: Quantiles::of_micros(&self.delay_ms),
            clock_error_ms: Quantiles::of_micros(&self.clock_error_us),
            lead_ms: self.lead_ticks.0 / self.lead_ticks.1.max(1) as f64
                * self.world.tick_rate.seconds()
                * 1e3,
            ..FeelReport::default()
        };
        let minutes = seconds as f64 / 60.0 * after.len() as f64;
        let (mut received, mut late) = (0, 0);
        for ((stats, received_now, late_now), (old, received_then, late_then)) in
            after.iter().zip(&self.before)
        {
            received += received_now - received_then;
            late += late_now - late_then;
            let corrections = (stats.corrections, old.corrections);
            let per_minute = |now: u64, then: u64| (now - then) as f64 / minutes;
            report.corrections_late_per_minute +=
                per_minute(corrections.0.late_input, corrections.1.late_input);
            report.corrections_event_per_minute +=
                per_minute(corrections.0.server_event, corrections.1.server_event);
            report.corrections_resync_per_minute +=
                per_minute(corrections.0.resync, corrections.1.resync);
            let size = f64::from(stats.correction_size_max);
            report.correction_max_units = report.correction_max_units.max(size);
            report.starved_percent +=
                (stats.starved_ms - old.starved_ms) / (seconds as f64 * 10.0 * after.len() as f64);
        }
        report.late_inputs_percent = late as f64 / received.max(1) as f64 * 100.0;
        Feel {
            report,
            path: self.path,
        }
    }

    /// Times the pulsing player's first step on this screen.
    fn time_step(&mut self, now: LocalTime, index: usize, peer: &Peer, view: &View) {
        if index == 0 {
            self.press.id = peer.id;
            let (count, at) = peer.player.press();
            if count != self.press.count {
                self.press.count = count;
                self.press.at = at;
                // Only from rest on a screen is the first step an event that can be timed there.
                let at_rest = |(index, (place, velocity)): (&usize, &(Vec2, Vec2))| {
                    (velocity.length() < 1e-3).then_some((*index, *place))
                };
                let rested = self.press.shown.iter().filter_map(at_rest).collect();
                // Against a wall a step is no step.
                let is_free = self.way_is_free(now, peer);
                self.press.waiting = if is_free { rested } else { BTreeMap::new() };
            }
        }
        let drawn = if index == 0 {
            view.own.map(|own| (own.position, own.velocity))
        } else {
            let is_it = |other: &&tickwire_netcode::AvatarView| Some(other.id) == self.press.id;
            let other = view.others.iter().find(is_it);
            other.map(|other| (other.position, other.velocity))
        };
        let Some((place, velocity)) = drawn else {
            self.press.shown.remove(&index);
            return;
        };
        self.press.shown.insert(index, (place, velocity));
        let rest = self.press.waiting.get(&index).copied();
        if rest.is_some_and(|rest| rest.distance(place) > MOVED_UNITS) {
            self.press.waiting.remove(&index);
            let micros = now.since(self.press.at).as_micros() as u64;
            let histogram = match index {
                0 => &mut self.own_ms,
                _ => &mut self.others_ms,
            };
            if self.began.is_some() {
                histogram.saturating_record(micros.max(1));
            }
        }
    }

    /// Whether the pulsing player has room for its first steps.
    fn way_is_free(&self, now: LocalTime, peer: &Peer) -> bool {
        let avatar = peer.id.and_then(|id| peer.client.replica().avatar(id));
        let Some(avatar) = avatar else { return false };
        let (x, y) = peer.player.holding(now).heading().direction();
        let quarter = glam::IVec2::new(x, y) * UNIT / (4 * DIRECTION_ONE);
        (1..=6).all(|step| {
            let place = avatar.body.position + quarter * step;
            self.world.arena.is_free(place)
        })
    }

    fn draw_path(&mut self, now: LocalTime, index: usize, view: &View) {
        let Some(began) = self.began else { return };
        let seconds = now.since(began).as_secs_f64();
        if seconds > PATH_SECONDS {
            return;
        }
        // Peer 1 wanders; peer 2 watches it.
        let Some(subject) = self
            .truth
            .newest()
            .and_then(|(_, p)| p.keys().nth(1).copied())
        else {
            return;
        };
        let own = view.own.filter(|own| own.id == subject);
        if let Some(own) = own {
            self.path.own.push((seconds, own.position.x.into()));
        }
        if index == 2
            && let Some(other) = view.others.iter().find(|other| other.id == subject)
        {
            self.path.drawn.push((seconds, other.position.x.into()));
        }
        if index == 0
            && let Some((_, newest)) = self.truth.newest()
            && let Some(place) = newest.get(&subject)
        {
            self.path.truth.push((seconds, place.x));
        }
    }
}

impl Probe for Measure {
    fn ticked(&mut self, now: LocalTime, broadcast: &Broadcast) {
        self.truth.ticked(now, &self.world, broadcast);
        self.others.judge(&self.truth);
    }

    fn framed(&mut self, now: LocalTime, index: usize, peer: &Peer, view: &View) {
        self.time_step(now, index, peer, view);
        let truth = (&self.truth, self.world.tick_rate);
        let counts = self.began.is_some();
        self.others.drawn((index, now), view, truth, counts);
        self.draw_path(now, index, view);
        if self.began.is_none() {
            return;
        }
        let stats = peer.client.stats();
        let delay = (stats.interpolation_delay_ms * 1e3).max(1.0) as u64;
        self.delay_ms.saturating_record(delay);
        let error = (stats.clock_error_ms.abs() * 1e3).max(1.0) as u64;
        self.clock_error_us.saturating_record(error);
        if let Some(ticks) = peer.client.clock_ticks(peer.local(now))
            && let Some((newest, _)) = self.truth.newest()
        {
            self.lead_ticks.0 += ticks - f64::from(newest.0);
            self.lead_ticks.1 += 1;
        }
    }
}

/// Statistics, inputs received and inputs misplaced, client by client.
fn counters(simulation: &Simulation) -> Vec<(Stats, u64, u64)> {
    let count = |peer: &Peer| {
        let checker = peer.id.and_then(|id| simulation.input_checker(id));
        let (received, misplaced) = checker.map_or((0, 0), |c| (c.received, c.misplaced));
        (peer.client.stats().clone(), received, misplaced)
    };
    simulation.peers.iter().map(count).collect()
}
