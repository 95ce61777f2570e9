//! The TLS handshake.

use std::io;

use super::TlsStream;
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};

impl TlsStream {
    /// False when the handshake is over, except for what waits to be written.
    fn is_opening(&self) -> bool {
        self.session.lock().tls.is_handshaking()
    }

    /// Takes in one read of the peer's part of the handshake.
    fn receive_opening(&self) -> io::Result<()> {
        match self.receive(&mut self.session.lock())? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer has ended the connection during the TLS handshake",
            )),
            _ => Ok(()),
        }
    }
}

/// Leads the TLS handshake; nothing happens on a stream without TLS. There is no bound in time.
///
/// # Errors
///
/// `InvalidData` if the peers do not agree, or one does not trust the other; `UnexpectedEof` if the
/// peer has gone; else those of the socket.
pub(crate) async fn open(input: &ReadHalf, output: &WriteHalf) -> io::Result<()> {
    loop {
        // First what was said last: also the end of the handshake has to leave.
        output.write_all(&[]).await?;
        let Socket::Tls(stream) = output.socket() else {
            return Ok(());
        };
        if !stream.is_opening() {
            return Ok(());
        }
        input.attempt(|| stream.receive_opening()).await?;
    }
}
