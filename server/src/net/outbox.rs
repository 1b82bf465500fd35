//! The writing half of a connection: whole WebSocket frames, straight to the socket.
//!
//! Most of the time a frame is taken by the socket at once and nothing is kept. What the socket
//! does not take is kept here, and while something is, no further tick is composed for the
//! session: this is the one composed message that a slow reader costs.

use super::transport::Taken;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tickwire_shared::LocalTime;
use tickwire_shared::wire::CloseReason;
use tokio::io::AsyncWrite;

/// Bytes of small frames (pongs, replies) that are kept behind a message that is not through yet.
/// A client that asks for more while it takes nothing gets no answer.
const EXTRA_BYTES_MAX: usize = 4 * 1_024;

/// Longest header of an unmasked frame.
pub(super) const HEADER_BYTES_MAX: usize = 10;

/// A control frame has 125 bytes at most, and two of them are the code.
const CLOSE_WORDS_BYTES_MAX: usize = 123;

const FINAL_BINARY: u8 = 0x82;
const FINAL_CLOSE: u8 = 0x88;
const FINAL_PING: u8 = 0x89;

/// What the socket has not taken yet.
#[derive(Debug)]
pub(super) struct Outbox {
    kept: Vec<u8>,
    /// How much of `kept` the socket has taken.
    taken: usize,
    /// When the socket last took something, or had everything.
    progress: LocalTime,
    /// Whether the transport holds bytes that the socket has not taken, as TLS may.
    is_unflushed: bool,
    /// After a close frame nothing follows.
    is_closed: bool,
}

impl Outbox {
    pub(super) fn new(now: LocalTime) -> Outbox {
        Outbox {
            kept: Vec::new(),
            taken: 0,
            progress: now,
            is_unflushed: false,
            is_closed: false,
        }
    }

    /// Whether something waits for the socket.
    pub(super) fn is_blocked(&self) -> bool {
        !self.kept.is_empty() || self.is_unflushed
    }

    /// Since when the socket has taken nothing although something waits.
    pub(super) fn stalled_since(&self) -> Option<LocalTime> {
        self.is_blocked().then_some(self.progress)
    }

    /// Writes a whole frame, or keeps what the socket does not take.
    pub(super) fn write<W: AsyncWrite + Taken + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        frame: &[u8],
        now: LocalTime,
    ) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let (was_blocked, before) = (self.is_blocked(), io.taken());
        let mut rest = frame;
        while !self.is_blocked() && !rest.is_empty() {
            match Pin::new(&mut *io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => rest = &rest[count..],
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        self.kept.extend_from_slice(rest);
        if self.kept.is_empty() && !self.is_unflushed {
            self.is_unflushed = Pin::new(&mut *io).poll_flush(cx)?.is_pending();
        }
        // Also when nothing was under way before: from here on the client is waited for.
        if !was_blocked || io.taken() > before {
            self.progress = now;
        }
        Ok(())
    }

    /// Whether a small frame may still be written.
    pub(super) fn has_room(&self) -> bool {
        self.is_closed || !self.is_blocked() || self.kept.len() - self.taken <= EXTRA_BYTES_MAX
    }

    /// Ends the stream of frames with a close frame.
    pub(super) fn close<W: AsyncWrite + Taken + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        (reason, words): (CloseReason, &str),
        now: LocalTime,
    ) -> io::Result<()> {
        let result = self.write(io, cx, &close_frame(reason, words), now);
        self.is_closed = true;
        result
    }

    /// Nothing is written any more.
    pub(super) fn seal(&mut self) {
        self.is_closed = true;
    }

    /// Goes on with what is kept.
    pub(super) fn poll_flush<W: AsyncWrite + Taken + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        now: LocalTime,
    ) -> Poll<io::Result<()>> {
        let before = io.taken();
        let flushed = self.poll_kept(io, cx);
        if io.taken() > before {
            self.progress = now;
        }
        flushed
    }

    fn poll_kept<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.taken < self.kept.len() {
            match ready!(Pin::new(&mut *io).poll_write(cx, &self.kept[self.taken..])) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.taken += count,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // The memory is given back: an idle session keeps none.
        self.kept = Vec::new();
        self.taken = 0;
        let flushed = Pin::new(io).poll_flush(cx);
        self.is_unflushed = flushed.is_pending();
        flushed
    }
}

/// A buffer in which frames are composed one after the other, the header's room in front.
#[derive(Debug)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
}

impl FrameBuffer {
    pub(super) fn new() -> FrameBuffer {
        FrameBuffer {
            bytes: vec![0; HEADER_BYTES_MAX],
        }
    }

    /// Empties the payload and gives the place to append it.
    pub(super) fn start(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(HEADER_BYTES_MAX);
        &mut self.bytes
    }

    /// The payload as one binary frame.
    pub(super) fn frame(&mut self) -> &[u8] {
        let len = self.bytes.len() - HEADER_BYTES_MAX;
        let (header, used) = header(FINAL_BINARY, len);
        let start = HEADER_BYTES_MAX - used;
        self.bytes[start..HEADER_BYTES_MAX].copy_from_slice(&header[..used]);
        &self.bytes[start..]
    }
}

/// An empty ping.
pub(super) const PING_FRAME: [u8; 2] = [FINAL_PING, 0];

/// The words are cut to what a control frame holds.
fn close_frame(reason: CloseReason, words: &str) -> Vec<u8> {
    let words = &words[..words.floor_char_boundary(CLOSE_WORDS_BYTES_MAX)];
    let mut frame = vec![FINAL_CLOSE, words.len() as u8 + 2];
    frame.extend_from_slice(&reason.code().to_be_bytes());
    frame.extend_from_slice(words.as_bytes());
    frame
}

/// A header and how many of its bytes count.
fn header(first: u8, len: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut header = [0; HEADER_BYTES_MAX];
    header[0] = first;
    if len < 126 {
        header[1] = len as u8;
        (header, 2)
    } else if let Ok(len) = u16::try_from(len) {
        header[1] = 126;
        header[2..4].copy_from_slice(&len.to_be_bytes());
        (header, 4)
    } else {
        header[1] = 127;
        header[2..].copy_from_slice(&(len as u64).to_be_bytes());
        (header, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// A socket that takes so many bytes and then none.
    struct Narrow {
        room: usize,
        got: Vec<u8>,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = buf.len().min(self.room);
            if count == 0 {
                return Poll::Pending;
            }
            self.room -= count;
            self.got.extend_from_slice(&buf[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_the_socket_does_not_take_is_kept_in_order_and_nothing_follows_a_close() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut io = Narrow {
            room: 3,
            got: Vec::new(),
        };
        let mut outbox = Outbox::new(LocalTime(0));
        outbox
            .write(&mut io, &mut cx, b"abcde", LocalTime(5))
            .unwrap();
        assert_eq!(outbox.stalled_since(), Some(LocalTime(5)));
        outbox.write(&mut io, &mut cx, b"fg", LocalTime(6)).unwrap();
        outbox
            .close(
                &mut io,
                &mut cx,
                (CloseReason::Left, "you left"),
                LocalTime(7),
            )
            .unwrap();
        outbox.write(&mut io, &mut cx, b"no", LocalTime(8)).unwrap();
        io.room = 2;
        assert!(
            outbox
                .poll_flush(&mut io, &mut cx, LocalTime(9))
                .is_pending()
        );
        assert_eq!(outbox.stalled_since(), Some(LocalTime(9)));
        io.room = 100;
        assert!(outbox.poll_flush(&mut io, &mut cx, LocalTime(9)).is_ready());
        assert_eq!(outbox.stalled_since(), None);
        assert_eq!(io.got, b"abcdefg\x88\x0a\x03\xe8you left");
    }

    impl Taken for Narrow {
        fn taken(&self) -> u64 {
            self.got.len() as u64
        }
    }

    /// As TLS: takes everything into a buffer of its own, and passes on what the socket takes.
    struct Buffering {
        buffered: Vec<u8>,
        socket: Narrow,
    }

    impl AsyncWrite for Buffering {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.buffered.extend_from_slice(buf);
            let _ = self.poll_flush(cx);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let this = &mut *self;
            while !this.buffered.is_empty() {
                let count = ready!(Pin::new(&mut this.socket).poll_write(cx, &this.buffered))?;
                this.buffered.drain(..count);
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Taken for Buffering {
        fn taken(&self) -> u64 {
            self.socket.taken()
        }
    }

    #[test]
    fn what_a_buffer_in_between_takes_is_no_progress_and_what_the_socket_takes_is() {
        let mut cx = Context::from_waker(Waker::noop());
        let socket = Narrow {
            room: 3,
            got: Vec::new(),
        };
        let mut io = Buffering {
            buffered: Vec::new(),
            socket,
        };
        let mut outbox = Outbox::new(LocalTime(0));
        outbox
            .write(&mut io, &mut cx, b"abcde", LocalTime(5))
            .unwrap();
        assert_eq!(outbox.stalled_since(), Some(LocalTime(5)));
        // An answer to a ping goes into the buffer only.
        outbox
            .write(&mut io, &mut cx, b"pong", LocalTime(9))
            .unwrap();
        assert!(
            outbox
                .poll_flush(&mut io, &mut cx, LocalTime(10))
                .is_pending()
        );
        assert_eq!(outbox.stalled_since(), Some(LocalTime(5)));
        io.socket.room = 1;
        assert!(
            outbox
                .poll_flush(&mut io, &mut cx, LocalTime(12))
                .is_pending()
        );
        assert_eq!(outbox.stalled_since(), Some(LocalTime(12)));
        io.socket.room = 100;
        assert!(
            outbox
                .poll_flush(&mut io, &mut cx, LocalTime(13))
                .is_ready()
        );
        assert_eq!(io.socket.got, b"abcdepong");
    }

    #[test]
    fn headers_have_the_shortest_form() {
        for (len, expected) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_535, vec![0x82, 126, 255, 255]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut buffer = FrameBuffer::new();
            buffer.start().resize(HEADER_BYTES_MAX + len, 7);
            let frame = buffer.frame();
            assert_eq!(frame[..expected.len()], expected);
            assert_eq!(frame.len(), expected.len() + len);
        }
    }

    #[test]
    fn every_close_frame_is_a_short_control_frame() {
        for reason in CloseReason::ALL {
            for words in [&*reason.to_string(), "", &"ä".repeat(200)] {
                let frame = close_frame(reason, words);
                assert_eq!(usize::from(frame[1]), frame.len() - 2);
                assert!(frame[1] <= 125);
                let told = std::str::from_utf8(&frame[4..]).unwrap();
                assert!(words.starts_with(told));
            }
        }
    }
}
