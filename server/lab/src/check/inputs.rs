//! Which input a player's tick must have run with, from what the server received.

use super::{Check, ensure};
use std::collections::BTreeMap;
use tickwire_shared::game::{Body, Input, World};
use tickwire_shared::limits::INPUT_LEAD_TICKS_MAX;
use tickwire_shared::wire::Avatar;
use tickwire_shared::{PlayerId, Tick};

const RULE: &str = "every tick runs with the newest input that is not for later, once";

/// The rule of inputs, written down a second time for one player.
#[derive(Debug, Default)]
pub struct InputChecker {
    waiting: BTreeMap<Tick, Input>,
    holding: Input,
    last: Option<(Tick, Body)>,
    /// Inputs that came after their tick, or too far ahead of it to be taken.
    pub misplaced: u64,
    /// Inputs in all.
    pub received: u64,
    /// Ticks whose body was not the step of the one before: only rules of the server move so.
    pub events: u64,
}

impl InputChecker {
    /// The player's avatar after the first tick that its session knows of.
    pub fn began(&mut self, tick: Tick, avatar: &Avatar) {
        self.holding = avatar.input;
        self.last = Some((tick, avatar.body));
    }

    /// The server has received an input; `next` is the tick it runs next.
    pub fn received(&mut self, label: Tick, input: Input, next: Tick) {
        self.received += 1;
        self.misplaced += u64::from(label < next);
        if label.since(next) > i64::from(INPUT_LEAD_TICKS_MAX) {
            self.misplaced += 1;
            return;
        }
        // A label that comes again or comes down: what waited for later was given up.
        self.waiting.split_off(&label);
        self.waiting.insert(label, input);
    }

    /// The room has run `tick`, after which the player's avatar is this.
    pub fn ran(&mut self, world: &World, tick: Tick, player: PlayerId, avatar: &Avatar) -> Check {
        let later = self.waiting.split_off(&tick.next());
        if let Some((_, input)) = self.waiting.pop_last() {
            self.holding = input;
        }
        self.waiting = later;
        ensure(avatar.input == self.holding, RULE, || {
            format!(
                "{player} at {tick} ran {:?}, not {:?}",
                avatar.input, self.holding
            )
        })?;
        if let Some((last, body)) = self.last
            && last.next() == tick
        {
            let stepped = world.step(&body, &avatar.input);
            self.events += u64::from(stepped != avatar.body);
        }
        self.last = Some((tick, avatar.body));
        Ok(())
    }
}
