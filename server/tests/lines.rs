//! Real sockets, bad lines: slow readers, dead peers, and the end of the server.

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Raw, Seen, get, http, soon, start, until};
use tickwire_shared::wire::{ClientMessage, CloseReason, ServerMessage};
use tokio::net::{TcpSocket, TcpStream};

/// A connection whose receive buffer is as small as the kernel allows, so that a client that does
/// not read is felt soon.
async fn narrow(address: std::net::SocketAddr, query: &str) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream: TcpStream = socket.connect(address).await.unwrap();
    Raw::over(stream, address, query, "tickwire.v1")
        .await
        .unwrap()
}

#[tokio::test]
async fn a_reader_that_stalls_misses_ticks_and_continues_without_a_backlog() {
    let server = start(|config| {
        config.rooms.tick_rate = 128;
        config.net.send_buffer = 4_096;
        config.net.notsent_lowat = 2_048;
    });
    let mut crowd = Vec::new();
    for n in 0..30 {
        crowd.push(
            Raw::join(server.address(), &format!("room=r&name=n{n}"))
                .await
                .0,
        );
    }
    let mut raw = narrow(server.address(), "room=r").await;
    raw.welcome().await;
    raw.tick().await;
    let metrics = server.metrics();
    // Chat makes ticks large enough to fill the narrow line quickly.
    soon("the line is full and ticks are left out", async {
        let mut n = 0;
        while metrics.conflations.get() + metrics.catch_ups.get() == 0 {
            n += 1;
            let text = "x".repeat(200);
            crowd[n % 30].send(&ClientMessage::Chat { text }).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            if n > 200 && n % 40 == 0 {
                // Some is read now and then: progress is made, but not enough.
                raw.tick().await;
            }
        }
    })
    .await;
    // It gets back to the present, and each tick is one that it can use.
    let mut last = raw.tick().await.tick;
    let present = crowd[0].tick().await.tick;
    soon("the present", async {
        while last < present {
            last = raw.tick().await.tick;
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_closed_for_no_progress() {
    let server = start(|config| {
        config.rooms.tick_rate = 128;
        config.net.send_buffer = 4_096;
        config.net.no_progress_timeout = 1;
    });
    let mut raw = narrow(server.address(), "room=r").await;
    raw.welcome().await;
    let (mut talker, _) = Raw::join(server.address(), "room=r").await;
    let metrics = server.metrics();
    soon("the close", async {
        while metrics.no_progress_closes.get() == 0 {
            let text = "x".repeat(200);
            talker.send(&ClientMessage::Chat { text }).await;
            // What makes the line full is ticks and pongs of the silent one.
            raw.send(&ClientMessage::Ping { nonce: 1 }).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    until("the player is gone", || metrics.players.get() == 1).await;
    talker.tick().await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_removed_by_the_deadline() {
    let server = start(|config| {
        config.net.heartbeat_interval = 1;
        // Long enough for a busy machine to answer a ping in.
        config.net.heartbeat_timeout = 6;
    });
    // Alive through its library's pongs, although it says nothing itself.
    let (mut silent, _) = Raw::join(server.address(), "room=r&name=silent").await;
    // A socket that is open and says nothing at all.
    let (dead, _) = Raw::join(server.address(), "room=r&name=dead").await;
    let left = |message| match message {
        ServerMessage::Roster { left, .. } => left.first().copied(),
        _ => None,
    };
    soon("the dead one's leave", silent.find(left)).await;
    assert_eq!(server.metrics().heartbeat_closes.get(), 1);
    assert_eq!(server.metrics().players.get(), 1);
    drop(dead);
}

#[tokio::test]
async fn http_without_an_upgrade_is_answered_in_words() {
    let server = start(|config| config.net.handshake_timeout = 1);
    let address = server.address();
    let plain = get(address, "/ws", "").await;
    assert!(plain.starts_with("HTTP/1.1 426 "), "{plain}");
    assert!(plain.contains("\"error\":\"upgrade_required\""), "{plain}");
    let lost = get(address, "/nowhere", "").await;
    assert!(lost.starts_with("HTTP/1.1 404 "), "{lost}");
    let lost = get(address, "/../Cargo.toml", "").await;
    assert!(lost.starts_with("HTTP/1.1 404 "), "{lost}");
    let post = http(
        address,
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    let garbage = http(address, "\u{16}\u{3}\u{1} hello\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    // A head that never ends is cut off by the deadline.
    let endless = http(address, "GET / HTTP/1.1\r\nhost: x\r\nx: ").await;
    assert!(
        endless.is_empty() || endless.starts_with("HTTP/1.1 408"),
        "{endless}"
    );
}

#[tokio::test]
async fn the_page_has_its_type_its_tag_and_a_strict_policy() {
    let server = start(|_| ());
    let address = server.address();
    let page = get(address, "/", "").await;
    let head = page.split("\r\n\r\n").next().unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    for line in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'",
    ] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }
    let Some((_, rest)) = head.split_once("etag: ") else {
        // A tree without the web client shows the built-in page.
        return assert!(page.contains("Tickwire"));
    };
    let etag = rest.lines().next().unwrap();
    let again = get(address, "/", &format!("if-none-match: {etag}\r\n")).await;
    assert!(again.starts_with("HTTP/1.1 304 "), "{again}");
    let small = get(address, "/", "accept-encoding: gzip, br\r\n").await;
    assert!(small.to_lowercase().contains("content-encoding: gzip"));
}

#[tokio::test]
async fn a_base_path_is_taken_off() {
    let server = start(|config| config.base_path = "/game/".into());
    let address = server.address();
    assert!(
        get(address, "/game/", "")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        get(address, "/game/ws", "")
            .await
            .starts_with("HTTP/1.1 426 ")
    );
    assert!(get(address, "/", "").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn sigterm_says_goodbye_to_everyone_and_exits_with_zero() {
    let folder = std::env::temp_dir().join(format!("tickwire-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let port_file = folder.join("port");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickwire"))
        .args(["--listen", "127.0.0.1:0", "--port-file"])
        .arg(&port_file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the port is known", || port_file.exists()).await;
    let port: u16 = std::fs::read_to_string(&port_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut raws = Vec::new();
    for _ in 0..5 {
        raws.push(Raw::join(address, "room=r").await.0);
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    for raw in &mut raws {
        let mut hint = None;
        let closed = loop {
            match raw.next().await {
                Seen::Control(ServerMessage::Goodbye {
                    reason,
                    retry_after_ms,
                    ..
                }) => {
                    assert_eq!(reason, CloseReason::ServerShutdown);
                    hint = retry_after_ms;
                }
                Seen::Closed(why) => break why,
                _ => {}
            }
        };
        assert_eq!(closed.unwrap().0, 1001);
        assert!(hint.unwrap() >= 500);
    }
    let status = tokio::task::spawn_blocking(move || {
        let status = child.wait().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut said).unwrap();
        (status, said)
    });
    let (status, said) = soon("the exit", status).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(
        said.contains(&format!("http://127.0.0.1:{port}/")),
        "{said}"
    );
}
