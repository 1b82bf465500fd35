//! The way in, over real sockets: who is refused costs the others nothing, and is told why.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use support::{Raw, Seen, soon, start, until};
use tickwire_server::clock;
use tickwire_server::config::{AuthMode, ServerConfig};
use tickwire_server::security::auth::{Claims, make_token};
use tickwire_server::security::keys::KeySource;
use tickwire_shared::wire::{CloseReason, ServerMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A key in a folder of its own.
struct Issuer {
    dir: PathBuf,
    key: KeySource,
}

impl Issuer {
    fn new(name: &str) -> Issuer {
        let dir = format!("tickwire-door-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("key");
        std::fs::write(&path, [b'k'; 40]).unwrap();
        let key = format!("hs256:{}", path.display()).parse().unwrap();
        Issuer { dir, key }
    }

    fn require(&self, config: &mut ServerConfig) {
        config.security.auth = AuthMode::Jwt;
        config.security.auth_keys = vec![self.key.clone()];
    }

    /// The sub-protocols that this player offers, with a token that holds for an hour.
    fn offer(&self, sub: &str) -> String {
        self.offer_for(sub, 3_600)
    }

    fn offer_for(&self, sub: &str, seconds: u64) -> String {
        let claims = Claims {
            sub: sub.into(),
            exp: clock::unix_seconds().0 + seconds,
            ..Claims::default()
        };
        let token = make_token(&claims, &self.key.load_signing().unwrap(), None).unwrap();
        format!("tickwire.v1, bearer.{token}")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A socket of a page from this server, which browsers tell by `Origin`.
async fn page_socket(address: SocketAddr, query: &str, protocols: &str) -> Raw {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/ws?{query}")
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
    headers.insert("origin", format!("http://{address}").parse().unwrap());
    Raw::handshake(request, stream).await.unwrap()
}

/// The words of the goodbye, and code and words of the close frame.
async fn told(raw: &mut Raw) -> (String, u16, String) {
    let mut goodbye = String::new();
    loop {
        match raw.next().await {
            Seen::Control(ServerMessage::Goodbye { message, .. }) => goodbye = message,
            Seen::Closed(Some((code, words))) => return (goodbye, code, words),
            Seen::Closed(None) => panic!("closed without a close frame"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn who_shows_no_token_uses_up_no_places_and_loses_the_connection() {
    let issuer = Issuer::new("joins");
    let server = start(|config| {
        issuer.require(config);
        config.limits.join_burst = 2;
        config.limits.join_rate = 1;
    });
    let address = server.address();
    let refusals = &server.metrics().refusals;
    for n in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /ws?room=a HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-version: 13\r\nsec-websocket-protocol: tickwire.v1\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon("the end", stream.read_to_string(&mut answer))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        // Nor do pages, which are told inside.
        let mut page = page_socket(address, "room=a", "tickwire.v1").await;
        let (_, code, words) = told(&mut page).await;
        assert_eq!(code, CloseReason::Unauthorized.code());
        assert!(words.contains("asks for a token"), "{words}");
        assert_eq!(refusals.get("token_missing"), 2 * (n + 1));
    }
    for sub in ["ann", "bo"] {
        let joined = Raw::offer(address, "room=a", &issuer.offer(sub)).await;
        joined.unwrap().welcome().await;
    }
    assert_eq!(refusals.get("join_rate"), 0);
}

#[tokio::test]
async fn more_joins_than_allowed_are_refused_and_counted() {
    let server = start(|config| {
        config.limits.join_burst = 1;
        config.limits.join_rate = 1;
    });
    let mut refused = 0;
    for _ in 0..20 {
        match Raw::offer(server.address(), "room=a", "tickwire.v1").await {
            Ok(_) => {}
            Err(Error::Http(answer)) => {
                assert_eq!(answer.status(), 503);
                assert_eq!(answer.headers()["connection"], "close");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0);
    assert_eq!(server.metrics().refusals.get("join_rate"), refused);
}

#[tokio::test]
async fn who_is_refused_inside_is_told_the_rule_and_counted() {
    let server = start(|_| ());
    let address = server.address();
    let long = "a".repeat(200);
    for (query, protocol, reason, parts) in [
        (
            "room=a".to_owned(),
            "tickwire.v9",
            CloseReason::UnsupportedVersion,
            ["speaks tickwire.v1 and tickwire.plain.v1", "tickwire.v9"],
        ),
        (
            "room=a%20b".to_owned(),
            "tickwire.v1",
            CloseReason::BadName,
            ["a room's name has 1 to 32", "- _ ."],
        ),
        (
            format!("room=a&name={long}"),
            "tickwire.v1",
            CloseReason::BadName,
            ["200 bytes", "at most 24"],
        ),
        (
            // Long enough to be cut, and checked all the same.
            format!("room=a&name={}%E3%85%A4", &long[..60]),
            "tickwire.v1",
            CloseReason::BadName,
            ["U+1160", "not allowed"],
        ),
    ] {
        let before = server.metrics().refusals.get(reason.name());
        let mut raw = Raw::offer(address, &query, protocol).await.unwrap();
        let (goodbye, code, words) = told(&mut raw).await;
        assert_eq!(code, reason.code());
        assert_eq!(goodbye, words);
        for part in parts {
            assert!(words.contains(part), "{words}");
        }
        let counted = server.metrics().refusals.get(reason.name());
        assert_eq!(counted, before + 1);
    }
    let (_, welcome) = Raw::join(address, &format!("room=A.b&name={}", &long[..60])).await;
    assert_eq!((&*welcome.room, welcome.name.len()), ("A.b", 24));
}

async fn ask_for_a_page(stream: &mut TcpStream) -> std::io::Result<bool> {
    stream
        .write_all(b"GET /none HTTP/1.1\r\nhost: a\r\n\r\n")
        .await?;
    let mut answer = [0; 4_096];
    let read = soon("a page", stream.read(&mut answer)).await?;
    Ok(read > 0)
}

#[tokio::test]
async fn connections_of_pages_take_no_places_of_handshakes_and_end_when_idle() {
    let server = start(|config| {
        config.limits.handshakes_max = 4;
        config.net.handshake_timeout = 5;
    });
    let metrics = server.metrics();
    let mut pages = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        assert!(ask_for_a_page(&mut stream).await.unwrap());
        pages.push(stream);
    }
    let (mut ann, _) = Raw::join(server.address(), "room=a").await;
    until("the idle ones are closed", || {
        metrics.connections.get() == 1
    })
    .await;
    for mut stream in pages {
        let mut end = Vec::new();
        soon("the end", stream.read_to_end(&mut end)).await.unwrap();
    }
    assert_eq!(metrics.refusals.get("handshake_timeout"), 0);
    ann.tick().await;
    // Who asks for nothing is no page.
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    let timeouts = || metrics.refusals.get("handshake_timeout");
    until("the silent one is counted", || timeouts() == 1).await;
}

#[tokio::test]
async fn a_connection_that_asks_for_pages_for_ever_ends() {
    let server = start(|config| config.net.handshake_timeout = 2);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    soon("the end", async {
        while let Ok(true) = ask_for_a_page(&mut stream).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_connections_of_one_player_are_one_player() {
    let issuer = Issuer::new("first");
    let server = start(|config| {
        issuer.require(config);
        config.net.network_threads = Some(2);
        config.rooms.resume_grace = 30;
    });
    let (address, offer) = (server.address(), issuer.offer("ann"));
    let mut tasks = Vec::new();
    for n in 0..30 {
        let (offer, query) = (offer.clone(), format!("room={}", ["a", "b"][n % 2]));
        tasks.push(tokio::spawn(async move {
            let mut raw = Raw::offer(address, &query, &offer).await.unwrap();
            // Welcomed, or replaced before that.
            raw.next().await;
            raw
        }));
    }
    let mut raws = Vec::new();
    for task in tasks {
        raws.push(task.await.unwrap());
    }
    let metrics = server.metrics();
    let replaced = || metrics.closes.get(CloseReason::Replaced.name());
    until("all but one are replaced", || replaced() == 29).await;
    until("one is left", || metrics.players.get() == 1).await;
    assert_eq!(metrics.sessions.get(), 1);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let issuer = Issuer::new("expiry");
    let server = start(|config| {
        issuer.require(config);
        config.security.auth_leeway = 0;
    });
    let offer = issuer.offer_for("ann", 5);
    let mut ann = Raw::offer(server.address(), "room=a", &offer)
        .await
        .unwrap();
    assert_eq!(
        ann.closed().await.unwrap().0,
        CloseReason::TokenExpired.code()
    );
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_counted_by_the_address_it_names() {
    let server = start(|config| {
        config.security.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.limits.connections_per_ip = 1;
    });
    let address = server.address();
    let behind = async |client: IpAddr| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
             sec-websocket-protocol: tickwire.v1\r\nx-forwarded-for: {client}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon("an answer", stream.read_exact(&mut answer))
            .await
            .unwrap();
        (String::from_utf8_lossy(&answer[9..]).into_owned(), stream)
    };
    let ip = |last: u8| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
    let (first, _held) = behind(ip(1)).await;
    let (again, _) = behind(ip(1)).await;
    let (other, _) = behind(ip(2)).await;
    assert_eq!(
        (first.as_str(), again.as_str(), other.as_str()),
        ("101", "429", "101")
    );
    let counted = server.metrics().refusals.get("connections_per_ip");
    assert_eq!(counted, 1);
}
