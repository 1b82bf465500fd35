//! The same work as the bench `cell_frame`, once, for a profiler that counts instructions: see
//! `scripts/instructions`. Prints how many avatar ticks were worked on.

mod support;

use std::hint::black_box;
use support::{Scene, TICKS, stamp};
use tickwire_shared::wire::Cell;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let Some(count) = arguments.next().and_then(|count| count.parse().ok()) else {
        eprintln!("usage: instructions encode|decode|keyframe|apply-keyframe AVATARS");
        return;
    };
    let scene = Scene::new(count);
    let mut cell = scene.cell.clone();
    let mut out = Vec::with_capacity(1 << 20);
    scene.keyframe(&cell, &mut out);
    let ticks = measured(&what, &scene, &mut cell, &mut out);
    println!("{}", ticks * usize::from(count));
}

/// The part that is counted, by name.
#[inline(never)]
fn measured(what: &str, scene: &Scene, cell: &mut Cell, out: &mut Vec<u8>) -> usize {
    match what {
        "encode" => {
            black_box(scene.encode(cell, out));
            TICKS
        }
        "decode" => {
            scene.decode(cell);
            TICKS
        }
        "keyframe" => {
            black_box(scene.keyframe(cell, out));
            1
        }
        _ => {
            let applied = cell.apply_keyframe(&scene.world, stamp(0), out);
            applied.expect("its own keyframe");
            1
        }
    }
}
