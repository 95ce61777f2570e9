//! Clients in the broker's own process: no socket, no encoding, no copy of the payload.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::hub::Hub;
use super::origin::{Identity, Kind, Liberties, Origin};
use super::peer::{Channel, Inbox, Peer};
use super::router::{Routed, Router};
use super::topics::{FilterError, FilterSet};
use crate::borrow::Cow;
use crate::client::AsyncClient;
use crate::protocol::names::check_name;
use crate::{DEFAULT_TIMEOUT, Error, EventChannel, IntoElbusResult, OpConfirm, QoS, SECONDARY_SEP};

/// A client in the broker's own process.
///
/// Errors of an operation are returned by the call itself; a confirmation, where the QoS asks for
/// one, is fulfilled already. When the queue of a receiver is full, the call waits as the receiver's
/// overflow policy says, and for another client of this process at most [`DEFAULT_TIMEOUT`]; not at
/// all if that one has never taken its event channel.
///
/// A client that is dropped is unregistered without an announcement.
pub struct Client {
    router: Router,
    events: Option<EventChannel>,
}

/// Where a client of this process comes from.
pub(super) fn origin(kind: Kind) -> Origin {
    Origin {
        kind,
        source: None,
        port: None,
        identity: Identity::default(),
        pid: None,
        hosts: None,
        liberties: Liberties::ALL,
    }
}

/// Registers a client of this process.
pub(super) fn register(hub: &Arc<Hub>, name: &str) -> Result<Client, Error> {
    check_name(name, true).map_err(Error::data)?;
    let (frames, events) = async_channel::bounded(hub.queue_size().max(1));
    let peer = Arc::new(Peer::new(
        hub.new_peer_id(),
        name.into(),
        origin(Kind::Internal),
        Inbox::Channel(Channel::new(frames)),
        None,
    ));
    hub.register(&peer)?;
    Ok(Client {
        router: Router::new(hub.clone(), peer, DEFAULT_TIMEOUT),
        events: Some(events),
    })
}

/// Registers a secondary of `primary` under the first free number.
pub(super) fn register_secondary(hub: &Arc<Hub>, primary: &Client) -> Result<Client, Error> {
    if primary.router.source.is_secondary() {
        return Err(Error::not_supported(
            "a secondary client has no secondaries",
        ));
    }
    for number in 0_usize.. {
        let name = format!("{}{SECONDARY_SEP}{number}", primary.get_name());
        match register(hub, &name) {
            Err(e) if hub.find(&name).is_some() => drop(e),
            result => return result,
        }
    }
    unreachable!("there are fewer clients than numbers")
}

impl Client {
    /// Unregisters the client, with an announcement. Its calls fail from now on.
    #[allow(clippy::unused_async)]
    pub async fn unregister(&self) {
        self.end(true);
    }

    fn end(&self, announced: bool) {
        let Router { hub, source, .. } = &self.router;
        hub.unregister(source, announced);
        if let Inbox::Channel(channel) = &source.inbox {
            channel.frames.close();
        }
    }

    /// Counts the operation, and refuses it if the client is no longer registered.
    fn begin(&self, bytes: usize) -> Result<(), Error> {
        if !self.router.source.is_alive() {
            return Err(Error::not_registered());
        }
        self.router.source.count_received(1, bytes as u64);
        Ok(())
    }

    async fn finish(&mut self, routed: Routed, qos: QoS) -> Result<OpConfirm, Error> {
        self.router.settle();
        let code = match routed {
            Routed::Done(code) => code,
            // Boxed: without it every call would be as large as this rare one.
            Routed::Held(held) => Box::pin(self.router.wait(held)).await,
        };
        code.to_elbus_result()?;
        Ok(confirmed(qos))
    }

    fn change_filters(
        &self,
        change: FilterChange,
        set: FilterSet,
        topics: &[&str],
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.begin(topics.iter().map(|topic| topic.len()).sum())?;
        let Router { hub, source, .. } = &self.router;
        let filters = topics.iter().copied();
        match change {
            FilterChange::Add => hub.topics.add(source, set, filters),
            FilterChange::Remove => hub.topics.remove(source, set, filters),
        }
        .map_err(|e| match e {
            FilterError::Memory => Error::busy(e),
            _ => Error::data(e),
        })?;
        Ok(confirmed(qos))
    }
}

#[derive(Clone, Copy)]
enum FilterChange {
    Add,
    Remove,
}

/// A confirmation that is fulfilled already.
fn confirmed(qos: QoS) -> OpConfirm {
    qos.needs_ack().then(|| {
        let (fulfil, confirmation) = oneshot::channel();
        // The receiver is right here.
        let _ = fulfil.send(Ok(()));
        confirmation
    })
}

#[async_trait]
impl AsyncClient for Client {
    fn take_event_channel(&mut self) -> Option<EventChannel> {
        if let Inbox::Channel(channel) = &self.router.source.inbox {
            channel.take();
        }
        self.events.take()
    }

    async fn send(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let counted = target.len() + 1 + payload.len();
        self.begin(counted)?;
        let routed = self.router.message(target, None, payload, qos, counted);
        self.finish(routed, qos).await
    }

    async fn zc_send(
        &mut self,
        target: &str,
        header: Cow<'async_trait>,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let counted = target.len() + 1 + header.len() + payload.len();
        self.begin(counted)?;
        let routed = self
            .router
            .message(target, Some(header), payload, qos, counted);
        self.finish(routed, qos).await
    }

    async fn send_broadcast(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let counted = target.len() + 1 + payload.len();
        self.begin(counted)?;
        let routed = self.router.broadcast(target, payload, qos, counted);
        self.finish(routed, qos).await
    }

    async fn publish(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let counted = target.len() + 1 + payload.len();
        self.begin(counted)?;
        let routed = self.router.publish(target, None, payload, qos, counted);
        self.finish(routed, qos).await
    }

    async fn publish_for(
        &mut self,
        topic: &str,
        receiver: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let counted = topic.len() + 1 + receiver.len() + 1 + payload.len();
        self.begin(counted)?;
        let routed = self
            .router
            .publish(topic, Some(receiver), payload, qos, counted);
        self.finish(routed, qos).await
    }

    async fn subscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.subscribe_bulk(&[topic], qos).await
    }

    async fn unsubscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.unsubscribe_bulk(&[topic], qos).await
    }

    async fn subscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.change_filters(FilterChange::Add, FilterSet::Subscriptions, topics, qos)
    }

    async fn unsubscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.change_filters(FilterChange::Remove, FilterSet::Subscriptions, topics, qos)
    }

    async fn exclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.change_filters(FilterChange::Add, FilterSet::Exclusions, topics, qos)
    }

    async fn unexclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.change_filters(FilterChange::Remove, FilterSet::Exclusions, topics, qos)
    }

    async fn ping(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn get_connected_beacon(&self) -> Option<Arc<AtomicBool>> {
        None
    }

    fn get_timeout(&self) -> Option<Duration> {
        None
    }

    fn get_name(&self) -> &str {
        &self.router.source.name
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end(false);
    }
}
