//! `--user` and `--group`, the OOM score and the umask. Who is not root cannot try most of it.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use nix::unistd::{Uid, User, chown, getegid, geteuid};

use crate::common::broker::{TempDir, free_port};
use crate::common::eventually;
use crate::support::{Served, command_for, elbusd, is_emulated, path_text, program, run, stderr};

/// Who is not the test's user.
const STRANGER: &str = "nobody";

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        skip("this needs root");
    }
    is_root
}

/// Says that a test does nothing. Not with `eprintln`, which is shown of tests that fail only.
fn skip(why: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "{name}: SKIPPED: {why}");
}

fn stranger() -> User {
    let found = User::from_name(STRANGER).expect("the list of users");
    found.expect("a user without privileges")
}

/// The values of a line of `/proc/PID/task/TID/status`, for each thread but those of an emulator.
fn of_each_thread(broker: &Served, field: &str) -> Vec<String> {
    let tasks = format!("/proc/{}/task", broker.process.pid());
    std::fs::read_dir(tasks)
        .expect("its threads")
        .map(|task| task.expect("a thread"))
        .filter(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).expect("its name");
            let is_first = task.file_name().to_str() == Some(&broker.process.pid().to_string());
            is_first || !is_emulated() || name.starts_with("elbusd")
        })
        .map(|task| {
            let status = task.path().join("status");
            let status = std::fs::read_to_string(status).expect("its status");
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let words = line.expect("a value").split_whitespace();
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// Waits until each thread is that user, and asserts that it is for good.
fn assert_runs_as(broker: &Served, uid: u32, gid: u32, groups: &[u32]) {
    let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
    eventually("another user", || {
        let users = of_each_thread(broker, "Uid:");
        users.iter().all(|ids| *ids == four(uid)).then_some(())
    });
    let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
    for (field, wanted) in [
        ("Uid:", four(uid)),
        ("Gid:", four(gid)),
        ("Groups:", groups.join(" ")),
        ("CapPrm:", "0".repeat(16)),
        ("CapEff:", "0".repeat(16)),
        ("NoNewPrivs:", "1".to_string()),
    ] {
        for value in of_each_thread(broker, field) {
            assert_eq!(value, wanted, "{field}");
        }
    }
}

fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    let metadata = path.metadata().expect("a file");
    (
        metadata.uid(),
        metadata.gid(),
        metadata.permissions().mode() & 0o777,
    )
}

#[test]
fn every_thread_becomes_the_user_and_clients_are_served() {
    if !is_root() {
        return;
    }
    let nobody = stranger();
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    // A name is looked up by a thread of its own, which stays for a while.
    let named = format!("localhost:{}", free_port());
    let args = ["-B", &named, "-P", "{dir}/pid", "--user", STRANGER];
    let mut broker = Served::start(&args);
    broker.await_log(&format!("listening on {named}"));
    let threads = of_each_thread(&broker, "Uid:");
    assert!(threads.len() >= 2 || is_emulated(), "{threads:?}");
    assert_runs_as(&broker, uid, gid, &[gid]);
    assert_eq!(owner_and_mode(&broker.path("bus.sock")), (uid, gid, 0o660));
    // Who could write to it could have an init script end any process.
    assert_eq!(owner_and_mode(&broker.path("pid")), (0, 0, 0o644));
    UnixStream::connect(broker.path("bus.sock")).expect("a connection");

    // The directory is root's.
    assert_eq!(broker.stop().code(), Some(0));
    assert!(broker.path("bus.sock").exists());
    let pid = std::fs::read_to_string(broker.path("pid"));
    assert_eq!(pid.expect("a pid file"), "");
    let log = broker.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn what_was_left_behind_is_replaced_by_the_next_start() {
    if !is_root() {
        return;
    }
    let mut first = Served::start(&["-P", "{dir}/pid", "--user", STRANGER]);
    assert_eq!(first.stop().code(), Some(0));
    let (socket, pid_file) = (
        path_text(&first.dir, "bus.sock"),
        path_text(&first.dir, "pid"),
    );
    let args = ["-B", &socket, "-P", &pid_file, "--user", STRANGER];
    let mut second = Served::start(&args);
    let pid = second.process.pid().to_string();
    eventually("the pid of the second broker", || {
        let content = std::fs::read_to_string(&pid_file).expect("a pid file");
        (content == pid).then_some(())
    });
    UnixStream::connect(&socket).expect("a connection");
    assert_eq!(second.stop().code(), Some(0));
}

#[test]
fn a_pid_file_that_is_out_of_reach_is_emptied_as_well() {
    if !is_root() {
        return;
    }
    let args = ["-P", "{dir}/closed/pid", "--user", STRANGER];
    let mut broker = Served::start_prepared("mkdir -m 700 {dir}/closed", &args);
    assert_runs_as_user_of(&broker, stranger().uid);
    assert_eq!(broker.stop().code(), Some(0));
    let pid = std::fs::read_to_string(broker.path("closed/pid"));
    assert_eq!(pid.expect("a pid file"), "");
}

#[test]
fn in_a_directory_of_its_own_nothing_is_left() {
    if !is_root() {
        return;
    }
    let dir = TempDir::new();
    let nobody = stranger();
    chown(dir.path(), Some(nobody.uid), Some(nobody.gid)).expect("another owner");
    let (socket, pid_file) = (path_text(&dir, "own.sock"), path_text(&dir, "pid"));
    let args = ["-B", &socket, "-P", &pid_file, "--user", STRANGER];
    let mut broker = Served::start(&args);
    broker.await_log("own.sock");
    assert_runs_as_user_of(&broker, nobody.uid);
    assert_eq!(broker.stop().code(), Some(0));
    let left = std::fs::read_dir(dir.path())
        .expect("the directory")
        .count();
    assert_eq!(left, 0);
}

fn assert_runs_as_user_of(broker: &Served, uid: Uid) {
    let start = uid.to_string();
    eventually("another user", || {
        let users = of_each_thread(broker, "Uid:");
        users
            .iter()
            .all(|ids| ids.starts_with(&start))
            .then_some(())
    });
}

#[test]
fn numbers_that_nobody_has() {
    if !is_root() {
        return;
    }
    let args = ["-w", "3", "--user", "54321", "--group", "54322"];
    let broker = Served::start(&args);
    assert_runs_as(&broker, 54_321, 54_322, &[54_322]);
    let socket = owner_and_mode(&broker.path("bus.sock"));
    assert_eq!(socket, (54_321, 54_322, 0o660));

    let dir = TempDir::new();
    let output = run(&["-B", &path_text(&dir, "bus.sock"), "--user", "54321"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(errors.contains("user 54321 is not known"), "{errors}");
}

/// A user of this system who is in a group that is not the user's own, and that group.
fn member() -> Option<(User, u32)> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        let gid: u32 = fields.next()?.parse().ok()?;
        let name = fields.next()?.split(',').next()?;
        let user = User::from_name(name).ok()??;
        (!user.uid.is_root() && user.gid.as_raw() != gid).then_some((user, gid))
    })
}

#[test]
fn other_groups_of_the_user_come_along() {
    if !is_root() {
        return;
    }
    let Some((user, gid)) = member() else {
        skip("no user of this system is in another group");
        return;
    };
    let broker = Served::start(&["-w", "3", "--user", &user.name]);
    assert_runs_as_user_of(&broker, user.uid);
    for groups in of_each_thread(&broker, "Groups:") {
        let mut groups = groups.split(' ');
        assert!(groups.any(|group| group == gid.to_string()));
    }
}

#[test]
fn the_group_of_sockets_may_be_another() {
    if !is_root() {
        return;
    }
    let broker = Served::start(&["--user", STRANGER, "--socket-group", "54323"]);
    let uid = stranger().uid.as_raw();
    let socket = owner_and_mode(&broker.path("bus.sock"));
    assert_eq!(socket, (uid, 54_323, 0o660));
}

#[cfg(feature = "rpc")]
#[test]
fn a_fifo_works_after_the_change() {
    if !is_root() {
        return;
    }
    let broker = Served::start(&["-B", "fifo:{dir}/fifo", "--user", STRANGER]);
    let nobody = stranger();
    assert_runs_as_user_of(&broker, nobody.uid);
    let fifo = broker.path("fifo");
    let wanted = (nobody.uid.as_raw(), nobody.gid.as_raw(), 0o620);
    assert_eq!(owner_and_mode(&fifo), wanted);
    // The second writer finds a fifo that was opened anew.
    for _ in 0..2 {
        std::fs::write(&fifo, "no-such-client :method =\n").expect("a reader");
    }
    eventually("both commands", || {
        (broker.log().matches("fifo: ").count() >= 2).then_some(())
    });
}

#[test]
fn rules_that_the_user_cannot_read_are_warned_of() {
    if !is_root() {
        return;
    }
    let commands = "umask 077; printf 'allow_everybody = true\\n' > {dir}/rules.toml";
    let args = ["--config", "{dir}/rules.toml", "--user", STRANGER];
    let broker = Served::start_prepared(commands, &args);
    broker.await_log("so SIGHUP will not change the rules");
    broker.process.signal(Signal::SIGHUP);
    broker.await_log("SIGHUP: the access rules stay as they were");
}

/// Runs the program with a socket in the directory to its end, without privileges.
fn run_unprivileged(dir: &TempDir, socket: &str, args: &[&str]) -> Output {
    let socket = path_text(dir, socket);
    let mut command = elbusd(&["-B", &socket]);
    if geteuid().is_root() {
        // The directory of the original may be closed to that user.
        let copy = dir.path().join("elbusd");
        // Not by this process, see `listening`.
        let status = Command::new("cp").arg(program()).arg(&copy).status();
        assert!(status.expect("cp runs").success());
        let nobody = stranger();
        chown(dir.path(), Some(nobody.uid), Some(nobody.gid)).expect("another owner");
        command = command_for(&copy);
        command.args(["-B", &socket]);
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    }
    command.args(args).output().expect("elbusd runs")
}

#[test]
fn who_is_not_root_cannot_become_another_user() {
    let dir = TempDir::new();
    let output = run_unprivileged(&dir, "bus.sock", &["--user", "54321", "--group", "54321"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(errors.contains("that takes root"), "{errors}");
    assert!(!dir.path().join("bus.sock").exists());
}

#[test]
fn who_is_that_user_already_need_not_be_root() {
    if geteuid().is_root() {
        return;
    }
    let (user, group) = (geteuid().to_string(), getegid().to_string());
    let mut broker = Served::start(&["--user", &user, "--group", &group]);
    assert_eq!(broker.stop().code(), Some(0));
}

#[test]
fn the_oom_score_is_set() {
    let broker = Served::start(&["--oom-score-adj", "500"]);
    let file = format!("/proc/{}/oom_score_adj", broker.process.pid());
    assert_eq!(std::fs::read_to_string(file).expect("a score"), "500\n");
}

/// It goes on, to where it finds that it cannot listen.
#[test]
fn an_oom_score_that_is_refused_is_a_warning() {
    let dir = TempDir::new();
    let output = run_unprivileged(&dir, "missing/bus.sock", &["--oom-score-adj", "-1000"]);
    let errors = stderr(&output);
    assert!(
        errors.contains("WARN  --oom-score-adj -1000 has no effect: "),
        "{errors}"
    );
    assert!(errors.contains("elbusd: cannot listen on "), "{errors}");
}

#[test]
fn files_have_their_modes_whatever_umask_is_inherited() {
    for inherited in ["000", "777"] {
        let commands = format!("umask {inherited}");
        let mut args = vec!["-P", "{dir}/pid"];
        if cfg!(feature = "rpc") {
            args.extend(["-B", "fifo:{dir}/fifo"]);
        }
        let broker = Served::start_prepared(&commands, &args);
        let pid_file = broker.path("pid");
        eventually("the pid file", || pid_file.exists().then_some(()));
        let (_, _, socket) = owner_and_mode(&broker.path("bus.sock"));
        let (_, _, pid) = owner_and_mode(&pid_file);
        assert_eq!((socket, pid), (0o660, 0o644), "umask {inherited}");
        if cfg!(feature = "rpc") {
            let (_, _, fifo) = owner_and_mode(&broker.path("fifo"));
            assert_eq!(fifo, 0o620, "umask {inherited}");
        }
        let umask = of_each_thread(&broker, "Umask:");
        assert!(umask.iter().all(|umask| umask == "0077"), "{umask:?}");
    }
}
