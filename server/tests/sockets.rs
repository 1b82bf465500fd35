//! Real sockets, raw clients: what a session sees from the handshake to the close.

mod support;

use std::time::Duration;
use support::{Raw, Seen, soon, start, until};
use tickwire_shared::game::{Angle, Input, Throttle};
use tickwire_shared::wire::{ClientMessage, ServerMessage};
use tickwire_shared::{CellId, PlayerId};
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test]
async fn a_player_joins_moves_chats_and_leaves() {
    let server = start(|_| ());
    let (mut ann, welcome) = Raw::join(server.address(), "room=r&name=Ann").await;
    assert_eq!((&*welcome.name, &*welcome.room), ("Ann", "r"));
    let (mut bo, other) = Raw::join(server.address(), "room=r&name=Ann").await;
    assert_eq!(&*other.name, "Ann-2");

    let id = other.player.unwrap();
    let joined = |message| match message {
        ServerMessage::Roster { joined, .. } => joined.into_iter().find(|entry| entry.id == id),
        _ => None,
    };
    assert_eq!(ann.find(joined).await.name, "Ann-2");

    let tick = ann.tick().await.tick;
    let input = Input::new(Angle(0), Throttle::FULL, None, false);
    let input = ClientMessage::Input {
        tick: tick + 20,
        input,
    };
    ann.send(&input).await;
    soon("a margin of several ticks", async {
        while ann.tick().await.margin < 100 {}
    })
    .await;

    let text = "hello".to_owned();
    bo.send(&ClientMessage::Chat { text }).await;
    let chat = |message| match message {
        ServerMessage::Chat { from, text } => Some((from, text)),
        _ => None,
    };
    assert_eq!(ann.find(chat).await, (Some(id), "hello".to_owned()));

    bo.send(&ClientMessage::Leave).await;
    let left = |message| match message {
        ServerMessage::Roster { left, .. } => left.first().copied(),
        _ => None,
    };
    assert_eq!(ann.find(left).await, id);
    assert_eq!(bo.closed().await.unwrap().0, 1000);
}

#[tokio::test]
async fn everybody_gets_every_tick_in_order() {
    let server = start(|config| config.rooms.tick_rate = 60);
    let mut tasks = Vec::new();
    for n in 0..60 {
        let address = server.address();
        tasks.push(tokio::spawn(async move {
            let query = format!("room=r{}&name=n{n}", n % 3);
            let (mut raw, welcome) = Raw::join(address, &query).await;
            let mut next = welcome.tick;
            for _ in 0..90 {
                let tick = raw.tick().await.tick;
                // The first may be the one before `Welcome.tick`; then none is left out. A
                // session that was late got its ticks all the same, or one with keyframes.
                assert!(tick.next() >= next, "{tick} after {next}");
                next = tick.next();
            }
            raw
        }));
    }
    let mut raws = Vec::new();
    for task in tasks {
        raws.push(task.await.unwrap());
    }
    assert_eq!(server.metrics().players.get(), 60);
    assert_eq!(server.metrics().rooms.get(), 3);
    drop(raws);
    until("everybody has left", || server.metrics().players.get() == 0).await;
}

#[tokio::test]
async fn pings_are_answered_and_hidden_clients_get_no_ticks() {
    let server = start(|_| ());
    let (mut raw, _) = Raw::join(server.address(), "room=r").await;
    raw.send(&ClientMessage::Ping { nonce: 77 }).await;
    let pong = |message| match message {
        ServerMessage::Pong { nonce } => Some(nonce),
        _ => None,
    };
    assert_eq!(raw.find(pong).await, 77);

    raw.send(&ClientMessage::Pause).await;
    raw.send(&ClientMessage::Ping { nonce: 78 }).await;
    raw.find(pong).await;
    // Control messages still come: a leaderboard may.
    let quiet = tokio::time::timeout(Duration::from_millis(400), raw.tick()).await;
    assert!(quiet.is_err(), "{quiet:?} while hidden");
    raw.send(&ClientMessage::Resume).await;
    raw.tick().await;
    let cell = CellId(0);
    raw.send(&ClientMessage::Resync { cell }).await;
    raw.tick().await;

    raw.send_raw(Message::Ping(vec![1, 2].into())).await;
    soon("a pong", async {
        use futures_util::StreamExt;
        while !matches!(raw.socket.next().await, Some(Ok(Message::Pong(_)))) {}
    })
    .await;
}

#[tokio::test]
async fn a_dropped_connection_is_noticed_by_the_others() {
    let server = start(|_| ());
    let (mut ann, _) = Raw::join(server.address(), "room=r").await;
    let (bo, welcome) = Raw::join(server.address(), "room=r").await;
    // No close frame, no FIN: a reset, as after kill -9 with unread data.
    let stream = bo.socket.get_ref();
    socket2::SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(bo);
    let left = |message| match message {
        ServerMessage::Roster { left, .. } => left.first().copied(),
        _ => None,
    };
    assert_eq!(Some(ann.find(left).await), welcome.player);
}

#[tokio::test]
async fn what_breaks_a_rule_is_closed_with_the_rule_and_others_notice_nothing() {
    let server = start(|_| ());
    let (mut witness, _) = Raw::join(server.address(), "room=r&name=witness").await;
    let input_of_a_late_tick = vec![0, 252, 255, 255, 255, 255, 0, 0, 0, 0];
    for (message, code) in [
        (Message::binary(vec![99, 1, 2, 3]), 1002),
        (Message::binary(Vec::new()), 1002),
        (Message::binary(vec![1, 1, 0]), 1002),
        (Message::binary(vec![7; 1_500]), 1009),
        (Message::binary(vec![7; 1_000_000]), 1009),
        (Message::text("hello"), 1003),
        (Message::binary(vec![2, 0]), 1002),
    ] {
        let (mut raw, _) = Raw::join(server.address(), "room=r").await;
        raw.send(&ClientMessage::Ping { nonce: 1 }).await;
        raw.send_raw(Message::binary(input_of_a_late_tick.clone()))
            .await;
        let what = format!("{message:.20?}");
        raw.send_raw(message).await;
        let mut goodbye = None;
        let closed = loop {
            match raw.next().await {
                Seen::Control(ServerMessage::Goodbye { reason, .. }) => goodbye = Some(reason),
                Seen::Closed(why) => break why,
                _ => {}
            }
        };
        let (got, words) = closed.unwrap_or_else(|| panic!("no close frame after {what}"));
        assert_eq!(got, code, "{what}: {words}");
        assert_eq!(goodbye.unwrap().code(), code);
        assert!(!words.is_empty());
    }
    let first = witness.tick().await.tick;
    soon("another second of ticks", async {
        while witness.tick().await.tick < first + 30 {}
    })
    .await;
    assert_eq!(server.metrics().inputs_too_early.get(), 7);
    until("all the others are gone", || {
        server.metrics().players.get() == 1
    })
    .await;
}

#[tokio::test]
async fn a_full_room_a_full_server_and_a_bad_name_are_told_in_words() {
    let server = start(|config| {
        config.rooms.room_players_max = 1;
        config.rooms.rooms_max = 1;
    });
    let (_first, _) = Raw::join(server.address(), "room=a").await;
    for (query, protocol, code) in [
        ("room=a", "tickwire.v1", 4001),
        ("room=b", "tickwire.v1", 4002),
        ("room=a/b", "tickwire.v1", 4010),
        ("room=a", "tickwire.v2", 4009),
    ] {
        let mut raw = Raw::offer(server.address(), query, protocol).await.unwrap();
        let (got, words) = raw.closed().await.unwrap();
        assert_eq!(got, code, "{query}: {words}");
    }
    let (mut watcher, welcome) = Raw::join(server.address(), "room=a&spectate=1").await;
    assert_eq!(welcome.player, None);
    watcher.tick().await;
    let refused = Raw::offer(server.address(), "room=a", "chat").await;
    let Err(Error::Http(answer)) = refused.map(|_| ()) else {
        panic!("a foreign sub-protocol was accepted");
    };
    assert_eq!(answer.status(), 400);
    let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
    assert!(body.contains("unsupported_version"), "{body}");
}

#[tokio::test]
async fn a_flood_is_closed_and_a_burst_after_a_stall_is_not() {
    let server = start(|config| {
        config.net.messages_burst = 200;
        config.net.messages_per_second = 50;
    });
    let (mut raw, _) = Raw::join(server.address(), "room=r").await;
    for nonce in 0..150 {
        raw.send(&ClientMessage::Ping { nonce }).await;
    }
    let last = |message| match message {
        ServerMessage::Pong { nonce: 149 } => Some(()),
        _ => None,
    };
    raw.find(last).await;
    for nonce in 0..500 {
        raw.send(&ClientMessage::Ping { nonce }).await;
    }
    assert_eq!(raw.closed().await.unwrap().0, 4003);
}

#[tokio::test]
async fn counters_of_what_is_present_return_to_zero_round_after_round() {
    let server = start(|config| config.rooms.empty_room_time = 1);
    let metrics = server.metrics();
    for round in 0..10 {
        let mut tasks = Vec::new();
        for n in 0..200 {
            let (address, query) = (server.address(), format!("room=r{}", n % 4));
            tasks.push(tokio::spawn(
                async move { Raw::join(address, &query).await.0 },
            ));
        }
        let mut raws = Vec::new();
        for task in tasks {
            raws.push(task.await.unwrap());
        }
        assert_eq!((metrics.players.get(), metrics.sessions.get()), (200, 200));
        for (n, mut raw) in raws.into_iter().enumerate() {
            if n % 2 == 0 {
                raw.send(&ClientMessage::Leave).await;
            }
        }
        until("round after round everybody leaves", || {
            let present = (metrics.players.get(), metrics.sessions.get());
            (present, metrics.connections.get()) == ((0, 0), 0)
        })
        .await;
        println!("round {round}: 200 joined and left");
    }
    until("empty rooms are closed", || metrics.rooms.get() == 0).await;
    let (_, welcome) = Raw::join(server.address(), "room=r0").await;
    assert_eq!(welcome.player, Some(PlayerId(0)), "the room is a new one");
}
