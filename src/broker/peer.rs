//! A registered client as the broker sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::LiveAccess;
use super::config::Overflow;
use super::origin::Origin;
use super::parcel::Parcel;
use super::workers::Placement;
use crate::Frame;
use crate::limits::SLOW_WARNING_INTERVAL;
use crate::maps::HashSet;
use crate::protocol::names::{is_secondary, primary_name};
use crate::transport::budget::Charge;
use crate::transport::outbox::{Account, Load, Outbox, Progress, Push, Queued};

/// Where frames for a client go.
// Nearly all clients have sockets; boxing that variant would cost every frame an indirection.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(super) enum Inbox {
    /// To a socket.
    Socket {
        outbox: Outbox,
        overflow: Overflow,
        /// How long it may go without making room, and without taking a byte.
        patience: Duration,
    },
    /// To a client in this process.
    Channel(Channel),
    /// To the broker itself: `.broker`, answered by whoever sends to it.
    #[cfg(feature = "rpc")]
    Core,
}

/// The queue of a client in this process.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) frames: async_channel::Sender<Frame>,
    /// The application reads it, or will.
    taken: AtomicBool,
    queued: Mutex<Queued>,
}

/// Why a connection ends by the broker's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It did not make room for a frame in time, or at once under [`Overflow::Disconnect`].
    SlowConsumer,
    /// Its primary client has gone.
    PrimaryGone,
    /// An application or an operator asked for it.
    Forced,
    /// The access rules no longer admit it.
    Access,
    /// The broker stops.
    Shutdown,
}

impl Reason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::SlowConsumer => "slow consumer: its queue stayed full",
            Self::PrimaryGone => "its primary client has gone",
            Self::Forced => "disconnected on request",
            Self::Access => "no longer admitted by the access rules",
            Self::Shutdown => "the broker stops",
        }
    }
}

/// The filters of one client, and what they are charged with.
#[derive(Debug, Default)]
pub(super) struct OwnFilters {
    pub(super) subscriptions: HashSet<Box<str>>,
    pub(super) exclusions: HashSet<Box<str>>,
    /// In bytes.
    pub(super) charged: usize,
    /// For what goes beyond [`FREE_MEMORY_BYTES`](crate::limits::FREE_MEMORY_BYTES).
    pub(super) memory: Option<Charge>,
}

impl OwnFilters {
    pub(super) fn count(&self) -> usize {
        self.subscriptions.len() + self.exclusions.len()
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Peer {
    /// Unique for the life of the broker, unlike the name.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) origin: Origin,
    pub(super) inbox: Inbox,
    pub(super) access: Option<LiveAccess>,
    pub(super) placement: Placement,
    pub(super) own_filters: Mutex<OwnFilters>,
    /// When it registered, in nanoseconds since the UNIX epoch.
    pub(super) connected_ns: u64,
    /// What the broker received from it. Only its own session writes.
    received_frames: AtomicU64,
    received_bytes: AtomicU64,
    alive: AtomicBool,
    reason: Mutex<Option<Reason>>,
    told: Notify,
    last_warning: Mutex<Option<Warning>>,
}

/// What others were last told about a client without room.
#[derive(Debug, Clone, Copy)]
struct Warning {
    /// See [`Refusals`].
    spell: u64,
    at: Instant,
}

impl Peer {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        origin: Origin,
        inbox: Inbox,
        access: Option<LiveAccess>,
    ) -> Self {
        Self {
            id,
            name,
            origin,
            inbox,
            access,
            placement: Placement::default(),
            own_filters: Mutex::default(),
            connected_ns: crate::common::now_ns(),
            received_frames: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            alive: AtomicBool::new(true),
            reason: Mutex::new(None),
            told: Notify::new(),
            last_warning: Mutex::new(None),
        }
    }

    pub(super) fn primary_name(&self) -> &str {
        primary_name(&self.name)
    }

    pub(super) fn is_secondary(&self) -> bool {
        is_secondary(&self.name)
    }

    /// Its rights do not keep this topic from it.
    pub(super) fn may_receive(&self, topic: &str) -> bool {
        let access = self.access.as_ref();
        access.is_none_or(|access| access.allows(|rights| rights.may_receive(topic)))
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Relaxed)
    }

    /// Marks the peer as gone; true for the first caller only.
    pub(super) fn retire(&self) -> bool {
        self.alive.swap(false, Relaxed)
    }

    /// Tells the session to end. The first reason counts.
    pub(super) fn tell_to_end(&self, reason: Reason) {
        self.reason.lock().get_or_insert(reason);
        self.told.notify_one();
    }

    /// Tells the session to go on on another worker, as soon as it can.
    pub(super) fn tell_to_move(&self, worker: usize) {
        self.placement.want(worker);
        // Whatever its task waits for, it looks.
        self.told.notify_one();
    }

    /// Waits until the session is told to end.
    pub(super) async fn told_to_end(&self) -> Reason {
        loop {
            if let Some(reason) = *self.reason.lock() {
                return reason;
            }
            self.told.notified().await;
        }
    }

    /// Counts operations received from this peer. For its own session, which is the only writer.
    #[inline]
    pub(super) fn count_received(&self, frames: u64, bytes: u64) {
        let add = |counter: &AtomicU64, n| counter.store(counter.load(Relaxed) + n, Relaxed);
        add(&self.received_frames, frames);
        add(&self.received_bytes, bytes);
    }

    /// Frames and bytes received from this peer.
    pub(super) fn received(&self) -> (u64, u64) {
        (
            self.received_frames.load(Relaxed),
            self.received_bytes.load(Relaxed),
        )
    }

    /// What waits for this peer, and what was queued for it in all.
    pub(super) fn queued(&self) -> (Load, Queued) {
        match &self.inbox {
            Inbox::Socket { outbox, .. } => outbox.totals(),
            Inbox::Channel(channel) => {
                let load = Load {
                    frames: channel.frames.len(),
                    ..Load::default()
                };
                (load, *channel.queued.lock())
            }
            #[cfg(feature = "rpc")]
            Inbox::Core => Default::default(),
        }
    }

    /// What has left for this peer's socket.
    pub(super) fn progress(&self) -> Progress {
        match &self.inbox {
            Inbox::Socket { outbox, .. } => outbox.progress(),
            _ => Progress::default(),
        }
    }

    /// Queues one frame for this peer.
    #[inline]
    pub(super) fn push(&self, parcel: &mut Parcel<'_>, account: Account) -> Push {
        match &self.inbox {
            Inbox::Socket { outbox, .. } => outbox.push(parcel.encoded(), account),
            Inbox::Channel(channel) => channel.push(parcel),
            #[cfg(feature = "rpc")]
            Inbox::Core => Push::Queued { settle: false },
        }
    }

    /// Queues an ack for this peer, if it is one that gets acks by socket.
    #[inline]
    pub(super) fn push_ack(&self, ack: &[u8], realtime: bool) -> Push {
        use crate::transport::outbox::{Encoded, Payload};
        match &self.inbox {
            Inbox::Socket { outbox, .. } => {
                let frame = Encoded {
                    head: ack,
                    payload: Payload::Copied(&[]),
                    realtime,
                    counted: ack.len(),
                };
                outbox.push(frame, Account::Ack)
            }
            _ => Push::Closed,
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&self) {
        if let Inbox::Socket { outbox, .. } = &self.inbox {
            outbox.flush();
        }
    }

    /// Ends a batch of pushes.
    pub(super) fn settle(&self) {
        if let Inbox::Socket { outbox, .. } = &self.inbox {
            outbox.settle();
        }
    }

    /// Counts a frame that was not delivered. Returns the number of the spell of refusals that it
    /// belongs to.
    pub(super) fn count_refused(&self) -> u64 {
        match &self.inbox {
            Inbox::Socket { outbox, .. } => outbox.count_refused(),
            Inbox::Channel(channel) => channel.count_refused(),
            #[cfg(feature = "rpc")]
            Inbox::Core => 0,
        }
    }

    /// Whether others should be told of a spell of refusals, which they are then.
    pub(super) fn is_worth_a_warning(&self, spell: u64) -> bool {
        let mut last = self.last_warning.lock();
        let is_new = last
            .is_none_or(|last| last.spell != spell && last.at.elapsed() >= SLOW_WARNING_INTERVAL);
        if is_new {
            let at = Instant::now();
            *last = Some(Warning { spell, at });
        }
        is_new
    }
}

impl Channel {
    pub(super) fn new(frames: async_channel::Sender<Frame>) -> Self {
        Self {
            frames,
            taken: AtomicBool::new(false),
            queued: Mutex::default(),
        }
    }

    /// Notes that the application has taken the receiving end.
    pub(super) fn take(&self) {
        self.taken.store(true, Relaxed);
    }

    /// False if nobody can be reading: then it is of no use to wait for room.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Relaxed)
    }

    /// Counts a frame that was queued. `bytes` is what the statistics say it has.
    pub(super) fn count(&self, bytes: usize) {
        let mut queued = self.queued.lock();
        queued.frames += 1;
        queued.bytes += bytes as u64;
        if queued.refusals.are_going_on() && self.has_room() {
            queued.refusals.end();
        }
    }

    fn count_refused(&self) -> u64 {
        self.queued.lock().refuse()
    }

    /// Room means half of the bound, as in an outbox.
    fn has_room(&self) -> bool {
        let bound = self.frames.capacity().unwrap_or(usize::MAX);
        self.frames.len() <= bound / 2
    }

    fn push(&self, parcel: &mut Parcel<'_>) -> Push {
        match self.offer(parcel.frame(), parcel.counted) {
            Ok(()) => Push::Queued { settle: false },
            Err(async_channel::TrySendError::Full(_)) => Push::Full,
            Err(async_channel::TrySendError::Closed(_)) => Push::Closed,
        }
    }

    /// Queues one frame, which counts as so many bytes.
    #[inline]
    pub(super) fn offer(
        &self,
        frame: Frame,
        counted: usize,
    ) -> Result<(), async_channel::TrySendError<Frame>> {
        self.frames.try_send(frame)?;
        self.count(counted);
        Ok(())
    }
}
