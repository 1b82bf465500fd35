//! Everything that a hostile client does, over real sockets, while honest players play on.
//!
//! Each attack comes from a loopback address of its own, because the limits count by address; the
//! players' address is exempt. `-- --nocapture` prints the table of attacks and answers.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Raw, Seen, soon, start, until};
use tickwire_server::clock;
use tickwire_server::config::{AuthMode, ServerConfig};
use tickwire_server::metrics::Metrics;
use tickwire_server::net::{Server, dev_certificate};
use tickwire_server::security::auth::{Claims, make_token};
use tickwire_server::security::keys::KeySource;
use tickwire_shared::wire::{ClientMessage, CloseReason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Error;

const HONEST: usize = 50;

fn hostile_config(config: &mut ServerConfig) {
    config.limits.limit_exempt = vec!["127.0.0.1/32".parse().unwrap()];
    // Few enough that most of a flood is beyond them, however slow the machine is.
    config.limits.connections_per_ip = 64;
    config.limits.connection_burst_per_ip = 64;
    config.limits.connection_rate_per_ip = 10;
    config.net.handshake_timeout = 2;
    config.rooms.resume_grace = 30;
}

/// A connection from the `n`th attacker.
async fn connect(n: u8, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 1, n), 0).into())?;
    socket.connect(address).await
}

async fn attacker(n: u8, address: SocketAddr, query: &str) -> Raw {
    let stream = connect(n, address).await.unwrap();
    Raw::over(stream, address, query, "tickwire.v1")
        .await
        .unwrap()
}

/// A frame with a mask of zeros. `first` is the first byte: final bit and kind.
fn frame(first: u8, claimed: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match claimed {
        0..126 => bytes.push(0x80 | claimed as u8),
        126..65_536 => {
            bytes.push(0x80 | 0x7e);
            bytes.extend((claimed as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 0x7f);
            bytes.extend(claimed.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Writes until the server has had enough.
async fn flood(raw: &mut Raw, bytes: &[u8], times: usize) {
    let stream = raw.socket.get_mut();
    for _ in 0..times {
        if stream.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn wait_for(what: &str, mut count: impl FnMut() -> u64, at_least: u64) -> u64 {
    until(what, || count() >= at_least).await;
    count()
}

fn report(attack: &str, answer: &str, counter: &str, count: u64) {
    println!("| {attack} | {answer} | {counter} = {count} |");
}

/// Players who read every tick and count them.
struct Honest {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<(u64, u32, u32)>>,
}

impl Honest {
    async fn start(address: SocketAddr) -> Honest {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for n in 0..HONEST {
            let (mut raw, _) = Raw::join(address, &format!("room=arena&name=h{n}")).await;
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                let first = raw.tick().await.tick.0;
                let (mut count, mut last) = (1, first);
                while !stop.load(Ordering::Relaxed) {
                    match raw.next().await {
                        Seen::Tick(head) => {
                            count += 1;
                            last = head.tick.0;
                        }
                        Seen::Control(_) => {}
                        Seen::Closed(why) => panic!("an honest player was closed: {why:?}"),
                    }
                }
                (count, first, last)
            }));
        }
        Honest { stop, tasks }
    }

    /// The smallest part of the room's ticks that one of them received.
    async fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let mut worst = 1.0_f64;
        for task in self.tasks {
            let (count, first, last) = soon("the end of a player", task).await.unwrap();
            worst = worst.min(count as f64 / f64::from(last - first + 1));
        }
        worst
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_and_counted_while_others_play_on() {
    let server = start(hostile_config);
    let honest = Honest::start(server.address()).await;
    let began = (clock::now(), server.metrics().ticks.get());
    println!("| attack | answer | counter |\n|---|---|---|");
    slow_handshakes(&server).await;
    connection_flood(&server).await;
    large_and_endless_messages(&server).await;
    floods_inside(&server).await;
    what_is_no_protocol(&server).await;
    wrong_origins_and_names(&server).await;
    replayed_ticket(&server).await;
    silent_and_slow_sessions().await;
    let elapsed = clock::now().since(began.0).as_secs_f64();
    let hz = (server.metrics().ticks.get() - began.1) as f64 / elapsed;
    let worst = honest.stop().await;
    println!(
        "honest players: room at {hz:.2} ticks/s, worst received {:.2} %",
        worst * 100.0
    );
    assert!(worst > 0.99, "a player missed ticks: {worst}");
    if !cfg!(debug_assertions) {
        assert!(hz > 29.5, "the room ran at {hz:.2} Hz");
    }
}

async fn slow_handshakes(server: &Server) {
    let mut slow = Vec::new();
    for _ in 0..60 {
        let mut stream = connect(1, server.address()).await.unwrap();
        stream
            .write_all(b"GET /ws HTTP/1.1\r\nhost: a")
            .await
            .unwrap();
        slow.push(stream);
    }
    for stream in &mut slow {
        let _ = stream.write_all(b"b").await;
    }
    let refusals = &server.metrics().refusals;
    let count = wait_for("60 timeouts", || refusals.get("handshake_timeout"), 60).await;
    report(
        "60 slow HTTP handshakes",
        "closed at the deadline",
        "handshake_timeout",
        count,
    );
}

async fn connection_flood(server: &Server) {
    let refusals = &server.metrics().refusals;
    let all = |metrics: &tickwire_server::metrics::Labelled| {
        metrics.get("connection_rate_per_ip") + metrics.get("connections_per_ip")
    };
    let mut kept = Vec::new();
    for _ in 0..5_000 {
        if let Ok(stream) = connect(2, server.address()).await {
            kept.push(stream);
        }
        // Few at a time are held, so that the test's own descriptors suffice.
        if kept.len() == 200 {
            kept.clear();
        }
    }
    let count = wait_for("4,500 refusals", || all(refusals), 4_500).await;
    report(
        "5,000 connections from one address",
        "closed unheard",
        "connection_rate_per_ip",
        count,
    );
}

async fn closed_with(raw: &mut Raw, reason: CloseReason, metrics: &Metrics) -> u64 {
    // A flood may destroy the close frame on its way; the counter tells all the same.
    if let Some((code, _)) = raw.closed().await {
        assert_eq!(code, reason.code());
    }
    wait_for(reason.name(), || metrics.closes.get(reason.name()), 1).await
}

async fn large_and_endless_messages(server: &Server) {
    let metrics = server.metrics();
    let mut raw = attacker(3, server.address(), "room=arena").await;
    flood(&mut raw, &frame(0x82, 1 << 20, &[0; 4_096]), 1).await;
    let count = closed_with(&mut raw, CloseReason::MessageTooLarge, metrics).await;
    report("a frame of 1 MB", "close 1009", "message_too_large", count);

    let mut raw = attacker(3, server.address(), "room=arena").await;
    flood(&mut raw, &frame(0x02, 100, &[0; 100]), 1).await;
    flood(&mut raw, &frame(0x00, 100, &[0; 100]), 50).await;
    let count = closed_with(&mut raw, CloseReason::MessageTooLarge, metrics).await;
    report(
        "a message without end, in fragments",
        "close 1009",
        "message_too_large",
        count,
    );
}

async fn floods_inside(server: &Server) {
    let metrics = server.metrics();
    let ping = ClientMessage::Ping { nonce: 7 }.encode();
    for (attack, bytes) in [
        ("fragments of no bytes, without end", frame(0x00, 0, &[])),
        ("a flood of pings", frame(0x89, 0, &[])),
        ("a flood of pongs", frame(0x8a, 0, &[])),
        ("a flood of messages", frame(0x82, ping.len() as u64, &ping)),
    ] {
        let before = metrics.closes.get("rate_limited");
        let mut raw = attacker(4, server.address(), "room=arena").await;
        if bytes[0] == 0 {
            flood(&mut raw, &frame(0x02, 0, &[]), 1).await;
        }
        flood(&mut raw, &bytes.repeat(100), 1_000).await;
        let count = wait_for(attack, || metrics.closes.get("rate_limited"), before + 1).await;
        report(attack, "close 4003", "rate_limited", count);
    }
}

async fn what_is_no_protocol(server: &Server) {
    let metrics = server.metrics();
    for (attack, bytes, reason) in [
        ("text", frame(0x81, 2, b"hi"), CloseReason::TextFrame),
        (
            "invalid UTF-8",
            frame(0x81, 2, &[0xc3, 0x28]),
            CloseReason::TextFrame,
        ),
        (
            "garbage after the upgrade",
            vec![0xff; 64],
            CloseReason::ProtocolViolation,
        ),
        (
            "an unmasked frame",
            vec![0x82, 0x01, 0x00],
            CloseReason::ProtocolViolation,
        ),
        (
            "a malformed message",
            frame(0x82, 3, &[99, 1, 2]),
            CloseReason::ProtocolViolation,
        ),
    ] {
        let mut raw = attacker(5, server.address(), "room=arena").await;
        flood(&mut raw, &bytes, 1).await;
        let count = closed_with(&mut raw, reason, metrics).await;
        report(
            attack,
            &format!("close {}", reason.code()),
            reason.name(),
            count,
        );
    }
}

async fn wrong_origins_and_names(server: &Server) {
    let address = server.address();
    let refusals = &server.metrics().refusals;
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        let mut stream = connect(6, address).await.unwrap();
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             {key}sec-websocket-protocol: tickwire.v1\r\norigin: {origin}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon("an answer", stream.read_exact(&mut answer))
            .await
            .unwrap();
        assert_eq!(&answer, b"HTTP/1.1 403");
    }
    let count = refusals.get("origin_not_allowed");
    assert_eq!(count, 3);
    report(
        "three wrong origins",
        "HTTP 403",
        "origin_not_allowed",
        count,
    );
    for name in ["a%00b", "%E2%80%AEnimda", "ad%E2%80%8Bmin", "a%0D%0Ab"] {
        let mut raw = attacker(6, address, &format!("room=arena&name={name}")).await;
        assert_eq!(raw.closed().await.unwrap().0, CloseReason::BadName.code());
    }
    let count = server.metrics().closes.get("bad_name");
    assert_eq!(count, 4);
    report(
        "control, direction and invisible characters in names",
        "close 4010",
        "bad_name",
        count,
    );
}

async fn replayed_ticket(server: &Server) {
    let metrics = server.metrics();
    let mut victim = attacker(7, server.address(), "room=arena&name=victim").await;
    let ticket = victim.welcome().await.ticket;
    let offer = format!("tickwire.v1, resume.{ticket}");
    let again = async || {
        let stream = connect(7, server.address()).await.unwrap();
        Raw::over(stream, server.address(), "room=arena", &offer)
            .await
            .unwrap()
    };
    let mut second = again().await;
    let welcome = second.welcome().await;
    let before = metrics.inputs.get();
    let input = tickwire_shared::game::Input::IDLE;
    let tick = welcome.tick;
    second.send(&ClientMessage::Input { tick, input }).await;
    until("the input", || metrics.inputs.get() > before).await;
    let mut thief = again().await;
    assert_eq!(
        thief.closed().await.unwrap().0,
        CloseReason::BadTicket.code()
    );
    report(
        "a replayed ticket",
        "close 4011",
        "tickets_refused",
        metrics.tickets_refused.get(),
    );
    second.tick().await;
}

/// Against a server of their own: its deadline is too short for honest players on a busy machine.
async fn silent_and_slow_sessions() {
    let server = start(|config| {
        hostile_config(config);
        config.net.heartbeat_interval = 1;
        config.net.heartbeat_timeout = 4;
    });
    let metrics = server.metrics();
    let before = metrics.closes.get("heartbeat_timeout");
    // One reads nothing and so answers no ping; one sends a message byte by byte, without end.
    let silent = attacker(8, server.address(), "room=arena").await;
    let mut slow = attacker(8, server.address(), "room=arena").await;
    flood(&mut slow, &frame(0x82, 1_000, &[]), 1).await;
    let trickle = tokio::spawn(async move {
        for _ in 0..200 {
            flood(&mut slow, &[0], 1).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let closed = || metrics.closes.get("heartbeat_timeout");
    let count = wait_for("two timeouts", closed, before + 2).await;
    report(
        "half-open and byte-by-byte sessions",
        "close 4004",
        "heartbeat_timeout",
        count,
    );
    trickle.abort();
    drop(silent);
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused_by_name() {
    let dir = std::env::temp_dir().join(format!("tickwire-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let key = |name: &str, fill: u8| -> KeySource {
        let path = dir.join(name);
        std::fs::write(&path, [fill; 40]).unwrap();
        format!("hs256:{}", path.display()).parse().unwrap()
    };
    let (good, other) = (key("good", b'g'), key("other", b'o'));
    let server = start(|config| {
        hostile_config(config);
        config.security.auth = AuthMode::Jwt;
        config.security.auth_keys = vec![good.clone()];
    });
    let now = clock::unix_seconds().0;
    let token = |key: &KeySource, exp: u64| {
        let claims = Claims {
            sub: "ann".into(),
            exp,
            name: Some("Ann".into()),
            rooms: Some(vec!["arena".into()]),
            ..Claims::default()
        };
        make_token(&claims, &key.load_signing().unwrap(), None).unwrap()
    };
    let valid = token(&good, now + 3_600);
    let payload = valid.split('.').nth(1).unwrap().to_owned();
    let (signed, _) = valid.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(43));
    // {"alg":"none"} in base64url.
    let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
    for (attack, offer, counter) in [
        ("no token", "tickwire.v1".to_owned(), "token_missing"),
        (
            "an expired token",
            bearer(&token(&good, now - 60)),
            "token_expired",
        ),
        ("a forged signature", bearer(&forged), "token_signature"),
        (
            "the wrong key",
            bearer(&token(&other, now + 60)),
            "token_signature",
        ),
        ("alg none", bearer(&none), "token_algorithm"),
        ("garbage", bearer("x.y"), "token_malformed"),
    ] {
        let refused = Raw::offer(server.address(), "room=arena", &offer).await;
        let Err(Error::Http(answer)) = refused else {
            panic!("{attack} came in");
        };
        assert_eq!(answer.status(), 401, "{attack}");
        let count = server.metrics().refusals.get(counter);
        assert!(count > 0, "{attack} must raise {counter}");
        report(attack, "HTTP 401", counter, count);
    }
    let elsewhere = Raw::offer(server.address(), "room=other", &bearer(&valid)).await;
    assert!(elsewhere.is_err(), "the token is for one room");

    // The name is the issuer's; a second session of the same player replaces the first.
    let join = async || Raw::offer(server.address(), "room=arena&name=x", &bearer(&valid)).await;
    let mut first = join().await.unwrap();
    assert_eq!(first.welcome().await.name, "Ann");
    let mut second = join().await.unwrap();
    assert!(second.welcome().await.resumed);
    assert_eq!(
        first.closed().await.unwrap().0,
        CloseReason::Replaced.code()
    );
    assert_eq!(server.metrics().players.get(), 1);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn bearer(token: &str) -> String {
    format!("tickwire.v1, bearer.{token}")
}

#[tokio::test]
async fn a_slow_tls_handshake_ends_at_the_deadline_and_a_good_one_leads_in() {
    let dir = std::env::temp_dir().join(format!("tickwire-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let names = ["localhost".to_owned()];
    let write = || {
        let made = dev_certificate(&names).unwrap();
        std::fs::write(dir.join("cert.pem"), made.certificate).unwrap();
        std::fs::write(dir.join("key.pem"), made.key).unwrap();
        made.authority
    };
    let first_authority = write();
    let change = |config: &mut ServerConfig| {
        hostile_config(config);
        config.security.tls_cert = Some(dir.join("cert.pem"));
        config.security.tls_key = Some(dir.join("key.pem"));
    };
    let server = start(change);
    let mut slow = connect(9, server.address()).await.unwrap();
    slow.write_all(&[22, 3, 1]).await.unwrap();
    let refusals = &server.metrics().refusals;
    wait_for("the deadline", || refusals.get("tls_handshake"), 1).await;

    let (mut old, _) = tls_join(server.address(), &first_authority).await.unwrap();
    let second_authority = write();
    let mut config = support::config();
    change(&mut config);
    server.reload(&config).unwrap();
    assert!(tls_join(server.address(), &first_authority).await.is_err());
    let (mut new, protocol) = tls_join(server.address(), &second_authority).await.unwrap();
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    // The session from before the reload goes on.
    for socket in [&mut old, &mut new] {
        for _ in 0..5 {
            assert!(
                futures_util::StreamExt::next(socket)
                    .await
                    .unwrap()
                    .unwrap()
                    .is_binary()
            );
        }
    }
    // A key that is missing changes nothing, although the certificate would hold.
    write();
    let mut broken = config.clone();
    broken.security.auth = AuthMode::Jwt;
    broken.security.auth_keys = vec![
        format!("hs256:{}", dir.join("none").display())
            .parse()
            .unwrap(),
    ];
    assert!(server.reload(&broken).is_err());
    assert!(tls_join(server.address(), &second_authority).await.is_ok());
    // Nor does a broken file.
    std::fs::write(dir.join("cert.pem"), "no certificate").unwrap();
    assert!(server.reload(&config).is_err());
    assert!(tls_join(server.address(), &second_authority).await.is_ok());
    std::fs::remove_dir_all(&dir).unwrap();
}

type TlsSocket = tokio_tungstenite::WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>;

async fn tls_join(
    address: SocketAddr,
    authority: &str,
) -> Result<(TlsSocket, Option<Vec<u8>>), Error> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let mut roots = RootCertStore::empty();
    let der = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(der).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let request = tokio_tungstenite::tungstenite::client::ClientRequestBuilder::new(
        "ws://localhost/ws?room=a".parse().unwrap(),
    )
    .with_sub_protocol("tickwire.v1");
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok((socket, protocol))
}
