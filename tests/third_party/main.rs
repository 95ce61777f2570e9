//! Interoperability with the clients that people run: the released crates `elbus` 0.2.21 and
//! `busrt` 0.5.6, the four Python packages, the crate's own clients, and its bindings for other
//! languages, all on one `elbusd`.
//!
//! Every client sits behind a small program that is scripted by lines of text (`tests/peers`, see
//! its README). The first test to run installs the Python packages and builds the crates below the
//! target directory, which takes some minutes and the network once; later runs reuse them.
//!
//! Needed: Python 3.8 or newer with `venv` (or `virtualenv`), and a C compiler for the TLS library
//! that `busrt` depends on and for the binding for C; Node.js for that for JavaScript. `PYTHON` names another interpreter than `python3`, `ELBUSD` another
//! broker than the one under test (it must understand `-B`).
//!
//! Deadlines end a test that hangs; no test depends on how fast anything is.

#![cfg(all(
    unix,
    feature = "ipc",
    feature = "rpc",
    feature = "rpc-sync",
    feature = "server"
))]

mod broker;
mod compat;
mod errors;
mod flood;
mod kind;
mod mesh;
#[path = "../common/missing.rs"]
mod missing;
mod ours_sync;
mod peer;
mod rpc;
mod secondaries;
mod setup;
#[path = "../common/venv.rs"]
mod venv;

// SWITCH: delete the following line (and the file it names) when the crate has its client.
mod ours;
