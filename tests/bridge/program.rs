//! Runs `elbus-bridge`.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// What a program that has ended leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// `None` if a signal ended the program.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Success, and nothing on standard error; returns standard output.
    #[track_caller]
    pub fn success(self) -> String {
        let seen = (self.status, self.stderr.as_str());
        assert_eq!(seen, (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// This exit status, and nothing on standard output; returns standard error.
    #[track_caller]
    pub fn failure(self, status: i32) -> String {
        let seen = (self.status, self.stdout.as_str());
        assert_eq!(seen, (Some(status), ""), "{self:?}");
        self.stderr
    }
}

/// `elbus-bridge ARGS` in the root of the checkout, not yet started, with nothing of the environment
/// that has a meaning for it.
pub fn command(args: &[impl AsRef<OsStr>]) -> Command {
    let program = std::env::var("ELBUS_BRIDGE");
    let program = program.unwrap_or(env!("CARGO_BIN_EXE_elbus-bridge").to_owned());
    let runner = std::env::var("ELBUS_BRIDGE_RUNNER").unwrap_or_default();
    let mut words: Vec<&str> = runner.split_whitespace().collect();
    words.push(&program);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(args)
        .stdin(Stdio::null())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in [
        "DISABLE_SYSLOG",
        "ELBUS_BRIDGE_SYSLOG_SOCKET",
        "JOURNAL_STREAM",
    ] {
        command.env_remove(variable);
    }
    command
}

/// The same to its end.
pub fn run(args: &[impl AsRef<OsStr>]) -> Outcome {
    let output = command(args).output().expect("elbus-bridge runs");
    Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
