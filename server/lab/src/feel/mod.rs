//! What players judge, measured on virtual lines: `tickwire-lab feel`.
//!
//! One player rests and walks in turn, so that the first step after a rest can be timed on every
//! screen; the others wander. All are on the same line. Everything drawn at 60 Hz is compared with
//! the room's own bodies.

mod measure;
mod others;
mod plot;
mod report;

pub use plot::plot;
pub use report::{Bars, FeelReport, table};

use crate::check::Violation;
use crate::peer::PeerSpec;
use crate::player::Style;
use crate::simulation::Simulation;
use measure::Measure;
use std::time::Duration;
use tickwire_bots::profile::Profile;
use tickwire_netcode::{ClientConfig, InterpolationConfig, InterpolationMode};
use tickwire_shared::game::{Arena, World};
use tickwire_shared::{LocalTime, TickRate};

/// Clients of a run.
const PEERS: u64 = 8;
/// Measured from here on: clocks and delays have had time to learn the line.
const WARM_UP: Duration = Duration::from_secs(15);
/// Screens.
const FRAMES_PER_SECOND: u32 = 60;

/// What a run yields: the figures, and what a picture of them needs.
#[derive(Debug)]
pub struct Feel {
    /// The figures.
    pub report: FeelReport,
    /// Paths for the plot.
    pub path: Path,
}

/// The path of one avatar along x, as it was and as one other client drew it.
#[derive(Debug, Default)]
pub struct Path {
    /// Seconds and units, on the server.
    pub truth: Vec<(f64, f64)>,
    /// Seconds and units, on the screen of another.
    pub drawn: Vec<(f64, f64)>,
    /// Seconds and units, on the own screen.
    pub own: Vec<(f64, f64)>,
}

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// The line of everybody.
    pub profile: Profile,
    /// Virtual seconds after the warm-up.
    pub seconds: u64,
    /// All chance comes from here.
    pub seed: u64,
    /// How others are drawn.
    pub others: InterpolationMode,
}

/// Measures one profile.
pub fn run(course: &Course) -> Result<Feel, Violation> {
    let Course {
        profile,
        seconds,
        seed,
        others,
    } = *course;
    let arena = Arena::named("garden").expect("an embedded arena");
    let world = World::new(arena, TickRate::DEFAULT);
    let mut simulation = Simulation::new(world, seed, None);
    for index in 0..PEERS {
        let client = ClientConfig {
            seed: seed ^ index,
            interpolation: Some(InterpolationConfig {
                mode: others,
                ..InterpolationConfig::default()
            }),
            ..ClientConfig::default()
        };
        simulation.join(PeerSpec {
            client,
            profile,
            style: if index == 0 {
                Style::Pulse
            } else {
                Style::Wander
            },
            brain: None,
            frames_per_second: FRAMES_PER_SECOND,
            drift_ppm: index as i64 * 20 - 80,
            epoch: Duration::from_micros(index * 1_234_567),
            seed: seed.wrapping_mul(PEERS).wrapping_add(index),
        });
    }
    let mut measure = Measure::new(simulation.world.clone());
    let begin = LocalTime(0) + WARM_UP;
    simulation.run_until(begin, &mut measure)?;
    measure.begin(&simulation);
    simulation.run_until(begin + Duration::from_secs(seconds), &mut measure)?;
    Ok(measure.finish(&simulation, profile.name, seconds))
}
