//! The client for UNIX and TCP sockets, the latter also with TLS.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `connection` | what the client and its background task share |
//! | `confirmations` | operations that wait for the broker's answer |
//! | `receive` | from the socket to the event channel and the confirmations |
//! | `tls` | whom the client trusts, and how it proves who it is |

mod confirmations;
mod connection;
mod receive;
#[cfg(feature = "tls")]
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::AsyncClient;
use crate::borrow::Cow;
use crate::link::{Config, encode_filters, encode_head};
use crate::protocol::PING_FRAME;
use crate::protocol::operation::FrameOp;
use crate::transport::outbox::Payload;
use crate::{Error, EventChannel, OpConfirm, QoS};
use connection::Connection;

/// A client connected over a socket.
///
/// Frames with a real-time QoS, and those that are to be confirmed, are written by the calling task
/// itself. Others may wait for the rest of what the task sends before it next awaits, or for the
/// configured buffer TTL.
///
/// Dropping the client closes the connection, after what was sent has left. It needs a tokio
/// runtime for that; with the runtime, unsent frames are dropped.
///
/// ```no_run
/// use elbus::client::AsyncClient;
/// use elbus::ipc::{Client, Config};
/// use elbus::QoS;
///
/// # async fn example() -> Result<(), elbus::Error> {
/// let mut client = Client::connect(&Config::new("/run/elbus.sock", "plugin.hello")).await?;
/// let confirmation = client
///     .publish("plant/line1/state", b"running".as_slice().into(), QoS::RealtimeProcessed)
///     .await?;
/// confirmation.expect("this QoS asks for one").await??;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    config: Config,
    connection: Arc<Connection>,
    events: Option<EventChannel>,
    next_op_id: u32,
    next_secondary: AtomicUsize,
    /// Memory for the head of the next frame.
    scratch: Vec<u8>,
}

impl Client {
    /// Connects and registers, within the configured timeout.
    ///
    /// # Errors
    ///
    /// `Io` if there is no broker at the address, `NotSupported` if what answers is none, `Data`,
    /// `Busy`, `NotRegistered` or `Access` if the broker refuses the name, `Timeout`, `Eof`.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let (connection, events) = connection::open(config).await?;
        Ok(Self {
            config: config.clone(),
            connection,
            events: Some(events),
            next_op_id: 0,
            next_secondary: AtomicUsize::new(0),
            scratch: Vec::new(),
        })
    }

    /// Connects once more, as a secondary of this client: `NAME%%0`, `NAME%%1` and so on.
    ///
    /// # Errors
    ///
    /// `NotSupported` on a secondary, else as [`connect`](Self::connect).
    pub async fn register_secondary(&self) -> Result<Self, Error> {
        let number = self.next_secondary.fetch_add(1, Ordering::Relaxed);
        Self::connect(&self.config.for_secondary(number)?).await
    }

    /// How long an answer may take.
    pub fn get_timeout(&self) -> Duration {
        self.config.timeout
    }

    /// Frames that were dropped because nobody read the event channel: those that arrived while it
    /// was full and either it had never been taken, or confirmations had to be received.
    pub fn dropped_frames(&self) -> u64 {
        self.connection.dropped_frames()
    }

    /// Sends a frame with the given text parts, each followed by a NUL, and a payload.
    async fn send_frame(
        &mut self,
        op: FrameOp,
        texts: &[&str],
        header: &[u8],
        payload: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let op_id = self.take_op_id();
        let mut head = std::mem::take(&mut self.scratch);
        head.clear();
        let bytes = header.len() + payload.len();
        let result = match encode_head(&mut head, op_id, op, qos, texts, bytes) {
            Err(e) => Err(e),
            Ok(()) => {
                head.extend_from_slice(header);
                let payload = match &payload {
                    Cow::Referenced(bytes) => Payload::Shared(bytes, None),
                    bytes => Payload::Copied(bytes.as_slice()),
                };
                self.connection.send(op_id, &head, payload, qos).await
            }
        };
        self.scratch = head;
        result
    }

    /// Sends a frame that consists of topic filters.
    async fn send_filters(
        &mut self,
        op: FrameOp,
        filters: &[&str],
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let op_id = self.take_op_id();
        let mut frame = Vec::new();
        encode_filters(&mut frame, op_id, op, qos, filters)?;
        let nothing = Payload::Copied(&[]);
        self.connection.send(op_id, &frame, nothing, qos).await
    }

    fn take_op_id(&mut self) -> u32 {
        self.next_op_id = self.next_op_id.wrapping_add(1);
        self.next_op_id
    }
}

#[async_trait]
impl AsyncClient for Client {
    fn take_event_channel(&mut self) -> Option<EventChannel> {
        self.connection.events_taken();
        self.events.take()
    }

    async fn send(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::Message, &[target], &[], payload, qos)
            .await
    }

    async fn zc_send(
        &mut self,
        target: &str,
        header: Cow<'async_trait>,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::Message, &[target], header.as_slice(), payload, qos)
            .await
    }

    async fn send_broadcast(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::Broadcast, &[target], &[], payload, qos)
            .await
    }

    async fn publish(
        &mut self,
        target: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::PublishTopic, &[target], &[], payload, qos)
            .await
    }

    async fn publish_for(
        &mut self,
        topic: &str,
        receiver: &str,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let texts = [topic, receiver];
        self.send_frame(FrameOp::PublishTopicFor, &texts, &[], payload, qos)
            .await
    }

    async fn subscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.subscribe_bulk(&[topic], qos).await
    }

    async fn unsubscribe(&mut self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.unsubscribe_bulk(&[topic], qos).await
    }

    async fn subscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::SubscribeTopic, topics, qos)
            .await
    }

    async fn unsubscribe_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::UnsubscribeTopic, topics, qos)
            .await
    }

    async fn exclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::ExcludeTopic, topics, qos).await
    }

    async fn unexclude_bulk(&mut self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::UnexcludeTopic, topics, qos)
            .await
    }

    async fn ping(&mut self) -> Result<(), Error> {
        self.connection.ping(PING_FRAME)
    }

    fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    fn get_connected_beacon(&self) -> Option<Arc<AtomicBool>> {
        Some(self.connection.beacon())
    }

    fn get_timeout(&self) -> Option<Duration> {
        Some(self.config.timeout)
    }

    fn get_name(&self) -> &str {
        &self.config.name
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.close();
    }
}
