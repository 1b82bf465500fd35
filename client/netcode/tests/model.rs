//! A server whose table of odds is not ours.

use tickwire_netcode::{Client, ClientConfig, Event, SessionState, Transmit};
use tickwire_shared::game::{Arena, MoveRules};
use tickwire_shared::wire::{CloseReason, ServerMessage, Welcome, model, packet};
use tickwire_shared::{LocalTime, PlayerId, Tick, TickRate};

fn client_welcomed_by(model: u32) -> Client {
    let welcome = Welcome {
        player: Some(PlayerId(1)),
        name: "me".into(),
        room: "lobby".into(),
        tick: Tick(7),
        tick_rate: TickRate::DEFAULT,
        arena: Arena::named("tiny").unwrap().spec().clone(),
        movement: MoveRules::at(TickRate::DEFAULT),
        ticket: String::new(),
        resumed: false,
        server_version: "9.8.7".into(),
        model,
    };
    let mut bytes = Vec::new();
    packet::put_control(&ServerMessage::Welcome(Box::new(welcome)), &mut bytes);
    let now = LocalTime(0);
    let mut client = Client::new(ClientConfig::default(), now);
    client.handle_connected(now);
    let result = client.handle_message(now, &bytes);
    assert_eq!(result.is_ok(), model == model::fingerprint());
    client
}

#[test]
fn another_table_of_odds_ends_the_session_and_says_what_differs() {
    let mut client = client_welcomed_by(model::fingerprint() ^ 1);
    let SessionState::Ended { reason, message } = client.session().clone() else {
        panic!("{:?}", client.session());
    };
    assert_eq!(reason, Some(CloseReason::UnsupportedVersion));
    for part in [model::fingerprint(), model::fingerprint() ^ 1] {
        assert!(message.contains(&format!("{part:08x}")), "{message}");
    }
    assert!(message.contains("version 9.8.7"), "{message}");
    let transmits = std::iter::from_fn(|| client.poll_transmit());
    let close = |transmit: &Transmit| matches!(transmit, Transmit::Close { code: 4009, reason } if reason.len() <= 123);
    assert_eq!(transmits.filter(close).count(), 1);
    let events = std::iter::from_fn(|| client.poll_event());
    assert!(
        events
            .last()
            .is_some_and(|event| matches!(event, Event::Ended { .. }))
    );
}

#[test]
fn the_same_table_is_played_with() {
    let client = client_welcomed_by(model::fingerprint());
    assert_eq!(client.session(), &SessionState::Playing);
}
