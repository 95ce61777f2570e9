//! Connections that end, as seen from inside: with sockets at one end and the broker at the other.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{AaaMap, Broker, ClientAaa, ServerConfig};
use crate::client::AsyncClient;
use crate::protocol::handshake::{greeting, name_frame};
use crate::protocol::operation::FrameOp;
use crate::protocol::request::{encode_filters, encode_head};
use crate::{EventChannel, QoS};

/// What cannot take this long does not happen at all.
const DEADLINE: Duration = Duration::from_secs(10);

/// A broker with a UNIX socket that goes with it.
struct Bus {
    broker: Broker,
    path: PathBuf,
}

impl Bus {
    async fn start() -> Self {
        Self::start_with(ServerConfig::new()).await
    }

    async fn start_with(config: ServerConfig) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("elbus-unit-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut broker = Broker::new();
        let text = path.to_str().expect("a plain path");
        let started = broker.spawn_unix_server(text, config).await;
        started.expect("a socket");
        Self { broker, path }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.expect("a broker")
    }

    async fn register(&self, name: &str) -> UnixStream {
        let mut stream = self.connect().await;
        stream.write_all(&greeting()).await.expect("open");
        let name = name_frame(name).expect("a short name");
        stream.write_all(&name).await.expect("open");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer[3..], [1, 1]);
        stream
    }

    /// A client of this process, and what it receives.
    async fn internal(&self, name: &str) -> (super::Client, EventChannel) {
        let mut client = self.broker.register_client(name).await.expect("free");
        let events = client.take_event_channel().expect("taken once");
        (client, events)
    }
}

fn message(target: &str, payload: &[u8], qos: QoS) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_head(
        &mut frame,
        1,
        FrameOp::Message,
        qos,
        &[target],
        payload.len(),
    )
    .expect("short");
    frame.extend_from_slice(payload);
    frame
}

fn publication(topic: &str, payload: &[u8], qos: QoS) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_head(
        &mut frame,
        1,
        FrameOp::PublishTopic,
        qos,
        &[topic],
        payload.len(),
    )
    .expect("short");
    frame.extend_from_slice(payload);
    frame
}

fn subscription(topic: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_filters(
        &mut frame,
        1,
        FrameOp::SubscribeTopic,
        QoS::Processed,
        &[topic],
    )
    .expect("short");
    frame
}

/// Sends a frame that asks for an ack, and waits for it.
async fn request(stream: &mut UnixStream, frame: &[u8]) {
    stream.write_all(frame).await.expect("open");
    let mut ack = [0; 6];
    stream.read_exact(&mut ack).await.expect("an ack");
    assert_eq!(ack, [0xFE, 1, 0, 0, 0, 1]);
}

async fn wait_for_end(stream: &mut UnixStream) {
    let rest = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut Vec::new())).await;
    // A reset is an end, too.
    let _ = rest.expect("the connection is closed");
}

/// Others keep a reference to whom they last sent something. That must not keep the socket open.
#[tokio::test]
async fn whoever_is_disconnected_notices_at_once() {
    let bus = Bus::start().await;
    let mut sender = bus.register("sender").await;
    let mut receiver = bus.register("receiver").await;
    request(&mut sender, &message("receiver", b"m", QoS::Processed)).await;
    bus.broker.force_disconnect("receiver").expect("connected");
    wait_for_end(&mut receiver).await;

    let mut receiver = bus.register("receiver").await;
    request(&mut receiver, &subscription("t")).await;
    request(&mut sender, &publication("t", b"p", QoS::Processed)).await;
    bus.broker.force_disconnect("receiver").expect("connected");
    wait_for_end(&mut receiver).await;
}

/// The acks cannot be delivered any more; the messages can. They have to wait for room.
#[tokio::test]
async fn what_was_sent_before_a_close_is_carried_out() {
    const MESSAGES: usize = 3_000;
    let mut bus = Bus::start().await;
    bus.broker.set_queue_size(16);
    let (_receiver, events) = bus.internal("receiver").await;
    let hasty = bus.register("hasty").await;
    let frames = message("receiver", &[0; 20], QoS::Processed).repeat(MESSAGES);
    // All of it is in the buffer of the socket before the broker gets its turn.
    assert_eq!(hasty.try_write(&frames).expect("room"), frames.len());
    drop(hasty);
    for number in 0..MESSAGES {
        let event = tokio::time::timeout(DEADLINE, events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("only {number} messages arrived"));
        assert_eq!(event.expect("registered").sender(), "hasty");
    }
}

#[tokio::test]
async fn nobody_registers_with_a_broker_that_has_stopped() {
    for shut_down in [false, true] {
        let bus = Bus::start().await;
        let mut late = bus.connect().await;
        let mut hello = [0; 3];
        late.read_exact(&mut hello).await.expect("a greeting");
        let Bus { mut broker, .. } = bus;
        if shut_down {
            let stopping = broker.shutdown(DEADLINE * 2);
            let stopped = tokio::time::timeout(Duration::from_millis(500), stopping).await;
            stopped.expect("nothing to wait for");
        } else {
            drop(broker);
        }
        let name = name_frame("late").expect("a short name");
        let _ = late.write_all(&[&greeting()[..], &name].concat()).await;
        wait_for_end(&mut late).await;
    }
}

#[tokio::test]
async fn whoever_is_no_longer_admitted_does_nothing_more() {
    let map = AaaMap::default();
    map.lock().insert("former".to_owned(), ClientAaa::new());
    let bus = Bus::start_with(ServerConfig::new().aaa_map(map.clone())).await;
    let (_receiver, events) = bus.internal("receiver").await;
    let mut former = bus.register("former").await;
    map.lock().clear();
    let frame = message("receiver", b"m", QoS::No);
    former.write_all(&frame).await.expect("open");
    wait_for_end(&mut former).await;
    assert!(events.is_empty());
}

/// Virtual time stands still as long as nobody waits for it.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_event_channel_that_was_never_taken() {
    let mut broker = Broker::new();
    broker.set_queue_size(1);
    let mut sender = broker.register_client("sender").await.expect("a name");
    let deaf = broker.register_client("deaf").await.expect("a name");
    let started = tokio::time::Instant::now();
    let mut send = async || sender.send("deaf", b"x".as_slice().into(), QoS::No).await;
    send().await.expect("room for one");
    let error = send().await.expect_err("no room for another");
    assert_eq!(error.kind(), crate::ErrorKind::NotDelivered);
    assert_eq!(started.elapsed(), Duration::ZERO);
    drop(deaf);
}
