//! The client library against a scripted broker that misbehaves (B18, O5).

use crate::common::broker::TempDir;
use crate::common::wire::Stream;
use crate::common::*;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{Rpc, RpcClient};
use elbus::{ErrorKind, QoS};
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A broker that does what the test says, on the next connection it gets.
struct Fake {
    dir: TempDir,
    listener: UnixListener,
}

impl Fake {
    fn new() -> Self {
        let dir = TempDir::new();
        let listener = UnixListener::bind(dir.path().join("bus.sock")).expect("a socket");
        Self { dir, listener }
    }

    fn config(&self, timeout: Duration) -> Config {
        let path = self.dir.path().join("bus.sock");
        Config::new(path.to_str().expect("a plain path"), "c").timeout(timeout)
    }

    /// Runs the script with the next connection, in a thread of its own.
    fn next(&self, script: impl FnOnce(Peer) + Send + 'static) -> thread::JoinHandle<()> {
        let listener = self.listener.try_clone().expect("a second handle");
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
            script(Peer(stream));
        })
    }
}

/// The broker's end of a connection.
struct Peer(UnixStream);

impl Peer {
    fn say(&mut self, bytes: &[u8]) {
        self.0
            .write_all(bytes)
            .expect("something to say to the client");
    }

    fn hear(&mut self, n: usize) -> Vec<u8> {
        self.try_hear(n).expect("something from the client")
    }

    /// `None` if the connection ends before.
    fn try_hear(&mut self, n: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; n];
        self.0.read_exact(&mut bytes).ok().map(|()| bytes)
    }

    /// The first steps of the handshake, as many as asked for.
    fn greet(mut self, steps: usize) -> Self {
        if steps > 0 {
            self.say(&GREETING);
        }
        if steps > 1 {
            assert_eq!(self.hear(3), GREETING);
            self.say(&[OK]);
        }
        if steps > 2 {
            assert_eq!(self.hear(3), name_block(b"c"));
            self.say(&[OK]);
        }
        self
    }

    /// The next frame that is not a ping: operation id, flags, body.
    fn frame(&mut self) -> Option<(u32, u8, Vec<u8>)> {
        loop {
            let head = self.try_hear(9)?;
            let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
            if head[4] != 0 {
                let body = self.try_hear(number(5) as usize)?;
                return Some((number(0), head[4], body));
            }
        }
    }
}

const SHORT: Duration = Duration::from_millis(200);

/// Everything must end by itself, one way or the other.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it must not hang")
}

/// Keeps a connection open until the client is done with it.
fn hold(mut peer: Peer) {
    while peer.frame().is_some() {}
}

async fn connect(fake: &Fake, timeout: Duration) -> Client {
    ends(Client::connect(&fake.config(timeout)))
        .await
        .expect("a connection")
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_connecting_has_a_timeout() {
    for steps in 0..3 {
        let fake = Fake::new();
        let script = fake.next(move |peer| {
            let mut peer = peer.greet(steps);
            // Silent from here on, but connected.
            while peer.try_hear(1).is_some() {}
        });
        let error = ends(Client::connect(&fake.config(SHORT)))
            .await
            .err()
            .expect("an error");
        assert_eq!(error.kind(), ErrorKind::Timeout, "after {steps} steps");
        script.join().expect("the script");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_confirmations_end_with_the_connection() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        peer.frame().expect("the message");
    });
    let mut client = connect(&fake, DEADLINE * 2).await;
    let sent = ends(client.send("x", b"hi".as_slice().into(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    let outcome = ends(confirmation).await;
    assert!(!matches!(outcome, Ok(Ok(()))), "{outcome:?}");
    script.join().expect("the script");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_confirmations_end_without_an_answer() {
    let fake = Fake::new();
    let script = fake.next(|peer| hold(peer.greet(3)));
    let mut client = connect(&fake, SHORT).await;
    let sent = ends(client.publish("t", b"hi".as_slice().into(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    let outcome = ends(confirmation).await.expect("an outcome");
    assert_eq!(outcome.expect_err("no answer").kind(), ErrorKind::Timeout);
    drop(client);
    script.join().expect("the script");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_calls_end_with_the_connection() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        let (id, _, _) = peer.frame().expect("the request");
        peer.say(&ack(id, OK));
    });
    let rpc = RpcClient::new0(connect(&fake, DEADLINE * 2).await);
    let params = b"".as_slice().into();
    let outcome = ends(rpc.call("x", "method", params, QoS::Processed)).await;
    assert!(outcome.is_err());
    script.join().expect("the script");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_calls_end_without_a_reply() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        let (id, _, _) = peer.frame().expect("the request");
        peer.say(&ack(id, OK));
        hold(peer);
    });
    let rpc = RpcClient::new0(connect(&fake, SHORT).await);
    let params = b"".as_slice().into();
    let error = ends(rpc.call("x", "method", params, QoS::Processed)).await;
    assert_eq!(error.expect_err("no reply").code(), -32_000 - 0x78);
    drop(rpc);
    script.join().expect("the script");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_full_event_channel_does_not_block_acks() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        let (id, _, _) = peer.frame().expect("the message");
        for _ in 0..10_000 {
            peer.say(&got_message(0, "x", &[0; 100]));
        }
        peer.say(&ack(id, OK));
        hold(peer);
    });
    let config = fake.config(DEADLINE * 2).queue_size(2);
    let mut client = ends(Client::connect(&config)).await.expect("a connection");
    // Taken, and never read.
    let _events = client.take_event_channel().expect("the channel");
    let sent = ends(client.send("x", b"hi".as_slice().into(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    ends(confirmation)
        .await
        .expect("an outcome")
        .expect("the ack");
    drop(client);
    script.join().expect("the script");
}

/// Reads frames as `numbered_frame` makes them until the stream ends; returns their numbers. A
/// frame that is not complete at the very end is ignored; anything else that is not whole panics.
fn numbered_frames(mut peer: Peer) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some((_, flags, body)) = peer.frame() {
        assert_eq!(flags & 0x3F, MESSAGE);
        let payload = body.strip_prefix(b"x\0").expect("the target");
        let number = u32::from_le_bytes(payload[..4].try_into().unwrap());
        assert_eq!(
            payload,
            numbered_payload(number),
            "not the frame that was sent"
        );
        numbers.push(number);
    }
    numbers
}

fn numbered_payload(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(75_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_write_timeout_ends_the_connection() {
    let fake = Fake::new();
    let (start_reading, wait) = mpsc::channel::<()>();
    let script = fake.next(move |peer| {
        let peer = peer.greet(3);
        wait.recv().expect("a start");
        let numbers = numbered_frames(peer);
        assert!(
            numbers.iter().copied().eq(0..numbers.len() as u32),
            "{numbers:?}"
        );
    });
    let mut client = connect(&fake, SHORT).await;
    for number in 0.. {
        let payload = numbered_payload(number);
        if ends(client.send("x", payload.into(), QoS::No))
            .await
            .is_err()
        {
            break;
        }
        assert!(number < 10_000, "everything was accepted");
    }
    ends(async {
        while client.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(
        ends(client.send("x", b"".as_slice().into(), QoS::No))
            .await
            .is_err()
    );
    start_reading.send(()).expect("the script");
    script.join().expect("the script");
}

/// Sends that the application gives up half way: each frame is there as a whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn o05_cancelled_sends_do_not_tear_frames() {
    let fake = Fake::new();
    let (start_reading, wait) = mpsc::channel::<()>();
    let script = fake.next(move |peer| {
        let peer = peer.greet(3);
        wait.recv().expect("a start");
        let numbers = numbered_frames(peer);
        assert!(
            !numbers.is_empty() && numbers.is_sorted_by(|a, b| a < b),
            "{numbers:?}"
        );
    });
    let mut client = connect(&fake, DEADLINE).await;
    let mut cancelled = 0;
    for number in 0..40 {
        let payload = numbered_payload(number);
        let sending = client.send("x", payload.into(), QoS::Realtime);
        let given_up = tokio::time::timeout(Duration::from_millis(5), sending).await;
        cancelled += u32::from(given_up.is_err());
    }
    eprintln!("{cancelled} of 40 were cancelled");
    start_reading.send(()).expect("the script");
    drop(client);
    tokio::task::spawn_blocking(|| script.join().expect("the script"))
        .await
        .expect("a thread");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_every_code_of_an_ack_has_its_kind() {
    let kinds = [
        (0x71, ErrorKind::NotRegistered),
        (0x72, ErrorKind::Data),
        (0x73, ErrorKind::Io),
        (0x74, ErrorKind::Other),
        (0x75, ErrorKind::NotSupported),
        (0x76, ErrorKind::Busy),
        (0x77, ErrorKind::NotDelivered),
        (0x78, ErrorKind::Timeout),
        (0x79, ErrorKind::Access),
    ];
    let fake = Fake::new();
    let script = fake.next(move |peer| {
        let mut peer = peer.greet(3);
        for (code, _) in kinds {
            let (id, _, _) = peer.frame().expect("a message");
            peer.say(&ack(id, code));
        }
        hold(peer);
    });
    let mut client = connect(&fake, DEADLINE).await;
    for (code, kind) in kinds {
        let sent = ends(client.send("x", b"".as_slice().into(), QoS::Processed)).await;
        let confirmation = sent.expect("sent").expect("a confirmation");
        let error = ends(confirmation)
            .await
            .expect("an outcome")
            .expect_err("a refusal");
        assert_eq!(error.kind(), kind, "{code:02x}");
    }
    drop(client);
    script.join().expect("the script");
}

/// The scripted broker itself is understood by the raw client of the other tests.
#[test]
fn the_script_is_a_broker() {
    let fake = Fake::new();
    let script = fake.next(|peer| hold(peer.greet(3)));
    let path = fake.dir.path().join("bus.sock");
    Wire::new(Stream::unix(&path).expect("the script")).handshake("c");
    script.join().expect("the script");
}
