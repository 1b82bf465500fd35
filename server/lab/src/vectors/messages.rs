//! Golden control messages, tick messages, and bytes that must be refused.

use super::hex;
use serde::Serialize;
use serde_json::{Value, json};
use tickwire_shared::game::{Angle, Arena, Input, MoveRules, Throttle};
use tickwire_shared::wire::{
    CellPart, ClientMessage, CloseReason, PacketReader, RosterEntry, ServerMessage, TickComposer,
    TickHead, Welcome, codec, model, packet,
};
use tickwire_shared::{CellId, PlayerId, Tick, TickRate};

pub(super) fn all() -> Value {
    json!({
        "about": "value is the message as serde writes it to JSON; packets hold their blocks' tags",
        "client": client().iter().map(row).collect::<Vec<_>>(),
        "server": server().iter().map(row).collect::<Vec<_>>(),
        "ticks": ticks(),
        "refused": refused(),
    })
}

fn row<T: Serialize>(message: &T) -> Value {
    json!({ "hex": hex(&codec::encode(message)), "value": serde_json::to_value(message).expect("plain data") })
}

fn client() -> Vec<ClientMessage> {
    let input = |heading, throttle, aim, dash| Input::new(Angle(heading), throttle, aim, dash);
    vec![
        ClientMessage::Input {
            tick: Tick(0),
            input: Input::IDLE,
        },
        ClientMessage::Input {
            tick: Tick(251),
            input: input(160, Throttle::FULL, None, true),
        },
        ClientMessage::Input {
            tick: Tick(70_000),
            input: input(251, Throttle::THIRD, Some(Angle(255)), false),
        },
        ClientMessage::Ping { nonce: 65_535 },
        ClientMessage::Chat {
            text: "grüß dich ☀".into(),
        },
        ClientMessage::Pause,
        ClientMessage::Resume,
        ClientMessage::Resync { cell: CellId(300) },
        ClientMessage::Leave,
        ClientMessage::Watch { cell: CellId(12) },
    ]
}

fn server() -> Vec<ServerMessage> {
    vec![
        ServerMessage::Welcome(Box::new(welcome())),
        ServerMessage::Roster {
            joined: vec![RosterEntry {
                id: PlayerId(515),
                name: "Åsa".into(),
            }],
            left: vec![PlayerId(1), PlayerId(250), PlayerId(251)],
        },
        ServerMessage::Scores {
            leaders: vec![(PlayerId(9), 65_536), (PlayerId(4), 3)],
        },
        ServerMessage::Chat {
            from: Some(PlayerId(5)),
            text: "hello".into(),
        },
        ServerMessage::Chat {
            from: None,
            text: "restart in a minute".into(),
        },
        ServerMessage::Pong { nonce: 7 },
        ServerMessage::Goodbye {
            reason: CloseReason::RoomFull,
            message: "the room is full".into(),
            retry_after_ms: Some(2_500),
        },
    ]
}

fn welcome() -> Welcome {
    Welcome {
        player: Some(PlayerId(515)),
        name: "Åsa".into(),
        room: "lobby".into(),
        tick: Tick(123_456),
        tick_rate: TickRate::DEFAULT,
        arena: Arena::named("tiny").expect("embedded").spec().clone(),
        movement: MoveRules::at(TickRate::DEFAULT),
        ticket: "c29tZSB0aWNrZXQ".into(),
        resumed: false,
        server_version: "0.1.0".into(),
        model: model::fingerprint(),
    }
}

/// Consecutive packets of one session in the arena `plain`.
fn ticks() -> Value {
    let grid = Arena::named("plain").expect("embedded").grid();
    let mut composer = TickComposer::default();
    let heads = [
        (70_000, 5, -3, 0, Some(6)),
        (70_001, 5, -3, 0, None),
        (70_002, 5, 12, 0, None),
        (70_003, 6, 12, 300, Some(7)),
        (70_009, 6, 12, 300, None),
    ];
    let rows = heads.map(|(tick, centre, margin, score, keyframe)| {
        let head = TickHead {
            tick: Tick(tick),
            centre: CellId(centre),
            margin,
            score,
        };
        let part = |cell: CellId| match (keyframe, cell.0) {
            (Some(at), id) if id == at => CellPart::Keyframe(&[0xab, 0xcd, 0x01]),
            (_, 5) => CellPart::Delta(&[0x80]),
            _ => CellPart::Delta(&[]),
        };
        let mut bytes = Vec::new();
        composer.compose(&grid, head, part, &mut bytes);
        let parts: Vec<Value> = grid
            .block(head.centre)
            .iter()
            .map(|cell| match part(cell) {
                CellPart::Keyframe(bytes) => json!([cell, "keyframe", hex(bytes)]),
                CellPart::Delta(bytes) => json!([cell, "delta", hex(bytes)]),
            })
            .collect();
        json!({
            "hex": hex(&bytes),
            "tick": tick,
            "centre": centre,
            "margin": margin,
            "score": score,
            "parts": parts,
        })
    });
    json!({ "arena": "plain", "packets": rows })
}

/// Bytes and the words of the refusal.
fn refused() -> Value {
    let long = ClientMessage::Chat {
        text: "x".repeat(241),
    };
    let messages: [(&str, Vec<u8>); 8] = [
        ("empty", vec![]),
        ("unknown message", vec![8]),
        ("cut off", vec![0, 1, 0]),
        ("throttle of 4", vec![0, 1, 0, 4, 0, 0]),
        ("a bool of 2", vec![0, 1, 0, 3, 0, 2]),
        ("a byte too many", vec![3, 0]),
        ("empty chat", vec![2, 0]),
        ("long chat", long.encode()),
    ];
    let client: Vec<Value> = messages
        .iter()
        .map(|(name, bytes)| {
            let error = ClientMessage::decode(bytes)
                .expect_err("refused")
                .to_string();
            json!({ "name": name, "hex": hex(bytes), "error": error })
        })
        .collect();
    let packets: [(&str, &[u8]); 3] = [
        ("unknown block", &[2]),
        ("a tick before Welcome", &[packet::TAG_TICK, 0]),
        ("half a message", &[packet::TAG_CONTROL, 4]),
    ];
    let server: Vec<Value> = packets
        .iter()
        .map(|(name, bytes)| {
            let mut reader = PacketReader::new(bytes).expect("short enough");
            let error = reader.next_block(None).expect_err("refused").to_string();
            json!({ "name": name, "hex": hex(bytes), "error": error })
        })
        .collect();
    json!({ "client": client, "server": server })
}
