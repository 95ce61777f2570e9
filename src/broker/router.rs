//! From a decoded operation to the outboxes of its receivers: the one path for messages, broadcasts
//! and publications, of sessions and of clients in this process.
//!
//! A router belongs to one source. It never waits by itself: a receiver without room makes it
//! return a [`Held`] parcel, for which [`Router::wait`] waits as the receiver's overflow policy says,
//! after everything else has left.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::config::Overflow;
use super::hub::Hub;
use super::parcel::{Contents, Parcel};
use super::peer::{Inbox, Peer};
use super::topics::Receivers;
use crate::borrow::Cow;
use crate::limits::MAX_CACHED_TOPIC_BYTES;
use crate::protocol::{
    ERR_ACCESS, ERR_CLIENT_NOT_REGISTERED, ERR_DATA, ERR_NOT_DELIVERED, RESPONSE_OK,
};
use crate::transport::outbox::{Account, Progress, Push};
use crate::{FrameKind, QoS};

/// What became of an operation.
#[derive(Debug)]
pub(super) enum Routed {
    /// It is done, with this response code.
    Done(u8),
    /// Some receivers have no room.
    Held(Box<Held>),
}

/// A parcel for receivers that have no room.
#[derive(Debug)]
pub(super) struct Held {
    parcel: Parcel<'static>,
    receivers: Vec<Reluctant>,
    since: Instant,
}

/// A receiver that has no room, and what it had taken when that was found.
#[derive(Debug)]
struct Reluctant {
    peer: Arc<Peer>,
    progress: Progress,
}

/// What became of one offer to one receiver.
enum Offered {
    Done(u8),
    Wait,
}

/// See the top of this file.
pub(super) struct Router {
    pub(super) hub: Arc<Hub>,
    pub(super) source: Arc<Peer>,
    /// How long the source waits for a receiver in this process that has no room. Receivers behind
    /// sockets have a time of their own.
    timeout: Duration,
    /// The receiver of the last message.
    last_target: Option<Arc<Peer>>,
    /// The receivers of the last publication.
    last_topic: Option<LastTopic>,
    scratch: Vec<u8>,
    touched: Touched,
    /// Deliveries since the last [`Router::settle`].
    pub(super) deliveries: usize,
}

struct LastTopic {
    topic: String,
    generation: u64,
    receivers: Receivers,
}

/// Outboxes that this source has promised to settle. Keeps the promise also when the source ends
/// in the middle of a batch.
#[derive(Default)]
struct Touched(Vec<Arc<Peer>>);

impl Touched {
    fn settle(&mut self) {
        for peer in self.0.drain(..) {
            peer.settle();
        }
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Router {
    pub(super) fn new(hub: Arc<Hub>, source: Arc<Peer>, timeout: Duration) -> Self {
        Self {
            hub,
            source,
            timeout,
            last_target: None,
            last_topic: None,
            scratch: Vec::new(),
            touched: Touched::default(),
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
        let known = matches!(
            &self.last_target,
            Some(peer) if *peer.name == *target && peer.is_alive()
        );
        if !known {
            self.last_target = self.hub.find(target);
        }
        let Some(receiver) = self.last_target.take() else {
            return Routed::Done(ERR_CLIENT_NOT_REGISTERED);
        };
        #[cfg(feature = "rpc")]
        if matches!(receiver.inbox, Inbox::Core) {
            let routed = self.ask_core(&receiver, header, payload, qos);
            self.last_target = Some(receiver);
            return routed;
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
        let receivers = self.hub.find_by_mask(mask);
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
        if !self.allows(|rights| rights.may_publish_to(topic)) {
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
        self.deliver(self.source.name.clone(), contents, &receivers, false)
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
                self.last_topic = (topic.len() <= MAX_CACHED_TOPIC_BYTES).then(|| LastTopic {
                    topic: topic.to_owned(),
                    generation,
                    receivers: receivers.clone(),
                });
                receivers
            }
        }
    }

    /// Offers one frame to each receiver. A message (`single`) is answered with what became of it,
    /// a broadcast or publication always with success.
    fn deliver(
        &mut self,
        sender: Arc<str>,
        contents: Contents<'_>,
        receivers: &[Arc<Peer>],
        single: bool,
    ) -> Routed {
        let scratch = mem::take(&mut self.scratch);
        let mut parcel = Parcel::new(sender, contents, scratch);
        if !parcel.fits_the_wire() {
            self.scratch = parcel.into_scratch();
            return Routed::Done(ERR_DATA);
        }
        let mut code = RESPONSE_OK;
        let mut waiting = Vec::new();
        for receiver in receivers {
            match self.offer(receiver, &mut parcel) {
                Offered::Done(outcome) if single => code = outcome,
                Offered::Done(_) => {}
                Offered::Wait => waiting.push(Reluctant {
                    peer: receiver.clone(),
                    progress: receiver.progress(),
                }),
            }
        }
        if waiting.is_empty() {
            self.scratch = parcel.into_scratch();
            return Routed::Done(code);
        }
        Routed::Held(Box::new(Held {
            parcel: parcel.into_owned(),
            receivers: waiting,
            since: Instant::now(),
        }))
    }

    /// Offers a frame to one receiver and, if it has no room, does what its policy says.
    #[inline]
    fn offer(&mut self, receiver: &Arc<Peer>, parcel: &mut Parcel<'_>) -> Offered {
        self.deliveries += 1;
        match receiver.push(parcel, Account::Frame) {
            Push::Queued { settle } => {
                if settle {
                    self.touched.0.push(receiver.clone());
                }
                Offered::Done(RESPONSE_OK)
            }
            Push::Closed => Offered::Done(ERR_CLIENT_NOT_REGISTERED),
            Push::Full => self.offer_again(receiver, parcel),
        }
    }

    /// The queue is full; perhaps only of what this very batch has put there.
    #[cold]
    fn offer_again(&mut self, receiver: &Arc<Peer>, parcel: &mut Parcel<'_>) -> Offered {
        receiver.flush();
        match receiver.push(parcel, Account::Frame) {
            Push::Queued { settle } => {
                if settle {
                    self.touched.0.push(receiver.clone());
                }
                Offered::Done(RESPONSE_OK)
            }
            Push::Closed => Offered::Done(ERR_CLIENT_NOT_REGISTERED),
            Push::Full => match &receiver.inbox {
                // If the socket is not what is full, another source is emptying the queue right now.
                Inbox::Socket {
                    outbox, overflow, ..
                } if *overflow != Overflow::Backpressure && outbox.is_blocked() => {
                    let spell = self.refuse(receiver);
                    match overflow {
                        Overflow::Drop => self.hub.warn_of_drops(receiver, spell),
                        _ => self.hub.expel_slow(receiver),
                    }
                    Offered::Done(ERR_NOT_DELIVERED)
                }
                _ => Offered::Wait,
            },
        }
    }

    /// Counts a frame that is not delivered. Returns the number of the spell that it belongs to.
    fn refuse(&self, receiver: &Peer) -> u64 {
        log::debug!(
            "client {:?}: queue full, a frame of {:?} is refused",
            receiver.name,
            self.source.name
        );
        receiver.count_refused()
    }

    /// Waits for those who have no room. Returns the response code of the operation.
    pub(super) async fn wait(&mut self, held: Box<Held>) -> u8 {
        self.settle();
        let Held {
            mut parcel,
            receivers,
            since,
        } = *held;
        let single = receivers.len() == 1;
        let mut code = RESPONSE_OK;
        for Reluctant {
            peer: receiver,
            progress,
        } in receivers
        {
            code = match &receiver.inbox {
                Inbox::Channel(channel) => {
                    let sending = channel.frames.send(parcel.frame());
                    match tokio::time::timeout_at(since + self.timeout, sending).await {
                        Ok(Ok(())) => {
                            channel.count(parcel.counted);
                            RESPONSE_OK
                        }
                        Ok(Err(_)) => ERR_NOT_DELIVERED,
                        Err(_) => {
                            let spell = self.refuse(&receiver);
                            self.hub.warn_of_drops(&receiver, spell);
                            ERR_NOT_DELIVERED
                        }
                    }
                }
                _ => {
                    self.wait_for_room(&receiver, progress, &mut parcel, since)
                        .await
                }
            };
        }
        self.settle();
        match parcel.kind() {
            FrameKind::Message if single => code,
            _ => RESPONSE_OK,
        }
    }

    async fn wait_for_room(
        &mut self,
        receiver: &Arc<Peer>,
        mut progress: Progress,
        parcel: &mut Parcel<'_>,
        since: Instant,
    ) -> u8 {
        let Inbox::Socket {
            outbox, patience, ..
        } = &receiver.inbox
        else {
            return ERR_NOT_DELIVERED;
        };
        let mut deadline = since + *patience;
        loop {
            let mut room = pin!(outbox.room());
            room.as_mut().enable();
            match self.offer(receiver, parcel) {
                // It was there when the frame was offered first.
                Offered::Done(ERR_CLIENT_NOT_REGISTERED) => return ERR_NOT_DELIVERED,
                Offered::Done(code) => return code,
                Offered::Wait => {}
            }
            if Instant::now() >= deadline {
                // Others may have been faster to use the room that was there. A receiver that reads
                // is not to be cut off for that.
                if !outbox.has_drained_since(progress) {
                    self.refuse(receiver);
                    self.hub.expel_slow(receiver);
                    return ERR_NOT_DELIVERED;
                }
                progress = outbox.progress();
                deadline = Instant::now() + *patience;
            }
            // Room is announced when there is plenty. When the time is up there may be enough.
            let _ = tokio::time::timeout_at(deadline, room).await;
        }
    }

    /// Ends a batch: lets everything that was queued leave.
    #[inline]
    pub(super) fn settle(&mut self) {
        self.deliveries = 0;
        self.touched.settle();
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

    /// Acknowledges an operation of the source.
    #[inline]
    pub(super) fn acknowledge(&mut self, ack: &[u8], qos: QoS) {
        if let Push::Queued { settle: true } = self.source.push_ack(ack, qos.is_realtime()) {
            self.touched.0.push(self.source.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::BrokerOptions;
    use super::super::internal::origin;
    use super::super::peer::{Channel, Kind};
    use super::super::topics::FilterSet;
    use super::*;
    use crate::limits::SEGMENT_BYTES;
    use crate::transport::outbox::{Bounds, Outbox};
    use crate::transport::socket::Socket;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new(BrokerOptions::new()))
    }

    /// A source of frames that receives none.
    fn source(hub: &Arc<Hub>, name: &str) -> Router {
        let inbox = Inbox::Channel(Channel {
            frames: async_channel::bounded(1).0,
            queued: parking_lot::Mutex::default(),
        });
        let id = hub.new_peer_id();
        let source = Arc::new(Peer::new(
            id,
            name.into(),
            origin(Kind::Internal),
            inbox,
            None,
        ));
        hub.register(&source).expect("a free name");
        Router::new(hub.clone(), source, Duration::from_secs(1))
    }

    /// A subscriber of `t`, and the other end of its socket.
    fn subscriber(
        hub: &Hub,
        name: &str,
        bounds: Bounds,
        patience: Duration,
    ) -> (Arc<Peer>, UnixStream) {
        let (near, far) = UnixStream::pair().expect("sockets");
        near.set_nonblocking(true).expect("a socket");
        far.set_nonblocking(true).expect("a socket");
        let near = tokio::net::UnixStream::from_std(near).expect("a runtime");
        let inbox = Inbox::Socket {
            outbox: Outbox::new(Socket::Unix(near).split().1, bounds),
            overflow: Overflow::Backpressure,
            patience,
        };
        let id = hub.new_peer_id();
        let peer = Arc::new(Peer::new(
            id,
            name.into(),
            origin(Kind::LocalIpc),
            inbox,
            None,
        ));
        hub.register(&peer).expect("a free name");
        let topic = std::iter::once("t");
        hub.topics
            .add(&peer, FilterSet::Subscriptions, topic)
            .expect("room");
        (peer, far)
    }

    const ROOMY: Bounds = Bounds {
        frames: 8,
        bytes: 1024 * 1024,
        linger: None,
    };

    fn publish(router: &mut Router, topic: &str, bytes: usize) -> Routed {
        let payload = Cow::Owned(vec![0; bytes]);
        router.publish(topic, None, payload, QoS::No, bytes)
    }

    #[tokio::test]
    async fn an_enormous_topic_is_not_remembered() {
        let hub = hub();
        let mut router = source(&hub, "source");
        let (peer, _far) = subscriber(&hub, "b", ROOMY, Duration::from_secs(1));
        let topic = "x".repeat(1024 * 1024);
        hub.topics
            .add(&peer, FilterSet::Subscriptions, std::iter::once(&*topic))
            .expect("room");
        assert!(matches!(
            publish(&mut router, &topic, 1),
            Routed::Done(RESPONSE_OK)
        ));
        assert!(router.last_topic.is_none());
        assert!(router.scratch.capacity() <= SEGMENT_BYTES);
    }

    /// Messages to `name` until it has no room.
    fn fill(router: &mut Router, name: &str, bytes: usize) {
        loop {
            let payload = Cow::Owned(vec![0; bytes]);
            match router.message(name, None, payload, QoS::No, bytes) {
                Routed::Done(code) => assert_eq!(code, RESPONSE_OK),
                Routed::Held(_) => break,
            }
        }
        router.settle();
    }

    fn drain(peer: &Arc<Peer>) {
        let peer = peer.clone();
        tokio::spawn(async move {
            if let Inbox::Socket { outbox, .. } = &peer.inbox {
                let _ = outbox.drain(None).await;
            }
        });
    }

    /// Reads until nothing has come for a while.
    async fn read_all(far: &mut UnixStream) {
        let mut buffer = vec![0; 1024 * 1024];
        let mut silence = 0;
        while silence < 5 {
            match far.read(&mut buffer) {
                Ok(_) => silence = 0,
                Err(_) => silence += 1,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    const PATIENCE: Duration = Duration::from_millis(200);

    /// It is offered the frame after the time of another one is up, and finds it full again.
    #[tokio::test]
    async fn a_receiver_that_reads_is_not_cut_off_with_one_that_does_not() {
        const BYTES: usize = 300 * 1024;
        let hub = hub();
        let (mut filler, mut router) = (source(&hub, "filler"), source(&hub, "source"));
        let (deaf, _far) = subscriber(&hub, "deaf", ROOMY, PATIENCE);
        let (good, mut far) = subscriber(&hub, "good", ROOMY, PATIENCE);
        drain(&good);
        fill(&mut filler, "deaf", BYTES);
        fill(&mut filler, "good", BYTES);
        let Routed::Held(held) = publish(&mut router, "t", BYTES) else {
            panic!("there is no room");
        };
        let waiting = tokio::spawn(async move { router.wait(held).await });
        tokio::time::sleep(PATIENCE / 4).await;
        read_all(&mut far).await;
        fill(&mut filler, "good", BYTES);
        tokio::time::sleep(PATIENCE).await;
        assert!(!deaf.is_alive());
        assert!(good.is_alive());
        read_all(&mut far).await;
        assert_eq!(waiting.await.expect("no panic"), RESPONSE_OK);
        assert!(good.is_alive());
    }

    /// One frame has left by then, and half of the queue has not.
    #[tokio::test]
    async fn a_frame_that_fits_when_its_time_is_up_is_delivered() {
        const BYTES: usize = 100 * 1024;
        let hub = hub();
        let mut router = source(&hub, "source");
        let (slow, mut far) = subscriber(&hub, "slow", ROOMY, PATIENCE);
        drain(&slow);
        fill(&mut router, "slow", BYTES);
        let Routed::Held(held) = publish(&mut router, "t", 1) else {
            panic!("there is no room");
        };
        let waiting = tokio::spawn(async move { router.wait(held).await });
        tokio::time::sleep(PATIENCE / 4).await;
        let mut frames = vec![0; BYTES * 3 / 2];
        let read = far.read(&mut frames).expect("it is full");
        assert!(read > BYTES, "{read}");
        assert_eq!(waiting.await.expect("no panic"), RESPONSE_OK);
        assert!(slow.is_alive());
    }
}
