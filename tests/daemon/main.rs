//! The program `elbusd` as its users meet it: command line, exit status, files, signals, log,
//! background. What it does on the wire is tested elsewhere.
//!
//! Environment: `ELBUSD` and `ELBUSD_RUNNER`, as explained in `tests/common`.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/missing.rs"]
#[allow(dead_code)]
mod missing;

mod activation;
mod background;
mod config;
mod listeners;
mod listening;
mod logging;
mod memory;
mod pid_file;
mod privileges;
mod service_manager;
mod signals;
mod support;
mod usage;
