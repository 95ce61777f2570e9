//! A bus client driven by lines of text, one command in, one outcome out (`../../README.md` lists
//! both), so that a test can script clients of any library in any language alike.
//!
//! Nothing here names a library: the parent module says which crate `bus` is. That the same source
//! compiles against `elbus` 0.2.21, `busrt` 0.5.6 and the crate under test is a test in itself.

use super::bus;
use std::io::{BufRead, Write};

// The blocking client of the crate under test has a session of its own, and shares the rest.
pub(crate) mod flood;
pub(crate) mod output;
mod rpc;
mod session;
pub(crate) mod words;

/// The outcome of a command: the text after `ok`, or the text after `error`.
pub(crate) type Outcome = Result<String, String>;

/// Obeys the commands of `input` until it ends or says `quit`.
///
/// # Panics
///
/// If input or output break, which for a peer means that the test is over.
pub fn run(input: impl BufRead, output: impl Write + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("no runtime");
    let output = output::Output::new(output);
    let mut session = session::Session::new(output.clone());
    for line in input.lines() {
        let line = line.expect("unreadable command");
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = match words.as_slice() {
            ["quit"] => break,
            // Waits on a condition of the receiving tasks, so it must not occupy one of them.
            ["count", count] => output.flood().wait(count),
            _ => runtime.block_on(session.execute(&words)),
        };
        output.outcome(&outcome);
    }
    // Connections end inside the runtime that drives them.
    runtime.block_on(async { drop(session) });
}
