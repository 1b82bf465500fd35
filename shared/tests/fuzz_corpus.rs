//! Every input that the fuzzers keep, as an ordinary test. A fuzzer's finding goes into
//! `fuzz/corpus` with a name that says what it was.

#[path = "../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    clippy::manual_is_multiple_of,
    reason = "a crate of its own elsewhere"
)]
mod targets;

fn replay(name: &str, target: fn(&[u8])) {
    let path = format!("{}/../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        target(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count >= 8, "{count} inputs of {name}");
}

#[test]
fn the_corpus_of_client_messages_breaks_nothing() {
    replay("client_message", targets::client_message);
}

#[test]
fn the_corpus_of_server_packets_breaks_nothing() {
    replay("server_packet", targets::server_packet);
}

#[test]
fn the_corpus_of_cell_frames_breaks_nothing() {
    replay("cell_frames", targets::cell_frames);
}
