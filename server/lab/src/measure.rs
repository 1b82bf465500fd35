//! How many bits a visible avatar costs per tick, and whether every decoded body is the truth.

use crate::play::{Play, Scenario};
use serde::Serialize;
use std::fmt;
use tickwire_shared::game::{Body, Input, World};
use tickwire_shared::wire::{Cell, CellChange, DecodeError, FrameStamp};
use tickwire_shared::{CellId, PlayerId, TickRate};

/// Seconds before counting starts: everybody appears at once and at rest.
const WARM_UP_SECONDS: u32 = 3;

/// What was measured. Bits are per avatar that a session follows and tick.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Cell frames with everything in them, and the bitmap and lengths of the tick message.
    pub bits_per_visible_tick: f64,
    /// Bytes of a keyframe per avatar in it.
    pub keyframe_bytes_per_avatar: f64,
    /// Bodies that differed from the truth, or replicas from the server's cell.
    pub mismatches: u64,
    /// The part of the cell frames.
    pub frame_bits_per_visible_tick: f64,
    /// The part of bitmap and lengths.
    pub header_bits_per_visible_tick: f64,
    /// Besides: keyframes of cells that came into view because the player walked.
    pub walking_keyframe_bits_per_visible_tick: f64,
    /// Avatars that a session follows, on average.
    pub visible_avatars: f64,
    /// Bytes of cell frames and their header per session and second, at the room's tick rate.
    pub bytes_per_session_second: f64,
    /// Bodies compared with the truth.
    pub bodies_compared: u64,
    /// Ticks counted.
    pub ticks: u32,
    /// Frames that had no bytes, of all frames of cells with avatars.
    pub empty_frames: f64,
}

#[derive(Default)]
struct Sums {
    frame_bits: u64,
    header_bits: u64,
    walking_bits: u64,
    visible: u64,
    sessions: u64,
    frames: u64,
    empty_frames: u64,
    keyframe_bytes: u64,
    keyframe_avatars: u64,
    compared: u64,
    mismatches: u64,
}

/// Ticks that run for a measurement of `seconds`, warm-up included.
pub fn ticks(seconds: u32) -> u32 {
    (seconds + WARM_UP_SECONDS) * u32::from(TickRate::DEFAULT.hz())
}

/// Runs `scenario` for `seconds` and follows every cell with two replicas: one that saw every frame
/// and one that starts anew from a keyframe every second.
pub fn run(scenario: Scenario, seconds: u32, mut progress: impl FnMut(u32)) -> Report {
    let mut play = Play::new(scenario);
    let count = play.cells.len();
    let mut replicas = vec![Cell::default(); count];
    let mut late: Vec<Option<Cell>> = vec![None; count];
    let mut frames = vec![Vec::new(); count];
    let mut centres: Vec<Option<CellId>> = vec![None; scenario.players.into()];
    let mut sums = Sums::default();
    let hz = u32::from(play.world.tick_rate.hz());
    let ticks = seconds * hz;
    for tick in 0..self::ticks(seconds) {
        if tick > 0 {
            play.step();
        }
        let counts = tick >= WARM_UP_SECONDS * hz;
        for index in 0..count {
            let cell = CellId(index as u16);
            frames[index].clear();
            play.carry(cell, |world, cell, stamp, change, truth| {
                encode_cell(world, cell, stamp, change, truth, &mut frames[index]);
            });
            let slot = &play.cells[index].cell;
            let stamp = FrameStamp {
                cell,
                tick: play.tick,
            };
            let mut same = decode_cell(&play.world, &mut replicas[index], stamp, &frames[index])
                .is_ok_and(|()| replicas[index] == *slot);
            let joins = (tick + index as u32).is_multiple_of(hz);
            if joins {
                let mut keyframe = Vec::new();
                slot.encode_keyframe(&play.world, stamp, &mut keyframe);
                let joined = late[index].get_or_insert_default();
                same &= joined.apply_keyframe(&play.world, stamp, &keyframe).is_ok();
                if counts {
                    sums.keyframe_bytes += keyframe.len() as u64;
                    sums.keyframe_avatars += slot.avatars().len() as u64;
                }
            }
            if let Some(late) = &mut late[index] {
                same &= joins || late.apply_delta(&play.world, stamp, &frames[index]).is_ok();
                same &= late == slot;
            }
            sums.mismatches += u64::from(!same);
            for seen in replicas[index].avatars() {
                sums.compared += 1;
                sums.mismatches += u64::from(!play.is_truth(seen));
            }
        }
        walk(&play, &mut centres, counts, &mut sums);
        if counts {
            account(&play, &frames, &mut sums);
        }
        progress(tick);
    }
    sums.report(ticks, f64::from(hz))
}

/// Apart and not inlined, so that a profiler can count its instructions.
#[inline(never)]
fn encode_cell(
    world: &World,
    cell: &mut Cell,
    stamp: FrameStamp,
    change: CellChange<'_>,
    truth: &dyn Fn(PlayerId) -> (Input, Body),
    out: &mut Vec<u8>,
) {
    cell.encode_delta(world, stamp, change, truth, out);
}

/// Apart and not inlined, so that a profiler can count its instructions.
#[inline(never)]
fn decode_cell(
    world: &World,
    cell: &mut Cell,
    stamp: FrameStamp,
    frame: &[u8],
) -> Result<(), DecodeError> {
    cell.apply_delta(world, stamp, frame)
}

/// What all sessions together get: each follows the block around its avatar's cell.
fn account(play: &Play, frames: &[Vec<u8>], sums: &mut Sums) {
    for (index, frame) in frames.iter().enumerate() {
        if !play.cells[index].cell.avatars().is_empty() {
            sums.frames += 1;
            sums.empty_frames += u64::from(frame.is_empty());
        }
    }
    for centre in play.world.grid.cells() {
        let sessions = play.centred_in(centre) as u64;
        let block = play.world.grid.block(centre);
        sums.sessions += sessions;
        sums.header_bits += sessions * 8 * block.len().div_ceil(8) as u64;
        for cell in block.iter() {
            let frame = frames[cell.index()].len();
            let length = match frame {
                0 => 0,
                1..=250 => 1,
                _ => 3,
            };
            sums.header_bits += sessions * 8 * length;
            sums.frame_bits += sessions * 8 * frame as u64;
            sums.visible += sessions * play.cells[cell.index()].cell.avatars().len() as u64;
        }
    }
}

/// Keyframes of cells that come into view of players who change cells.
fn walk(play: &Play, centres: &mut [Option<CellId>], counts: bool, sums: &mut Sums) {
    let grid = &play.world.grid;
    let stamp = |cell| FrameStamp {
        cell,
        tick: play.tick,
    };
    for centre in grid.cells() {
        for avatar in play.cells[centre.index()].cell.avatars() {
            let before = centres[avatar.id.index()].replace(centre);
            let Some(before) = before.filter(|&before| counts && before != centre) else {
                continue;
            };
            let seen = grid.block(before);
            for cell in grid.block(centre).iter().filter(|&c| !seen.contains(c)) {
                let mut keyframe = Vec::new();
                let slot = &play.cells[cell.index()].cell;
                slot.encode_keyframe(&play.world, stamp(cell), &mut keyframe);
                sums.walking_bits += 8 * keyframe.len() as u64;
            }
        }
    }
}

impl Sums {
    fn report(&self, ticks: u32, hz: f64) -> Report {
        let ratio = |part: u64, whole: u64| part as f64 / (whole as f64).max(1.0);
        let bits = self.frame_bits + self.header_bits;
        Report {
            bits_per_visible_tick: ratio(bits, self.visible),
            keyframe_bytes_per_avatar: ratio(self.keyframe_bytes, self.keyframe_avatars),
            mismatches: self.mismatches,
            frame_bits_per_visible_tick: ratio(self.frame_bits, self.visible),
            header_bits_per_visible_tick: ratio(self.header_bits, self.visible),
            walking_keyframe_bits_per_visible_tick: ratio(self.walking_bits, self.visible),
            visible_avatars: ratio(self.visible, self.sessions),
            bytes_per_session_second: ratio(bits, self.sessions) / 8.0 * hz,
            bodies_compared: self.compared,
            ticks,
            empty_frames: ratio(self.empty_frames, self.frames),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.3} bits per visible avatar and tick: {:.3} frames, {:.3} cell headers",
            self.bits_per_visible_tick,
            self.frame_bits_per_visible_tick,
            self.header_bits_per_visible_tick
        )?;
        writeln!(
            f,
            "{:.3} more for keyframes of cells that players walk up to",
            self.walking_keyframe_bits_per_visible_tick
        )?;
        writeln!(
            f,
            "{:.1} avatars visible, {:.0} bytes per session and second",
            self.visible_avatars, self.bytes_per_session_second
        )?;
        writeln!(
            f,
            "{:.2} bytes of keyframe per avatar, {:.1} % of the frames empty",
            self.keyframe_bytes_per_avatar,
            100.0 * self.empty_frames
        )?;
        write!(
            f,
            "{} bodies compared with the truth over {} ticks, {} mismatches",
            self.bodies_compared, self.ticks, self.mismatches
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::wire::Predictor;

    fn measure(predictor: Predictor, cell_units: u16, events: bool) -> Report {
        let scenario = Scenario {
            players: 120,
            cell_units,
            predictor,
            events,
            seed: 5,
        };
        run(scenario, 4, |_| {})
    }

    #[test]
    fn every_decoded_body_is_the_truth_in_every_kind_of_play() {
        for predictor in [Predictor::Step, Predictor::Fallback] {
            for events in [false, true] {
                let report = measure(predictor, 128, events);
                assert_eq!(report.mismatches, 0, "{predictor:?}, events: {events}");
                assert!(report.bodies_compared > 20_000);
            }
        }
    }

    #[test]
    fn a_quiet_flag_keeps_visible_avatars_below_two_bits() {
        let report = measure(Predictor::Step, 512, false);
        assert!(report.bits_per_visible_tick < 2.0, "{report}");
        assert!(report.keyframe_bytes_per_avatar < 13.0, "{report}");
    }

    #[test]
    fn the_same_seed_gives_the_same_report() {
        let json = || serde_json::to_string(&measure(Predictor::Step, 128, true)).unwrap();
        assert_eq!(json(), json());
    }
}
