//! What the service manager is told: `NOTIFY_SOCKET`, the watchdog, the priorities of the journal.

use std::fs::File;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};

use crate::common::DEADLINE;
use crate::common::broker::TempDir;
use crate::support::{Guarded, Served, Stranger, elbusd, path_text, stderr};

const READY: &str = "READY=1\nSTATUS=serving clients";
const STOPPING: &str = "STOPPING=1\nSTATUS=delivering what is queued";

/// The end of the notifications that is the service manager's.
struct Manager(UnixDatagram);

impl Manager {
    fn at_path(dir: &TempDir) -> Self {
        Self::of(UnixDatagram::bind(dir.path().join("notify")).expect("a socket"))
    }

    fn of(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        Self(socket)
    }

    fn next(&self) -> String {
        self.next_if_any().expect("a notification")
    }

    fn next_if_any(&self) -> Option<String> {
        let mut message = [0; 4096];
        loop {
            match self.0.recv(&mut message) {
                Ok(length) => {
                    return Some(String::from_utf8_lossy(&message[..length]).into_owned());
                }
                // The end of a child can do that.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next one that is no sign of life.
    fn next_state(&self) -> String {
        loop {
            let state = self.next();
            if state != "WATCHDOG=1" {
                return state;
            }
        }
    }
}

/// Starts a broker after shell commands, in which `{notify}` is the socket of the manager.
fn start(manager_dir: &TempDir, commands: &str, args: &[&str]) -> Served {
    let notify = path_text(manager_dir, "notify");
    Served::start_prepared(&commands.replace("{notify}", &notify), args)
}

fn monotonic_usec() -> u128 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    Duration::from(now).as_micros()
}

#[test]
fn start_reload_and_stop_are_told_in_order() {
    let dir = TempDir::new();
    let manager = Manager::at_path(&dir);
    let before = monotonic_usec();
    let mut broker = start(
        &dir,
        "export NOTIFY_SOCKET='{notify}'",
        &["-P", "{dir}/pid"],
    );
    assert_eq!(manager.next(), READY);
    assert!(broker.path("pid").exists());

    broker.process.signal(Signal::SIGHUP);
    let reloading = manager.next();
    let usec = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let usec: u128 = usec.and_then(|usec| usec.parse().ok()).expect("a time");
    assert!((before..=monotonic_usec()).contains(&usec), "{reloading}");
    assert_eq!(manager.next(), READY);

    assert_eq!(broker.stop().code(), Some(0));
    assert_eq!(manager.next(), STOPPING);
    manager.0.set_nonblocking(true).expect("a socket");
    assert_eq!(
        manager.next_if_any(),
        None,
        "there is nothing after the end"
    );
}

#[test]
fn a_reload_that_fails_is_told() {
    let dir = TempDir::new();
    let manager = Manager::at_path(&dir);
    let commands = "printf 'allow_everybody = true\\n' > {dir}/rules.toml; \
                    export NOTIFY_SOCKET='{notify}'";
    let broker = start(&dir, commands, &["--config", "{dir}/rules.toml"]);
    assert_eq!(manager.next(), READY);
    std::fs::write(broker.path("rules.toml"), "nonsense").expect("a file");
    broker.process.signal(Signal::SIGHUP);
    assert!(manager.next().starts_with("RELOADING=1\n"));
    let ready = manager.next();
    assert!(
        ready.starts_with("READY=1\nSTATUS=") && ready != READY,
        "{ready}"
    );
}

#[test]
fn an_abstract_socket_will_do() {
    let name = format!("elbus-test-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let manager = Manager::of(UnixDatagram::bind_addr(&address).expect("a socket"));
    let _broker = Served::start_prepared(&format!("export NOTIFY_SOCKET=@{name}"), &[]);
    assert_eq!(manager.next(), READY);
}

#[test]
fn a_manager_that_is_not_there_is_complained_about_once() {
    let mut broker = Served::start_prepared("export NOTIFY_SOCKET={dir}/nobody", &[]);
    for number in 1..3 {
        broker.process.signal(Signal::SIGHUP);
        crate::common::eventually("a reload", || {
            (broker.log().matches("SIGHUP").count() >= number).then_some(())
        });
    }
    assert_eq!(broker.stop().code(), Some(0));
    let log = broker.log();
    assert_eq!(log.matches("cannot be notified").count(), 1, "{log}");
}

#[test]
fn in_the_background_the_first_process_names_the_second() {
    let dir = TempDir::new();
    let manager = Manager::at_path(&dir);
    let (socket, pid_file) = (path_text(&dir, "bus.sock"), path_text(&dir, "pid"));
    let output = elbusd(&["-D", "-B", &socket, "-P", &pid_file])
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .output()
        .expect("elbusd runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let broker = Stranger::from_pid_file(&dir.path().join("pid"));
    assert_eq!(manager.next(), format!("MAINPID={}\n{READY}", broker.0));
    broker.signal(Signal::SIGTERM);
    assert_eq!(manager.next(), STOPPING);
}

#[test]
fn signs_of_life_come_as_long_as_it_lives() {
    let dir = TempDir::new();
    let manager = Manager::at_path(&dir);
    let commands = "export NOTIFY_SOCKET='{notify}' WATCHDOG_USEC=100000 WATCHDOG_PID=$$";
    let mut broker = start(&dir, commands, &["-w", "3"]);
    assert_eq!(manager.next_state(), READY);
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1");
    }

    broker.process.signal(Signal::SIGSTOP);
    // What was on its way, and then nothing for the limit and longer.
    let silence = Duration::from_millis(500);
    manager.0.set_read_timeout(Some(silence)).expect("a limit");
    while manager.next_if_any().is_some() {}

    broker.process.signal(Signal::SIGCONT);
    manager.0.set_read_timeout(Some(DEADLINE)).expect("a limit");
    assert_eq!(manager.next(), "WATCHDOG=1");
    assert_eq!(broker.stop().code(), Some(0));
    assert_eq!(manager.next_state(), STOPPING);
}

#[test]
fn a_watchdog_that_is_for_another_process_or_makes_no_sense_gets_nothing() {
    for commands in ["WATCHDOG_PID=1 WATCHDOG_USEC=1000", "WATCHDOG_USEC=0"] {
        let dir = TempDir::new();
        let manager = Manager::at_path(&dir);
        let commands = format!("export NOTIFY_SOCKET='{{notify}}' {commands}");
        let mut broker = start(&dir, &commands, &[]);
        assert_eq!(manager.next(), READY);
        // Long after the first sign of life would have come.
        for _ in 0..10 {
            broker.process.signal(Signal::SIGHUP);
            assert!(manager.next().starts_with("RELOADING=1\n"));
            assert_eq!(manager.next(), READY);
        }
        assert_eq!(broker.stop().code(), Some(0));
        assert_eq!(manager.next(), STOPPING);
    }
}

/// Runs a broker until SIGTERM with this file as stderr, and returns what it has written there.
fn journal(dir: &TempDir, stream: impl Fn(&File) -> String) -> String {
    let path = dir.path().join("journal");
    let file = File::create(&path).expect("a file");
    let socket = path_text(dir, "bus.sock");
    let mut command = elbusd(&["-B", &socket, "--verbose"]);
    command.env("JOURNAL_STREAM", stream(&file));
    let mut broker = Guarded(command.stderr(file).spawn().expect("elbusd runs"));
    crate::common::eventually("a socket", || {
        dir.path().join("bus.sock").exists().then_some(())
    });
    let pid = nix::unistd::Pid::from_raw(broker.0.id().cast_signed());
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("a signal");
    broker.0.wait().expect("its end");
    std::fs::read_to_string(path).expect("its log")
}

fn identity(file: &File) -> String {
    let metadata = file.metadata().expect("its metadata");
    format!("{}:{}", metadata.dev(), metadata.ino())
}

#[test]
fn lines_for_the_journal_have_a_priority_and_no_time() {
    let dir = TempDir::new();
    let log = journal(&dir, identity);
    assert!(log.contains("<6>listening on "), "{log}");
    assert!(log.contains("<6>SIGTERM: stopping\n"), "{log}");
    for line in log.lines() {
        let known = ["<6>", "<7>"].iter().any(|start| line.starts_with(start));
        assert!(known, "{line}");
    }
}

#[test]
fn a_journal_that_is_not_stderr_does_not_count() {
    let dir = TempDir::new();
    let log = journal(&dir, |_| "1:2".into());
    assert!(log.contains("Z INFO  listening on "), "{log}");
}

#[test]
fn a_failure_is_an_error_in_the_journal() {
    let dir = TempDir::new();
    let path = dir.path().join("journal");
    let file = File::create(&path).expect("a file");
    let status = elbusd(&["-B", &path_text(&dir, "missing/bus.sock")])
        .env("JOURNAL_STREAM", identity(&file))
        .stderr(file)
        .status();
    assert_eq!(status.expect("elbusd runs").code(), Some(1));
    let log = std::fs::read_to_string(path).expect("its log");
    assert!(log.contains("<3>elbusd: cannot listen on "), "{log}");
}
