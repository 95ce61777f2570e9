//! What a frame costs in allocations once queues and caches have found their size: none in a broker
//! that routes between sockets, and a known number of them in this process.
//!
//! `ALLOCATIONS_TRACE=1 cargo test --all-features --test allocations NAME -- --nocapture` shows
//! where each of them is made.

// The harness needs the daemon.
#![cfg(all(feature = "server", feature = "rpc", feature = "ipc"))]

#[path = "../common/mod.rs"]
mod common;

mod bus;
mod clients;
mod counter;
mod large;
mod routed;
