//! `-D`: the broker runs in a second process that outlives the first.
//!
//! The first process doubles itself before it has threads, waits until the second reports that it
//! listens, and ends. If that one fails instead, its messages have gone to the same stderr, and the
//! first process fails too. So "exit status 0" means "the broker is up".
//!
//! The descriptors 0, 1 and 2 of the background process are replaced, never closed: a descriptor
//! that was opened later and took one of these numbers would receive what is meant for a terminal
//! (protocol, appendix B.17).
//!
//! The working directory stays what it was, because relative paths on the command line refer to it.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::ExitCode;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::logging;
use crate::manager::{Manager, READY};
use crate::unchecked;

/// What the second process reports when it listens.
const LISTENS: &[u8] = b"\n";

/// Which of the two processes this is.
pub enum Role {
    /// The one that was started. The other one has done its part, with this result.
    First(ExitCode),
    /// The broker.
    Second(Report),
}

/// Where the second process reports to.
pub struct Report(PipeWriter);

/// Makes two processes of one. Returns in the second at once, and in the first when the second
/// listens or has failed.
///
/// # Errors
///
/// A message for humans, in either process.
pub fn split(manager: &Manager) -> Result<Role, String> {
    let (reader, writer) = io::pipe().map_err(|error| format!("cannot open a pipe: {error}"))?;
    let process = unchecked::double()
        .map_err(|error| format!("cannot start the background process: {error}"))?;
    match process {
        ForkResult::Parent { child } => {
            drop(writer);
            if !is_ready(reader) {
                complain_of_end(child);
                return Ok(Role::First(ExitCode::FAILURE));
            }
            // A manager believes this process, which it has started, and from now on the other.
            manager.tell(&format!("MAINPID={child}\n{READY}"));
            Ok(Role::First(ExitCode::SUCCESS))
        }
        ForkResult::Child => {
            drop(reader);
            detach()?;
            Ok(Role::Second(Report(writer)))
        }
    }
}

fn is_ready(mut reader: PipeReader) -> bool {
    let mut report = Vec::new();
    // To the end of the stream: then it has let go of everything that it shares with this process.
    reader.read_to_end(&mut report).is_ok() && report == LISTENS
}

/// Says how the second process has ended, unless it has said so itself.
fn complain_of_end(child: Pid) {
    if let Ok(WaitStatus::Signaled(_, signal, _)) = waitpid(child, None) {
        logging::complain(&format!("the background process was ended by {signal}"));
    }
}

/// Leaves the session of the terminal, so that its end is not the end of the broker, and lets go of
/// it but for messages about the start.
fn detach() -> Result<(), String> {
    setsid().map_err(|error| format!("cannot leave the session of the terminal: {error}"))?;
    let null = null()?;
    dup2_stdin(&null).map_err(|error| format!("cannot let go of stdin: {error}"))?;
    dup2_stdout(&null).map_err(|error| format!("cannot let go of stdout: {error}"))
}

impl Report {
    /// Lets the first process end, and lets go of its terminal.
    ///
    /// # Errors
    ///
    /// A message for humans. Also when the first process is gone: a start that was given up must
    /// not leave a broker behind.
    pub fn ready(mut self) -> Result<(), String> {
        // First stderr: whoever waits for its end must see it when the first process has ended.
        dup2_stderr(&null()?).map_err(|error| format!("cannot let go of stderr: {error}"))?;
        self.0
            .write_all(LISTENS)
            .map_err(|error| format!("the process that started this one has gone: {error}"))
    }
}

fn null() -> Result<File, String> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    null.map_err(|error| format!("cannot open /dev/null: {error}"))
}
