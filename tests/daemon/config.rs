//! The access file: who gets in, what each client may do, what a reload changes, what a bad file
//! does not (O15, H9, H10, H11).

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;

use nix::sys::signal::Signal;

use crate::common::broker::{TempDir, free_port};
use crate::common::wire::Stream;
use crate::common::*;
use crate::support::{path_text, run, stderr};

/// Nobody may do anything beyond being there.
const QUIET: &str = "[clients.a]\n[clients.b]\n";

/// Two clients that may do everything from everywhere.
const OPEN: &str = "
[clients.a]
hosts = ['0.0.0.0/0', '::/0']
send = ['*']
broadcast = ['*']
publish = ['#']
subscribe = ['#']
[clients.b]
hosts = ['0.0.0.0/0', '::/0']
send = ['*']
broadcast = ['*']
publish = ['#']
subscribe = ['#']
";

/// A broker with an access file.
struct Ruled {
    broker: Broker,
    dir: TempDir,
}

impl Ruled {
    fn start(file: &str) -> Self {
        Self::start_with(file, &[])
    }

    fn start_with(file: &str, args: &[&str]) -> Self {
        let dir = TempDir::new();
        fs::write(dir.path().join("access.toml"), file).expect("a file");
        let path = path_text(&dir, "access.toml");
        // The keep-alive looks at rights as well, but not in the time that a test takes.
        let own = ["--config", &path, "-t", "1000", "-w", "2"];
        let broker = Broker::start(&[&own, args].concat());
        Self { broker, dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("access.toml")
    }

    /// A client on the UNIX socket.
    fn client(&self, name: &str) -> Wire {
        self.broker.client(Transport::Unix, name)
    }

    /// The answer to a name.
    fn answer(&self, transport: Transport, name: &str) -> Option<u8> {
        self.broker.connect(transport).try_register(name.as_bytes())
    }

    /// Replaces the file, has it read, and returns what the log says about that.
    fn reload(&mut self, file: impl AsRef<[u8]>) -> String {
        fs::write(self.path(), file).expect("a file");
        self.hang_up()
    }

    fn hang_up(&mut self) -> String {
        let text = || self.broker.log().text();
        let lines = |text: &str| -> Vec<String> {
            let is_complete = |line: &&str| line.ends_with('\n') && line.contains("SIGHUP: ");
            let found = text.split_inclusive('\n').filter(is_complete);
            found.map(str::to_string).collect()
        };
        let before = lines(&text()).len();
        self.broker.signal(Signal::SIGHUP);
        let line = eventually("a word about SIGHUP", || {
            lines(&text()).into_iter().nth(before)
        });
        self.broker.assert_running();
        line
    }
}

#[test]
fn o15_only_clients_that_are_named_may_register() {
    let ruled = Ruled::start(OPEN);
    for transport in [Transport::Unix, Transport::Tcp] {
        for name in ["c", "A", "a.b", "", "*", "a%"] {
            let answer = ruled.answer(transport, name);
            assert!(
                matches!(answer, Some(ACCESS | DATA)),
                "{name:?}: {answer:?}"
            );
        }
        for name in ["a", "b"] {
            let mut wire = ruled.broker.client_when_free(transport, name);
            wire.expect_silence();
        }
    }
    eventually("a word about the rules", || {
        let log = ruled.broker.log().text();
        let words = "2 clients may register, everybody else is refused";
        log.contains(words).then_some(())
    });
}

#[test]
fn o15_secondaries_share_the_rights_of_their_primary() {
    let mut ruled = Ruled::start("[clients.a]\npublish = ['t/#']\n[clients.b]\n");
    assert_eq!(ruled.answer(Transport::Unix, "c%%1"), Some(ACCESS));
    let mut primary = ruled.client("a");
    let mut secondary = ruled.client("a%%1");
    for wire in [&mut primary, &mut secondary] {
        wire.request(&publish(1, PROCESSED, "t/x", b"x"), 1);
        assert_eq!(wire.request_code(&publish(2, PROCESSED, "u", b"x")), ACCESS);
    }
    ruled.reload("[clients.a]\npublish = ['u']\n[clients.b]\n");
    for wire in [&mut primary, &mut secondary] {
        wire.request(&publish(3, PROCESSED, "u", b"x"), 3);
        assert_eq!(
            wire.request_code(&publish(4, PROCESSED, "t/x", b"x")),
            ACCESS
        );
    }
    ruled.reload("[clients.b]\n");
    primary.expect_closed();
    secondary.expect_closed();
}

#[test]
fn o15_each_kind_of_operation_has_its_rule() {
    let ruled = Ruled::start(
        "[clients.a]
        send = ['plc.*']
        broadcast = ['plc.?']
        publish = ['plant/+']
        subscribe = ['plant/#', '.broker/info']
        [clients.'plc.1']",
    );
    let mut plc = ruled.client("plc.1");
    let mut a = ruled.client("a");
    for (op_id, allowed) in [
        message(1, PROCESSED, "plc.1", b"x"),
        broadcast(2, PROCESSED, "plc.?", b"x"),
        broadcast(3, PROCESSED, "plc.1", b"x"),
        subscribe(4, PROCESSED, &["plant/#", ".broker/info", "plant/+/x"]),
        unsubscribe(5, PROCESSED, &["plant/#"]),
        publish(6, PROCESSED, "plant/a", b"x"),
    ]
    .into_iter()
    .enumerate()
    {
        a.request(&allowed, op_id as u32 + 1);
    }
    let received = [
        got_message(0, "a", b"x"),
        got_broadcast(0, "a", b"x"),
        got_broadcast(0, "a", b"x"),
    ];
    plc.expect_bytes(&received.concat());
    for denied in [
        message(1, PROCESSED, "a", b"x"),
        message(1, PROCESSED, ".broker", b"x"),
        message(1, PROCESSED, "nobody", b"x"),
        broadcast(1, PROCESSED, "plc.*", b"x"),
        broadcast(1, PROCESSED, "*", b"x"),
        publish(1, PROCESSED, "plant/a/b", b"x"),
        publish(1, PROCESSED, "plant", b"x"),
        publish(1, PROCESSED, ".broker/warn", b"x"),
        publish_for(1, PROCESSED, "other", "plc.1", b"x"),
        subscribe(1, PROCESSED, &["#"]),
        subscribe(1, PROCESSED, &["plant/a", "other"]),
    ] {
        assert_eq!(a.request_code(&denied), ACCESS, "{}", show(&denied));
    }
    // What is not granted is denied.
    for denied in [
        message(1, PROCESSED, "a", b"x"),
        broadcast(1, PROCESSED, "a", b"x"),
        publish(1, PROCESSED, "plant/a", b"x"),
        subscribe(1, PROCESSED, &["plant/a"]),
    ] {
        assert_eq!(plc.request_code(&denied), ACCESS, "{}", show(&denied));
    }
}

#[test]
fn o15_hosts_decide_about_tcp_peers_only() {
    let mut ruled = Ruled::start(
        "[clients.near]\nhosts = ['127.0.0.0/8']\n\
         [clients.far]\nhosts = ['192.0.2.0/24', '::1']\n\
         [clients.local]\n",
    );
    for (name, code) in [("near", OK), ("far", ACCESS), ("local", ACCESS)] {
        assert_eq!(ruled.answer(Transport::Tcp, name), Some(code), "{name}");
    }
    for name in ["near", "far", "local"] {
        ruled.broker.client_when_free(Transport::Unix, name);
    }
    // A host that is taken off the list ends the connection, but not one on this machine.
    let mut over_tcp = ruled.broker.client_when_free(Transport::Tcp, "near");
    let mut over_unix = ruled.broker.client_when_free(Transport::Unix, "local");
    ruled.reload("[clients.near]\nhosts = ['192.0.2.7']\n[clients.local]\nsend = ['local']\n");
    over_tcp.expect_closed();
    over_unix.expect_silence();
}

#[test]
fn o15_hosts_over_ipv6() {
    let port = free_port();
    if TcpListener::bind(("::1", port)).is_err() {
        eprintln!("this machine has no IPv6: nothing was tested");
        return;
    }
    let file = "[clients.six]\nhosts = ['::1']\n[clients.four]\nhosts = ['127.0.0.0/8']\n";
    let ruled = Ruled::start_with(file, &["-B", &format!("[::1]:{port}")]);
    let connect = || {
        let stream = TcpStream::connect(("::1", port)).expect("the broker");
        stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
        Wire::new(Stream::Tcp(stream))
    };
    connect().handshake("six");
    assert_eq!(connect().try_register(b"four"), Some(ACCESS));
    assert_eq!(ruled.answer(Transport::Tcp, "six"), Some(ACCESS));
    assert_eq!(ruled.answer(Transport::Tcp, "four"), Some(OK));
}

#[test]
fn h10_every_listener_goes_by_the_same_rules() {
    let dir = TempDir::new();
    let second = path_text(&dir, "second.sock");
    let file = "[clients.a]\nhosts = ['127.0.0.1']\n";
    let mut ruled = Ruled::start_with(file, &["-B", &second]);
    let doors = |ruled: &Ruled| {
        [
            ruled.broker.connect(Transport::Unix),
            ruled.broker.connect(Transport::Tcp),
            Wire::new(Stream::unix(second.as_ref()).expect("the second socket")),
        ]
    };
    for mut door in doors(&ruled) {
        assert_eq!(door.try_register(b"b"), Some(ACCESS));
    }
    ruled.reload("[clients.b]\nhosts = ['127.0.0.1']\n");
    for mut door in doors(&ruled) {
        assert_eq!(door.try_register(b"a"), Some(ACCESS));
    }
    for mut door in doors(&ruled) {
        door.handshake("b");
        door.half_close();
        door.expect_closed();
    }
}

#[test]
fn o15_a_reload_gives_rights_to_clients_that_are_connected() {
    let mut ruled = Ruled::start(QUIET);
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    assert_eq!(a.request_code(&message(1, PROCESSED, "b", b"x")), ACCESS);
    assert_eq!(b.request_code(&subscribe(1, PROCESSED, &["t"])), ACCESS);
    assert_eq!(ruled.answer(Transport::Unix, "c"), Some(ACCESS));
    let line = ruled.reload(format!("{OPEN}[clients.c]\n"));
    let expected = "3 clients may register, 1 added, 0 removed, 2 changed; added: c; changed: a, b";
    assert!(line.contains(expected), "{line}");
    a.request(&message(2, PROCESSED, "b", b"x"), 2);
    b.expect_bytes(&got_message(0, "a", b"x"));
    b.request(&subscribe(2, PROCESSED, &["t"]), 2);
    a.request(&publish(3, PROCESSED, "t", b"x"), 3);
    b.expect_bytes(&got_publication(0, "a", "t", b"x"));
    assert_eq!(ruled.answer(Transport::Unix, "c"), Some(OK));
}

#[test]
fn h11_a_reload_takes_rights_and_subscriptions_from_clients_that_are_connected() {
    let mut ruled = Ruled::start(OPEN);
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    b.request(&subscribe(1, PROCESSED, &["t", "u/#", "#"]), 1);
    a.request(&publish(1, PROCESSED, "t", b"x"), 1);
    b.expect_bytes(&got_publication(0, "a", "t", b"x"));
    let open_a = &OPEN[..OPEN.find("[clients.b]").expect("client b")];
    ruled.reload(format!("{open_a}[clients.b]\nsubscribe = ['u/+']\n"));
    // At once, although the subscriber has done nothing since.
    for topic in ["t", "u/v", "other"] {
        a.request(&publish(2, PROCESSED, topic, b"x"), 2);
    }
    b.expect_nothing_from(&mut a);
    b.request(&subscribe(3, PROCESSED, &["u/+"]), 3);
    a.request(&publish(4, PROCESSED, "u/v", b"x"), 4);
    b.expect_bytes(&got_publication(0, "a", "u/v", b"x"));
    for denied in [
        message(5, PROCESSED, "a", b"x"),
        broadcast(5, PROCESSED, "a", b"x"),
        publish(5, PROCESSED, "t", b"x"),
        subscribe(5, PROCESSED, &["t"]),
    ] {
        assert_eq!(b.request_code(&denied), ACCESS, "{}", show(&denied));
    }
}

#[test]
fn h11_a_client_that_is_removed_is_disconnected() {
    let mut ruled = Ruled::start(OPEN);
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    let line = ruled.reload("[clients.a]\nsend = ['a']\n");
    assert!(
        line.contains("1 removed, 1 changed; removed: b; changed: a"),
        "{line}"
    );
    b.expect_closed();
    a.expect_silence();
    assert_eq!(ruled.answer(Transport::Unix, "b"), Some(ACCESS));
    assert_eq!(a.request_code(&publish(1, PROCESSED, "t", b"x")), ACCESS);
}

#[test]
fn a_file_that_says_the_same_changes_nothing() {
    let mut ruled = Ruled::start(OPEN);
    let mut a = ruled.client("a");
    a.request(&subscribe(1, PROCESSED, &["t"]), 1);
    let line = ruled.reload(format!("# Commented.\n{OPEN}"));
    assert!(
        line.contains("2 clients may register, 0 added, 0 removed, 0 changed\n"),
        "{line}"
    );
    a.expect_silence();
}

#[test]
fn h09_a_bad_file_leaves_the_rules_as_they_were() {
    let rules = "[clients.a]\nsubscribe = ['t']\n[clients.b]\npublish = ['t']\nsend = ['a']\n";
    let mut ruled = Ruled::start(rules);
    let (mut a, mut b) = (ruled.client("a"), ruled.client("b"));
    a.request(&subscribe(1, PROCESSED, &["t"]), 1);
    let mut check = |ruled: &Ruled, line: &str, what: &str| {
        assert!(line.contains(" ERROR "), "{what}: {line}");
        assert!(
            line.contains("the access rules stay as they were"),
            "{what}: {line}"
        );
        assert!(line.contains("access.toml"), "{what}: {line}");
        assert_eq!(ruled.answer(Transport::Unix, "c"), Some(ACCESS), "{what}");
        assert_eq!(
            b.request_code(&publish(2, PROCESSED, "u", b"x")),
            ACCESS,
            "{what}"
        );
        b.request(&publish(3, PROCESSED, "t", b"x"), 3);
        a.expect_bytes(&got_publication(0, "b", "t", b"x"));
    };
    let too_long = format!("{OPEN}#{}", " ".repeat(elbus::limits::MAX_CONFIG_BYTES));
    let half = OPEN.len() - 5;
    for (what, file) in [
        ("empty", b"".as_slice()),
        ("blank", b"\n\n"),
        ("comments", b"# [clients.c]\n"),
        ("no clients", b"[clients]\n"),
        ("half-written", &OPEN.as_bytes()[..half]),
        ("garbage", b"\x7fELF\0\0\xff\xfe"),
        ("zeros after a crash", &[0; 4096]),
        ("not UTF-8", b"[clients.c]\n# \xff\n"),
        ("an unknown key", b"[clients.c]\npubish = ['#']\n"),
        ("an unknown table", b"[clients.c]\n[clinets.a]\n"),
        ("a wildcard for a name", b"[clients.'*']\n"),
        ("everybody", b"allow_everybody = true\n"),
        (
            "everybody and clients",
            b"allow_everybody = true\n[clients.c]\n",
        ),
        ("too long", too_long.as_bytes()),
    ] {
        let line = ruled.reload(file);
        check(&ruled, &line, what);
    }
    fs::remove_file(ruled.path()).expect("no more file");
    let line = ruled.hang_up();
    check(&ruled, &line, "missing");
    fs::create_dir(ruled.path()).expect("a directory");
    let line = ruled.hang_up();
    check(&ruled, &line, "a directory");
    fs::remove_dir(ruled.path()).expect("no more directory");
    nix::unistd::mkfifo(&ruled.path(), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    let line = ruled.hang_up();
    check(&ruled, &line, "a fifo");
    fs::remove_file(ruled.path()).expect("no more fifo");
    // And a good one is taken again.
    ruled.reload(format!("{rules}[clients.c]\n"));
    assert_eq!(ruled.answer(Transport::Unix, "c"), Some(OK));
}

#[test]
fn everybody_has_to_be_meant() {
    let mut ruled = Ruled::start("allow_everybody = true\n");
    eventually("a warning", || {
        let log = ruled.broker.log().text();
        (log.contains("WARN") && log.contains("everybody may register")).then_some(())
    });
    let mut anybody = ruled.client("anybody");
    anybody.expect_silence();
    assert!(ruled.hang_up().contains("everybody may register"));
    // A broker that was open cannot be closed without a restart, and says so.
    let line = ruled.reload(QUIET);
    assert!(line.contains("at the next start only"), "{line}");
    anybody.expect_silence();
}

#[test]
fn without_a_file_sighup_changes_nothing() {
    let broker = Broker::start(&[]);
    let mut client = broker.client(Transport::Unix, "a");
    broker.signal(Signal::SIGHUP);
    eventually("a word about SIGHUP", || {
        let log = broker.log().text();
        log.contains("SIGHUP: there is no configuration to reload")
            .then_some(())
    });
    client.expect_silence();
}

#[test]
fn a_file_that_is_wrong_ends_the_start() {
    let dir = TempDir::new();
    let (file, socket) = (path_text(&dir, "access.toml"), path_text(&dir, "bus.sock"));
    let start = |args: &[&str]| {
        let output = run(&[&["-B", &socket, "--config", &file], args].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(
            !dir.path().join("bus.sock").exists(),
            "a socket is left behind"
        );
        stderr(&output)
    };
    assert!(start(&[]).contains(&format!("elbusd: {file}: cannot be opened: ")));
    fs::write(&file, "").expect("a file");
    assert!(start(&[]).contains(&format!("elbusd: {file}: names no clients")));
    fs::write(&file, "[clients.a]\nsend = 1\n").expect("a file");
    assert!(start(&[]).contains(&format!("elbusd: {file}:2:8: ")));
    assert!(start(&["-D"]).contains(&format!("elbusd: {file}:2:8: ")));
}

fn test_config(dir: &TempDir, file: &str) -> Output {
    let path = path_text(dir, "access.toml");
    fs::write(&path, file).expect("a file");
    run(&["--config", &path, "--test-config"])
}

#[test]
fn test_config_shows_what_was_understood() {
    let dir = TempDir::new();
    let output = test_config(
        &dir,
        "[clients.'a.b']\nsend = ['x', '.broker']\nhosts = ['::1']\n",
    );
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "{}: 1 client may register, everybody else is refused\n\n\
         a.b\n  hosts      ::1/128\n  users      root and that of the broker\n  send       x, .broker\n  broadcast  to nobody\n  \
         publish    nothing\n  subscribe  nothing\n",
        path_text(&dir, "access.toml")
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(stderr(&output), "");
    let output = test_config(&dir, "allow_everybody = true");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("everybody may register"));
}

#[test]
fn test_config_names_the_line_that_is_wrong() {
    let dir = TempDir::new();
    let output = test_config(&dir, "[clients.a]\nsend = ['b']\nsubscibe = ['#']\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = format!(
        "elbusd: {}:3:1: unknown field `subscibe`, expected one of `hosts`, `users`, `groups`, \
         `send`, `broadcast`, `publish`, `subscribe`, `broker_methods` (in: subscibe = ['#'])\n",
        path_text(&dir, "access.toml")
    );
    assert_eq!(stderr(&output), expected);
    let output = test_config(&dir, "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("names no clients"));
}

#[test]
fn test_config_without_a_file_is_a_usage_error() {
    let output = run(&["--test-config"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--config <FILE>"));
}

#[test]
fn the_example_is_right() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/elbusd.toml");
    let output = run(&["--config", example, "--test-config"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let listing = String::from_utf8_lossy(&output.stdout);
    assert!(
        listing.contains("\nscada1\n  hosts      192.168.0.0/16"),
        "{listing}"
    );
}
