//! What a connection's bytes go through.

use crate::config::NetSettings;
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Transport {
    /// Straight TCP.
    Plain(Metered),
    /// TLS over TCP.
    Tls(Box<TlsStream<Metered>>),
}

/// A socket that counts what it takes. TLS has a buffer of its own, and what lies there has not
/// got anywhere.
#[derive(Debug)]
pub(super) struct Metered {
    stream: TcpStream,
    taken: u64,
}

/// Knows how many bytes its socket has taken so far.
pub(super) trait Taken {
    /// Bytes since the start.
    fn taken(&self) -> u64;
}

impl Metered {
    pub(super) fn new(stream: TcpStream) -> Metered {
        Metered { stream, taken: 0 }
    }
}

impl Taken for Transport {
    fn taken(&self) -> u64 {
        match self {
            Transport::Plain(socket) => socket.taken,
            Transport::Tls(stream) => stream.get_ref().0.taken,
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &written {
            this.taken += *count as u64;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Calls a method of whichever stream it is.
macro_rules! delegate {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl Transport {
    /// Sets what a game needs of a socket.
    pub(super) fn configure(stream: &TcpStream, settings: &NetSettings) -> io::Result<()> {
        // A tick must leave at once, not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        socket.set_send_buffer_size(settings.send_buffer)?;
        // A peer that acknowledges nothing for so long is gone, whatever the retransmissions say.
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(Duration::from_secs(settings.heartbeat_timeout)))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_notsent_lowat(settings.notsent_lowat)?;
        Ok(())
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self.poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.poll_shutdown(cx))
    }
}
