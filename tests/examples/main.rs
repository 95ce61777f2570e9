//! The programs of `examples/`, run as `docs/examples.md` says, with their output compared to what is
//! expected. Every line that is expected has to be in that document, too.
//!
//! `cargo test` builds them, unless it is told to build some tests only: then run
//! `cargo build --all-features --examples` first.

// A part of the harness is used here.
#[allow(dead_code)]
#[path = "../cli/program.rs"]
mod program;

#[path = "../common/mod.rs"]
mod common;

mod brokers;
mod clients;
mod example;
mod rpc;
