//! What hostile peers, faults and operators do to a broker: tests for each row of appendix B of the
//! protocol (`b01` to `b18`) and of the list of hazards (`o01` to `o17`, `h01` to `h19`), named after the
//! row. Rows that are covered elsewhere, too, are named there: by the tests of the wire, of overflows, of
//! clients, of the programs, and by `tests/crowds`. H20 concerns a bridge between brokers, which does
//! not exist.

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc"))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/missing.rs"]
mod missing;

mod access_file;
mod addresses;
mod announcements;
mod clocks;
mod connections;
mod deny;
mod descriptors;
mod fifo;
mod imitations;
mod lengths;
mod loops;
mod memory;
mod names;
mod paths;
mod process;
mod restarts;
mod shares;
mod storms;
mod stranger;
mod streams;
mod timing;
mod together;
mod unread;

mod access; // needs the embedded broker (protocol, section 15.4)
