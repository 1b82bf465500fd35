//! Where to connect and as whom.

use super::trust::Trust;
use std::fmt::Write;
use std::net::SocketAddr;
use tickwire_shared::wire::SUBPROTOCOL;
use tokio_rustls::rustls::pki_types::ServerName;

/// Where to connect and as whom.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// `ws://HOST[:PORT][/PATH]`, or `wss://` for TLS. The path is `/ws` if there is none, the port
    /// 80 or 443.
    pub url: String,
    /// The room; created on demand. Empty means the server's default.
    pub room: String,
    /// The wished name. Empty lets the server choose.
    pub name: String,
    /// Watch instead of play.
    pub spectator: bool,
    /// Offered as the sub-protocol `bearer.TOKEN`.
    pub token: Option<String>,
    /// Who is believed about the server's certificate, for `wss://`.
    pub trust: Trust,
    /// Connect to this address instead of the one that the host's name has: a tunnel or a proxy
    /// on the way. The server is still asked for, and verified, by the name in the address.
    pub via: Option<SocketAddr>,
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
    /// Whom the certificate must name; `None` without TLS.
    pub(super) tls_name: Option<ServerName<'static>>,
    /// The whole URI with its query, for the upgrade.
    pub(super) uri: String,
}

impl ConnectOptions {
    /// Checks the address, and for `wss://` that somebody is believed, so that a typing error is
    /// told at once and not as a lost connection.
    pub fn validate(&self) -> Result<(), AddressError> {
        let target = self.target()?;
        if target.tls_name.is_some() {
            self.trust
                .config()
                .map_err(|error| self.error(&error.to_string()))?;
        }
        Ok(())
    }

    /// `HOST:PORT` of the server.
    pub fn authority(&self) -> Result<String, AddressError> {
        self.target().map(|target| target.authority)
    }

    pub(super) fn target(&self) -> Result<Target, AddressError> {
        let expected = || self.error("expected ws://HOST[:PORT][/PATH], or wss:// for TLS");
        let (is_secure, rest) = match self.url.split_once("://") {
            Some(("ws", rest)) => (false, rest),
            Some(("wss", rest)) => (true, rest),
            _ => return Err(self.error("the address must begin with ws:// or wss://")),
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = host_and_port(authority).ok_or_else(expected)?;
        if path.contains(['?', '#']) {
            return Err(expected());
        }
        let tls_name = if is_secure {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(bare.to_owned());
            Some(name.map_err(|_| self.error(&format!("`{bare}` is not a host's name")))?)
        } else {
            None
        };
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        let path = if path.is_empty() || path == "/" {
            "/ws"
        } else {
            path
        };
        let scheme = if is_secure { "wss" } else { "ws" };
        Ok(Target {
            authority: format!("{host}:{port}"),
            tls_name,
            uri: format!("{scheme}://{authority}{path}{}", self.query()),
        })
    }

    fn query(&self) -> String {
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
        format!("{mark}{}", query.join("&"))
    }

    fn error(&self, why: &str) -> AddressError {
        AddressError(format!("cannot connect to `{}`: {why}", self.url))
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

/// The host, with its brackets if it is an IPv6 address, and the port if there is one.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = match authority.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    if host.is_empty() || host.contains('@') {
        return None;
    }
    match rest.strip_prefix(':') {
        Some(port) => port.parse().ok().map(|port| (host, Some(port))),
        None => rest.is_empty().then_some((host, None)),
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
            ..ConnectOptions::default()
        }
    }

    #[test]
    fn an_address_gets_its_port_path_and_query() {
        let target = options("ws://example.org").target().unwrap();
        assert_eq!(target.authority, "example.org:80");
        assert_eq!(target.tls_name, None);
        let uri = "ws://example.org/ws?room=a%20b%26c&name=Zo%C3%AB&spectate=1";
        assert_eq!(target.uri, uri);
        let target = options("ws://[::1]:8080/game").target().unwrap();
        assert_eq!(target.authority, "[::1]:8080");
        assert!(target.uri.starts_with("ws://[::1]:8080/game?room="));
    }

    #[test]
    fn a_secure_address_gets_its_port_and_the_name_to_verify() {
        for (url, authority, name) in [
            ("wss://example.org", "example.org:443", "example.org"),
            ("wss://localhost:8443/ws", "localhost:8443", "localhost"),
            ("wss://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1"),
            ("wss://[::1]/", "[::1]:443", "::1"),
        ] {
            let target = options(url).target().unwrap();
            assert_eq!(target.authority, authority);
            assert_eq!(target.tls_name.unwrap().to_str(), name);
            assert!(target.uri.starts_with("wss://"), "{}", target.uri);
        }
        assert!(options("wss://a b").target().is_err());
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        for url in [
            "",
            "http://x",
            "ws:/x",
            "wss:x",
            "ws://",
            "wss://",
            "ws://x/?a=b",
            "ws://u@x",
            "ws://x:",
            "ws://x:70000",
            "ws://[::1",
            "ws://[::1]8080",
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
