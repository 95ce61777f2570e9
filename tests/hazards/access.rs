//! Access rights of the embedded broker, seen from the wire (B15, B16, O2, O7, O14, H10, H11).

use crate::common::broker::{TempDir, free_port};
use crate::common::wire::Stream;
use crate::common::*;
use elbus::broker::{AaaMap, Broker as Embedded, ClientAaa, ServerConfig};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// A broker inside the test, with access rules of its own.
pub struct Guarded {
    map: AaaMap,
    socket: PathBuf,
    port: u16,
    broker: Embedded,
    dir: TempDir,
    // Last: the broker's tasks end with it.
    runtime: Runtime,
}

impl Guarded {
    /// The clients in the list may register, with these rights.
    pub fn new(clients: &[(&str, ClientAaa)]) -> Self {
        let map = AaaMap::default();
        for (name, rights) in clients {
            map.lock().insert((*name).to_string(), rights.clone());
        }
        Self::start(ServerConfig::new().aaa_map(map.clone()), map)
    }

    /// Everybody may register; what else is said by `config`.
    pub fn without_rules(config: ServerConfig) -> Self {
        Self::start(config, AaaMap::default())
    }

    fn start(config: ServerConfig, map: AaaMap) -> Self {
        let dir = TempDir::new();
        let socket = dir.path().join("bus.sock");
        let port = free_port();
        let runtime = Runtime::new().expect("a runtime");
        let config = config.timeout(std::time::Duration::from_secs(2));
        let mut broker = Embedded::new();
        runtime.block_on(async {
            broker.init_default_core_rpc().await.expect("core client");
            let path = socket.to_str().expect("a plain path");
            broker
                .spawn_unix_server(path, config.clone())
                .await
                .expect("a socket");
            let address = format!("127.0.0.1:{port}");
            broker
                .spawn_tcp_server(&address, config.clone())
                .await
                .expect("a port");
        });
        Self {
            map,
            socket,
            port,
            broker,
            dir,
            runtime,
        }
    }

    pub fn connect(&self, transport: Transport) -> Wire {
        Wire::new(match transport {
            Transport::Unix => Stream::unix(&self.socket).expect("the socket"),
            Transport::Tcp => Stream::tcp(self.port).expect("the port"),
        })
    }

    /// Over TCP from 127.0.0.`last`.
    pub fn connect_from(&self, last: u8) -> Wire {
        Wire::new(Stream::tcp_from(last, self.port).expect("the port"))
    }

    pub fn client(&self, name: &str) -> Wire {
        let mut wire = self.connect(Transport::Unix);
        wire.handshake(name);
        wire
    }

    pub fn set(&self, name: &str, rights: ClientAaa) {
        self.map.lock().insert(name.to_string(), rights);
    }

    pub fn broker(&self) -> &Embedded {
        &self.broker
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lets every user of this machine connect to the socket.
    pub fn open_to_all(&self) {
        for (path, mode) in [(self.dir.path(), 0o755), (&self.socket, 0o777)] {
            let permissions = Permissions::from_mode(mode);
            std::fs::set_permissions(path, permissions).expect("permissions");
        }
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

#[test]
fn strangers_are_79_on_every_listener() {
    let bus = Guarded::new(&[("known", ClientAaa::new())]);
    for transport in [Transport::Unix, Transport::Tcp] {
        for name in ["unknown", "Known", "known.x"] {
            let mut wire = bus.connect(transport);
            assert_eq!(wire.try_register(name.as_bytes()), Some(ACCESS), "{name}");
            wire.expect_closed();
        }
        let mut known = bus.connect(transport);
        known.handshake("known");
        // Secondaries share the entry of their primary.
        let mut secondary = bus.connect(transport);
        secondary.handshake("known%%x");
        secondary.expect_silence();
        known.half_close();
        known.expect_closed();
        secondary.expect_closed();
    }
}

#[test]
fn b15_o07_one_ack_for_several_filters() {
    let rights = ClientAaa::new().allow_subscribe_to(&["ok/#"]);
    let bus = Guarded::new(&[("sub", rights), ("pub", ClientAaa::new())]);
    let (mut subscriber, mut publisher) = (bus.client("sub"), bus.client("pub"));
    for filters in [
        ["secret", "ok/a", "ok/b"],
        ["ok/a", "secret", "ok/b"],
        ["ok/a", "ok/b", "secret"],
        ["secret", "secret", "secret"],
    ] {
        assert_eq!(
            subscriber.request_code(&subscribe(1, PROCESSED, &filters)),
            ACCESS
        );
        // No second answer under the same id, and no access.
        subscriber.expect_silence();
        publisher.request(&publish(1, PROCESSED, "secret", b"x"), 1);
        subscriber.expect_nothing_from(&mut publisher);
    }
    // Without an ack just as silently; unsubscribing is always allowed.
    subscriber.send_raw(&subscribe(2, NO, &["secret"]));
    subscriber.request(&unsubscribe(3, PROCESSED, &["secret", "ok/a", "ok/b"]), 3);
    subscriber.request(&subscribe(4, PROCESSED, &["ok/a", "ok/b"]), 4);
    publisher.request(&publish(5, PROCESSED, "secret", b"x"), 5);
    publisher.request(&publish(6, PROCESSED, "ok/b", b"x"), 6);
    subscriber.expect_bytes(&got_publication(0, "pub", "ok/b", b"x"));
    subscriber.expect_nothing_from(&mut publisher);
}

#[test]
fn b16_hosts_allow_by_default_includes_ipv6() {
    let map = AaaMap::default();
    map.lock().insert("six".to_string(), ClientAaa::new());
    let port = free_port();
    if std::net::TcpListener::bind(("::1", port)).is_err() {
        eprintln!("this machine has no IPv6: nothing was tested");
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let mut broker = Embedded::new();
    let config = ServerConfig::new().aaa_map(map);
    let address = format!("[::1]:{port}");
    runtime
        .block_on(broker.spawn_tcp_server(&address, config))
        .expect("a port");
    let stream = std::net::TcpStream::connect(("::1", port)).expect("the broker");
    stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
    Wire::new(Stream::Tcp(stream)).handshake("six");
}

#[test]
fn hosts_allow_concerns_tcp_only() {
    let far = vec!["192.0.2.0/24".parse().expect("a network")];
    let near = vec!["127.0.0.0/8".parse().expect("a network")];
    let bus = Guarded::new(&[
        ("far", ClientAaa::new().hosts_allow(far)),
        ("near", ClientAaa::new().hosts_allow(near)),
    ]);
    assert_eq!(
        bus.connect(Transport::Tcp).try_register(b"far"),
        Some(ACCESS)
    );
    bus.client("far").expect_silence();
    let mut near = bus.connect(Transport::Tcp);
    near.handshake("near");
    near.expect_silence();
}

/// With the rule, these filters may be subscribed to and those may not.
fn covers(rule: &str, allowed: &[&str], denied: &[&str]) {
    let rights = ClientAaa::new().allow_subscribe_to(&[rule]);
    let bus = Guarded::new(&[("c", rights)]);
    let mut client = bus.client("c");
    for (filters, code) in [(allowed, OK), (denied, ACCESS)] {
        for filter in filters {
            let answer = client.request_code(&subscribe(1, PROCESSED, &[filter]));
            assert_eq!(answer, code, "rule {rule:?}, filter {filter:?}");
        }
    }
}

#[test]
fn o02_filters_are_matched_against_filters() {
    covers(
        "sensors/+",
        &["sensors/+", "sensors/a", "sensors/"],
        &[
            "sensors/#",
            "#",
            "+",
            "+/#",
            "+/+",
            "+/a",
            "sensors/+/x",
            "sensors",
            "sensors/+/#",
        ],
    );
    covers("+", &["+", "a", ""], &["#", "a/b", "+/+", "+/#"]);
    covers(
        "sensors/#",
        &[
            "sensors/#",
            "sensors/+",
            "sensors/a/b",
            "sensors/+/#",
            "sensors/a/#",
        ],
        &["#", "sensors", "+/a", "+/#", "sensor/#"],
    );
    covers(
        "a/+/c",
        &["a/b/c", "a/+/c"],
        &["a/#", "a/+/+", "a/+/#", "+/+/c"],
    );
    covers("+/#", &["+/#", "+/+", "a/#", "a/b"], &["#", "+", "a"]);
    covers("#", &["#", "+", "", "a/b", ".broker/info"], &[]);
    covers("a", &["a"], &["#", "+", "A", "a/#", "b"]);
}

#[test]
fn o02_broadcast_masks_are_matched_against_masks() {
    let rights = ClientAaa::new().allow_broadcast_to(&["g.?"]);
    let bus = Guarded::new(&[("c", rights), ("g.a.b", ClientAaa::new())]);
    let (mut client, mut outsider) = (bus.client("c"), bus.client("g.a.b"));
    for mask in ["g.a", "g.?", "g."] {
        client.request(&broadcast(1, PROCESSED, mask, b"x"), 1);
    }
    for mask in ["*", "g.*", "?.a", "?", "?.?", "g.?.b", "g.a.b", "g"] {
        let code = client.request_code(&broadcast(2, PROCESSED, mask, b"x"));
        assert_eq!(code, ACCESS, "{mask:?}");
    }
    outsider.expect_nothing_from(&mut client);
}

#[test]
fn messages_are_checked_before_the_target_is_looked_up() {
    let rights = ClientAaa::new().allow_p2p_to(&["friend.*"]);
    let bus = Guarded::new(&[("c", rights), ("other", ClientAaa::new())]);
    let (mut client, mut other) = (bus.client("c"), bus.client("other"));
    for target in ["other", "nobody", ".broker", "*", ""] {
        let code = client.request_code(&message(1, PROCESSED, target, b"x"));
        assert_eq!(code, ACCESS, "{target:?}");
        client.send_raw(&message(2, NO, target, b"x"));
    }
    let code = client.request_code(&message(3, PROCESSED, "friend.a", b"x"));
    assert_eq!(code, NOT_REGISTERED);
    other.expect_silence();
}

#[test]
fn denied_publications_reach_nobody() {
    let rights = ClientAaa::new().allow_publish_to(&["plant/#"]);
    let bus = Guarded::new(&[("c", rights), ("sub", ClientAaa::new())]);
    let (mut client, mut subscriber) = (bus.client("c"), bus.client("sub"));
    subscriber.request(&subscribe(1, PROCESSED, &["#"]), 1);
    for topic in ["plant", "other", ".broker/warn", "", "+/#"] {
        let code = client.request_code(&publish(1, PROCESSED, topic, b"x"));
        assert_eq!(code, ACCESS, "{topic:?}");
        let code = client.request_code(&publish_for(2, PROCESSED, topic, "sub", b"x"));
        assert_eq!(code, ACCESS, "{topic:?}");
    }
    client.request(&publish(3, PROCESSED, "plant/a", b"x"), 3);
    subscriber.expect_bytes(&got_publication(0, "c", "plant/a", b"x"));
    subscriber.expect_nothing_from(&mut client);
}

/// A change of the map reaches clients that are connected, at their next operation.
#[test]
fn o14_revoked_rights_end_while_connected() {
    let bus = Guarded::new(&[("c", ClientAaa::new()), ("other", ClientAaa::new())]);
    let (mut client, mut other) = (bus.client("c"), bus.client("other"));
    client.request(&publish(1, PROCESSED, "t", b"x"), 1);
    client.request(&message(2, PROCESSED, "other", b"x"), 2);
    other.expect_bytes(&got_message(0, "c", b"x"));
    bus.set(
        "c",
        ClientAaa::new()
            .deny_publish()
            .deny_p2p()
            .deny_broadcast()
            .deny_subscribe(),
    );
    for bytes in [
        publish(3, PROCESSED, "t", b"x"),
        message(3, PROCESSED, "other", b"x"),
        broadcast(3, PROCESSED, "*", b"x"),
        subscribe(3, PROCESSED, &["t"]),
    ] {
        assert_eq!(client.request_code(&bytes), ACCESS);
    }
    other.expect_silence();
    bus.set("c", ClientAaa::new());
    client.request(&message(4, PROCESSED, "other", b"y"), 4);
    other.expect_bytes(&got_message(0, "c", b"y"));
}

/// A right that is revoked takes the subscriptions along that were made with it (H11).
#[test]
fn o14_revoked_subscriptions_end_while_connected() {
    let bus = Guarded::new(&[("c", ClientAaa::new()), ("pub", ClientAaa::new())]);
    let (mut client, mut publisher) = (bus.client("c"), bus.client("pub"));
    client.request(&subscribe(1, PROCESSED, &["t", "#", "u"]), 1);
    publisher.request(&publish(1, PROCESSED, "t", b"x"), 1);
    client.expect_bytes(&got_publication(0, "pub", "t", b"x"));
    bus.set("c", ClientAaa::new().allow_subscribe_to(&["u"]));
    eventually("publications to t stop", || {
        publisher.request(&publish(2, PROCESSED, "t", b"x"), 2);
        publisher.request(&message(3, PROCESSED, "c", b"end"), 3);
        let mut stopped = Some(());
        loop {
            let frame = client.read_frame();
            if frame.kind == MESSAGE {
                break stopped;
            }
            stopped = None;
        }
    });
    publisher.request(&publish(4, PROCESSED, "u", b"x"), 4);
    client.expect_bytes(&got_publication(0, "pub", "u", b"x"));
    client.expect_nothing_from(&mut publisher);
}

/// An application that has changed the map does not have to wait until its clients do something.
#[test]
fn h11_revoked_subscriptions_end_at_once_when_asked_for() {
    let bus = Guarded::new(&[
        ("c", ClientAaa::new()),
        ("gone", ClientAaa::new()),
        ("pub", ClientAaa::new()),
    ]);
    let (mut client, mut publisher) = (bus.client("c"), bus.client("pub"));
    let mut gone = bus.client("gone");
    client.request(&subscribe(1, PROCESSED, &["t", "#", "u"]), 1);
    bus.set("c", ClientAaa::new().allow_subscribe_to(&["u"]));
    bus.map.lock().remove("gone");
    bus.broker.refresh_access();
    publisher.request(&publish(2, PROCESSED, "t", b"x"), 2);
    publisher.request(&publish(3, PROCESSED, "u", b"x"), 3);
    client.expect_bytes(&got_publication(0, "pub", "u", b"x"));
    client.expect_nothing_from(&mut publisher);
    let code = publisher.request_code(&message(4, PROCESSED, "gone", b"x"));
    assert_eq!(code, NOT_REGISTERED);
    gone.expect_closed();
}

/// What concerns others takes a right of its own, also for whoever may do everything else. Without
/// rules the user of the broker would have it; with rules they decide.
#[test]
fn o15_guarded_methods_need_a_right() {
    let rights = ClientAaa::new;
    let bus = Guarded::new(&[
        ("c", rights()),
        ("mute", rights().deny_p2p()),
        ("victim", rights()),
    ]);
    let (mut client, mut victim) = (bus.client("c"), bus.client("victim"));
    let kick = rpc_request(9, "client.kick", b"\x81\xA4name\xA6victim");
    let list = rpc_request(9, "topic.list", b"");
    let denied = b"\x12\x09\0\0\0\x87\x82";
    let ask = |client: &mut Wire, request: &[u8]| {
        client.send_raw(&message(1, NO, ".broker", request));
        client.read_frame().body
    };
    for request in [&kick, &list] {
        assert_eq!(
            ask(&mut client, request),
            [b".broker\0", &denied[..]].concat()
        );
    }
    client.call_broker("client.list", b"");
    let mut mute = bus.client("mute");
    assert_eq!(
        mute.request_code(&message(1, PROCESSED, ".broker", &kick)),
        ACCESS
    );
    victim.expect_silence();
    // Each right is one of its own, and takes effect at once.
    bus.set(
        "c",
        rights().allow_broker_methods(&["topic.list", "no.method"]),
    );
    client.call_broker("topic.list", b"");
    assert_eq!(
        ask(&mut client, &kick),
        [b".broker\0", &denied[..]].concat()
    );
    bus.set("c", rights().allow_broker_methods(&["client.kick"]));
    assert_eq!(
        ask(&mut client, &list),
        [b".broker\0", &denied[..]].concat()
    );
    client.call_broker("client.kick", b"\x81\xA4name\xA6victim");
    victim.expect_closed();
}
