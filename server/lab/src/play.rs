//! Simulated play without a network: what players of all kinds press, the truth that follows, and
//! the cells that carry it. The trainer learns from it and `measure` weighs it.
//!
//! The figures of `Brain` (how long people hold a direction, how a mouse moves) are those of the
//! study that chose the codec, so that its results can be compared.

use glam::IVec2;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use tickwire_shared::game::sparks::bumped_velocity;
use tickwire_shared::game::{Angle, Arena, Body, Input, Spark, Throttle, World};
use tickwire_shared::wire::{Avatar, Cell, CellChange, FrameStamp, Predictor};
use tickwire_shared::{CellId, PlayerId, SparkId, Tick, TickRate};

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Players.
    pub players: u16,
    /// Edge of a cell in units; 512 is the whole arena.
    pub cell_units: u16,
    /// How followers predict.
    pub predictor: Predictor,
    /// With dashes, bumps, sparks, and players who come and go; without, only movement and aim.
    pub events: bool,
    /// Seed of everything.
    pub seed: u64,
}

/// The play, its truth, and the cells that carry it.
pub struct Play {
    /// The world.
    pub world: World,
    /// The last tick that ran.
    pub tick: Tick,
    /// One per cell of the grid.
    pub cells: Vec<CellSlot>,
    scenario: Scenario,
    players: Vec<Player>,
    sparks: Vec<(Spark, CellId)>,
    rng: Pcg32,
}

/// One cell and what happened to its membership in the last tick.
#[derive(Default)]
pub struct CellSlot {
    /// The codec's state at the server.
    pub cell: Cell,
    avatars_left: Vec<PlayerId>,
    avatars_entered: Vec<Avatar>,
    sparks_left: Vec<SparkId>,
    sparks_entered: Vec<Spark>,
}

/// One player: who, where, and what drives it.
struct Player {
    brain: Brain,
    input: Input,
    body: Body,
    cell: CellId,
}

/// What a player does. Times are means of exponential distributions.
struct Brain {
    is_idle: bool,
    /// A stick instead of keys.
    is_analog: bool,
    /// The direction that was chosen; a stick flickers between it and the next step to one side.
    held: Angle,
    /// That side.
    flicker: i8,
    /// Seconds between changes of direction: 0.5 to 2, drawn once per player.
    change_seconds: f64,
    /// Where 40 % of the players gather.
    hot_spot: Option<IVec2>,
    mouse: Option<Mouse>,
}

/// A mouse: it rests for a while, then follows something for a while.
#[derive(Default)]
struct Mouse {
    tracks: bool,
    /// 1/256 turn.
    angle: f64,
    /// 1/256 turn per tick.
    speed: f64,
}

/// Part of its time that a player stands idle.
const IDLE_SHARE: f64 = 0.3;
const IDLE_SECONDS: f64 = 10.0;
const ACTIVE_SECONDS: f64 = IDLE_SECONDS * (1.0 - IDLE_SHARE) / IDLE_SHARE;
/// Chance per tick that a held stick flickers from one of two neighbouring steps to the other.
const JITTER: f64 = 0.15;
const AIM_HOLD_SECONDS: f64 = 0.8;
const AIM_TRACK_SECONDS: f64 = 1.0;
/// A tracking mouse keeps so much of its speed and adds noise of so many steps per tick, an
/// autoregressive process of first order: 160 degrees per second, root mean square.
const AIM_KEEP: f64 = 0.967;
const AIM_NOISE: f64 = 0.97;
const HOT_SPOTS: u32 = 8;

impl Play {
    /// Everybody at rest at a random place, cells empty.
    pub fn new(scenario: Scenario) -> Play {
        let mut spec = Arena::named("city").expect("embedded").spec().clone();
        spec.cell_units = scenario.cell_units;
        let arena = Arena::new(spec).expect("the cell edge suits the arena");
        let world = World::new(arena, TickRate::DEFAULT);
        let mut rng = Pcg32::seed_from_u64(scenario.seed);
        let hot_spots: Vec<IVec2> = (0..HOT_SPOTS)
            .map(|_| world.arena.free_position(rng.next_u32()))
            .collect();
        let players = (0..scenario.players)
            .map(|_| Player::new(&world, &hot_spots, &mut rng))
            .collect();
        let mut cells = Vec::new();
        cells.resize_with(world.grid.len(), CellSlot::default);
        let mut play = Play {
            tick: Tick(0),
            cells,
            scenario,
            players,
            sparks: Vec::new(),
            rng,
            world,
        };
        play.populate();
        play
    }

    /// Whether `body` and `input` are what followers of `id` must see.
    pub fn is_truth(&self, seen: &Avatar) -> bool {
        let player = &self.players[seen.id.index()];
        match seen.predictor() {
            Predictor::Step => (seen.input, seen.body) == (player.input, player.body),
            Predictor::Fallback => {
                let truth = Avatar::free(seen.id, &player.body).body;
                (seen.body.position, seen.body.facing) == (truth.position, truth.facing)
            }
        }
    }

    /// How many players have this cell as the centre of what they see.
    pub fn centred_in(&self, cell: CellId) -> usize {
        self.cells[cell.index()].cell.avatars().len()
    }

    /// One tick of the truth; then every cell is to be taken along by [`Play::carry`].
    pub fn step(&mut self) {
        self.tick = self.tick.next();
        let hz = f64::from(self.world.tick_rate.hz());
        for slot in &mut self.cells {
            slot.avatars_left.clear();
            slot.avatars_entered.clear();
            slot.sparks_left.clear();
            slot.sparks_entered.clear();
        }
        for index in 0..self.players.len() {
            let player = &mut self.players[index];
            player.think(hz, &mut self.rng);
            if self.scenario.events {
                player.press_dash(hz, &mut self.rng);
            }
            player.body = self.world.step(&player.body, &player.input);
            if self.scenario.events {
                self.suffer(index, hz);
            }
            self.regroup(index);
        }
        if self.scenario.events {
            self.move_sparks(hz);
        }
    }

    /// Hands the cell with its changes and the truth to `f`: `(world, cell, stamp, change, truth)`.
    pub fn carry<R>(
        &mut self,
        id: CellId,
        f: impl FnOnce(
            &World,
            &mut Cell,
            FrameStamp,
            CellChange<'_>,
            &dyn Fn(PlayerId) -> (Input, Body),
        ) -> R,
    ) -> R {
        let stamp = FrameStamp {
            cell: id,
            tick: self.tick,
        };
        let slot = &mut self.cells[id.index()];
        let change = CellChange {
            avatars_left: &slot.avatars_left,
            avatars_entered: &slot.avatars_entered,
            sparks_left: &slot.sparks_left,
            sparks_entered: &slot.sparks_entered,
        };
        let players = &self.players;
        let truth = |id: PlayerId| {
            let player = &players[id.index()];
            (player.input, player.body)
        };
        f(&self.world, &mut slot.cell, stamp, change, &truth)
    }

    /// Puts everybody into the cells, as entering in tick 0.
    fn populate(&mut self) {
        for index in 0..self.players.len() {
            let cell = self.players[index].cell;
            let avatar = self.avatar(index);
            self.cells[cell.index()].avatars_entered.push(avatar);
        }
        if self.scenario.events {
            for id in 0..self.world.arena.spec().sparks {
                let seed = self.rng.next_u32();
                let spark = Spark::near(SparkId(id), self.world.arena.free_position(seed));
                let cell = self.world.grid.cell_at(spark.position());
                self.sparks.push((spark, cell));
                self.cells[cell.index()].sparks_entered.push(spark);
            }
        }
    }

    fn avatar(&self, index: usize) -> Avatar {
        let player = &self.players[index];
        let id = PlayerId(index as u16);
        match self.scenario.predictor {
            Predictor::Step => Avatar::new(id, player.body, player.input),
            Predictor::Fallback => Avatar::free(id, &player.body),
        }
    }

    fn regroup(&mut self, index: usize) {
        let player = &mut self.players[index];
        let (position, from) = (player.body.position, player.cell);
        let to = self.world.grid.cell_with_hysteresis(position, from);
        if to != from {
            player.cell = to;
            let avatar = self.avatar(index);
            self.cells[from.index()].avatars_left.push(avatar.id);
            self.cells[to.index()].avatars_entered.push(avatar);
        }
    }

    /// What the rules and other players do to a body.
    fn suffer(&mut self, index: usize, hz: f64) {
        let player = &mut self.players[index];
        if happens(&mut self.rng, 1.0 / (20.0 * hz)) {
            let heading = Angle(self.rng.next_u32() as u8);
            player.body.velocity = bumped_velocity(heading, &self.world.movement);
        }
        if happens(&mut self.rng, 1.0 / (300.0 * hz)) {
            player.body.position = self.world.arena.free_position(self.rng.next_u32());
            player.body.velocity = IVec2::ZERO;
        }
    }

    fn move_sparks(&mut self, hz: f64) {
        for index in 0..self.sparks.len() {
            if happens(&mut self.rng, 1.0 / (40.0 * hz)) {
                let (spark, from) = self.sparks[index];
                let seed = self.rng.next_u32();
                let spark = Spark::near(spark.id, self.world.arena.free_position(seed));
                let to = self.world.grid.cell_at(spark.position());
                self.sparks[index] = (spark, to);
                self.cells[from.index()].sparks_left.push(spark.id);
                self.cells[to.index()].sparks_entered.push(spark);
            }
        }
    }
}

impl Player {
    fn new(world: &World, hot_spots: &[IVec2], rng: &mut Pcg32) -> Player {
        let body = Body::at(world.arena.free_position(rng.next_u32()));
        let place = pick(rng, hot_spots.len() as u32) as usize;
        let is_attracted = happens(rng, 0.4);
        let brain = Brain {
            is_idle: happens(rng, IDLE_SHARE),
            is_analog: happens(rng, 0.5),
            held: Angle(0),
            flicker: 1,
            change_seconds: 0.5 + 1.5 * fraction(rng),
            hot_spot: is_attracted.then(|| hot_spots[place]),
            mouse: happens(rng, 0.5).then(Mouse::default),
        };
        let aim = brain.mouse.is_some().then_some(Angle(0));
        Player {
            brain,
            input: Input::new(Angle(0), Throttle::REST, aim, false),
            cell: world.grid.cell_at(body.position),
            body,
        }
    }

    fn think(&mut self, hz: f64, rng: &mut Pcg32) {
        let brain = &mut self.brain;
        let (mut heading, mut throttle) = (self.input.heading(), self.input.throttle());
        let mut chooses = false;
        if brain.is_idle {
            brain.is_idle = !happens(rng, 1.0 / (IDLE_SECONDS * hz));
            chooses = !brain.is_idle;
        } else {
            brain.is_idle = happens(rng, 1.0 / (ACTIVE_SECONDS * hz));
        }
        if brain.is_idle {
            throttle = Throttle::REST;
        } else {
            let is_changed = happens(rng, 1.0 / (brain.change_seconds * hz));
            if chooses || is_changed || throttle == Throttle::REST {
                (heading, throttle) = brain.choose(self.body.position, self.input, rng);
                brain.held = heading;
                brain.flicker = if happens(rng, 0.5) { 1 } else { -1 };
            } else if brain.is_analog && happens(rng, JITTER) {
                heading = brain.tremble(heading);
            }
        }
        let aim = brain.mouse.as_mut().map(|mouse| mouse.move_on(hz, rng));
        self.input = Input::new(heading, throttle, aim, false);
    }

    /// A dash now and then, held for a few ticks.
    fn press_dash(&mut self, hz: f64, rng: &mut Pcg32) {
        let held = self.body.dash.ticks_left > 0 && happens(rng, 0.6);
        let dash = held || happens(rng, 1.0 / (5.0 * hz));
        let input = self.input;
        self.input = Input::new(input.heading(), input.throttle(), input.aim(), dash);
    }
}

impl Brain {
    /// A new heading and throttle, the heading another than before.
    fn choose(&self, position: IVec2, old: Input, rng: &mut Pcg32) -> (Angle, Throttle) {
        let way = self.hot_spot.map(|spot| spot - position);
        let far = way.filter(|way| way.abs().max_element() > 20 * 4096);
        let wanted = match far {
            Some(way) => towards(way).turned(pick(rng, 49) as i8 - 24),
            None => Angle(rng.next_u32() as u8),
        };
        if self.is_analog {
            let level = Throttle::new(1 + pick(rng, 3) as u8).unwrap_or_default();
            return (wanted, level);
        }
        let eighth = Angle(wanted.0.wrapping_add(16) & 0xe0);
        let is_same = old.throttle() != Throttle::REST && eighth == old.heading();
        let other = Angle(eighth.0.wrapping_add(32 * (1 + pick(rng, 7) as u8)));
        (if is_same { other } else { eighth }, Throttle::FULL)
    }

    /// The thumb holds still between two steps of the stick, which flickers from one to the other.
    fn tremble(&self, heading: Angle) -> Angle {
        match self.held.difference(heading) {
            0 => heading.turned(self.flicker),
            off => heading.turned(-off),
        }
    }
}

impl Mouse {
    fn move_on(&mut self, hz: f64, rng: &mut Pcg32) -> Angle {
        let seconds = if self.tracks {
            AIM_TRACK_SECONDS
        } else {
            AIM_HOLD_SECONDS
        };
        if happens(rng, 1.0 / (seconds * hz)) {
            self.tracks = !self.tracks;
            self.speed = 0.0;
        }
        if self.tracks {
            self.speed = self.speed * AIM_KEEP + AIM_NOISE * normal(rng);
            self.angle = (self.angle + self.speed).rem_euclid(256.0);
        }
        Angle(self.angle as u8)
    }
}

/// The angle whose direction lies nearest to a vector, without functions whose last bits differ.
fn towards(way: IVec2) -> Angle {
    let way = way / 64;
    let along = |angle: &u8| {
        let (x, y) = Angle(*angle).direction();
        i64::from(x) * i64::from(way.x) + i64::from(y) * i64::from(way.y)
    };
    Angle((0..=255).max_by_key(along).unwrap_or(0))
}

fn fraction(rng: &mut Pcg32) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

fn happens(rng: &mut Pcg32, chance: f64) -> bool {
    fraction(rng) < chance
}

fn pick(rng: &mut Pcg32, count: u32) -> u32 {
    ((u64::from(rng.next_u32()) * u64::from(count)) >> 32) as u32
}

/// Nearly normal, variance one: the sum of twelve uniform numbers.
fn normal(rng: &mut Pcg32) -> f64 {
    (0..12).map(|_| fraction(rng)).sum::<f64>() - 6.0
}
