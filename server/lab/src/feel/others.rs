//! How others are drawn, held against where they really were.
//!
//! What is drawn may be ahead of what the room has run, by extrapolation. So everything drawn
//! waits until its truth is known.

use super::measure::histogram;
use glam::{DVec2, Vec2};
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, VecDeque};
use tickwire_netcode::View;
use tickwire_server::room::Broadcast;
use tickwire_shared::game::World;
use tickwire_shared::{LocalTime, PlayerId, Tick, TickRate};

/// Ticks of truth kept; more than any playout delay and any extrapolation together.
const TRUTH_TICKS: usize = 128;

type Positions = BTreeMap<PlayerId, DVec2>;

/// The room's bodies of the last seconds.
#[derive(Default)]
pub(super) struct Truth {
    ticks: VecDeque<(Tick, Positions)>,
    newest_at: LocalTime,
}

impl Truth {
    pub(super) fn ticked(&mut self, now: LocalTime, world: &World, broadcast: &Broadcast) {
        let cells = world.grid.cells();
        let positions = cells
            .flat_map(|cell| broadcast.cell(cell).avatars())
            .map(|avatar| (avatar.id, avatar.body.position_units().as_dvec2()))
            .collect();
        if self.ticks.len() == TRUTH_TICKS {
            self.ticks.pop_front();
        }
        self.ticks.push_back((broadcast.tick(), positions));
        self.newest_at = now;
    }

    /// The newest tick with everybody's place.
    pub(super) fn newest(&self) -> Option<&(Tick, Positions)> {
        self.ticks.back()
    }

    /// The room's time, in ticks with their fraction.
    fn present(&self, now: LocalTime, rate: TickRate) -> Option<f64> {
        let (tick, _) = self.newest()?;
        Some(f64::from(tick.0) + now.since(self.newest_at).as_secs_f64() * f64::from(rate.hz()))
    }

    /// Where `id` really was at a fractional tick.
    fn at(&self, id: PlayerId, tick: f64) -> Option<DVec2> {
        let first = f64::from(self.ticks.front()?.0.0);
        let index = (tick - first).floor();
        if index < 0.0 {
            return None;
        }
        let from = self.ticks.get(index as usize)?.1.get(&id)?;
        let to = self.ticks.get(index as usize + 1)?.1.get(&id)?;
        Some(from.lerp(*to, tick - first - index))
    }
}

/// An avatar in one frame of one screen, until its truth is known.
struct Drawn {
    screen: usize,
    id: PlayerId,
    place: DVec2,
    /// How far it moved since the frame before; `None` if it was not there.
    moved: Option<DVec2>,
    /// The tick that is drawn.
    playout: f64,
    /// The tick that the room was at.
    present: f64,
    counts: bool,
}

/// What all screens showed of others.
pub(super) struct Others {
    /// Ticks between two frames.
    frame_ticks: f64,
    before: BTreeMap<(usize, PlayerId), Vec2>,
    excess: BTreeMap<(usize, PlayerId), DVec2>,
    waiting: Vec<Drawn>,
    pub(super) jump_max: f64,
    pub(super) jerk_max: f64,
    /// Distance from where they are at present, in millionths of a unit.
    pub(super) off: Histogram<u64>,
}

impl Others {
    pub(super) fn new(frame_ticks: f64) -> Others {
        Others {
            frame_ticks,
            before: BTreeMap::new(),
            excess: BTreeMap::new(),
            waiting: Vec::new(),
            jump_max: 0.0,
            jerk_max: 0.0,
            off: histogram(),
        }
    }

    /// One screen has drawn a frame; it counts once the measurement has begun.
    pub(super) fn drawn(
        &mut self,
        (screen, now): (usize, LocalTime),
        view: &View,
        (truth, rate): (&Truth, TickRate),
        counts: bool,
    ) {
        let Some(present) = truth.present(now, rate) else {
            return;
        };
        let mut before = self.before.split_off(&(screen, PlayerId(0)));
        self.before
            .append(&mut before.split_off(&(screen + 1, PlayerId(0))));
        for other in &view.others {
            let key = (screen, other.id);
            let moved = before
                .get(&key)
                .map(|old| (other.position - *old).as_dvec2());
            self.before.insert(key, other.position);
            self.waiting.push(Drawn {
                screen,
                id: other.id,
                place: other.position.as_dvec2(),
                moved,
                playout: view.playout,
                present,
                counts,
            });
        }
    }

    /// The room has run a tick: judges what can be judged.
    pub(super) fn judge(&mut self, truth: &Truth) {
        let Some(newest) = truth.newest().map(|(tick, _)| f64::from(tick.0)) else {
            return;
        };
        let waiting = std::mem::take(&mut self.waiting);
        let is_known = |drawn: &Drawn| drawn.playout.max(drawn.present) < newest;
        let (known, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_known);
        self.waiting = waiting;
        for drawn in known {
            self.judge_one(&drawn, truth);
        }
    }

    fn judge_one(&mut self, drawn: &Drawn, truth: &Truth) {
        let key = (drawn.screen, drawn.id);
        let mut excess = DVec2::ZERO;
        if let Some(moved) = drawn.moved
            && let Some(to) = truth.at(drawn.id, drawn.playout)
            && let Some(from) = truth.at(drawn.id, drawn.playout - self.frame_ticks)
        {
            let real = to - from;
            excess = moved - real;
            if drawn.counts {
                let old = self.excess.get(&key).copied().unwrap_or_default();
                self.jump_max = self.jump_max.max(moved.length() - real.length());
                self.jerk_max = self.jerk_max.max((excess - old).length());
            }
        }
        self.excess.insert(key, excess);
        if drawn.counts
            && let Some(is) = truth.at(drawn.id, drawn.present)
        {
            let off = (drawn.place.distance(is) * 1e6).max(1.0) as u64;
            self.off.saturating_record(off);
        }
    }
}
