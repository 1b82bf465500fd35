//! Which web pages may open a socket: the defence against cross-site WebSocket hijacking.
//!
//! Browsers send `Origin` with every WebSocket handshake and do not let a page forge it. Programs
//! that are no browsers send none and are no threat of this kind: there is no visitor whose
//! cookies or network position a page could abuse. So: no origin passes, the page's own server
//! passes, others pass if the operator lists them.

use std::fmt;
use std::str::FromStr;

/// What is known about the address that the browser used to reach this server.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'a> {
    /// The `Host` header.
    pub host: Option<&'a str>,
    /// Whether the browser spoke TLS: `Some(true)` over our own TLS or if a trusted proxy says so,
    /// `None` if a proxy that we know nothing of may stand in between.
    pub secure: Option<bool>,
}

/// The origins that pass besides the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginPolicy {
    allowed: Vec<OriginPattern>,
}

/// A pattern: `*`, `https://host`, `https://host:port` or `https://*.host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    text: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Any,
    Exact(Origin),
    /// Any host with at least one label before this suffix, which starts with a dot.
    Below(Origin),
}

/// Scheme, host and port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

/// Why an origin was refused, or a pattern could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// A page that is not listed.
    #[error("pages of the origin {0:?} may not connect here")]
    NotAllowed(String),
    /// Neither `http://` nor `https://`, or something after the port.
    #[error("{0:?} is not an origin: expected http://HOST[:PORT] or https://HOST[:PORT]")]
    Malformed(String),
}

impl OriginPolicy {
    /// The server's own origin and these.
    pub fn new(allowed: Vec<OriginPattern>) -> OriginPolicy {
        OriginPolicy { allowed }
    }

    /// Checks the `Origin` header of a handshake.
    pub fn check(&self, origin: Option<&str>, reached: Reached<'_>) -> Result<(), OriginError> {
        let Some(text) = origin else { return Ok(()) };
        let refused = || OriginError::NotAllowed(shorten(text));
        if self.allowed.iter().any(|pattern| pattern.form == Form::Any) {
            return Ok(());
        }
        // `null` (sandboxed frames, files) is an origin that anybody can take on.
        let origin: Origin = text.parse().map_err(|_| refused())?;
        let listed = self.allowed.iter().any(|pattern| pattern.matches(&origin));
        if listed || is_own(&origin, reached) {
            Ok(())
        } else {
            Err(refused())
        }
    }
}

/// Whether the page came from the server that it now connects to.
fn is_own(origin: &Origin, reached: Reached<'_>) -> bool {
    if reached.secure.is_some_and(|secure| secure != origin.secure) {
        return false;
    }
    let scheme = if origin.secure { "https" } else { "http" };
    let own = reached
        .host
        .map(|host| format!("{scheme}://{host}").parse());
    own == Some(Ok(origin.clone()))
}

impl OriginPattern {
    fn matches(&self, origin: &Origin) -> bool {
        match &self.form {
            Form::Any => true,
            Form::Exact(exact) => exact == origin,
            Form::Below(below) => {
                below.secure == origin.secure
                    && below.port == origin.port
                    && origin.host.len() > below.host.len()
                    && origin.host.ends_with(&below.host)
            }
        }
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<OriginPattern, OriginError> {
        let form = if text == "*" {
            Form::Any
        } else if let Some((scheme, rest)) = text.split_once("://*.") {
            let mut origin: Origin = format!("{scheme}://{rest}").parse()?;
            origin.host.insert(0, '.');
            Form::Below(origin)
        } else {
            Form::Exact(text.parse()?)
        };
        Ok(OriginPattern {
            text: text.to_owned(),
            form,
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Origin, OriginError> {
        let malformed = || OriginError::Malformed(shorten(text));
        let lower = text.to_ascii_lowercase();
        let (secure, authority) = if let Some(rest) = lower.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = lower.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err(malformed());
        };
        // The colon of a port lies behind the bracket of an IPv6 address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| malformed())?)
            }
            _ => (authority, if secure { 443 } else { 80 }),
        };
        let ipv6 = host.starts_with('[') && host.ends_with(']');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let address = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
        let legal = host
            .bytes()
            .all(|b| if ipv6 { address(b) } else { plain(b) });
        if host.is_empty() || !legal {
            return Err(malformed());
        }
        Ok(Origin {
            secure,
            host: host.to_owned(),
            port,
        })
    }
}

/// A header value that a stranger wrote, short enough for a log line.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(patterns: &[&str]) -> OriginPolicy {
        OriginPolicy::new(patterns.iter().map(|p| p.parse().unwrap()).collect())
    }

    fn passes(policy: &OriginPolicy, origin: &str, host: &str, secure: Option<bool>) -> bool {
        let host = Some(host);
        policy.check(Some(origin), Reached { host, secure }).is_ok()
    }

    #[test]
    fn no_origin_and_the_own_origin_pass() {
        let none = policy(&[]);
        let reached = Reached {
            host: Some("play.example:8080"),
            secure: None,
        };
        assert_eq!(none.check(None, reached), Ok(()));
        for (origin, host, secure, expected) in [
            ("http://play.example:8080", "play.example:8080", None, true),
            ("http://PLAY.example", "play.example:80", None, true),
            ("https://play.example", "play.example", Some(true), true),
            // A proxy that ends TLS and says nothing about it.
            ("https://play.example", "play.example", None, true),
            ("http://[::1]:8080", "[::1]:8080", None, true),
            // A page fetched in the clear must not reach into the encrypted site.
            ("http://play.example", "play.example", Some(true), false),
            ("http://play.example:8081", "play.example:8080", None, false),
            ("http://evil.example", "play.example", None, false),
            (
                "http://play.example.evil.example",
                "play.example",
                None,
                false,
            ),
            (
                "http://play.example@evil.example",
                "play.example@evil.example",
                None,
                false,
            ),
            ("null", "null", None, false),
            ("", "", None, false),
            ("file://", "", None, false),
            ("http://", "", None, false),
        ] {
            assert_eq!(
                passes(&none, origin, host, secure),
                expected,
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn listed_origins_pass_and_stars_stand_for_whole_labels() {
        let listed = policy(&["https://game.example", "https://*.cdn.example:8443"]);
        for (origin, expected) in [
            ("https://game.example", true),
            ("https://game.example:443", true),
            ("http://game.example", false),
            ("https://game.example:444", false),
            ("https://a.cdn.example:8443", true),
            ("https://a.b.cdn.example:8443", true),
            ("https://cdn.example:8443", false),
            ("https://evilcdn.example:8443", false),
            ("https://a.cdn.example", false),
        ] {
            assert_eq!(passes(&listed, origin, "own", None), expected, "{origin}");
        }
        assert!(passes(&policy(&["*"]), "null", "own", None));
    }

    #[test]
    fn a_pattern_that_is_no_origin_is_an_error_in_words() {
        for text in [
            "example.org",
            "https://",
            "https://a/b",
            "ws://a",
            "https://a:b",
            "https://*",
        ] {
            let error = text.parse::<OriginPattern>().unwrap_err();
            assert!(error.to_string().contains("https://HOST[:PORT]"), "{error}");
        }
    }
}
