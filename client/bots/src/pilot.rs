//! A brain at the controls of a client, whatever carries its bytes.

use crate::brain::{Brain, BrainKind, Senses, Sight};
use crate::path::PathFinder;
use tickwire_netcode::{Client, Replica};
use tickwire_shared::game::Input;
use tickwire_shared::wire::Cell;
use tickwire_shared::{LocalTime, Tick};

/// A body is not guessed further ahead than this, in ticks.
const AHEAD_TICKS_MAX: i64 = 30;

/// Turns what a client knows into what it does.
#[derive(Debug)]
pub struct Pilot {
    brain: Brain,
    /// The last tick that the brain lived through.
    seen: Option<Tick>,
    input: Input,
}

impl Pilot {
    /// The same seed plays the same way.
    pub fn new(kind: BrainKind, seed: u64) -> Pilot {
        Pilot {
            brain: Brain::new(kind, seed),
            seen: None,
            input: Input::IDLE,
        }
    }

    /// A session has begun.
    pub fn restart(&mut self) {
        self.brain.reset();
        self.seen = None;
    }

    /// Lets the brain see a new tick and steers as it wants. Whether there was a new tick.
    pub fn look(&mut self, client: &mut Client, now: LocalTime, finder: &mut PathFinder) -> bool {
        let Some(tick) = client.replica().tick() else {
            return false;
        };
        if self.seen.is_some_and(|seen| tick <= seen) {
            return false;
        }
        self.seen = Some(tick);
        if self.brain.wants_to_look(tick) {
            self.look_around(client, tick, now, finder);
        }
        self.input = self.brain.input();
        client.set_input(self.input);
        true
    }

    fn look_around(
        &mut self,
        client: &Client,
        tick: Tick,
        now: LocalTime,
        finder: &mut PathFinder,
    ) {
        let (Some(world), Some(me)) = (client.world(), client.player()) else {
            return;
        };
        let replica = client.replica();
        let Some(avatar) = replica.avatar(me) else {
            return;
        };
        // The stream is as old as the line is long. Brains want the body where their next input
        // will find it; that the input has not changed on the way is near enough for them.
        let now_tick = client.clock_ticks(now).unwrap_or_default();
        let ahead = (now_tick as i64 - i64::from(tick.0)).clamp(0, AHEAD_TICKS_MAX);
        let body = (0..ahead).fold(avatar.body, |body, _| world.step(&body, &self.input));
        let senses = Senses {
            tick,
            world,
            me,
            body,
            sight: replica,
        };
        self.brain.look(&senses, finder);
    }
}

impl Sight for Replica {
    fn for_each_cell<'a>(&'a self, visit: &mut dyn FnMut(&'a Cell)) {
        for (_, cell) in self.cells() {
            visit(cell);
        }
    }
}
