//! The wire protocol, byte by byte: one module per section of the specification, every test over
//! UNIX sockets and over TCP. The tests talk to a broker process and know nothing of its code.

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc"))]

#[path = "../common/mod.rs"]
mod common;

mod announcements;
mod core_rpc;
mod extensions;
mod frames;
mod handshake;
mod keepalive;
mod large;
mod malformed;
mod masks;
mod names;
mod qos;
mod queues;
mod runs;
mod secondaries;
mod topic_levels;
mod topics;
