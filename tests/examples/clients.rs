//! The two clients, on a broker that allows everything.

use crate::common::Broker;
use crate::example::Example;
use nix::sys::signal::Signal;

/// What the sender prints where everything is allowed and the listener is there.
pub const SENT: &[&str] = &[
    "message to example.listener: done",
    "broadcast to example.*: done",
    "publication to example/greeting: done",
    "message to example.listener: sent, and not asked after",
    "message to nobody: client not registered",
];

/// What the listener prints then.
pub const RECEIVED: &[&str] = &[
    r#"example.sender tells us: "hello""#,
    r#"example.sender tells everybody: "hello, everybody""#,
    r#"example.sender publishes to example/greeting: "hello, subscribers""#,
    r#"example.sender tells us: "bye""#,
];

pub fn listener(address: &str) -> Example {
    let listener = Example::start("client_listener", address);
    listener.prints(&["listening as example.listener"]);
    listener
}

#[test]
fn a_listener_shows_what_a_sender_sends() {
    let broker = Broker::start(&[]);
    let socket = broker.socket().to_str().expect("a plain path");
    let tcp = format!("127.0.0.1:{}", broker.port());
    for address in [socket, &tcp] {
        let listener = listener(address);
        Example::start("client_sender", address).ends(SENT);
        listener.prints(RECEIVED);
        listener.interrupted(&["interrupted"]);
    }
}

#[test]
fn a_listener_notices_the_end_of_the_broker() {
    let mut broker = Broker::start(&[]);
    let listener = Example::on(
        &broker,
        "client_listener",
        &["listening as example.listener"],
    );
    // Without announcements: the broker dies.
    broker.signal(Signal::SIGKILL);
    broker.wait_exit();
    listener.ends(&["the broker is gone"]);
}

#[test]
fn without_a_broker_there_is_an_error() {
    for name in [
        "client_listener",
        "client_sender",
        "rpc_handler",
        "rpc_caller",
        "blocking_plugin",
    ] {
        let complaint = Example::start(name, "/nonexistent/bus.sock").fails();
        assert!(complaint.contains("/nonexistent/bus.sock"), "{complaint}");
    }
}
