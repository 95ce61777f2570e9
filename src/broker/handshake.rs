//! From an accepted connection to a registered client (protocol, section 2).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use heapless::Vec as FixedVec;
use tokio::io::AsyncReadExt;

use super::access::LiveAccess;
use super::hub::Hub;
use super::listener::{Listener, Newcomer};
use super::peer::{Inbox, Peer};
use crate::deadline;
use crate::limits::{LINGER, MAX_NAME_BYTES};
use crate::protocol::handshake::{GREETING_BYTES, greeting};
use crate::protocol::names::{NameError, check_name};
use crate::protocol::{ERR_ACCESS, ERR_DATA, ERR_NOT_SUPPORTED, RESPONSE_OK};
use crate::transport::budget::Charge;
use crate::transport::outbox::{Bounds, Outbox};
use crate::transport::socket::{ReadHalf, WriteHalf};

/// How much a refused peer may still send before it is cut off, in bytes. Closing a TCP socket with
/// unread input would take the answer away from the peer.
const REFUSED_INPUT_BYTES: u64 = 128 * 1024;

/// Why a peer was not registered.
enum Refusal {
    /// It was answered with a code; for the log, why.
    Answered(u8, String),
    /// It went away, or was too slow.
    Io(io::Error),
    /// There is no TLS session by which it could be answered.
    #[cfg(feature = "tls")]
    Tls(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// Leads the handshake. Returns the registered client and what is left to read; `None` if there is
/// no client, which has been logged.
pub(super) async fn perform(
    hub: &Hub,
    listener: &Listener,
    newcomer: Newcomer,
) -> Option<(Arc<Peer>, ReadHalf)> {
    let Newcomer {
        socket,
        origin,
        place,
    } = newcomer;
    let from = format!("{origin} at {}", origin.port.as_deref().unwrap_or_default());
    let (mut input, output) = match socket.split() {
        Ok(halves) => halves,
        Err(e) => {
            log::warn!("connection lost, {from}: {e}");
            return None;
        }
    };
    let timeout = listener.config.timeout;
    let name = match introduce(&mut input, &output, timeout).await {
        Ok(name) => name,
        Err(refusal) => {
            refuse(refusal, input, output, &from).await;
            return None;
        }
    };
    let access = match &listener.config.aaa_map {
        None => None,
        Some(map) => match LiveAccess::admit(map, &name, origin.identity) {
            Some(access) => Some(access),
            None => {
                let why = format!("client {name:?} is not admitted by the access rules");
                let refusal = Refusal::Answered(ERR_ACCESS, why);
                refuse(refusal, input, output, &from).await;
                return None;
            }
        },
    };
    let bounds = Bounds {
        frames: listener
            .config
            .queue_size
            .unwrap_or(hub.queue_size())
            .max(1),
        bytes: listener.config.queue_bytes,
        linger: listener.config.linger(),
    };
    let inbox = Inbox::Socket {
        outbox: Outbox::new(output, bounds, Charge::new(&hub.budget)),
        overflow: listener.config.overflow,
        patience: timeout,
    };
    let peer = Arc::new(Peer::new(
        hub.new_peer_id(),
        name.into(),
        origin,
        inbox,
        access,
    ));
    peer.placement.start(place);
    let Inbox::Socket { outbox, .. } = &peer.inbox else {
        return None;
    };
    // Once the name is known to others they may send to it at once; the answer has to be first.
    outbox.push_raw(&[RESPONSE_OK]);
    if let Err(e) = hub.register(&peer) {
        hub.unregister(&peer, false);
        let why = format!("client {:?}: {e}", peer.name);
        let refusal = Refusal::Answered(e.kind() as u8, why);
        if let Some(Inbox::Socket { outbox, .. }) = Arc::into_inner(peer).map(|peer| peer.inbox)
            && let Some(output) = outbox.into_socket()
        {
            refuse(refusal, input, output, &from).await;
        }
        return None;
    }
    outbox.flush();
    log::info!("client {:?} registered, {from}", peer.name);
    Some((peer, input))
}

/// The name of the peer, which is its own as far as TLS can prove that.
async fn introduce(
    input: &mut ReadHalf,
    output: &WriteHalf,
    timeout: Duration,
) -> Result<String, Refusal> {
    #[cfg(feature = "tls")]
    let credentials = super::tls::open(input, output, timeout)
        .await
        .map_err(Refusal::Tls)?;
    let name = read_name(input, output, timeout).await?;
    #[cfg(feature = "tls")]
    if !credentials.permits(&name) {
        let why = format!("client {name:?} has shown {}", credentials.describe());
        return Err(Refusal::Answered(ERR_ACCESS, why));
    }
    Ok(name)
}

/// Steps 1 to 4: greetings both ways, and the name.
async fn read_name(
    input: &mut ReadHalf,
    output: &WriteHalf,
    timeout: Duration,
) -> Result<String, Refusal> {
    write(output, &greeting(), timeout).await?;
    let mut answer = [0; GREETING_BYTES];
    read(input, &mut answer, timeout).await?;
    if answer != greeting() {
        let why = format!("the peer speaks another protocol or version ({answer:02x?})");
        return Err(Refusal::Answered(ERR_NOT_SUPPORTED, why));
    }
    write(output, &[RESPONSE_OK], timeout).await?;
    let mut length = [0; 2];
    read(input, &mut length, timeout).await?;
    let length = usize::from(u16::from_le_bytes(length));
    let refused = |e: NameError| Refusal::Answered(ERR_DATA, e.to_string());
    let mut name: FixedVec<u8, MAX_NAME_BYTES> = FixedVec::new();
    name.resize_default(length)
        .map_err(|_| refused(NameError::TooLong))?;
    read(input, &mut name, timeout).await?;
    let name = std::str::from_utf8(&name).map_err(|_| refused(NameError::NotUtf8))?;
    check_name(name, false).map_err(|e| {
        let why = format!("name {name:?}: {e}");
        Refusal::Answered(ERR_DATA, why)
    })?;
    Ok(name.to_owned())
}

/// Answers a peer that cannot be registered, and says so in the log.
async fn refuse(refusal: Refusal, mut input: ReadHalf, output: WriteHalf, from: &str) {
    match refusal {
        Refusal::Answered(code, why) => {
            log::warn!("connection refused, {from}: {why}");
            let answer = async {
                output.write_all(&[code]).await?;
                drop(output);
                let mut rest = (&mut input).take(REFUSED_INPUT_BYTES);
                tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
            };
            // Whether the peer hears it is its own affair.
            let _ = tokio::time::timeout(LINGER, answer).await;
        }
        Refusal::Io(e) => log::debug!("connection ended during the handshake, {from}: {e}"),
        // Who says nothing or goes away is nobody's business; who is not trusted, or does not trust,
        // is somebody's mistake.
        #[cfg(feature = "tls")]
        Refusal::Tls(e) if e.kind() == io::ErrorKind::InvalidData => {
            log::warn!("no TLS session, {from}: {e}");
        }
        #[cfg(feature = "tls")]
        Refusal::Tls(e) => log::debug!("connection ended during the TLS handshake, {from}: {e}"),
    }
}

async fn read(input: &mut ReadHalf, bytes: &mut [u8], timeout: Duration) -> io::Result<()> {
    deadline::timeout(timeout, input.read_exact(bytes)).await??;
    Ok(())
}

async fn write(output: &WriteHalf, bytes: &[u8], timeout: Duration) -> io::Result<()> {
    deadline::timeout(timeout, output.write_all(bytes)).await?
}
