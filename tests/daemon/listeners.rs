//! Listeners with hosts, rules and limits of their own (H9, H10), by the command line and by the
//! configuration file. In elbus 0.2 a daemon has none of these.

use std::fs;

use nix::sys::signal::Signal;

use crate::common::broker::{Launch, Process, TempDir, free_port};
use crate::common::wire::Stream;
use crate::common::*;
use crate::support::{path_text, run, stderr};

/// A daemon whose addresses are in the file or on the command line.
struct Daemon {
    process: Process,
    dir: TempDir,
}

impl Daemon {
    /// `elbusd --config FILE ARGS`; `{dir}` in the text stands for the directory. Waits until the last
    /// address is open.
    fn start(file: &str, args: &[&str], last: &str) -> Self {
        let dir = TempDir::new();
        let daemon = Self {
            process: {
                let path = dir.path().join("elbusd.toml");
                fs::write(&path, Self::filled(&dir, file)).expect("a file");
                let path = path_text(&dir, "elbusd.toml");
                Launch::new(&[&["--config", &path], args].concat()).spawn()
            },
            dir,
        };
        let words = format!("listening on {}, try", Self::filled(&daemon.dir, last));
        daemon.await_log(&words);
        daemon
    }

    fn filled(dir: &TempDir, text: &str) -> String {
        text.replace("{dir}", dir.path().to_str().expect("a plain path"))
    }

    fn await_log(&self, words: &str) {
        let log = self.process.log();
        eventually(words, || log.text().contains(words).then_some(()));
    }

    fn unix(&self, name: &str) -> Wire {
        let path = self.dir.path().join(name);
        Wire::new(Stream::unix(&path).expect("the socket"))
    }

    fn reload(&self, file: &str, words: &str) {
        let path = self.dir.path().join("elbusd.toml");
        fs::write(path, Self::filled(&self.dir, file)).expect("a file");
        self.process.signal(Signal::SIGHUP);
        self.await_log(words);
    }
}

fn tcp(port: u16) -> Wire {
    Wire::new(Stream::tcp(port).expect("the port"))
}

fn tcp_from(last: u8, port: u16) -> Wire {
    Wire::new(Stream::tcp_from(last, port).expect("the port"))
}

/// CVE-2018-20145: mosquitto ignored the rules on all listeners but one.
#[test]
fn h10_each_listener_has_its_rules() {
    let port = free_port();
    let file = format!(
        "[clients.local]
        send = ['*']
        [listeners.'{{dir}}/a.sock']
        [listeners.'{{dir}}/b.sock'.access.clients.b]
        [listeners.'127.0.0.1:{port}'.access.clients.scada]
        hosts = ['127.0.0.1']
        [listeners.'{{dir}}/z.sock'.access]
        allow_everybody = true
        [end]"
    );
    let daemon = Daemon::start(&file, &[], "{dir}/z.sock");
    let answer = |mut wire: Wire, name: &str| wire.try_register(name.as_bytes());
    for (name, a, b, lan, z) in [
        ("local", OK, ACCESS, ACCESS, OK),
        ("b", ACCESS, OK, ACCESS, OK),
        ("scada", ACCESS, ACCESS, OK, OK),
        ("x", ACCESS, ACCESS, ACCESS, OK),
    ] {
        let free = || {
            // The name is free again when the broker has noticed the end.
            eventually(name, || {
                (answer(daemon.unix("z.sock"), &format!("{name}%%x")) == Some(NOT_REGISTERED))
                    .then_some(())
            });
        };
        for (wire, code) in [
            (daemon.unix("a.sock"), a),
            (daemon.unix("b.sock"), b),
            (tcp(port), lan),
            (daemon.unix("z.sock"), z),
        ] {
            free();
            assert_eq!(answer(wire, name), Some(code), "{name}");
        }
    }
}

#[test]
fn hosts_are_allowed_without_a_file() {
    let (one, other) = (free_port(), free_port());
    let addresses = [one, other].map(|port| format!("127.0.0.1:{port}"));
    let only_two = format!("{}=127.0.0.2", addresses[1]);
    let process = Launch::new(&[
        "-B",
        &addresses[0],
        "-B",
        &addresses[1],
        "--allow",
        "127.0.0.0/30",
        "--allow",
        "!127.0.0.3",
        "--allow",
        &only_two,
    ])
    .spawn();
    let log = process.log();
    eventually("both", || {
        (log.text().matches("try: elbus").count() == 2).then_some(())
    });
    // The rule for one address adds to those for all.
    for port in [one, other] {
        for (last, allowed) in [(1, true), (2, true), (3, false), (4, false)] {
            assert_eq!(
                tcp_from(last, port).is_let_in(),
                allowed,
                "127.0.0.{last} at {port}"
            );
        }
    }
    let words = "connections from there are not allowed";
    eventually(words, || {
        (log.text().matches(words).count() == 2).then_some(())
    });
}

#[test]
fn wrong_hosts_are_a_usage_error() {
    for value in [
        "home",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "/run/x.sock=10.0.0.0/8",
        "!",
    ] {
        let output = run(&["--allow", value]);
        assert_eq!(output.status.code(), Some(2), "{value}");
        assert!(stderr(&output).contains("--allow"), "{value}");
    }
}

/// Who is no longer allowed is disconnected, although its name still is.
#[test]
fn h11_hosts_that_are_no_longer_allowed_are_disconnected() {
    let port = free_port();
    let file = |allow: &str| {
        format!(
            "allow_everybody = true\n[listeners.'127.0.0.1:{port}']\ntimeout = 1000\nallow = [{allow}]\n[end]\n"
        )
    };
    let last = format!("127.0.0.1:{port}");
    let daemon = Daemon::start(&file("'127.0.0.0/8'"), &[], &last);
    let (mut one, mut two) = (tcp_from(1, port), tcp_from(2, port));
    one.handshake("one");
    two.handshake("two");
    daemon.reload(
        &file("'127.0.0.1'"),
        "SIGHUP: new access rules are in force",
    );
    two.expect_closed();
    one.expect_silence();
    assert!(!tcp_from(2, port).is_let_in());
    // A file without its end changes nothing.
    daemon.reload(
        &file("").replace("[end]", ""),
        "has to end with the line `[end]`",
    );
    one.expect_silence();
    tcp_from(1, port).handshake("three");
}

#[test]
fn other_settings_wait_for_a_restart() {
    let port = free_port();
    let file = |timeout: u32| {
        format!(
            "allow_everybody = true\n[listeners.'127.0.0.1:{port}']\ntimeout = {timeout}\n[end]\n"
        )
    };
    let daemon = Daemon::start(&file(5), &[], &format!("127.0.0.1:{port}"));
    daemon.reload(
        &file(7),
        "other settings than rules take effect at the next start",
    );
}

/// Of a broadcast to nobody.
fn body(bytes: usize) -> Vec<u8> {
    [b"nobody\0".as_slice(), &vec![b'x'; bytes - 7]].concat()
}

/// The command line wins, over the table of the listener as well as over the defaults.
#[test]
fn flags_win_over_the_file() {
    let file = "allow_everybody = true
        [broker]
        max_clients = 2
        [defaults]
        max_frame = 100
        [listeners.'{dir}/a.sock']
        max_frame = 200
        [listeners.'{dir}/b.sock']
        [end]";
    for (args, a, b) in [(&[][..], 200, 100), (&["--max-frame", "50"], 50, 50)] {
        let daemon = Daemon::start(file, args, "{dir}/b.sock");
        for (socket, limit) in [("a.sock", a), ("b.sock", b)] {
            // The broker's own client has one of the two places.
            let mut wire = eventually("the other place", || {
                let mut wire = daemon.unix(socket);
                (wire.try_register(b"x") == Some(OK)).then_some(wire)
            });
            assert_eq!(daemon.unix(socket).try_register(b"y"), Some(BUSY));
            wire.request(&frame(1, BROADCAST | PROCESSED, &body(limit)), 1);
            wire.send_raw(&frame(2, BROADCAST | PROCESSED, &body(limit + 1)));
            wire.expect_closed();
        }
    }
    let daemon = Daemon::start(file, &["--max-clients", "3"], "{dir}/b.sock");
    let (mut x, mut y) = (daemon.unix("a.sock"), daemon.unix("a.sock"));
    assert_eq!(x.try_register(b"x"), Some(OK));
    assert_eq!(y.try_register(b"y"), Some(OK));
}
