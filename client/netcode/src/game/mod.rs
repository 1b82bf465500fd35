//! Everything that exists from `Welcome` until the connection ends: the world as this client
//! knows it, and the time machine around it.

mod draw;
mod rate;

use crate::clock::Clock;
use crate::config::ClientConfig;
use crate::effects::{self, Effects};
use crate::event::Event;
use crate::interpolation::Tracks;
use crate::outgoing::Outgoing;
use crate::playout::Playout;
use crate::prediction::{CorrectionCause, Known, Prediction, Verdict};
use crate::replica::Replica;
use crate::smoothing::Smoothing;
use crate::stats::Stats;
use rate::RateMeter;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::game::{Arena, Input, World};
use tickwire_shared::limits::INPUT_INTERVAL_TICKS_MAX;
use tickwire_shared::wire::tick_message::MARGIN_STEPS_PER_TICK;
use tickwire_shared::wire::{ClientMessage, DecodeError, TickReader, TickView, Welcome};
use tickwire_shared::{CellId, LocalTime, PlayerId, Tick};

/// Inputs whose effect the stream has not shown; a stall of the stream cannot make it grow.
const PROBES_MAX: usize = 256;

/// A cell that stays out of step is asked for again after this time.
const RESYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Ticks that one call of `advance` predicts at most. A caller that was away for longer skips
/// ahead instead of burning a frame on replaying what nobody saw.
const CATCH_UP_TICKS_MAX: i64 = 64;

/// The world of one session.
#[derive(Debug)]
pub(crate) struct Game {
    pub(crate) world: Arc<World>,
    pub(crate) player: Option<PlayerId>,
    pub(crate) reader: TickReader,
    pub(crate) replica: Replica,
    pub(crate) clock: Clock,
    prediction: Prediction,
    predicts: bool,
    playout: Option<Playout>,
    tracks: Tracks,
    effects: Effects,
    /// Intent of the player, and whether a dash was asked for since the last sampling: a tap
    /// between two ticks counts.
    live: Input,
    dash_tapped: bool,
    /// The newest tick whose input was sampled.
    sampled: Option<Tick>,
    last_sent: Option<(Tick, Input)>,
    probes: VecDeque<Probe>,
    own_smoothing: Smoothing,
    /// What the last tick was corrected for; `None` after a tick that was as predicted.
    correcting: Option<CorrectionCause>,
    score: u32,
    resync_asked: BTreeMap<CellId, LocalTime>,
    tick_arrived: Option<LocalTime>,
    rate: RateMeter,
    viewed: Option<LocalTime>,
    paused: bool,
    /// The next tick message follows a pause: the gap is no one's fault.
    after_pause: bool,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    label: Tick,
    input: Input,
    sent: LocalTime,
}

/// What the parts of a client share while one call is handled.
pub(crate) struct Scope<'a> {
    pub(crate) now: LocalTime,
    pub(crate) round_trip: Duration,
    pub(crate) stats: &'a mut Stats,
    pub(crate) out: &'a mut Outgoing,
}

impl Game {
    pub(crate) fn new(
        config: &ClientConfig,
        welcome: &Welcome,
        now: LocalTime,
        round_trip: Duration,
    ) -> Result<Game, DecodeError> {
        let out_of_range = |field| DecodeError::OutOfRange { field };
        let arena = Arena::new(welcome.arena.clone()).map_err(|_| out_of_range("arena"))?;
        welcome
            .movement
            .validate()
            .map_err(|_| out_of_range("movement"))?;
        let world = World::with_movement(arena, welcome.tick_rate, welcome.movement);
        let (world, replica) = match &config.cache {
            Some(cache) => {
                let (world, id) = cache.world(world);
                (world, Replica::with_cache(cache.clone(), id))
            }
            None => (Arc::new(world), Replica::default()),
        };
        let mut clock = Clock::new(config.clock, welcome.tick_rate, now);
        clock.set(now, welcome.tick, round_trip);
        Ok(Game {
            player: welcome.player,
            reader: TickReader::new(world.grid),
            replica,
            clock,
            prediction: Prediction::default(),
            predicts: config.prediction,
            playout: config
                .interpolation
                .map(|config| Playout::new(config, welcome.tick_rate, now)),
            tracks: Tracks::default(),
            effects: Effects::default(),
            live: Input::IDLE,
            dash_tapped: false,
            sampled: None,
            last_sent: None,
            probes: VecDeque::new(),
            own_smoothing: Smoothing::default(),
            correcting: None,
            score: 0,
            resync_asked: BTreeMap::new(),
            tick_arrived: None,
            rate: RateMeter::default(),
            viewed: None,
            paused: false,
            after_pause: false,
            world,
        })
    }

    pub(crate) fn score(&self) -> u32 {
        self.score
    }

    pub(crate) fn set_input(&mut self, now: LocalTime, input: Input) {
        self.dash_tapped |= input.dash();
        if input == self.live {
            return;
        }
        // The drawing shows the new intent within this very tick; keep it continuous.
        let before = self.own_pose(now);
        self.live = input;
        if let (Some(before), Some(after)) = (before, self.own_pose(now)) {
            let drawn = before.position + self.own_smoothing.error();
            self.own_smoothing.absorb(drawn, after.position);
        }
    }

    /// Stops or resumes everything that only a visible client needs.
    pub(crate) fn set_paused(&mut self, paused: bool, scope: &mut Scope<'_>) {
        if paused && !self.paused {
            // An input holds until the next one; nobody steers a hidden avatar.
            self.live = Input::IDLE;
            self.dash_tapped = false;
            if let Some(sampled) = self.sampled {
                self.send_input(scope, sampled.next(), Input::IDLE);
            }
        }
        if !paused && self.paused {
            self.after_pause = true;
            if let Some(playout) = &mut self.playout {
                playout.reset();
            }
            self.tracks.clear();
            self.effects.clear();
        }
        self.paused = paused;
    }

    /// Lets time pass: moves the clock, samples and sends inputs, predicts.
    pub(crate) fn advance(&mut self, scope: &mut Scope<'_>) {
        self.clock.advance(scope.now);
        scope.stats.clock_error_ms = self.clock.error_seconds() * 1e3;
        scope.stats.clock_resets = self.clock.resets();
        if self.player.is_none() || self.paused {
            return;
        }
        let due = Tick(self.clock.ticks(scope.now).max(0.0) as u32);
        let jumped = self.clock.take_jump();
        let sampled = *self.sampled.get_or_insert(due.saturating_sub(1));
        if due < sampled {
            // The clock was set back. The server drops what waits for later labels as soon as an
            // earlier one comes, so something is said at the next tick.
            self.prediction.truncate(due);
            self.sampled = Some(due);
            self.last_sent = None;
            return;
        }
        let steps = due.since(sampled).min(CATCH_UP_TICKS_MAX);
        for step in 1..=steps {
            let tick = due.saturating_sub((steps - step) as u32);
            self.sample(scope, tick, tick == due && !jumped);
        }
    }

    /// One tick of the own avatar. Only the newest tick takes a new intent: the ones that the
    /// caller slept through were spent under the old.
    fn sample(&mut self, scope: &mut Scope<'_>, tick: Tick, is_newest: bool) {
        self.sampled = Some(tick);
        if is_newest {
            let tapped = std::mem::take(&mut self.dash_tapped);
            let live = self.live;
            let dash = live.dash() || tapped;
            let input = Input::new(live.heading(), live.throttle(), live.aim(), dash);
            let is_due = self.last_sent.is_none_or(|(last, sent)| {
                sent != input || tick.since(last) >= i64::from(INPUT_INTERVAL_TICKS_MAX)
            });
            if is_due {
                self.send_input(scope, tick, input);
            }
        }
        self.predict_until(scope, tick);
    }

    fn predict_until(&mut self, scope: &mut Scope<'_>, tick: Tick) {
        if !self.predicts {
            return;
        }
        while self
            .prediction
            .newest()
            .is_some_and(|known| known.tick < tick)
        {
            let Some(known) = self.prediction.predict(&self.world) else {
                return;
            };
            let (tick, body) = (known.tick, known.body);
            for spark in self.effects.claim(&self.replica, tick, &body) {
                scope.out.event(Event::PickedUp {
                    spark: spark.id,
                    position: effects::position(spark),
                });
            }
        }
    }

    fn send_input(&mut self, scope: &mut Scope<'_>, tick: Tick, input: Input) {
        let is_change = self.last_sent.is_none_or(|(_, sent)| sent != input);
        scope
            .out
            .send(&ClientMessage::Input { tick, input }, scope.stats);
        scope.stats.inputs_sent += 1;
        self.clock.sent(tick);
        self.prediction.note_sent(tick, input);
        self.last_sent = Some((tick, input));
        if is_change {
            if self.probes.len() == PROBES_MAX {
                self.probes.pop_front();
            }
            self.probes.push_back(Probe {
                label: tick,
                input,
                sent: scope.now,
            });
        }
    }

    /// When `advance` has something to do next.
    pub(crate) fn next_wakeup(&self) -> Option<LocalTime> {
        if self.player.is_none() || self.paused {
            return None;
        }
        let next = self.sampled.map_or(Tick(0), Tick::next);
        Some(self.clock.time_of(next))
    }

    /// Applies a tick message: replica first, then everything that follows from it.
    pub(crate) fn tick(
        &mut self,
        scope: &mut Scope<'_>,
        view: &TickView<'_>,
    ) -> Result<(), DecodeError> {
        let tick = view.head.tick;
        let applied = self.replica.apply(&self.world, view)?;
        let excused = std::mem::take(&mut self.after_pause);
        if applied.skipped > 0 {
            self.prediction.note_gap();
            if !excused {
                scope.stats.ticks_skipped += u64::from(applied.skipped);
            }
        }
        scope.stats.keyframes += u64::from(applied.keyframes);
        scope.stats.desyncs += applied.desyncs.len() as u64;
        for cell in applied.desyncs {
            scope.out.event(Event::Desync { cell });
        }
        self.ask_for_keyframes(scope);
        self.account_arrival(scope, excused);
        self.score = view.head.score;
        if let Some(playout) = &mut self.playout {
            playout.arrival(scope.now, tick);
            playout.round_trip(scope.round_trip);
            let position = playout.position();
            self.tracks
                .record(&self.world, &self.replica, self.player, position);
        }
        if self.player.is_some() && !self.paused {
            self.steer_clock(scope, view);
            self.show_effects(scope, tick);
            self.reconcile(scope, tick);
        }
        self.effects.settle(&self.replica);
        Ok(())
    }

    fn ask_for_keyframes(&mut self, scope: &mut Scope<'_>) {
        let asked = &mut self.resync_asked;
        let awaiting: Vec<CellId> = self.replica.awaiting().collect();
        asked.retain(|cell, _| awaiting.contains(cell));
        for cell in awaiting {
            let due = asked
                .get(&cell)
                .is_none_or(|at| scope.now.since(*at) >= RESYNC_INTERVAL);
            if due {
                asked.insert(cell, scope.now);
                scope.out.send(&ClientMessage::Resync { cell }, scope.stats);
            }
        }
    }

    fn account_arrival(&mut self, scope: &mut Scope<'_>, excused: bool) {
        let stats = &mut *scope.stats;
        stats.ticks_received += 1;
        stats.avatar_ticks += self.replica.avatars().count() as u64;
        stats.tick_rate_hz = self.rate.count(scope.now);
        if let Some(before) = self.tick_arrived.replace(scope.now) {
            stats.arrival_gap_ms = scope.now.since(before).as_secs_f64() * 1e3;
            if !excused {
                stats.arrival_gap_max_ms = stats.arrival_gap_max_ms.max(stats.arrival_gap_ms);
                let faded = stats.stall_ms * 0.5_f64.powf(stats.arrival_gap_ms / 1e3);
                stats.stall_ms = stats.arrival_gap_ms.max(faded);
            }
        }
    }

    fn steer_clock(&mut self, scope: &mut Scope<'_>, view: &TickView<'_>) {
        let (tick, margin) = (view.head.tick, view.head.margin);
        let hz = f64::from(self.world.tick_rate.hz());
        if self.clock.margin(scope.now, tick, margin) {
            scope.stats.inputs_measured += 1;
            scope.stats.inputs_late += u64::from(margin < 0);
            scope.stats.margin_ms = f64::from(margin) / MARGIN_STEPS_PER_TICK as f64 / hz * 1e3;
            scope.stats.margin_target_ms = self.clock.target_seconds() * 1e3;
        }
        self.clock.check(scope.now, tick, scope.round_trip);
    }

    /// Finds the sent inputs whose effect this tick shows for the first time.
    fn show_effects(&mut self, scope: &mut Scope<'_>, tick: Tick) {
        let shown = self.player.and_then(|player| self.replica.avatar(player));
        let Some(shown) = shown.map(|avatar| avatar.input) else {
            return;
        };
        let due = self.probes.iter().take_while(|probe| probe.label <= tick);
        // The newest due input that is shown; whatever came before it was overtaken.
        let Some(at) = due
            .count()
            .checked_sub(1)
            .and_then(|last| (0..=last).rev().find(|at| self.probes[*at].input == shown))
        else {
            return;
        };
        let latency = scope.now.since(self.probes[at].sent);
        self.probes.drain(..=at);
        scope.out.event(Event::InputEffect { latency });
    }

    fn reconcile(&mut self, scope: &mut Scope<'_>, tick: Tick) {
        let avatar = self.player.and_then(|player| self.replica.avatar(player));
        let Some(avatar) = avatar else {
            self.prediction.note_gap();
            return;
        };
        let shown = Known {
            tick,
            input: avatar.input,
            body: avatar.body,
        };
        let before = self.own_pose(scope.now);
        let cause = self.prediction.reconcile(&self.world, shown);
        if !self.predicts {
            return;
        }
        if let Some(sampled) = self.sampled {
            self.predict_until(scope, sampled);
        }
        let cause = match cause {
            Verdict::Unknown => return,
            Verdict::AsPredicted => {
                self.correcting = None;
                return;
            }
            Verdict::Corrected(cause) => cause,
        };
        let is_new = self.correcting.replace(cause) != Some(cause);
        if let (Some(before), Some(after)) = (before, self.own_pose(scope.now)) {
            let size = before.position.distance(after.position);
            let drawn = before.position + self.own_smoothing.error();
            self.own_smoothing.absorb(drawn, after.position);
            scope.stats.correction_size = size;
            scope.stats.correction_size_max = scope.stats.correction_size_max.max(size);
        }
        if is_new {
            scope.stats.corrections.count(cause);
            if cause == CorrectionCause::ServerEvent {
                scope.out.event(Event::Bumped);
            }
        }
    }
}
