//! Golden bytes and traces for `assets/vectors`: what an implementation in another language must
//! reproduce. Values lie between the round ones, so that a wrong shift or sign shows.

use glam::IVec2;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::fmt::Write as _;
use tickwire_shared::game::sparks::bumped_velocity;
use tickwire_shared::game::{Angle, Arena, Body, Input, Spark, Throttle, World};
use tickwire_shared::wire::range_coder::RangeEncoder;
use tickwire_shared::wire::{Avatar, Cell, CellChange, FrameStamp, Predictor};
use tickwire_shared::{CellId, PlayerId, SparkId, Tick, TickRate};

mod messages;

/// Every file: name and text.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("range_coder.json", text(&range_coder())),
        ("movement.json", text(&movement())),
        ("frames.json", text(&frames())),
        ("messages.json", text(&messages::all())),
    ]
}

/// Lists of decisions and the bytes they become.
fn range_coder() -> Value {
    let mut rng = Pcg32::seed_from_u64(31);
    let mut cases = vec![
        ("nothing happens", vec![(false, 4_000); 50]),
        ("one event", vec![(true, 4_095)]),
        ("one half", vec![(true, 2_048)]),
        ("all high", vec![(true, 1_000); 9]),
        (
            "carries",
            (0..40).map(|i| (i % 3 != 0, 4_095)).collect::<Vec<_>>(),
        ),
        ("ends on a low side", vec![(true, 77), (false, 4_090)]),
    ];
    for length in [17, 64, 200] {
        let decisions = (0..length).map(|_| {
            let share = 1 + rng.next_u32() % 4_095;
            (rng.next_u32() % 4_096 >= share, share as u16)
        });
        cases.push(("random", decisions.collect()));
    }
    let cases: Vec<Value> = cases
        .into_iter()
        .map(|(name, decisions)| {
            let mut bytes = Vec::new();
            let mut encoder = RangeEncoder::new(&mut bytes);
            for &(high, share) in &decisions {
                encoder.encode(high, share);
            }
            encoder.finish();
            let decisions: Vec<Value> = decisions
                .iter()
                .map(|&(high, share)| json!([u8::from(high), share]))
                .collect();
            json!({ "name": name, "hex": hex(&bytes), "decisions": decisions })
        })
        .collect();
    json!({
        "about": "decisions are [side, low share of 4096]; refused are not the form a writer makes",
        "cases": cases,
        "refused": [
            { "decisions": [[0, 4_000]], "hex": "00" },
            { "decisions": [[0, 2_048]], "hex": "01" },
            { "decisions": [[1, 2_048]], "hex": "8000" },
            { "decisions": [[1, 2_048]], "hex": "90" },
            { "decisions": [[1, 2_048]], "hex": "8000000001" },
        ],
    })
}

/// Bodies under scripted inputs, tick by tick.
fn movement() -> Value {
    let scripts = [
        ("garden", 30, 7, 3),
        ("city", 30, 11, 4),
        ("tiny", 60, 2, 5),
        ("plain", 128, 5, 6),
        ("garden", 10, 9, 7),
    ];
    let traces: Vec<Value> = scripts
        .iter()
        .map(|&(arena, hz, place, seed)| trace(arena, hz, place, seed))
        .collect();
    json!({
        "about": "body = [x, y, vx, vy, facing, dash ticks, cooldown, dash heading]; \
                  input = [heading, throttle, aim or -1, dash]; after[i] is the body at the end of \
                  the tick with inputs[i]",
        "traces": traces,
    })
}

fn trace(arena: &str, hz: u16, place: u32, seed: u64) -> Value {
    let rate = TickRate::new(hz).expect("a tick rate");
    let world = World::new(Arena::named(arena).expect("embedded"), rate);
    let mut rng = Pcg32::seed_from_u64(seed);
    let mut body = Body::at(world.arena.free_position(place << 28));
    body.position += IVec2::new(123, -77);
    let start = body_row(&body);
    let (mut inputs, mut after) = (Vec::new(), Vec::new());
    let mut input = Input::from_keys(1, 0, None, false);
    for tick in 0..120 {
        if tick % 9 == 8 {
            let level = Throttle::new((rng.next_u32() % 4) as u8).expect("0 to 3");
            let aim = rng.next_u32().is_multiple_of(2);
            let aim = aim.then_some(Angle(rng.next_u32() as u8));
            let dash = rng.next_u32().is_multiple_of(3);
            input = Input::new(Angle(rng.next_u32() as u8), level, aim, dash);
        }
        body = world.step(&body, &input);
        inputs.push(input_row(input));
        after.push(body_row(&body));
    }
    json!({
        "arena": arena,
        "tick_rate": hz,
        "movement": serde_json::to_value(world.movement).expect("numbers"),
        "start": start,
        "inputs": inputs,
        "after": after,
    })
}

/// Frames of one cell from its first tick, with its whole state after each.
fn frames() -> Value {
    json!({
        "about": "avatar = [id, predictor (0 step, 1 fallback), body..., input...] as in \
                  movement.json; spark = [id, x, y]; every scene starts with an empty cell; a \
                  keyframe equals the delta before it and may replace all frames so far",
        "scenes": [scene("garden", 30, 3, 12), scene("tiny", 60, 0, 8)],
    })
}

fn scene(arena: &str, hz: u16, cell: u16, seed: u64) -> Value {
    let rate = TickRate::new(hz).expect("a tick rate");
    let world = World::new(Arena::named(arena).expect("embedded"), rate);
    let mut scene = Scene {
        rng: Pcg32::seed_from_u64(seed),
        truth: Vec::new(),
        cell: Cell::default(),
        stamp: FrameStamp {
            cell: CellId(cell),
            tick: Tick(u32::from(hz) * 7 - 12),
        },
        world,
    };
    let frames: Vec<Value> = (0..100).flat_map(|at| scene.tick(at)).collect();
    json!({ "arena": arena, "tick_rate": hz, "cell": cell, "frames": frames })
}

struct Scene {
    world: World,
    rng: Pcg32,
    truth: Vec<(PlayerId, Input, Body)>,
    cell: Cell,
    stamp: FrameStamp,
}

impl Scene {
    fn tick(&mut self, at: u32) -> Vec<Value> {
        self.stamp.tick = self.stamp.tick.next();
        let left: &[PlayerId] = if at == 60 { &[PlayerId(7)] } else { &[] };
        self.truth.retain(|(id, ..)| !left.contains(id));
        self.move_all(at);
        let entered = self.entering(at);
        let (sparks_left, sparks_entered) = self.sparks(at);
        let change = CellChange {
            avatars_left: left,
            avatars_entered: &entered,
            sparks_left: &sparks_left,
            sparks_entered: &sparks_entered,
        };
        let truth = |id| {
            let known = self.truth.iter().find(|known| known.0 == id);
            known.map_or_else(Default::default, |&(_, input, body)| (input, body))
        };
        let mut bytes = Vec::new();
        let (world, stamp) = (&self.world, self.stamp);
        self.cell
            .encode_delta(world, stamp, change, truth, &mut bytes);
        for avatar in entered {
            self.truth.push((avatar.id, avatar.input, avatar.body));
        }
        let mut rows = vec![self.row("delta", &bytes)];
        if at % 33 == 32 {
            bytes.clear();
            self.cell
                .encode_keyframe(&self.world, self.stamp, &mut bytes);
            rows.push(self.row("keyframe", &bytes));
        }
        rows
    }

    fn row(&self, kind: &str, bytes: &[u8]) -> Value {
        let avatars: Vec<Value> = self.cell.avatars().iter().map(avatar_row).collect();
        let sparks: Vec<Value> = self
            .cell
            .sparks()
            .iter()
            .map(|spark| json!([spark.id, spark.x, spark.y]))
            .collect();
        json!({
            "tick": self.stamp.tick.0,
            "kind": kind,
            "hex": hex(bytes),
            "checksum": self.cell.checksum(),
            "avatars": avatars,
            "sparks": sparks,
        })
    }

    /// Every kind of input change, and what the step does not know.
    fn move_all(&mut self, at: u32) {
        for index in 0..self.truth.len() {
            let chance = self.rng.next_u32();
            let draw = self.rng.next_u32() as u8;
            let (_, input, body) = &mut self.truth[index];
            let (heading, throttle, aim) = (input.heading(), input.throttle(), input.aim());
            let turned = aim.map(|aim| aim.turned((draw % 7).cast_signed() - 2));
            *input = match chance % 23 {
                0 => Input::from_keys(i32::from(draw % 3) - 1, 1, aim, false),
                1 => Input::new(Angle(draw), Throttle::TWO_THIRDS, aim, input.dash()),
                2 => Input::new(heading.turned(1), throttle, turned, input.dash()),
                3 => Input::new(heading, throttle, aim, !input.dash()),
                4 => Input::new(heading, Throttle::REST, turned, false),
                5 if aim.is_some() => Input::new(heading, throttle, None, false),
                5 => Input::new(heading, throttle, Some(Angle(draw)), false),
                6 => Input::new(heading, throttle, aim.map(|_| Angle(draw)), false),
                _ => Input::new(heading, throttle, turned, input.dash()),
            };
            *body = self.world.step(body, input);
            match (at + index as u32 * 5) % 48 {
                20 => body.velocity = bumped_velocity(Angle(draw), &self.world.movement),
                33 => body.position = self.world.arena.free_position(chance),
                40 => body.dash.cooldown = 3,
                41 => body.facing = Angle(draw),
                _ => {}
            }
        }
    }

    fn entering(&self, at: u32) -> Vec<Avatar> {
        let ids: &[u16] = match at {
            0 => &[7, 40, 41, 900],
            30 => &[3, 600],
            62 => &[7],
            _ => &[],
        };
        let corner = self.world.grid.corner(self.stamp.cell);
        ids.iter()
            .map(|&id| {
                let near = corner + IVec2::new(i32::from(id) * 37 + 9_001, 33_333);
                let inside = self.world.arena.clamp(near);
                let outside = self.world.arena.clamp(corner + 3_000 - 8_000);
                let mut body = Body::at(if id == 600 { outside } else { inside });
                body.velocity = IVec2::new(-1_234, i32::from(id));
                let input = Input::from_keys(1, -1, (id % 2 == 0).then_some(Angle(200)), false);
                if id == 41 {
                    Avatar::free(PlayerId(id), &body)
                } else {
                    Avatar::new(PlayerId(id), self.world.step(&body, &input), input)
                }
            })
            .collect()
    }

    fn sparks(&self, at: u32) -> (Vec<SparkId>, Vec<Spark>) {
        let corner = self.world.grid.corner(self.stamp.cell);
        let spark = |id: u16| Spark::near(SparkId(id), corner + i32::from(id) * 1_500 + 900);
        match at {
            3 => (vec![], vec![spark(2), spark(9), spark(17)]),
            50 => (vec![SparkId(9)], vec![spark(4)]),
            70 => (vec![SparkId(2), SparkId(17)], vec![]),
            _ => (vec![], vec![]),
        }
    }
}

fn avatar_row(avatar: &Avatar) -> Value {
    let predictor = u8::from(avatar.predictor() == Predictor::Fallback);
    let mut row = vec![json!(avatar.id), json!(predictor)];
    for part in [body_row(&avatar.body), input_row(avatar.input)] {
        row.extend(part.as_array().cloned().unwrap_or_default());
    }
    Value::Array(row)
}

fn body_row(body: &Body) -> Value {
    let Body {
        position,
        velocity,
        facing,
        dash,
    } = body;
    json!([
        position.x,
        position.y,
        velocity.x,
        velocity.y,
        facing.0,
        dash.ticks_left,
        dash.cooldown,
        dash.heading.0,
    ])
}

fn input_row(input: Input) -> Value {
    let aim = input.aim().map_or(-1, |aim| i32::from(aim.0));
    let (heading, level) = (input.heading().0, input.throttle().level());
    json!([heading, level, aim, u8::from(input.dash())])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// JSON with a line per row: objects and lists of objects broken up, lists of numbers not.
fn text(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out.push('\n');
    out
}

fn write_value(value: &Value, depth: usize, out: &mut String) {
    let indent = |depth: usize| format!("\n{}", " ".repeat(depth));
    match value {
        Value::Object(fields) if depth < 3 => {
            let mut separator = '{';
            for (name, field) in fields {
                out.push(separator);
                out.push_str(&indent(depth + 1));
                let _ = write!(out, "{}: ", json!(name));
                write_value(field, depth + 1, out);
                separator = ',';
            }
            out.push_str(&indent(depth));
            out.push('}');
        }
        Value::Array(items) if depth < 4 && items.iter().any(|item| !item.is_number()) => {
            let mut separator = '[';
            for item in items {
                out.push(separator);
                out.push_str(&indent(depth + 1));
                write_value(item, depth + 1, out);
                separator = ',';
            }
            out.push_str(&indent(depth));
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_what_the_code_writes() {
        for (name, text) in files() {
            let path = format!("{}/../../assets/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == text, "{name} differs; see `tickwire-lab vectors`");
        }
    }
}
