//! The web client, embedded into the program (read from disk in development builds).

use super::http::Answer;
use super::server::Shared;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

#[derive(RustEmbed)]
#[folder = "../client/web"]
#[exclude = "tests/*"]
#[exclude = "*.test.js"]
#[exclude = "package*.json"]
#[exclude = "node_modules/*"]
struct WebClient;

/// What the page shares with the Rust crates: the look of the game, the odds of the cell frames.
#[derive(RustEmbed)]
#[folder = "../assets"]
#[include = "palette.json"]
#[include = "model.*.txt"]
struct Assets;

/// Scripts, styles and sockets of this origin only; nothing else at all.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Files below this stay as they are: a header would outweigh the gain.
const GZIP_BYTES_MIN: usize = 512;

/// Compressed files by the hash of what they are made from. Bounded by the number of embedded
/// files, which do not change while a release build runs.
static COMPRESSED: Mutex<BTreeMap<[u8; 32], Bytes>> = Mutex::new(BTreeMap::new());

/// The answer to a request for a page, if there is one at this path.
pub(super) fn page(path: &str, request: &HeaderMap, shared: &Shared) -> Option<Answer> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let file = match name.strip_prefix("assets/") {
        Some(name) => Assets::get(name),
        None => WebClient::get(name),
    };
    let Some(file) = file else {
        return (name == "index.html").then(|| landing(shared));
    };
    let hash = file.metadata.sha256_hash();
    let etag = format!("\"{}\"", hex(&hash[..16]));
    let is_known = request
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim().ends_with(&etag)));
    let mut answer = Response::new(Full::default());
    let headers = answer.headers_mut();
    harden(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    // Always asked for again, and then answered from the tag: a new server means a new client.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(answer);
    }
    let is_text = !matches!(content_type(name), "image/png" | "font/woff2");
    let plain = Bytes::from(file.data.into_owned());
    if is_text && plain.len() >= GZIP_BYTES_MIN && accepts_gzip(request) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *answer.body_mut() = Full::new(compressed(hash, &plain));
    } else {
        *answer.body_mut() = Full::new(plain);
    }
    Some(answer)
}

/// The headers that every answer carries.
pub(super) fn harden(headers: &mut HeaderMap) {
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(CONTENT_SECURITY_POLICY, fixed(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    headers.insert(opener, fixed("same-origin"));
}

/// What is shown at `/` when the program holds no web client.
fn landing(shared: &Shared) -> Answer {
    let metrics = &shared.metrics;
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tickwire</title>\
         <h1>Tickwire {}</h1><p>The server runs. The game speaks WebSocket at <code>ws</code> \
         beside this page.</p><p>{} players in {} rooms.</p></html>",
        env!("CARGO_PKG_VERSION"),
        metrics.players.get(),
        metrics.rooms.get(),
    );
    let mut answer = Response::new(Full::from(body));
    let headers = answer.headers_mut();
    harden(headers);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(content_type("x.html")),
    );
    answer
}

fn compressed(hash: [u8; 32], plain: &[u8]) -> Bytes {
    let mut cache = COMPRESSED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(bytes) = cache.get(&hash) {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let bytes = match encoder.write_all(plain).and_then(|()| encoder.finish()) {
        Ok(bytes) => Bytes::from(bytes),
        // Writing to memory does not fail.
        Err(_) => Bytes::new(),
    };
    if cfg!(not(debug_assertions)) {
        cache.insert(hash, bytes.clone());
    }
    bytes
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next() == Some("gzip") && !parts.any(|part| part == "q=0")
            })
        })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
