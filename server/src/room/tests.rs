//! A whole room, without sockets: requests in, broadcasts out.

use super::*;
use std::sync::Arc;
use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
use tickwire_shared::wire::{Block, Cell, CloseReason, FrameStamp, PacketReader, ServerMessage};
use tickwire_shared::{LocalTime, PlayerId, Tick, TickRate};

fn room(arena: &str, players_max: usize, seed: u64) -> Room {
    let world = World::new(Arena::named(arena).unwrap(), TickRate::DEFAULT);
    Room::new(RoomConfig {
        players_max,
        seed,
        ..RoomConfig::new("test", Arc::new(world))
    })
}

fn tick(room: &mut Room) -> Arc<Broadcast> {
    let start = TickRate::DEFAULT.offset(room.next_tick());
    room.tick(LocalTime(0) + start)
}

fn join(room: &mut Room, session: u64, name: &str) {
    room.push(RoomRequest::Join {
        session: SessionKey(session),
        name: name.into(),
        spectator: false,
    });
}

fn input(room: &mut Room, player: u16, input: Input) {
    let tick = room.next_tick();
    let Some(session) = room.session_of(PlayerId(player)) else {
        return;
    };
    room.push(RoomRequest::Input {
        session,
        player: PlayerId(player),
        tick,
        input,
        arrived: LocalTime(0),
    });
}

fn control(broadcast: &Broadcast) -> Vec<ServerMessage> {
    let mut packet = PacketReader::new(broadcast.control()).unwrap();
    let mut messages = Vec::new();
    while let Some(block) = packet.next_block(None).unwrap() {
        match block {
            Block::Control(message) => messages.push(message),
            Block::Tick(_) => panic!("a tick among control blocks"),
        }
    }
    messages
}

/// Players who push about, each in its own way; the same for the same number of ticks.
fn play(room: &mut Room, ticks: u32, mut check: impl FnMut(&Room, &Broadcast)) {
    for n in 0..ticks {
        let player = (n % 40) as u16;
        let heading = Angle((n.wrapping_mul(2_654_435_761) >> 24) as u8);
        let level = Throttle::new((n >> 3 & 3) as u8).unwrap();
        let aim = (n % 3 == 0).then_some(Angle(n as u8));
        input(room, player, Input::new(heading, level, aim, n % 5 == 0));
        if n % 50 == 0 {
            join(room, u64::from(n), "bot");
        }
        if n % 170 == 169 {
            let session = SessionKey(u64::from(n / 170 * 150));
            room.push(RoomRequest::Leave { session });
        }
        let broadcast = tick(room);
        check(room, &broadcast);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let run = |seed| {
        let mut room = room("tiny", 100, seed);
        play(&mut room, 1_500, |_, _| ());
        room.trace_hash()
    };
    println!("trace hash of seed 1: {:016x}", run(1));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn replicas_that_apply_every_delta_equal_the_rooms_cells() {
    for arena in ["tiny", "garden"] {
        let mut room = room(arena, 100, 7);
        let world = room.info().world.clone();
        let mut replicas = vec![Cell::default(); world.grid.len()];
        let mut crowd = 0;
        play(&mut room, 1_500, |_, broadcast| {
            let mut avatars = 0;
            for cell in world.grid.cells() {
                let stamp = FrameStamp {
                    cell,
                    tick: broadcast.tick(),
                };
                let replica = &mut replicas[cell.index()];
                replica
                    .apply_delta(&world, stamp, broadcast.delta(cell))
                    .unwrap();
                assert_eq!(replica, broadcast.cell(cell), "{cell} at {}", stamp.tick);
                let mut by_keyframe = Cell::default();
                by_keyframe
                    .apply_keyframe(&world, stamp, broadcast.keyframe(cell))
                    .unwrap();
                assert_eq!(&by_keyframe, broadcast.cell(cell));
                avatars += replica.avatars().len();
            }
            assert_eq!(avatars, broadcast.roster().entries().len());
            crowd = crowd.max(avatars);
        });
        assert!(crowd > 15, "the test must have a crowd, it has {crowd}");
        let metrics = &room.info().metrics;
        assert!(metrics.pickups.get() > 0, "nobody picked a spark up");
    }
}

#[test]
fn a_keyframe_is_encoded_once_and_only_on_demand() {
    let mut room = room("tiny", 10, 0);
    join(&mut room, 1, "a");
    let broadcast = tick(&mut room);
    let encoded = &room.info().metrics.keyframes_encoded;
    assert_eq!(encoded.get(), 0);
    let cell = broadcast.player(PlayerId(0)).cell;
    let first = broadcast.keyframe(cell).as_ptr();
    assert_eq!(first, broadcast.keyframe(cell).as_ptr());
    assert_eq!(encoded.get(), 1);
}

#[test]
fn a_dash_throws_the_other_once_and_takes_a_point() {
    let mut room = room("tiny", 60, 3);
    for session in 0..60 {
        join(&mut room, session, "b");
    }
    let metrics = room.info().metrics.clone();
    let mut total = 0;
    for n in 0..600u32 {
        for player in 0..60u16 {
            let heading = Angle((u32::from(player) * 37 + n / 20 * 11) as u8);
            let dash = player % 2 == 0;
            input(
                &mut room,
                player,
                Input::new(heading, Throttle::FULL, None, dash),
            );
        }
        let broadcast = tick(&mut room);
        total = (0..60).map(|id| broadcast.player(PlayerId(id)).score).sum();
    }
    assert!(metrics.bumps.get() > 20, "{} bumps", metrics.bumps.get());
    // A bump moves score from one to the other; only sparks make it.
    assert_eq!(u64::from(total), metrics.pickups.get());
}

#[test]
fn newcomers_and_leavers_are_told_once_and_a_full_room_refuses() {
    let mut room = room("tiny", 2, 0);
    for (session, name) in [(1, "ann"), (2, "ann"), (3, "cy")] {
        join(&mut room, session, name);
    }
    let broadcast = tick(&mut room);
    let notice = |session| broadcast.notices(SessionKey(session)).next().cloned();
    let admitted = |player, name: &str| {
        Some(Notice::Admitted(Admitted {
            player: Some(PlayerId(player)),
            name: name.into(),
            resumed: false,
        }))
    };
    assert_eq!(notice(1), admitted(0, "ann"));
    assert_eq!(notice(2), admitted(1, "ann-2"));
    assert_eq!(notice(3), Some(Notice::Ended(CloseReason::RoomFull)));
    assert_eq!(notice(4), None);
    let ServerMessage::Roster { joined, left } = &control(&broadcast)[0] else {
        panic!("not a roster");
    };
    assert_eq!((joined.len(), left.len()), (2, 0));
    assert!(tick(&mut room).control().is_empty());

    room.push(RoomRequest::Leave {
        session: SessionKey(1),
    });
    let expected = ServerMessage::Roster {
        joined: vec![],
        left: vec![PlayerId(0)],
    };
    assert_eq!(control(&tick(&mut room)), [expected]);
    assert_eq!(room.member_count(), 1);
}

#[test]
fn chat_reaches_everybody_until_the_bucket_is_empty() {
    let mut room = room("tiny", 2, 0);
    join(&mut room, 1, "ann");
    tick(&mut room);
    for text in ["  hi\u{0} there", "\u{200b}", "2", "3", "4", "5", "6", "7"] {
        room.push(RoomRequest::Chat {
            session: SessionKey(1),
            player: PlayerId(0),
            text: text.into(),
        });
    }
    let told = tick(&mut room);
    let said: Vec<_> = control(&told)
        .into_iter()
        .map(|message| match message {
            ServerMessage::Chat { text, .. } => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(said, ["hi there", "2", "3", "4", "5"]);
    assert_eq!(room.info().metrics.chats_dropped.get(), 2);
    // The player alone is told, and once.
    let notices: Vec<_> = told.notices(SessionKey(1)).collect();
    assert_eq!(notices, [&Notice::ChatDropped]);
    assert_eq!(told.notices(SessionKey(2)).count(), 0);
}

#[test]
fn counters_of_what_is_present_return_to_zero() {
    let mut room = room("tiny", 9, 0);
    let metrics = room.info().metrics.clone();
    for session in 0..5 {
        room.push(RoomRequest::Join {
            session: SessionKey(session),
            name: String::new(),
            spectator: session > 2,
        });
    }
    tick(&mut room);
    let present = || {
        (
            metrics.rooms.get(),
            metrics.players.get(),
            metrics.spectators.get(),
        )
    };
    assert_eq!(present(), (1, 3, 2));
    room.push(RoomRequest::Leave {
        session: SessionKey(4),
    });
    room.push(RoomRequest::Kick {
        session: SessionKey(0),
        reason: CloseReason::Kicked,
    });
    assert_eq!(present(), (1, 2, 1));
    drop(room);
    assert_eq!(present(), (0, 0, 0));
}

#[test]
fn broadcasts_that_nobody_holds_are_taken_up_again() {
    let mut room = room("tiny", 9, 0);
    join(&mut room, 1, "a");
    let first = tick(&mut room);
    let kept = (first.tick(), first.delta(first.leader_cell()).to_vec());
    for _ in 0..200 {
        tick(&mut room);
    }
    // What a reader still holds is never touched.
    assert_eq!(
        kept,
        (first.tick(), first.delta(first.leader_cell()).to_vec())
    );
    assert_eq!(first.tick(), Tick(0));
}
