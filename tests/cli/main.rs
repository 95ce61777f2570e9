//! The program `elbus`, driven like a shell does it, against a broker process: what it prints, where
//! it prints it, and how it ends.

#[path = "../common/mod.rs"]
mod common;

mod program;
mod snapshot;
mod terminal;

mod benchmark;
mod broker;
mod help;
mod hostile;
mod listen;
mod monitor;
mod outputs;
mod rpc;
mod rpc_listen;
mod send;
mod streams;
mod top;
mod usage;
