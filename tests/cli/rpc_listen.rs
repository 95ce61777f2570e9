//! `elbus BUS rpc listen`: a client to call.

use crate::common::Broker;
use crate::program::{Running, elbus, elbus_reading};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

#[test]
fn calls_are_printed_and_answered() {
    let broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["-n", "callee", "rpc", "listen"]);
    let call = ["-n", "me", "rpc", "call", "callee", "set", "on=true"];
    assert_eq!(elbus(&broker, &call).success(), "STR: \n");
    assert_eq!(listen.line(), "call from me, primary me, method set");
    assert_eq!([listen.line(), listen.line()], ["MSGPACK:", "{"]);
    assert_eq!([listen.line(), listen.line()], ["  \"on\": true", "}"]);
}

#[test]
fn calls_without_reply_notifications_and_frames_are_printed() {
    let broker = Broker::start(&[]);
    let args = ["-n", "callee", "rpc", "listen", "-t", "news", "--json"];
    let listen = Running::listening(&broker, &args);
    for (args, expected) in [
        (
            &["rpc", "call0", "callee", "stop"][..],
            json!({"kind": "call", "method": "stop", "format": "text", "payload": ""}),
        ),
        (
            &["rpc", "notify", "callee", "hello"],
            json!({"kind": "notification", "format": "text", "payload": "hello"}),
        ),
        (
            &["publish", "news", "[1]"],
            json!({"kind": "publication", "topic": "news", "format": "json", "payload": [1]}),
        ),
        (
            &["send", "?", "x"],
            json!({"kind": "broadcast", "format": "text", "payload": "x"}),
        ),
    ] {
        elbus(&broker, &[&["-n", "me.cli"], args].concat()).success();
        let mut line: Value = serde_json::from_str(&listen.line()).expect("JSON");
        let object = line.as_object_mut().expect("an object");
        assert_eq!(object.remove("sender"), Some("me.cli".into()));
        assert_eq!(object.remove("primary_sender"), Some("me.cli".into()));
        assert_eq!(line, expected);
    }
}

#[test]
fn h13_methods_are_escaped() {
    let broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["-n", "callee", "rpc", "listen"]);
    let args = ["-n", "me", "rpc", "call", "callee", "\x1b[2J", "-"];
    elbus_reading(&broker, &args, b"").success();
    assert_eq!(listen.line(), "call from me, primary me, method \\u{1b}[2J");
}

#[test]
fn the_end_of_the_broker_is_status_1() {
    let mut broker = Broker::start(&[]);
    let listen = Running::listening(&broker, &["rpc", "listen", "--timeout", "1"]);
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
