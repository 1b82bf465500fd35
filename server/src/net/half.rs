//! The connection as the WebSocket library sees it: it reads from the socket, and what it wants to
//! write by itself (pongs, the answer to a close) goes to the outbox as whole frames, so that it
//! never comes between the bytes of a tick.

use super::connection::Connection;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module.
#[derive(Debug)]
pub(super) struct Half(pub(super) Rc<Connection>);

impl AsyncRead for Half {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut *self.0.transport.borrow_mut()).poll_read(cx, buf);
        let received = buf.filled().len() - before;
        if received > 0 && !self.0.note_bytes(received) {
            // To the library this is the end of what the client sends.
            buf.set_filled(before);
        }
        poll
    }
}

impl AsyncWrite for Half {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.0.outbox.borrow().has_room() {
            // The library keeps one pong at most; the connection's task comes back here after it
            // has flushed.
            return Poll::Pending;
        }
        Poll::Ready(self.0.write(cx, buf).map(|()| buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
