//! Whole frames: what a writer makes of random play, a reader follows bit for bit.

use super::*;
use crate::TickRate;
use crate::game::movement::VELOCITY_MAX;
use crate::game::{Angle, Arena, Throttle};
use glam::IVec2;
use proptest::prelude::*;

/// One tick of random play.
#[derive(Clone, Debug)]
struct Turn {
    /// By place in the cell: the input that avatar changes to.
    inputs: Vec<(u8, Input)>,
    /// Small movements of aim, by place.
    aims: Vec<(u8, i8)>,
    /// What something other than the step does to a body.
    blow: Option<(u8, Blow)>,
    enters: Vec<u16>,
    leaves: Vec<u8>,
    sparks: Option<(u16, bool)>,
}

#[derive(Clone, Debug)]
enum Blow {
    Push(i32, i32),
    Teleport(u32),
    Turn(u8),
    Tire(u8),
}

fn inputs() -> impl Strategy<Value = Input> {
    let heading = prop_oneof![any::<u8>(), (0u8..8).prop_map(|eighth| eighth * 32)];
    (heading, 0u8..=3, any::<Option<u8>>(), any::<bool>()).prop_map(|(h, t, aim, dash)| {
        Input::new(Angle(h), Throttle::new(t).unwrap(), aim.map(Angle), dash)
    })
}

fn turns() -> impl Strategy<Value = Turn> {
    let push = -VELOCITY_MAX..=VELOCITY_MAX;
    let blow = prop_oneof![
        (push.clone(), push).prop_map(|(x, y)| Blow::Push(x, y)),
        any::<u32>().prop_map(Blow::Teleport),
        any::<u8>().prop_map(Blow::Turn),
        (0u8..=36).prop_map(Blow::Tire),
    ];
    let few = |max| 0..max;
    (
        proptest::collection::vec((any::<u8>(), inputs()), few(2)),
        proptest::collection::vec((any::<u8>(), -3i8..=3), few(4)),
        proptest::option::weighted(0.1, (any::<u8>(), blow)),
        prop_oneof![4 => Just(vec![]), 1 => proptest::collection::vec(0u16..400, few(4))],
        prop_oneof![4 => Just(vec![]), 1 => proptest::collection::vec(any::<u8>(), few(3))],
        proptest::option::weighted(0.1, (0u16..50, any::<bool>())),
    )
        .prop_map(|(inputs, aims, blow, enters, leaves, sparks)| Turn {
            inputs,
            aims,
            blow,
            enters,
            leaves,
            sparks,
        })
}

fn world() -> World {
    World::new(Arena::named("garden").unwrap(), TickRate::DEFAULT)
}

/// The truth, kept apart from the codec's own state.
#[derive(Default)]
struct Truth {
    avatars: Vec<Avatar>,
    sparks: Vec<Spark>,
}

fn pick<T>(members: &mut [T], place: u8) -> Option<&mut T> {
    let len = members.len();
    members.get_mut(usize::from(place) % len.max(1))
}

impl Truth {
    fn moved_by(&mut self, world: &World, turn: &Turn) {
        for &(place, input) in &turn.inputs {
            if let Some(avatar) = pick(&mut self.avatars, place) {
                avatar.input = input;
            }
        }
        for &(place, by) in &turn.aims {
            if let Some(avatar) = pick(&mut self.avatars, place) {
                let input = avatar.input;
                let aim = input.aim().map(|aim| aim.turned(by));
                avatar.input = Input::new(input.heading(), input.throttle(), aim, input.dash());
            }
        }
        for avatar in &mut self.avatars {
            avatar.body = world.step(&avatar.body, &avatar.input);
        }
        if let Some((place, blow)) = &turn.blow
            && let Some(avatar) = pick(&mut self.avatars, *place)
        {
            let body = &mut avatar.body;
            match *blow {
                Blow::Push(x, y) => body.velocity = IVec2::new(x, y),
                Blow::Teleport(seed) => body.position = world.arena.free_position(seed),
                Blow::Turn(angle) => body.facing = Angle(angle),
                Blow::Tire(cooldown) => body.dash.cooldown = cooldown,
            }
        }
    }
}

struct Pair {
    world: World,
    truth: Truth,
    server: Cell,
    replica: Cell,
    stamp: FrameStamp,
}

impl Pair {
    fn new(world: World) -> Pair {
        Pair {
            world,
            truth: Truth::default(),
            server: Cell::default(),
            replica: Cell::default(),
            stamp: FrameStamp {
                cell: CellId(3),
                tick: Tick(100),
            },
        }
    }

    /// One tick; returns the frame.
    fn tick(&mut self, turn: &Turn, fallback: bool) -> Vec<u8> {
        self.stamp.tick = self.stamp.tick.next();
        let truth = &mut self.truth;
        let mut avatars_left: Vec<PlayerId> = turn
            .leaves
            .iter()
            .filter_map(|&place| pick(&mut truth.avatars, place).map(|avatar| avatar.id))
            .collect();
        avatars_left.sort_unstable();
        avatars_left.dedup();
        truth
            .avatars
            .retain(|avatar| !avatars_left.contains(&avatar.id));
        truth.moved_by(&self.world, turn);
        let mut entered: Vec<Avatar> = turn
            .enters
            .iter()
            .filter(|&&id| truth.avatars.iter().all(|avatar| avatar.id.0 != id))
            .map(|&id| {
                let body = Body::at(self.world.arena.free_position(u32::from(id) * 9_999_991));
                if fallback && id % 2 == 0 {
                    Avatar::free(PlayerId(id), &body)
                } else {
                    Avatar::new(PlayerId(id), body, Input::IDLE)
                }
            })
            .collect();
        entered.sort_unstable_by_key(|avatar| avatar.id);
        entered.dedup_by_key(|avatar| avatar.id);
        let (mut sparks_left, mut sparks_entered) = (vec![], vec![]);
        if let Some((id, outside)) = turn.sparks {
            let id = SparkId(id);
            if truth.sparks.iter().any(|spark| spark.id == id) {
                sparks_left.push(id);
                truth.sparks.retain(|spark| spark.id != id);
            }
            let corner = self.world.grid.corner(self.stamp.cell);
            let position = if outside { IVec2::ZERO } else { corner + 5_000 };
            sparks_entered.push(Spark::near(id, position));
            truth.sparks.extend_from_slice(&sparks_entered);
        }
        let change = CellChange {
            avatars_left: &avatars_left,
            avatars_entered: &entered,
            sparks_left: &sparks_left,
            sparks_entered: &sparks_entered,
        };
        let known = |id| {
            let avatar = truth.avatars.iter().find(|avatar| avatar.id == id).unwrap();
            (avatar.input, avatar.body)
        };
        let mut frame = Vec::new();
        let mut tallied = self.server.clone();
        tallied.tally_delta(
            &self.world,
            self.stamp,
            change,
            known,
            &mut Tally::default(),
        );
        self.server
            .encode_delta(&self.world, self.stamp, change, known, &mut frame);
        assert_eq!(
            tallied, self.server,
            "counting takes the same way as writing"
        );
        truth.avatars.extend_from_slice(&entered);
        truth.avatars.sort_unstable_by_key(|avatar| avatar.id);
        truth.sparks.sort_unstable_by_key(|spark| spark.id);
        frame
    }

    fn check_truth(&self) {
        assert_eq!(self.server.avatars().len(), self.truth.avatars.len());
        for (seen, truth) in self.server.avatars().iter().zip(&self.truth.avatars) {
            assert_eq!(seen.id, truth.id);
            if truth.predictor() == Predictor::Step {
                assert_eq!((seen.body, seen.input), (truth.body, truth.input));
            } else {
                let expected = Avatar::free(truth.id, &truth.body);
                assert_eq!(seen.body.position, expected.body.position);
                assert_eq!(seen.body.facing, expected.body.facing);
            }
        }
        assert_eq!(self.server.sparks(), self.truth.sparks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_replica_follows_every_tick_and_a_keyframe_is_as_good_as_the_past(
        script in proptest::collection::vec(turns(), 1..120),
        fallback in any::<bool>(),
        joins_at in 0usize..120,
    ) {
        let mut pair = Pair::new(world());
        for (at, turn) in script.iter().enumerate() {
            let frame = pair.tick(turn, fallback);
            pair.check_truth();
            pair.replica.apply_delta(&pair.world, pair.stamp, &frame).unwrap();
            prop_assert_eq!(&pair.replica, &pair.server);
            prop_assert_eq!(pair.replica.checksum(), pair.server.checksum());
            if at == joins_at {
                let mut keyframe = Vec::new();
                pair.server.encode_keyframe(&pair.world, pair.stamp, &mut keyframe);
                pair.replica.apply_keyframe(&pair.world, pair.stamp, &keyframe).unwrap();
                prop_assert_eq!(&pair.replica, &pair.server);
            }
        }
    }

    #[test]
    fn no_bytes_panic_a_replica_or_leave_it_out_of_range(
        frames in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..24)), 1..20),
    ) {
        let world = world();
        let mut cell = Cell::default();
        for (at, (is_keyframe, bytes)) in frames.iter().enumerate() {
            let stamp = FrameStamp { cell: CellId(at as u16 % 4), tick: Tick(at as u32) };
            let result = if *is_keyframe {
                cell.apply_keyframe(&world, stamp, bytes)
            } else {
                cell.apply_delta(&world, stamp, bytes)
            };
            // Even a refused frame leaves a state that later bytes cannot turn into a panic, and
            // what was accepted is written back.
            if result.is_ok() {
                let mut keyframe = Vec::new();
                cell.encode_keyframe(&world, stamp, &mut keyframe);
                let mut copy = Cell::default();
                copy.apply_keyframe(&world, stamp, &keyframe).unwrap();
                prop_assert_eq!(&copy, &cell);
            } else {
                cell = Cell::default();
            }
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_found_by_the_checksum_or_harmless(
        script in proptest::collection::vec(turns(), 8..40),
        at in any::<(usize, usize)>(),
        flip in 1u8..,
    ) {
        let mut pair = Pair::new(world());
        let hit = at.0 % script.len();
        for (index, turn) in script.iter().enumerate() {
            let mut frame = pair.tick(turn, false);
            if index == hit && !frame.is_empty() {
                let place = at.1 % frame.len();
                frame[place] ^= flip;
            }
            if pair.replica.apply_delta(&pair.world, pair.stamp, &frame).is_err() {
                return Ok(());
            }
        }
    }
}

#[test]
fn an_uneventful_frame_has_no_bytes_and_an_empty_cell_no_keyframe() {
    let mut pair = Pair::new(world());
    let quiet = Turn {
        inputs: vec![],
        aims: vec![],
        blow: None,
        enters: vec![],
        leaves: vec![],
        sparks: None,
    };
    let mut keyframe = Vec::new();
    pair.server
        .encode_keyframe(&pair.world, pair.stamp, &mut keyframe);
    assert!(keyframe.is_empty());
    let many = Turn {
        enters: (0..100).collect(),
        ..quiet.clone()
    };
    assert!(!pair.tick(&many, false).is_empty());
    let mut checksums = 0;
    for _ in 0..90 {
        match pair.tick(&quiet, false).len() {
            0 => {}
            _ => checksums += 1,
        }
    }
    assert_eq!(checksums, 3, "one checksum per second");
}

#[test]
fn a_replica_that_differs_is_found_within_a_second() {
    let mut pair = Pair::new(world());
    let turn = |enters| Turn {
        inputs: vec![(0, Input::from_keys(1, 0, None, false))],
        aims: vec![],
        blow: None,
        enters,
        leaves: vec![],
        sparks: None,
    };
    let frame = pair.tick(&turn(vec![7, 9]), false);
    pair.replica
        .apply_delta(&pair.world, pair.stamp, &frame)
        .unwrap();
    pair.replica.avatars[1].body.velocity.x += 1 << 10;
    let error = (0..30).find_map(|_| {
        let frame = pair.tick(&turn(vec![]), false);
        pair.replica
            .apply_delta(&pair.world, pair.stamp, &frame)
            .err()
    });
    assert!(matches!(error, Some(DecodeError::Checksum { .. })));
}

#[test]
fn identifiers_of_nobody_present_are_passed_over() {
    let mut pair = Pair::new(world());
    let mut frame = Vec::new();
    let change = CellChange {
        avatars_left: &[PlayerId(4)],
        ..CellChange::default()
    };
    let nobody = |_| unreachable!("nobody is here");
    pair.server
        .encode_delta(&pair.world, pair.stamp, change, nobody, &mut frame);
    pair.replica
        .apply_delta(&pair.world, pair.stamp, &frame)
        .unwrap();
    assert_eq!(pair.replica, pair.server);
}
