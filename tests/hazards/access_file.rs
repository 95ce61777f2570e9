//! The access file of the daemon (O15, H9, H10). What it can say, and all the ways in which it can be
//! bad, are tested with the daemon itself (`tests/daemon/config.rs`).

use crate::common::broker::TempDir;
use crate::common::*;
use nix::sys::signal::Signal;
use std::path::PathBuf;

struct Ruled {
    broker: Broker,
    file: PathBuf,
    _dir: TempDir,
}

impl Ruled {
    fn start(rules: &str, preparation: &str) -> Self {
        let dir = TempDir::new();
        let file = dir.path().join("access.toml");
        std::fs::write(&file, rules).expect("a file");
        let path = file.to_str().expect("a plain path");
        // Keep-alives are too far apart to lend a hand.
        let args = ["--config", path, "-t", "1000", "-w", "1"];
        let broker = Launch::new(&args).prepared_by(preparation).start();
        Self {
            broker,
            file,
            _dir: dir,
        }
    }

    /// Puts new rules into the file and waits until the log has this to say about it.
    fn reload(&self, rules: &str, answer: &str) {
        std::fs::write(&self.file, rules).expect("a file");
        self.broker.signal(Signal::SIGHUP);
        eventually(answer, || {
            self.broker.log().text().contains(answer).then_some(())
        });
    }

    fn client(&self, name: &str) -> Wire {
        self.broker.client(Transport::Unix, name)
    }

    fn is_refused(&self, name: &str) -> bool {
        let mut wire = self.broker.connect(Transport::Unix);
        wire.try_register(name.as_bytes()) == Some(ACCESS)
    }
}

#[test]
fn o15_the_daemon_has_access_control() {
    let ruled = Ruled::start(
        "[clients.a]\nsend = ['b']\n[clients.b]\nsubscribe = ['t']\n",
        "true",
    );
    assert!(ruled.is_refused("stranger"));
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    b.request(&subscribe(1, PROCESSED, &["t"]), 1);
    a.request(&message(1, PROCESSED, "b", b"x"), 1);
    b.expect_bytes(&got_message(0, "a", b"x"));
    assert_eq!(a.request_code(&publish(2, PROCESSED, "t", b"x")), ACCESS);
    ruled.reload(
        "[clients.a]\npublish = ['t']\n[clients.c]\n",
        "2 clients may register, 1 added, 1 removed, 1 changed",
    );
    b.expect_closed();
    assert!(ruled.is_refused("b"));
    a.request(&publish(3, PROCESSED, "t", b"x"), 3);
    assert_eq!(a.request_code(&message(4, PROCESSED, "c", b"x")), ACCESS);
    ruled.client("c");
    ruled.reload("", "the access rules stay as they were");
    assert!(ruled.is_refused("stranger"));
    assert_eq!(a.request_code(&message(5, PROCESSED, "c", b"x")), ACCESS);
}

#[test]
fn o15_guarded_methods_are_granted_by_the_file() {
    let ruled = Ruled::start(
        "[clients.a]\nsend = ['.broker']\nbroker_methods = ['client.kick']\n[clients.b]\n",
        "true",
    );
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    a.call_broker("client.kick", b"\x81\xA4name\xA1b");
    b.expect_closed();
    let list = rpc_request(9, "topic.list", b"");
    a.send_raw(&message(1, NO, ".broker", &list));
    let denied = b".broker\0\x12\x09\0\0\0\x87\x82";
    assert_eq!(a.read_frame().body, denied);
}

/// The file cannot even be opened. mosquitto let everybody in (CVE-2018-12550).
#[test]
fn h09_a_reload_without_descriptors_opens_nothing() {
    let crowd: Vec<String> = (0..64).map(|i| format!("crowd{i}")).collect();
    let tables: String = crowd
        .iter()
        .map(|name| format!("[clients.{name}]\n"))
        .collect();
    let rules = format!("[clients.a]\nsend = ['a']\n{tables}");
    let ruled = Ruled::start(&rules, "ulimit -n 32");
    let mut a = ruled.client("a");
    let connections: Vec<Wire> = crowd
        .iter()
        .map(|name| {
            let mut wire = ruled.broker.connect(Transport::Unix);
            wire.send_raw(&hello(name.as_bytes()));
            wire
        })
        .collect();
    eventually("the last descriptor is gone", || {
        let log = ruled.broker.log().text();
        log.contains("cannot accept connections").then_some(())
    });
    ruled.reload(
        "[clients.a]\nsend = ['*']\n[clients.stranger]\n",
        "the access rules stay as they were",
    );
    assert_eq!(
        a.request_code(&message(1, PROCESSED, "crowd0", b"x")),
        ACCESS
    );
    a.expect_silence();
    drop(connections);
    assert!(ruled.is_refused("stranger"));
    // With descriptors again, the same file is taken.
    ruled.reload(
        "[clients.a]\nsend = ['*']\n[clients.stranger]\n",
        "2 clients may register, 1 added, 64 removed, 1 changed",
    );
    assert!(!ruled.is_refused("stranger"));
}

/// Frames that look the same are carried out together, but not with those that were allowed before.
#[test]
fn o15_what_follows_a_permitted_publication_is_checked() {
    let ruled = Ruled::start(
        "[clients.a]\npublish = ['ok']\nsend = ['b']\n[clients.b]\nsubscribe = ['#']\n",
        "true",
    );
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    b.request(&subscribe(1, PROCESSED, &["ok", "secret"]), 1);
    for size in [10, 200_000] {
        let payload = vec![7; size];
        let permitted = publish(1, NO, "ok", &payload);
        a.send_raw(&permitted[..size / 2]);
        a.send_raw(&permitted[size / 2..]);
        a.send_raw(&publish(2, NO, "secret", b"x").repeat(3));
        a.send_raw(&message(3, NO, "c", b"x").repeat(3));
        b.expect_bytes(&got_publication(0, "a", "ok", &payload));
        b.expect_nothing_from(&mut a);
    }
}

/// Two UNIX sockets and a TCP port, one file. mosquitto forgot the rules on some of its listeners
/// (CVE-2018-20145).
#[test]
fn h10_the_rules_hold_on_every_listener() {
    let dir = TempDir::new();
    let (file, second) = (
        dir.path().join("access.toml"),
        dir.path().join("second.sock"),
    );
    let rules =
        "[clients.a]\nhosts = ['127.0.0.1']\nsend = ['a']\n[clients.b]\nhosts = ['10.0.0.1']\n";
    std::fs::write(&file, rules).expect("a file");
    let [file, path] = [&file, &second].map(|path| path.to_str().expect("a plain path"));
    let broker = Broker::start(&["--config", file, "-B", path]);
    let listeners: [&dyn Fn() -> Wire; 3] = [
        &|| broker.connect(Transport::Unix),
        &|| broker.connect(Transport::Tcp),
        &|| Wire::new(wire::Stream::unix(&second).expect("the second socket")),
    ];
    for (number, connect) in listeners.iter().enumerate() {
        assert_eq!(connect().try_register(b"stranger"), Some(ACCESS));
        let mut a = eventually("the name is free again", || {
            let mut a = connect();
            (a.try_register(b"a") == Some(OK)).then_some(a)
        });
        assert_eq!(a.request_code(&message(1, PROCESSED, "b", b"x")), ACCESS);
        assert_eq!(a.request_code(&publish(2, PROCESSED, "t", b"x")), ACCESS);
        assert_eq!(a.request_code(&subscribe(3, PROCESSED, &["t"])), ACCESS);
        assert_eq!(a.request_code(&broadcast(4, PROCESSED, "b", b"x")), ACCESS);
        a.expect_silence();
        // The networks of a client concern TCP alone.
        let of_tcp = number == 1;
        let expected = if of_tcp { ACCESS } else { OK };
        let code = eventually("the name is free again", || {
            connect().try_register(b"b").filter(|code| *code != BUSY)
        });
        assert_eq!(code, expected, "listener {number}");
    }
}

/// mosquitto put the name of the client into its patterns (CVE-2017-7650).
#[test]
fn h10_wildcards_in_a_clients_name_satisfy_no_rule() {
    let rules = "[clients.a]\nsend = ['*']\n['clients'.'plant.x']\nsend = ['*']\n";
    let ruled = Ruled::start(rules, "true");
    for name in [
        "*", "?", "#", "+", "plant.*", "plant.?", "plant.+", "plant.#", "*%%0", "+%%0",
    ] {
        let mut wire = ruled.broker.connect(Transport::Unix);
        let code = wire.try_register(name.as_bytes());
        let refused = [Some(DATA), Some(ACCESS), Some(NOT_REGISTERED)].contains(&code);
        assert!(refused, "{name} is answered {code:02x?}");
    }
    ruled.client("plant.x").expect_silence();
}
