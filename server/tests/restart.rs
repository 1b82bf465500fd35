//! A server leaves and another one takes its place: players find theirs.

mod support;

use support::{Raw, get, soon, start, until};
use tickwire_server::config::{AdminListen, ServerConfig};
use tickwire_shared::game::{Angle, Input, Throttle};
use tickwire_shared::wire::{ClientMessage, CloseReason, ServerMessage};

const PLAYERS: usize = 100;

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let name = format!("tickwire-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn goodbye(raw: &mut Raw) -> (CloseReason, Option<u32>) {
    raw.find(|message| match message {
        ServerMessage::Goodbye {
            reason,
            retry_after_ms,
            ..
        } => Some((reason, retry_after_ms)),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_everybody_is_back_with_id_name_and_score() {
    let folder = Folder::new("restart");
    let settings = |config: &mut ServerConfig| {
        config.rooms.resume_grace = 60;
        config.operations.state_dir = Some(folder.0.clone());
    };
    let first = start(settings);
    let mut players = Vec::new();
    for n in 0..PLAYERS {
        let query = format!("room=r{}&name=b{n}", n % 3);
        let (mut raw, welcome) = Raw::join(first.address(), &query).await;
        let input = Input::new(Angle((n * 37) as u8), Throttle::FULL, None, false);
        let tick = welcome.tick;
        raw.send(&ClientMessage::Input { tick, input }).await;
        players.push((raw, welcome, query));
    }
    let metrics = first.metrics();
    until("a score", || metrics.pickups.get() > 0).await;
    let ending = tokio::task::spawn_blocking(move || first.shut_down());
    let mut left = Vec::new();
    let mut hints = std::collections::BTreeSet::new();
    for (mut raw, welcome, query) in players {
        let mut score = 0;
        // The last score that this player was told before the goodbye.
        loop {
            match raw.next().await {
                support::Seen::Tick(head) => score = head.score,
                support::Seen::Control(ServerMessage::Goodbye {
                    reason,
                    retry_after_ms,
                    ..
                }) => {
                    assert_eq!(reason, CloseReason::ServerShutdown);
                    hints.insert(retry_after_ms.unwrap());
                    break;
                }
                support::Seen::Control(_) => {}
                support::Seen::Closed(why) => panic!("no goodbye before {why:?}"),
            }
        }
        assert_eq!(raw.closed().await.unwrap().0, 1001);
        left.push((welcome, query, score));
    }
    assert!(hints.len() > PLAYERS / 2, "the return is spread: {hints:?}");
    soon("the end of the first server", ending).await.unwrap();

    let second = start(settings);
    for (welcome, query, score) in &left {
        let protocols = format!("tickwire.v1, resume.{}", welcome.ticket);
        let mut raw = Raw::offer(second.address(), query, &protocols)
            .await
            .unwrap();
        let again = raw.welcome().await;
        assert!(again.resumed);
        assert_eq!((again.player, &again.name), (welcome.player, &welcome.name));
        assert!(again.tick > welcome.tick);
        assert!(raw.tick().await.score >= *score, "the score is kept");
    }
    assert_eq!(second.metrics().players.get(), PLAYERS as u64);
    assert_eq!(second.metrics().tickets_refused.get(), 0);
    // The state was taken up once; a third server knows nobody.
    assert!(!folder.0.join("state.json").exists());
}

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready_and_turns_newcomers_away() {
    let folder = Folder::new("drain");
    let token = folder.0.join("token");
    std::fs::write(&token, "a-token-for-this-test\n").unwrap();
    let server = start(|config| {
        config.operations.admin_listen = Some(AdminListen::At(([127, 0, 0, 1], 0).into()));
        config.operations.admin_token_file = Some(token);
    });
    let admin = server.admin_address().unwrap();
    let (mut ann, welcome) = Raw::join(server.address(), "room=a&name=ann").await;
    assert!(get(admin, "/healthz", "").await.contains("200 OK"));
    assert!(get(admin, "/readyz", "").await.contains("200 OK"));
    let metrics = get(admin, "/metrics", "").await;
    assert!(metrics.contains("\ntickwire_players 1\n"), "{metrics}");
    let state = get(admin, "/admin/state", "").await;
    assert!(state.contains("\"name\":\"ann\""), "{state}");
    assert!(get(admin, "/admin", "").await.contains("<title>Tickwire"));
    let rebound = "GET /admin/state HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert!(support::http(admin, rebound).await.contains("403"));

    let post = async |path: &str, headers: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n");
        support::http(admin, &format!("{head}{headers}\r\n")).await
    };
    let kick = format!("/admin/kick?room=a&player={}", welcome.player.unwrap().0);
    assert!(post(&kick, "").await.contains("401"));
    let wrong = "authorization: Bearer another-token-of-length\r\n";
    assert!(post(&kick, wrong).await.contains("401"));
    let right = "authorization: Bearer a-token-for-this-test\r\n";
    assert!(post(&kick, right).await.contains("202"));
    assert_eq!(goodbye(&mut ann).await.0, CloseReason::Kicked);

    let (mut bo, _) = Raw::join(server.address(), "room=a&name=bo").await;
    assert!(post("/admin/drain", right).await.contains("202"));
    soon("the wish to drain", server.drain_wanted()).await;
    server.begin_drain();
    assert!(get(admin, "/healthz", "").await.contains("200 OK"));
    assert!(get(admin, "/readyz", "").await.contains("503"));
    let refused = Raw::offer(server.address(), "room=a", "tickwire.v1").await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(answer)) = refused else {
        panic!("a newcomer came in");
    };
    assert_eq!(answer.status(), 503);
    bo.tick().await;
}
