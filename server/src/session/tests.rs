//! A session and a small client of it, both without sockets.

use super::*;
use crate::room::{Broadcast, Room, RoomConfig, RoomRequest, SessionKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
use tickwire_shared::wire::plain::{self, PlainTick};
use tickwire_shared::wire::{
    Block, Cell, CellPart, ClientMessage, CloseReason, FrameStamp, PacketReader, ServerMessage,
    TickReader, codec,
};
use tickwire_shared::{CellId, LocalTime, PlayerId, Tick, TickRate};

/// A room with a history, and a client that keeps exact replicas of what it follows.
struct Rig {
    room: Room,
    recent: Vec<Arc<Broadcast>>,
    kept: usize,
    session: Session,
    ticks: TickReader,
    replicas: BTreeMap<CellId, Cell>,
    told: Vec<ServerMessage>,
    keyframes: usize,
    last: Option<(Tick, u32)>,
}

const KEY: SessionKey = SessionKey(1);

impl Rig {
    fn new(arena: &str, kept: usize, spectator: bool) -> Rig {
        let world = World::new(Arena::named(arena).unwrap(), TickRate::DEFAULT);
        let grid = world.grid;
        let config = RoomConfig {
            players_max: 50,
            ..RoomConfig::new("test", Arc::new(world))
        };
        let mut room = Room::new(config);
        for bot in 100..120 {
            join(&mut room, bot, false);
        }
        join(&mut room, KEY.0, spectator);
        Rig {
            session: Session::new(KEY, room.info().clone()),
            room,
            recent: Vec::new(),
            kept,
            ticks: TickReader::new(grid),
            replicas: BTreeMap::new(),
            told: Vec::new(),
            keyframes: 0,
            last: None,
        }
    }

    /// Runs ticks of which the session gets to see only the last.
    fn run(&mut self, ticks: u32) -> Composed {
        for _ in 0..ticks {
            let tick = self.room.next_tick();
            for player in 0..21u16 {
                let heading = Angle((u32::from(player) * 12 + tick.0 / 400 * 50) as u8);
                let Some(session) = self.room.session_of(PlayerId(player)) else {
                    continue;
                };
                self.room.push(RoomRequest::Input {
                    session,
                    player: PlayerId(player),
                    tick,
                    input: Input::new(heading, Throttle::FULL, None, tick.0.is_multiple_of(90)),
                    arrived: LocalTime(0),
                });
            }
            let now = LocalTime(0) + TickRate::DEFAULT.offset(tick);
            self.recent.push(self.room.tick(now));
            if self.recent.len() > self.kept {
                self.recent.remove(0);
            }
        }
        let mut packet = Vec::new();
        let composed = self.session.compose(&self.recent, &mut packet);
        self.read(&packet);
        composed
    }

    fn read(&mut self, packet: &[u8]) {
        let world = self.room.info().world.clone();
        let mut packet = PacketReader::new(packet).unwrap();
        while let Some(block) = packet.next_block(Some(&mut self.ticks)).unwrap() {
            match block {
                Block::Control(message) => self.told.push(message),
                Block::Tick(view) => {
                    let mut replicas = BTreeMap::new();
                    for (cell, part) in view.cells() {
                        let stamp = FrameStamp {
                            cell,
                            tick: view.head.tick,
                        };
                        let mut replica = self.replicas.remove(&cell);
                        match part {
                            CellPart::Keyframe(bytes) => {
                                self.keyframes += 1;
                                let fresh = replica.insert(Cell::default());
                                fresh.apply_keyframe(&world, stamp, bytes).unwrap();
                            }
                            CellPart::Delta(bytes) => {
                                let replica = replica.as_mut().expect("a delta without a state");
                                replica.apply_delta(&world, stamp, bytes).unwrap();
                            }
                        }
                        replicas.insert(cell, replica.unwrap());
                    }
                    self.replicas = replicas;
                    self.last = Some((view.head.tick, view.head.score));
                    if let Some(broadcast) = self.recent.iter().find(|b| b.tick() == view.head.tick)
                    {
                        for (cell, replica) in &self.replicas {
                            assert_eq!(replica, broadcast.cell(*cell));
                        }
                    }
                }
            }
        }
    }

    fn send(&mut self, message: &ClientMessage) -> Received {
        self.session
            .receive(&message.encode(), LocalTime(0))
            .unwrap()
    }

    fn count(&self, counter: impl Fn(&crate::metrics::Metrics) -> &crate::metrics::Counter) -> u64 {
        counter(&self.room.info().metrics).get()
    }
}

fn join(room: &mut Room, session: u64, spectator: bool) {
    room.push(RoomRequest::Join {
        session: SessionKey(session),
        name: "me".into(),
        spectator,
    });
}

#[test]
fn a_session_is_welcomed_and_follows_exactly() {
    let mut rig = Rig::new("plain", 8, false);
    assert_eq!(rig.run(1), Composed::Packet);
    let ServerMessage::Welcome(welcome) = &rig.told[0] else {
        panic!("{:?}", rig.told[0]);
    };
    assert_eq!(welcome.player, Some(PlayerId(20)));
    assert_eq!((welcome.tick, &*welcome.name), (Tick(1), "me-21"));
    assert!(matches!(&rig.told[1], ServerMessage::Roster { joined, .. } if joined.len() == 21));
    let block = rig.keyframes;
    for tick in 1..2_000 {
        assert_eq!(rig.run(1), Composed::Packet);
        assert_eq!(rig.last.unwrap().0, Tick(tick));
    }
    assert!(rig.keyframes > block, "the player must have changed cells");
    assert_eq!(rig.count(|m| &m.conflations), 0);
    assert!(
        rig.told
            .iter()
            .any(|m| matches!(m, ServerMessage::Scores { .. }))
    );
}

#[test]
fn a_session_that_fell_behind_catches_up_or_gets_keyframes() {
    let mut rig = Rig::new("garden", 8, false);
    rig.run(1);
    for missed in [2, 3, 5, 8, 9, 60, 2, 1, 7] {
        rig.run(missed);
        assert_eq!(rig.last.unwrap().0.next(), rig.room.next_tick());
    }
    assert!(rig.count(|m| &m.conflations) >= 2);
    let replaced =
        |m: &ServerMessage| matches!(m, ServerMessage::Roster { joined, .. } if joined.len() == 21);
    assert_eq!(rig.told.iter().filter(|m| replaced(m)).count(), 3);
}

#[test]
fn a_hidden_client_gets_control_only_and_returns_by_keyframe() {
    let mut rig = Rig::new("tiny", 4, false);
    rig.run(2);
    assert_eq!(rig.send(&ClientMessage::Pause), Received::Nothing);
    let last = rig.last;
    assert_eq!(rig.run(1), Composed::Nothing);
    join(&mut rig.room, 500, false);
    assert_eq!(rig.run(1), Composed::Packet);
    assert!(matches!(
        rig.told.last(),
        Some(ServerMessage::Roster { .. })
    ));
    assert_eq!(rig.last, last);
    rig.send(&ClientMessage::Resume);
    let keyframes = rig.keyframes;
    assert_eq!(rig.run(1), Composed::Packet);
    assert!(rig.keyframes > keyframes);
    // Pausing and resuming between two ticks never sends a tick twice.
    rig.send(&ClientMessage::Pause);
    rig.send(&ClientMessage::Resume);
    assert_eq!(
        rig.session.compose(&rig.recent, &mut Vec::new()),
        Composed::Nothing
    );
}

#[test]
fn resync_brings_one_keyframe_of_one_cell() {
    let mut rig = Rig::new("garden", 4, false);
    rig.run(2);
    let cell = *rig.replicas.keys().next().unwrap();
    rig.replicas.remove(&cell);
    rig.send(&ClientMessage::Resync { cell });
    let before = rig.keyframes;
    rig.run(1);
    assert_eq!(rig.keyframes, before + 1);
    assert_eq!(rig.count(|m| &m.resyncs), 1);
}

#[test]
fn a_spectator_watches_where_it_asks_to() {
    let mut rig = Rig::new("plain", 4, true);
    rig.run(1);
    assert!(matches!(&rig.told[0], ServerMessage::Welcome(w) if w.player.is_none()));
    rig.send(&ClientMessage::Watch { cell: CellId(15) });
    rig.send(&ClientMessage::Watch { cell: CellId(99) });
    rig.run(1);
    assert_eq!(*rig.replicas.keys().last().unwrap(), CellId(15));
    let input = ClientMessage::Input {
        tick: Tick(9),
        input: Input::IDLE,
    };
    assert_eq!(rig.send(&input), Received::Nothing);
}

#[test]
fn a_refused_and_a_kicked_session_end_with_goodbye() {
    let mut rig = Rig::new("tiny", 4, false);
    rig.run(1);
    rig.room.push(RoomRequest::Kick {
        session: KEY,
        reason: CloseReason::Kicked,
    });
    assert_eq!(rig.run(1), Composed::End(CloseReason::Kicked));
    assert!(matches!(
        rig.told.last(),
        Some(ServerMessage::Goodbye {
            reason: CloseReason::Kicked,
            ..
        })
    ));
    assert_eq!(rig.run(1), Composed::Nothing);
    assert_eq!(
        rig.send(&ClientMessage::Ping { nonce: 4 }),
        Received::Reply(ServerMessage::Pong { nonce: 4 })
    );
}

#[test]
fn a_message_that_breaks_a_rule_names_the_reason_to_close() {
    let mut rig = Rig::new("tiny", 4, false);
    let reason = |rig: &mut Rig, bytes: &[u8]| {
        close_reason(&rig.session.receive(bytes, LocalTime(0)).unwrap_err())
    };
    assert_eq!(reason(&mut rig, &[77]), CloseReason::ProtocolViolation);
    assert_eq!(reason(&mut rig, &[0; 2_000]), CloseReason::MessageTooLarge);
}

#[test]
fn a_plain_session_gets_the_newest_tick_in_numbers() {
    let mut rig = Rig::new("garden", 4, false);
    rig.session = Session::new(KEY, rig.room.info().clone()).with_format(Format::Plain);
    for _ in 0..3 {
        let tick = rig.room.next_tick();
        let now = LocalTime(0) + TickRate::DEFAULT.offset(tick);
        rig.recent.push(rig.room.tick(now));
    }
    let mut packet = Vec::new();
    assert_eq!(
        rig.session.compose(&rig.recent, &mut packet),
        Composed::Packet
    );
    let newest = rig.recent.last().unwrap();
    let mut control = PacketReader::new(&packet).unwrap();
    let welcome = control.next_block(None).unwrap();
    assert!(matches!(
        welcome,
        Some(Block::Control(ServerMessage::Welcome(_)))
    ));
    // The tick is the last block: its bytes are found from what it must hold.
    let mut expected = Vec::new();
    let grid = rig.room.info().world.grid;
    let centre = newest.player(PlayerId(20)).cell;
    let block = grid.block(centre);
    let cells: Vec<_> = block.iter().map(|cell| newest.plain(cell)).collect();
    plain::put_tick((Tick(2), 0, 0), cells.into_iter(), &mut expected);
    assert!(packet.ends_with(&expected));
    let tick: PlainTick = codec::decode(&expected[1..], expected.len()).unwrap();
    let seen: usize = tick.cells.iter().map(|cell| cell.avatars.len()).sum();
    assert_eq!(seen, 21);
    packet.clear();
    assert_eq!(
        rig.session.compose(&rig.recent, &mut packet),
        Composed::Nothing
    );
}

#[test]
fn a_player_is_told_that_a_line_was_not_sent() {
    let mut rig = Rig::new("tiny", 8, false);
    rig.run(1);
    for _ in 0..8 {
        let Received::Forward(chat) = rig.send(&ClientMessage::Chat { text: "hi".into() }) else {
            panic!("chat goes to the room");
        };
        rig.room.push(chat);
    }
    rig.told.clear();
    rig.run(2);
    let by_server = |m: &&ServerMessage| matches!(m, ServerMessage::Chat { from: None, text } if text.contains("not sent"));
    let by_player = |m: &&ServerMessage| matches!(m, ServerMessage::Chat { from: Some(_), .. });
    assert_eq!(rig.told.iter().filter(by_server).count(), 1);
    assert_eq!(rig.told.iter().filter(by_player).count(), 5);
    rig.told.clear();
    rig.run(1);
    assert!(!rig.told.iter().any(|m| by_server(&m)), "once");
}

#[test]
fn a_session_that_missed_its_end_is_told_and_steers_nobody() {
    // Taken over while it took nothing, for longer than ticks are kept.
    let mut rig = Rig::new("tiny", 4, false);
    rig.run(3);
    let player = rig.session.player().unwrap();
    let previous = KEY;
    let session = SessionKey(900);
    rig.room.push(RoomRequest::Resume { session, previous });
    let input = ClientMessage::Input {
        tick: rig.room.next_tick() + 12,
        input: Input::new(Angle(0), Throttle::FULL, None, true),
    };
    let Received::Forward(stale) = rig.send(&input) else {
        panic!("an input goes to the room");
    };
    let chat = rig.send(&ClientMessage::Chat { text: "boo".into() });
    let Received::Forward(chat) = chat else {
        panic!("chat goes to the room");
    };
    rig.room.push(stale);
    rig.room.push(chat);
    assert_eq!(rig.run(10), Composed::End(CloseReason::Replaced));
    assert_eq!(rig.count(|m| &m.chats), 0);
    assert_eq!(rig.room.session_of(player), Some(session));

    // Removed, and the id not given to another yet.
    let mut rig = Rig::new("tiny", 4, false);
    rig.run(3);
    let reason = CloseReason::Kicked;
    rig.room.push(RoomRequest::Kick {
        session: KEY,
        reason,
    });
    assert_eq!(rig.run(10), Composed::End(CloseReason::Kicked));
}
