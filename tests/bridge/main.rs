//! The program `elbus-bridge` as its users meet it: command line, configuration, exit status.
//!
//! Environment, read when the tests run:
//! * `ELBUS_BRIDGE`: the program to test instead of the one cargo built;
//! * `ELBUS_BRIDGE_RUNNER`: words put in front of it, for instance an emulator.

#[path = "../common/mod.rs"]
mod common;

mod program;

mod config;
mod usage;
