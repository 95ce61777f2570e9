//! `-P`: the life of the pid file.

use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use crate::common::broker::TempDir;
use crate::common::eventually;
use crate::support::{Served, path_text, run, stderr};

/// The broker with the pid file `pid` in its directory, once that names it.
fn start() -> Served {
    start_prepared("true")
}

fn start_prepared(commands: &str) -> Served {
    let broker = Served::start_prepared(commands, &["-P", "{dir}/pid"]);
    let pid = broker.process.pid().to_string();
    eventually("a pid file that names the broker", || {
        (content(&broker) == pid).then_some(())
    });
    broker
}

fn content(broker: &Served) -> String {
    std::fs::read_to_string(broker.path("pid")).unwrap_or_default()
}

/// Asserts that a broker does not start with the pid file that was prepared, leaves no socket and
/// says why.
fn assert_refused(dir: &TempDir, name: &str, why: &str) {
    let (socket, pid_file) = (path_text(dir, "bus.sock"), path_text(dir, name));
    let output = run(&["-B", &socket, "-P", &pid_file]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    let message = format!("elbusd: cannot write the pid file {pid_file}: {why}");
    assert!(errors.contains(&message), "{errors}");
    assert!(
        !dir.path().join("bus.sock").exists(),
        "the socket is left behind"
    );
}

#[test]
fn it_is_there_while_the_broker_runs() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut broker = start();
        broker.process.signal(signal);
        assert_eq!(broker.process.wait_exit().code(), Some(0));
        let left = std::fs::read_dir(broker.dir.path()).expect("the directory");
        assert_eq!(left.count(), 0, "something is left behind after {signal}");
    }
}

#[test]
fn what_a_killed_process_left_is_replaced() {
    // Process 1 always runs. That it does not hold the file is what counts.
    for stale in ["1", "4194304\\n", ""] {
        let mut broker = start_prepared(&format!("printf '{stale}' > {{dir}}/pid"));
        assert_eq!(broker.stop().code(), Some(0));
        assert!(!broker.path("pid").exists());
    }
}

#[test]
fn a_killed_broker_can_be_started_again() {
    let mut broker = start();
    broker.process.signal(Signal::SIGKILL);
    broker.process.wait_exit();
    assert!(broker.path("pid").exists());
    let pid_file = path_text(&broker.dir, "pid");
    let mut second = Served::start(&["-P", &pid_file]);
    let pid = second.process.pid().to_string();
    eventually("the pid of the second broker", || {
        (content(&broker) == pid).then_some(())
    });
    assert_eq!(second.stop().code(), Some(0));
}

#[test]
fn that_of_a_running_broker_is_not_touched() {
    let mut broker = start();
    let pid = broker.process.pid();
    let other = TempDir::new();
    let socket = path_text(&other, "bus.sock");
    let pid_file = path_text(&broker.dir, "pid");
    let output = run(&["-B", &socket, "-P", &pid_file]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(
        errors.contains(&format!("process {pid} is running")),
        "{errors}"
    );
    assert_eq!(content(&broker), pid.to_string());
    broker.process.assert_running();
}

#[test]
fn it_is_not_written_through_a_symbolic_link() {
    let dir = TempDir::new();
    std::fs::write(dir.path().join("precious"), "1").expect("a file");
    symlink("precious", dir.path().join("pid")).expect("a link");
    assert_refused(&dir, "pid", "it is a symbolic link");
    let precious = std::fs::read_to_string(dir.path().join("precious")).expect("a file");
    assert_eq!(precious, "1");
}

#[test]
fn what_is_no_pid_file_is_not_replaced() {
    let dir = TempDir::new();
    for (name, text) in [("notes", "buy milk"), ("digits", "1234567890123")] {
        std::fs::write(dir.path().join(name), text).expect("a file");
        assert_refused(&dir, name, "what is there is not a pid file");
        let kept = std::fs::read_to_string(dir.path().join(name)).expect("the file");
        assert_eq!(kept, text);
    }
    std::fs::create_dir(dir.path().join("dir")).expect("a directory");
    assert_refused(&dir, "dir", "what is there is not a pid file");
}

#[test]
fn a_place_that_cannot_be_written_to_is_a_failure() {
    let dir = TempDir::new();
    assert_refused(&dir, "missing/pid", "No such file or directory");
}

#[test]
fn what_somebody_else_has_put_there_stays() {
    let mut broker = start();
    std::fs::write(broker.path("pid"), "1").expect("the file is replaced");
    assert_eq!(broker.stop().code(), Some(0));
    assert_eq!(content(&broker), "1");
}
