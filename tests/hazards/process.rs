//! The process: in the background, and its end (B17, O16).

use crate::common::broker::TempDir;
use crate::common::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

/// Ends what its pid file names when the test is over.
struct Background(Pid);

impl Background {
    fn is_running(&self) -> bool {
        // A process that has ended but was not yet waited for is a zombie, not running.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

fn pid_in(file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(file).ok()?;
    text.parse().ok().map(Pid::from_raw)
}

#[test]
fn b17_the_background_survives_without_syslog() {
    let dir = TempDir::new();
    let (socket, pid_file) = (dir.path().join("bus.sock"), dir.path().join("pid"));
    let paths = [&socket, &pid_file].map(|path| path.to_str().expect("a plain path"));
    let args = ["-B", paths[0], "-P", paths[1], "-D", "--verbose"];
    // Not even where a syslog daemon runs.
    let absent = format!(
        "export ELBUSD_SYSLOG_SOCKET={}",
        dir.path().join("nobody").display()
    );
    let mut parent = Launch::new(&args).prepared_by(&absent).spawn();
    let status = eventually("the return of -D", || parent.exit_status());
    assert_eq!(status.code(), Some(0));
    let broker = eventually("the pid file", || pid_in(&pid_file).map(Background));
    let connect = || Wire::new(wire::Stream::unix(&socket).expect("the broker"));
    eventually("the socket", || wire::Stream::unix(&socket).ok());
    // Many events that are worth a line, some of them errors.
    for i in 0..50 {
        let mut wire = connect();
        wire.handshake(&format!("client.{i}"));
        wire.send_raw(&frame(1, 0x3F, b""));
        wire.expect_refused(1);
        assert_ne!(connect().try_register(b""), Some(OK));
    }
    let mut a = connect();
    a.handshake("a");
    a.expect_silence();
    assert!(broker.is_running());
    kill(broker.0, Signal::SIGTERM).expect("a signal");
    eventually("the end", || (!broker.is_running()).then_some(()));
    assert!(!socket.exists() && !pid_file.exists());
}

/// Everything the broker leaves behind when it is told to go, by either signal.
fn leaves_cleanly(signal: Signal) {
    let dir = TempDir::new();
    let (pid_file, fifo) = (dir.path().join("pid"), dir.path().join("fifo"));
    let bind = format!("fifo:{}", fifo.display());
    let args = ["-P", pid_file.to_str().expect("a plain path"), "-B", &bind];
    let mut broker = Broker::start(&args);
    let written = std::fs::read_to_string(&pid_file).expect("the pid file");
    assert_eq!(written, broker.pid().to_string());
    let socket = broker.socket().to_path_buf();
    assert!(socket.exists() && fifo.exists());
    let mut clients = [Transport::Unix, Transport::Tcp].map(|transport| {
        let mut client = broker.client(transport, &format!("{transport:?}"));
        client.expect_silence();
        client
    });
    let mut waiting = broker.connect(Transport::Unix);
    waiting.expect_raw(&GREETING);
    broker.signal(signal);
    for client in &mut clients {
        let frame = client.read_frame();
        let expected = b".broker\0.broker/warn\0\x82\xA1s\xA8shutdown\xA1t\xCF";
        assert!(frame.body.starts_with(expected), "{}", show(&frame.body));
        client.expect_closed();
    }
    waiting.expect_closed();
    assert_eq!(broker.wait_exit().code(), Some(0));
    for path in [socket, pid_file, fifo] {
        assert!(!path.exists(), "{} is left", path.display());
    }
}

#[test]
fn o16_sigterm_leaves_cleanly() {
    leaves_cleanly(Signal::SIGTERM);
}

#[test]
fn o16_sigint_leaves_cleanly() {
    leaves_cleanly(Signal::SIGINT);
}

/// What was acknowledged before the signal is delivered before the end.
#[test]
fn o16_what_was_acknowledged_is_delivered() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let mut broker = Broker::start(&[]);
        let mut sender = broker.client(transport, "sender");
        let mut receiver = broker.client(transport, "receiver");
        let payload = vec![7; 1024];
        // More than the kernel takes, less than the queue: part of it waits in the broker.
        for id in 0..400 {
            sender.request(&message(id, PROCESSED, "receiver", &payload), id);
        }
        broker.signal(Signal::SIGTERM);
        for _ in 0..400 {
            receiver.expect_bytes(&got_message(0, "sender", &payload));
        }
        let warning = receiver.read_frame();
        assert!(warning.body.starts_with(b".broker\0.broker/warn\0"));
        receiver.expect_closed();
        assert_eq!(broker.wait_exit().code(), Some(0));
    }
}

/// Neither clients that flood nor one that does not read can stop the stop.
#[test]
fn o16_the_end_comes_under_load_too() {
    let mut broker = Broker::start(&[]);
    let mut flooder = broker.client(Transport::Unix, "flooder");
    let stalled = broker.client(Transport::Tcp, "stalled");
    let frames = message(1, NO, "stalled", &[0; 1024]).repeat(100);
    std::thread::scope(|scope| {
        scope.spawn(|| while flooder.try_send_raw(&frames).is_ok() {});
        let mut witness = broker.client(Transport::Unix, "witness");
        witness.expect_silence();
        broker.signal(Signal::SIGTERM);
        assert_eq!(broker.wait_exit().code(), Some(0));
    });
    drop(stalled);
}
