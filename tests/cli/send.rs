//! `elbus BUS send` and `publish`: payloads from the command line and from standard input.

use crate::common::{
    Broker, PROCESSED, Transport, got_broadcast, got_message, got_publication, subscribe,
};
use crate::program::{Running, bus, command, elbus, elbus_reading};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

#[test]
fn a_message_reaches_its_target() {
    let broker = Broker::start(&[]);
    let mut pump = broker.client(Transport::Unix, "pump");
    let stdout = elbus(&broker, &["-n", "me", "send", "pump", "faster"]).success();
    assert_eq!(stdout, "OK\n");
    pump.expect_bytes(&got_message(0, "me", b"faster"));
}

#[test]
fn a_mask_makes_it_a_broadcast() {
    let broker = Broker::start(&[]);
    let mut pump = broker.client(Transport::Unix, "plant.pump");
    for mask in ["plant.*", "plant.?"] {
        assert_eq!(
            elbus(&broker, &["-n", "me", "send", mask, "stop"]).success(),
            "OK\n"
        );
        pump.expect_bytes(&got_broadcast(0, "me", b"stop"));
    }
    // Nobody matches: that is no failure.
    assert_eq!(
        elbus(&broker, &["send", "none.*", "stop"]).success(),
        "OK\n"
    );
}

#[test]
fn a_publication_reaches_subscribers() {
    let broker = Broker::start(&[]);
    let mut pump = broker.client(Transport::Unix, "pump");
    pump.request(&subscribe(1, PROCESSED, &["limits/#"]), 1);
    // A payload that looks like an option to a program is a number to people.
    assert_eq!(
        elbus(&broker, &["-n", "me", "publish", "limits/low", "-5"]).success(),
        "OK\n"
    );
    pump.expect_bytes(&got_publication(0, "me", "limits/low", b"-5"));
}

#[test]
fn success_as_json() {
    let broker = Broker::start(&[]);
    assert_eq!(
        elbus(&broker, &["publish", "t", "x", "--json"]).json()["ok"],
        true
    );
}

#[test]
fn an_unknown_target_is_status_1() {
    let broker = Broker::start(&[]);
    let stderr = elbus(&broker, &["send", "nobody", "hello"]).failure(1);
    assert_eq!(
        stderr,
        "elbus: cannot send to nobody: client not registered\n"
    );
}

#[test]
fn a_payload_left_out_is_standard_input() {
    let broker = Broker::start(&[]);
    let mut pump = broker.client(Transport::Unix, "pump");
    for payload in [&b""[..], b"two\nlines\n", b"\0\xff\x1b"] {
        elbus_reading(&broker, &["-n", "me", "send", "pump"], payload).success();
        pump.expect_bytes(&got_message(0, "me", payload));
    }
}

#[test]
fn payloads_on_the_command_line_are_any_bytes() {
    let broker = Broker::start(&[]);
    let mut pump = broker.client(Transport::Unix, "pump");
    let payload = b"caf\xe9";
    let args = [b"-n", &b"me"[..], b"send", b"pump", payload].map(OsStr::from_bytes);
    Running::start(&mut command(bus(&broker), &args))
        .finish()
        .success();
    pump.expect_bytes(&got_message(0, "me", payload));
}

#[test]
fn endless_input_is_refused() {
    let broker = Broker::start(&[]);
    let zeros = File::open("/dev/zero").expect("zeros");
    let mut command = command(bus(&broker), &["send", "pump"]);
    let stderr = Running::start(command.stdin(zeros)).finish().failure(1);
    assert_eq!(
        stderr,
        "elbus: the payload on standard input exceeds 16777216 bytes\n"
    );
}
