//! The others: a short history of exact bodies per avatar, drawn at the playout time.
//!
//! Tracks are kept by player, not by cell, so that an avatar that walks from one cell to another
//! keeps its history. Between two ticks positions are interpolated; beyond the newest the real
//! movement step goes on with the last known input, which is right until somebody turns. When the
//! truth arrives, the difference to what was drawn decays instead of jumping.

use crate::replica::Replica;
use crate::smoothing::Smoothing;
use crate::view::AvatarView;
use glam::Vec2;
use std::collections::VecDeque;
use tickwire_shared::game::{Body, Input, World};
use tickwire_shared::wire::Avatar;
use tickwire_shared::{PlayerId, Tick};

/// Ticks of history per avatar: two seconds at the highest tick rate. More than the playout delay
/// ever needs; a caller that never asks for a view cannot make it grow.
const HISTORY_TICKS_MAX: usize = 256;

/// Distance between two samples, in units per tick, beyond which the way between them is not
/// drawn: nothing moves so fast, it was put there.
const TELEPORT_UNITS_PER_TICK: f32 = 2.5;

/// Every visible avatar but the own, in ascending order of id.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    all: Vec<Track>,
    merged: Vec<Track>,
    present: Vec<Avatar>,
}

#[derive(Debug)]
struct Track {
    id: PlayerId,
    samples: VecDeque<Sample>,
    smoothing: Smoothing,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    tick: Tick,
    body: Body,
    input: Input,
}

/// A place and what goes with it, before smoothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pose {
    pub(crate) position: Vec2,
    pub(crate) velocity: Vec2,
    pub(crate) facing: f32,
    pub(crate) dashing: bool,
}

impl Pose {
    /// Between two bodies that are `ticks` apart; `share` is 0 at the first, 1 at the second.
    pub(crate) fn between(from: &Body, to: &Body, share: f32, hz: f32) -> Pose {
        let (a, b) = (from.position_units(), to.position_units());
        let turn = f32::from(from.facing.difference(to.facing)) * share;
        Pose {
            position: a.lerp(b, share),
            velocity: from.velocity_units().lerp(to.velocity_units(), share) * hz,
            facing: from.facing.radians() + turn * std::f32::consts::TAU / 256.0,
            dashing: if share < 0.5 {
                from.is_dashing()
            } else {
                to.is_dashing()
            },
        }
    }
}

impl Pose {
    pub(crate) fn view(&self, id: PlayerId) -> AvatarView {
        AvatarView {
            id,
            position: self.position,
            velocity: self.velocity,
            facing: self.facing,
            dashing: self.dashing,
        }
    }
}

impl Tracks {
    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }

    /// Takes the state of one tick in. `playout` is the time at which avatars were last drawn.
    pub(crate) fn record(
        &mut self,
        world: &World,
        replica: &Replica,
        own: Option<PlayerId>,
        playout: Option<f64>,
    ) {
        let Some(tick) = replica.tick() else { return };
        self.present.clear();
        self.present
            .extend(replica.avatars().filter(|avatar| Some(avatar.id) != own));
        self.present.sort_unstable_by_key(|avatar| avatar.id);
        self.merged.clear();
        let mut old = self.all.drain(..).peekable();
        for avatar in &self.present {
            while let Some(gone) = old.next_if(|track| track.id < avatar.id) {
                self.merged.push(gone);
            }
            let mut track = old
                .next_if(|track| track.id == avatar.id)
                .unwrap_or_else(|| Track::new(avatar.id));
            track.push(world, tick, avatar, playout);
            self.merged.push(track);
        }
        self.merged.extend(old);
        std::mem::swap(&mut self.all, &mut self.merged);
        // Without a playout time nothing is being drawn, and only those present are kept.
        let floor = playout.unwrap_or(f64::from(tick.0));
        self.all
            .retain(|track| track.newest() == tick || !track.is_past(floor));
    }

    /// Everybody as of `playout`. `newest` is the newest tick received, `seconds` the time since
    /// the last call.
    pub(crate) fn draw(
        &mut self,
        world: &World,
        newest: Tick,
        playout: f64,
        seconds: f32,
        out: &mut Vec<AvatarView>,
    ) {
        out.clear();
        for track in &mut self.all {
            track.smoothing.decay(seconds);
            track.prune(playout);
            let is_gone = track.newest() < newest && track.is_past(playout);
            let Some(pose) = track.pose(world, playout).filter(|_| !is_gone) else {
                continue;
            };
            let mut avatar = pose.view(track.id);
            avatar.position += track.smoothing.error();
            out.push(avatar);
        }
    }
}

impl Track {
    fn new(id: PlayerId) -> Track {
        Track {
            id,
            samples: VecDeque::new(),
            smoothing: Smoothing::default(),
        }
    }

    fn newest(&self) -> Tick {
        self.samples.back().map_or(Tick(0), |sample| sample.tick)
    }

    /// Whether `playout` is beyond the last tick that this avatar was seen at.
    fn is_past(&self, playout: f64) -> bool {
        playout >= f64::from(self.newest().0) + 1.0
    }

    fn push(&mut self, world: &World, tick: Tick, avatar: &Avatar, playout: Option<f64>) {
        // What was drawn beyond the newest sample was a guess; keep the drawing continuous.
        let guessed = playout
            .filter(|playout| *playout > f64::from(self.newest().0))
            .and_then(|playout| Some((playout, self.pose(world, playout)?.position)));
        if self.samples.len() == HISTORY_TICKS_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            tick,
            body: avatar.body,
            input: avatar.input,
        });
        if let Some((playout, drawn)) = guessed
            && let Some(known) = self.pose(world, playout)
        {
            let error = self.smoothing.error();
            self.smoothing.absorb(drawn + error, known.position);
        }
    }

    /// Drops what lies before the sample that `playout` starts from.
    fn prune(&mut self, playout: f64) {
        while self
            .samples
            .get(1)
            .is_some_and(|next| f64::from(next.tick.0) <= playout)
        {
            self.samples.pop_front();
        }
    }

    /// `None` before the first sample: the avatar has not come into view yet.
    fn pose(&self, world: &World, playout: f64) -> Option<Pose> {
        let hz = f32::from(world.tick_rate.hz());
        let after = self
            .samples
            .partition_point(|sample| f64::from(sample.tick.0) <= playout);
        let from = self.samples.get(after.checked_sub(1)?)?;
        let beyond = playout - f64::from(from.tick.0);
        if let Some(to) = self.samples.get(after) {
            let ticks = to.tick.since(from.tick) as f32;
            let way = from
                .body
                .position_units()
                .distance(to.body.position_units());
            let share = if way > TELEPORT_UNITS_PER_TICK * ticks {
                0.0
            } else {
                beyond as f32 / ticks
            };
            return Some(Pose::between(&from.body, &to.body, share, hz));
        }
        // The playout time is bounded by the extrapolation limit, and so is this loop.
        let mut body = from.body;
        let whole = beyond.floor().min(HISTORY_TICKS_MAX as f64);
        for _ in 0..whole as u32 {
            body = world.step(&body, &from.input);
        }
        let next = world.step(&body, &from.input);
        Some(Pose::between(&body, &next, (beyond - whole) as f32, hz))
    }
}
