//! `wss://` against a TLS server: who is believed, and what a player reads when nobody is.

use futures_util::StreamExt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tickwire_netcode::socket::{AsyncDriver, ConnectOptions, Trust, now};
use tickwire_netcode::{Client, ClientConfig, Event, SessionState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};

/// Longer than anything takes on a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// An authority and a certificate that it has signed.
struct Pair {
    authority: String,
    config: Arc<ServerConfig>,
}

fn pair(names: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Pair {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Pair {
        authority: authority_certificate.pem(),
        config: Arc::new(config),
    }
}

/// What a server saw of a client.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    alpn: Option<Vec<u8>>,
    protocols: String,
    path: String,
}

/// Accepts one client after the other and tells who came.
async fn tls_server(config: Arc<ServerConfig>) -> (SocketAddr, mpsc::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = TlsAcceptor::from(config.clone()).accept(stream).await else {
                continue;
            };
            let state = stream.get_ref().1;
            let mut seen = Seen {
                name: state.server_name().map(str::to_owned),
                alpn: state.alpn_protocol().map(<[u8]>::to_vec),
                protocols: String::new(),
                path: String::new(),
            };
            let look = Look(&mut seen);
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, look)
                .await
                .unwrap();
            sender.send(seen).await.unwrap();
            tokio::spawn(async move { while socket.next().await.is_some() {} });
        }
    });
    (address, receiver)
}

struct Look<'a>(&'a mut Seen);

impl Callback for Look<'_> {
    fn on_request(
        self,
        request: &Request,
        mut answer: Response,
    ) -> Result<Response, ErrorResponse> {
        let offered = &request.headers()["sec-websocket-protocol"];
        self.0.protocols.push_str(offered.to_str().unwrap());
        self.0.path = request.uri().to_string();
        let chosen = "tickwire.v1".parse().unwrap();
        answer
            .headers_mut()
            .insert("sec-websocket-protocol", chosen);
        Ok(answer)
    }
}

struct CaFile(PathBuf);

impl CaFile {
    fn new(test: &str, pem: &str) -> CaFile {
        let name = format!("tickwire-{test}-{}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, pem).unwrap();
        CaFile(path)
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Trusts this authority only, whose file is gone by the time of the connection.
fn trusting(test: &str, pem: &str) -> Trust {
    Trust::from_file(&CaFile::new(test, pem).0).unwrap()
}

fn options(url: String, trust: Trust) -> ConnectOptions {
    ConnectOptions {
        url,
        trust,
        token: Some("abc".to_owned()),
        ..ConnectOptions::default()
    }
}

/// Connects once: `None` if the handshake went through, else what the player is told.
async fn attempt(options: ConnectOptions) -> Option<String> {
    options.validate().unwrap();
    let mut driver = AsyncDriver::new(options);
    let mut client = Client::new(ClientConfig::default(), now());
    let end = now() + PATIENCE;
    while now() < end {
        driver.run_once(&mut client, end).await;
        while let Some(event) = client.poll_event() {
            match event {
                Event::Lost { message, .. } | Event::Ended { message, .. } => return Some(message),
                _ => {}
            }
        }
        if *client.session() == SessionState::Joining {
            return None;
        }
    }
    panic!("neither connected nor lost");
}

#[tokio::test]
async fn a_server_is_believed_by_its_authority_and_asked_for_by_name() {
    let pair = pair(&["localhost", "127.0.0.1"], |_| {});
    let (address, mut seen) = tls_server(pair.config).await;
    let trust = trusting("believed", &pair.authority);
    let url = format!("wss://localhost:{}/play", address.port());
    let named = ConnectOptions {
        // The name alone might lead to ::1.
        via: Some(address),
        ..options(url, trust.clone())
    };
    assert_eq!(attempt(named).await, None);
    let expected = Seen {
        name: Some("localhost".to_owned()),
        alpn: Some(b"http/1.1".to_vec()),
        protocols: "tickwire.v1, bearer.abc".to_owned(),
        path: "/play".to_owned(),
    };
    assert_eq!(seen.recv().await.unwrap(), expected);
    let numbered = options(format!("wss://{address}"), trust);
    assert_eq!(attempt(numbered).await, None);
    // Addresses are no names to TLS.
    assert_eq!(seen.recv().await.unwrap().name, None);
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_refused_in_words() {
    let other = pair(&["localhost"], |_| {});
    let good = pair(&["localhost"], |_| {});
    let misnamed = pair(&["play.example.org"], |_| {});
    let expired = pair(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let early = pair(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2500, 1, 1);
        params.not_after = rcgen::date_time_ymd(2501, 1, 1);
    });
    for (test, pair, authority, words) in [
        (
            "stranger",
            &good,
            &other.authority,
            "name the file with --ca",
        ),
        (
            "misnamed",
            &misnamed,
            &misnamed.authority,
            "is for play.example.org and not for localhost",
        ),
        ("expired", &expired, &expired.authority, "expired"),
        ("early", &early, &early.authority, "clock is wrong"),
    ] {
        let (address, _seen) = tls_server(pair.config.clone()).await;
        let url = format!("wss://localhost:{}", address.port());
        let mut options = options(url, trusting(test, authority));
        options.via = Some(address);
        let told = attempt(options).await.expect("refused");
        assert!(
            told.contains(words) && told.contains("not trusted"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn the_machines_own_store_does_not_know_a_private_authority() {
    let pair = pair(&["127.0.0.1"], |_| {});
    let (address, _seen) = tls_server(pair.config).await;
    let options = options(format!("wss://{address}"), Trust::default());
    // A machine without any store says so at once, which is as good.
    if let Err(error) = options.validate() {
        assert!(error.to_string().contains("ca-certificates"), "{error}");
        return;
    }
    let told = attempt(options).await.expect("refused");
    assert!(told.contains("not known here"), "{told}");
}

/// Answers every connection with these bytes and hangs up.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1_024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn ws_and_wss_mixed_up_are_told_apart() {
    let pair = pair(&["127.0.0.1"], |_| {});
    let trust = trusting("mixed", &pair.authority);
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let plain = answering(answer).await;
        let told = attempt(options(format!("wss://{plain}"), trust.clone())).await;
        let told = told.expect("no TLS");
        assert!(told.contains("does not answer in TLS"), "{told}");
        assert!(told.contains("ws://"), "{told}");
    }
    let (secure, _seen) = tls_server(pair.config).await;
    let told = attempt(options(format!("ws://{secure}"), trust)).await;
    let told = told.expect("no HTTP");
    assert!(told.contains("wss://"), "{told}");
}
