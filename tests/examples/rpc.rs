//! The RPC programs.

use crate::common::{Broker, PROCESSED, Transport, subscribe};
use crate::example::Example;
use crate::program::elbus;
use nix::sys::signal::Signal;

const SERVING: &[&str] = &["serving as example.handler"];

const WORKING: &[&str] = &[
    "working as example.worker, calling as example.worker%%0",
    "waiting for sums",
];

#[test]
fn a_caller_gets_answers() {
    let broker = Broker::start(&[]);
    let handler = Example::on(&broker, "rpc_handler", SERVING);
    Example::on(&broker, "rpc_caller", &[]).ends(&[
        "2 + 3 = 5",
        "too much: RPC error -32602: the sum is too big",
        "nobody: RPC error -32113: client not registered",
        "beep: delivered",
        "notification: delivered",
    ]);
    handler.prints(&[
        "example.caller asks for 2 + 3",
        "example.caller asks for 9223372036854775807 + 1",
    ]);
    // Handlers run at the same time, so these two come in any order.
    let mut rest = [handler.line(), handler.line()];
    rest.sort_unstable();
    let expected = [
        "example.caller notifies: \"that is all\"",
        "example.caller: beep!",
    ];
    assert_eq!(rest, expected);
    handler.interrupted(&["interrupted"]);
}

#[test]
fn the_command_line_can_call() {
    let broker = Broker::start(&[]);
    let handler = Example::on(&broker, "rpc_handler", SERVING);
    let args = ["rpc", "call", "example.handler", "add", "a=2", "b=3"];
    let sum = elbus(&broker, &args).success();
    assert_eq!(sum.lines().last(), Some("5"));
    elbus(&broker, &["publish", "example/news", "it works"]).success();
    let line = handler.line();
    assert!(line.ends_with(" asks for 2 + 3"), "{line}");
    let line = handler.line();
    assert!(line.ends_with(r#" publishes: "it works""#), "{line}");
}

#[test]
fn a_blocking_handler_calls_through_its_secondary() {
    let broker = Broker::start(&[]);
    let worker = Example::on(&broker, "rpc_blocking_handler", WORKING);
    let publish = |sum| elbus(&broker, &["publish", "example/sums", sum]).success();
    publish("1 1");
    worker.prints(&["1 + 1: RPC error -32113: client not registered"]);

    let handler = Example::on(&broker, "rpc_handler", SERVING);
    for sum in ["2 3", "10 -4", "two three", "20 22"] {
        publish(sum);
    }
    worker.prints(&[
        "2 + 3 = 5",
        "10 + -4 = 6",
        r#"two numbers, please, not "two three""#,
        "20 + 22 = 42",
    ]);
    handler.prints(&["example.worker%%0 asks for 2 + 3"]);
    worker.interrupted(&["interrupted"]);
}

#[test]
fn a_plugin_without_a_runtime_counts_and_is_set() {
    let mut broker = Broker::start(&[]);
    let plugin = Example::on(&broker, "blocking_plugin", &["counting as example.plugin"]);
    let set = ["rpc", "call", "example.plugin", "set", "value=40"];
    elbus(&broker, &set).success();
    plugin.prints(&["set to 40"]);
    let mut display = broker.client(Transport::Unix, "display");
    display.send_raw(&subscribe(1, PROCESSED, &["example/count"]));
    let published = loop {
        let frame = display.read_frame();
        if let Some(value) = frame.body.strip_prefix(b"example.plugin\0example/count\0") {
            break String::from_utf8(value.to_vec()).expect("digits");
        }
    };
    assert!(published.parse::<u64>().expect("a number") >= 40);
    broker.signal(Signal::SIGKILL);
    broker.wait_exit();
    plugin.ends(&["the broker is gone"]);
}
