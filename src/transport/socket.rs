//! UNIX, TCP and TLS streams behind one type.
//!
//! What a runtime is asked to watch is only what somebody waits for: input, always; room for output,
//! while a socket is full. A UNIX socket that is watched for output wakes the thread each time its
//! peer has read something, which nearly nobody wants to know.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};

use super::room::RoomWatch;
#[cfg(test)]
use super::simulated;
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::watch::watch;

/// A connected stream that does not block. It belongs to no runtime.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    /// Boxed: a session is larger than everything else that a connection has.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
    #[cfg(test)]
    Simulated(simulated::Near),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(stream) => stream.as_raw_fd(),
            Self::Tcp(stream) => stream.as_raw_fd(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.as_raw_fd(),
            #[cfg(test)]
            Self::Simulated(_) => unreachable!("what has no descriptor is not watched"),
        }
    }
}

impl Socket {
    /// Takes a UNIX stream from its runtime.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn unix(stream: tokio::net::UnixStream) -> io::Result<Self> {
        stream.into_std().map(Self::Unix)
    }

    /// Takes a TCP stream from its runtime. Frames leave in batches already; Nagle's algorithm would
    /// only delay them.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn tcp(stream: tokio::net::TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.into_std().map(Self::Tcp)
    }

    /// Takes a TCP stream from its runtime, to be the stream of a TLS session that is still to be
    /// opened (`tls::open`).
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(
        stream: tokio::net::TcpStream,
        session: impl Into<rustls::Connection>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = TlsStream::new(stream.into_std()?, session.into());
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Splits into the half that one task of the present runtime reads and the half that anybody
    /// writes.
    ///
    /// # Errors
    ///
    /// Those of the system, when the runtime is to watch one descriptor more.
    pub(crate) fn split(self) -> io::Result<(ReadHalf, WriteHalf)> {
        let socket = Arc::new(self);
        let read = ReadHalf::of(&socket)?;
        Ok((read, WriteHalf { socket }))
    }

    fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => { stream }.read(bytes),
            Self::Tcp(stream) => { stream }.read(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(bytes),
            #[cfg(test)]
            Self::Simulated(_) => unreachable!("read as `ReadHalf::Simulated`"),
        }
    }

    /// True if a read that got less than it could has left something all the same.
    fn has_unread(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.has_unread(),
            _ => false,
        }
    }

    /// What has been read from the socket already, and waits elsewhere. Only TLS has such a place.
    fn take_ready(&self, bytes: &mut [u8]) -> Option<io::Result<usize>> {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.take_ready(bytes),
            _ => {
                let _ = bytes;
                None
            }
        }
    }

    /// Says something short to a peer that is about to be cut off. Whether it arrives is the peer's
    /// affair.
    pub(crate) fn say_last(&self, bytes: &[u8]) {
        let _ = match self {
            Self::Unix(stream) => { stream }.write(bytes),
            Self::Tcp(stream) => { stream }.write(bytes),
            // Before the handshake there is no way to say anything but that this is the end.
            #[cfg(feature = "tls")]
            Self::Tls(_) => Ok(0),
            #[cfg(test)]
            Self::Simulated(stream) => stream.write(bytes),
        };
        let _ = self.end();
    }

    /// The same stream by another descriptor, to watch it.
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.clone_stream().map(Self::Tcp),
            #[cfg(test)]
            Self::Simulated(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Ends the stream for the peer.
    fn end(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.end(),
            #[cfg(test)]
            Self::Simulated(stream) => {
                stream.end_output();
                Ok(())
            }
        }
    }
}

/// The half that one task reads.
#[derive(Debug)]
pub(crate) enum ReadHalf {
    Watched(AsyncFd<Arc<Socket>>),
    #[cfg(test)]
    Simulated(simulated::Input),
}

impl ReadHalf {
    fn of(socket: &Arc<Socket>) -> io::Result<Self> {
        match &**socket {
            #[cfg(test)]
            Socket::Simulated(stream) => Ok(Self::Simulated(stream.input())),
            _ => watch(socket.clone(), Interest::READABLE).map(Self::Watched),
        }
    }

    /// Makes the present runtime the one that watches it.
    ///
    /// # Errors
    ///
    /// As [`Socket::split`].
    pub(crate) fn move_here(&mut self) -> io::Result<()> {
        match self {
            Self::Watched(watched) => *self = Self::of(watched.get_ref())?,
            #[cfg(test)]
            Self::Simulated(_) => {}
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn watched(&self) -> &AsyncFd<Arc<Socket>> {
        match self {
            Self::Watched(watched) => watched,
            #[cfg(test)]
            Self::Simulated(_) => unreachable!("simulated streams have no TLS"),
        }
    }

    #[cfg(all(test, feature = "tls"))]
    pub(super) fn socket(&self) -> &Socket {
        self.watched().get_ref()
    }

    /// Calls `step` whenever there is input, until it does not return `WouldBlock`.
    #[cfg(feature = "tls")]
    pub(super) async fn attempt(&self, step: impl Fn() -> io::Result<()>) -> io::Result<()> {
        loop {
            let mut input = self.watched().readable().await?;
            if let Ok(result) = input.try_io(|_| step()) {
                return result;
            }
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let watched = match &*self {
            Self::Watched(watched) => watched,
            #[cfg(test)]
            Self::Simulated(input) => return input.poll_read(cx, buf),
        };
        let space = buf.initialize_unfilled();
        if let Some(result) = watched.get_ref().take_ready(space) {
            buf.advance(result?);
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut input = ready!(watched.poll_read_ready(cx))?;
            match input.try_io(|socket| socket.get_ref().read(space)) {
                Ok(Ok(n)) => {
                    // A stream that gives less than it could is empty: that is known without asking
                    // again. What arrives meanwhile makes it ready again.
                    if 0 < n && n < space.len() && !watched.get_ref().has_unread() {
                        input.clear_ready();
                    }
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(e)) => return Poll::Ready(Err(e)),
                Err(_would_block) => {}
            }
        }
    }
}

/// The half that anybody writes, on whichever thread, without waiting. Dropping it ends the stream
/// for the peer.
#[derive(Debug)]
pub(crate) struct WriteHalf {
    socket: Arc<Socket>,
}

impl WriteHalf {
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        retry(|| match &*self.socket {
            Socket::Unix(stream) => { stream }.write(bytes),
            Socket::Tcp(stream) => { stream }.write(bytes),
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => stream.write(&[IoSlice::new(bytes)]),
            #[cfg(test)]
            Socket::Simulated(stream) => stream.write(bytes),
        })
    }

    pub(crate) fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        retry(|| match &*self.socket {
            Socket::Unix(stream) => { stream }.write_vectored(parts),
            Socket::Tcp(stream) => { stream }.write_vectored(parts),
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => stream.write(parts),
            #[cfg(test)]
            Socket::Simulated(stream) => stream.write_vectored(parts),
        })
    }

    /// Writes what the stream has taken and not passed on yet. To be called after the last write;
    /// only TLS keeps anything.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is full.
    #[inline]
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match &*self.socket {
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => retry(|| stream.flush().map(|()| 0)).map(drop),
            _ => Ok(()),
        }
    }

    /// Changes whenever the socket has taken something that is not counted by whoever wrote it.
    pub(crate) fn uncounted_progress(&self) -> u64 {
        match &*self.socket {
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => stream.sent(),
            _ => 0,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Starts to watch for room, with a descriptor of its own.
    pub(crate) fn watch_room(&self) -> RoomWatch {
        #[cfg(test)]
        if let Socket::Simulated(stream) = &*self.socket {
            return stream
                .watch_room()
                .map_or(RoomWatch::Unwatched, RoomWatch::Simulated);
        }
        let second = self.socket.try_clone();
        let watched = second.and_then(|fd| watch(fd, Interest::WRITABLE));
        watched.map_or(RoomWatch::Unwatched, RoomWatch::Watched)
    }

    /// Writes all of `bytes`; for the handshake, before anybody else can write.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut room = None;
        loop {
            let written = match bytes {
                [] => self.try_flush().map(|()| 0),
                _ => self.try_write(bytes),
            };
            match written {
                Ok(_) if bytes.is_empty() => return Ok(()),
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let room = room.get_or_insert_with(|| self.watch_room());
                    room.wait().await?;
                }
                Err(e) => return Err(e),
            }
        }
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        // A peer that has gone need not be told.
        let _ = self.socket.end();
    }
}

fn retry(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match write() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
