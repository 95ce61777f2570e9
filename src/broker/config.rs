//! What an application can choose: for the broker as a whole, and for each listener.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::access::{AaaMap, HostList};
use super::origin::Liberties;
use super::sources::SourceLimits;
use crate::limits::{
    DEFAULT_MAX_CLIENTS, DEFAULT_MAX_FRAME, DEFAULT_MAX_HANDSHAKES, DEFAULT_MAX_MEMORY,
    DEFAULT_QUEUE_BYTES, MAX_FILTERS,
};
use crate::transport::outbox::TIMER_RESOLUTION;
use crate::{DEFAULT_BUF_SIZE, DEFAULT_BUF_TTL, DEFAULT_QUEUE_SIZE, DEFAULT_TIMEOUT, Error};

/// What happens when the queue of a receiver is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The sender's socket is not read until there is room. A receiver that makes no room within
    /// the timeout is disconnected, and the sender gets `77` (not delivered).
    #[default]
    Backpressure,
    /// The frame is refused with `77`; the receiver stays.
    Drop,
    /// The frame is refused with `77`; the receiver is disconnected at once.
    Disconnect,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backpressure => "backpressure",
            Self::Drop => "drop",
            Self::Disconnect => "disconnect",
        })
    }
}

impl FromStr for Overflow {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "backpressure" => Ok(Self::Backpressure),
            "drop" => Ok(Self::Drop),
            "disconnect" => Ok(Self::Disconnect),
            _ => Err(Error::data(format_args!(
                "{text:?} is none of backpressure, drop, disconnect"
            ))),
        }
    }
}

/// Options of a broker.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    pub(super) max_clients: usize,
    pub(super) queue_size: usize,
    pub(super) max_subscriptions: usize,
    pub(super) max_memory: usize,
    pub(super) workers: Vec<tokio::runtime::Handle>,
    pub(super) wake_worker: WakeWorker,
    pub(super) keep_alive: KeepAlive,
}

/// Called with each tick of a listener, and the number of its clients.
#[derive(Clone)]
pub(super) struct KeepAlive(pub(super) Arc<dyn Fn(usize) + Send + Sync>);

impl Default for KeepAlive {
    /// Nobody wants to know.
    fn default() -> Self {
        Self(Arc::new(|_| ()))
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepAlive")
    }
}

/// Gives a worker its thread, by its number.
#[derive(Clone)]
pub(super) struct WakeWorker(pub(super) Arc<dyn Fn(usize) -> io::Result<()> + Send + Sync>);

impl Default for WakeWorker {
    /// They all have one.
    fn default() -> Self {
        Self(Arc::new(|_| Ok(())))
    }
}

impl fmt::Debug for WakeWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WakeWorker")
    }
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            max_clients: DEFAULT_MAX_CLIENTS,
            queue_size: DEFAULT_QUEUE_SIZE,
            max_subscriptions: MAX_FILTERS,
            max_memory: DEFAULT_MAX_MEMORY,
            workers: Vec::new(),
            wake_worker: WakeWorker::default(),
            keep_alive: KeepAlive::default(),
        }
    }
}

impl BrokerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clients registered at a time, those of this process and secondaries included; one more is
    /// answered `76` (busy). Default: [`DEFAULT_MAX_CLIENTS`].
    pub fn max_clients(mut self, clients: usize) -> Self {
        self.max_clients = clients;
        self
    }

    /// Frames that may wait for a client whose listener sets no size of its own, at least 1. Default:
    /// [`DEFAULT_QUEUE_SIZE`].
    pub fn queue_size(mut self, frames: usize) -> Self {
        self.queue_size = frames;
        self
    }

    /// Topic filters of one client, exclusions included, from 1 to [`MAX_FILTERS`], which is the
    /// default. A frame with one more is answered `72` (data) and changes nothing.
    pub fn max_subscriptions(mut self, filters: usize) -> Self {
        self.max_subscriptions = filters;
        self
    }

    /// What clients may take together, in bytes: queues behind sockets, large frames of which a part
    /// has arrived, topic filters (of one client a quarter at most). The first
    /// [`FREE_MEMORY_BYTES`](crate::limits::FREE_MEMORY_BYTES) of each queue and of each client's
    /// filters are not counted; a payload of more than 64 KiB that comes by socket is counted once,
    /// however many clients it waits for. When all is taken, a frame for a queue waits for a timeout at
    /// most and is then answered `77` (not delivered), or at once where the policy is not to wait
    /// ([`Overflow`]); its receiver stays. A client that sends a large frame is not read from, and is
    /// disconnected when nobody gives anything back for a timeout. Topic filters are answered `76`
    /// (busy). Default: [`DEFAULT_MAX_MEMORY`].
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.max_memory = bytes;
        self
    }

    /// Runtimes that may be used for connections, the preferred one first; each with a thread of its
    /// own, as a current-thread runtime has. Connections are kept together on the first one, where
    /// they share its wake-ups, until that is busy all the time while the machine has a core to
    /// spare. Then some of them move on to the next, and come back when there is less to do. They all
    /// have to run as long as the broker does: a client that moves to one that has ended is
    /// disconnected. Without any, connections stay on the runtime that the listener was started on.
    pub fn workers(mut self, workers: Vec<tokio::runtime::Handle>) -> Self {
        self.workers = workers;
        self
    }

    /// For workers that have no thread while they have nothing to do: called with the position of a
    /// runtime in [`workers`](Self::workers) before a client is sent there, and again when its task
    /// was spawned. From then on the runtime has to be driven until it has no tasks any more. If that
    /// fails, the client stays where it is. Default: all runtimes are always driven.
    pub fn wake_workers(
        mut self,
        wake: impl Fn(usize) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.wake_worker = WakeWorker(Arc::new(wake));
        self
    }

    /// For what an application wants to do now and then without a wake-up of its own, such as giving
    /// free memory back: called by each listener twice per timeout, with the number of its clients.
    /// The last call before a listener comes to rest is with 0; while it has no clients there is none.
    /// It is called on the runtime of the listener, which serves nobody meanwhile.
    pub fn on_keep_alive(mut self, tick: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.keep_alive = KeepAlive(Arc::new(tick));
        self
    }
}

/// Options of one listener.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub(super) timeout: Duration,
    pub(super) buf_ttl: Duration,
    pub(super) queue_size: Option<usize>,
    pub(super) queue_bytes: usize,
    pub(super) max_frame: usize,
    pub(super) overflow: Overflow,
    pub(super) socket_mode: Option<u32>,
    pub(super) socket_group: Option<u32>,
    pub(super) socket_owner: Option<u32>,
    pub(super) aaa_map: Option<AaaMap>,
    pub(super) liberties: Liberties,
    pub(super) hosts: Option<HostList>,
    pub(super) max_handshakes: usize,
    pub(super) sources: SourceLimits,
    buf_size: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            buf_ttl: DEFAULT_BUF_TTL,
            queue_size: None,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            max_frame: DEFAULT_MAX_FRAME,
            overflow: Overflow::default(),
            socket_mode: None,
            socket_group: None,
            socket_owner: None,
            aaa_map: None,
            liberties: Liberties::default(),
            hosts: None,
            max_handshakes: DEFAULT_MAX_HANDSHAKES,
            sources: SourceLimits::default(),
            buf_size: DEFAULT_BUF_SIZE,
        }
    }
}

impl ServerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepted for compatibility and without effect: connections that wait hold no buffer, and
    /// those that read borrow one of [`READ_BUFFER_BYTES`](crate::limits::READ_BUFFER_BYTES).
    pub fn buf_size(mut self, bytes: usize) -> Self {
        self.buf_size = bytes;
        self
    }

    /// How long a frame that is not real-time may wait to be joined by others. Below one
    /// millisecond, the resolution of the timers, frames leave at the end of the batch they came
    /// with. Default: 10 µs.
    pub fn buf_ttl(mut self, ttl: Duration) -> Self {
        self.buf_ttl = ttl;
        self
    }

    /// Bounds each step of the handshake, an unfinished frame without progress, a write without
    /// progress and the wait for a full queue; twice per timeout idle clients get a ping. Default:
    /// 1 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Frames that may wait for a client of this listener, at least 1. Default: the broker's queue
    /// size.
    pub fn queue_size(mut self, frames: usize) -> Self {
        self.queue_size = Some(frames);
        self
    }

    /// Bytes that may wait for a client of this listener; a larger frame is accepted if nothing
    /// else waits. Default: [`DEFAULT_QUEUE_BYTES`].
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Longest body of a frame from a client, in bytes; a longer one ends the connection. Default:
    /// [`DEFAULT_MAX_FRAME`].
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// What happens when the queue of a client of this listener is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Permission bits of a UNIX socket, such as `0o660`. Default: as the umask has it.
    pub fn socket_mode(mut self, mode: u32) -> Self {
        self.socket_mode = Some(mode);
        self
    }

    /// Group id that a UNIX socket is given. Default: the group of the process.
    pub fn socket_group(mut self, gid: u32) -> Self {
        self.socket_group = Some(gid);
        self
    }

    /// User id that a UNIX socket or fifo is given, for a process that is going to run as that
    /// user. Default: the user of the process.
    pub fn socket_owner(mut self, uid: u32) -> Self {
        self.socket_owner = Some(uid);
        self
    }

    /// Who may register, and what they may do. Default: everybody, everything.
    pub fn aaa_map(mut self, map: AaaMap) -> Self {
        self.aaa_map = Some(map);
        self
    }

    /// From where peers may connect over TCP. Default: from everywhere.
    pub fn hosts(mut self, hosts: HostList) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// Connections in the handshake at a time, at least 1. For one more, that which has been there
    /// for the longest time is dropped. Default: [`DEFAULT_MAX_HANDSHAKES`].
    pub fn max_handshakes(mut self, connections: usize) -> Self {
        self.max_handshakes = connections;
        self
    }

    /// Connections of this listener at a time, those in the handshake included; one more is answered
    /// `76` (busy). Default: no limit but that of the broker, see [`BrokerOptions::max_clients`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.sources.total = connections;
        self
    }

    /// Connections of this listener at a time from one source: a host, or a user of this machine;
    /// one more is answered `76` (busy). An IPv6 network of 64 bits counts as one host. Root and the
    /// user of this process are exempt. Default: no limit.
    pub fn max_connections_per_source(mut self, connections: usize) -> Self {
        self.sources.each = connections;
        self
    }

    /// New connections per second from one source, see
    /// [`max_connections_per_source`](Self::max_connections_per_source); as many may come at once.
    /// One more is answered `76` (busy). 0: no limit, which is the default.
    pub fn connect_rate(mut self, connections: u32) -> Self {
        self.sources.rate = connections;
        self
    }

    /// Lets clients publish to `.broker` and the topics below it, where subscribers expect the
    /// broker's own announcements. Default: they are refused as `79`.
    pub fn open_broker_topics(mut self, open: bool) -> Self {
        self.liberties.broker_topics = open;
        self
    }

    /// Lets clients register secondaries of primary clients that belong to other users or hosts. By
    /// default that is refused as `79`: a secondary shares the rights of its primary, and its name
    /// imitates it. Clients on UNIX sockets belong together if they have the same user; clients over
    /// TCP if they have the same address; one of each if the latter comes from this machine. Root
    /// may always.
    pub fn open_secondaries(mut self, open: bool) -> Self {
        self.liberties.foreign_secondaries = open;
        self
    }

    /// The linger time of outboxes. A session has the frames of a whole read batch in its hands, so
    /// lingering for less than a timer can do would only cost a task switch.
    pub(super) fn linger(&self) -> Option<Duration> {
        (self.buf_ttl >= TIMER_RESOLUTION).then_some(self.buf_ttl)
    }
}
