//! What a screen shows of the world.

use super::Game;
use crate::interpolation::Pose;
use crate::stats::Stats;
use crate::view::{OwnView, View};
use tickwire_shared::LocalTime;

impl Game {
    /// The own avatar at `now`, before smoothing: the newest predicted tick and the part of the
    /// next that has passed, under the live intent. So a key press moves the next frame, and the
    /// drawing is never behind the clock.
    pub(super) fn own_pose(&self, now: LocalTime) -> Option<Pose> {
        let hz = f32::from(self.world.tick_rate.hz());
        if !self.predicts {
            let truth = self.prediction.truth()?;
            return Some(Pose::between(&truth.body, &truth.body, 0.0, hz));
        }
        let newest = self.prediction.newest()?;
        let next = self.world.step(&newest.body, &self.live);
        let beyond = self.clock.ticks(now) - f64::from(newest.tick.0);
        let share = beyond.clamp(0.0, 1.0) as f32;
        Some(Pose::between(&newest.body, &next, share, hz))
    }

    /// Fills `view` for `now`.
    pub(crate) fn draw(&mut self, now: LocalTime, stats: &mut Stats, view: &mut View) {
        let seconds = self
            .viewed
            .map_or(0.0, |viewed| now.since(viewed).as_secs_f32());
        if let Some(viewed) = self.viewed.replace(now) {
            self.clock.framed(now.since(viewed));
        }
        let Some(newest) = self.replica.tick() else {
            return;
        };
        view.tick = newest;
        view.playout = f64::from(newest.0);
        view.lagging = false;
        if let Some(playout) = &mut self.playout {
            view.playout = playout.advance(now, newest);
            view.lagging = playout.is_lagging(newest) && !self.paused;
            stats.interpolation_delay_ms = playout.delay_seconds() * 1e3;
            stats.arrival_jitter_ms = playout.jitter_seconds() * 1e3;
            stats.starved_ms = playout.starved().as_secs_f64() * 1e3;
            self.tracks
                .draw(&self.world, newest, view.playout, seconds, &mut view.others);
        } else {
            self.draw_newest(view);
        }
        self.own_smoothing.decay(seconds);
        view.own = self.own_view(now);
        self.effects
            .draw(&self.replica, view.playout, seconds, &mut view.sparks);
    }

    fn draw_newest(&self, view: &mut View) {
        let hz = f32::from(self.world.tick_rate.hz());
        view.others.clear();
        let others = self.replica.avatars().filter(|a| Some(a.id) != self.player);
        view.others.extend(
            others.map(|avatar| Pose::between(&avatar.body, &avatar.body, 0.0, hz).view(avatar.id)),
        );
        view.others.sort_unstable_by_key(|avatar| avatar.id);
    }

    fn own_view(&self, now: LocalTime) -> Option<OwnView> {
        let pose = self.own_pose(now)?;
        let body = self.prediction.newest()?.body;
        let cooldown = f32::from(self.world.movement.dash_cooldown_ticks);
        Some(OwnView {
            id: self.player?,
            position: pose.position + self.own_smoothing.error(),
            velocity: pose.velocity,
            facing: pose.facing,
            dashing: pose.dashing,
            dash_ready: 1.0 - (f32::from(body.dash.cooldown) / cooldown).min(1.0),
            score: self.score,
        })
    }
}
