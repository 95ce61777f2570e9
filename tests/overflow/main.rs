//! What happens when a client does not read: the three overflow policies, seen by the sender, the
//! receiver, the other receivers and an observer; and clients that flood each other.

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc"))]

#[path = "../common/mod.rs"]
mod common;

mod floods;
mod policies;
mod scene;
