//! What happens in one run, drawn from a seed: rooms, rates, lines, players, and trouble.

use crate::check::Violation;
use crate::fault::Fault;
use crate::peer::PeerSpec;
use crate::player::Style;
use crate::simulation::Simulation;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use std::time::Duration;
use tickwire_bots::profile::{PROFILES, Profile, named};
use tickwire_netcode::{ClientConfig, InterpolationConfig, InterpolationMode};
use tickwire_shared::game::{Arena, World};
use tickwire_shared::{LocalTime, TickRate};

/// What a run ended with, if nothing was violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The same for the same seed, always and everywhere.
    pub trace_hash: u64,
    /// Virtual microseconds.
    pub duration: u64,
}

/// Seconds of trouble: shortest, and how many more it may be.
const TROUBLE_SECONDS: (u32, u32) = (6, 12);
/// Seconds of calm after it: a lost session may wait for some, then has two to converge.
const CALM_SECONDS: u64 = 7;
/// Trouble per second, on average.
const TROUBLES_PER_SECOND: f64 = 0.8;

/// Runs the scenario of `seed`.
pub fn run(seed: u64, fault: Option<Fault>) -> Result<Outcome, Violation> {
    let mut script = Script {
        random: Pcg32::seed_from_u64(seed),
    };
    let mut simulation = Simulation::new(script.world(), seed, fault);
    for _ in 0..script.between(2, 7) {
        let spec = script.peer();
        simulation.join(spec);
    }
    let trouble = script.between(TROUBLE_SECONDS.0, TROUBLE_SECONDS.0 + TROUBLE_SECONDS.1);
    let trouble_ends = LocalTime(u64::from(trouble) * 1_000_000);
    loop {
        let wait = -(1.0 - script.unit()).ln() / TROUBLES_PER_SECOND;
        let next = simulation.now + Duration::from_secs_f64(wait);
        if next >= trouble_ends {
            break;
        }
        simulation.run_until(next, &mut ())?;
        script.disturb(&mut simulation);
    }
    simulation.run_until(trouble_ends, &mut ())?;
    // Everybody is awake and visible before the calm begins.
    let awake = simulation
        .peers
        .iter()
        .filter_map(|peer| peer.suspended_until);
    let trouble_ends = awake
        .max()
        .map_or(trouble_ends, |at| at + Duration::from_millis(60));
    simulation.run_until(trouble_ends, &mut ())?;
    for index in 0..simulation.peers.len() {
        show(&mut simulation, index, true);
    }
    simulation.calm(named("lan").expect("a profile of the list"));
    let end = trouble_ends + Duration::from_secs(CALM_SECONDS);
    simulation.run_until(end, &mut ())?;
    Ok(Outcome {
        trace_hash: simulation.trace_hash(),
        duration: simulation.now.0,
    })
}

/// The dice of one run.
struct Script {
    random: Pcg32,
}

impl Script {
    fn unit(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    fn between(&mut self, low: u32, high: u32) -> u32 {
        low + (self.unit() * f64::from(high - low + 1)) as u32
    }

    fn millis(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_micros(u64::from(self.between(low * 1_000, high * 1_000)))
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() as u32 - 1) as usize]
    }

    fn world(&mut self) -> World {
        let arena = self.pick(&["tiny", "tiny", "garden", "garden", "plain", "city"]);
        let hz = self.pick(&[10, 20, 30, 30, 30, 60, 128]);
        let arena = Arena::named(arena).expect("an embedded arena");
        World::new(arena, TickRate::new(hz).expect("a legal rate"))
    }

    fn profile(&mut self) -> Profile {
        self.pick(&PROFILES)
    }

    fn peer(&mut self) -> PeerSpec {
        let mode = match self.between(0, 3) {
            0 => Some(InterpolationMode::Present),
            1 => None,
            _ => Some(InterpolationMode::Delayed),
        };
        let client = ClientConfig {
            spectator: self.between(0, 7) == 0,
            prediction: self.between(0, 7) != 0,
            interpolation: mode.map(|mode| InterpolationConfig {
                mode,
                ..InterpolationConfig::default()
            }),
            seed: self.random.next_u64(),
            ..ClientConfig::default()
        };
        PeerSpec {
            client,
            profile: self.profile(),
            style: Style::Wander,
            brain: None,
            frames_per_second: self.pick(&[20, 30, 60, 60, 75, 144]),
            drift_ppm: i64::from(self.between(0, 400)) - 200,
            epoch: self.millis(0, 1_000_000),
            seed: self.random.next_u64(),
        }
    }

    fn disturb(&mut self, simulation: &mut Simulation) {
        let index = self.between(0, simulation.peers.len() as u32 - 1) as usize;
        match self.between(0, 9) {
            0 => {
                let (client, server) = (self.millis(0, 500), self.millis(0, 3_000));
                simulation.cut(index, client, server);
            }
            1 if self.between(0, 3) == 0 => simulation.half_open(index),
            1 | 2 => {
                let duration = self.millis(50, 2_500);
                simulation.hiccup(duration);
            }
            3 => {
                let duration = self.millis(100, 4_000);
                simulation.suspend(index, duration);
            }
            4 | 5 => show(simulation, index, false),
            6 => show(simulation, index, true),
            7 => {
                let profile = self.profile();
                simulation.set_profile(index, profile);
            }
            8 if simulation.peers.len() < 12 => {
                for _ in 0..self.between(1, 3) {
                    let spec = self.peer();
                    simulation.join(spec);
                }
            }
            _ => {
                let local = simulation.peers[index].local(simulation.now);
                let peer = &mut simulation.peers[index];
                if self.between(0, 2) == 0 {
                    peer.left = true;
                    peer.client.leave();
                } else {
                    peer.client.chat("hello there");
                    peer.client.advance(local);
                }
            }
        }
    }
}

fn show(simulation: &mut Simulation, index: usize, visible: bool) {
    let peer = &mut simulation.peers[index];
    if peer.suspended_until.is_none() {
        let local = peer.local(simulation.now);
        peer.client.set_visible(local, visible);
    }
}
