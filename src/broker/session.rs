//! One connection, from its registration to its end, or until another thread goes on with it: reads frames, has them routed, acknowledges.
//!
//! Three things go on side by side in one task: reading, writing what the socket did not take at
//! once, and listening for a reason to end. None of them holds up the others, so a client that
//! waits for room in somebody's queue still gets its own frames.
//!
//! What is needed only now and then is boxed: a device may have a thousand connections, and what a
//! session may ever wait for would otherwise be part of each of them.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::config::Overflow;
use super::peer::{Inbox, Peer, Reason};
use super::refresh::{refresh_access, revoke_denied};
use super::router::{Held, Routed, Router};
use super::topics::{FilterError, FilterSet, check_count};
use crate::QoS;
use crate::borrow::Cow;
use crate::limits::{DELIVERIES_PER_TURN, LINGER, READ_BUFFER_BYTES};
use crate::protocol::request::{self, Filters, HEADER_BYTES, OpId, Operation, Request};
use crate::protocol::{DecodeError, Decoded, ERR_ACCESS, ERR_DATA, RESPONSE_OK, delivery};
use crate::transport::intake::{Intake, Stop, Taken};
use crate::transport::outbox::{Detach, Outbox};
use crate::transport::socket::WriteHalf;

/// A client with so many reads that have filled the buffer floods the broker.
const FULL_READS: u8 = 32;

/// Why a session is over.
#[derive(Debug)]
enum Ending {
    /// The client has closed its sending side.
    EndOfStream,
    /// The client has sent what is not the protocol.
    Malformed(DecodeError),
    /// Reading or writing failed.
    Io(io::Error),
    /// The broker has decided so.
    Told(Reason),
}

/// What keeps a batch from going on.
#[derive(Debug)]
enum Obstacle {
    /// A receiver has no room; what to acknowledge when that is settled.
    Held(Box<Held>, Option<(OpId, QoS)>),
    /// Too many acks wait for this client itself.
    OwnAcks,
    /// Others on this thread should have their turn.
    Turn,
    Malformed(DecodeError),
}

/// A registered client that is being served.
pub(super) struct Session {
    pub(super) router: Router,
    pub(super) peer: Arc<Peer>,
    pub(super) intake: Intake,
    pub(super) max_frame: usize,
    pub(super) timeout: Duration,
    /// By how many more reads have filled the buffer than not.
    full_reads: u8,
}

/// Writes what the socket does not take at once. Ends when it takes nothing for too long, but not
/// when it fails: a client that has gone may have sent something before, and reading ends by itself
/// when all of that is carried out.
async fn stalled(outbox: &Outbox, limit: Option<Duration>) {
    match outbox.drain(limit).await {
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
        Ok(()) | Err(_) => {
            outbox.close();
            std::future::pending().await
        }
    }
}

impl Session {
    pub(super) fn new(router: Router, intake: Intake, max_frame: usize, timeout: Duration) -> Self {
        Self {
            peer: router.source.clone(),
            router,
            intake,
            max_frame,
            timeout,
            full_reads: 0,
        }
    }

    /// Serves the client until its end, or until it is to go to another worker: then comes back with
    /// the socket taken out of the outbox.
    pub(super) async fn serve(mut self: Box<Self>) -> Option<(Box<Self>, WriteHalf)> {
        let (hub, peer) = (self.router.hub.clone(), self.peer.clone());
        let Inbox::Socket {
            outbox, overflow, ..
        } = &peer.inbox
        else {
            return None;
        };
        // A receiver that may lose frames may also take its time.
        let stall_limit = (*overflow != Overflow::Drop).then_some(self.timeout);
        let ending = loop {
            let ending = tokio::select! {
                biased;
                reason = peer.told_to_end() => Some(Ending::Told(reason)),
                () = stalled(outbox, stall_limit) => {
                    hub.expel_slow(&peer);
                    Some(Ending::Told(Reason::SlowConsumer))
                },
                ending = self.receive(outbox) => ending,
            };
            if let Some(ending) = ending {
                break ending;
            }
            match outbox.detach() {
                Detach::Socket(output) => return Some((self, output)),
                Detach::Busy => tokio::task::yield_now().await,
                Detach::Closed => peer.placement.stay(),
            }
        };
        log_ending(&peer, &ending);
        // From here on nothing more is queued for it, and its name is free.
        // When everybody goes, nobody needs to be told of each.
        let announced = !matches!(ending, Ending::Told(Reason::Shutdown));
        hub.unregister(&peer, announced);
        if !matches!(ending, Ending::Io(_) | Ending::Told(Reason::SlowConsumer)) {
            let limit = self.timeout.min(LINGER);
            // What the client does not take by then, it does not want.
            let last_words = outbox.finish(Some(limit));
            let _ = Box::pin(tokio::time::timeout(limit, last_words)).await;
        }
        outbox.close();
        None
    }

    /// Reads until the connection is over, or, without an ending, until it is to go on elsewhere.
    async fn receive(&mut self, outbox: &Outbox) -> Option<Ending> {
        loop {
            let mut obstacle = None;
            let Self {
                router,
                peer,
                intake,
                max_frame,
                full_reads,
                ..
            } = self;
            let read = {
                let mut read = pin!(intake.read(|bytes| {
                    *full_reads = match bytes.len() >= READ_BUFFER_BYTES {
                        true => full_reads.saturating_add(1),
                        false => full_reads.saturating_sub(1),
                    };
                    Batch { router, peer }.process(bytes, *max_frame, &mut obstacle)
                }));
                poll_fn(|cx| match peer.placement.is_elsewhere() {
                    true => Poll::Ready(None),
                    false => read.as_mut().poll(cx).map(Some),
                })
                .await?
            };
            if self.full_reads >= FULL_READS {
                self.full_reads = 0;
                self.router.hub.crew.alert();
            }
            match read {
                Ok(true) => {}
                Ok(false) => return Some(Ending::EndOfStream),
                Err(e) => return Some(Ending::Io(e)),
            }
            if !self.peer.is_alive() {
                return Some(Ending::Told(self.peer.told_to_end().await));
            }
            match obstacle {
                None => {}
                Some(Obstacle::Held(held, wanted)) => {
                    let code = Box::pin(self.router.wait(held)).await;
                    if let Some((op_id, qos)) = wanted {
                        self.router.acknowledge(&delivery::ack(op_id, code), qos);
                        self.router.settle();
                    }
                }
                Some(Obstacle::OwnAcks) => Box::pin(wait_for_ack_room(outbox)).await,
                Some(Obstacle::Turn) => tokio::task::yield_now().await,
                Some(Obstacle::Malformed(e)) => return Some(Ending::Malformed(e)),
            }
        }
    }
}

/// Waits until the client has read some of its acks. Its own drain task sees to it that this ends.
async fn wait_for_ack_room(outbox: &Outbox) {
    loop {
        let mut room = pin!(outbox.room());
        room.as_mut().enable();
        if outbox.has_ack_room() {
            return;
        }
        room.await;
    }
}

/// The frames of one read.
struct Batch<'a> {
    router: &'a mut Router,
    peer: &'a Arc<Peer>,
}

impl Batch<'_> {
    /// Carries out every whole frame in `bytes`, then lets the results leave. Stops at an obstacle.
    fn process(&mut self, bytes: &[u8], limit: usize, obstacle: &mut Option<Obstacle>) -> Taken {
        self.refresh_access();
        if !self.peer.is_alive() {
            return Taken {
                consumed: bytes.len(),
                stop: Stop::Pause,
            };
        }
        let mut consumed = 0;
        let (mut frames, mut body_bytes) = (0, 0);
        let stop = loop {
            match request::decode(&bytes[consumed..], limit) {
                Ok(Decoded::Item { item, size }) => {
                    let Request::Operation {
                        op_id,
                        qos,
                        operation,
                    } = item
                    else {
                        consumed += size;
                        continue;
                    };
                    if let Some(found) = self.check_own_room(qos) {
                        *obstacle = Some(found);
                        break Stop::Pause;
                    }
                    consumed += size;
                    frames += 1;
                    let body = size - HEADER_BYTES;
                    body_bytes += body as u64;
                    if let Some(held) = self.carry_out(operation, op_id, qos, body) {
                        *obstacle = Some(held);
                        break Stop::Pause;
                    }
                }
                Ok(Decoded::Incomplete { size }) => break Stop::NeedMore { size },
                Err(e) => {
                    *obstacle = Some(Obstacle::Malformed(e));
                    break Stop::Pause;
                }
            }
        };
        self.peer.count_received(frames, body_bytes);
        self.router.settle();
        Taken { consumed, stop }
    }

    /// Whether there is a reason in this session itself not to go on.
    #[inline]
    fn check_own_room(&self, qos: QoS) -> Option<Obstacle> {
        if self.router.deliveries >= DELIVERIES_PER_TURN {
            return Some(Obstacle::Turn);
        }
        match &self.peer.inbox {
            Inbox::Socket { outbox, .. } if qos.needs_ack() && !outbox.has_ack_room() => {
                Some(Obstacle::OwnAcks)
            }
            _ => None,
        }
    }

    /// Carries out one operation and acknowledges it, unless it has to wait.
    #[inline]
    fn carry_out(
        &mut self,
        operation: Operation<'_>,
        op_id: OpId,
        qos: QoS,
        body: usize,
    ) -> Option<Obstacle> {
        let router = &mut *self.router;
        let borrowed = |payload| Cow::Borrowed(payload);
        let routed = match operation {
            Operation::Message { target, payload } => {
                router.message(target, None, borrowed(payload), qos, body)
            }
            Operation::Publish { topic, payload } => {
                router.publish(topic, None, borrowed(payload), qos, body)
            }
            Operation::PublishFor {
                topic,
                receiver,
                payload,
            } => router.publish(topic, Some(receiver), borrowed(payload), qos, body),
            Operation::Broadcast { mask, payload } => {
                router.broadcast(mask, borrowed(payload), qos, body)
            }
            Operation::Subscribe(filters) => Routed::Done(self.subscribe(filters)),
            Operation::Exclude(filters) => Routed::Done(self.add(FilterSet::Exclusions, filters)),
            Operation::Unsubscribe(filters) => {
                Routed::Done(self.remove(FilterSet::Subscriptions, filters))
            }
            Operation::Unexclude(filters) => {
                Routed::Done(self.remove(FilterSet::Exclusions, filters))
            }
        };
        let wanted = qos.needs_ack().then_some((op_id, qos));
        match (routed, wanted) {
            (Routed::Held(held), wanted) => Some(Obstacle::Held(held, wanted)),
            (Routed::Done(code), Some((op_id, qos))) => {
                self.router.acknowledge(&delivery::ack(op_id, code), qos);
                None
            }
            (Routed::Done(_), None) => None,
        }
    }

    fn subscribe(&self, filters: Filters<'_>) -> u8 {
        let Some(access) = &self.peer.access else {
            return self.add(FilterSet::Subscriptions, filters);
        };
        // Beyond the bound the frame is refused as a whole, before each filter costs a look at each
        // rule.
        if let Err(e) = check_count(filters.iter()) {
            return self.code_of(Err(e));
        }
        let rights = access.current();
        let permitted = |filter: &&str| rights.may_subscribe_to(filter);
        let denied = filters.iter().find(|filter| !permitted(filter));
        let topics = &self.router.hub.topics;
        let permitted = filters.iter().filter(permitted);
        let added = topics.add(self.peer, FilterSet::Subscriptions, permitted);
        let mut code = self.code_of(added);
        if let Some(filter) = denied {
            let name = &self.peer.name;
            log::debug!("client {name:?}: may not subscribe to {filter:?}");
            code = ERR_ACCESS;
        }
        // A refresh on another thread may have looked through the subscriptions before these were
        // among them.
        if !Arc::ptr_eq(&rights, &access.current()) {
            revoke_denied(&self.router.hub, self.peer, access);
        }
        code
    }

    fn add(&self, set: FilterSet, filters: Filters<'_>) -> u8 {
        let topics = &self.router.hub.topics;
        self.code_of(topics.add(self.peer, set, filters.iter()))
    }

    fn remove(&self, set: FilterSet, filters: Filters<'_>) -> u8 {
        let topics = &self.router.hub.topics;
        self.code_of(topics.remove(self.peer, set, filters.iter()))
    }

    fn code_of(&self, result: Result<(), FilterError>) -> u8 {
        match result {
            Ok(()) => RESPONSE_OK,
            Err(e) => {
                log::warn!("client {:?}: request refused: {e}", self.peer.name);
                ERR_DATA
            }
        }
    }

    fn refresh_access(&self) {
        if !refresh_access(&self.router.hub, self.peer) {
            self.router.hub.expel(self.peer, Reason::Access);
        }
    }
}

fn log_ending(peer: &Peer, ending: &Ending) {
    let name = &peer.name;
    match ending {
        Ending::EndOfStream => log::info!("client {name:?} disconnected"),
        Ending::Malformed(e) => log::warn!("client {name:?} disconnected: {e}"),
        Ending::Io(e) if e.kind() == io::ErrorKind::TimedOut => {
            log::warn!("client {name:?} disconnected: no progress within the timeout");
        }
        Ending::Io(e) => log::info!("client {name:?} disconnected: {e}"),
        Ending::Told(reason) => log::info!("client {name:?} disconnected: {}", reason.as_str()),
    }
}
