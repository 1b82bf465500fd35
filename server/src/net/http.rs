//! HTTP on a fresh connection: the pages, and the way to an upgrade.

use super::door::{Caller, Guest};
use super::handshake::{self, Accepted, Refusal};
use super::pages;
use super::shard::Shard;
use super::transport::Transport;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Bytes of a request's head. Cookies and tokens fit; more is not for this server.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

pub(super) type Answer = Response<Full<Bytes>>;

/// A handshake that was answered with 101, with the way to the bytes after it.
type Upgrade = (hyper::upgrade::OnUpgrade, (Accepted, Guest));

/// Serves requests until the connection ends or becomes a session, and then that.
pub(super) async fn serve(shard: Rc<Shard>, transport: Transport, caller: Caller) {
    let deadline = Duration::from_secs(shard.shared.config.net.handshake_timeout);
    let upgrade: RefCell<Option<Upgrade>> = RefCell::default();
    let caller = RefCell::new(caller);
    let service = service_fn(|request| {
        let answer = answer(&shard, request, &caller, &upgrade);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadline)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(transport), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        if error.is_timeout() {
            shard.shared.metrics.refusals.increment("handshake_timeout");
        }
        tracing::debug!(%error, "connection ended before a session");
    }
    let Some((upgrade, accepted)) = upgrade.take() else {
        return;
    };
    if let Ok(upgraded) = upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<Transport>>()
    {
        caller.borrow_mut().permit.established();
        let transport = parts.io.into_inner();
        shard
            .join(transport, parts.read_buf.to_vec(), accepted)
            .await;
    }
}

fn answer(
    shard: &Shard,
    mut request: Request<Incoming>,
    caller: &RefCell<Caller>,
    upgrade: &RefCell<Option<Upgrade>>,
) -> Answer {
    let config = &shard.shared.config;
    let base = config.base_path.trim_end_matches('/');
    let path = request.uri().path();
    let Some(path) = path.strip_prefix(base).filter(|path| path.starts_with('/')) else {
        return not_found();
    };
    if path != "/ws" {
        return match *request.method() {
            Method::GET | Method::HEAD => {
                pages::page(path, request.headers(), &shard.shared).unwrap_or_else(not_found)
            }
            _ => {
                let mut answer = not_found();
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let allow = HeaderValue::from_static("GET, HEAD");
                answer.headers_mut().insert(ALLOW, allow);
                answer
            }
        };
    }
    let checked = handshake::check(&request).and_then(|mut accepted| {
        let caller = &mut caller.borrow_mut();
        let shared = &shard.shared;
        let is_draining = shared.lifecycle.is_draining();
        let headers = request.headers();
        let guest = shared
            .door
            .check(headers, caller, &mut accepted, is_draining)?;
        Ok((accepted, guest))
    });
    match checked {
        Ok(checked) => {
            let answer = switching(&checked.0);
            *upgrade.borrow_mut() = Some((hyper::upgrade::on(&mut request), checked));
            answer
        }
        Err(refusal) => {
            shard.shared.metrics.handshakes_refused.increment();
            shard.shared.metrics.refusals.increment(refusal.error);
            tracing::debug!(error = refusal.error, "handshake refused");
            refused(&refusal)
        }
    }
}

fn switching(accepted: &Accepted) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = derive_accept_key(accepted.key.as_bytes());
    // Both come from characters that a header may hold.
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Ok(protocol) = HeaderValue::from_str(&accepted.protocol) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    answer
}

fn refused(refusal: &Refusal) -> Answer {
    let mut answer = json(refusal.status, refusal.error, &refusal.message);
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        let wait = HeaderValue::from_static("1");
        answer.headers_mut().insert(RETRY_AFTER, wait);
    }
    if refusal.status == StatusCode::UPGRADE_REQUIRED {
        let headers = answer.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    answer
}

fn not_found() -> Answer {
    json(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing here; the page is at `/`, the game at `/ws`",
    )
}

/// An error that programs and people can read.
fn json(status: StatusCode, error: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "error": error, "message": message }).to_string();
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    pages::harden(headers);
    answer
}
