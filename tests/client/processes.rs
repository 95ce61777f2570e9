//! A real broker that is stopped or killed while something waits for it.

use crate::common::*;
use crate::operations::{EVERYTHING, wait};
use crate::{LONG, SHORT, ends};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{Rpc, RpcClient};
use elbus::{ErrorKind as Kind, QoS, empty_payload};
use nix::sys::signal::Signal;
use std::time::Duration;

async fn connect(broker: &Broker, name: &str, timeout: Duration) -> Client {
    let path = broker.socket().to_str().expect("a plain path");
    let config = Config::new(path, name).timeout(timeout);
    ends(Client::connect(&config)).await.expect("a connection")
}

/// Waits until the process does nothing any more.
fn stop(broker: &Broker) {
    broker.signal(Signal::SIGSTOP);
    let stat = format!("/proc/{}/stat", broker.pid());
    eventually("the broker has stopped", || {
        let stat = std::fs::read_to_string(&stat).expect("a process");
        stat.contains(") T ").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_is_stopped() {
    for what in EVERYTHING {
        let broker = Broker::start(&[]);
        let client = connect(&broker, "c", SHORT).await;
        stop(&broker);
        assert_eq!(wait(client, what).await, Err(Kind::Timeout), "{what:?}");
        // The kernel accepts connections for it.
        let path = broker.socket().to_str().expect("a plain path");
        let late = ends(Client::connect(&Config::new(path, "late").timeout(SHORT))).await;
        assert_eq!(late.err().expect("an error").kind(), Kind::Timeout);
    }
}

/// It goes on, and so does whoever has waited in vain meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_is_stopped_for_a_while() {
    let broker = Broker::start(&[]);
    let mut client = connect(&broker, "c", SHORT).await;
    stop(&broker);
    let sent = ends(client.send("c", empty_payload!(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    let outcome = ends(confirmation).await.expect("an outcome");
    assert_eq!(outcome.expect_err("no answer").kind(), Kind::Timeout);
    broker.signal(Signal::SIGCONT);
    let events = client.take_event_channel().expect("taken once");
    assert_eq!(ends(events.recv()).await.expect("late").sender(), "c");
    assert!(client.is_connected());
    // The late ack is not taken for the answer to this.
    let sent = ends(client.send("nobody", empty_payload!(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    let outcome = ends(confirmation).await.expect("an outcome");
    assert_eq!(outcome.expect_err("no client").kind(), Kind::NotRegistered);
}

/// Whether the operation has left by then or not: the broker, stopped before, does not answer it.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_is_killed() {
    for what in EVERYTHING {
        let broker = Broker::start(&[]);
        let client = connect(&broker, "c", LONG).await;
        stop(&broker);
        let waiting = tokio::spawn(wait(client, what));
        tokio::task::yield_now().await;
        broker.signal(Signal::SIGKILL);
        let outcome = waiting.await.expect("no panic");
        assert_eq!(outcome, Err(Kind::Eof), "{what:?}");
    }
}

/// Requests that were delivered to somebody who does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_is_killed_with_calls_pending() {
    let broker = Broker::start(&[]);
    let mut handler = connect(&broker, "x", LONG).await;
    let requests = handler.take_event_channel().expect("taken once");
    let rpc = std::sync::Arc::new(RpcClient::new0(connect(&broker, "c", LONG).await));
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let rpc = rpc.clone();
            tokio::spawn(async move {
                let call = rpc.call("x", "method", empty_payload!(), QoS::Processed);
                ends(call).await
            })
        })
        .collect();
    for _ in 0..10 {
        ends(requests.recv()).await.expect("a request");
    }
    broker.signal(Signal::SIGKILL);
    for call in calls {
        let error = call.await.expect("no panic").expect_err("no reply");
        assert_eq!(error.code(), -32_255);
    }
    assert!(!rpc.is_connected());
    // Whatever is tried from now on fails at once.
    let late = ends(rpc.call("x", "method", empty_payload!(), QoS::No)).await;
    assert_eq!(late.expect_err("no connection").code(), -32_255);
    ends(async {
        while handler.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let late = ends(handler.send("c", empty_payload!(), QoS::No)).await;
    assert_eq!(late.expect_err("no connection").kind(), Kind::Eof);
}
