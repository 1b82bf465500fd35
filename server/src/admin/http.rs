//! The requests of operators.

use super::{Panel, prometheus};
use crate::room::RoomRequest;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tickwire_shared::PlayerId;
use tickwire_shared::wire::CloseReason;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once. A scraper and a few browsers need a handful.
const CONNECTIONS_MAX: usize = 32;

/// Time for a request's head, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to rest when no connection can be accepted.
const NAP: Duration = Duration::from_millis(100);

/// The page's own script and style, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const PAGE: &str = include_str!("page.html");

type Answer = Response<Full<Bytes>>;

pub(super) async fn accept(listener: TcpListener, panel: Arc<Panel>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(NAP).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let panel = panel.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&panel, &request);
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            // A broken connection of a scraper is its own business.
            let _ = connection.await;
            drop(place);
        });
    }
}

fn answer(panel: &Panel, request: &Request<Incoming>) -> Answer {
    let path = request.uri().path();
    match (request.method(), path) {
        (&Method::GET, "/healthz") => plain(StatusCode::OK, "ok\n"),
        (&Method::GET, "/readyz") if panel.lifecycle.is_draining() => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        (&Method::GET, "/readyz") => plain(StatusCode::OK, "ready\n"),
        (&Method::GET, "/metrics") => {
            let is_draining = panel.lifecycle.is_draining();
            let text = prometheus::render(&panel.metrics, &panel.directory, is_draining);
            typed(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                text,
            )
        }
        (_, path) if path.starts_with("/admin") => administer(panel, request, path),
        _ => plain(StatusCode::NOT_FOUND, "/healthz /readyz /metrics /admin\n"),
    }
}

fn administer(panel: &Panel, request: &Request<Incoming>, path: &str) -> Answer {
    // A page elsewhere whose name resolves to this machine must not read or steer this one.
    if !is_local_name(request) {
        return plain(StatusCode::FORBIDDEN, "use the address, not a name\n");
    }
    match (request.method(), path) {
        (&Method::GET, "/admin" | "/admin/") => {
            let mut answer = typed(StatusCode::OK, "text/html; charset=utf-8", PAGE);
            let policy = HeaderValue::from_static(POLICY);
            answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            answer
        }
        (&Method::GET, "/admin/state") => {
            typed(StatusCode::OK, "application/json", state(panel).to_string())
        }
        (&Method::POST, "/admin/kick" | "/admin/drain") => match check_token(panel, request) {
            Err(answer) => *answer,
            Ok(()) if path == "/admin/drain" => {
                panel.lifecycle.want_drain();
                tracing::info!("an operator asked for a drain");
                plain(StatusCode::ACCEPTED, "draining\n")
            }
            Ok(()) => kick(panel, request.uri().query().unwrap_or_default()),
        },
        _ => plain(
            StatusCode::NOT_FOUND,
            "GET /admin, POST /admin/kick, POST /admin/drain\n",
        ),
    }
}

fn kick(panel: &Panel, query: &str) -> Answer {
    let (mut room, mut player) = (None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "room" => room = Some(value.into_owned()),
            "player" => player = value.parse().ok().map(PlayerId),
            _ => {}
        }
    }
    let (Some(room), Some(player)) = (room, player) else {
        return plain(StatusCode::BAD_REQUEST, "room=NAME&player=ID are needed\n");
    };
    let reason = CloseReason::Kicked;
    let request = RoomRequest::KickPlayer { player, reason };
    if panel.directory.send(&room, request) {
        tracing::info!(%room, %player, "an operator removed a player");
        plain(StatusCode::ACCEPTED, "told\n")
    } else {
        plain(StatusCode::NOT_FOUND, "no such room\n")
    }
}

/// Rooms and players, and what the page plots.
fn state(panel: &Panel) -> serde_json::Value {
    let mut recent = Vec::new();
    let rooms = panel.directory.rooms().into_iter().map(|room| {
        room.feed.copy_into(&mut recent);
        let newest = recent.last();
        let players: Vec<_> = newest
            .map(|broadcast| {
                let entries = broadcast.roster().entries().iter();
                let row = |(id, name): &(PlayerId, Arc<str>)| {
                    let row = broadcast.player(*id);
                    serde_json::json!({"id": id.0, "name": &**name, "score": row.score})
                };
                entries.map(row).collect()
            })
            .unwrap_or_default();
        serde_json::json!({
            "name": room.info.name,
            "tick": newest.map(|broadcast| broadcast.tick().0),
            "tick_rate": room.info.world.tick_rate.hz(),
            "sessions": room.attached(),
            "players": players,
        })
    });
    let rooms: Vec<_> = rooms.collect();
    let (counts, sum) = panel.metrics.tick_seconds.snapshot();
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "draining": panel.lifecycle.is_draining(),
        "connections": panel.metrics.connections.get(),
        "ticks": counts.iter().sum::<u64>(),
        "tick_seconds": sum.as_secs_f64(),
        "bytes_sent": panel.metrics.bytes_sent.get(),
        "can_change": panel.token.is_some(),
        "rooms": rooms,
    })
}

fn check_token(panel: &Panel, request: &Request<Incoming>) -> Result<(), Box<Answer>> {
    let Some(expected) = &panel.token else {
        let words = "start the server with --admin-token-file to allow changes\n";
        return Err(Box::new(plain(StatusCode::FORBIDDEN, words)));
    };
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    // Hashes are compared, so that the time taken tells nothing about the token.
    let hash = |text: &str| Sha256::digest(text.trim().as_bytes());
    if shown.is_some_and(|shown| hash(shown) == hash(expected)) {
        Ok(())
    } else {
        let words = "Authorization: Bearer TOKEN is needed\n";
        Err(Box::new(plain(StatusCode::UNAUTHORIZED, words)))
    }
}

fn is_local_name(request: &Request<Incoming>) -> bool {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok()
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    typed(status, "text/plain; charset=utf-8", text)
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
