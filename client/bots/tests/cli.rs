//! The program from outside: its exit codes, and what goes to which stream.

use serde_json::Value;
use std::net::TcpListener;
use std::process::{Command, Output};

fn bots(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire-bots"))
        .args(args)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An address on which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

#[test]
fn help_names_every_option_that_is_promised() {
    let output = bots(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for option in [
        "--url",
        "--room",
        "--rooms",
        "--players",
        "--seconds",
        "--brain",
        "--seed",
        "--report",
        "--join-rate",
        "--name-prefix",
        "--token",
        "--token-file",
        "--ca",
        "--stall-readers",
        "--trickle-readers",
        "--screens",
    ] {
        assert!(help.contains(option), "{option} is missing in:\n{help}");
    }
    let help = text(&bots(&["proxy", "--help"]).stdout);
    for option in [
        "--listen",
        "--to",
        "--profile",
        "--latency",
        "--jitter",
        "--stall",
        "--bandwidth",
        "--cut",
        "--half-open",
        "--seed",
    ] {
        assert!(help.contains(option), "{option} is missing in:\n{help}");
    }
}

#[test]
fn without_a_server_the_report_is_still_one_object_and_the_exit_code_is_one() {
    let url = format!("ws://{}/ws", nobody());
    let output = bots(&[
        "--url",
        &url,
        "--players",
        "2",
        "--seconds",
        "1",
        "--report",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["joined"], 0);
    assert_eq!(report["refused"], 2);
    let errors = text(&output.stderr);
    assert!(errors.contains("Is the server running?"), "{errors}");
}

#[test]
fn a_wrong_address_is_told_at_once() {
    let output = bots(&["--url", "http://localhost", "--players", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("ws://"));
}

#[test]
fn wrong_files_and_one_token_for_many_are_told_at_once() {
    let missing = "/nonexistent/ca.pem";
    for (args, words) in [
        (["--ca", missing], missing),
        (["--token-file", missing], missing),
        (["--token", "abc"], "--token-file"),
    ] {
        let output = bots(&args);
        assert_ne!(output.status.code(), Some(0));
        assert!(output.stdout.is_empty());
        let errors = text(&output.stderr);
        assert!(errors.contains(words), "{errors}");
    }
}

#[test]
fn a_wrong_option_is_refused_with_an_example() {
    let output = bots(&["proxy", "--stall", "200ms"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("200ms@1%"));
}

#[test]
fn the_proxy_ends_when_its_time_is_up_and_reports() {
    let output = bots(&[
        "proxy",
        "--listen",
        "127.0.0.1:0",
        "--to",
        &nobody(),
        "--seconds",
        "0.2",
        "--report",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["connections"], 0);
}
