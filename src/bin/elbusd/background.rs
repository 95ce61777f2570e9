//! `-D`: the broker runs in a second process that outlives the first.
//!
//! The first process starts this program again, waits until that reports that it listens, and
//! ends. If it fails instead, its messages have gone to the same stderr, and the first process fails
//! too. So "exit status 0" means "the broker is up", and a process that has threads is never forked.
//!
//! The descriptors 0, 1 and 2 of the background process are replaced, never closed: a descriptor
//! that was opened later and took one of these numbers would receive what is meant for a terminal
//! (protocol, appendix B.17).
//!
//! The working directory stays what it was, because relative paths on the command line refer to it.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use nix::unistd::{dup2_stderr, dup2_stdout, setsid};

use crate::logging;

/// Tells the second process that it is the second. Nothing else shall set it.
const MARK: &str = "ELBUSD_BACKGROUND";

/// What the background process writes to its standard output, a pipe, when it listens.
const READY: &[u8] = b"\n";

/// Whether this process is the one that [`start`] has started.
pub fn is_background() -> bool {
    env::var_os(MARK).is_some()
}

/// In the first process: starts the second and waits until it listens or has failed.
pub fn start() -> ExitCode {
    let mut child = match spawn() {
        Ok(child) => child,
        Err(failure) => {
            logging::complain(&failure);
            return ExitCode::FAILURE;
        }
    };
    if is_ready(&mut child) {
        return ExitCode::SUCCESS;
    }
    match child.wait() {
        // It has said why it ended.
        Ok(status) if status.code().is_some() => {}
        Ok(status) => logging::complain(&format!("the background process was ended: {status}")),
        Err(error) => {
            logging::complain(&format!("cannot wait for the background process: {error}"));
        }
    }
    ExitCode::FAILURE
}

fn spawn() -> Result<Child, String> {
    let mut words = env::args_os();
    let name = words.next().unwrap_or_else(|| "elbusd".into());
    // The name as it was called is the second choice: without /proc there is no other.
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from(&name));
    Command::new(program)
        .arg0(name)
        .args(words)
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the background process: {error}"))
}

fn is_ready(child: &mut Child) -> bool {
    let mut report = Vec::new();
    // To the end of the stream: then it has let go of everything that it shares with this process.
    let result = child
        .stdout
        .take()
        .map(|mut pipe| pipe.read_to_end(&mut report));
    matches!(result, Some(Ok(_))) && report == READY
}

/// In the second process, before anything else: leaves the session of the terminal, so that its end
/// is not the end of the broker.
///
/// # Errors
///
/// A message for humans.
pub fn detach() -> Result<(), String> {
    setsid().map(drop).map_err(|error| {
        format!("cannot leave the session of the terminal (is {MARK} set by hand?): {error}")
    })
}

/// In the second process, when it listens: lets the first one end, and lets go of its terminal.
///
/// # Errors
///
/// A message for humans. Also when the first process is gone: a start that was given up must not
/// leave a broker behind.
pub fn report_ready() -> Result<(), String> {
    let null = null().map_err(|error| format!("cannot open /dev/null: {error}"))?;
    // First stderr: whoever waits for its end must see it when the first process has ended.
    dup2_stderr(&null).map_err(|error| format!("cannot let go of stderr: {error}"))?;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(READY)
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("the process that started this one has gone: {error}"))?;
    dup2_stdout(&null).map_err(|error| format!("cannot let go of stdout: {error}"))
}

fn null() -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}
