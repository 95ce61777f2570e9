//! Accepting connections, and keeping those of one listener alive.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::config::ServerConfig;
use super::hub::Hub;
use super::peer::{Inbox, Kind, Origin, Peer};
use super::ticker::Ticker;
use super::{handshake, session};
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN, MAX_HANDSHAKES};
use crate::protocol::delivery::PING;
use crate::transport::socket::Socket;

/// Proof that a task of the broker is alive: the broker's end waits until all are dropped.
pub(super) type Alive = mpsc::Sender<std::convert::Infallible>;

/// What the connections of one listener have in common.
pub(super) struct Listener {
    pub(super) config: ServerConfig,
    /// The address that was bound, as it was given.
    port: Arc<str>,
    /// Connected clients. While there is none, nothing needs keeping alive.
    clients: AtomicUsize,
    arrived: Notify,
    alive: Alive,
}

impl Listener {
    pub(super) fn new(config: ServerConfig, port: &str, alive: Alive) -> Arc<Self> {
        Arc::new(Self {
            config,
            port: port.into(),
            clients: AtomicUsize::new(0),
            arrived: Notify::new(),
            alive,
        })
    }
}

/// A bound socket of either kind.
pub(super) enum Acceptor {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A connection that belongs to no runtime yet.
enum Accepted {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
}

impl Acceptor {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(listener) => Ok(Socket::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => Ok(Socket::Tcp(listener.accept().await?.0)),
        }
    }
}

impl Accepted {
    fn detach(socket: Socket) -> io::Result<Self> {
        Ok(match socket {
            Socket::Unix(stream) => Self::Unix(stream.into_std()?),
            Socket::Tcp(stream) => Self::Tcp(stream.into_std()?),
        })
    }

    /// Makes it a connection of the present runtime.
    fn attach(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
            Self::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
        })
    }
}

/// Accepts connections for ever.
pub(super) async fn run(hub: Arc<Hub>, listener: Arc<Listener>, acceptor: Acceptor) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let mut pause = ACCEPT_PAUSE_MIN;
    while let Ok(permit) = handshakes.clone().acquire_owned().await {
        let accepted = match acceptor.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                // One line for the whole episode; what was accepted before goes on.
                if pause == ACCEPT_PAUSE_MIN {
                    log::error!("{}: cannot accept connections: {e}", listener.port);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                continue;
            }
        };
        if pause > ACCEPT_PAUSE_MIN {
            pause = ACCEPT_PAUSE_MIN;
            log::info!("{}: accepting connections again", listener.port);
        }
        if let Err(e) = start(&hub, &listener, accepted, permit) {
            log::warn!("{}: connection lost: {e}", listener.port);
        }
    }
}

/// Starts the session of a connection on the runtime whose turn it is.
fn start(
    hub: &Arc<Hub>,
    listener: &Arc<Listener>,
    socket: Socket,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let connection = {
        let (hub, listener) = (hub.clone(), listener.clone());
        move |socket| connection(hub, listener, socket, permit)
    };
    match hub.next_worker() {
        None => {
            tokio::spawn(connection(socket));
        }
        Some(worker) => {
            let accepted = Accepted::detach(socket)?;
            worker.spawn(async move {
                match accepted.attach() {
                    Ok(socket) => connection(socket).await,
                    Err(e) => log::warn!("connection lost: {e}"),
                }
            });
        }
    }
    Ok(())
}

/// The whole life of one connection.
async fn connection(
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    socket: Socket,
    permit: OwnedSemaphorePermit,
) {
    let _alive = listener.alive.clone();
    if let Err(e) = socket.tune() {
        log::debug!("{}: connection lost: {e}", listener.port);
        return;
    }
    let (origin, address) = origin(&socket, listener.port.clone());
    // Boxed: the space it needs is given back before the session starts.
    let shaken = Box::pin(handshake::perform(&hub, &listener, socket, origin, address)).await;
    drop(permit);
    let Some((peer, input)) = shaken else { return };
    if listener.clients.fetch_add(1, Ordering::Relaxed) == 0 {
        listener.arrived.notify_one();
    }
    let config = &listener.config;
    session::serve(hub, peer, input, config.timeout, config.max_frame).await;
    listener.clients.fetch_sub(1, Ordering::Relaxed);
}

fn origin(socket: &Socket, port: Arc<str>) -> (Origin, Option<IpAddr>) {
    let mut origin = Origin {
        kind: Kind::LocalIpc,
        source: None,
        port: Some(port),
        uid: None,
        pid: None,
    };
    match socket {
        Socket::Unix(stream) => {
            if let Ok(credentials) = stream.peer_cred() {
                origin.uid = Some(credentials.uid());
                origin.pid = credentials.pid();
            }
            (origin, None)
        }
        Socket::Tcp(stream) => {
            let address = stream.peer_addr().ok();
            origin.kind = Kind::Tcp;
            origin.source = address.map(|address| address.to_string());
            (origin, address.map(|address| address.ip()))
        }
    }
}

/// Twice per timeout: pings the clients of this listener that got nothing since the last time, and
/// looks at their rights. One wake-up serves all of them; without clients there is none.
pub(super) async fn keep_alive(
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    ticker: Ticker,
) -> io::Result<()> {
    loop {
        if listener.clients.load(Ordering::Relaxed) == 0 {
            ticker.stop()?;
            listener.arrived.notified().await;
            ticker.start()?;
        }
        ticker.tick().await?;
        for (peer, _) in hub.peers() {
            if is_of(&peer, &listener) {
                session::refresh_access(&hub, &peer);
                if let Inbox::Socket { outbox, .. } = &peer.inbox {
                    outbox.ping_if_idle(&PING);
                }
            }
        }
    }
}

fn is_of(peer: &Peer, listener: &Listener) -> bool {
    match &peer.origin.port {
        Some(port) => Arc::ptr_eq(port, &listener.port),
        None => false,
    }
}
