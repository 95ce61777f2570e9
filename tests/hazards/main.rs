//! What hostile peers, faults and operators do to a broker: one test for each row of appendix B of
//! the protocol (`b01` to `b18`) and of the list of hazards (`o01` to `o17`, some of `h..`), named
//! after the row. Rows that are covered by the overflow and client tests are named there.

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
mod shares;
mod storms;
mod stranger;
mod streams;
mod timing;
mod unread;

mod access; // needs the embedded broker (protocol, section 15.4)
