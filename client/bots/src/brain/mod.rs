//! What a bot wants: pure functions of what it sees, of its own state and of a seed.
//!
//! A brain looks about ten times a second, as people do, and turns what it sees into an
//! [`Intent`]; [`Hands`] turn the intent into the input of every tick, as a keyboard, a stick or a
//! mouse would. No clock, no socket: the netcode's replica goes in, an [`Input`] comes out.

mod hands;
mod seek;
mod wander;

pub use hands::Hands;

use crate::path::PathFinder;
use glam::IVec2;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use seek::Seek;
use tickwire_shared::game::{Angle, Body, Input, Throttle, World};
use tickwire_shared::wire::Cell;
use tickwire_shared::{PlayerId, Tick};
use wander::Wander;

/// How a bot behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BrainKind {
    /// Strolls with pauses.
    Wander,
    /// Goes for sparks and now and then dashes at somebody.
    Seek,
    /// Joins and stands still.
    Idle,
    /// A room as it would be: mostly seekers, some strollers, some who stand about.
    Mixed,
}

/// The cells that a bot follows.
pub trait Sight {
    /// Shows every followed cell.
    fn for_each_cell<'a>(&'a self, visit: &mut dyn FnMut(&'a Cell));
}

/// What a brain may look at.
pub struct Senses<'a> {
    /// The tick at whose end this was true.
    pub tick: Tick,
    /// Walls and rules.
    pub world: &'a World,
    /// Who the bot is.
    pub me: PlayerId,
    /// Its own body.
    pub body: Body,
    /// Everything around.
    pub sight: &'a dyn Sight,
}

/// What a brain wants until it looks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Where to walk and how hard.
    pub walk: Option<(Angle, Throttle)>,
    /// What to look at, as a direction.
    pub gaze: Option<Angle>,
    /// Whether to dash.
    pub dash: bool,
}

/// Looks per second. People do not react faster, and a slower brain runs past its spark.
const LOOKS_PER_SECOND: u32 = 10;

/// One bot's mind and hands.
#[derive(Debug)]
pub struct Brain {
    behaviour: Behaviour,
    hands: Hands,
    rng: Pcg32,
    intent: Intent,
    next_look: Tick,
}

#[derive(Debug)]
enum Behaviour {
    Idle,
    Wander(Wander),
    Seek(Box<Seek>),
}

impl Brain {
    /// A brain; the same seed gives the same brain.
    pub fn new(kind: BrainKind, seed: u64) -> Brain {
        let mut rng = Pcg32::seed_from_u64(seed);
        let behaviour = match kind {
            BrainKind::Idle => Behaviour::Idle,
            BrainKind::Wander => Behaviour::Wander(Wander::default()),
            BrainKind::Seek => Behaviour::Seek(Box::default()),
            BrainKind::Mixed => match rng.random_range(0..10) {
                0..6 => Behaviour::Seek(Box::default()),
                6..9 => Behaviour::Wander(Wander::default()),
                _ => Behaviour::Idle,
            },
        };
        Brain {
            behaviour,
            hands: Hands::new(&mut rng),
            rng,
            intent: Intent::default(),
            next_look: Tick(0),
        }
    }

    /// Whether the brain wants to look around at `tick`. An idle one never does.
    pub fn wants_to_look(&self, tick: Tick) -> bool {
        !matches!(self.behaviour, Behaviour::Idle) && tick >= self.next_look
    }

    /// Looks around and changes its mind.
    pub fn look(&mut self, senses: &Senses<'_>, finder: &mut PathFinder) {
        let hz = u32::from(senses.world.tick_rate.hz());
        // Not all bots look in the same tick.
        let pause = (hz / LOOKS_PER_SECOND).max(1);
        self.next_look = senses.tick + self.rng.random_range(pause..=pause + 1);
        self.intent = match &mut self.behaviour {
            Behaviour::Idle => Intent::default(),
            Behaviour::Wander(wander) => wander.look(senses, &mut self.rng),
            Behaviour::Seek(seek) => seek.look(senses, finder, &mut self.rng),
        };
    }

    /// The input of the next tick.
    pub fn input(&mut self) -> Input {
        match self.behaviour {
            Behaviour::Idle => Input::IDLE,
            _ => self.hands.input(&self.intent),
        }
    }

    /// Forgets where it was: the bot joined anew.
    pub fn reset(&mut self) {
        self.next_look = Tick(0);
        self.intent = Intent::default();
        match &mut self.behaviour {
            Behaviour::Idle => {}
            Behaviour::Wander(wander) => *wander = Wander::default(),
            Behaviour::Seek(seek) => **seek = Seek::default(),
        }
    }
}

/// The angle from one point to another.
fn towards(from: IVec2, to: IVec2) -> Angle {
    Angle::from_vec2((to - from).as_vec2())
}

/// `seconds` in ticks of this world.
fn ticks(world: &World, seconds: f32) -> u32 {
    ((f32::from(world.tick_rate.hz()) * seconds) as u32).max(1)
}

#[cfg(test)]
mod tests;
