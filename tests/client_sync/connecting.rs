//! The handshake, with brokers that lead it well and badly.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::common::fake::{Fake, Peer};
use crate::common::*;
use crate::{LONG, SHORT, config, connect, ends, path};
use elbus::ErrorKind as Kind;
use elbus::sync::{Client, Config};

fn failure_of(config: Config) -> Kind {
    let connected = ends(move || Client::connect(&config));
    connected.expect_err("an error").kind()
}

/// The error with which connecting to this broker ends.
fn failure(timeout: Duration, script: impl FnOnce(Peer) + Send + 'static) -> Kind {
    let fake = Fake::new();
    let script = fake.next(script);
    let kind = failure_of(config(&fake, timeout));
    script.join().expect("the script");
    kind
}

#[test]
fn names_are_refused_with_the_reason_of_the_broker() {
    let broker = Broker::start(&[]);
    let _first = connect(&broker, "taken", LONG);
    for (name, kind) in [
        ("taken", Kind::Busy),
        ("", Kind::Data),
        (".hidden", Kind::Data),
        ("nobody%%1", Kind::NotRegistered),
    ] {
        let config = Config::new(path(&broker), name).timeout(LONG);
        assert_eq!(failure_of(config), kind, "{name:?}");
    }
    let config = Config::new(path(&broker), &"n".repeat(70_000)).timeout(LONG);
    assert_eq!(failure_of(config), Kind::Data);
}

#[test]
fn both_kinds_of_sockets() {
    let broker = Broker::start(&[]);
    for address in [path(&broker), &format!("127.0.0.1:{}", broker.port())] {
        let client = Client::connect(&Config::new(address, "c").timeout(LONG)).expect(address);
        assert!(client.is_connected());
        assert_eq!((client.get_name(), client.get_timeout()), ("c", LONG));
        client.ping().expect("a connection");
    }
}

#[test]
fn b18_no_broker_at_all() {
    let dir = broker::TempDir::new();
    let missing = dir.path().join("bus.sock");
    let closed = format!("127.0.0.1:{}", broker::free_port());
    for address in [missing.to_str().expect("a plain path"), &closed] {
        let error = Client::connect(&Config::new(address, "c")).expect_err("nobody there");
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains(address), "{error}");
    }
}

#[test]
fn an_address_with_tls_is_refused() {
    let error = Client::connect(&Config::new("tls://localhost:1", "c")).expect_err("no TLS");
    assert_eq!(error.kind(), Kind::NotSupported);
}

#[test]
fn b18_a_broker_that_falls_silent() {
    for steps in 0..3 {
        let silent = move |peer: Peer| {
            let mut peer = peer.greet(steps);
            while peer.try_hear(1).is_some() {}
        };
        assert_eq!(failure(SHORT, silent), Kind::Timeout, "{steps} steps");
    }
}

/// The system connects as many as fit into the queue of the listener. Whoever comes then would wait
/// for ever.
#[test]
fn b18_a_broker_that_does_not_even_accept() {
    let fake = Fake::new();
    assert_eq!(failure_of(config(&fake, SHORT)), Kind::Timeout);
    let path = fake.path();
    let (filled, is_full) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut queue = Vec::new();
        // Ends with the test.
        while let Ok(stream) = UnixStream::connect(&path) {
            queue.push(stream);
            let _ = filled.send(queue.len());
        }
    });
    while is_full.recv_timeout(SHORT).is_ok() {}
    assert_eq!(failure_of(config(&fake, SHORT)), Kind::Timeout);
}

/// One byte now and then does not buy time: the limit is for the whole handshake.
#[test]
fn b18_a_broker_that_stops_in_the_middle_of_a_word() {
    let half = |mut peer: Peer| {
        peer.say(&GREETING[..2]);
        while peer.try_hear(1).is_some() {}
    };
    assert_eq!(failure(SHORT, half), Kind::Timeout);
}

#[test]
fn b18_a_broker_that_dies() {
    for steps in 0..3 {
        let dying = move |peer: Peer| drop(peer.greet(steps));
        assert_eq!(failure(LONG, dying), Kind::Eof, "{steps} steps");
    }
}

#[test]
fn b18_what_is_no_broker_is_not_supported() {
    for greeting in [b"\xEA\x01\x00", b"\xEB\x02\x00", b"\xEB\x01\x01", b"HTT"] {
        let other = move |mut peer: Peer| {
            peer.say(greeting);
            // Not a word to something that is no broker.
            assert!(peer.try_hear(1).is_none());
        };
        assert_eq!(failure(LONG, other), Kind::NotSupported, "{greeting:?}");
    }
}

#[test]
fn everything_at_once_and_byte_by_byte() {
    let hi = got_message(0, "x", b"hi");
    let all = [&GREETING[..], &[OK, OK], &BROKER_PING, &hi].concat();
    for slowly in [false, true] {
        let fake = Fake::new();
        let all = all.clone();
        let script = fake.next(move |mut peer| {
            match slowly {
                true => peer.say_slowly(&all),
                false => peer.say(&all),
            }
            assert_eq!(peer.hear(6), hello(b"c"));
            peer.hold();
        });
        let client = crate::connect_to_fake(&fake, LONG);
        let events = client.take_event_channel().expect("taken once");
        assert!(client.take_event_channel().is_none());
        let frame = events.recv_timeout(DEADLINE).expect("a frame");
        assert_eq!((frame.sender(), frame.payload()), ("x", &b"hi"[..]));
        drop(client);
        script.join().expect("the script");
    }
}
