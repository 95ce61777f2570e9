//! The handshake, with a broker that leads it badly.

use crate::common::fake::{Fake, Peer};
use crate::common::wire::Stream;
use crate::common::*;
use crate::{LONG, SHORT, config, ends};
use elbus::ErrorKind as Kind;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use std::time::Duration;

/// The error with which connecting to this broker ends.
async fn failure(timeout: Duration, script: impl FnOnce(Peer) + Send + 'static) -> Kind {
    let fake = Fake::new();
    let script = fake.next(script);
    let connected = ends(Client::connect(&config(&fake, timeout))).await;
    let error = connected.err().expect("an error");
    script.join().expect("the script");
    error.kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_falls_silent() {
    for steps in 0..3 {
        let silent = move |peer: Peer| {
            let mut peer = peer.greet(steps);
            while peer.try_hear(1).is_some() {}
        };
        assert_eq!(failure(SHORT, silent).await, Kind::Timeout, "{steps} steps");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_does_not_even_accept() {
    let fake = Fake::new();
    let error = ends(Client::connect(&config(&fake, SHORT))).await.err();
    assert_eq!(error.expect("an error").kind(), Kind::Timeout);
}

/// One byte now and then does not buy time: the limit is for the whole handshake.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_stops_in_the_middle_of_a_word() {
    let half = |mut peer: Peer| {
        peer.say(&GREETING[..2]);
        while peer.try_hear(1).is_some() {}
    };
    assert_eq!(failure(SHORT, half).await, Kind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_dies() {
    for steps in 0..3 {
        let dying = move |peer: Peer| drop(peer.greet(steps));
        assert_eq!(failure(LONG, dying).await, Kind::Eof, "{steps} steps");
    }
    assert_eq!(
        failure(LONG, |mut peer| peer.say(&GREETING[..2])).await,
        Kind::Eof
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_what_is_no_broker_is_not_supported() {
    for greeting in [
        b"\xEA\x01\x00",
        b"\xEB\x02\x00",
        b"\xEB\x01\x01",
        b"HTT",
        b"SSH",
    ] {
        let other = move |mut peer: Peer| {
            peer.say(greeting);
            // Not a word to something that is no broker.
            assert!(peer.try_hear(1).is_none());
        };
        assert_eq!(
            failure(LONG, other).await,
            Kind::NotSupported,
            "{greeting:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_every_refusal_has_its_kind() {
    for (code, kind) in REFUSALS {
        let to_greeting = move |peer: Peer| {
            let mut peer = peer.greet(1);
            peer.hear(3);
            peer.say(&[code]);
        };
        assert_eq!(failure(LONG, to_greeting).await, kind, "{code:02x}");
        let to_name = move |peer: Peer| {
            let mut peer = peer.greet(2);
            peer.hear(3);
            peer.say(&[code]);
        };
        assert_eq!(failure(LONG, to_name).await, kind, "{code:02x}");
    }
}

/// Every code that is not `01`, and what it means; unknown ones among them.
pub const REFUSALS: [(u8, Kind); 12] = [
    (0x71, Kind::NotRegistered),
    (0x72, Kind::Data),
    (0x73, Kind::Io),
    (0x74, Kind::Other),
    (0x75, Kind::NotSupported),
    (0x76, Kind::Busy),
    (0x77, Kind::NotDelivered),
    (0x78, Kind::Timeout),
    (0x79, Kind::Access),
    (0xFF, Kind::Eof),
    (0x00, Kind::Other),
    (0x42, Kind::Other),
];

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_floods_instead_of_answering() {
    let flooding = |peer: Peer| {
        let mut peer = peer.greet(1);
        while peer.try_say(&[0; 64 * 1024]) {}
    };
    assert_eq!(failure(LONG, flooding).await, Kind::Other);
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_greeting_byte_by_byte() {
    let fake = Fake::new();
    let script = fake.next(|mut peer| {
        peer.say_slowly(&GREETING);
        for byte in GREETING {
            assert_eq!(peer.hear(1), [byte]);
        }
        peer.say(&[OK]);
        for byte in name_block(b"c") {
            assert_eq!(peer.hear(1), [byte]);
        }
        peer.say(&[OK]);
        peer.say_slowly(&got_message(0, "x", b"hi"));
        peer.hold();
    });
    let mut client = ends(Client::connect(&config(&fake, LONG)))
        .await
        .expect("a connection");
    let events = client.take_event_channel().expect("taken once");
    let frame = ends(events.recv()).await.expect("a frame");
    assert_eq!((frame.sender(), frame.payload()), ("x", &b"hi"[..]));
    drop(client);
    script.join().expect("the script");
}

/// What a broker says right after the handshake may be in one piece with its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_with_everything_at_once() {
    let fake = Fake::new();
    let script = fake.next(|mut peer| {
        let all = [
            &GREETING[..],
            &[OK, OK],
            &BROKER_PING,
            &got_message(0, "x", b"hi"),
        ];
        peer.say(&all.concat());
        assert_eq!(peer.hear(6), hello(b"c"));
        peer.hold();
    });
    let mut client = ends(Client::connect(&config(&fake, LONG)))
        .await
        .expect("a connection");
    let events = client.take_event_channel().expect("taken once");
    assert_eq!(ends(events.recv()).await.expect("a frame").payload(), b"hi");
    drop(client);
    script.join().expect("the script");
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_no_broker_at_all() {
    let dir = broker::TempDir::new();
    let missing = dir.path().join("bus.sock");
    let closed = format!("127.0.0.1:{}", broker::free_port());
    for address in [missing.to_str().expect("a plain path"), &closed] {
        let error = ends(Client::connect(&Config::new(address, "c")))
            .await
            .err();
        assert_eq!(error.expect("an error").kind(), Kind::Io, "{address}");
    }
}

/// The scripted broker itself is understood by the raw client of the other tests.
#[test]
fn the_script_is_a_broker() {
    let fake = Fake::new();
    let script = fake.next(|peer| peer.greet(3).hold());
    Wire::new(Stream::unix(&fake.path()).expect("the script")).handshake("c");
    script.join().expect("the script");
}
