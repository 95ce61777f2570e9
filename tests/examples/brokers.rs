//! The programs that are brokers.

use crate::clients::{RECEIVED, SENT, listener};
use crate::example::{BrokerExample, Example};

#[test]
fn external_clients_use_the_broker_of_an_application() {
    let broker = BrokerExample::start("inprocess_broker");
    let socket = broker.socket();
    broker
        .example
        .prints(&[r#"app.sensor publishes to example/temperature: "21.5""#]);

    let listener = listener(&socket);
    Example::start("client_sender", &socket).ends(SENT);
    listener.prints(RECEIVED);
    broker
        .example
        .prints(&[r#"example.sender publishes to example/greeting: "hello, subscribers""#]);

    let clients = broker.elbus(&["broker", "client.list"]);
    for name in [".broker", "app.collector", "app.sensor", "example.listener"] {
        assert!(clients.contains(name), "{clients}");
    }
    broker.interrupted(&["stopped"]);
    listener.ends(&[
        ".broker publishes to .broker/warn: 23 bytes that are no text",
        "the broker is gone",
    ]);
}

#[test]
fn a_core_client_of_the_application_answers_and_watches() {
    let broker = BrokerExample::start("broker_core_rpc");
    let listener = listener(&broker.socket());
    broker.example.prints(&["reg example.listener"]);
    listener.interrupted(&["interrupted"]);
    broker.example.prints(&["unreg example.listener"]);

    let info = broker.elbus(&["rpc", "call", ".broker", "device.info"]);
    assert!(info.contains("4711"), "{info}");
    assert!(info.contains(env!("CARGO_PKG_VERSION")), "{info}");
    broker.elbus(&["broker", "test"]);
}

#[test]
fn rules_decide_who_may_do_what() {
    let broker = BrokerExample::start("broker_access");
    let socket = broker.socket();
    let listener = listener(&socket);
    Example::start("client_sender", &socket).ends(&[
        "message to example.listener: done",
        "broadcast to example.*: access denied",
        "publication to example/greeting: done",
        "message to example.listener: sent, and not asked after",
        "message to nobody: client not registered",
    ]);
    listener.prints(&[RECEIVED[0], RECEIVED[2], RECEIVED[3]]);

    // Not in the rules.
    let refused = Example::start("rpc_handler", &socket).fails();
    assert!(refused.contains("Access"), "{refused}");

    broker.interrupted(&["nobody is allowed any more", "stopped"]);
    listener.ends(&["the broker is gone"]);
}
