//! Clients that pass for others (H12). In the original anybody may publish what looks like an
//! announcement of the broker, and register secondaries of anybody's client.

use crate::access::Guarded;
use crate::common::*;
use crate::stranger::{NOBODY, Stranger};
use elbus::QoS;
use elbus::broker::ServerConfig;
use elbus::client::AsyncClient;

#[test]
fn h12_the_topics_of_the_broker_are_its_own() {
    on_both(|bus| {
        let mut mallory = bus.client("mallory");
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["#"]), 1);
        for topic in [
            ".broker",
            ".broker/",
            ".broker/info",
            ".broker/warn",
            ".broker/x/y",
        ] {
            for frame in [
                publish(2, PROCESSED, topic, b"x"),
                publish_for(2, PROCESSED, topic, "a", b"x"),
            ] {
                assert_eq!(mallory.request_code(&frame), ACCESS, "{topic}");
            }
            mallory.send_raw(&publish(3, NO, topic, b"x").repeat(3));
        }
        // Others that look like them are free.
        for topic in [".brokerage", "x/.broker/info", ".", "/.broker"] {
            mallory.request(&publish(4, PROCESSED, topic, b"x"), 4);
            a.expect_bytes(&got_publication(0, "mallory", topic, b"x"));
        }
        a.expect_nothing_from(&mut mallory);
    });
}

#[test]
fn h12_the_topics_of_the_broker_can_be_opened() {
    let bus = Guarded::without_rules(ServerConfig::new().open_broker_topics(true));
    let (mut a, mut b) = (bus.client("a"), bus.client("b"));
    a.request(&subscribe(1, PROCESSED, &[".broker/x"]), 1);
    b.request(&publish(1, PROCESSED, ".broker/x", b"x"), 1);
    a.expect_bytes(&got_publication(0, "b", ".broker/x", b"x"));
}

/// Programs that embed a broker announce on these topics.
#[test]
fn h12_clients_of_the_brokers_process_may_use_its_topics() {
    let bus = Guarded::without_rules(ServerConfig::new());
    let mut a = bus.client("a");
    a.request(&subscribe(1, PROCESSED, &[".broker/x"]), 1);
    bus.block_on(async {
        let mut own = bus.broker().register_client("own").await.expect("free");
        own.publish(".broker/x", b"x".as_slice().into(), QoS::No)
            .await
            .expect("allowed");
    });
    a.expect_bytes(&got_publication(0, "own", ".broker/x", b"x"));
}

#[test]
fn h12_secondaries_belong_to_the_user_of_their_primary() {
    let bus = Guarded::without_rules(ServerConfig::new());
    bus.open_to_all();
    let mut mine = bus.client("mine");
    let names = ["mine%%0", "theirs", "theirs%%0", "mine%%1"];
    let Some(mut stranger) = Stranger::register(NOBODY, NOBODY, bus.socket(), &names) else {
        return;
    };
    for (name, code) in names.into_iter().zip([ACCESS, OK, OK, ACCESS]) {
        assert_eq!(stranger.answer(), code, "{name}");
    }
    // Root may be anybody's, and a TCP client of this machine is taken on trust.
    bus.client("theirs%%1").expect_silence();
    let mut tcp = bus.connect(Transport::Tcp);
    assert_eq!(tcp.try_register(b"mine%%2"), Some(OK));
    mine.expect_silence();
}

#[test]
fn h12_secondaries_come_from_the_host_of_their_primary() {
    let bus = Guarded::without_rules(ServerConfig::new());
    let mut primary = bus.connect_from(1);
    primary.handshake("p");
    assert_eq!(bus.connect_from(2).try_register(b"p%%0"), Some(ACCESS));
    bus.connect_from(1).handshake("p%%0");
    // As an operator may allow.
    let bus = Guarded::without_rules(ServerConfig::new().open_secondaries(true));
    let mut primary = bus.connect_from(1);
    primary.handshake("p");
    assert_eq!(bus.connect_from(2).try_register(b"p%%0"), Some(OK));
}
