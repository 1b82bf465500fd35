//! Makes the table of odds, `assets/model.v1.txt`, from simulated play.
//!
//! The same counts give the same table on every platform. Seeds are far from those that anybody
//! measures with, so that no measurement is of what was learnt by heart.

use crate::play::{Play, Scenario};
use tickwire_shared::CellId;
use tickwire_shared::wire::model::{CONTEXTS, Tally, render};
use tickwire_shared::wire::{FrameStamp, Predictor};

/// The first seed of the trainer; measurements use small ones.
const SEED: u64 = 0x7261_696e_0000;

/// The lessons: players, cell edge, predictor, with events, seconds.
const LESSONS: [(u16, u16, Predictor, bool, u32); 7] = [
    (1_000, 128, Predictor::Step, false, 80),
    (1_000, 512, Predictor::Step, false, 40),
    (200, 128, Predictor::Step, false, 40),
    (300, 64, Predictor::Step, true, 40),
    (1_000, 128, Predictor::Fallback, false, 60),
    (1_000, 512, Predictor::Fallback, false, 20),
    (200, 64, Predictor::Fallback, true, 30),
];

/// Seconds between keyframes of a cell.
const KEYFRAME_SECONDS: u32 = 2;

/// Counts the decisions of all lessons.
pub fn study() -> Tally {
    let mut tally = Tally::default();
    for (number, &(players, cell_units, predictor, events, seconds)) in LESSONS.iter().enumerate() {
        let scenario = Scenario {
            players,
            cell_units,
            predictor,
            events,
            seed: SEED + number as u64,
        };
        attend(scenario, seconds, &mut tally);
    }
    tally
}

/// The text of the table.
pub fn table(tally: &Tally) -> String {
    let table = tally.fit();
    let made_from = format!(
        "Made by `tickwire-lab train` from {} lessons; do not edit. {CONTEXTS} entries.",
        LESSONS.len()
    );
    render(&table, &made_from)
}

fn attend(scenario: Scenario, seconds: u32, tally: &mut Tally) {
    let mut play = Play::new(scenario);
    let hz = u32::from(play.world.tick_rate.hz());
    for tick in 0..seconds * hz {
        if tick > 0 {
            play.step();
        }
        for index in 0..play.cells.len() {
            let cell = CellId(index as u16);
            play.carry(cell, |world, cell, stamp, change, truth| {
                cell.tally_delta(world, stamp, change, truth, tally);
            });
            let stamp = FrameStamp {
                cell,
                tick: play.tick,
            };
            if tick > hz && (tick + index as u32).is_multiple_of(KEYFRAME_SECONDS * hz) {
                let slot = &play.cells[index].cell;
                slot.tally_keyframe(&play.world, stamp, tally);
            }
        }
    }
}
