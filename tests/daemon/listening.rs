//! Where the daemon listens, and who may connect.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::broker::TempDir;
use crate::support::{Guarded, Served, command_for, is_emulated, program};

/// A user without privileges on every system.
const NOBODY: u32 = 65_534;

/// Starts `elbusd` without `-B` as a user who cannot write to `/run`, with the directory in the
/// variable, and returns the first line of its log.
fn first_line_of_log(dir: &Path, variable: &str) -> String {
    // A copy, because the directory of the original may be closed to that user. Made by another
    // process: a file that this one has open for writing may be inherited, for a moment, by what
    // another test starts, and cannot be run in that moment.
    let copy = dir.join("elbusd");
    let status = Command::new("cp").arg(program()).arg(&copy).status();
    assert!(status.expect("cp runs").success());
    let mut command = command_for(&copy);
    command.env(variable, dir).stderr(Stdio::piped());
    if nix::unistd::geteuid().is_root() {
        chown(dir, Some(NOBODY), Some(NOBODY)).expect("the directory changes hands");
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = Guarded(command.spawn().expect("elbusd runs"));
    let log = child.0.stderr.take().expect("its log");
    let mut line = String::new();
    BufReader::new(log).read_line(&mut line).expect("a line");
    line
}

fn assert_invites(line: &str, socket: &Path) {
    let socket = socket.display();
    let invitation = format!(" listening on {socket}, try: elbus {socket} listen\n");
    assert!(line.ends_with(&invitation), "{line}");
}

#[test]
fn without_an_address_the_runtime_directory_of_the_user_is_taken() {
    let dir = TempDir::new();
    let line = first_line_of_log(dir.path(), "XDG_RUNTIME_DIR");
    assert_invites(&line, &dir.path().join("elbus.sock"));
}

#[test]
fn without_a_runtime_directory_it_is_the_one_for_temporary_files() {
    let dir = TempDir::new();
    let line = first_line_of_log(dir.path(), "TMPDIR");
    assert_invites(&line, &dir.path().join("elbus.sock"));
}

#[test]
fn every_address_that_is_given_is_logged_in_order() {
    let mut broker = Served::start(&["-B", "{dir}/second.sock"]);
    broker.await_log("second.sock listen");
    assert_eq!(broker.stop().code(), Some(0));
    let log = broker.log();
    let mut lines = log.lines();
    for name in ["bus.sock", "second.sock"] {
        let line = lines.next().expect("a line for each address");
        assert_invites(&format!("{line}\n"), &broker.path(name));
    }
    assert!(!broker.path("bus.sock").exists());
    assert!(!broker.path("second.sock").exists());
}

#[test]
fn sockets_are_for_their_owner_and_group_unless_told_otherwise() {
    let gid = nix::unistd::getegid().to_string();
    for (args, mode) in [
        (&[][..], 0o660),
        (&["--socket-mode", "0600"], 0o600),
        (&["--socket-mode", "666", "--socket-group", &gid], 0o666),
    ] {
        let broker = Served::start(args);
        let metadata = std::fs::metadata(broker.path("bus.sock")).expect("a socket");
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{args:?}");
        assert_eq!(metadata.gid().to_string(), gid);
    }
}

#[cfg(feature = "rpc")]
#[test]
fn a_fifo_is_an_address_too() {
    let mut broker = Served::start(&["-B", "fifo:{dir}/commands"]);
    let fifo = broker.path("commands");
    let path = fifo.display();
    broker.await_log(&format!(
        "reading commands from {path}, try: echo '=topic payload' > {path}"
    ));
    // Whoever else may read from it takes commands away.
    let metadata = std::fs::metadata(&fifo).expect("a fifo");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o620);
    assert_eq!(broker.stop().code(), Some(0));
    assert!(!fifo.exists());
}

#[test]
fn the_main_thread_is_one_of_the_workers() {
    for workers in ["1", "3"] {
        let broker = Served::start(&["-w", workers]);
        let tasks = format!("/proc/{}/task", broker.process.pid());
        // The runtime may have threads of its own for a while, which have other names.
        let count = std::fs::read_dir(tasks)
            .expect("its threads")
            .map(|task| std::fs::read_to_string(task.expect("a thread").path().join("comm")))
            .filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("elbusd")))
            .count();
        // The first thread of an emulated program has the name of the emulator.
        let first = usize::from(!is_emulated());
        assert_eq!(
            count, first,
            "the others have no thread before they have work"
        );
    }
}

#[test]
fn as_many_descriptors_as_the_clients_need() {
    let broker = Served::start_prepared("ulimit -Sn 64", &["--max-clients", "100"]);
    let limits = format!("/proc/{}/limits", broker.process.pid());
    let limits = std::fs::read_to_string(limits).expect("its limits");
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = files.and_then(|line| line.split_whitespace().nth(3));
    let soft: u64 = soft.and_then(|soft| soft.parse().ok()).expect("a number");
    assert!(soft >= 100, "{limits}");
}

#[test]
fn too_few_descriptors_are_told() {
    let broker = Served::start_prepared("ulimit -n 64", &["--max-clients", "100"]);
    broker.await_log("descriptors, but the limit is 64");
}
