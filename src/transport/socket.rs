//! UNIX and TCP streams behind one type.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    /// Splits into the half that one task reads and the half that anybody writes.
    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
        }
    }

    /// The opposite of [`split`](Self::split).
    ///
    /// # Errors
    ///
    /// If the halves are not of the same stream; then both are gone.
    pub(crate) fn reunite(read: ReadHalf, write: WriteHalf) -> io::Result<Self> {
        match (read, write) {
            (ReadHalf::Unix(read), WriteHalf::Unix(write)) => {
                let stream = read.reunite(write).map_err(io::Error::other)?;
                Ok(Self::Unix(stream))
            }
            (ReadHalf::Tcp(read), WriteHalf::Tcp(write)) => {
                let stream = read.reunite(write).map_err(io::Error::other)?;
                Ok(Self::Tcp(stream))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Takes it from its runtime. Closed if that fails.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        Ok(match self {
            Self::Unix(stream) => Detached::Unix(stream.into_std()?),
            Self::Tcp(stream) => Detached::Tcp(stream.into_std()?),
        })
    }

    /// Frames leave in batches already; Nagle's algorithm would only delay them.
    pub(crate) fn tune(&self) -> io::Result<()> {
        match self {
            Self::Unix(_) => Ok(()),
            Self::Tcp(stream) => stream.set_nodelay(true),
        }
    }
}

/// A connected stream that belongs to no runtime.
#[derive(Debug)]
pub(crate) enum Detached {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
}

impl Detached {
    /// Makes it a stream of the present runtime. Closed if that fails.
    pub(crate) fn attach(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
            Self::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
        })
    }
}

/// The half that one task reads.
#[derive(Debug)]
pub(crate) enum ReadHalf {
    Unix(unix::OwnedReadHalf),
    Tcp(tcp::OwnedReadHalf),
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(half) => Pin::new(half).poll_read(cx, buf),
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

/// The half that anybody writes, without waiting. Dropping it ends the stream for the peer.
#[derive(Debug)]
pub(crate) enum WriteHalf {
    Unix(unix::OwnedWriteHalf),
    Tcp(tcp::OwnedWriteHalf),
}

impl WriteHalf {
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(half) => half.try_write(bytes),
            Self::Tcp(half) => half.try_write(bytes),
        }
    }

    pub(crate) fn try_write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Unix(half) => half.try_write_vectored(parts),
            Self::Tcp(half) => half.try_write_vectored(parts),
        }
    }

    /// Waits until a write may succeed.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Unix(half) => half.writable().await,
            Self::Tcp(half) => half.writable().await,
        }
    }

    /// Writes all of `bytes`; for the handshake, before anybody else can write.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
