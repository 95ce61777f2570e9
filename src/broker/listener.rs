//! Accepting connections, and keeping those of one listener alive.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, mpsc, watch};

use super::admission::{Admission, Place};
use super::config::ServerConfig;
use super::gate::Gate;
use super::hub::Hub;
use super::origin::{Identity, Kind, Origin};
use super::peer::{Inbox, Peer, Reason};
use super::router::Router;
use super::session::Session;
use super::sources::Visit;
use super::ticker::Ticker;
#[cfg(feature = "tls")]
use super::tls::TlsServer;
use super::{handshake, refresh, socket_path, workers};
use crate::Error;
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use crate::protocol::delivery::PING;
use crate::transport::budget::Charge;
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

    pub(super) async fn stopped(&mut self) {
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

/// A bound socket of any kind.
pub(super) enum Acceptor {
    Unix(UnixListener),
    Tcp(TcpListener),
    #[cfg(feature = "tls")]
    Tls(TcpListener, TlsServer),
}

/// A new connection.
pub(super) enum Accepted {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream, SocketAddr),
    #[cfg(feature = "tls")]
    Tls(tokio::net::TcpStream, SocketAddr, TlsServer),
}

impl Accepted {
    pub(super) fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Unix(stream) => Socket::unix(stream),
            Self::Tcp(stream, _) => Socket::tcp(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream, _, tls) => tls.accept(stream),
        }
    }
}

impl Acceptor {
    /// The next connection, as soon as the system can give one. `port` is for the log.
    pub(super) async fn next(&self, port: &str) -> Accepted {
        let mut pause = ACCEPT_PAUSE_MIN;
        loop {
            match self.accept().await {
                Ok(accepted) => {
                    if pause > ACCEPT_PAUSE_MIN {
                        log::info!("{port}: accepting connections again");
                    }
                    return accepted;
                }
                Err(e) => {
                    // One line for the whole episode; what was accepted before goes on.
                    if pause == ACCEPT_PAUSE_MIN {
                        log::error!("{port}: cannot accept connections: {e}");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, address))
            }
            #[cfg(feature = "tls")]
            Self::Tls(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tls(stream, address, tls.clone()))
            }
        }
    }
}

/// Listens on a TCP address, `HOST:PORT`.
///
/// # Errors
///
/// `Io` if it cannot be bound.
pub(super) async fn bind_tcp(address: &str) -> Result<TcpListener, Error> {
    let explain = |e: io::Error| Error::io(format_args!("cannot bind {address}: {e}"));
    let socket = TcpListener::bind(address).await.map_err(explain)?;
    // The runtime's own number is too small for a plant in which the power comes back.
    socket_path::set_backlog(&socket).map_err(explain)?;
    Ok(socket)
}

/// Accepts connections for ever.
pub(super) async fn run(hub: Arc<Hub>, listener: Arc<Listener>, acceptor: Acceptor) {
    let admission = Admission::new(listener.config.max_handshakes.max(1), "do not register");
    let mut gate = Gate::new(&listener.config);
    loop {
        let accepted = acceptor.next(&listener.port).await;
        let origin = origin(&accepted, &listener);
        let socket = match accepted.into_socket() {
            Ok(socket) => socket,
            Err(e) => {
                log::warn!("{}: connection lost: {e}", listener.port);
                continue;
            }
        };
        let Some(visit) = gate.pass(&socket, &origin) else {
            continue;
        };
        let handshake_place = admission.enter(&listener.port).await;
        admit(&hub, &listener, socket, origin, (handshake_place, visit));
    }
}

/// A connection that has not said its name yet.
pub(super) struct Newcomer {
    pub(super) socket: Socket,
    pub(super) origin: Origin,
    /// The number of its worker.
    pub(super) place: usize,
}

/// Starts the session of a connection on the runtime for new ones.
pub(super) fn admit(
    hub: &Arc<Hub>,
    listener: &Arc<Listener>,
    socket: Socket,
    origin: Origin,
    held: (Place, Visit),
) {
    let place = hub.crew.entrance();
    let newcomer = Newcomer {
        socket,
        origin,
        place,
    };
    let connection = connection(hub.clone(), listener.clone(), newcomer, held);
    hub.crew.spawn(place, connection);
}

/// The life of one connection, until its session moves to another worker.
async fn connection(
    hub: Arc<Hub>,
    listener: Arc<Listener>,
    newcomer: Newcomer,
    (handshake_place, visit): (Place, Visit),
) {
    let mut tether = listener.tether.clone();
    // Boxed: the space it needs is given back before the session starts.
    let handshake = Box::pin(handshake::perform(&hub, &listener, newcomer));
    let shaken = tokio::select! {
        biased;
        shaken = handshake => shaken,
        () = tether.stopped() => None,
        () = handshake_place.needed() => None,
    };
    drop(handshake_place);
    let Some((peer, input)) = shaken else { return };
    if tether.has_stopped() {
        // The broker may have told its clients to end before it knew this one.
        peer.tell_to_end(Reason::Shutdown);
    }
    let config = &listener.config;
    let intake = Intake::new(input, config.timeout, Charge::new(&hub.budget));
    let router = Router::new(hub, peer, config.timeout);
    let session = Session::new(router, intake, config.max_frame, config.timeout);
    workers::lead(Box::new(session), Counted::new(listener, visit)).await;
}

/// One of the connected clients of a listener, until it is dropped.
pub(super) struct Counted {
    listener: Arc<Listener>,
    _visit: Visit,
}

impl Counted {
    fn new(listener: Arc<Listener>, visit: Visit) -> Self {
        if listener.clients.fetch_add(1, Ordering::Relaxed) == 0 {
            listener.arrived.notify_one();
        }
        Self {
            listener,
            _visit: visit,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.listener.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

fn origin(accepted: &Accepted, listener: &Listener) -> Origin {
    let mut origin = Origin {
        kind: Kind::LocalIpc,
        source: None,
        port: Some(listener.port.clone()),
        identity: Identity::default(),
        pid: None,
        hosts: listener.config.hosts.clone(),
        liberties: listener.config.liberties,
    };
    match accepted {
        Accepted::Unix(stream) => {
            if let Ok(credentials) = stream.peer_cred() {
                origin.identity.uid = Some(credentials.uid());
                origin.identity.gid = Some(credentials.gid());
                origin.pid = credentials.pid();
            }
        }
        Accepted::Tcp(_, address) => set_remote(&mut origin, *address),
        // Programs that read `client.list` know no other kind; that it is TLS is told by the port.
        #[cfg(feature = "tls")]
        Accepted::Tls(_, address, _) => set_remote(&mut origin, *address),
    }
    origin
}

fn set_remote(origin: &mut Origin, address: SocketAddr) {
    origin.kind = Kind::Tcp;
    origin.source = Some(address.to_string());
    origin.identity.address = Some(address.ip());
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
        if listener.clients() == 0 {
            hub.crew.rest();
            ticker.stop()?;
            listener.arrived.notified().await;
            ticker.start()?;
        }
        // Also when the last client has gone, so that there is always a tick after that.
        while !wait_and_balance(&hub, &ticker).await? {}
        look_after(&hub, &listener);
        hub.keep_alive.0(listener.clients());
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
