//! Stands in for `ours.rs` as long as the crate has no client.

use std::io::{PipeReader, PipeWriter};

/// Whether there is a client to test.
pub const PRESENT: bool = false;

/// Never called: no peer of this kind is made.
pub fn start() -> (PipeWriter, PipeReader) {
    unreachable!("the crate has no client yet")
}
