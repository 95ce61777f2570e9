//! Rules that deny beat rules that allow. The original has only the latter.

use crate::access::Guarded;
use crate::common::*;
use crate::stranger::{NOBODY, Stranger};
use elbus::broker::ClientAaa;

fn rights() -> ClientAaa {
    ClientAaa::new()
}

#[test]
fn o02_denied_targets_are_refused_with_their_secondaries() {
    let bus = Guarded::new(&[
        ("a", rights().deny_p2p_to(&["safe.*", ".broker"])),
        ("safe.1", rights()),
        ("other", rights()),
    ]);
    let mut a = bus.client("a");
    let (mut safe, mut second) = (bus.client("safe.1"), bus.client("safe.1%%0"));
    let mut other = bus.client("other");
    for target in ["safe.1", "safe.1%%0", "safe.nobody", ".broker"] {
        let code = a.request_code(&message(1, PROCESSED, target, b"x"));
        assert_eq!(code, ACCESS, "{target}");
    }
    a.request(&message(2, PROCESSED, "other", b"x"), 2);
    other.expect_bytes(&got_message(0, "a", b"x"));
    safe.expect_silence();
    second.expect_silence();
}

#[test]
fn o02_denied_topics_are_not_published() {
    let rules = rights()
        .allow_publish_to(&["plant/#"])
        .deny_publish_to(&["plant/+/safety", "plant/x/#"]);
    let bus = Guarded::new(&[("a", rules)]);
    let mut a = bus.client("a");
    for (topic, code) in [
        ("plant/1", OK),
        ("plant/1/safety/on", OK),
        ("plant/1/safety", ACCESS),
        ("plant/x/y", ACCESS),
        ("office", ACCESS),
    ] {
        let found = a.request_code(&publish(1, PROCESSED, topic, b"x"));
        assert_eq!(found, code, "{topic}");
    }
}

/// What could bring nothing else is refused; of what is wider, the denied part does not arrive.
#[test]
fn o02_denied_topics_do_not_arrive() {
    let bus = Guarded::new(&[
        ("s", rights().deny_subscribe_to(&["t/secret/#"])),
        ("p", rights()),
    ]);
    let (mut s, mut p) = (bus.client("s"), bus.client("p"));
    for filter in ["t/secret/#", "t/secret/a", "t/secret/+/x"] {
        let code = s.request_code(&subscribe(1, PROCESSED, &[filter]));
        assert_eq!(code, ACCESS, "{filter}");
    }
    s.request(&subscribe(2, PROCESSED, &["#", "t/+/a"]), 2);
    for topic in ["t/secret/a", "t/secret/b/x", "t/secret/a"] {
        p.request(&publish(1, PROCESSED, topic, b"x"), 1);
    }
    p.request(&publish(2, PROCESSED, "t/open", b"x"), 2);
    s.expect_bytes(&got_publication(0, "p", "t/open", b"x"));
    s.expect_nothing_from(&mut p);
}

/// The list of receivers of a topic is remembered; a rule that is added later counts all the same.
#[test]
fn h11_a_topic_that_is_denied_later_stops_arriving() {
    let bus = Guarded::new(&[("s", rights()), ("p", rights())]);
    let (mut s, mut p) = (bus.client("s"), bus.client("p"));
    s.request(&subscribe(1, PROCESSED, &["#"]), 1);
    p.request(&publish(1, PROCESSED, "t/a", b"1"), 1);
    s.expect_bytes(&got_publication(0, "p", "t/a", b"1"));
    bus.set("s", rights().deny_subscribe_to(&["t/a"]));
    bus.broker().refresh_access();
    p.request(&publish(2, PROCESSED, "t/a", b"2"), 2);
    s.expect_nothing_from(&mut p);
    bus.set("s", rights());
    bus.broker().refresh_access();
    p.request(&publish(3, PROCESSED, "t/a", b"3"), 3);
    s.expect_bytes(&got_publication(0, "p", "t/a", b"3"));
}

#[test]
fn o02_denied_clients_are_left_out_of_broadcasts() {
    let bus = Guarded::new(&[
        ("a", rights().deny_broadcast_to(&["safe.*"])),
        ("safe.1", rights()),
        ("b", rights()),
    ]);
    let (mut a, mut b) = (bus.client("a"), bus.client("b"));
    let (mut safe, mut second) = (bus.client("safe.1"), bus.client("safe.1%%0"));
    for mask in ["safe.*", "safe.?", "safe.1", "safe.?.x"] {
        let code = a.request_code(&broadcast(1, PROCESSED, mask, b"x"));
        assert_eq!(code, ACCESS, "{mask}");
    }
    a.send_raw(&broadcast(2, NO, "*", b"x"));
    b.expect_bytes(&got_broadcast(0, "a", b"x"));
    safe.expect_silence();
    second.expect_silence();
}

#[test]
fn h10_denied_hosts_stay_out() {
    let rules = |denied: &str| {
        rights()
            .hosts_allow(vec!["127.0.0.0/8".parse().expect("a network")])
            .hosts_deny(vec![denied.parse().expect("a network")])
    };
    let bus = Guarded::new(&[("in", rules("127.0.0.2")), ("out", rules("127.0.0.0/30"))]);
    for (name, code) in [("in", OK), ("out", ACCESS)] {
        let mut wire = bus.connect(Transport::Tcp);
        assert_eq!(wire.try_register(name.as_bytes()), Some(code), "{name}");
        // It is an address that is denied, not the client.
        let local = bus
            .connect(Transport::Unix)
            .try_register(format!("{name}%%x").as_bytes());
        assert_eq!(local, Some(if code == OK { OK } else { NOT_REGISTERED }));
    }
}

/// A method can be granted alone, without the right to send to the broker.
#[test]
fn o15_single_methods_of_the_broker() {
    let only = |methods: &[&str]| rights().deny_p2p().allow_broker_methods(methods);
    let bus = Guarded::new(&[
        ("test", only(&["test"])),
        ("none", only(&[])),
        ("list", only(&["topic.list", "stats"])),
    ]);
    let mut test = bus.client("test");
    test.call_broker("test", b"");
    for method in [
        "info",
        "stats",
        "client.list",
        "client.kick",
        "benchmark.test",
    ] {
        let request = rpc_request(9, method, b"");
        test.send_raw(&message(1, NO, ".broker", &request));
        let denied = b".broker\0\x12\x09\0\0\0\x87\x82";
        assert_eq!(test.read_frame().body, denied, "{method}");
    }
    let mut list = bus.client("list");
    list.call_broker("topic.list", b"");
    list.call_broker("stats", b"");
    let mut none = bus.client("none");
    let request = rpc_request(9, "test", b"");
    let code = none.request_code(&message(1, PROCESSED, ".broker", &request));
    assert_eq!(code, ACCESS);
}

/// The kernel says who is at the other end of a UNIX socket.
#[test]
fn h10_users_and_groups_are_told_apart() {
    let bus = Guarded::new(&[
        ("anybody", rights()),
        ("owner", rights().users_allow(vec![])),
        ("user", rights().users_allow(vec![NOBODY])),
        ("group", rights().groups_allow(vec![NOBODY - 1])),
        ("other", rights().users_allow(vec![1]).groups_allow(vec![1])),
    ]);
    bus.open_to_all();
    let names = ["anybody", "owner", "user", "group", "other"];
    let expected = [OK, ACCESS, OK, OK, ACCESS];
    let Some(mut stranger) = Stranger::register(NOBODY, NOBODY - 1, bus.socket(), &names) else {
        return;
    };
    for (name, code) in names.into_iter().zip(expected) {
        assert_eq!(stranger.answer(), code, "{name}");
    }
    // Root and the user of the broker need no rule.
    for name in ["owner", "other"] {
        let mut wire = bus.connect(Transport::Unix);
        assert_eq!(wire.try_register(name.as_bytes()), Some(OK), "{name}");
    }
    // A rule that no longer names a user ends its connection.
    bus.set("user", rights().users_allow(vec![1]));
    bus.broker().refresh_access();
    let mut heir = bus.connect(Transport::Unix);
    assert_eq!(heir.try_register(b"user"), Some(OK));
}
