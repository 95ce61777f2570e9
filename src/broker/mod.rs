//! The broker, to be embedded in an application.
//!
//! ```
//! use elbus::broker::{Broker, ServerConfig};
//! use elbus::client::AsyncClient;
//! use elbus::{QoS, empty_payload};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), elbus::Error> {
//! # let directory = std::env::temp_dir().join(format!("elbus-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let path = directory.join("bus.sock");
//! # let path = path.to_str().unwrap_or("bus.sock");
//! let mut broker = Broker::new();
//! broker.spawn_unix_server(path, ServerConfig::new()).await?;
//!
//! let mut sensor = broker.register_client("sensor").await?;
//! let mut logger = broker.register_client("logger").await?;
//! let events = logger.take_event_channel().expect("taken once");
//! sensor.send("logger", empty_payload!(), QoS::Processed).await?;
//! assert_eq!(events.recv().await.expect("the client is registered").sender(), "sensor");
//! # drop(broker);
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(())
//! # }
//! ```
//!
//! How a frame travels, file by file: `session` reads and decodes it, `access` says whether it is
//! allowed, `router` finds its receivers in `registry` or `topics` and makes it a `parcel`, which each
//! receiver's outbox takes (`peer`, and `transport::outbox` below).

mod access;
mod admission;
#[cfg(feature = "rpc")]
mod announce;
mod batch;
mod config;
#[cfg(feature = "rpc")]
mod core_rpc;
#[cfg(feature = "rpc")]
mod fifo;
mod gate;
mod handshake;
mod hub;
mod internal;
mod listener;
#[cfg(feature = "metrics")]
mod metrics;
mod origin;
mod parcel;
mod peer;
mod refresh;
mod registry;
#[cfg(any(feature = "rpc", feature = "metrics"))]
mod roster;
mod router;
mod session;
mod socket_path;
mod sources;
mod tally;
mod ticker;
#[cfg(feature = "tls")]
mod tls;
mod topics;
mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use access::{AaaMap, ClientAaa, HostList, IpNetwork, broker_methods, guarded_methods};
#[cfg(feature = "rpc")]
pub use announce::BrokerEvent;
pub use config::{BrokerOptions, Overflow, ServerConfig};
pub use internal::Client;
#[cfg(feature = "metrics")]
pub use metrics::MetricsAddress;
#[cfg(feature = "tls")]
pub use tls::{TlsServer, TlsServerConfig};

use crate::Error;
use crate::common::{BrokerInfo, BrokerStats};
use hub::Hub;
use listener::{Acceptor, Listener, Tether};
use peer::{Inbox, Reason};
use socket_path::BoundPath;
use ticker::Ticker;

/// Frames that may wait for a client, unless configured.
pub const DEFAULT_QUEUE_SIZE: usize = crate::DEFAULT_QUEUE_SIZE;

/// The broker's own client: core methods, announcements, fifo.
pub const BROKER_NAME: &str = ".broker";

/// The topic on which registrations are announced.
pub const BROKER_INFO_TOPIC: &str = ".broker/info";

/// The topic of warnings, to which every external client is subscribed from the start.
pub const BROKER_WARN_TOPIC: &str = ".broker/warn";

/// Keep-alive is not checked more often than this, however short the timeout.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// A message broker. Dropping it ends its listeners and all connections.
pub struct Broker {
    hub: Arc<Hub>,
    tasks: Vec<JoinHandle<()>>,
    bound: Vec<BoundPath>,
    /// For the connections of the listeners started from now on.
    tether: Tether,
    /// Dropped to stop those connections.
    running: watch::Sender<()>,
    ended: mpsc::Receiver<std::convert::Infallible>,
    #[cfg(feature = "rpc")]
    core_rpc_client: Arc<tokio::sync::Mutex<Option<crate::rpc::RpcClient>>>,
}

impl Default for Broker {
    fn default() -> Self {
        Self::new()
    }
}

impl Broker {
    /// A broker without listeners and without core client.
    pub fn new() -> Self {
        Self::with_options(BrokerOptions::new())
    }

    /// A broker with other bounds or runtimes than the defaults.
    pub fn with_options(options: BrokerOptions) -> Self {
        let (tether, running, ended) = Tether::new();
        Self {
            hub: Arc::new(Hub::new(options)),
            tasks: Vec::new(),
            bound: Vec::new(),
            tether,
            running,
            ended,
            #[cfg(feature = "rpc")]
            core_rpc_client: Arc::default(),
        }
    }

    /// What all clients together have sent and received since the start.
    pub fn stats(&self) -> BrokerStats {
        self.hub.stats()
    }

    /// Who made this broker, and its version.
    pub fn info() -> BrokerInfo<'static> {
        BrokerInfo {
            author: crate::AUTHOR,
            version: crate::VERSION,
        }
    }

    /// Frames that may wait for clients registered from now on, unless their listener says
    /// otherwise. At least 1.
    pub fn set_queue_size(&mut self, frames: usize) {
        self.hub.set_queue_size(frames);
    }

    /// Registers a client of this process. Its name may start with a dot.
    ///
    /// # Errors
    ///
    /// `Data` if the name breaks a rule, `Busy` if it is taken or the broker is full,
    /// `NotRegistered` if it is that of a secondary without primary.
    #[allow(clippy::unused_async)]
    pub async fn register_client(&self, name: &str) -> Result<Client, Error> {
        internal::register(&self.hub, name)
    }

    /// Registers a secondary of a client of this process, as `NAME%%0`, `NAME%%1` and so on.
    ///
    /// # Errors
    ///
    /// As [`register_client`](Self::register_client), and `NotSupported` for a secondary.
    #[allow(clippy::unused_async)]
    pub async fn register_secondary_for(&self, client: &Client) -> Result<Client, Error> {
        internal::register_secondary(&self.hub, client)
    }

    /// Unregisters a client of this process, with an announcement.
    pub async fn unregister_client(&self, client: &Client) {
        client.unregister().await;
    }

    /// Disconnects an external client.
    ///
    /// # Errors
    ///
    /// `NotRegistered` if there is no such client, `NotSupported` if it lives in this process.
    pub fn force_disconnect(&self, name: &str) -> Result<(), Error> {
        self.hub.force_disconnect(name)
    }

    /// Makes a change of an access map take effect on the clients that are connected now: those that
    /// are no longer admitted are disconnected, and subscriptions that are no longer allowed end.
    /// Without this call both happens as well, within half a timeout of the listener.
    pub fn refresh_access(&self) {
        let peers = self.hub.peers().into_iter().map(|(peer, _)| peer);
        refresh::refresh_all(&self.hub, &peers.collect::<Vec<_>>());
    }

    /// Announces an event to the subscribers of its topic; nothing happens without a core client.
    ///
    /// # Errors
    ///
    /// None at present: subscribers without room miss the announcement, which is counted.
    #[cfg(feature = "rpc")]
    #[allow(clippy::unused_async)]
    pub async fn announce(&self, event: BrokerEvent<'_>) -> Result<(), Error> {
        self.hub.announce(&event);
        Ok(())
    }

    /// Keeps an RPC client of the application as the broker's core client. It has to be made from a
    /// client that was registered as [`BROKER_NAME`].
    #[cfg(feature = "rpc")]
    pub async fn set_core_rpc_client(&self, client: crate::rpc::RpcClient) {
        *self.core_rpc_client.lock().await = Some(client);
    }

    /// The core client of the application, if it has set one.
    #[cfg(feature = "rpc")]
    pub fn core_rpc_client(&self) -> Arc<tokio::sync::Mutex<Option<crate::rpc::RpcClient>>> {
        self.core_rpc_client.clone()
    }

    /// Listens on a UNIX socket. A dead socket at the path is replaced.
    ///
    /// # Errors
    ///
    /// `Busy` if something else is at the path, `Io` if the system refuses.
    pub async fn spawn_unix_server(
        &mut self,
        path: &str,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let (socket, bound) = socket_path::listen_at(Path::new(path), &config).await?;
        self.bound.push(bound);
        self.listen(path, Acceptor::Unix(socket), config)
    }

    /// Listens on a TCP address, `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// `Io` if the address cannot be bound.
    pub async fn spawn_tcp_server(
        &mut self,
        addr: &str,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let socket = listener::bind_tcp(addr).await?;
        self.listen(addr, Acceptor::Tcp(socket), config)
    }

    /// Serves a UNIX socket that listens already, for instance one that the service manager has
    /// opened. What is at its path stays as it is: its mode, its owner, and the socket itself when
    /// the broker ends. The socket is made non-blocking.
    ///
    /// ```
    /// use std::os::unix::net::UnixListener;
    ///
    /// use elbus::broker::{Broker, ServerConfig};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), elbus::Error> {
    /// # let path = std::env::temp_dir().join(format!("elbus-doc-{}.sock", std::process::id()));
    /// let socket = UnixListener::bind(&path)?;
    /// let mut broker = Broker::new();
    /// broker.spawn_unix_listener(socket, ServerConfig::new()).await?;
    /// # drop(broker);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `Io` if the system refuses.
    #[allow(clippy::unused_async)]
    pub async fn spawn_unix_listener(
        &mut self,
        socket: std::os::unix::net::UnixListener,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let port = socket_path::name_of(&socket.local_addr()?);
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket)?;
        self.listen(&port, Acceptor::Unix(socket), config)
    }

    /// Serves a TCP socket that listens already. The socket is made non-blocking.
    ///
    /// # Errors
    ///
    /// `Io` if the system refuses.
    #[allow(clippy::unused_async)]
    pub async fn spawn_tcp_listener(
        &mut self,
        socket: std::net::TcpListener,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let port = socket.local_addr()?.to_string();
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        self.listen(&port, Acceptor::Tcp(socket), config)
    }

    fn listen(
        &mut self,
        address: &str,
        acceptor: Acceptor,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let ticker = Ticker::new((config.timeout / 2).max(SHORTEST_TICK)).map_err(Error::io)?;
        let listener = Listener::new(config, address, self.tether.clone());
        let hub = &self.hub;
        let keep_alive = listener::keep_alive(hub.clone(), listener.clone(), ticker);
        self.tasks.push(tokio::spawn(async move {
            if let Err(e) = keep_alive.await {
                log::error!("clients are no longer kept alive: {e}");
            }
        }));
        self.tasks
            .push(tokio::spawn(listener::run(hub.clone(), listener, acceptor)));
        Ok(())
    }

    /// Stops: no more connections, every client gets what waits for it, for at most `limit`, then
    /// all connections are closed and sockets and fifos removed. Announces nothing by itself.
    pub async fn shutdown(&mut self, limit: Duration) {
        // The end is proved: it has come when the last task has dropped its tether.
        let mut ended = self.close();
        self.bound.clear();
        if tokio::time::timeout(limit, ended.recv()).await.is_err() {
            log::warn!("some clients did not take what waited for them in time");
        }
    }

    /// Ends all connections and whatever may become one. What is returned tells when all have ended.
    fn close(&mut self) -> mpsc::Receiver<std::convert::Infallible> {
        let ended;
        // Before the clients are told: who registers after that finds the tether cut.
        (self.tether, self.running, ended) = Tether::new();
        self.tasks.drain(..).for_each(|task| task.abort());
        for (peer, _) in self.hub.peers() {
            if matches!(peer.inbox, Inbox::Socket { .. }) {
                peer.tell_to_end(Reason::Shutdown);
            }
        }
        std::mem::replace(&mut self.ended, ended)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(all(test, feature = "rpc"))]
mod simulation;
#[cfg(all(test, feature = "rpc"))]
mod tests;
