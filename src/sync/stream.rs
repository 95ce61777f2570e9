//! UNIX and TCP streams behind one type, and how they are connected in time.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt::SendTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::deadline::left;
use crate::Error;
use crate::address::Address;

/// The shortest timeout that sockets have; zero would mean none.
const MIN_TIMEOUT: Duration = Duration::from_micros(1);

/// A connected stream. Any thread may use it; a read and a write do not wait for each other.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// Connects to the broker at `path`, which the system looks up without regard to the deadline if
    /// it contains the name of a host.
    ///
    /// # Errors
    ///
    /// `Io` if there is no broker, `Timeout`, `NotSupported` for an address with TLS.
    pub(super) fn connect(path: &str, deadline: Instant) -> Result<Self, Error> {
        let connected = match Address::parse(path) {
            Address::Tcp(address) => connect_tcp(&address, deadline).map(Self::Tcp),
            Address::Unix(path) | Address::Fifo(path) => {
                connect_unix(&path, deadline).map(Self::Unix)
            }
            Address::Tls(_) => {
                return Err(Error::not_supported(format_args!(
                    "{path}: the blocking client has no TLS"
                )));
            }
        };
        connected.map_err(|e| match e.kind() {
            io::ErrorKind::TimedOut => Error::timeout(),
            _ => Error::io(format_args!("cannot connect to {path}: {e}")),
        })
    }

    /// Sets how long a read may wait; `None`: for ever.
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.max(MIN_TIMEOUT));
        match self {
            Self::Unix(stream) => stream.set_read_timeout(timeout),
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Sets how long a write may wait for room.
    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout.max(MIN_TIMEOUT));
        match self {
            Self::Unix(stream) => stream.set_write_timeout(timeout),
            Self::Tcp(stream) => stream.set_write_timeout(timeout),
        }
    }

    /// Reads what is there, and waits until there is something.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the read timeout, else those of the socket.
    pub(super) fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        retry(|| match self {
            Self::Unix(stream) => { stream }.read(bytes),
            Self::Tcp(stream) => { stream }.read(bytes),
        })
    }

    /// Fills all of `bytes` by the deadline.
    ///
    /// # Errors
    ///
    /// `TimedOut`, `UnexpectedEof`, those of the socket.
    pub(super) fn read_exact(&self, mut bytes: &mut [u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            let left = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
            self.set_read_timeout(Some(left))?;
            match self.read(bytes)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => bytes = &mut bytes[n..],
            }
        }
        Ok(())
    }

    /// Writes all of all parts, of which the first is not empty.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the socket takes nothing for the write timeout, else those of the socket. A part
    /// may have been written then.
    pub(super) fn write_all(&self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !parts.is_empty() {
            let written = retry(|| match self {
                Self::Unix(stream) => { stream }.write_vectored(parts),
                Self::Tcp(stream) => { stream }.write_vectored(parts),
            })?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut parts, written);
        }
        Ok(())
    }

    /// Ends one direction or both, for the peer and for whoever waits here. A stream that has ended
    /// already is as good.
    pub(super) fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }
}

/// Frames leave whole; Nagle's algorithm would only delay them.
fn connect_tcp(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::other("the host has no address"));
    for address in address.to_socket_addrs()? {
        let left = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
        outcome = TcpStream::connect_timeout(&address, left);
        if outcome.is_ok() {
            break;
        }
    }
    let stream = outcome?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The standard library would wait for ever for a broker that does not accept.
fn connect_unix(path: &Path, deadline: Instant) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let descriptor = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    loop {
        let left = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
        let micros = i64::try_from(left.max(MIN_TIMEOUT).as_micros()).unwrap_or(i64::MAX);
        let limit = TimeVal::microseconds(micros);
        setsockopt::<_, SendTimeout>(&descriptor, SendTimeout, &limit)?;
        match connect(descriptor.as_raw_fd(), &address) {
            Ok(()) => return Ok(descriptor.into()),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Repeats what was interrupted. A socket says that it would block when it has done so for the timeout.
fn retry(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            result => return result,
        }
    }
}
