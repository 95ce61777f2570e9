//! Waiting until a full socket has room again.

use std::io;
use std::time::Duration;

use tokio::io::unix::AsyncFd;

#[cfg(test)]
use super::simulated;
use super::socket::Socket;

/// How often a full socket is tried again when there is no descriptor left to watch it with.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Tells when a full socket has room again. Takes a descriptor as long as it lives; when none is
/// left, the socket is tried again every [`RETRY_INTERVAL`].
#[derive(Debug)]
pub(crate) enum RoomWatch {
    Watched(AsyncFd<Socket>),
    Unwatched,
    #[cfg(test)]
    Simulated(simulated::RoomWatch),
}

impl RoomWatch {
    /// Waits until a write may succeed. To be called first, and again after a write that did not.
    pub(crate) async fn wait(&self) -> io::Result<()> {
        match self {
            // Cleared before the write: room that comes during it counts.
            Self::Watched(fd) => fd.writable().await.map(|mut room| room.clear_ready()),
            Self::Unwatched => {
                tokio::time::sleep(RETRY_INTERVAL).await;
                Ok(())
            }
            #[cfg(test)]
            Self::Simulated(watch) => {
                watch.wait().await;
                Ok(())
            }
        }
    }
}
