//! HTTP on a fresh connection: the pages, and the way to an upgrade.

use super::door::{Caller, Guest};
use super::handshake::{self, Accepted, Refusal};
use super::pages;
use super::server::Shared;
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
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Bytes of a request's head. Cookies and tokens fit; more is not for this server.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

pub(super) type Answer = Response<Full<Bytes>>;

/// A handshake that was answered with 101, with the way to the bytes after it.
type Upgrade = (hyper::upgrade::OnUpgrade, (Accepted, Guest));

/// A connection that serves pages ends after so many handshake deadlines in any case, whatever is
/// asked for and however slowly it is taken: after a minute by default.
const PAGE_LIFE_IN_DEADLINES: u32 = 6;

/// A connection before it is a session.
struct Visit<'a> {
    shard: &'a Shard,
    caller: RefCell<Caller>,
    upgrade: RefCell<Option<Upgrade>>,
    /// Whether a request was answered by something else than an upgrade.
    is_served: Cell<bool>,
}

/// The deadline of what begins now: from the connection to the first request that is complete, TLS
/// included.
pub(super) fn deadline(shared: &Shared) -> Instant {
    Instant::now() + handshake_time(shared)
}

fn handshake_time(shared: &Shared) -> Duration {
    Duration::from_secs(shared.config.net.handshake_timeout)
}

/// Serves requests until the connection ends or becomes a session, and then that.
pub(super) async fn serve(
    shard: Rc<Shard>,
    transport: Transport,
    caller: Caller,
    deadline: Instant,
) {
    let shared = shard.shared.clone();
    let visit = Visit {
        shard: &shard,
        caller: RefCell::new(caller),
        upgrade: RefCell::default(),
        is_served: Cell::new(false),
    };
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(visit.answer(request))));
    let life = handshake_time(&shared);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // Runs anew for each request, and while nothing is asked for.
        .header_read_timeout(life)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(transport), service)
        .with_upgrades();
    let ended = {
        let connection = std::pin::pin!(connection);
        let is_served = || visit.is_served.get();
        let limit = async {
            tokio::time::sleep_until(deadline).await;
            if is_served() {
                tokio::time::sleep(life * (PAGE_LIFE_IN_DEADLINES - 1)).await;
            }
        };
        tokio::select! {
            ended = connection => Some(ended),
            () = limit => None,
        }
    };
    let is_late = match &ended {
        None => true,
        Some(Err(error)) => error.is_timeout(),
        Some(Ok(())) => false,
    };
    // A browser that has its page and leaves the connection open is nobody to count.
    if is_late && !visit.is_served.get() {
        shared.metrics.refusals.increment("handshake_timeout");
    }
    let Visit {
        caller, upgrade, ..
    } = visit;
    let Some((upgrade, accepted)) = upgrade.into_inner() else {
        return;
    };
    if let Ok(upgraded) = upgrade.await
        && let Ok(parts) = upgraded.downcast::<TokioIo<Transport>>()
    {
        let mut caller = caller.into_inner();
        caller.permit.established();
        let transport = parts.io.into_inner();
        shard
            .join(transport, parts.read_buf.to_vec(), accepted)
            .await;
    }
}

impl Visit<'_> {
    fn answer(&self, request: Request<Incoming>) -> Answer {
        let shared = &self.shard.shared;
        let base = shared.config.base_path.trim_end_matches('/');
        let path = request.uri().path();
        let path = path.strip_prefix(base).filter(|path| path.starts_with('/'));
        if path == Some("/ws") {
            return self.shake_hands(request);
        }
        self.is_served.set(true);
        // No handshake is under way here; if one follows, it is a short one.
        self.caller.borrow_mut().permit.established();
        let Some(path) = path else {
            return not_found();
        };
        match *request.method() {
            Method::GET | Method::HEAD => {
                pages::page(path, request.headers(), shared).unwrap_or_else(not_found)
            }
            _ => {
                let mut answer = not_found();
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let allow = HeaderValue::from_static("GET, HEAD");
                answer.headers_mut().insert(ALLOW, allow);
                answer
            }
        }
    }

    fn shake_hands(&self, mut request: Request<Incoming>) -> Answer {
        let shared = &self.shard.shared;
        let refusals = &shared.metrics.refusals;
        let checked = handshake::check(&request).and_then(|mut accepted| {
            let caller = &mut self.caller.borrow_mut();
            let is_draining = shared.lifecycle.is_draining();
            let headers = request.headers();
            let guest = shared
                .door
                .check(headers, caller, &mut accepted, is_draining)?;
            Ok((accepted, guest))
        });
        match checked {
            Ok(checked) => {
                if let Some(told) = &checked.0.told {
                    refusals.increment(told.counter);
                }
                let answer = switching(&checked.0);
                *self.upgrade.borrow_mut() = Some((hyper::upgrade::on(&mut request), checked));
                answer
            }
            Err(refusal) => {
                shared.metrics.handshakes_refused.increment();
                refusals.increment(refusal.error);
                tracing::debug!(error = refusal.error, "handshake refused");
                refused(&refusal)
            }
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

/// Ends the connection as well: who is refused comes back through all the limits on connections.
fn refused(refusal: &Refusal) -> Answer {
    let mut answer = json(refusal.status, refusal.error, &refusal.message);
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        let wait = HeaderValue::from_static("1");
        answer.headers_mut().insert(RETRY_AFTER, wait);
    }
    if refusal.status == StatusCode::UPGRADE_REQUIRED {
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close, upgrade"));
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
