//! The client: operations.

use std::io::IoSlice;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::confirmation::OpConfirm;
use super::deadline::after;
use super::events::EventChannel;
use super::output::Output;
use super::reader::Reader;
use super::shared::Shared;
use super::stream::Stream;
use crate::borrow::Cow;
use crate::link::{Config, check_greeting, encode_filters, encode_head, registration};
use crate::protocol::PING_FRAME;
use crate::protocol::handshake::{GREETING_BYTES, greeting};
use crate::protocol::operation::FrameOp;
use crate::{Error, IntoElbusResult, QoS};

/// A client that blocks, connected over a UNIX or TCP socket.
///
/// Sending calls return when the frame is written. With a QoS that asks for it they return a
/// confirmation, whose [`wait`](super::Confirmation::wait) ends with the broker's answer, with the
/// timeout, or with the connection. All calls take `&self`: threads share a client.
///
/// Errors of the sending calls are `Data` if a name or topic contains a NUL or the frame is longer
/// than the protocol can say, `Busy` if
/// [`MAX_CONFIRMATIONS`](crate::limits::MAX_CONFIRMATIONS) operations wait already, `Timeout` if the
/// frame could not be written in time, and `Eof` once the connection is lost. If the broker takes
/// nothing for the whole timeout, the connection is given up.
///
/// Dropping the client closes the connection, see [`close`](Self::close).
///
/// ```no_run
/// use elbus::QoS;
/// use elbus::sync::{Client, Config};
///
/// # fn example() -> Result<(), elbus::Error> {
/// let client = Client::connect(&Config::new("/run/elbus.sock", "plugin.hello"))?;
/// let confirmation =
///     client.publish("plant/line1/state", b"running".as_slice().into(), QoS::Processed)?;
/// confirmation.expect("this QoS asks for one").wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    config: Config,
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    output: Output,
    reader: Mutex<Option<JoinHandle<()>>>,
    next_secondary: AtomicUsize,
}

impl Client {
    /// Connects and registers, within the configured timeout. Only the system's search for the
    /// address of a host by its name has limits of its own.
    ///
    /// # Errors
    ///
    /// `Io` if there is no broker at the address, `NotSupported` if what answers is none or TLS is
    /// asked for, `Data`, `Busy`, `NotRegistered` or `Access` if the broker refuses the name,
    /// `Timeout`, `Eof`.
    pub fn connect(config: &Config) -> Result<Self, Error> {
        let deadline = after(config.timeout);
        let stream = Stream::connect(&config.path, deadline)?;
        stream.set_write_timeout(config.timeout)?;
        shake_hands(&stream, &config.name, deadline)?;
        let stream = Arc::new(stream);
        let shared = Arc::new(Shared::new(config));
        let reader = Reader::new(Arc::clone(&shared), Arc::clone(&stream), config);
        let thread = thread::Builder::new().name("elbus reader".to_owned());
        let reader = thread.spawn(move || reader.run())?;
        Ok(Self {
            config: config.clone(),
            output: Output::new(Arc::clone(&stream), config.timeout, shared.beacon()),
            shared,
            stream,
            reader: Mutex::new(Some(reader)),
            next_secondary: AtomicUsize::new(0),
        })
    }

    /// Connects once more, as a secondary of this client: `NAME%%0`, `NAME%%1` and so on.
    ///
    /// # Errors
    ///
    /// `NotSupported` on a secondary, else as [`connect`](Self::connect).
    pub fn register_secondary(&self) -> Result<Self, Error> {
        let number = self.next_secondary.fetch_add(1, Ordering::Relaxed);
        Self::connect(&self.config.for_secondary(number)?)
    }

    /// Takes the channel on which frames for this client arrive; once.
    pub fn take_event_channel(&self) -> Option<EventChannel> {
        let is_first = self.shared.listen();
        is_first.then(|| EventChannel::new(Arc::clone(&self.shared)))
    }

    /// Sends a message to the client `target`.
    ///
    /// # Errors
    ///
    /// See [`Client`], as for all that follow.
    pub fn send(&self, target: &str, payload: Cow<'_>, qos: QoS) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::Message, &[target], &[], &payload, qos)
    }

    /// Sends a message in two parts, which arrive as one payload.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn zc_send(
        &self,
        target: &str,
        header: Cow<'_>,
        payload: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(
            FrameOp::Message,
            &[target],
            header.as_slice(),
            &payload,
            qos,
        )
    }

    /// Sends a message to every client whose name matches the mask `target`.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn send_broadcast(
        &self,
        target: &str,
        payload: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::Broadcast, &[target], &[], &payload, qos)
    }

    /// Publishes to the topic `target`.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn publish(&self, target: &str, payload: Cow<'_>, qos: QoS) -> Result<OpConfirm, Error> {
        self.send_frame(FrameOp::PublishTopic, &[target], &[], &payload, qos)
    }

    /// Publishes to a topic, for the subscribers whose primary name is `receiver` only.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn publish_for(
        &self,
        topic: &str,
        receiver: &str,
        payload: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let texts = [topic, receiver];
        self.send_frame(FrameOp::PublishTopicFor, &texts, &[], &payload, qos)
    }

    /// Subscribes to a topic filter.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn subscribe(&self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.subscribe_bulk(&[topic], qos)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn unsubscribe(&self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.unsubscribe_bulk(&[topic], qos)
    }

    /// Subscribes to several topic filters at once.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn subscribe_bulk(&self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::SubscribeTopic, topics, qos)
    }

    /// Ends several subscriptions at once.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn unsubscribe_bulk(&self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::UnsubscribeTopic, topics, qos)
    }

    /// Keeps publications that match the filter away, although a subscription brings them.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn exclude(&self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.exclude_bulk(&[topic], qos)
    }

    /// Ends an exclusion.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn unexclude(&self, topic: &str, qos: QoS) -> Result<OpConfirm, Error> {
        self.unexclude_bulk(&[topic], qos)
    }

    /// Excludes several filters at once.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn exclude_bulk(&self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::ExcludeTopic, topics, qos)
    }

    /// Ends several exclusions at once.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn unexclude_bulk(&self, topics: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        self.send_filters(FrameOp::UnexcludeTopic, topics, qos)
    }

    /// Tells the broker that the client is alive.
    ///
    /// # Errors
    ///
    /// `Timeout` and `Eof`, see [`Client`].
    pub fn ping(&self) -> Result<(), Error> {
        self.output.write(&mut [IoSlice::new(PING_FRAME)])
    }

    /// False once the connection is lost.
    pub fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    /// A flag that turns false when the connection is lost.
    pub fn get_connected_beacon(&self) -> Arc<AtomicBool> {
        self.shared.beacon()
    }

    /// How long an answer may take.
    pub fn get_timeout(&self) -> Duration {
        self.config.timeout
    }

    /// The name under which the client is registered.
    pub fn get_name(&self) -> &str {
        &self.config.name
    }

    /// Frames that were dropped because nobody read the event channel: those that arrived while it
    /// was full and either it had never been taken, or confirmations had to be received.
    pub fn dropped_frames(&self) -> u64 {
        self.shared.dropped_frames()
    }

    /// Ends the connection, after what was sent has left, and waits for that, for the configured
    /// timeout at most. What arrives meanwhile is dropped. Every other call fails from now on.
    pub fn close(&self) {
        if !self.shared.close() {
            return;
        }
        // The broker answers with the end of its own direction. Until then the reader takes what
        // comes: a TCP socket that is closed with unread input takes back what is on its way.
        let deadline = after(self.config.timeout);
        self.output.finish();
        if !self.shared.has_ended_by(deadline) {
            self.stream.shutdown(Shutdown::Both);
        }
        let reader = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // It ends in any case now. If it has panicked, the log says so.
        let _ = reader.map(JoinHandle::join);
    }

    fn send_frame(
        &self,
        op: FrameOp,
        texts: &[&str],
        header: &[u8],
        payload: &Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let bytes = header.len() + payload.len();
        let encode = |head: &mut Vec<u8>, op_id| encode_head(head, op_id, op, qos, texts, bytes);
        self.operate(qos, encode, header, payload.as_slice())
    }

    fn send_filters(&self, op: FrameOp, filters: &[&str], qos: QoS) -> Result<OpConfirm, Error> {
        let encode = |frame: &mut Vec<u8>, op_id| encode_filters(frame, op_id, op, qos, filters);
        self.operate(qos, encode, &[], &[])
    }

    /// Carries out an operation; `encode` makes all of its frame but header and payload.
    fn operate(
        &self,
        qos: QoS,
        encode: impl FnOnce(&mut Vec<u8>, u32) -> Result<(), Error>,
        header: &[u8],
        payload: &[u8],
    ) -> Result<OpConfirm, Error> {
        let (op_id, confirmation) = self.shared.start(qos)?;
        let mut head = Vec::new();
        let sent = encode(&mut head, op_id).and_then(|()| {
            let parts = [head.as_slice(), header, payload];
            self.output.write(&mut parts.map(IoSlice::new))
        });
        match sent {
            Ok(()) => Ok(confirmation),
            Err(e) => {
                self.shared.withdraw(op_id);
                Err(e)
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

fn shake_hands(stream: &Stream, name: &str, deadline: Instant) -> Result<(), Error> {
    let mut peer_greeting = [0; GREETING_BYTES];
    stream.read_exact(&mut peer_greeting, deadline)?;
    check_greeting(peer_greeting)?;
    stream.write_all(&mut [IoSlice::new(&greeting())])?;
    read_code(stream, deadline)?;
    stream.write_all(&mut [IoSlice::new(&registration(name)?)])?;
    read_code(stream, deadline)
}

fn read_code(stream: &Stream, deadline: Instant) -> Result<(), Error> {
    let mut code = [0];
    stream.read_exact(&mut code, deadline)?;
    code[0].to_elbus_result()
}
