//! From a decoded operation to the outboxes of its receivers: the one path for messages, broadcasts
//! and publications, of sessions and of clients in this process.
//!
//! A router belongs to one source. It never waits by itself: a receiver without room makes it
//! return a [`Held`] parcel, for which [`Router::wait`] waits as the receiver's overflow policy says,
//! after everything else has left.
//!
//! Here receivers are found; `offer` puts frames into their queues, `run` does so with many at once,
//! `wait` waits for room.

mod offer;
mod run;
#[cfg(test)]
mod tests;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use super::BROKER_NAME;
use super::hub::Hub;
use super::parcel::{Contents, fits_the_wire};
use super::peer::Peer;
use super::topics::Receivers;
use crate::borrow::Cow;
use crate::limits::{BROADCAST_COST, MAX_CACHED_TOPIC_BYTES, MAX_NAME_BYTES};
use crate::protocol::{ERR_ACCESS, ERR_CLIENT_NOT_REGISTERED, ERR_DATA, RESPONSE_OK};
use crate::transport::budget::Charge;
use crate::{FrameData, FrameKind, QoS};
use offer::Touched;
use run::Way;
pub(super) use wait::Held;

/// What became of an operation.
#[derive(Debug)]
pub(super) enum Routed {
    /// It is done, with this response code.
    Done(u8),
    /// Some receivers have no room.
    Held(Box<Held>),
}

/// See the top of this file.
pub(super) struct Router {
    pub(super) hub: Arc<Hub>,
    pub(super) source: Arc<Peer>,
    /// How long the source waits for a receiver in this process that has no room. Receivers behind
    /// sockets have a time of their own.
    timeout: Duration,
    /// The receiver of the last message that had one.
    last_target: Option<Arc<Peer>>,
    /// The target of the last message that had none.
    nobody: Nobody,
    /// The receivers of the last publication.
    last_topic: Option<LastTopic>,
    scratch: Vec<u8>,
    touched: Touched,
    /// Where the last frame has gone, until [`Router::follow`] asks.
    way: Option<Way>,
    /// Deliveries since the last [`Router::settle`].
    pub(super) deliveries: usize,
    /// What the payload of the present frame is charged with, if it is at all.
    pub(super) charge: Option<Charge>,
}

/// A name that no client had, as long as none has registered since.
#[derive(Default)]
struct Nobody {
    name: String,
    registrations: u64,
}

struct LastTopic {
    topic: String,
    generation: u64,
    receivers: Receivers,
}

/// `.broker` and everything below it.
fn is_of_broker(topic: &str) -> bool {
    let below = topic.strip_prefix(BROKER_NAME);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Router {
    pub(super) fn new(hub: Arc<Hub>, source: Arc<Peer>, timeout: Duration) -> Self {
        Self {
            hub,
            source,
            timeout,
            last_target: None,
            nobody: Nobody::default(),
            last_topic: None,
            scratch: Vec::new(),
            touched: Touched::default(),
            way: None,
            charge: None,
            deliveries: 0,
        }
    }

    /// Sends a message to one client. `counted` is the length of the body, in bytes.
    #[inline]
    pub(super) fn message<'a>(
        &mut self,
        target: &str,
        header: Option<Cow<'a>>,
        payload: Cow<'a>,
        qos: QoS,
        counted: usize,
    ) -> Routed {
        if !self.allows(|rights| rights.may_send_to(target)) {
            return Routed::Done(ERR_ACCESS);
        }
        let Some(receiver) = self.find(target) else {
            self.goes(Way::Nowhere, qos);
            return Routed::Done(ERR_CLIENT_NOT_REGISTERED);
        };
        #[cfg(feature = "rpc")]
        if matches!(receiver.inbox, super::peer::Inbox::Core) {
            let routed = self.ask_core(&receiver, header, payload, qos);
            self.last_target = Some(receiver);
            return routed;
        }
        if let super::peer::Inbox::Channel(channel) = &receiver.inbox {
            let header = header.as_ref().map(Cow::as_slice);
            let (sender, realtime) = (&self.source.name, qos.is_realtime());
            if !fits_the_wire(sender, None, header, payload.len()) {
                self.last_target = Some(receiver);
                return Routed::Done(ERR_DATA);
            }
            let kind = FrameKind::Message;
            let frame = FrameData::received(kind, realtime, sender, None, header, payload);
            let routed = self.push_here(&receiver, channel, Arc::new(frame), counted);
            self.last_target = Some(receiver);
            return routed;
        }
        if header.is_none() && self.push_small(&receiver, payload.as_slice(), qos, counted) {
            self.last_target = Some(receiver);
            self.goes(Way::Target, qos);
            return Routed::Done(RESPONSE_OK);
        }
        let contents = Contents {
            kind: FrameKind::Message,
            realtime: qos.is_realtime(),
            topic: None,
            header,
            payload,
            counted,
        };
        let routed = self.deliver(
            self.source.name.clone(),
            contents,
            std::slice::from_ref(&receiver),
            true,
        );
        self.last_target = Some(receiver);
        routed
    }

    /// Who has this name. Taken out of `last_target`, where the caller puts it again.
    #[inline]
    fn find(&mut self, name: &str) -> Option<Arc<Peer>> {
        match &self.last_target {
            Some(peer) if *peer.name == *name && peer.is_alive() => self.last_target.take(),
            _ => self.look_up(name),
        }
    }

    fn look_up(&mut self, name: &str) -> Option<Arc<Peer>> {
        // Read first: if somebody registers now, the next message is looked up again.
        let registrations = self.hub.registrations();
        if self.nobody.name == name && self.nobody.registrations == registrations {
            return None;
        }
        let found = self.hub.find(name);
        if found.is_none() && name.len() <= MAX_NAME_BYTES {
            self.nobody.name.clear();
            self.nobody.name.push_str(name);
            self.nobody.registrations = registrations;
        }
        found
    }

    /// Sends to every client whose name matches the mask.
    pub(super) fn broadcast(
        &mut self,
        mask: &str,
        payload: Cow<'_>,
        qos: QoS,
        counted: usize,
    ) -> Routed {
        if !self.allows(|rights| rights.may_broadcast_to(mask)) {
            return Routed::Done(ERR_ACCESS);
        }
        let mut receivers = self.hub.find_by_mask(mask);
        if let Some(access) = &self.source.access {
            let rights = access.current();
            if !rights.reaches_everybody() {
                receivers.retain(|receiver| rights.reaches(&receiver.name));
            }
        }
        // Looking for them takes time, also where there are few or none.
        self.deliveries += BROADCAST_COST;
        let contents = Contents {
            kind: FrameKind::Broadcast,
            realtime: qos.is_realtime(),
            topic: None,
            header: None,
            payload,
            counted,
        };
        self.deliver(self.source.name.clone(), contents, &receivers, false)
    }

    /// Publishes to a topic; with `receiver`, for the subscribers of that primary name only.
    pub(super) fn publish(
        &mut self,
        topic: &str,
        receiver: Option<&str>,
        payload: Cow<'_>,
        qos: QoS,
        counted: usize,
    ) -> Routed {
        let is_reserved = is_of_broker(topic) && !self.source.origin.liberties.broker_topics;
        if is_reserved || !self.allows(|rights| rights.may_publish_to(topic)) {
            return Routed::Done(ERR_ACCESS);
        }
        let mut receivers = self.receivers(topic);
        if let Some(name) = receiver {
            let chosen = receivers.iter().filter(|peer| peer.primary_name() == name);
            receivers = chosen.cloned().collect();
        }
        let contents = Contents {
            kind: FrameKind::Publish,
            realtime: qos.is_realtime(),
            topic: Some(topic),
            header: None,
            payload,
            counted,
        };
        let routed = self.deliver(self.source.name.clone(), contents, &receivers, false);
        if let (Routed::Done(RESPONSE_OK), None) = (&routed, receiver) {
            match &*receivers {
                [] => self.goes(Way::Nowhere, qos),
                [_] => self.goes(Way::Subscriber, qos),
                _ => self.goes(Way::Subscribers, qos),
            }
        }
        routed
    }

    fn receivers(&mut self, topic: &str) -> Receivers {
        match &self.last_topic {
            Some(last)
                if last.topic == topic && last.generation == self.hub.topics.generation() =>
            {
                last.receivers.clone()
            }
            _ => {
                let (generation, receivers) = self.hub.topics.receivers(topic);
                let last = self.last_topic.take();
                if topic.len() <= MAX_CACHED_TOPIC_BYTES {
                    // The memory of the topic before is used again.
                    let mut text = last.map(|last| last.topic).unwrap_or_default();
                    text.clear();
                    text.push_str(topic);
                    self.last_topic = Some(LastTopic {
                        topic: text,
                        generation,
                        receivers: receivers.clone(),
                    });
                }
                receivers
            }
        }
    }

    fn allows(&self, check: impl FnOnce(&super::access::Rights) -> bool) -> bool {
        match &self.source.access {
            None => true,
            Some(access) => access.allows(check),
        }
    }

    /// Gives a message to the broker's own client, and delivers the reply if there is one. A source
    /// that does not read its replies is a receiver without room, like any other.
    #[cfg(feature = "rpc")]
    fn ask_core(
        &mut self,
        core: &Peer,
        header: Option<Cow<'_>>,
        payload: Cow<'_>,
        qos: QoS,
    ) -> Routed {
        let header = header.as_ref().map(Cow::as_slice);
        let source = self.source.clone();
        let payload = payload.as_slice();
        // The reply is no part of the request.
        self.charge = None;
        let Some(reply) = super::core_rpc::answer(&self.hub, &source, header, payload) else {
            return Routed::Done(RESPONSE_OK);
        };
        let contents = Contents {
            kind: FrameKind::Message,
            realtime: qos.is_realtime(),
            topic: None,
            counted: source.name.len() + 1 + reply.head().len() + reply.body.len(),
            header: Some(Cow::Borrowed(reply.head())),
            payload: reply.body.as_borrowed(),
        };
        self.deliver(core.name.clone(), contents, &[source], true)
    }
}
