//! What must hold before a request becomes a session: a list of steps, in order.
//!
//! What a program can read is refused by HTTP with a JSON reason. What a player at a browser must
//! be able to read is accepted and then closed with a reason, because a browser shows a page
//! nothing of a refused handshake.

use crate::security::names::room_name;
use crate::session::Format;
use hyper::header::{
    CONNECTION, HeaderMap, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Method, Request, StatusCode};
use std::borrow::Cow;
use tickwire_shared::wire::{CloseReason, PLAIN_SUBPROTOCOL, SUBPROTOCOL};

/// The room of those who name none.
const DEFAULT_ROOM: &str = "lobby";

/// What precedes a resume ticket among the sub-protocols.
const TICKET_PREFIX: &str = "resume.";

/// What all versions of this protocol begin with.
const PROTOCOL_PREFIX: &str = "tickwire.";

/// Bytes that are repeated of a version that is not spoken here. So the whole sentence fits a close
/// frame.
const REPEATED_VERSION_BYTES: usize = 17;

/// A handshake that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The sub-protocol to answer with.
    pub(super) protocol: String,
    /// The key to answer to.
    pub(super) key: String,
    pub(super) room: String,
    pub(super) name: String,
    pub(super) spectator: bool,
    /// A resume ticket that was offered as a sub-protocol.
    pub(super) ticket: Option<String>,
    /// Set if the session is to be told this right after the upgrade.
    pub(super) told: Option<Told>,
}

/// A refusal inside: told right after the upgrade, because browsers show a page nothing of a
/// refused handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) reason: CloseReason,
    /// What it is counted as.
    pub(super) counter: &'static str,
    /// For people: the rule, and what to do.
    pub(super) words: String,
}

impl Told {
    pub(super) fn new(reason: CloseReason, words: String) -> Told {
        Told {
            reason,
            counter: reason.name(),
            words,
        }
    }
}

impl Accepted {
    /// How the session's ticks are written.
    pub(super) fn format(&self) -> Format {
        if self.protocol == PLAIN_SUBPROTOCOL {
            Format::Plain
        } else {
            Format::Cells
        }
    }
}

/// A handshake that ends in an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// A stable word for programs.
    pub(super) error: &'static str,
    /// For people.
    pub(super) message: Cow<'static, str>,
}

/// Goes through the steps.
pub(super) fn check<B>(request: &Request<B>) -> Result<Accepted, Refusal> {
    let headers = request.headers();
    check_method(request.method())?;
    check_upgrade(headers)?;
    check_version(headers)?;
    let key = check_key(headers)?;
    let (protocol, mut told) = choose_protocol(headers)?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    if let (None, Err(error)) = (&told, room_name(&query.room)) {
        told = Some(Told::new(CloseReason::BadName, error.to_string()));
    }
    Ok(Accepted {
        protocol,
        key,
        room: query.room,
        name: query.name,
        spectator: query.spectator,
        ticket: offered_with_prefix(headers, TICKET_PREFIX),
        told,
    })
}

fn check_method(method: &Method) -> Result<(), Refusal> {
    if method == Method::GET {
        Ok(())
    } else {
        Err(refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "a WebSocket handshake is a GET request",
        ))
    }
}

fn check_upgrade(headers: &HeaderMap) -> Result<(), Refusal> {
    if has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade") {
        Ok(())
    } else {
        Err(refusal(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "this address speaks WebSocket; the page to play is at `/`",
        ))
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    if text(headers, SEC_WEBSOCKET_VERSION) == "13" {
        Ok(())
    } else {
        Err(refusal(
            StatusCode::UPGRADE_REQUIRED,
            "unsupported_websocket_version",
            "WebSocket version 13 is needed",
        ))
    }
}

fn check_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let key = text(headers, SEC_WEBSOCKET_KEY);
    // Sixteen bytes in base64.
    if key.len() == 24 && key.ends_with("==") {
        Ok(key.to_owned())
    } else {
        Err(refusal(
            StatusCode::BAD_REQUEST,
            "bad_websocket_key",
            "Sec-WebSocket-Key must be 16 bytes in base64",
        ))
    }
}

/// The sub-protocols that the client offers: versions of the protocol, and what browsers can send
/// in no other way.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

pub(super) fn offered_with_prefix(headers: &HeaderMap, prefix: &str) -> Option<String> {
    offered(headers)
        .find_map(|protocol| protocol.strip_prefix(prefix))
        .map(str::to_owned)
}

/// The sub-protocol to speak. A client of another version of this protocol is accepted in its own,
/// to be told so in a close frame that even a browser shows.
fn choose_protocol(headers: &HeaderMap) -> Result<(String, Option<Told>), Refusal> {
    if offered(headers).any(|protocol| protocol == SUBPROTOCOL) {
        return Ok((SUBPROTOCOL.to_owned(), None));
    }
    if offered(headers).any(|protocol| protocol == PLAIN_SUBPROTOCOL) {
        return Ok((PLAIN_SUBPROTOCOL.to_owned(), None));
    }
    if let Some(other) = offered(headers).find(|protocol| protocol.starts_with(PROTOCOL_PREFIX)) {
        // A header's text is ASCII.
        let asked = other.get(..REPEATED_VERSION_BYTES).unwrap_or(other);
        let words = format!(
            "this server speaks {SUBPROTOCOL} and {PLAIN_SUBPROTOCOL}; you asked for {asked}: \
             update the client or reload the page"
        );
        let told = Told::new(CloseReason::UnsupportedVersion, words);
        return Ok((other.to_owned(), Some(told)));
    }
    Err(refusal(
        StatusCode::BAD_REQUEST,
        CloseReason::UnsupportedVersion.name(),
        format!("Sec-WebSocket-Protocol must offer `{SUBPROTOCOL}` or `{PLAIN_SUBPROTOCOL}`"),
    ))
}

struct Query {
    room: String,
    name: String,
    spectator: bool,
}

impl Query {
    fn parse(query: &str) -> Query {
        let mut parsed = Query {
            room: DEFAULT_ROOM.to_owned(),
            name: String::new(),
            spectator: false,
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "room" if !value.is_empty() => parsed.room = value.into_owned(),
                "name" => parsed.name = value.into_owned(),
                "spectate" => parsed.spectator = matches!(&*value, "1" | "true" | ""),
                _ => {}
            }
        }
        parsed
    }
}

fn refusal(
    status: StatusCode,
    error: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Refusal {
    Refusal {
        status,
        error,
        message: message.into(),
    }
}

fn text(headers: &HeaderMap, name: hyper::header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .trim()
}

fn has_token(headers: &HeaderMap, name: hyper::header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, change: &[(&str, &str)]) -> Request<()> {
        let mut headers = vec![
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "tickwire.v1, bearer.x"),
        ];
        headers.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
        headers.extend(change);
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_good_handshake_is_understood() {
        let accepted = check(&request("/ws?room=a-1&name=J%C3%B6+x&spectate=1&z=9", &[])).unwrap();
        assert_eq!((&*accepted.room, &*accepted.name), ("a-1", "Jö x"));
        assert!(accepted.spectator && accepted.told.is_none());
        assert_eq!(accepted.protocol, SUBPROTOCOL);
        assert_eq!(check(&request("/ws", &[])).unwrap().room, "lobby");
    }

    #[test]
    fn each_step_refuses_with_its_own_word() {
        for (name, value, error) in [
            ("upgrade", "h2c", "upgrade_required"),
            ("connection", "close", "upgrade_required"),
            (
                "sec-websocket-version",
                "8",
                "unsupported_websocket_version",
            ),
            ("sec-websocket-key", "short", "bad_websocket_key"),
            ("sec-websocket-protocol", "chat", "unsupported_version"),
        ] {
            let refusal = check(&request("/ws", &[(name, value)])).unwrap_err();
            assert_eq!(refusal.error, error);
            assert!(refusal.status.is_client_error());
        }
    }

    #[test]
    fn what_a_player_must_read_is_accepted_and_then_closed() {
        let told = |uri: &str, change: &[(&str, &str)]| {
            let told = check(&request(uri, change)).unwrap().told.unwrap();
            assert_eq!(told.counter, told.reason.name());
            (told.reason, told.words)
        };
        for uri in [
            "/ws?room=a%20b",
            "/ws?room=%3Cb%3E",
            &format!("/ws?room={}", "x".repeat(33)),
        ] {
            let rule = "a room's name has 1 to 32 letters, digits, - _ .";
            assert_eq!(told(uri, &[]), (CloseReason::BadName, rule.to_owned()));
        }
        assert!(
            check(&request("/ws?room=Room_1-b.c", &[]))
                .unwrap()
                .told
                .is_none()
        );
    }

    #[test]
    fn another_version_is_told_both_versions_and_what_to_do() {
        for offer in [
            "tickwire.v9",
            "tickwire.plain.v9",
            &format!("tickwire.{}", "9".repeat(99)),
        ] {
            let accepted = check(&request("/ws", &[("sec-websocket-protocol", offer)])).unwrap();
            assert_eq!(accepted.protocol, offer);
            let told = accepted.told.unwrap();
            assert_eq!(told.reason, CloseReason::UnsupportedVersion);
            for part in [
                "tickwire.v1 ",
                "tickwire.plain.v1;",
                &offer[..11],
                "update the client",
            ] {
                assert!(told.words.contains(part), "{}", told.words);
            }
            assert!(told.words.len() <= 123, "fits a close frame");
        }
    }
}
