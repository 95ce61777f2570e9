//! What an outbox sends, and when.

use super::*;
use crate::limits::{QUEUE_RESERVE_BYTES, QUEUE_RESERVE_FRAMES};
use crate::transport::socket::Socket;
use std::io::Read;
use std::os::unix::net::UnixStream;

/// An outbox, and the other end of its socket.
async fn outbox() -> (Outbox, UnixStream) {
    let (near, far) = UnixStream::pair().expect("sockets");
    near.set_nonblocking(true).expect("a socket");
    far.set_nonblocking(true).expect("a socket");
    let bounds = Bounds {
        frames: 8,
        bytes: 1024 * 1024,
        linger: None,
    };
    let (_, output) = Socket::Unix(near).split().expect("a runtime");
    (Outbox::new(output, bounds, Charge::default()), far)
}

/// Otherwise the announcements of many clients with long names would take many times the bound.
#[tokio::test]
async fn announcements_are_bounded_in_bytes_too() {
    const BYTES: usize = 1000;
    let (near, _far) = UnixStream::pair().expect("sockets");
    let bounds = Bounds {
        frames: 8192,
        bytes: 10 * BYTES,
        linger: None,
    };
    let (_, output) = Socket::Unix(near).split().expect("a runtime");
    let outbox = Outbox::new(output, bounds, Charge::default());
    let announcement = Encoded {
        head: &[0; BYTES],
        payload: Payload::Copied(&[]),
        realtime: false,
        counted: 0,
    };
    while let Push::Queued { .. } = outbox.push(announcement, Account::Control) {}
    let (load, _) = outbox.totals();
    assert!(load.frames >= QUEUE_RESERVE_FRAMES, "{load:?}");
    assert!(load.bytes <= bounds.bytes + QUEUE_RESERVE_BYTES, "{load:?}");
}

/// The broker says nothing to those who hear from it anyway. A client that is asked to ping
/// does: it may be a long time until it is asked again.
#[tokio::test]
async fn a_ping_that_is_asked_for_is_sent() {
    let (outbox, mut far) = outbox().await;
    let frame = Encoded {
        head: b"frame",
        payload: Payload::Copied(&[]),
        realtime: true,
        counted: 0,
    };
    assert_eq!(
        outbox.push(frame, Account::Frame),
        Push::Queued { settle: true }
    );
    outbox.settle();
    outbox.ping_if_idle(b"idle");
    outbox.ping(b"ping");
    outbox.ping_if_idle(b"idle");
    let mut got = [0; 32];
    let n = far.read(&mut got).expect("what was sent");
    assert_eq!(&got[..n], b"framepingidle");
}
