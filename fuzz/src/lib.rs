//! What the fuzzers do with their bytes, apart from the fuzzer, so that ordinary tests can do the
//! same with every input of the corpus.

use std::sync::LazyLock;
use tickwire_shared::game::movement::VELOCITY_MAX;
use tickwire_shared::game::{Angle, Arena, Body, Input, Spark, Throttle, World};
use tickwire_shared::wire::{
    Avatar, Block, Cell, CellChange, CellPart, ClientMessage, FrameStamp, PacketReader, TickReader,
};
use tickwire_shared::{CellId, PlayerId, SparkId, Tick, TickRate};

static PLAIN: LazyLock<World> = LazyLock::new(|| world("plain"));
static TINY: LazyLock<World> = LazyLock::new(|| world("tiny"));

fn world(arena: &str) -> World {
    World::new(Arena::named(arena).expect("embedded"), TickRate::DEFAULT)
}

/// A client's message: refused, or read and written back in the same meaning.
pub fn client_message(bytes: &[u8]) {
    if let Ok(message) = ClientMessage::decode(bytes) {
        let written = message.encode();
        assert_eq!(ClientMessage::decode(&written), Ok(message));
        assert!(written.len() <= bytes.len(), "no form is shorter");
    }
}

/// A packet from a server, with whatever frames are in it given to replicas of all cells.
pub fn server_packet(bytes: &[u8]) {
    let world = &*PLAIN;
    let mut ticks = TickReader::new(world.grid);
    let mut cells = vec![Cell::default(); world.grid.len()];
    let Ok(mut packet) = PacketReader::new(bytes) else {
        return;
    };
    while let Ok(Some(block)) = packet.next_block(Some(&mut ticks)) {
        let Block::Tick(view) = block else { continue };
        let tick = view.head.tick;
        for (id, part) in view.cells() {
            let stamp = FrameStamp { cell: id, tick };
            let cell = &mut cells[id.index()];
            let applied = match part {
                CellPart::Delta(bytes) => cell.apply_delta(world, stamp, bytes),
                CellPart::Keyframe(bytes) => cell.apply_keyframe(world, stamp, bytes),
            };
            if applied.is_ok() {
                check_round_trip(world, stamp, cell);
            } else {
                *cell = Cell::default();
            }
        }
    }
}

/// What was accepted can be written, and reads back the same.
fn check_round_trip(world: &World, stamp: FrameStamp, cell: &Cell) {
    let mut keyframe = Vec::new();
    cell.encode_keyframe(world, stamp, &mut keyframe);
    let mut copy = Cell::default();
    copy.apply_keyframe(world, stamp, &keyframe)
        .expect("an accepted state can be written");
    assert_eq!(copy, *cell);
}

/// A sequence of operations on a cell at the server and its replica: play, keyframes, and frames
/// with a byte changed, which must be refused, be found later, or be harmless, but never panic.
pub fn cell_frames(bytes: &[u8]) {
    let mut scene = Scene {
        script: Script(bytes),
        truth: Vec::new(),
        sparks: Vec::new(),
        server: Cell::default(),
        replica: Cell::default(),
        in_step: true,
        stamp: FrameStamp {
            cell: CellId(1),
            tick: Tick(25),
        },
        world: &TINY,
    };
    while !scene.script.0.is_empty() {
        scene.tick();
    }
}

/// Choices, byte by byte; zeros when they run out.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }
}

struct Scene<'a> {
    world: &'a World,
    script: Script<'a>,
    truth: Vec<Avatar>,
    sparks: Vec<SparkId>,
    server: Cell,
    replica: Cell,
    /// False after a frame was spoilt, until the next keyframe.
    in_step: bool,
    stamp: FrameStamp,
}

impl Scene<'_> {
    fn tick(&mut self) {
        self.stamp.tick = self.stamp.tick.next();
        let doing = self.script.byte();
        let left = self.leave(doing & 1 != 0);
        self.play(doing >> 4);
        let entered = self.enter(doing & 2 != 0);
        let (sparks_left, sparks_entered) = self.move_sparks(doing & 4 != 0);
        let change = CellChange {
            avatars_left: &left,
            avatars_entered: &entered,
            sparks_left: &sparks_left,
            sparks_entered: &sparks_entered,
        };
        let truth = |id: PlayerId| {
            let known = self.truth.iter().find(|known| known.id == id);
            known.map_or_else(Default::default, |known| (known.input, known.body))
        };
        let mut frame = Vec::new();
        let (world, stamp) = (self.world, self.stamp);
        self.server
            .encode_delta(world, stamp, change, truth, &mut frame);
        self.truth.extend_from_slice(&entered);
        self.truth.sort_unstable_by_key(|avatar| avatar.id);
        if doing & 8 != 0 && !frame.is_empty() {
            let at = usize::from(self.script.byte()) % frame.len();
            let flip = self.script.byte();
            frame[at] ^= flip;
            self.in_step &= flip == 0;
        }
        let applied = self.replica.apply_delta(self.world, stamp, &frame);
        if self.in_step {
            assert_eq!(applied, Ok(()));
            assert_eq!(self.replica, self.server);
        } else if applied.is_err() || doing == 0 {
            frame.clear();
            self.server.encode_keyframe(self.world, stamp, &mut frame);
            let replaced = self.replica.apply_keyframe(self.world, stamp, &frame);
            assert_eq!(replaced, Ok(()));
            assert_eq!(self.replica, self.server);
            self.in_step = true;
        }
    }

    fn play(&mut self, count: u8) {
        for _ in 0..count {
            let (whom, what, value) = (self.script.byte(), self.script.byte(), self.script.word());
            let len = self.truth.len().max(1);
            let Some(avatar) = self.truth.get_mut(usize::from(whom) % len) else {
                continue;
            };
            let [heading, level, aim, dash] = value.to_le_bytes();
            let bound = VELOCITY_MAX + 1;
            match what % 8 {
                0..=3 => {
                    let level = Throttle::new(level & 3).unwrap_or_default();
                    let aim = (what & 4 != 0).then_some(Angle(aim));
                    avatar.input = Input::new(Angle(heading), level, aim, dash & 1 != 0);
                }
                4 => avatar.body.velocity.x = value as i32 % bound,
                5 => avatar.body.position = self.world.arena.free_position(value),
                6 => avatar.body.facing = Angle(heading),
                _ => avatar.body.dash.cooldown = level % 37,
            }
        }
        for avatar in &mut self.truth {
            // What happens to a body comes before the step here; frames do not tell the difference.
            avatar.body = self.world.step(&avatar.body, &avatar.input);
        }
    }

    fn leave(&mut self, wanted: bool) -> Vec<PlayerId> {
        if !wanted || self.truth.is_empty() {
            return Vec::new();
        }
        let at = usize::from(self.script.byte()) % self.truth.len();
        vec![self.truth.remove(at).id]
    }

    fn enter(&mut self, wanted: bool) -> Vec<Avatar> {
        if !wanted {
            return Vec::new();
        }
        let id = PlayerId(u16::from(self.script.byte()) * 7);
        if self.truth.iter().any(|avatar| avatar.id == id) {
            return Vec::new();
        }
        let value = self.script.word();
        let body = Body::at(self.world.arena.free_position(value));
        vec![if value % 4 == 0 {
            Avatar::free(id, &body)
        } else {
            Avatar::new(id, body, Input::IDLE)
        }]
    }

    fn move_sparks(&mut self, wanted: bool) -> (Vec<SparkId>, Vec<Spark>) {
        if !wanted {
            return (Vec::new(), Vec::new());
        }
        let id = SparkId(self.script.byte().into());
        let position = self.world.arena.free_position(self.script.word());
        let left = self.sparks.contains(&id).then_some(id);
        if left.is_none() {
            self.sparks.push(id);
        }
        (Vec::from_iter(left), vec![Spark::near(id, position)])
    }
}
