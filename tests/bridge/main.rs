//! The program `elbus-bridge` as its users meet it: command line, configuration, exit status; and at work
//! between a real `elbusd` and a real `mosquitto`, or behind a cluster of `nats-server`.
//!
//! Environment, read when the tests run:
//! * `ELBUS_BRIDGE`: the program to test instead of the one cargo built;
//! * `ELBUS_BRIDGE_RUNNER`: words put in front of it, for instance an emulator;
//! * `ELBUS_FLEET`: how many devices are behind the cluster, 100 unless it is there;
//! * `ELBUS_BRIDGE_OUTAGE_S`: the least length of an outage in seconds, 3 unless it is there;
//! * `ELBUS_BRIDGE_KILLS`: how often a bridge is killed amid requests, 10 unless it is there.

#[path = "../common/mod.rs"]
mod common;

#[path = "../tls/authority.rs"]
mod authority;
#[path = "../common/missing.rs"]
mod missing;
mod mqtt;
mod nats;
mod program;
mod scada;
mod scene;

mod calls;
mod carrying;
mod config;
mod fleet;
mod kills;
mod loops;
mod outage;
mod rules;
mod stores;
mod tls;
mod usage;
