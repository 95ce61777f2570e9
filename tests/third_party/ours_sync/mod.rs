//! The crate's blocking client as a peer, on a thread of the test process. It has the words of the
//! Rust peers, and a session of its own.

mod session;

use crate::ours::peer::output::Output;
use crate::ours::pipe;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};

/// Starts a peer, which lives until its command pipe is closed.
pub fn start() -> (PipeWriter, PipeReader) {
    let (commands, command_input) = pipe();
    let (lines, line_output) = pipe();
    std::thread::spawn(move || {
        let output = Output::new(line_output);
        let mut session = session::Session::new(output.clone());
        for line in BufReader::new(commands).lines() {
            let line = line.expect("unreadable command");
            let words: Vec<&str> = line.split(' ').collect();
            let outcome = match words.as_slice() {
                ["quit"] => break,
                ["count", count] => output.flood().wait(count),
                _ => session.execute(&words),
            };
            output.outcome(&outcome);
        }
    });
    (command_input, lines)
}
