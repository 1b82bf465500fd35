//! One connection after its handshake: the socket, what waits for it, and its session.
//!
//! ```text
//! Open -> Closing -> Gone     Closing: Goodbye and close frame are written or wait in the
//!   \----------------^                 outbox; the client's close frame or its end is awaited
//! ```

use super::half::Half;
use super::limits::TokenBucket;
use super::outbox::{FrameBuffer, Outbox, PING_FRAME};
use super::seat::HeldSeat;
use super::transport::Transport;
use crate::clock;
use crate::config::{NetSettings, ServerConfig};
use crate::link::Departure;
use crate::log_limiter::LogLimiter;
use crate::metrics::Metrics;
use crate::room::Broadcast;
use crate::session::{Composed, Received, Session, close_reason};
use futures_util::StreamExt;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tickwire_shared::LocalTime;
use tickwire_shared::wire::{CloseReason, packet};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Messages read in a row before others get their turn.
const READS_PER_TURN: usize = 64;

/// Time for a client to answer a close frame before the connection is cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Time in which a room answers a join. A room that is so far behind that its answer is no longer
/// kept when this side reads it has no place for more.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Close codes of a client that leaves for good: a normal end, a page that is closed. Browsers give
/// no other when a player closes the tab.
const LEAVING_CODES: [u16; 2] = [1000, 1001];

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: RefCell<Transport>,
    pub(super) outbox: RefCell<Outbox>,
    session: RefCell<Session>,
    /// Given up when the session ends, so that the player leaves while the close is under way.
    seat: RefCell<Option<HeldSeat>>,
    /// Whether the client has shown that it received `Welcome`.
    is_confirmed: Cell<bool>,
    stage: Cell<Stage>,
    opened: LocalTime,
    /// When the last byte came from the client.
    heard: Cell<LocalTime>,
    /// Whether a ping has been sent since then.
    is_pinged: Cell<bool>,
    messages: Cell<TokenBucket>,
    bytes: Cell<TokenBucket>,
    /// When the client's token ends.
    expires: Cell<Option<LocalTime>>,
    /// Wakes the task of this connection.
    waker: RefCell<Waker>,
    metrics: Arc<Metrics>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closing { since: LocalTime },
    Gone,
}

/// The WebSocket library's view of a connection.
pub(super) type Socket = WebSocketStream<Half>;

impl Connection {
    pub(super) fn new(
        transport: Transport,
        session: Session,
        seat: Option<HeldSeat>,
        config: &ServerConfig,
        metrics: Arc<Metrics>,
    ) -> Connection {
        let now = clock::now();
        Connection {
            transport: RefCell::new(transport),
            outbox: RefCell::new(Outbox::new(now)),
            session: RefCell::new(session),
            seat: RefCell::new(seat),
            is_confirmed: Cell::new(false),
            stage: Cell::new(Stage::Open),
            opened: now,
            heard: Cell::new(now),
            is_pinged: Cell::new(false),
            messages: Cell::new(TokenBucket::new(
                config.net.messages_burst,
                config.net.messages_per_second,
                now,
            )),
            bytes: Cell::new(TokenBucket::new(
                config.limits.bytes_burst,
                config.limits.bytes_per_second,
                now,
            )),
            expires: Cell::new(None),
            waker: RefCell::new(Waker::noop().clone()),
            metrics,
        }
    }

    /// Reads until the connection is over. This is the connection's own task.
    pub(super) async fn run(self: Rc<Self>, mut socket: Socket) {
        std::future::poll_fn(|cx| self.poll(&mut socket, cx)).await;
        self.leave_room(Departure::Lost);
        self.stage.set(Stage::Gone);
    }

    /// Whether nothing will come of this connection any more.
    pub(super) fn is_gone(&self) -> bool {
        self.stage.get() == Stage::Gone
    }

    /// Sends what the session is due of these broadcasts. Returns the bytes of the frame.
    pub(super) fn send_due(&self, recent: &[Arc<Broadcast>], buffer: &mut FrameBuffer) -> usize {
        if self.stage.get() != Stage::Open || self.outbox.borrow().is_blocked() {
            return 0;
        }
        let composed = self.session.borrow_mut().compose(recent, buffer.start());
        if composed == Composed::Nothing {
            return 0;
        }
        let frame = buffer.frame();
        self.write_or_cut(frame);
        if let Composed::End(reason) = composed {
            self.close(reason, &reason.to_string());
        }
        frame.len()
    }

    /// Says goodbye and closes.
    pub(super) fn end(&self, reason: CloseReason, retry_after_ms: Option<u32>) {
        self.end_in_words(reason, &reason.to_string(), retry_after_ms);
    }

    /// Says goodbye in words that tell more than the reason alone, and closes.
    pub(super) fn end_in_words(
        &self,
        reason: CloseReason,
        words: &str,
        retry_after_ms: Option<u32>,
    ) {
        if self.stage.get() != Stage::Open {
            return;
        }
        let mut buffer = FrameBuffer::new();
        let mut session = self.session.borrow_mut();
        session.put_explained_goodbye(reason, words.to_owned(), retry_after_ms, buffer.start());
        drop(session);
        self.write_or_cut(buffer.frame());
        self.close(reason, words);
    }

    /// Looks after time: called a few times a second.
    pub(super) fn keep_house(&self, now: LocalTime, settings: &NetSettings) {
        match self.stage.get() {
            Stage::Gone => {}
            Stage::Closing { since } => {
                if now.since(since) >= CLOSE_TIMEOUT {
                    self.cut();
                }
            }
            Stage::Open => self.check_liveness(now, settings),
        }
    }

    /// The session ends at this time.
    pub(super) fn expire_at(&self, time: LocalTime) {
        self.expires.set(Some(time));
    }

    /// Counts bytes received, whatever frames they are of: fragments and pings cost a client as
    /// much as messages. `false` if there were too many.
    pub(super) fn note_bytes(&self, count: usize) -> bool {
        let mut bytes = self.bytes.get();
        let is_allowed = bytes.take_many(count as u32, clock::now());
        self.bytes.set(bytes);
        if !is_allowed {
            self.end(CloseReason::RateLimited, None);
        }
        is_allowed
    }

    /// Writes frames, or keeps what the socket does not take.
    pub(super) fn write(&self, cx: &mut Context<'_>, frames: &[u8]) -> io::Result<()> {
        let mut transport = self.transport.borrow_mut();
        let mut outbox = self.outbox.borrow_mut();
        outbox.write(&mut *transport, cx, frames, clock::now())
    }

    fn check_liveness(&self, now: LocalTime, settings: &NetSettings) {
        let silence = now.since(self.heard.get());
        let stalled = self.outbox.borrow().stalled_since();
        let seconds = Duration::from_secs;
        if stalled.is_some_and(|s| now.since(s) >= seconds(settings.no_progress_timeout)) {
            self.metrics.no_progress_closes.increment();
            self.end(CloseReason::NoProgress, None);
        } else if self.expires.get().is_some_and(|at| now >= at) {
            self.end(CloseReason::TokenExpired, None);
        } else if silence >= seconds(settings.heartbeat_timeout) {
            self.metrics.heartbeat_closes.increment();
            self.end(CloseReason::HeartbeatTimeout, None);
        } else if silence >= seconds(settings.heartbeat_interval) && !self.is_pinged.get() {
            self.is_pinged.set(true);
            if self.outbox.borrow().has_room() {
                self.write_or_cut(&PING_FRAME);
            }
        } else if !self.session.borrow().is_playing() && now.since(self.opened) >= JOIN_TIMEOUT {
            self.end(CloseReason::ServerFull, None);
        }
    }

    fn poll(self: &Rc<Self>, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waker.borrow().will_wake(cx.waker()) {
            self.waker.replace(cx.waker().clone());
        }
        let mut is_readable = true;
        for turn in 0.. {
            if self.is_gone() {
                return Poll::Ready(());
            }
            if turn == READS_PER_TURN {
                cx.waker().wake_by_ref();
                break;
            }
            match socket.poll_next_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(message))) => self.receive(&message),
                Poll::Ready(Some(Err(error))) => match violation(&error) {
                    Some(reason) => self.refuse(reason, &error),
                    // This side has ended it, for instance in the middle of a flood.
                    None if self.stage.get() != Stage::Open => {
                        is_readable = false;
                        break;
                    }
                    None => return Poll::Ready(()),
                },
                Poll::Ready(None) => {
                    is_readable = false;
                    break;
                }
            }
        }
        self.poll_out(is_readable, cx)
    }

    /// Flushes, and takes part in the end.
    fn poll_out(&self, is_readable: bool, cx: &mut Context<'_>) -> Poll<()> {
        let mut transport = self.transport.borrow_mut();
        let flushed = self
            .outbox
            .borrow_mut()
            .poll_flush(&mut *transport, cx, clock::now());
        match flushed {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => {}
        }
        if is_readable {
            return Poll::Pending;
        }
        if self.stage.get() == Stage::Open {
            // The client closed, and its answer is written.
            return Poll::Ready(());
        }
        // The client broke the protocol. Cutting now could destroy the close frame on its way, so
        // what still comes is read and thrown away until the client goes or its time is over.
        if Pin::new(&mut *transport).poll_shutdown(cx).is_pending() {
            return Poll::Pending;
        }
        let mut waste = [0; 1_024];
        for _ in 0..READS_PER_TURN {
            let mut buffer = ReadBuf::new(&mut waste);
            match Pin::new(&mut *transport).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&self, message: &Message) {
        let now = clock::now();
        // Whole messages only: a client that sends one byte now and then does not live.
        self.heard.set(now);
        self.is_pinged.set(false);
        let mut messages = self.messages.get();
        let is_allowed = messages.take(now);
        self.messages.set(messages);
        if !is_allowed {
            return self.end(CloseReason::RateLimited, None);
        }
        match message {
            Message::Binary(bytes) if self.stage.get() == Stage::Open => self.receive_binary(bytes),
            Message::Text(_) if self.stage.get() == Stage::Open => {
                self.metrics.protocol_violations.increment();
                tracing::debug!(session = self.session.borrow().key().0, "text frame");
                self.end(CloseReason::TextFrame, None);
            }
            // The library has put its answer to a close into the outbox, if one was due.
            Message::Close(frame) => {
                let is_wanted = frame
                    .as_ref()
                    .is_none_or(|frame| LEAVING_CODES.contains(&frame.code.into()));
                self.leave_room(if is_wanted {
                    Departure::Left
                } else {
                    Departure::Lost
                });
            }
            _ => {}
        }
    }

    fn receive_binary(&self, bytes: &[u8]) {
        let now = clock::now();
        self.metrics.messages_received.increment();
        self.metrics.bytes_received.add(bytes.len() as u64);
        let received = self.session.borrow_mut().receive(bytes, now);
        match received {
            Ok(Received::Nothing) => {}
            Ok(Received::Forward(request)) => {
                let seat = self.seat.borrow();
                let Some(seat) = &*seat else { return };
                // What is forwarded follows from Welcome.
                if !self.is_confirmed.replace(true) {
                    seat.confirm();
                }
                if let Some(room) = seat.room() {
                    room.send(request);
                }
            }
            Ok(Received::Reply(reply)) => {
                if self.outbox.borrow().has_room() {
                    let mut buffer = FrameBuffer::new();
                    packet::put_control(&reply, buffer.start());
                    self.write_or_cut(buffer.frame());
                }
            }
            Ok(Received::Leave) => self.end(CloseReason::Left, None),
            Err(error) => self.refuse(close_reason(&error), &error),
        }
    }

    fn refuse(&self, reason: CloseReason, error: &dyn std::error::Error) {
        static LINES: LogLimiter = LogLimiter::new();
        if let Some(left_out) = LINES.allow(clock::now()) {
            let session = self.session.borrow();
            tracing::info!(
                session = session.key().0,
                room = %session.room().name,
                player = session.player().map(|player| player.0),
                reason = reason.name(),
                %error,
                left_out,
                "client broke a rule"
            );
        }
        self.metrics.protocol_violations.increment();
        self.end(reason, None);
    }

    /// Writes the close frame; the session is over.
    fn close(&self, reason: CloseReason, words: &str) {
        self.metrics.closes.increment(reason.name());
        self.leave_room(departure(reason));
        self.stage.set(Stage::Closing {
            since: clock::now(),
        });
        let mut cx = Context::from_waker(Waker::noop());
        let result = {
            let mut transport = self.transport.borrow_mut();
            let mut outbox = self.outbox.borrow_mut();
            outbox.close(&mut *transport, &mut cx, (reason, words), clock::now())
        };
        if result.is_err() {
            self.cut();
        }
        // The task must see the new stage, and flush.
        self.waker.borrow().wake_by_ref();
    }

    /// Writes from outside the connection's task, which is woken if the socket does not take all.
    fn write_or_cut(&self, frame: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        match self.write(&mut cx, frame) {
            Ok(()) if !self.outbox.borrow().is_blocked() => {}
            Ok(()) => self.waker.borrow().wake_by_ref(),
            Err(_) => self.cut(),
        }
    }

    fn cut(&self) {
        self.outbox.borrow_mut().seal();
        self.stage.set(Stage::Gone);
        self.leave_room(Departure::Lost);
        self.waker.borrow().wake_by_ref();
    }

    fn leave_room(&self, departure: Departure) {
        if let Some(seat) = self.seat.borrow_mut().take() {
            seat.depart(departure);
        }
    }
}

/// Whether the player of a session that ends for this reason waits for its return. Those that were
/// removed or broke a rule do not.
fn departure(reason: CloseReason) -> Departure {
    match reason {
        CloseReason::ServerShutdown
        | CloseReason::InternalError
        | CloseReason::HeartbeatTimeout
        | CloseReason::NoProgress
        | CloseReason::RateLimited
        | CloseReason::TokenExpired => Departure::Lost,
        _ => Departure::Left,
    }
}

/// The reason to close with after an error of the WebSocket library; `None` if the connection is
/// simply lost.
fn violation(error: &Error) -> Option<CloseReason> {
    match error {
        Error::Capacity(_) => Some(CloseReason::MessageTooLarge),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => None,
        Error::Protocol(_) => Some(CloseReason::ProtocolViolation),
        Error::Utf8(_) => Some(CloseReason::TextFrame),
        _ => None,
    }
}
