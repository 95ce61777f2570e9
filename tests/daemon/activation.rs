//! Sockets that are open before the broker starts: `LISTEN_FDS`.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::broker::TempDir;
use crate::common::wire::{Stream, Wire};
use crate::common::{GREETING, eventually};
use crate::support::{Guarded, Stranger, elbusd, path_text};

const BOTH: &str = "LISTEN_PID=$$ LISTEN_FDS=2";

/// A broker that was started with open sockets, and a directory with its log.
struct Activated {
    process: Guarded,
    dir: TempDir,
}

impl Activated {
    /// Starts the program with the descriptors 3 and 4 and these variables, in which `$$` is its
    /// process id.
    fn start(dir: TempDir, sockets: [Option<OwnedFd>; 2], variables: &str, args: &[&str]) -> Self {
        // A child can be given its first three descriptors only; the shell moves them.
        let script = [(3, 0), (4, 1)].iter().zip(&sockets).fold(
            String::from("exec"),
            |script, (&(to, from), socket)| match socket {
                Some(_) => format!("{script} {to}<&{from}"),
                None => script,
            },
        );
        let script = format!("{script} 0</dev/null 1>/dev/null; export {variables}; exec \"$@\"");
        let [first, second] = sockets.map(|socket| socket.map_or(Stdio::null(), Stdio::from));
        let inner = elbusd(args);
        let log = File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.env("DISABLE_SYSLOG", "1");
        command.stdin(first).stdout(second).stderr(log);
        let process = Guarded(command.spawn().expect("a shell"));
        Self { process, dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("its log")
    }

    fn await_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || {
            self.log().contains(text).then_some(())
        });
    }

    fn stop(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.process.0.id().cast_signed());
        kill(pid, Signal::SIGTERM).expect("a signal");
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        self.process.0.wait().expect("its end")
    }
}

/// A UNIX socket with a mode that the broker would not give it, and a TCP socket.
fn sockets(dir: &TempDir) -> (UnixListener, TcpListener) {
    let path = dir.path().join("bus.sock");
    let unix = UnixListener::bind(&path).expect("a socket");
    let mode = std::fs::Permissions::from_mode(0o604);
    std::fs::set_permissions(path, mode).expect("a mode");
    (unix, TcpListener::bind("127.0.0.1:0").expect("a port"))
}

fn given(unix: &UnixListener, tcp: &TcpListener) -> [Option<OwnedFd>; 2] {
    let unix = unix.try_clone().expect("a copy");
    [
        Some(unix.into()),
        Some(tcp.try_clone().expect("a copy").into()),
    ]
}

fn port(tcp: &TcpListener) -> u16 {
    tcp.local_addr().expect("its address").port()
}

/// Connections wait until somebody accepts them, so there is nothing to wait for first.
fn assert_serves(path: &Path, port: u16) {
    for stream in [Stream::unix(path), Stream::tcp(port)] {
        let mut wire = Wire::new(stream.expect("a connection"));
        wire.expect_raw(&GREETING);
    }
}

#[test]
fn they_are_served_and_nothing_else() {
    let dir = TempDir::new();
    let (unix, tcp) = sockets(&dir);
    let path = dir.path().join("bus.sock");
    let mut broker = Activated::start(dir, given(&unix, &tcp), BOTH, &[]);
    assert_serves(&path, port(&tcp));
    assert_eq!(broker.stop().code(), Some(0));
    let log = broker.log();
    let opened: Vec<_> = log
        .lines()
        .filter(|line| line.contains("listening"))
        .collect();
    for (line, name) in opened.iter().zip([
        path.display().to_string(),
        format!("127.0.0.1:{}", port(&tcp)),
    ]) {
        let end = format!("listening on {name}, which was open already");
        assert!(line.ends_with(&end), "{log}");
    }
    assert_eq!(opened.len(), 2, "{log}");
}

/// Clients that come between two brokers wait.
#[test]
fn the_path_stays_as_it_is_for_the_next_broker() {
    let dir = TempDir::new();
    let (unix, tcp) = sockets(&dir);
    let path = dir.path().join("bus.sock");
    let mut broker = Activated::start(dir, given(&unix, &tcp), BOTH, &["--socket-mode", "666"]);
    assert_serves(&path, port(&tcp));
    assert_eq!(broker.stop().code(), Some(0));
    let mode = path.metadata().expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o604);

    let mut early = Wire::new(Stream::unix(&path).expect("a connection"));
    let mut broker = Activated::start(broker.dir, given(&unix, &tcp), BOTH, &[]);
    early.expect_raw(&GREETING);
    assert_eq!(broker.stop().code(), Some(0));
}

#[test]
fn addresses_on_the_command_line_come_on_top() {
    let dir = TempDir::new();
    let (unix, tcp) = sockets(&dir);
    let path = dir.path().join("bus.sock");
    let same_tcp = format!("localhost:{}", port(&tcp));
    std::fs::create_dir(dir.path().join("sub")).expect("a directory");
    // The same socket by another name.
    let (same_unix, other) = (
        path_text(&dir, "sub/../bus.sock"),
        path_text(&dir, "2.sock"),
    );
    let args = ["-B", &same_unix, "-B", &same_tcp, "-B", &other];
    let mut broker = Activated::start(dir, given(&unix, &tcp), BOTH, &args);
    broker.await_log(&format!("listening on {other}, try: "));
    assert_serves(&path, port(&tcp));
    assert_serves(other.as_ref(), port(&tcp));
    assert_eq!(broker.stop().code(), Some(0));
    assert!(path.exists());
    assert!(!Path::new(&other).exists());
}

#[test]
fn they_do_not_block_and_are_not_passed_on() {
    let dir = TempDir::new();
    let (unix, tcp) = sockets(&dir);
    let path = dir.path().join("bus.sock");
    let broker = Activated::start(dir, given(&unix, &tcp), BOTH, &[]);
    assert_serves(&path, port(&tcp));
    for number in [3, 4] {
        let info = format!("/proc/{}/fdinfo/{number}", broker.process.0.id());
        let info = std::fs::read_to_string(info).expect("a descriptor");
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        let wanted = nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK;
        assert_eq!(flags.expect("flags") & wanted, wanted, "{info}");
    }
}

#[test]
fn what_is_no_listening_stream_socket_is_a_failure() {
    const SUFFIX: &str = " is not a listening UNIX or TCP stream socket";
    let datagram = UnixDatagram::unbound().expect("a socket");
    let (connected, _peer) = UnixStream::pair().expect("a pair");
    let file = File::open("/dev/null").expect("a file");
    for (descriptor, why) in [
        (Some(OwnedFd::from(datagram)), SUFFIX),
        (Some(connected.into()), SUFFIX),
        (Some(file.into()), SUFFIX),
        (None, ": Bad file descriptor"),
    ] {
        let dir = TempDir::new();
        let unix = UnixListener::bind(dir.path().join("bus.sock")).expect("a socket");
        let mut broker = Activated::start(dir, [Some(unix.into()), descriptor], BOTH, &[]);
        assert_eq!(broker.wait().code(), Some(1));
        let log = broker.log();
        let message = format!("elbusd: descriptor 4 of LISTEN_FDS{why}");
        assert!(log.contains(&message), "{log}");
    }
}

#[test]
fn what_is_meant_for_another_process_is_not_touched() {
    for variables in ["LISTEN_PID=1 LISTEN_FDS=2", "LISTEN_PID=$$", "LISTEN_FDS=2"] {
        let dir = TempDir::new();
        let (unix, tcp) = sockets(&dir);
        let other = path_text(&dir, "2.sock");
        let given = given(&unix, &tcp);
        let mut broker = Activated::start(dir, given, variables, &["-B", &other]);
        broker.await_log("listening on ");
        assert_eq!(broker.stop().code(), Some(0));
        assert!(!broker.log().contains("open already"), "{variables}");
    }
}

#[test]
fn in_the_background_the_second_process_serves_them() {
    let dir = TempDir::new();
    let (unix, tcp) = sockets(&dir);
    let path = dir.path().join("bus.sock");
    let pid_file = path_text(&dir, "pid");
    let args = ["-D", "-P", &pid_file];
    let mut first = Activated::start(dir, given(&unix, &tcp), BOTH, &args);
    assert_eq!(first.wait().code(), Some(0), "{}", first.log());
    let broker = Stranger::from_pid_file(pid_file.as_ref());
    assert_serves(&path, port(&tcp));
    broker.signal(Signal::SIGTERM);
    eventually("its end", || (!Path::new(&pid_file).exists()).then_some(()));
}
