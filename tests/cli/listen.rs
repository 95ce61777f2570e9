//! `elbus BUS listen`: what it prints, and when it ends.

use crate::common::broker::TempDir;
use crate::common::{
    Broker, CLIENT_PING, DEADLINE, GREETING, OK, PROCESSED, Transport, broadcast, eventually,
    message, name_block, publish,
};
use crate::program::{Running, command};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

#[test]
fn every_kind_of_frame_is_printed() {
    let broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["-n", "ear", "listen", "-t", "a/+", "-t", "b"]);
    let mut pump = broker.client(Transport::Unix, "pump");
    pump.request(&message(1, PROCESSED, "ear", b"hello"), 1);
    assert_eq!(listen.line(), "message from pump, primary pump");
    assert_eq!(listen.line(), "STR: hello");
    pump.request(&broadcast(2, PROCESSED, "ear", b"[1]"), 2);
    assert_eq!(listen.line(), "broadcast from pump, primary pump");
    assert_eq!([listen.line(), listen.line()], ["JSON:", "["]);
    assert_eq!([listen.line(), listen.line()], ["  1", "]"]);
    let mut second = broker.client(Transport::Tcp, "pump%%1");
    second.request(&publish(3, PROCESSED, "a/1", b"\xc1"), 3);
    assert_eq!(
        listen.line(),
        "publication from pump%%1, primary pump, topic a/1"
    );
    assert_eq!(listen.line(), "HEX: c1");
    second.request(&publish(4, PROCESSED, "b", b"\x05"), 4);
    assert_eq!(
        listen.line(),
        "publication from pump%%1, primary pump, topic b"
    );
    assert_eq!([listen.line(), listen.line()], ["MSGPACK:", "5"]);
}

#[test]
fn json_output_is_one_object_per_frame() {
    let broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["-n", "ear", "listen", "-t", "a", "--json"]);
    let mut pump = broker.client(Transport::Unix, "pump");
    pump.request(&publish(1, PROCESSED, "a", b"{\"lps\": 4}"), 1);
    pump.request(&message(2, PROCESSED, "ear", b"two\nlines"), 2);
    let lines = [listen.line(), listen.line()];
    let values = lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    let publication = json!({
        "kind": "publication", "sender": "pump", "primary_sender": "pump", "topic": "a",
        "format": "json", "payload": {"lps": 4},
    });
    let message = json!({
        "kind": "message", "sender": "pump", "primary_sender": "pump",
        "format": "text", "payload": "two\nlines",
    });
    assert_eq!(values, [publication, message]);
}

#[test]
fn silent_output_is_one_row_per_frame() {
    let broker = Broker::start(&[]);
    let listen = Running::on(&broker, &["-n", "ear", "listen", "-s"]);
    let mut pump = broker.client(Transport::Unix, "pump");
    // Silence means that nothing tells when the command is ready.
    eventually("the listener is registered", || {
        let code = pump.request_code(&message(1, PROCESSED, "ear", b"two\nlines"));
        (code == OK).then_some(())
    });
    assert_eq!(listen.line(), "message\tpump\tpump\t\ttwo\\nlines");
}

#[test]
fn h13_hostile_frames_do_not_reach_the_terminal() {
    let broker = Broker::start(&[]);
    let args = ["-n", "ear", "listen", "-t", "#"];
    let listeners = [
        Running::listening(&broker, &args),
        Running::listening(&broker, &["-n", "ear2", "listen", "-t", "#", "--json"]),
    ];
    let mut pump = broker.client(Transport::Unix, "pump");
    let deep = [vec![0x91; 100_000], vec![0xC0]].concat();
    for payload in [
        &b"\x1b]0;owned\x07"[..],
        b"\"\x7f\xc2\x9b2J\"",
        b"\xa2\x1b[",
        &deep,
    ] {
        pump.request(&publish(1, PROCESSED, "x\x1b[2J\ny", payload), 1);
    }
    pump.request(&publish(2, PROCESSED, "finished", b""), 2);
    for listen in listeners {
        let mut seen = 0;
        loop {
            let line = listen.line();
            assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
            seen += usize::from(line.contains("2J") && line.contains("publication"));
            if line.contains("finished") {
                break;
            }
        }
        assert_eq!(seen, 4);
    }
}

#[test]
fn the_end_of_the_broker_is_status_1() {
    let mut broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["listen", "--json"]);
    broker.signal(Signal::SIGTERM);
    broker.wait_exit();
    let outcome = listen.finish();
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stdout.contains("shutdown"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.ends_with("elbus: connection closed\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn ctrl_c_is_status_0() {
    let broker = Broker::start(&[]);
    for command in [&["listen"][..], &["rpc", "listen"]] {
        let listen = Running::listening(&broker, command);
        listen.signal(Signal::SIGINT);
        assert_eq!(listen.finish().success(), "");
    }
}

#[test]
fn listeners_ping_so_that_brokers_keep_them() {
    let dir = TempDir::new();
    let path = dir.path().join("bus.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let path = path.to_str().expect("a plain path");
    for args in [&["listen"][..], &["rpc", "listen"]] {
        let _listen = Running::start(&mut command(path, &[&["-n", "ear"], args].concat()));
        let (mut client, _) = listener.accept().expect("a client");
        client.write_all(&GREETING).expect("the greeting");
        expect(&mut client, &GREETING);
        client.write_all(&[OK]).expect("the answer to the version");
        expect(&mut client, &name_block(b"ear"));
        client.write_all(&[OK]).expect("the answer to the name");
        expect(&mut client, &[CLIENT_PING, CLIENT_PING].concat());
    }
}

fn expect(client: &mut UnixStream, expected: &[u8]) {
    let mut got = vec![0xFF; expected.len()];
    client.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    client
        .read_exact(&mut got)
        .expect("what the protocol demands");
    assert_eq!(got, expected);
}
