//! A session survives its connection: invariant 8, over real sockets.

mod support;

use std::net::SocketAddr;
use support::{Raw, soon, start, until};
use tickwire_server::net::Server;
use tickwire_shared::game::{Angle, Input, Throttle};
use tickwire_shared::wire::{ClientMessage, CloseReason, ServerMessage, Welcome};

/// Longer than all of them take one after the other on a busy machine.
const GRACE_SECONDS: u64 = 120;

fn server() -> Server {
    start(|config| config.rooms.resume_grace = GRACE_SECONDS)
}

async fn resume(address: SocketAddr, ticket: &str) -> Raw {
    let protocols = format!("tickwire.v1, resume.{ticket}");
    Raw::offer(address, "room=a&name=ann", &protocols)
        .await
        .unwrap()
}

/// Plays until the server has applied an input, which also proves that `Welcome` arrived.
async fn play(raw: &mut Raw, welcome: &Welcome, server: &Server) {
    let before = server.metrics().inputs.get();
    let input = Input::new(Angle(3), Throttle::FULL, None, false);
    let tick = welcome.tick;
    raw.send(&ClientMessage::Input { tick, input }).await;
    until("the input", || server.metrics().inputs.get() > before).await;
}

/// Ends the connection without a word, as a cable that is pulled does.
fn cut(raw: Raw) {
    drop(raw.socket.into_inner());
}

#[tokio::test]
async fn a_lost_player_comes_back_with_the_same_id_and_nobody_is_told_of_a_leave() {
    let server = server();
    let (mut bo, _) = Raw::join(server.address(), "room=a&name=bo").await;
    let (mut ann, first) = Raw::join(server.address(), "room=a&name=ann").await;
    assert!(!first.resumed && !first.ticket.is_empty());
    play(&mut ann, &first, &server).await;
    let mut ticket = first.ticket.clone();
    for _ in 0..5 {
        cut(ann);
        ann = resume(server.address(), &ticket).await;
        let again = ann.welcome().await;
        assert!(again.resumed);
        assert_eq!((again.player, &again.name), (first.player, &first.name));
        assert_ne!(again.ticket, ticket);
        play(&mut ann, &again, &server).await;
        ticket = again.ticket;
    }
    assert_eq!(server.metrics().players.get(), 2);
    assert_eq!(server.metrics().sessions_resumed.get(), 5);
    // Everything that bo was told about ann is one arrival.
    ann.send(&ClientMessage::Chat {
        text: "back".into(),
    })
    .await;
    let mut arrivals = Vec::new();
    bo.find(|message| match message {
        ServerMessage::Roster { joined, left } => {
            assert!(left.is_empty());
            arrivals.extend(joined.into_iter().map(|entry| entry.name));
            None
        }
        ServerMessage::Chat { text, .. } => (text == "back").then_some(()),
        _ => None,
    })
    .await;
    arrivals.retain(|name| name != "bo");
    assert_eq!(arrivals, ["ann"]);
}

#[tokio::test]
async fn a_used_or_invented_ticket_is_refused_in_words() {
    let server = server();
    let (mut ann, first) = Raw::join(server.address(), "room=a&name=ann").await;
    play(&mut ann, &first, &server).await;
    cut(ann);
    let mut ann = resume(server.address(), &first.ticket).await;
    let second = ann.welcome().await;
    play(&mut ann, &second, &server).await;
    for (ticket, word) in [
        (first.ticket.as_str(), "unknown"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "unknown"),
        ("short", "malformed"),
    ] {
        let mut thief = resume(server.address(), ticket).await;
        let words = thief
            .find(|message| match message {
                ServerMessage::Goodbye {
                    reason, message, ..
                } => {
                    assert_eq!(reason, CloseReason::BadTicket);
                    Some(message)
                }
                _ => None,
            })
            .await;
        assert!(words.contains(word), "{words}");
        assert_eq!(
            thief.closed().await.unwrap().0,
            CloseReason::BadTicket.code()
        );
    }
    assert_eq!(server.metrics().tickets_refused.get(), 3);
    // The player herself noticed nothing.
    ann.tick().await;
}

#[tokio::test]
async fn a_client_that_lost_the_answer_comes_back_with_the_same_ticket() {
    let server = server();
    let (mut ann, first) = Raw::join(server.address(), "room=a&name=ann").await;
    play(&mut ann, &first, &server).await;
    cut(ann);
    // This one is cut before it has shown that it received the next ticket.
    cut(resume(server.address(), &first.ticket).await);
    let mut ann = resume(server.address(), &first.ticket).await;
    assert_eq!(ann.welcome().await.player, first.player);
}

#[tokio::test]
async fn a_newer_connection_replaces_one_that_hangs() {
    let server = server();
    let (mut hanging, first) = Raw::join(server.address(), "room=a&name=ann").await;
    play(&mut hanging, &first, &server).await;
    let mut ann = resume(server.address(), &first.ticket).await;
    assert_eq!(ann.welcome().await.player, first.player);
    let (code, _) = soon("the end of the old one", hanging.closed())
        .await
        .unwrap();
    assert_eq!(code, CloseReason::Replaced.code());
    ann.tick().await;
    assert_eq!(server.metrics().players.get(), 1);
}

#[tokio::test]
async fn who_leaves_leaves_at_once_and_spectators_get_no_ticket() {
    let server = server();
    let (mut ann, welcome) = Raw::join(server.address(), "room=a&name=ann").await;
    play(&mut ann, &welcome, &server).await;
    ann.send(&ClientMessage::Leave).await;
    ann.closed().await;
    until("the leave", || server.metrics().players.get() == 0).await;
    let mut late = resume(server.address(), &welcome.ticket).await;
    assert_eq!(
        late.closed().await.unwrap().0,
        CloseReason::BadTicket.code()
    );
    let (_eye, welcome) = Raw::join(server.address(), "room=a&spectate=1").await;
    assert!(welcome.ticket.is_empty());
}

#[tokio::test]
async fn two_hundred_cut_at_once_all_come_back_with_no_double() {
    let server = server();
    let mut players = Vec::new();
    for n in 0..200 {
        let (mut raw, welcome) = Raw::join(server.address(), &format!("room=a&name=b{n}")).await;
        play(&mut raw, &welcome, &server).await;
        players.push((raw, welcome));
    }
    let mut lost = Vec::new();
    for (raw, welcome) in players {
        cut(raw);
        lost.push(welcome);
    }
    let mut tasks = Vec::new();
    for welcome in lost {
        let address = server.address();
        tasks.push(tokio::spawn(async move {
            let mut raw = resume(address, &welcome.ticket).await;
            let again = raw.welcome().await;
            assert!(again.resumed);
            assert_eq!((again.player, &again.name), (welcome.player, &welcome.name));
            raw
        }));
    }
    let mut raws = Vec::new();
    for task in tasks {
        raws.push(task.await.unwrap());
    }
    assert_eq!(server.metrics().players.get(), 200);
    assert_eq!(server.metrics().tickets_refused.get(), 0);
}

#[tokio::test]
async fn after_the_grace_period_the_player_is_gone() {
    let server = start(|config| config.rooms.resume_grace = 1);
    let (ann, welcome) = Raw::join(server.address(), "room=a&name=ann").await;
    cut(ann);
    until("the end of the grace period", || {
        server.metrics().players.get() == 0
    })
    .await;
    let mut late = resume(server.address(), &welcome.ticket).await;
    assert_eq!(
        late.closed().await.unwrap().0,
        CloseReason::BadTicket.code()
    );
}
