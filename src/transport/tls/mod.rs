//! TLS on top of a TCP stream, with the same way in and out as a stream without.
//!
//! The session has no sockets of its own: it turns plaintext into records and back, wherever it is
//! called. So any thread may write, as with the other streams, and nothing here waits.
//!
//! What must never be true:
//! - plaintext was taken, its records wait, and nobody is told: after its last write a writer calls
//!   [`TlsStream::flush`], whose `WouldBlock` makes the outbox wait for room;
//! - plaintext waits in the session, and its reader for the socket: who reads asks
//!   [`TlsStream::take_ready`] before it waits.
//!
//! The lock of a session is held during its system calls, which do not wait: the order of records on
//! the wire is the order in which they were made. Its reader and its writer are the only ones to meet
//! there.

mod opening;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustls::Connection;
use rustls::pki_types::CertificateDer;

pub(crate) use super::pem::{certificates, private_key, provider, roots};
pub(crate) use opening::open;

use crate::limits::{READ_BUFFER_BYTES, TLS_BUFFER_BYTES};

/// Records that one call reads at most, in bytes. They may be nearly empty, so a bound for plaintext
/// would let a client keep its thread busy for as long as it likes.
const INPUT_PER_READ: usize = 2 * READ_BUFFER_BYTES;

/// A TCP stream and the TLS session that it carries.
pub(crate) struct TlsStream {
    stream: TcpStream,
    session: Mutex<Session>,
    /// Bytes of records that the socket has taken in all.
    sent: AtomicU64,
}

struct Session {
    tls: Connection,
    /// Why reading is over, to be told when all that came before it has been read.
    failure: Option<io::Error>,
    /// The last read stopped although the socket may have had more.
    unread: bool,
}

impl AsRawFd for TlsStream {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(&self.stream).finish()
    }
}

impl TlsStream {
    /// `stream` is connected and does not block; `tls` has seen no byte yet.
    pub(crate) fn new(stream: TcpStream, mut tls: Connection) -> Self {
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        Self {
            stream,
            session: Mutex::new(Session {
                tls,
                failure: None,
                unread: false,
            }),
            sent: AtomicU64::new(0),
        }
    }

    /// The stream below, to watch it with another descriptor.
    pub(crate) fn clone_stream(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// The certificate of the peer, if it has shown one; it was found to be valid.
    pub(crate) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let session = self.session.lock();
        let chain = session.tls.peer_certificates()?;
        chain.first().cloned()
    }

    /// Bytes of records that the socket has taken in all.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// What is known without the socket: plaintext that has arrived before, the end of the stream, or
    /// an error. `None` if that is nothing, so that the socket is worth waiting for.
    pub(crate) fn take_ready(&self, space: &mut [u8]) -> Option<io::Result<usize>> {
        self.session.lock().take(space)
    }

    /// True if the last [`read`](Self::read) got less than there was space for, and not because the
    /// socket was empty.
    pub(crate) fn has_unread(&self) -> bool {
        self.session.lock().unread
    }

    /// Reads until `space` is full, the socket is empty, or [`INPUT_PER_READ`] has been looked at.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; `Interrupted` if there are records, but without plaintext so
    /// far; `UnexpectedEof` if the stream ends without the peer having said so; `InvalidData` if what
    /// arrived is not TLS, was changed, or is an alert.
    pub(crate) fn read(&self, space: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        session.unread = false;
        let mut filled = 0;
        let mut received = 0;
        loop {
            match session.take(&mut space[filled..]) {
                Some(Ok(0)) => return Ok(filled),
                Some(Ok(n)) => {
                    filled += n;
                    if filled == space.len() {
                        return Ok(filled);
                    }
                    continue;
                }
                // It is kept for the next call.
                Some(Err(_)) if filled > 0 => return Ok(filled),
                Some(Err(e)) => return Err(e),
                None => {}
            }
            if received >= INPUT_PER_READ {
                session.unread = true;
                return match filled {
                    0 => Err(io::ErrorKind::Interrupted.into()),
                    _ => Ok(filled),
                };
            }
            match self.receive(&mut session) {
                Ok(n) => received += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return if filled > 0 { Ok(filled) } else { Err(e) };
                }
                Err(e) => session.failure = Some(e),
            }
        }
    }

    /// Reads once from the socket: so many bytes of records, none at its end. What the session has to
    /// answer is sent as far as the socket takes it, the rest with what is written next.
    fn receive(&self, session: &mut Session) -> io::Result<usize> {
        let n = session.tls.read_tls(&mut &self.stream)?;
        let processed = session.tls.process_new_packets();
        if session.tls.wants_write() {
            // Also the alert that says what was wrong. A socket that fails does so again.
            let _ = self.send(session);
        }
        processed
            .map(|_| n)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    /// Takes as much of `parts` as the session holds, once everything before it has left.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if records wait that the socket does not take; else those of the socket.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session.lock();
        self.send(&mut session)?;
        let taken = session.tls.writer().write_vectored(parts)?;
        match self.send(&mut session) {
            Ok(()) => Ok(taken),
            Err(e) if is_passing(&e) => Ok(taken),
            Err(e) => Err(e),
        }
    }

    /// Writes the records that wait.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.send(&mut self.session.lock())
    }

    fn send(&self, session: &mut Session) -> io::Result<()> {
        while session.tls.wants_write() {
            let n = session.tls.write_tls(&mut &self.stream)?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Tells the peer that nothing follows, if the socket has room for that; a peer that is not told
    /// takes the stream for one that was cut off.
    pub(crate) fn end(&self) -> io::Result<()> {
        let mut session = self.session.lock();
        session.tls.send_close_notify();
        let _ = self.send(&mut session);
        self.stream.shutdown(Shutdown::Write)
    }
}

impl Session {
    /// Plaintext, the end or an error, if one of these is known.
    fn take(&mut self, space: &mut [u8]) -> Option<io::Result<usize>> {
        match self.tls.reader().read(space) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let failure = self.failure.as_ref()?;
                Some(Err(copy(failure)))
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Some(Err(io::Error::new(
                e.kind(),
                "cut off without a TLS close_notify",
            ))),
            result => Some(result),
        }
    }
}

/// True of an error after which the same call may succeed.
fn is_passing(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The same error once more: a failed session fails for good.
fn copy(e: &io::Error) -> io::Error {
    match e.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(e.kind(), e.to_string()),
    }
}
