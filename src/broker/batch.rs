//! What one read of a session brings: frames are decoded, carried out, acknowledged.

use std::mem;
use std::sync::Arc;

use super::peer::{Inbox, Peer, Reason};
use super::refresh::{refresh_access, revoke_denied};
use super::router::{Held, Routed, Router};
use super::topics::{FilterError, FilterSet};
use crate::QoS;
use crate::borrow::Cow;
use crate::limits::DELIVERIES_PER_TURN;
use crate::protocol::request::{self, Filters, HEADER_BYTES, OpId, Operation, Request};
use crate::protocol::{DecodeError, Decoded, ERR_ACCESS, RESPONSE_OK, delivery};
use crate::transport::budget::Charge;
use crate::transport::intake::{Input, Stop, Taken};

/// What keeps a batch from going on.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// A receiver has no room; what to acknowledge when that is settled.
    Held(Box<Held>, Option<(OpId, QoS)>),
    /// Too many acks wait for this client itself.
    OwnAcks,
    /// Others on this thread should have their turn.
    Turn,
    Malformed(DecodeError),
}

/// The frames of one read.
pub(super) struct Batch<'a> {
    router: &'a mut Router,
    peer: &'a Arc<Peer>,
    /// Longest body, in bytes.
    limit: usize,
    /// Why it stopped before its end.
    pub(super) obstacle: Option<Obstacle>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(router: &'a mut Router, peer: &'a Arc<Peer>, limit: usize) -> Self {
        Self {
            router,
            peer,
            limit,
            obstacle: None,
        }
    }

    /// Carries out every whole frame, then lets the results leave. Stops at an obstacle.
    pub(super) fn process(&mut self, input: Input<'_>) -> Taken {
        if !refresh_access(&self.router.hub, self.peer) {
            self.router.hub.expel(self.peer, Reason::Access);
        }
        let is_alive = self.peer.is_alive();
        let taken = match input {
            Input::Frames(bytes) if is_alive => self.process_frames(bytes),
            Input::Large {
                head,
                payload,
                charge,
            } if is_alive => self.process_large(head, payload, charge),
            Input::Frames(bytes) => stopped_at(bytes.len()),
            Input::Large { head, .. } => stopped_at(head.len()),
        };
        self.router.settle();
        taken
    }

    fn process_frames(&mut self, bytes: &[u8]) -> Taken {
        let limit = self.limit;
        let mut consumed = 0;
        let (mut frames, mut body_bytes) = (0, 0);
        let stop = loop {
            let rest = &bytes[consumed..];
            match request::decode(rest, limit) {
                Ok(Decoded::Item { item, size }) => {
                    if let Request::Operation { qos, .. } = &item {
                        if self.check_own_room(*qos) {
                            break Stop::Pause;
                        }
                        frames += 1;
                        body_bytes += (size - HEADER_BYTES) as u64;
                    }
                    consumed += size;
                    self.carry_out(item, None, size - HEADER_BYTES);
                    if self.obstacle.is_some() {
                        break Stop::Pause;
                    }
                    let (frame, rest) = rest.split_at(size);
                    let run = self.router.follow(frame, rest, limit);
                    consumed += run.consumed;
                    frames += run.frames;
                    body_bytes += run.body_bytes;
                }
                Ok(Decoded::Incomplete { size }) => {
                    let payload_at = request::payload_at(rest);
                    break Stop::NeedMore { size, payload_at };
                }
                Err(e) => {
                    self.obstacle = Some(Obstacle::Malformed(e));
                    break Stop::Pause;
                }
            }
        };
        self.peer.count_received(frames, body_bytes);
        Taken { consumed, stop }
    }

    fn process_large(&mut self, head: &[u8], payload: &mut Vec<u8>, charge: &mut Charge) -> Taken {
        let body = head.len() - HEADER_BYTES + payload.len();
        let request = match request::decode_head(head) {
            Ok(request) => request,
            Err(e) => {
                self.obstacle = Some(Obstacle::Malformed(e));
                return stopped_at(head.len());
            }
        };
        if let Request::Operation { qos, .. } = &request
            && self.check_own_room(*qos)
        {
            return stopped_at(0);
        }
        self.peer.count_received(1, body as u64);
        self.router.charge = charge.covers_anything().then(|| mem::take(charge));
        self.carry_out(request, Some(mem::take(payload)), body);
        self.router.charge = None;
        let stop = match self.obstacle {
            Some(_) => Stop::Pause,
            None => Stop::NeedMore {
                size: HEADER_BYTES,
                payload_at: None,
            },
        };
        Taken {
            consumed: head.len(),
            stop,
        }
    }

    /// True, with the obstacle noted, if there is a reason in this session itself not to go on.
    #[inline]
    fn check_own_room(&mut self, qos: QoS) -> bool {
        if self.router.deliveries >= DELIVERIES_PER_TURN {
            self.obstacle = Some(Obstacle::Turn);
        } else if let Inbox::Socket { outbox, .. } = &self.peer.inbox
            && qos.needs_ack()
            && !outbox.has_ack_room()
        {
            self.obstacle = Some(Obstacle::OwnAcks);
        }
        self.obstacle.is_some()
    }

    /// Carries out one request and acknowledges it, unless it has to wait. `owned` is its payload if
    /// that was received by itself; `body` is the length of the body, in bytes.
    #[inline]
    fn carry_out(&mut self, request: Request<'_>, owned: Option<Vec<u8>>, body: usize) {
        // What was found out about an earlier frame says nothing about those that follow this one.
        self.router.forget_way();
        let Request::Operation {
            op_id,
            qos,
            operation,
        } = request
        else {
            return;
        };
        let router = &mut *self.router;
        let kept = |payload| owned.map_or(Cow::Borrowed(payload), Cow::Owned);
        let routed = match operation {
            Operation::Message { target, payload } => {
                router.message(target, None, kept(payload), qos, body)
            }
            Operation::Publish { topic, payload } => {
                router.publish(topic, None, kept(payload), qos, body)
            }
            Operation::PublishFor {
                topic,
                receiver,
                payload,
            } => router.publish(topic, Some(receiver), kept(payload), qos, body),
            Operation::Broadcast { mask, payload } => {
                router.broadcast(mask, kept(payload), qos, body)
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
            (Routed::Held(held), wanted) => self.obstacle = Some(Obstacle::Held(held, wanted)),
            (Routed::Done(code), Some((op_id, qos))) => {
                self.router.acknowledge(&delivery::ack(op_id, code), qos);
            }
            (Routed::Done(_), None) => {}
        }
    }

    fn subscribe(&self, filters: Filters<'_>) -> u8 {
        let Some(access) = &self.peer.access else {
            return self.add(FilterSet::Subscriptions, filters);
        };
        // Beyond the bound the frame is refused as a whole, before each filter costs a look at each
        // rule.
        if let Err(e) = self.router.hub.topics.check_count(filters.iter()) {
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
                if e == FilterError::Memory {
                    self.router.hub.warn_of_memory();
                }
                e.code()
            }
        }
    }
}

fn stopped_at(consumed: usize) -> Taken {
    Taken {
        consumed,
        stop: Stop::Pause,
    }
}
