//! Where to connect and as whom.

use std::fmt::Write;
use tickwire_shared::wire::SUBPROTOCOL;

/// Where to connect and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// `ws://HOST[:PORT][/PATH]`; the path is `/ws` if there is none.
    pub url: String,
    /// The room; created on demand. Empty means the server's default.
    pub room: String,
    /// The wished name. Empty lets the server choose.
    pub name: String,
    /// Watch instead of play.
    pub spectator: bool,
    /// Offered as the sub-protocol `bearer.TOKEN`.
    pub token: Option<String>,
}

/// The address is not one this client can connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl std::fmt::Display for AddressError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `host:port`, for the TCP connection.
    pub(super) authority: String,
    /// The whole URI with its query, for the upgrade.
    pub(super) uri: String,
}

impl ConnectOptions {
    /// Checks the address, so that a typing error is told at once and not as a lost connection.
    pub fn validate(&self) -> Result<(), AddressError> {
        self.target().map(|_| ())
    }

    pub(super) fn target(&self) -> Result<Target, AddressError> {
        let error = |why: &str| AddressError(format!("cannot connect to `{}`: {why}", self.url));
        let Some(rest) = self.url.strip_prefix("ws://") else {
            let why = if self.url.starts_with("wss://") {
                "this client speaks ws:// only; let a proxy end TLS"
            } else {
                "the address must begin with ws://"
            };
            return Err(error(why));
        };
        let (host, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if host.is_empty() || host.contains('@') || path.contains(['?', '#']) {
            return Err(error("expected ws://HOST[:PORT][/PATH]"));
        }
        let path = if path.is_empty() || path == "/" {
            "/ws"
        } else {
            path
        };
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        let mut query = Vec::new();
        if !self.room.is_empty() {
            query.push(format!("room={}", percent_encode(&self.room)));
        }
        if !self.name.is_empty() {
            query.push(format!("name={}", percent_encode(&self.name)));
        }
        if self.spectator {
            query.push("spectate=1".to_owned());
        }
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Target {
            authority: format!("{host}{port}"),
            uri: format!("ws://{host}{path}{mark}{}", query.join("&")),
        })
    }

    /// The value of `Sec-WebSocket-Protocol`.
    pub(super) fn protocols(&self, resume_ticket: Option<&str>) -> String {
        let mut protocols = SUBPROTOCOL.to_owned();
        if let Some(token) = &self.token {
            let _ = write!(protocols, ", bearer.{token}");
        }
        if let Some(ticket) = resume_ticket {
            let _ = write!(protocols, ", resume.{ticket}");
        }
        protocols
    }
}

fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> ConnectOptions {
        ConnectOptions {
            url: url.into(),
            room: "a b&c".into(),
            name: "Zoë".into(),
            spectator: true,
            token: Some("abc.def".into()),
        }
    }

    #[test]
    fn an_address_gets_its_port_path_and_query() {
        let target = options("ws://example.org").target().unwrap();
        assert_eq!(target.authority, "example.org:80");
        let uri = "ws://example.org/ws?room=a%20b%26c&name=Zo%C3%AB&spectate=1";
        assert_eq!(target.uri, uri);
        let target = options("ws://[::1]:8080/game").target().unwrap();
        assert_eq!(target.authority, "[::1]:8080");
        assert!(target.uri.starts_with("ws://[::1]:8080/game?room="));
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        for url in [
            "",
            "http://x",
            "wss://x",
            "ws://",
            "ws://x/?a=b",
            "ws://u@x",
        ] {
            let error = options(url).validate().unwrap_err().to_string();
            assert!(error.contains("ws://"), "{error}");
        }
    }

    #[test]
    fn token_and_ticket_ride_as_sub_protocols() {
        let protocols = options("ws://x").protocols(Some("t1"));
        assert_eq!(protocols, "tickwire.v1, bearer.abc.def, resume.t1");
    }
}
