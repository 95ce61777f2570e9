//! What is at a path before the broker binds it, and after (B11, O13), and paths where nothing can be
//! written (H16). That a log which cannot be written does not matter is tested in
//! `tests/daemon/logging.rs`.

use crate::common::broker::TempDir;
use crate::common::*;
use nix::sys::signal::Signal;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// A broker with these binds must fail to start, with a status that says so.
fn refuses(bind: &str) {
    let mut process = Launch::new(&["-B", bind]).spawn();
    let status = process.wait_exit();
    assert!(matches!(status.code(), Some(1..)), "{status}");
    assert!(!process.log().bytes().is_empty(), "it must say why");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn o13_a_second_broker_leaves_the_first_its_socket() {
    let mut bus = Bus {
        broker: Broker::start(&[]),
        transport: Transport::Unix,
    };
    let mut a = bus.client("a");
    refuses(text(bus.broker.socket()));
    bus.broker.assert_running();
    // Still the same broker behind the path.
    assert_eq!(bus.connect().try_register(b"a"), Some(BUSY));
    bus.client("b").expect_silence();
    a.expect_silence();
}

#[test]
fn b11_a_regular_file_is_not_removed() {
    let dir = TempDir::new();
    let path = dir.path().join("data.sock");
    std::fs::write(&path, "precious").expect("a file");
    refuses(text(&path));
    refuses(&format!("fifo:{}", path.display()));
    assert_eq!(std::fs::read(&path).expect("the file"), b"precious");
}

#[test]
fn b11_a_directory_a_link_and_a_fifo_are_not_removed() {
    let dir = TempDir::new();
    let (folder, file, link, fifo) = (
        dir.path().join("folder.sock"),
        dir.path().join("file"),
        dir.path().join("link.sock"),
        dir.path().join("fifo.sock"),
    );
    std::fs::create_dir(&folder).expect("a directory");
    std::fs::write(&file, "precious").expect("a file");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    for path in [&folder, &link, &fifo] {
        refuses(text(path));
    }
    assert!(folder.is_dir());
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&link).expect("the file"), b"precious");
    assert!(
        fifo.symlink_metadata()
            .expect("the fifo")
            .file_type()
            .is_fifo()
    );
}

/// The socket of another program, alive but slow to accept.
#[test]
fn o13_a_live_socket_of_a_stranger_is_not_replaced() {
    let dir = TempDir::new();
    let path = dir.path().join("strange.sock");
    let stranger = UnixListener::bind(&path).expect("a socket");
    refuses(text(&path));
    // Whoever connects now reaches the stranger.
    let _client = std::os::unix::net::UnixStream::connect(&path).expect("the stranger");
    stranger.set_nonblocking(true).expect("a setting");
    eventually("a connection at the stranger's", || stranger.accept().ok());
}

#[test]
fn b11_a_stale_socket_is_replaced() {
    let dir = TempDir::new();
    let path = dir.path().join("stale.sock");
    // Left behind by a process that was killed: nobody listens any more.
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let broker = Broker::start(&["-B", text(&path)]);
    let mut wire = Wire::new(wire::Stream::unix(&path).expect("the broker"));
    wire.handshake("a");
    wire.expect_silence();
    drop(broker);
    // And once more after the broker itself was killed.
    assert!(path.exists());
    let _broker = Broker::start(&["-B", text(&path)]);
    Wire::new(wire::Stream::unix(&path).expect("the broker")).handshake("a");
}

/// What took the path's place while the broker ran is not the broker's to remove.
#[test]
fn o13_the_end_removes_only_the_brokers_own_socket() {
    let mut broker = Broker::start(&[]);
    let socket = broker.socket().to_path_buf();
    std::fs::remove_file(&socket).expect("the socket");
    std::fs::write(&socket, "precious").expect("a file");
    broker.signal(Signal::SIGTERM);
    assert_eq!(broker.wait_exit().code(), Some(0));
    assert_eq!(std::fs::read(&socket).expect("the file"), b"precious");
}

#[test]
fn h16_a_missing_directory_is_an_error() {
    let dir = TempDir::new();
    refuses(text(&dir.path().join("missing/bus.sock")));
    refuses(&format!(
        "fifo:{}",
        dir.path().join("missing/fifo").display()
    ));
}

#[test]
fn h16_a_port_in_use_is_an_error() {
    let broker = Broker::start(&[]);
    refuses(&format!("127.0.0.1:{}", broker.port()));
}

/// A file system that takes no files. elbus 0.2 ignores that the pid file cannot be written.
#[test]
fn h16_a_read_only_place_is_an_error() {
    let dir = TempDir::new();
    let socket = dir.path().join("bus.sock");
    refuses("/sys/elbus-test.sock");
    refuses("fifo:/sys/elbus-test.fifo");
    let mut process = Launch::new(&["-B", text(&socket), "-P", "/sys/elbus-test.pid"]).spawn();
    assert_eq!(process.wait_exit().code(), Some(1));
    let log = process.log().text();
    assert!(log.contains("/sys/elbus-test.pid"), "{log}");
    assert!(!socket.exists(), "the socket is left");
}

/// As on a full disk, files can be created, and nothing can be written into them.
#[test]
fn h16_a_pid_file_without_room_is_an_error_and_leaves_nothing() {
    let dir = TempDir::new();
    let [socket, pid_file] = ["bus.sock", "pid"].map(|name| dir.path().join(name));
    let mut process = Launch::new(&["-B", text(&socket), "-P", text(&pid_file)])
        .prepared_by("trap '' XFSZ; ulimit -f 0")
        .spawn();
    assert_eq!(process.wait_exit().code(), Some(1));
    let log = process.log().text();
    assert!(log.contains(text(&pid_file)), "{log}");
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("the directory")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Nor does one that fills up later: clients come and go, and the end is orderly.
#[test]
fn h16_a_disk_that_fills_up_later_does_not_matter() {
    let dir = TempDir::new();
    let pid_file = dir.path().join("pid");
    let log = dir.path().join("log");
    // What it could still write is used up by its first lines.
    let commands = format!("trap '' XFSZ; exec 2> {}; ulimit -f 1", log.display());
    let mut broker = Launch::new(&["--verbose", "-P", text(&pid_file)])
        .prepared_by(&commands)
        .start();
    for number in 0..50 {
        broker
            .client(Transport::Unix, &format!("c{number}"))
            .expect_silence();
    }
    let written = std::fs::metadata(&log).expect("the log").len();
    assert!((1..=1024).contains(&written), "{written} bytes of log");
    broker.signal(Signal::SIGHUP);
    broker.client(Transport::Tcp, "last").expect_silence();
    broker.signal(Signal::SIGTERM);
    assert_eq!(broker.wait_exit().code(), Some(0));
    assert!(!pid_file.exists());
}
