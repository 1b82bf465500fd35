//! A random stream of cell frames as bytes, made to test decoders in other languages:
//! `tickwire-lab stream`. Everything that a frame can hold happens in it, far more often than in
//! play.
//!
//! ```text
//! stream = length:u32 welcome frame*
//! frame  = tick:u32 cell:u16 kind:u8 length:u32 bytes checksum:u32
//! ```
//!
//! All numbers are little-endian; `welcome` is a `ServerMessage::Welcome`; `kind` is 0 for a delta
//! and 1 for a keyframe, which stands for the delta of its tick; `checksum` is that of the whole
//! cell after the frame.

use std::collections::BTreeMap;
use tickwire_shared::game::movement::VELOCITY_MAX;
use tickwire_shared::game::{Angle, Arena, Body, Input, Spark, Throttle, UNIT, World};
use tickwire_shared::wire::cell_frame::{Avatar, Predictor};
use tickwire_shared::wire::{Cell, CellChange, FrameStamp, ServerMessage, Welcome, codec, model};
use tickwire_shared::{CellId, PlayerId, SparkId, Tick, TickRate};

/// Sparks present at once, about.
const SPARKS: usize = 50;

/// What kind of stream to make.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// Frames, deltas and keyframes together.
    pub frames: usize,
    /// All chance comes from here.
    pub seed: u64,
    /// Avatars present at once, about.
    pub avatars: usize,
    /// Ticks per second of the room.
    pub tick_rate: TickRate,
}

/// Makes a stream.
pub fn make(options: StreamOptions, arena: Arena) -> Vec<u8> {
    let world = World::new(arena, options.tick_rate);
    let welcome = codec::encode(&welcome(&world));
    let mut out = (welcome.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&welcome);
    let mut crowd = Crowd::new(world, options);
    let mut frames = 0;
    while frames < options.frames {
        crowd.tick();
        for cell in crowd.world.grid.cells() {
            crowd.write_frame(cell, &mut out);
            frames += 1;
        }
    }
    out
}

fn welcome(world: &World) -> ServerMessage {
    ServerMessage::Welcome(Box::new(Welcome {
        player: None,
        name: "stream".into(),
        room: "stream".into(),
        tick: Tick(1),
        tick_rate: world.tick_rate,
        arena: world.arena.spec().clone(),
        movement: world.movement,
        ticket: String::new(),
        resumed: false,
        server_version: env!("CARGO_PKG_VERSION").into(),
        model: model::fingerprint(),
    }))
}

/// How an avatar gets its inputs.
#[derive(Clone, Copy, Debug)]
enum Hand {
    Keyboard,
    KeyboardAndMouse,
    Stick,
    /// Not by inputs at all: carried by the fallback predictor.
    Drift,
}

struct Member {
    avatar: Avatar,
    cell: CellId,
    hand: Hand,
}

/// The truth that the stream tells of.
struct Crowd {
    world: World,
    random: Random,
    avatars: usize,
    tick: Tick,
    members: BTreeMap<PlayerId, Member>,
    sparks: BTreeMap<SparkId, (Spark, CellId)>,
    cells: Vec<Cell>,
    /// Where everybody was before the tick.
    before: BTreeMap<PlayerId, CellId>,
    sparks_before: BTreeMap<SparkId, CellId>,
    next_id: u16,
}

impl Crowd {
    fn new(world: World, options: StreamOptions) -> Crowd {
        let cells = world.grid.cells().map(|_| Cell::default()).collect();
        Crowd {
            world,
            random: Random(options.seed),
            avatars: options.avatars,
            tick: Tick(0),
            members: BTreeMap::new(),
            sparks: BTreeMap::new(),
            cells,
            before: BTreeMap::new(),
            sparks_before: BTreeMap::new(),
            next_id: 0,
        }
    }

    fn tick(&mut self) {
        self.tick = self.tick.next();
        self.before = self.members.iter().map(|(&id, m)| (id, m.cell)).collect();
        self.sparks_before = self.sparks.iter().map(|(&id, s)| (id, s.1)).collect();
        self.leave();
        for member in self.members.values_mut() {
            move_on(&self.world, &mut self.random, member);
        }
        while self.members.len() < self.avatars && !self.random.one_in(20) {
            self.join();
        }
        while self.sparks.len() < SPARKS && self.random.one_in(3) {
            let id = SparkId(self.random.below(400) as u16);
            let position = self.world.arena.free_position(self.random.next() as u32);
            let cell = self.world.grid.cell_at(position);
            self.sparks
                .entry(id)
                .or_insert((Spark::near(id, position), cell));
        }
    }

    fn leave(&mut self) {
        let random = &mut self.random;
        self.members.retain(|_, _| !random.one_in(400));
        self.sparks.retain(|_, _| !random.one_in(200));
    }

    fn join(&mut self) {
        // Identifiers jump about, and come back after a while.
        self.next_id = (self.next_id + 1 + self.random.below(700) as u16) % 60_000;
        let id = PlayerId(self.next_id);
        let position = self.world.arena.free_position(self.random.next() as u32);
        let hand = match self.random.below(8) {
            0..=2 => Hand::Keyboard,
            3..=4 => Hand::KeyboardAndMouse,
            5..=6 => Hand::Stick,
            _ => Hand::Drift,
        };
        let body = Body::at(position);
        let avatar = match hand {
            Hand::Drift => Avatar::free(id, &body),
            _ => Avatar::new(id, body, Input::IDLE),
        };
        let cell = self.world.grid.cell_at(position);
        self.members
            .entry(id)
            .or_insert(Member { avatar, cell, hand });
    }

    fn write_frame(&mut self, cell: CellId, out: &mut Vec<u8>) {
        let was = |id: &PlayerId| self.before.get(id) == Some(&cell);
        let is = |id: &PlayerId| self.members.get(id).is_some_and(|m| m.cell == cell);
        let avatars_left: Vec<_> = { self.before.keys() }
            .filter(|id| was(id) && !is(id))
            .copied()
            .collect();
        let avatars_entered: Vec<_> = { self.members.values() }
            .filter(|m| m.cell == cell && !was(&m.avatar.id))
            .map(|m| m.avatar)
            .collect();
        let lies = |id: &SparkId| self.sparks.get(id).is_some_and(|s| s.1 == cell);
        let lay = |id: &SparkId| self.sparks_before.get(id) == Some(&cell);
        let sparks_left: Vec<_> = { self.sparks_before.keys() }
            .filter(|id| lay(id) && !lies(id))
            .copied()
            .collect();
        let sparks_entered: Vec<_> = { self.sparks.values() }
            .filter(|(spark, at)| *at == cell && !lay(&spark.id))
            .map(|(spark, _)| *spark)
            .collect();
        let change = CellChange {
            avatars_left: &avatars_left,
            avatars_entered: &avatars_entered,
            sparks_left: &sparks_left,
            sparks_entered: &sparks_entered,
        };
        let stamp = FrameStamp {
            cell,
            tick: self.tick,
        };
        let members = &self.members;
        let truth = |id: PlayerId| (members[&id].avatar.input, members[&id].avatar.body);
        let state = &mut self.cells[cell.index()];
        let mut bytes = Vec::new();
        state.encode_delta(&self.world, stamp, change, truth, &mut bytes);
        let is_keyframe = self.random.one_in(40);
        if is_keyframe {
            bytes.clear();
            state.encode_keyframe(&self.world, stamp, &mut bytes);
        }
        out.extend_from_slice(&self.tick.0.to_le_bytes());
        out.extend_from_slice(&cell.0.to_le_bytes());
        out.push(u8::from(is_keyframe));
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&bytes);
        out.extend_from_slice(&state.checksum().to_le_bytes());
        // Entering avatars start with a fresh memory; the truth's copy is not used for it.
        debug_assert!(state.avatars().iter().all(|a| is(&a.id)));
    }
}

fn move_on(world: &World, random: &mut Random, member: &mut Member) {
    let Member { avatar, cell, hand } = member;
    if avatar.predictor() == Predictor::Fallback {
        drift(world, random, &mut avatar.body);
    } else {
        let input = next_input(random, *hand, avatar.input);
        avatar.body = world.step(&avatar.body, &input);
        avatar.input = input;
        if random.one_in(60) {
            push(world, random, &mut avatar.body);
        }
    }
    *cell = world.grid.cell_with_hysteresis(avatar.body.position, *cell);
}

fn next_input(random: &mut Random, hand: Hand, last: Input) -> Input {
    let dash = last.dash() != random.one_in(25);
    match hand {
        Hand::Stick if random.one_in(3) => {
            let heading = last.heading().turned(random.below(11) as i8 - 5);
            Input::new(heading, last.throttle(), None, dash)
        }
        Hand::Stick if random.one_in(12) => {
            let throttle = Throttle::new(random.below(4) as u8).unwrap_or_default();
            Input::new(Angle(random.below(256) as u8), throttle, None, dash)
        }
        Hand::KeyboardAndMouse => {
            let aim = match last.aim() {
                Some(aim) if random.one_in(3) => Some(aim.turned(random.below(41) as i8 - 20)),
                Some(aim) if random.one_in(2) => Some(aim.turned(3)),
                Some(_) if random.one_in(80) => None,
                None if random.one_in(30) => Some(Angle(random.below(256) as u8)),
                aim => aim,
            };
            keys(random, last, aim, dash)
        }
        _ => keys(random, last, None, dash),
    }
}

fn keys(random: &mut Random, last: Input, aim: Option<Angle>, dash: bool) -> Input {
    if random.one_in(15) {
        let mut sign = || random.below(3) as i32 - 1;
        Input::from_keys(sign(), sign(), aim, dash)
    } else {
        Input::new(last.heading(), last.throttle(), aim, dash)
    }
}

/// What only the server knows: a throw, a teleport, a turn, a dash that is cut short.
fn push(world: &World, random: &mut Random, body: &mut Body) {
    match random.below(5) {
        0 => body.velocity.x = random.below(2 * VELOCITY_MAX as u64) as i32 - VELOCITY_MAX,
        1 => body.velocity = -body.velocity,
        2 => body.position = world.arena.free_position(random.next() as u32),
        3 => body.facing = Angle(random.below(256) as u8),
        _ => body.dash = tickwire_shared::game::Dash::default(),
    }
}

/// A way that is smooth most of the time.
fn drift(world: &World, random: &mut Random, body: &mut Body) {
    if random.one_in(10) {
        let mut by = || random.below(1 << 15) as i32 - (1 << 14);
        body.velocity.x = (body.velocity.x + by()).clamp(-VELOCITY_MAX, VELOCITY_MAX);
        body.velocity.y = (body.velocity.y + by()).clamp(-VELOCITY_MAX, VELOCITY_MAX);
    }
    if random.one_in(50) {
        body.velocity = glam::IVec2::ZERO;
    }
    if random.one_in(4) {
        body.facing = body.facing.turned(random.below(9) as i8 - 4);
    }
    let to = world.arena.clamp(body.position + body.velocity / 16);
    body.position = if random.one_in(300) {
        world.arena.clamp(to + UNIT * 9)
    } else {
        to
    };
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: u64) -> Vec<u8> {
        let options = StreamOptions {
            frames: 2_000,
            seed,
            avatars: 60,
            tick_rate: TickRate::DEFAULT,
        };
        make(options, Arena::named("garden").unwrap())
    }

    #[test]
    fn the_same_seed_makes_the_same_stream() {
        assert_eq!(stream(1), stream(1));
        assert_ne!(stream(1), stream(2));
    }
}
