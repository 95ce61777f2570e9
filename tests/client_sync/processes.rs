//! A real broker that is stopped or killed while something waits for it.

use std::thread;

use crate::common::*;
use crate::{EVERYTHING, LONG, SHORT, bus_error, confirmed, connect, ends, path, wait};
use elbus::sync::rpc::RpcClient;
use elbus::sync::{Client, Config};
use elbus::{ErrorKind as Kind, QoS, empty_payload};
use nix::sys::signal::Signal;
use std::sync::Arc;

/// Waits until the process does nothing any more.
fn stop(broker: &Broker) {
    broker.signal(Signal::SIGSTOP);
    let stat = format!("/proc/{}/stat", broker.pid());
    eventually("the broker has stopped", || {
        let stat = std::fs::read_to_string(&stat).expect("a process");
        stat.contains(") T ").then_some(())
    });
}

#[test]
fn b18_a_broker_that_is_stopped() {
    for what in EVERYTHING {
        let broker = Broker::start(&[]);
        let client = connect(&broker, "c", SHORT);
        stop(&broker);
        // The end of the client is a part of that.
        let outcome = ends(move || wait(client, what));
        assert_eq!(outcome, Err(Kind::Timeout), "{what:?}");
        // The kernel accepts connections for it.
        let config = Config::new(path(&broker), "late").timeout(SHORT);
        let late = ends(move || Client::connect(&config));
        assert_eq!(late.expect_err("no answer").kind(), Kind::Timeout);
    }
}

/// It goes on, and so does whoever has waited in vain meanwhile.
#[test]
fn b18_a_broker_that_is_stopped_for_a_while() {
    let broker = Broker::start(&[]);
    let client = connect(&broker, "c", SHORT);
    stop(&broker);
    let sent = client.send("c", empty_payload!(), QoS::Processed);
    assert_eq!(ends(|| confirmed(sent)), Err(Kind::Timeout));
    broker.signal(Signal::SIGCONT);
    let events = client.take_event_channel().expect("taken once");
    let frame = events.recv_timeout(DEADLINE).expect("late");
    assert_eq!(frame.sender(), "c");
    assert!(client.is_connected());
    // The late ack is not taken for the answer to this.
    let sent = client.send("nobody", empty_payload!(), QoS::Processed);
    assert_eq!(ends(|| confirmed(sent)), Err(Kind::NotRegistered));
}

/// Whether the operation has left by then or not: the broker, stopped before, does not answer it.
#[test]
fn b18_a_broker_that_is_killed() {
    for what in EVERYTHING {
        let broker = Broker::start(&[]);
        let client = connect(&broker, "c", LONG);
        stop(&broker);
        let waiting = thread::spawn(move || wait(client, what));
        thread::yield_now();
        broker.signal(Signal::SIGKILL);
        let outcome = ends(|| waiting.join().expect("no panic"));
        assert_eq!(outcome, Err(Kind::Eof), "{what:?}");
    }
}

/// Calls that were delivered to somebody who does not answer end with the broker; a new client of the
/// next one goes on.
#[test]
fn b18_a_broker_that_is_killed_with_calls_pending_and_comes_back() {
    let mut broker = Broker::start(&[]);
    let handler = connect(&broker, "x", LONG);
    let requests = handler.take_event_channel().expect("taken once");
    let rpc = Arc::new(RpcClient::new0(connect(&broker, "c", LONG)));
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let rpc = Arc::clone(&rpc);
            thread::spawn(move || rpc.call("x", "method", empty_payload!(), QoS::Processed))
        })
        .collect();
    for _ in 0..10 {
        requests.recv_timeout(DEADLINE).expect("a request");
    }
    broker.signal(Signal::SIGKILL);
    for call in calls {
        let outcome = ends(|| call.join().expect("no panic"));
        assert_eq!(bus_error(outcome.expect_err("no reply").code()), Kind::Eof);
    }
    assert!(!rpc.is_connected());
    // Whatever is tried from now on fails at once.
    let late = rpc.call("x", "method", empty_payload!(), QoS::No);
    assert_eq!(
        bus_error(late.expect_err("no connection").code()),
        Kind::Eof
    );
    assert_eq!(requests.recv().expect_err("the end").kind(), Kind::Eof);
    let late = handler.send("c", empty_payload!(), QoS::No);
    assert_eq!(late.expect_err("no connection").kind(), Kind::Eof);
    broker.wait_exit();

    let next = Broker::start(&[]);
    let again = RpcClient::new0(connect(&next, "c", LONG));
    let reply = again.call(".broker", "test", empty_payload!(), QoS::Processed);
    assert_eq!(reply.expect("a reply").payload(), b"\x81\xA2ok\xC3");
}
