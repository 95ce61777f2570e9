//! The interface that every client has, whatever carries its frames: a socket ([`ipc`](crate::ipc)),
//! or the memory of one process ([`broker::Client`](crate::broker::Client)).
//!
//! ```
//! use elbus::client::AsyncClient;
//! use elbus::{Error, QoS};
//!
//! /// Returns when the broker has published the alarm.
//! async fn alarm(client: &mut dyn AsyncClient, text: &str) -> Result<(), Error> {
//!     let qos = QoS::RealtimeProcessed;
//!     let confirmation = client.publish("plant/alarm", text.as_bytes().into(), qos).await?;
//!     // This QoS asks for a confirmation; `No` and `Realtime` do not.
//!     if let Some(confirmation) = confirmation {
//!         confirmation.await??;
//!     }
//!     Ok(())
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! #     #[cfg(feature = "broker")]
//! #     {
//! #         let broker = elbus::broker::Broker::new();
//! #         alarm(&mut broker.register_client("sensor").await?, "too hot").await?;
//! #     }
//! #     Ok(())
//! # }
//! ```
//!
//! A confirmation need not be awaited at once: a program may send many frames, and look at their
//! confirmations later. A message that was confirmed is in the queue of its receiver; that it was
//! read only the receiver can say, for instance by an RPC reply.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;

use crate::borrow::Cow;
use crate::{Error, EventChannel, OpConfirm, QoS};

#[cfg(feature = "ipc")]
pub(crate) mod ipc;

/// A client of the bus.
///
/// Sending calls return once the frame is on its way: written, or queued in order behind earlier
/// ones. With a QoS that asks for it they return a confirmation, which ends with the broker's
/// answer, with [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), or with
/// [`ErrorKind::Eof`](crate::ErrorKind::Eof) when the connection is lost. It never hangs.
///
/// Implementations are written with [`async_trait`](macro@crate::async_trait). Their payloads have its
/// lifetime `'async_trait`, as in elbus 0.2.
#[async_trait]
pub trait AsyncClient: Send + Sync {
    /// Takes the channel on which frames for this client arrive; once.
    fn take_event_channel(&mut self) -> Option<EventChannel>;

    /// Sends a message to the client `target`.
    async fn send(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Sends a message in two parts. A receiver in the same process gets both without a copy; over
    /// a socket they arrive as one payload.
    async fn zc_send(
        &mut self,
        target: &str,
        header: Cow<'async_trait>,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Sends a message to every client whose name matches the mask `target`.
    async fn send_broadcast(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Publishes to the topic `target`.
    async fn publish(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Publishes to a topic, for the subscribers whose primary name is `receiver` only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotSupported`](crate::ErrorKind::NotSupported) unless the client overrides it.
    async fn publish_for(
        &mut self,
        topic: &str,
        receiver: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let _ = (topic, receiver, payload, qos);
        Err(Error::not_supported("publish_for"))
    }

    /// Subscribes to a topic filter.
    async fn subscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error>;

    /// Ends a subscription.
    async fn unsubscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error>;

    /// Subscribes to several topic filters at once.
    async fn subscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error>;

    /// Ends several subscriptions at once.
    async fn unsubscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error>;

    /// Keeps publications that match the filter away, although a subscription brings them.
    async fn exclude(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.exclude_bulk(&[topic], qos).await
    }

    /// Ends an exclusion.
    async fn unexclude(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.unexclude_bulk(&[topic], qos).await
    }

    /// Excludes several filters at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotSupported`](crate::ErrorKind::NotSupported) unless the client overrides it.
    async fn exclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        let _ = (topics, qos);
        Err(Error::not_supported("exclude"))
    }

    /// Ends several exclusions at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotSupported`](crate::ErrorKind::NotSupported) unless the client overrides it.
    async fn unexclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        let _ = (topics, qos);
        Err(Error::not_supported("unexclude"))
    }

    /// Tells the broker that the client is alive.
    async fn ping(&mut self) -> Result<(), Error>;

    /// False once the connection is lost.
    fn is_connected(&self) -> bool;

    /// A flag that turns false when the connection is lost; `None` if it cannot be lost.
    fn get_connected_beacon(&self) -> Option<Arc<AtomicBool>>;

    /// How long an answer may take; `None` if operations are answered at once.
    fn get_timeout(&self) -> Option<Duration>;

    /// The name under which the client is registered.
    fn get_name(&self) -> &str;
}
