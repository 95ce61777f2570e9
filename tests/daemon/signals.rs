//! What signals do to a broker in the foreground.

use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;

use crate::support::{Served, await_end};

#[test]
fn term_and_int_end_it_cleanly() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut broker = Served::start(&["-w", "2"]);
        let client = UnixStream::connect(broker.path("bus.sock")).expect("a connection");
        broker.process.signal(signal);
        await_end(&client);
        assert_eq!(broker.process.wait_exit().code(), Some(0));
        assert!(!broker.path("bus.sock").exists());
        assert!(
            broker.log().contains(&format!("{signal}: stopping")),
            "{}",
            broker.log()
        );
    }
}

#[test]
fn hup_changes_nothing() {
    let mut broker = Served::start(&[]);
    let client = UnixStream::connect(broker.path("bus.sock")).expect("a connection");
    broker.process.signal(Signal::SIGHUP);
    broker.await_log("SIGHUP");
    broker.process.assert_running();
    UnixStream::connect(broker.path("bus.sock")).expect("another connection");
    assert_eq!(broker.stop().code(), Some(0));
    await_end(&client);
}
