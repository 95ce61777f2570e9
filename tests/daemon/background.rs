//! `-D`: the first process ends when the broker listens, or says why it does not.

use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Output;

use nix::sys::signal::Signal;

use crate::common::broker::TempDir;
use crate::common::{DEADLINE, eventually};
use crate::support::{Stranger, await_end, elbusd, is_emulated, path_text, stderr};

/// Runs `elbusd -D -B DIR/bus.sock -P DIR/pid ARGS` with the syslog socket `DIR/log` until the first
/// process has ended, and until nobody holds its outputs any more.
fn start(dir: &TempDir, args: &[&str]) -> Output {
    let (socket, pid_file) = (path_text(dir, "bus.sock"), path_text(dir, "pid"));
    let mut command = elbusd(&["-D", "-B", &socket, "-P", &pid_file]);
    command
        .args(args)
        .env("ELBUSD_SYSLOG_SOCKET", path_text(dir, "log"));
    command.output().expect("elbusd runs")
}

/// Starts a broker that is expected to work.
fn start_well(dir: &TempDir) -> (Output, Stranger) {
    let output = start(dir, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let broker = Stranger::from_pid_file(&dir.path().join("pid"));
    (output, broker)
}

#[test]
fn when_the_first_process_ends_the_broker_listens() {
    let dir = TempDir::new();
    let syslog = UnixDatagram::bind(dir.path().join("log")).expect("a socket");
    let (output, broker) = start_well(&dir);
    assert_eq!(stderr(&output), "");
    assert!(output.stdout.is_empty());
    let client = UnixStream::connect(dir.path().join("bus.sock")).expect("a connection");

    let mut message = [0; 4096];
    syslog.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let length = syslog.recv(&mut message).expect("a message in syslog");
    let message = String::from_utf8_lossy(&message[..length]);
    assert!(
        message.contains(&format!("elbusd[{}]: listening on ", broker.0)),
        "{message}"
    );

    broker.signal(Signal::SIGTERM);
    await_end(&client);
    for name in ["bus.sock", "pid"] {
        let path = dir.path().join(name);
        eventually(&format!("the end of {name}"), || {
            (!path.exists()).then_some(())
        });
    }
}

#[test]
fn the_broker_has_left_the_session_and_the_terminal() {
    let dir = TempDir::new();
    let (_, broker) = start_well(&dir);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", broker.0)).expect("its state");
    // The name, in parentheses, may contain blanks; then state, parent, group, session.
    let (_, fields) = stat.rsplit_once(") ").expect("fields");
    let session = fields.split(' ').nth(3).expect("a session");
    assert_eq!(session, broker.0.to_string());
    assert_null_descriptors(&broker);
}

fn assert_null_descriptors(broker: &Stranger) {
    for descriptor in 0..=2 {
        let link = format!("/proc/{}/fd/{descriptor}", broker.0);
        let file = std::fs::read_link(link).expect("an open descriptor");
        assert_eq!(file.to_str(), Some("/dev/null"), "descriptor {descriptor}");
    }
}

#[test]
fn its_name_is_that_of_the_program() {
    if is_emulated() {
        // Its name would be that of the runner.
        return;
    }
    let dir = TempDir::new();
    let (_, broker) = start_well(&dir);
    let name = std::fs::read_to_string(format!("/proc/{}/comm", broker.0)).expect("its name");
    assert_eq!(name, "elbusd\n");
}

#[test]
fn a_failure_is_that_of_the_first_process() {
    let dir = TempDir::new();
    let bad = path_text(&dir, "missing/bus.sock");
    let output = start(&dir, &["-B", &bad]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(
        errors.contains(&format!("elbusd: cannot listen on {bad}: ")),
        "{errors}"
    );
    for name in ["bus.sock", "pid"] {
        assert!(!dir.path().join(name).exists(), "{name} is left behind");
    }
}

#[test]
fn b17_without_a_syslog_daemon_it_serves_and_logs_into_nothing() {
    let dir = TempDir::new();
    let (output, broker) = start_well(&dir);
    let errors = stderr(&output);
    assert!(errors.contains("syslog cannot be reached"), "{errors}");

    // It logs with every signal, and must not write that into one of its connections.
    let client = UnixStream::connect(dir.path().join("bus.sock")).expect("a connection");
    broker.signal(Signal::SIGHUP);
    assert_null_descriptors(&broker);
    drop(client);

    // A daemon that comes later gets what is logged from then on.
    let syslog = UnixDatagram::bind(dir.path().join("log")).expect("a socket");
    syslog
        .set_nonblocking(true)
        .expect("a socket that does not block");
    eventually("a message in syslog", || {
        broker.signal(Signal::SIGHUP);
        let mut message = [0; 4096];
        let length = syslog.recv(&mut message).ok()?;
        String::from_utf8_lossy(&message[..length])
            .contains("SIGHUP")
            .then_some(())
    });
}

#[test]
fn without_syslog_by_choice_it_says_where_it_listens_and_is_silent_then() {
    let dir = TempDir::new();
    let socket = path_text(&dir, "bus.sock");
    let pid_file = path_text(&dir, "pid");
    let mut command = elbusd(&["-D", "-B", &socket, "-P", &pid_file]);
    let output = command
        .env("DISABLE_SYSLOG", "1")
        .output()
        .expect("elbusd runs");
    assert_eq!(output.status.code(), Some(0));
    let broker = Stranger::from_pid_file(&dir.path().join("pid"));
    assert!(
        stderr(&output).contains("listening on "),
        "{}",
        stderr(&output)
    );
    assert_null_descriptors(&broker);
}
