//! What is logged, where to, and that no trouble with the log ends the broker.

use std::io::{ErrorKind, PipeWriter, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::broker::TempDir;
use crate::common::{DEADLINE, eventually};
use crate::support::{Guarded, Served, elbusd, path_text};

/// A socket that receives what is logged to syslog.
fn syslog_daemon(dir: &TempDir) -> UnixDatagram {
    let daemon = UnixDatagram::bind(dir.path().join("log")).expect("a socket");
    daemon.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    daemon
}

fn receive(daemon: &UnixDatagram) -> String {
    let mut message = [0; 4096];
    let length = daemon.recv(&mut message).expect("a message");
    String::from_utf8_lossy(&message[..length]).into_owned()
}

#[test]
fn verbose_tells_more() {
    let detailed = |broker: &Served| {
        let log = broker.log();
        log.contains(" TRACE ") || log.contains(" DEBUG ")
    };
    let broker = Served::start(&["--verbose"]);
    eventually("details in the log", || detailed(&broker).then_some(()));

    let mut broker = Served::start(&[]);
    assert_eq!(broker.stop().code(), Some(0));
    assert!(!detailed(&broker), "{}", broker.log());
}

#[test]
fn each_line_begins_with_the_time_in_utc() {
    let mut broker = Served::start(&[]);
    assert_eq!(broker.stop().code(), Some(0));
    for line in broker.log().lines() {
        let (time, _) = line.split_once(' ').expect("a time and more");
        let shape = time.replace(|digit: char| digit.is_ascii_digit(), "0");
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{line}");
    }
}

#[test]
fn syslog_in_the_foreground() {
    let dir = TempDir::new();
    let syslog = syslog_daemon(&dir);
    let socket = path_text(&dir, "log");
    let broker = Served::start_prepared(
        &format!("unset DISABLE_SYSLOG; export ELBUSD_SYSLOG_SOCKET='{socket}'"),
        &["--log-syslog"],
    );
    let message = receive(&syslog);
    // Facility user (1) * 8 + informational (6).
    assert!(message.starts_with("<14>"), "{message}");
    let sender = format!(" elbusd[{}]: listening on ", broker.process.pid());
    assert!(message.contains(&sender), "{message}");
    assert_eq!(broker.log(), "");
}

#[test]
fn syslog_can_be_disabled() {
    let commands = "export DISABLE_SYSLOG=1 ELBUSD_SYSLOG_SOCKET={dir}/log";
    let broker = Served::start_prepared(commands, &["--log-syslog"]);
    broker.await_log("listening on ");
    assert!(!broker.log().contains("syslog"), "{}", broker.log());
}

#[test]
fn h16_a_log_that_nobody_can_receive_does_not_end_the_broker() {
    for commands in ["exec 2>&-", "exec 2>/dev/full", "exec 0<&- 1>&- 2>&-"] {
        let mut broker = Served::start_prepared(commands, &["--verbose"]);
        broker.process.signal(Signal::SIGHUP);
        assert_eq!(broker.stop().code(), Some(0), "{commands}");
    }
}

/// Runs a broker whose log goes to the pipe, lets it log something, and asserts that it still
/// serves and ends well.
fn assert_serves_with_log_to(pipe: PipeWriter) {
    let dir = TempDir::new();
    let socket = dir.path().join("bus.sock");
    let mut command = elbusd(&["-B".as_ref(), socket.as_os_str()]);
    let mut broker = Guarded(command.stderr(pipe).spawn().expect("elbusd runs"));
    // It holds the other end of the pipe, which must be the broker's alone.
    drop(command);
    eventually("a socket that accepts clients", || {
        UnixStream::connect(&socket).ok()
    });
    let pid = Pid::from_raw(i32::try_from(broker.0.id()).expect("a process id"));
    for signal in [Signal::SIGHUP, Signal::SIGTERM] {
        kill(pid, signal).expect("a signal");
    }
    let status = eventually("its end", || broker.0.try_wait().expect("its state"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_reader_of_the_log_that_is_gone_does_not_end_the_broker() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_serves_with_log_to(writer);
}

#[test]
fn a_reader_of_the_log_that_does_not_read_does_not_stop_the_broker() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a pipe that does not block");
    let full = loop {
        if let Err(error) = writer.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // The broker shall get an ordinary pipe.
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("a pipe that blocks");
    assert_serves_with_log_to(writer);
    drop(reader);
}
