//! The client library against brokers that misbehave: scripted ones, and real ones that are stopped or
//! killed. Every call ends, within the timeout of the client, and with an error that says why (B18).

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc", feature = "ipc"))]

#[path = "../common/mod.rs"]
mod common;

mod connecting;
mod operations;
mod processes;
mod streams;

use common::DEADLINE;
use common::fake::Fake;
use elbus::ipc::{Client, Config};
use std::future::Future;
use std::time::Duration;

/// The timeout of a client where the timeout is what ends the call.
const SHORT: Duration = Duration::from_millis(200);

/// The timeout where it must be something else.
const LONG: Duration = Duration::from_secs(2 * DEADLINE.as_secs());

/// Everything must end by itself, one way or the other.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it must not hang")
}

fn config(fake: &Fake, timeout: Duration) -> Config {
    let path = fake.path();
    Config::new(path.to_str().expect("a plain path"), "c").timeout(timeout)
}

async fn connect(fake: &Fake, timeout: Duration) -> Client {
    ends(Client::connect(&config(fake, timeout)))
        .await
        .expect("a connection")
}
