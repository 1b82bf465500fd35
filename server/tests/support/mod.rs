//! A server on a free port and a client without any netcode, for the socket tests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Duration;
use tickwire_server::config::{AdminListen, ServerConfig};
use tickwire_server::net::Server;
use tickwire_shared::game::Arena;
use tickwire_shared::wire::{
    Block, ClientMessage, PacketReader, ServerMessage, TickHead, TickReader, Welcome,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longer than anything takes on a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration for one test: a free port, few threads, everything else as usual.
pub fn config() -> ServerConfig {
    let mut config = ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..ServerConfig::default()
    };
    config.rooms.workers = Some(1);
    config.net.network_threads = Some(1);
    config.operations.admin_listen = Some(AdminListen::Off);
    // Whoever is lost is gone, unless a test is about coming back.
    config.rooms.resume_grace = 0;
    config
}

pub fn start(change: impl FnOnce(&mut ServerConfig)) -> Server {
    let mut config = config();
    change(&mut config);
    Server::start(config).expect("the server starts")
}

/// Fails a test that would hang.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// What the server sent.
#[derive(Debug)]
pub enum Seen {
    Control(ServerMessage),
    Tick(TickHead),
    /// Code and words of a close frame; `None` for a connection that ended without one.
    Closed(Option<(u16, String)>),
}

/// A client that decodes and remembers little.
pub struct Raw {
    pub socket: WebSocketStream<TcpStream>,
    ticks: Option<TickReader>,
    seen: std::collections::VecDeque<Seen>,
}

impl Raw {
    /// Completes the handshake.
    pub async fn connect(address: SocketAddr, query: &str) -> Raw {
        Raw::offer(address, query, "tickwire.v1").await.unwrap()
    }

    /// Completes the handshake with this offer of sub-protocols.
    pub async fn offer(address: SocketAddr, query: &str, protocols: &str) -> Result<Raw, Error> {
        let stream = TcpStream::connect(address).await?;
        Raw::over(stream, address, query, protocols).await
    }

    pub async fn over(
        stream: TcpStream,
        address: SocketAddr,
        query: &str,
        protocols: &str,
    ) -> Result<Raw, Error> {
        let mut request = format!("ws://{address}/ws?{query}").into_client_request()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocols.parse().unwrap());
        Raw::handshake(request, stream).await
    }

    /// Completes the handshake with this request.
    pub async fn handshake(request: Request<()>, stream: TcpStream) -> Result<Raw, Error> {
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Raw {
            socket,
            ticks: None,
            seen: std::collections::VecDeque::new(),
        })
    }

    /// Connects and waits for `Welcome`.
    pub async fn join(address: SocketAddr, query: &str) -> (Raw, Welcome) {
        let mut raw = Raw::connect(address, query).await;
        let welcome = raw.welcome().await;
        (raw, welcome)
    }

    pub async fn welcome(&mut self) -> Welcome {
        match self.next().await {
            Seen::Control(ServerMessage::Welcome(welcome)) => *welcome,
            other => panic!("not a welcome: {other:?}"),
        }
    }

    /// The next thing the server says.
    pub async fn next(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            match soon("a message", self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => self.read(&bytes),
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|f| (f.code.into(), f.reason.to_string()));
                    return Seen::Closed(frame);
                }
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Seen::Closed(None),
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut packet = PacketReader::new(bytes).unwrap();
        loop {
            let is_first = self.ticks.is_none();
            match packet.next_block(self.ticks.as_mut()).unwrap() {
                Some(Block::Control(message)) => {
                    if let (true, ServerMessage::Welcome(welcome)) = (is_first, &message) {
                        let arena = Arena::new(welcome.arena.clone()).unwrap();
                        self.ticks = Some(TickReader::new(arena.grid()));
                    }
                    self.seen.push_back(Seen::Control(message));
                }
                Some(Block::Tick(view)) => self.seen.push_back(Seen::Tick(view.head)),
                None => return,
            }
        }
    }

    /// The next control message that `wanted` makes something of.
    pub async fn find<T>(&mut self, mut wanted: impl FnMut(ServerMessage) -> Option<T>) -> T {
        loop {
            match self.next().await {
                Seen::Control(message) => {
                    if let Some(found) = wanted(message) {
                        return found;
                    }
                }
                Seen::Tick(_) => {}
                Seen::Closed(why) => panic!("closed with {why:?}"),
            }
        }
    }

    /// The next tick's head.
    pub async fn tick(&mut self) -> TickHead {
        loop {
            match self.next().await {
                Seen::Tick(head) => return head,
                Seen::Control(_) => {}
                Seen::Closed(why) => panic!("closed with {why:?}"),
            }
        }
    }

    /// Reads on until the connection is closed.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let Seen::Closed(why) = self.next().await {
                return why;
            }
        }
    }

    pub async fn send(&mut self, message: &ClientMessage) {
        self.send_raw(Message::binary(message.encode())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }
}

/// Sends these bytes and reads the answer's head and what follows until it pauses or ends.
pub async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(PATIENCE, read).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A plain GET that asks the server to close afterwards.
pub async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    http(address, &request).await
}
