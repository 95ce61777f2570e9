//! The crate's own client as a peer: the source of the third-party Rust peers, compiled against
//! the crate under test and run on a thread of the test process.

use elbus as bus;
use std::io::{BufReader, PipeReader, PipeWriter};

// `bus` in there is the one above.
#[path = "../peers/src/peer/mod.rs"]
pub mod peer;

/// Whether there is a client to test.
pub const PRESENT: bool = true;

/// Starts a peer, which lives until its command pipe is closed.
pub fn start() -> (PipeWriter, PipeReader) {
    let (commands, command_input) = pipe();
    let (lines, line_output) = pipe();
    std::thread::spawn(move || peer::run(BufReader::new(commands), line_output));
    (command_input, lines)
}

pub fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().expect("cannot create a pipe")
}
