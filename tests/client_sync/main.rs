//! The blocking client against a real broker, and against brokers that misbehave: scripted ones, and
//! real ones that are stopped or killed. Every call ends, within the timeout of the client, and with an
//! error that says why (B18).

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc", feature = "rpc-sync"))]

#[path = "../common/mod.rs"]
mod common;

mod connecting;
mod events;
mod operations;
mod processes;
mod rpc;
mod scripted;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use common::fake::Fake;
use common::{Broker, DEADLINE};
use elbus::sync::rpc::{Options, RpcClient};
use elbus::sync::{Client, Config, OpConfirm};
use elbus::{Error, ErrorKind as Kind, QoS, empty_payload};

/// The timeout of a client where the timeout is what ends the call.
const SHORT: Duration = Duration::from_millis(200);

/// The timeout where it must be something else.
const LONG: Duration = Duration::from_secs(2 * DEADLINE.as_secs());

/// Everything must end by itself, one way or the other.
fn ends<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = channel();
    let thread = thread::spawn(move || done.send(call()));
    match outcome.recv_timeout(DEADLINE) {
        Ok(outcome) => outcome,
        Err(_) if thread.is_finished() => panic!("it panicked"),
        Err(_) => panic!("it must not hang"),
    }
}

fn path(broker: &Broker) -> &str {
    broker.socket().to_str().expect("a plain path")
}

fn connect(broker: &Broker, name: &str, timeout: Duration) -> Client {
    let config = Config::new(path(broker), name).timeout(timeout);
    ends(move || Client::connect(&config)).expect("a connection")
}

fn config(fake: &Fake, timeout: Duration) -> Config {
    let path = fake.path();
    Config::new(path.to_str().expect("a plain path"), "c").timeout(timeout)
}

fn connect_to_fake(fake: &Fake, timeout: Duration) -> Client {
    let config = config(fake, timeout);
    ends(move || Client::connect(&config)).expect("a connection")
}

/// Waits for the confirmation that there has to be.
fn confirmed(sent: Result<OpConfirm, Error>) -> Result<(), Kind> {
    let confirmation = sent.map_err(|e| e.kind())?.expect("as the QoS asks for");
    confirmation.wait().map_err(|e| e.kind())
}

/// What a client can wait for.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Send,
    Broadcast,
    Publish,
    Subscribe,
    /// A call whose request is to be acknowledged.
    Call,
    /// One whose request is not.
    UnconfirmedCall,
}

const EVERYTHING: [Wait; 6] = [
    Wait::Send,
    Wait::Broadcast,
    Wait::Publish,
    Wait::Subscribe,
    Wait::Call,
    Wait::UnconfirmedCall,
];

/// Waits with a client of its own; how that ends. The client is gone then.
fn wait(client: Client, what: Wait) -> Result<(), Kind> {
    let nothing = empty_payload!();
    confirmed(match what {
        Wait::Send => client.send("x", nothing, QoS::Processed),
        Wait::Broadcast => client.send_broadcast("*", nothing, QoS::Processed),
        Wait::Publish => client.publish("t", nothing, QoS::Processed),
        Wait::Subscribe => client.subscribe("t", QoS::RealtimeProcessed),
        Wait::Call => return call(client, QoS::Processed),
        Wait::UnconfirmedCall => return call(client, QoS::No),
    })
}

fn call(client: Client, qos: QoS) -> Result<(), Kind> {
    let rpc = RpcClient::create0(client, Options::new());
    let outcome = rpc.call("x", "method", empty_payload!(), qos);
    outcome.map(drop).map_err(|e| bus_error(e.code()))
}

/// The error of the bus that has this code.
fn bus_error(code: i16) -> Kind {
    let code = u8::try_from(-32_000 - code).expect("an error of the bus");
    Kind::from(code)
}
