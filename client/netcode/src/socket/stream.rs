//! The bytes under the WebSocket: TCP, and TLS where the address asks for it.

use super::address::{ConnectOptions, Target};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects as the options say. The error is for players.
pub(super) async fn open(options: &ConnectOptions, target: &Target) -> Result<Stream, String> {
    let authority = &target.authority;
    let connected = match options.via {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(authority).await,
    };
    let tcp = connected.map_err(|error| format!("cannot reach {authority}: {error}"))?;
    tcp.set_nodelay(true).map_err(|error| error.to_string())?;
    let Some(name) = &target.tls_name else {
        return Ok(Stream::Plain(tcp));
    };
    let config = options.trust.config().map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(config);
    match connector.connect(name.clone(), tcp).await {
        Ok(tls) => Ok(Stream::Tls(Box::new(tls))),
        Err(error) => Err(in_words(&error, authority)),
    }
}

/// What went wrong with TLS and what one can do about it.
fn in_words(error: &io::Error, authority: &str) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(Error::InvalidCertificate(error)) => {
            format!(
                "the server at {authority} is not trusted: {}",
                certificate_in_words(error)
            )
        }
        Some(Error::InvalidMessage(_)) => no_tls(authority),
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion)) => {
            format!("the server at {authority} speaks only outdated versions of TLS")
        }
        Some(error) => format!("no secure connection to {authority}: {error}"),
        // The server hung up at the first bytes of TLS: it expected something else, or it refuses
        // this machine.
        None if error.kind() == io::ErrorKind::UnexpectedEof => no_tls(authority),
        None => format!("no secure connection to {authority}: {error}"),
    }
}

fn no_tls(authority: &str) -> String {
    format!(
        "the server at {authority} does not answer in TLS; perhaps its address begins with ws://"
    )
}

fn certificate_in_words(error: &CertificateError) -> String {
    match error {
        // The second is a namesake of a known authority, such as another development one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate comes from an authority that is not known here. If its operator gave \
             you the authority's certificate, name the file with --ca"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<String> = presented.iter().map(|name| plain_name(name)).collect();
            let names = match names.as_slice() {
                [] => "nobody by name".to_owned(),
                names => names.join(", "),
            };
            format!(
                "its certificate is for {names} and not for {}",
                expected.to_str()
            )
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate expired {} ago, or this machine's clock is wrong",
            between(*not_after, *time)
        ),
        CertificateError::Expired => {
            "its certificate has expired, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is valid in {} only, or this machine's clock is wrong",
            between(*time, *not_before)
        ),
        error => format!("its certificate is not accepted: {error}"),
    }
}

/// The library writes names as `DnsName("example.org")`.
fn plain_name(name: &str) -> String {
    let quoted = name.split_once('(').and_then(|(_, rest)| {
        let inner = rest.strip_suffix(')')?;
        Some(inner.trim_matches('"').to_owned())
    });
    quoted.unwrap_or_else(|| name.to_owned())
}

fn between(earlier: UnixTime, later: UnixTime) -> String {
    let seconds = later.as_secs().saturating_sub(earlier.as_secs());
    let (count, unit) = match Duration::from_secs(seconds).as_secs() {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_own_unit() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for (seconds, words) in [
            (1, "1 second"),
            (119, "119 seconds"),
            (3_600, "60 minutes"),
            (86_400, "24 hours"),
            (259_200, "3 days"),
        ] {
            assert_eq!(between(at(1_000), at(1_000 + seconds)), words);
        }
        assert_eq!(between(at(10), at(5)), "0 seconds");
    }

    #[test]
    fn names_lose_the_librarys_wrapping() {
        assert_eq!(plain_name("DnsName(\"a.example\")"), "a.example");
        assert_eq!(plain_name("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(plain_name("a.example"), "a.example");
    }
}
