//! One WebSocket connection, or none: what executes a client's transmits.

use super::address::ConnectOptions;
use super::stream::{self, Stream};
use crate::{Disconnect, Transmit};
use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tickwire_shared::limits::SERVER_PACKET_BYTES_MAX;
use tickwire_shared::wire::CloseReason;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// tungstenite zero-fills this many bytes on every read attempt; its default of 128 KiB would
/// cost a thousand bots more than everything else.
const READ_BUFFER_BYTES: usize = 4 * 1_024;
/// Bytes waiting to be written; a client writes a few hundred per second.
const WRITE_BUFFER_BYTES_MAX: usize = 64 * 1_024;
/// A write that makes no progress for so long means that the connection is dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long a close frame may take to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

type Socket = WebSocketStream<Stream>;
type Dialling = Pin<Box<dyn Future<Output = Result<Socket, Disconnect>> + Send>>;

/// What happens on a link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Connected,
    Message(Bytes),
    Disconnected(Disconnect),
}

pub(super) struct Link {
    options: ConnectOptions,
    state: State,
}

enum State {
    Idle,
    Dialling(Dialling),
    Open(Box<Socket>),
}

impl Link {
    pub(super) fn new(options: ConnectOptions) -> Link {
        Link {
            options,
            state: State::Idle,
        }
    }

    /// Does what the client asked for. A connection is made in [`Link::event`].
    pub(super) async fn execute(&mut self, transmit: Transmit) -> Result<(), Disconnect> {
        match transmit {
            Transmit::Connect { resume_ticket } => {
                let options = self.options.clone();
                self.state = State::Dialling(Box::pin(dial(options, resume_ticket)));
            }
            Transmit::Send(bytes) => {
                if let State::Open(socket) = &mut self.state {
                    let sent = timeout(WRITE_TIMEOUT, socket.send(Message::binary(bytes)));
                    let failure = match sent.await {
                        // The reason of a close is read, not written.
                        Ok(Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                            return Ok(());
                        }
                        Ok(Err(error)) => error.to_string(),
                        Err(_) => "the connection takes no data".to_owned(),
                    };
                    self.state = State::Idle;
                    return Err(Disconnect::Lost { message: failure });
                }
            }
            Transmit::Close { code, reason } => {
                if let State::Open(mut socket) = std::mem::replace(&mut self.state, State::Idle) {
                    let frame = CloseFrame {
                        code: CloseCode::from(code),
                        reason: shortened(&reason).into(),
                    };
                    let _ = timeout(CLOSE_TIMEOUT, socket.close(Some(frame))).await;
                }
            }
        }
        Ok(())
    }

    /// The next thing that happens; never, while there is no connection. May be dropped and
    /// called again.
    pub(super) async fn event(&mut self) -> LinkEvent {
        let event = match &mut self.state {
            State::Idle => std::future::pending().await,
            State::Dialling(dialling) => match dialling.await {
                Ok(socket) => {
                    self.state = State::Open(Box::new(socket));
                    return LinkEvent::Connected;
                }
                Err(disconnect) => LinkEvent::Disconnected(disconnect),
            },
            State::Open(socket) => read(socket).await,
        };
        if let LinkEvent::Disconnected(_) = &event {
            self.state = State::Idle;
        }
        event
    }
}

async fn read(socket: &mut Socket) -> LinkEvent {
    loop {
        let lost = |message: String| LinkEvent::Disconnected(Disconnect::Lost { message });
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => return LinkEvent::Message(bytes),
            Some(Ok(Message::Close(frame))) => {
                // The answer is queued; let it leave.
                let _ = timeout(CLOSE_TIMEOUT, socket.flush()).await;
                return LinkEvent::Disconnected(match frame {
                    Some(frame) => Disconnect::Closed {
                        code: frame.code.into(),
                        reason: frame.reason.as_str().to_owned(),
                    },
                    None => Disconnect::Closed {
                        code: 1005,
                        reason: String::new(),
                    },
                });
            }
            Some(Ok(Message::Text(_))) => {
                return lost("the server sent text, which no Tickwire server does".into());
            }
            // Pings are answered by tungstenite.
            Some(Ok(_)) => {}
            Some(Err(error)) => return lost(format!("the connection broke: {error}")),
            None => return lost("the connection ended".into()),
        }
    }
}

async fn dial(
    options: ConnectOptions,
    resume_ticket: Option<String>,
) -> Result<Socket, Disconnect> {
    let lost = |message: String| Disconnect::Lost { message };
    let target = options.target().map_err(|error| lost(error.to_string()))?;
    let stream = stream::open(&options, &target).await.map_err(lost)?;
    let mut request = target
        .uri
        .into_client_request()
        .map_err(|error| lost(error.to_string()))?;
    let protocols = options.protocols(resume_ticket.as_deref());
    let protocols = HeaderValue::from_str(&protocols)
        .map_err(|_| lost("the token has characters that no header can carry".into()))?;
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, protocols);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(SERVER_PACKET_BYTES_MAX))
        .max_frame_size(Some(SERVER_PACKET_BYTES_MAX));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let status = response.status().as_u16();
            Err(refusal(status, response.body().as_deref().unwrap_or(&[])))
        }
        Err(Error::Protocol(
            ProtocolError::HttparseError(_) | ProtocolError::HandshakeIncomplete,
        )) if target.tls_name.is_none() => Err(lost(format!(
            "the server at {} does not answer in HTTP; perhaps its address begins with wss://",
            target.authority
        ))),
        Err(error) => Err(lost(format!("the handshake failed: {error}"))),
    }
}

/// The body of an HTTP error, as far as it can be understood.
fn refusal(status: u16, body: &[u8]) -> Disconnect {
    #[derive(serde::Deserialize)]
    struct Body {
        error: String,
        message: String,
    }
    let (reason, message) = match serde_json::from_slice::<Body>(body) {
        Ok(body) => {
            let reason = CloseReason::ALL
                .into_iter()
                .find(|reason| reason.name() == body.error);
            (reason, body.message)
        }
        Err(_) => (None, "no reason given".to_owned()),
    };
    Disconnect::Refused {
        status,
        reason,
        message,
    }
}

/// The words of a close frame have at most 123 bytes.
fn shortened(reason: &str) -> String {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_reason_of_its_body() {
        let body = br#"{"error":"room_full","message":"the room is full"}"#;
        let refused = refusal(503, body);
        assert_eq!(refused.reason(), Some(CloseReason::RoomFull));
        let words = "the server refused with HTTP 503: the room is full";
        assert_eq!(refused.to_string(), words);
        assert_eq!(refusal(502, b"<html>").reason(), None);
    }

    #[test]
    fn the_words_of_a_close_frame_are_cut_at_a_character() {
        assert_eq!(shortened(&"é".repeat(100)).len(), 122);
    }
}
