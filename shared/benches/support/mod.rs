//! One cell of play for benches: the truth of every tick, drawn before anything is timed, in the
//! proportions of `tickwire-lab measure`.

#![allow(dead_code, reason = "each bench uses a part")]

use glam::IVec2;
use tickwire_shared::game::{Angle, Arena, Body, Input, Throttle, World};
use tickwire_shared::wire::{Avatar, Cell, CellChange, FrameStamp};
use tickwire_shared::{CellId, PlayerId, Tick, TickRate};

/// Ticks of a scene.
pub(crate) const TICKS: usize = 90;

/// A cell with avatars and what happens to it.
pub(crate) struct Scene {
    pub(crate) world: World,
    /// The state before the first tick.
    pub(crate) cell: Cell,
    /// Input and body by avatar, tick by tick.
    pub(crate) truth: Vec<Vec<(Input, Body)>>,
    /// The frame of every tick.
    pub(crate) frames: Vec<Vec<u8>>,
}

/// A small generator: benches need no dependency for it.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }
}

impl Scene {
    /// `count` avatars in one cell that holds all of an arena of 512 by 512 units.
    pub(crate) fn new(count: u16) -> Scene {
        let mut spec = Arena::named("city").expect("embedded").spec().clone();
        spec.cell_units = 512;
        let world = World::new(Arena::new(spec).expect("valid"), TickRate::DEFAULT);
        let mut dice = Dice(0x9e37_79b9);
        let mut now: Vec<(Input, Body)> = (0..count)
            .map(|id| {
                let place = world.arena.free_position(u32::from(id) * 4_294_967);
                let aim = (id % 4 < 2).then_some(Angle(0));
                let input = Input::new(Angle(0), Throttle::REST, aim, false);
                (input, Body::at(place))
            })
            .collect();
        let avatars: Vec<Avatar> = (0..count)
            .map(|id| Avatar::new(PlayerId(id), now[usize::from(id)].1, now[usize::from(id)].0))
            .collect();
        let mut scene = Scene {
            world,
            cell: Cell::default(),
            truth: Vec::new(),
            frames: Vec::new(),
        };
        let mut cell = Cell::default();
        let change = CellChange {
            avatars_entered: &avatars,
            ..CellChange::default()
        };
        let nobody = |_| (Input::IDLE, Body::at(IVec2::ZERO));
        cell.encode_delta(&scene.world, stamp(0), change, nobody, &mut Vec::new());
        // A second of warm-up, so that aims and inputs are in every state.
        for tick in 0..TICKS + 30 {
            for (id, (input, body)) in now.iter_mut().enumerate() {
                *input = press(id, tick, *input, &mut dice);
                *body = scene.world.step(body, input);
            }
            if tick == 30 {
                scene.cell.clone_from(&cell);
            }
            let mut frame = Vec::new();
            let truth = |id: PlayerId| now[id.index()];
            let nothing = CellChange::default();
            cell.encode_delta(&scene.world, stamp(tick), nothing, truth, &mut frame);
            if tick >= 30 {
                scene.truth.push(now.clone());
                scene.frames.push(frame);
            }
        }
        scene
    }

    /// Encodes every tick; returns the bytes.
    pub(crate) fn encode(&self, cell: &mut Cell, out: &mut Vec<u8>) -> usize {
        let mut bytes = 0;
        for (tick, now) in self.truth.iter().enumerate() {
            out.clear();
            let truth = |id: PlayerId| now[id.index()];
            let nothing = CellChange::default();
            cell.encode_delta(&self.world, stamp(tick + 30), nothing, truth, out);
            bytes += out.len();
        }
        bytes
    }

    /// Decodes every frame.
    pub(crate) fn decode(&self, replica: &mut Cell) {
        for (tick, frame) in self.frames.iter().enumerate() {
            replica
                .apply_delta(&self.world, stamp(tick + 30), frame)
                .expect("a frame of this cell");
        }
    }

    /// Encodes a keyframe; returns its bytes.
    pub(crate) fn keyframe(&self, cell: &Cell, out: &mut Vec<u8>) -> usize {
        out.clear();
        cell.encode_keyframe(&self.world, stamp(0), out);
        out.len()
    }
}

/// Which tick of which cell; the bench's only cell.
pub(crate) fn stamp(tick: usize) -> FrameStamp {
    FrameStamp {
        cell: CellId(0),
        tick: Tick(tick as u32 + 1),
    }
}

/// What a player does: 30 % stand idle, half have a stick, half a mouse.
fn press(id: usize, tick: usize, old: Input, dice: &mut Dice) -> Input {
    let is_idle = (tick / 300 + id * 7) % 10 < 3;
    let is_analog = id % 2 == 1;
    let tracks = (tick / 27 + id / 4).is_multiple_of(2);
    let aim = old.aim().map(|aim| {
        let speed = ((tick / 9 + id) % 9) as i8 - 4;
        let noise = dice.roll(3) as i8 - 1;
        if tracks {
            aim.turned(speed + noise)
        } else {
            aim
        }
    });
    if is_idle {
        return Input::new(Angle(0), Throttle::REST, aim, false);
    }
    let changes = old.throttle() == Throttle::REST || dice.roll(33) == 0;
    let (mut heading, mut throttle) = (old.heading(), old.throttle());
    if changes && is_analog {
        heading = Angle(dice.roll(256) as u8);
        throttle = [Throttle::THIRD, Throttle::TWO_THIRDS, Throttle::FULL][dice.roll(3) as usize];
    } else if changes {
        heading = Angle(dice.roll(8) as u8 * 32);
        throttle = Throttle::FULL;
    } else if is_analog && dice.roll(100) < 15 {
        heading = Angle(heading.0 ^ 1);
    }
    Input::new(heading, throttle, aim, false)
}
