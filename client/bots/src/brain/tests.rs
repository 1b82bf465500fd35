//! Brains in a small world of their own: the pure step, a cell that holds everything, no network.

use super::*;
use tickwire_shared::game::{Arena, Spark};
use tickwire_shared::wire::{Avatar, CellChange, FrameStamp};
use tickwire_shared::{CellId, SparkId, TickRate};

struct Stage {
    world: World,
    cell: Cell,
    body: Body,
    tick: Tick,
    respawns: u32,
    picked: u32,
    inputs: Vec<Input>,
    longest_standstill: u32,
}

struct Whole<'a>(&'a Cell);

impl Sight for Whole<'_> {
    fn for_each_cell<'a>(&'a self, visit: &mut dyn FnMut(&'a Cell)) {
        visit(self.0);
    }
}

const ME: PlayerId = PlayerId(7);

impl Stage {
    fn new(arena: &str, seed: u32, sparks: u16) -> Stage {
        let world = World::new(Arena::named(arena).unwrap(), TickRate::DEFAULT);
        let body = Body::at(world.arena.free_position(seed));
        let mut stage = Stage {
            cell: Cell::default(),
            body,
            tick: Tick(0),
            respawns: seed,
            picked: 0,
            inputs: Vec::new(),
            longest_standstill: 0,
            world,
        };
        let entered: Vec<Spark> = (0..sparks).map(|id| stage.new_spark(SparkId(id))).collect();
        let me = [Avatar::new(ME, body, Input::IDLE)];
        stage.change(CellChange {
            avatars_entered: &me,
            sparks_entered: &entered,
            ..CellChange::default()
        });
        stage
    }

    fn new_spark(&mut self, id: SparkId) -> Spark {
        self.respawns = self.respawns.wrapping_mul(747_796_405).wrapping_add(1);
        Spark::near(id, self.world.arena.free_position(self.respawns))
    }

    fn change(&mut self, change: CellChange<'_>) {
        let stamp = FrameStamp {
            cell: CellId(0),
            tick: self.tick,
        };
        let body = self.body;
        let truth = |_| (Input::IDLE, body);
        self.cell
            .encode_delta(&self.world, stamp, change, truth, &mut Vec::new());
    }

    fn run(&mut self, brain: &mut Brain, ticks: u32) {
        let mut finder = PathFinder::default();
        let mut standstill = 0;
        for _ in 0..ticks {
            if brain.wants_to_look(self.tick) {
                let senses = Senses {
                    tick: self.tick,
                    world: &self.world,
                    me: ME,
                    body: self.body,
                    sight: &Whole(&self.cell),
                };
                brain.look(&senses, &mut finder);
            }
            let input = brain.input();
            self.inputs.push(input);
            let before = self.body.position;
            self.body = self.world.step(&self.body, &input);
            self.tick = self.tick.next();
            standstill = if before == self.body.position {
                standstill + 1
            } else {
                0
            };
            self.longest_standstill = self.longest_standstill.max(standstill);
            self.pick_up();
        }
    }

    fn pick_up(&mut self) {
        let at = self.body.position;
        let reached = self.cell.sparks().iter().find(|s| s.is_reached_from(at));
        let Some(id) = reached.map(|spark| spark.id) else {
            return;
        };
        self.picked += 1;
        let entered = [self.new_spark(id)];
        self.change(CellChange {
            sparks_left: &[id],
            ..CellChange::default()
        });
        self.change(CellChange {
            sparks_entered: &entered,
            ..CellChange::default()
        });
    }
}

#[test]
fn a_seeker_reaches_a_lone_spark_anywhere_in_the_garden() {
    for seed in 0..60 {
        let seed = seed * 71_582_788;
        let mut stage = Stage::new("garden", seed, 1);
        let mut brain = Brain::new(BrainKind::Seek, seed.into());
        for _ in 0..60 {
            stage.run(&mut brain, 30);
            if stage.picked > 0 {
                break;
            }
        }
        // The garden is 128 units wide: about 20 s at full speed, and some way around walls.
        assert!(stage.picked > 0, "seed {seed}: {:?}", stage.body);
    }
}

#[test]
fn a_seeker_is_never_stuck_for_long_and_picks_sparks_up_steadily() {
    for (arena, sparks, bar) in [("garden", 90, 22), ("tiny", 8, 30), ("city", 600, 10)] {
        for seed in 0..12 {
            let mut stage = Stage::new(arena, seed * 357_913_941, sparks);
            stage.run(&mut Brain::new(BrainKind::Seek, seed.into()), 60 * 30);
            assert!(stage.picked >= bar, "{arena} {seed}: {}", stage.picked);
            let standstill = stage.longest_standstill;
            assert!(standstill < 75, "{arena} {seed}: {standstill} ticks");
        }
    }
}

#[test]
fn a_stroller_walks_and_pauses_and_is_never_stuck_for_long() {
    for seed in 0..12 {
        let mut stage = Stage::new("garden", seed * 357_913_941, 0);
        stage.run(&mut Brain::new(BrainKind::Wander, seed.into()), 60 * 30);
        let resting = stage
            .inputs
            .iter()
            .filter(|i| i.throttle() == Throttle::REST);
        let resting = resting.count();
        assert!((60..1_400).contains(&resting), "{seed}: {resting}");
        // Two pauses of four seconds may follow one another.
        assert!(stage.longest_standstill < 300, "{seed}");
    }
}

#[test]
fn an_idle_bot_never_looks_and_never_moves() {
    let mut brain = Brain::new(BrainKind::Idle, 1);
    assert!(!brain.wants_to_look(Tick(1_000)));
    assert_eq!(brain.input(), Input::IDLE);
}

#[test]
fn the_same_seed_plays_the_same_game() {
    let play = |seed| {
        let mut stage = Stage::new("garden", 5, 90);
        stage.run(&mut Brain::new(BrainKind::Mixed, seed), 600);
        stage.inputs
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn seekers_dash_now_and_then() {
    let mut stage = Stage::new("city", 9, 600);
    stage.run(&mut Brain::new(BrainKind::Seek, 9), 120 * 30);
    let dashes = stage
        .inputs
        .windows(2)
        .filter(|pair| !pair[0].dash() && pair[1].dash())
        .count();
    assert!((2..200).contains(&dashes), "{dashes}");
}
