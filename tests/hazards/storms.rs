//! Connections that come and go faster than anything sensible (H7). `tests/crowds` has the crowds.

use crate::common::client_list::ask_client_uint;
use crate::common::*;
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

fn descriptors(broker: &Broker) -> usize {
    let folder = format!("/proc/{}/fd", broker.pid());
    std::fs::read_dir(folder).expect("its descriptors").count()
}

/// One name, taken and given up again and again.
#[test]
fn h07_churn_under_one_name_leaves_one_client() {
    on_both(|bus| {
        let mut asker = bus.client("asker");
        let before = descriptors(&bus.broker);
        for _ in 0..500 {
            let mut wire = bus.broker.client_when_free(bus.transport, "churn");
            wire.send_raw(&subscribe(1, NO, &["t"]));
        }
        let mut last = bus.broker.client_when_free(bus.transport, "churn");
        // What those before it have subscribed to is not its own.
        asker.request(&publish(2, PROCESSED, "t", b"x"), 2);
        last.expect_nothing_from(&mut asker);
        assert_eq!(ask_client_uint(&mut asker, "churn", "instances"), Some(1));
        drop(last);
        eventually("as many descriptors as before", || {
            (descriptors(&bus.broker) == before).then_some(())
        });
    });
}

/// Many fight for one name: at any time one of them has it.
#[test]
fn h07_a_name_that_many_want_has_one_owner() {
    on_both(|bus| {
        let (owners, wins) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let mut wire = bus.connect();
                        match wire.try_register(b"wanted") {
                            Some(OK) => {
                                assert_eq!(owners.fetch_add(1, Ordering::SeqCst), 0);
                                wins.fetch_add(1, Ordering::SeqCst);
                                wire.expect_silence();
                                owners.fetch_sub(1, Ordering::SeqCst);
                            }
                            code => assert_eq!(code, Some(BUSY)),
                        }
                    }
                });
            }
        });
        assert!(wins.into_inner() > 0, "nobody got the name");
        bus.broker
            .client_when_free(bus.transport, "wanted")
            .expect_silence();
    });
}

/// All devices of a plant come back at the same moment, and the broker is not on a core just then.
#[test]
fn h07_a_burst_of_connections_waits_to_be_accepted() {
    on_both(|bus| {
        bus.broker.signal(Signal::SIGSTOP);
        let burst: Vec<Wire> = (0..600).map(|_| bus.connect()).collect();
        bus.broker.signal(Signal::SIGCONT);
        for mut wire in burst {
            wire.expect_raw(&GREETING);
        }
    });
}

/// Whole sessions at once from many threads, most of them ended without a word.
#[test]
fn h07_a_storm_of_sessions_passes() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let before = descriptors(&bus.broker);
        thread::scope(|scope| {
            let storm: Vec<_> = (0..8)
                .map(|thread| {
                    scope.spawn(move || {
                        for i in 0..150 {
                            let mut wire = bus.connect();
                            let name = format!("storm.{thread}.{i}");
                            let frames = [
                                hello(name.as_bytes()),
                                subscribe(1, NO, &["#"]),
                                publish(2, NO, "storm", b"x"),
                                broadcast(3, NO, "storm.*", b"x"),
                            ];
                            wire.send_raw(&frames.concat());
                        }
                    })
                })
                .collect();
            while storm.iter().any(|thread| !thread.is_finished()) {
                witness.expect_silence();
            }
        });
        eventually("as many descriptors as before", || {
            (descriptors(&bus.broker) == before).then_some(())
        });
        let list = witness.call_broker("client.list", b"");
        assert_eq!(client_list::find(&list, b"storm"), None);
    });
}
