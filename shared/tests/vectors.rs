//! The golden bytes of `assets/vectors` against this crate. `tickwire-lab` checks that the files
//! are what the code writes; here they are read as an implementation elsewhere would read them.

use serde_json::Value;
use tickwire_shared::game::{Angle, Arena, Body, Dash, Input, Throttle, World};
use tickwire_shared::wire::range_coder::{RangeDecoder, RangeEncoder};
use tickwire_shared::wire::{Avatar, Cell, ClientMessage, FrameStamp, Predictor};
use tickwire_shared::wire::{Block, PacketReader, ServerMessage, TickReader, codec, model};
use tickwire_shared::{CellId, Tick, TickRate};

fn load(name: &str) -> Value {
    let path = format!("{}/../assets/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().as_bytes();
    let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    text.chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<i32> {
    list(value)
        .iter()
        .map(|n| n.as_i64().unwrap() as i32)
        .collect()
}

fn body(row: &[i32]) -> Body {
    Body {
        position: (row[0], row[1]).into(),
        velocity: (row[2], row[3]).into(),
        facing: Angle(row[4] as u8),
        dash: Dash {
            ticks_left: row[5] as u8,
            cooldown: row[6] as u8,
            heading: Angle(row[7] as u8),
        },
    }
}

fn input(row: &[i32]) -> Input {
    let aim = u8::try_from(row[2]).ok().map(Angle);
    let throttle = Throttle::new(row[1] as u8).unwrap();
    Input::new(Angle(row[0] as u8), throttle, aim, row[3] == 1)
}

fn world(scene: &Value) -> World {
    let arena = Arena::named(scene["arena"].as_str().unwrap()).unwrap();
    let hz = scene["tick_rate"].as_u64().unwrap() as u16;
    World::new(arena, TickRate::new(hz).unwrap())
}

#[test]
fn the_range_coder_writes_and_reads_the_golden_bytes_and_refuses_others() {
    let file = load("range_coder.json");
    let decisions = |case: &Value| -> Vec<(bool, u16)> {
        let rows = list(&case["decisions"]).iter().map(numbers);
        rows.map(|row| (row[0] == 1, row[1] as u16)).collect()
    };
    let read = |bytes: &[u8], decisions: &[(bool, u16)]| {
        let mut decoder = RangeDecoder::new(bytes);
        let same = decisions
            .iter()
            .all(|&(side, share)| decoder.decode(share) == side);
        (same, decoder.finish().is_ok())
    };
    for case in list(&file["cases"]) {
        let (golden, decisions) = (bytes(&case["hex"]), decisions(case));
        let mut out = Vec::new();
        let mut encoder = RangeEncoder::new(&mut out);
        for &(side, share) in &decisions {
            encoder.encode(side, share);
        }
        encoder.finish();
        assert_eq!(out, golden, "{}", case["name"]);
        assert_eq!(read(&golden, &decisions), (true, true), "{}", case["name"]);
    }
    for case in list(&file["refused"]) {
        let (_, accepted) = read(&bytes(&case["hex"]), &decisions(case));
        assert!(!accepted, "{case}");
    }
}

#[test]
fn the_step_reproduces_the_golden_traces() {
    for trace in list(&load("movement.json")["traces"]) {
        let world = world(trace);
        assert_eq!(
            serde_json::to_value(world.movement).unwrap(),
            trace["movement"]
        );
        let mut now = body(&numbers(&trace["start"]));
        for (tick, pressed) in list(&trace["inputs"]).iter().enumerate() {
            now = world.step(&now, &input(&numbers(pressed)));
            let golden = body(&numbers(&trace["after"][tick]));
            assert_eq!(now, golden, "tick {tick} in {}", trace["arena"]);
        }
    }
}

#[test]
fn the_golden_frames_lead_to_the_golden_states() {
    for scene in list(&load("frames.json")["scenes"]) {
        let world = world(scene);
        let (mut cell, mut late) = (Cell::default(), None::<Cell>);
        for frame in list(&scene["frames"]) {
            let stamp = FrameStamp {
                cell: CellId(scene["cell"].as_u64().unwrap() as u16),
                tick: Tick(frame["tick"].as_u64().unwrap() as u32),
            };
            let bytes = bytes(&frame["hex"]);
            if frame["kind"] == "keyframe" {
                let late = late.insert(Cell::default());
                late.apply_keyframe(&world, stamp, &bytes).unwrap();
                assert_eq!(*late, cell);
                continue;
            }
            cell.apply_delta(&world, stamp, &bytes).unwrap();
            if let Some(late) = &mut late {
                late.apply_delta(&world, stamp, &bytes).unwrap();
                assert_eq!(*late, cell);
            }
            check(&cell, frame);
        }
    }
}

fn check(cell: &Cell, frame: &Value) {
    let tick = &frame["tick"];
    let golden: Vec<Vec<i32>> = list(&frame["avatars"]).iter().map(numbers).collect();
    assert_eq!(cell.avatars().len(), golden.len(), "tick {tick}");
    for (seen, row) in cell.avatars().iter().zip(golden) {
        let Avatar {
            id,
            body: at,
            input: pressed,
            ..
        } = seen;
        let free = seen.predictor() == Predictor::Fallback;
        assert_eq!(
            (i32::from(id.0), i32::from(free)),
            (row[0], row[1]),
            "tick {tick}"
        );
        assert_eq!(
            (*at, *pressed),
            (body(&row[2..10]), input(&row[10..])),
            "tick {tick}"
        );
    }
    let sparks: Vec<Vec<i32>> = list(&frame["sparks"]).iter().map(numbers).collect();
    let seen = cell
        .sparks()
        .iter()
        .map(|s| vec![s.id.0.into(), s.x.into(), s.y.into()]);
    assert_eq!(seen.collect::<Vec<Vec<i32>>>(), sparks, "tick {tick}");
    assert_eq!(
        Value::from(cell.checksum()),
        frame["checksum"],
        "tick {tick}"
    );
}

#[test]
fn the_golden_messages_mean_what_is_written_beside_them() {
    let file = load("messages.json");
    for row in list(&file["client"]) {
        let golden = bytes(&row["hex"]);
        let message = ClientMessage::decode(&golden).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), row["value"]);
        assert_eq!(message.encode(), golden);
    }
    for row in list(&file["server"]) {
        let golden = bytes(&row["hex"]);
        let message: ServerMessage = codec::decode(&golden, golden.len()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), row["value"]);
        assert_eq!(codec::encode(&message), golden);
    }
    for row in list(&file["refused"]["client"]) {
        let error = ClientMessage::decode(&bytes(&row["hex"])).unwrap_err();
        assert_eq!(
            Value::from(error.to_string()),
            row["error"],
            "{}",
            row["name"]
        );
    }
}

/// The number is a stranger's too: `docs/protocol.md` tells how it is made.
#[test]
fn the_golden_welcome_names_the_table_in_use() {
    let entries: Vec<u32> = model::TABLE_TEXT
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(|entry| entry.parse().unwrap())
        .collect();
    let hash = |hash: u32, entry: &u32| (hash ^ entry).wrapping_mul(16_777_619);
    let expected = entries.iter().fold(2_166_136_261, hash);
    assert_eq!(model::fingerprint(), expected);
    let file = load("messages.json");
    let welcome = &list(&file["server"])[0];
    let ServerMessage::Welcome(welcome) = codec::decode(&bytes(&welcome["hex"]), 1_024).unwrap()
    else {
        panic!("not a welcome");
    };
    assert_eq!(welcome.model, expected);
    assert_eq!(welcome.check_model(), Ok(()));
}

#[test]
fn the_golden_packets_hold_the_ticks_beside_them() {
    let file = load("messages.json");
    let grid = Arena::named(file["ticks"]["arena"].as_str().unwrap())
        .unwrap()
        .grid();
    let mut ticks = TickReader::new(grid);
    for row in list(&file["ticks"]["packets"]) {
        let bytes = bytes(&row["hex"]);
        let mut packet = PacketReader::new(&bytes).unwrap();
        let Some(Block::Tick(view)) = packet.next_block(Some(&mut ticks)).unwrap() else {
            panic!("not a tick: {row}");
        };
        let head = view.head;
        assert_eq!(Value::from(head.tick.0), row["tick"]);
        assert_eq!(Value::from(head.centre.0), row["centre"]);
        assert_eq!(Value::from(head.margin), row["margin"]);
        assert_eq!(Value::from(head.score), row["score"]);
        assert_eq!(view.cells().count(), list(&row["parts"]).len());
        assert!(packet.next_block(Some(&mut ticks)).unwrap().is_none());
    }
}
