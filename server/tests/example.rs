//! The example player in Python: it must keep working with the server as it is.
//!
//! `scripts/python-example`, a step of `scripts/test`, installs the library `websockets` and names
//! the Python that has it in `TICKWIRE_PYTHON`; then a missing library is a failure. A plain
//! `cargo test` on a machine without it checks the length only, and says so.

mod support;

use std::process::Command;
use support::{soon, start};

/// Lines of the example, which is there to be read.
const LINES_MAX: usize = 120;

#[tokio::test]
async fn the_python_example_walks_a_square() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let script = format!("{root}/docs/examples/square.py");
    let lines = std::fs::read_to_string(&script).unwrap().lines().count();
    assert!(lines <= LINES_MAX, "{lines} lines");

    let named = std::env::var("TICKWIRE_PYTHON");
    let is_required = named.is_ok();
    let python = named.unwrap_or_else(|_| format!("{root}/target/raw-client-venv/bin/python"));
    let has_library = Command::new(&python)
        .args(["-c", "import websockets"])
        .output();
    if !has_library.is_ok_and(|output| output.status.success()) {
        assert!(!is_required, "no `websockets` in the Python {python}");
        eprintln!("no Python with `websockets` at {python}; the example is not run");
        return;
    }
    // An arena without walls, so that the way is a square.
    let server = start(|config| config.rooms.arena = "plain".into());
    let url = format!("ws://{}/ws?room=r&name=square", server.address());
    let output = tokio::task::spawn_blocking(move || {
        Command::new(&python)
            .args([&script, &url])
            .output()
            .unwrap()
    });
    let output = soon("the square", output).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    println!("{said}");
    let corners: Vec<(f32, f32)> = said
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(": at ")?;
            let (x, y) = rest.split(',').next()?.split_once(' ')?;
            Some((x.parse().ok()?, y.parse().ok()?))
        })
        .collect();
    assert_eq!(corners.len(), 5, "{said}");
    let moved = |from: usize, to: usize| {
        let ((ax, ay), (bx, by)) = (corners[from], corners[to]);
        (bx - ax, by - ay)
    };
    // Seven units a second, less the start and the lead; out of the way at the arena's edge.
    assert!(moved(0, 1).0 > 2.0 || corners[1].0 > 500.0, "{said}");
    assert!(moved(1, 2).1 > 2.0 || corners[2].1 > 500.0, "{said}");
    assert!(moved(2, 3).0 < -2.0 || corners[3].0 < 12.0, "{said}");
    assert!(moved(3, 4).1 < -2.0 || corners[4].1 < 12.0, "{said}");
}
