//! Accepting connections, and keeping those of one listener alive.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::config::ServerConfig;
use super::hub::Hub;
use super::peer::{Inbox, Kind, Origin, Peer, Reason};
use super::router::Router;
use super::session::Session;
use super::ticker::Ticker;
use super::{handshake, refresh, workers};
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN, MAX_HANDSHAKES};
use crate::protocol::delivery::PING;
use crate::transport::intake::Intake;
use crate::transport::socket::Socket;

/// What ties connections to their broker, and the broker to its connections.
#[derive(Clone)]
pub(super) struct Tether {
    /// The broker's end waits until all are dropped.
    _alive: mpsc::Sender<std::convert::Infallible>,
    /// Nothing is ever sent: the sender's end is the broker's.
    running: watch::Receiver<()>,
}

impl Tether {
    /// Comes with what ends the connections when dropped, and what tells that all have ended.
    pub(super) fn new() -> (
        Self,
        watch::Sender<()>,
        mpsc::Receiver<std::convert::Infallible>,
    ) {
        let (_alive, ended) = mpsc::channel(1);
        let (sender, running) = watch::channel(());
        (Self { _alive, running }, sender, ended)
    }

    fn has_stopped(&self) -> bool {
        self.running.has_changed().is_err()
    }

    async fn stopped(&mut self) {
        while self.running.changed().await.is_ok() {}
    }
}

/// What the connections of one listener have in common.
pub(super) struct Listener {
    pub(super) config: ServerConfig,
    /// The address that was bound, as it was given.
    pub(super) port: Arc<str>,
    /// Connected clients. While there is none, nothing needs keeping alive.
    clients: AtomicUsize,
    arrived: Notify,
    tether: Tether,
}

impl Listener {
    /// Clients that are connected.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    pub(super) fn new(config: ServerConfig, port: &str, tether: Tether) -> Arc<Self> {
        Arc::new(Self {
            config,
            port: port.into(),
            clients: AtomicUsize::new(0),
            arrived: Notify::new(),
            tether,
        })
    }
}

/// A bound socket of either kind.
pub(super) enum Acceptor {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A new connection.
enum Accepted {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

impl Acceptor {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => Ok(Accepted::Tcp(listener.accept().await?.0)),
        }
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

/// A connection that has not said its name yet.
pub(super) struct Newcomer {
    pub(super) socket: Socket,
    pub(super) origin: Origin,
    pub(super) address: Option<IpAddr>,
    /// The number of its worker.
    pub(super) place: usize,
}

/// Starts the session of a connection that was accepted.
fn start(
    hub: &Arc<Hub>,
    listener: &Arc<Listener>,
    accepted: Accepted,
    permit: OwnedSemaphorePermit,
) -> io::Result<()> {
    let (origin, address) = origin(&accepted, listener.port.clone());
    let socket = match accepted {
        Accepted::Unix(stream) => Socket::unix(stream)?,
        Accepted::Tcp(stream) => Socket::tcp(stream)?,
    };
    admit(hub, listener, socket, (origin, address), permit);
    Ok(())
}

/// Starts the session of a connection on the runtime for new ones.
pub(super) fn admit(
    hub: &Arc<Hub>,
    listener: &Arc<Listener>,
    socket: Socket,
    (origin, address): (Origin, Option<IpAddr>),
    permit: OwnedSemaphorePermit,
) {
    let place = hub.crew.entrance();
    let newcomer = Newcomer {
        socket,
        origin,
        address,
        place,
    };
    let connection = connection(hub.clone(), listener.clone(), newcomer, permit);
    hub.crew.spawn(place, connection);
}

/// The life of one connection, until its session moves to another worker.
async fn connection(
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    newcomer: Newcomer,
    permit: OwnedSemaphorePermit,
) {
    let mut tether = listener.tether.clone();
    // Boxed: the space it needs is given back before the session starts.
    let handshake = Box::pin(handshake::perform(&hub, &listener, newcomer));
    let shaken = tokio::select! {
        biased;
        shaken = handshake => shaken,
        () = tether.stopped() => None,
    };
    drop(permit);
    let Some((peer, input)) = shaken else { return };
    if tether.has_stopped() {
        // The broker may have told its clients to end before it knew this one.
        peer.tell_to_end(Reason::Shutdown);
    }
    let config = &listener.config;
    let router = Router::new(hub, peer, config.timeout);
    let intake = Intake::new(input, config.timeout);
    let session = Session::new(router, intake, config.max_frame, config.timeout);
    workers::lead(Box::new(session), Counted::new(listener)).await;
}

/// One of the connected clients of a listener, until it is dropped.
pub(super) struct Counted(Arc<Listener>);

impl Counted {
    fn new(listener: Arc<Listener>) -> Self {
        if listener.clients.fetch_add(1, Ordering::Relaxed) == 0 {
            listener.arrived.notify_one();
        }
        Self(listener)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

fn origin(accepted: &Accepted, port: Arc<str>) -> (Origin, Option<IpAddr>) {
    let mut origin = Origin {
        kind: Kind::LocalIpc,
        source: None,
        port: Some(port),
        uid: None,
        pid: None,
    };
    match accepted {
        Accepted::Unix(stream) => {
            if let Ok(credentials) = stream.peer_cred() {
                origin.uid = Some(credentials.uid());
                origin.pid = credentials.pid();
            }
            (origin, None)
        }
        Accepted::Tcp(stream) => {
            let address = stream.peer_addr().ok();
            origin.kind = Kind::Tcp;
            origin.source = address.map(|address| address.to_string());
            (origin, address.map(|address| address.ip()))
        }
    }
}

/// Twice per timeout: pings the clients of this listener that got nothing since the last time, and
/// looks at their rights. One wake-up serves all of them; without clients there is none. It is also
/// what makes the workers look at their loads; while these ask for it, they look more often.
pub(super) async fn keep_alive(
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    ticker: Ticker,
) -> io::Result<()> {
    loop {
        if listener.clients.load(Ordering::Relaxed) == 0 {
            hub.crew.rest();
            ticker.stop()?;
            listener.arrived.notified().await;
            ticker.start()?;
        }
        if !wait_and_balance(&hub, &ticker).await? {
            continue;
        }
        look_after(&hub, &listener);
    }
}

/// What is done with each tick.
pub(super) fn look_after(hub: &Hub, listener: &Listener) {
    let peers = hub.peers().into_iter().map(|(peer, _)| peer);
    let peers: Vec<_> = peers.filter(|peer| is_of(peer, listener)).collect();
    refresh::refresh_all(hub, &peers);
    for peer in peers {
        if let Inbox::Socket { outbox, .. } = &peer.inbox {
            outbox.ping_if_idle(&PING);
        }
    }
}

/// Makes the workers look at their loads, then waits for a tick, or until they should look again.
/// False if it was not the tick that came.
async fn wait_and_balance(hub: &Hub, ticker: &Ticker) -> io::Result<bool> {
    let soon = hub.crew.balance(|| hub.socket_peers());
    let again = async {
        match soon {
            Some(soon) => tokio::time::sleep(soon).await,
            None => hub.crew.alerted().await,
        }
    };
    tokio::select! {
        biased;
        ticked = ticker.tick() => ticked.map(|()| true),
        () = again => Ok(false),
    }
}

fn is_of(peer: &Peer, listener: &Listener) -> bool {
    match &peer.origin.port {
        Some(port) => Arc::ptr_eq(port, &listener.port),
        None => false,
    }
}
