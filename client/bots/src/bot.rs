//! One bot: a brain, the netcode, and a count of what happened.

use crate::brain::BrainKind;
use crate::path::PathFinder;
use crate::pilot::Pilot;
use crate::resume::Before;
use crate::tally::Tally;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickwire_netcode::socket::{AsyncDriver, ConnectOptions, now};
use tickwire_netcode::{
    CellCache, Client, ClientConfig, Event, InterpolationConfig, SessionState, Stats,
};
use tickwire_shared::LocalTime;
use tokio::sync::watch;

/// What the whole fleet is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Bots join.
    #[default]
    Joining,
    /// Everybody plays, and what they see is measured.
    Measuring,
    /// Bots leave.
    Leaving,
}

/// Counters for the progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bots that were admitted at least once.
    pub joined: AtomicU64,
    /// Bots that gave up.
    pub ended: AtomicU64,
    /// Connections that failed before they began.
    pub failed: AtomicU64,
    /// Sessions lost after they had begun.
    pub lost: AtomicU64,
    /// Ticks received.
    pub ticks: AtomicU64,
}

/// Everything a bot needs to begin.
#[derive(Clone, Debug)]
pub struct BotSetup {
    /// Where and as whom.
    pub connect: ConnectOptions,
    /// How it behaves.
    pub brain: BrainKind,
    /// Seed of its brain and of its patience when connections fail.
    pub seed: u64,
    /// When to connect, after the fleet has started.
    pub delay: Duration,
    /// Whether it draws 60 frames per second that nobody looks at.
    pub has_screen: bool,
    /// States shared with the other bots of its thread.
    pub cache: Option<CellCache>,
}

/// The longest that a bot sleeps before it looks whether the phase has changed.
const NAP: Duration = Duration::from_millis(100);
/// Between two frames of a screen.
const FRAME: Duration = Duration::from_micros(16_667);
/// For how long a leaving bot waits until its last words have left.
const FAREWELL: Duration = Duration::from_millis(500);

/// Plays until the fleet leaves. `finder` is shared by the bots of one thread.
pub async fn play(
    setup: BotSetup,
    mut phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
    finder: Rc<RefCell<PathFinder>>,
) -> Tally {
    tokio::time::sleep(setup.delay).await;
    let config = ClientConfig {
        seed: setup.seed,
        // The exact replica is all that a brain looks at.
        interpolation: setup.has_screen.then(InterpolationConfig::default),
        cache: setup.cache,
        ..ClientConfig::default()
    };
    let mut driver = AsyncDriver::new(setup.connect);
    let mut bot = Bot {
        client: Client::new(config, now()),
        pilot: Pilot::new(setup.brain, setup.seed),
        tally: Tally::default(),
        progress,
        finder,
        measuring: None,
        arrived: None,
        before: None,
        is_resumed: false,
        counted_ticks: 0,
        frame_at: setup.has_screen.then(now),
    };
    bot.tally.started = 1;
    loop {
        let nap = now() + NAP;
        let until = bot.frame_at.map_or(nap, |at| at.min(nap));
        let now = driver.run_once(&mut bot.client, until).await;
        bot.hear();
        bot.look(now);
        bot.draw(now);
        let wanted = *phase.borrow_and_update();
        bot.measure(wanted, now);
        let is_over = matches!(bot.client.session(), SessionState::Ended { .. });
        if wanted == Phase::Leaving || is_over {
            break;
        }
    }
    bot.client.leave();
    // A server that does not read shall not keep the fleet from ending.
    let _ = tokio::time::timeout(FAREWELL, driver.flush(&mut bot.client)).await;
    bot.finish()
}

struct Bot {
    client: Client,
    pilot: Pilot,
    tally: Tally,
    progress: Arc<Progress>,
    finder: Rc<RefCell<PathFinder>>,
    /// The counters and the time at the start of the window.
    measuring: Option<(Stats, LocalTime)>,
    /// When the last ticks came.
    arrived: Option<LocalTime>,
    /// As it was when the connection was lost, until it is back.
    before: Option<Before>,
    /// Whether the server took up the session of before.
    is_resumed: bool,
    counted_ticks: u64,
    /// The next frame of its screen, if it has one.
    frame_at: Option<LocalTime>,
}

impl Bot {
    fn hear(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Welcomed { resumed, .. } => {
                    self.is_resumed = resumed;
                    if self.tally.joined == 0 {
                        self.tally.joined = 1;
                        self.progress.joined.fetch_add(1, Relaxed);
                    }
                    self.pilot.restart();
                    self.arrived = None;
                }
                Event::Lost { message, .. } => self.lost(&message),
                Event::Ended { message, .. } => {
                    self.lost(&message);
                    self.progress.ended.fetch_add(1, Relaxed);
                }
                Event::Desync { cell } => {
                    self.tally.desyncs += 1;
                    self.tally.trouble(&format!("desync in cell {cell}"), 1);
                }
                Event::InputEffect { latency } if self.measuring.is_some() => {
                    let micros = latency.as_micros() as u64;
                    self.tally.input_to_effect.saturating_record(micros);
                }
                _ => {}
            }
        }
    }

    fn lost(&mut self, message: &str) {
        self.tally.trouble(message, 1);
        if self.before.is_none() {
            self.before = Before::of(&self.client, now());
        }
        if self.tally.joined > 0 {
            self.tally.disconnects += 1;
            self.progress.lost.fetch_add(1, Relaxed);
        } else {
            self.tally.errors += 1;
            self.progress.failed.fetch_add(1, Relaxed);
        }
    }

    /// Lets the pilot see a new tick, if there is one.
    fn look(&mut self, now: LocalTime) {
        let finder = &mut self.finder.borrow_mut();
        if !self.pilot.look(&mut self.client, now, finder) {
            return;
        }
        if let Some(before) = self.arrived.replace(now)
            && self.measuring.is_some()
        {
            let gap = now.since(before).as_micros() as u64;
            self.tally.arrival_gaps.saturating_record(gap);
        }
        if let Some(before) = &self.before
            && let Some(after) = Before::of(&self.client, now)
        {
            self.tally.returns.count(before, &after, self.is_resumed);
            self.before = None;
        }
        let ticks = self.client.stats().ticks_received;
        let new = ticks.saturating_sub(std::mem::replace(&mut self.counted_ticks, ticks));
        self.progress.ticks.fetch_add(new, Relaxed);
    }

    /// Draws a frame if there is a screen and it is time for one.
    fn draw(&mut self, now: LocalTime) {
        let Some(due) = self.frame_at.filter(|at| *at <= now) else {
            return;
        };
        self.client.view(now);
        // A machine that is too busy leaves frames out, as a player's does.
        self.frame_at = Some((due + FRAME).max(now));
        if self.measuring.is_some() {
            self.tally.drew(self.client.stats());
        }
    }

    fn measure(&mut self, phase: Phase, now: LocalTime) {
        match (phase, self.measuring.is_some()) {
            (Phase::Measuring, false) if self.tally.joined > 0 => {
                self.measuring = Some((self.client.stats().clone(), now));
            }
            (Phase::Leaving, true) => {
                if let Some((before, since)) = self.measuring.take() {
                    self.tally
                        .measure(&before, self.client.stats(), now.since(since));
                }
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Tally {
        // A bot whose session ended early is measured until now: it counts as a slow one.
        self.measure(Phase::Leaving, now());
        if self.tally.joined == 0 {
            self.tally.refused = 1;
        }
        self.tally
    }
}
