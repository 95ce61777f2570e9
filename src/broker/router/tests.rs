//! What a router remembers, and what it does with receivers that have no room.

use super::*;
use crate::broker::config::{BrokerOptions, Overflow};
use crate::broker::internal::origin;
use crate::broker::origin::Kind;
use crate::broker::peer::{Channel, Inbox};
use crate::broker::topics::FilterSet;
use crate::limits::SEGMENT_BYTES;
use crate::protocol::operation::FrameOp;
use crate::protocol::request::encode_head;
use crate::transport::outbox::{Bounds, Outbox};
use crate::transport::socket::Socket;
use std::io::Read;
use std::os::unix::net::UnixStream;

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(BrokerOptions::new()))
}

/// A source of frames that receives none.
fn source(hub: &Arc<Hub>, name: &str) -> Router {
    let inbox = Inbox::Channel(Channel::new(async_channel::bounded(1).0));
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
    let inbox = Inbox::Socket {
        outbox: Outbox::new(
            Socket::Unix(near).split().expect("a runtime").1,
            bounds,
            Charge::default(),
        ),
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
    // A UNIX socket is writable again when a quarter of its buffer is left.
    let mut frames = vec![0; BYTES * 2];
    let read = far.read(&mut frames).expect("it is full");
    assert!(read > BYTES, "{read}");
    assert_eq!(waiting.await.expect("no panic"), RESPONSE_OK);
    assert!(slow.is_alive());
}

fn requests(target: &str, payload: &[u8], count: usize) -> Vec<u8> {
    let (mut frame, texts) = (Vec::new(), [target]);
    encode_head(
        &mut frame,
        1,
        FrameOp::Message,
        QoS::No,
        &texts,
        payload.len(),
    );
    frame.extend_from_slice(payload);
    frame.repeat(count)
}

/// What does not fit is left to the way of single frames, which knows what to do.
#[tokio::test]
async fn a_run_ends_where_the_queue_is_full() {
    let hub = hub();
    let mut router = source(&hub, "source");
    let (peer, _far) = subscriber(&hub, "b", ROOMY, Duration::from_secs(1));
    let frames = requests("b", b"x", 20);
    let (first, rest) = frames.split_at(frames.len() / 20);
    let payload = Cow::Borrowed(b"x".as_slice());
    let routed = router.message("b", None, payload, QoS::No, 3);
    assert!(matches!(routed, Routed::Done(RESPONSE_OK)));
    let run = router.follow(first, rest, 100);
    assert_eq!(run.frames, ROOMY.frames as u64 - 1);
    assert_eq!(run.consumed, first.len() * run.frames as usize);
    assert_eq!(run.body_bytes, 3 * run.frames);
    assert_eq!(router.deliveries, ROOMY.frames);
    let (load, queued) = peer.queued();
    assert_eq!(load.frames, ROOMY.frames);
    assert_eq!(queued.bytes, 3 * ROOMY.frames as u64);
    // Nothing was routed since, so nothing can be repeated.
    assert_eq!(router.follow(first, rest, 100).frames, 0);
}

#[tokio::test]
async fn messages_for_nobody_find_who_registers_later() {
    let hub = hub();
    let mut router = source(&hub, "source");
    let mut send = || {
        let payload = Cow::Borrowed(b"x".as_slice());
        match router.message("late", None, payload, QoS::No, 6) {
            Routed::Done(code) => code,
            Routed::Held(_) => panic!("there is room"),
        }
    };
    assert_eq!(send(), ERR_CLIENT_NOT_REGISTERED);
    assert_eq!(send(), ERR_CLIENT_NOT_REGISTERED);
    let (late, _far) = subscriber(&hub, "late", ROOMY, Duration::from_secs(1));
    assert_eq!(send(), RESPONSE_OK);
    hub.unregister(&late, true);
    assert_eq!(send(), ERR_CLIENT_NOT_REGISTERED);
}
