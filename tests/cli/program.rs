//! Runs `elbus` and watches what comes out of it.
//!
//! Environment, read when the tests run:
//! * `ELBUS`: the program to test instead of the one cargo built;
//! * `ELBUS_RUNNER`: words put in front of it, for instance an emulator.

use crate::common::{Broker, DEADLINE, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

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
        assert_eq!(
            (self.status, self.stderr.as_str()),
            (Some(0), ""),
            "{self:?}"
        );
        self.stdout
    }

    /// This exit status, and nothing on standard output; returns standard error.
    #[track_caller]
    pub fn failure(self, status: i32) -> String {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (Some(status), ""),
            "{self:?}"
        );
        self.stderr
    }

    /// The one line of JSON of a successful program.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let stdout = self.success();
        assert_eq!(stdout.lines().count(), 1, "one value, one line: {stdout}");
        serde_json::from_str(&stdout).expect("JSON")
    }
}

/// The path of the broker's UNIX socket.
pub fn bus(broker: &Broker) -> &str {
    broker.socket().to_str().expect("a plain path")
}

/// `elbus BUS ARGS` to its end, without standard input.
pub fn elbus(broker: &Broker, args: &[&str]) -> Outcome {
    Running::on(broker, args).finish()
}

/// `elbus BUS ARGS` to its end, with standard input.
pub fn elbus_reading(broker: &Broker, args: &[&str], stdin: &[u8]) -> Outcome {
    let mut running = Running::start(command(bus(broker), args).stdin(Stdio::piped()));
    let mut input = running.child.stdin.take().expect("its input");
    // The program may end without having read everything.
    let _ = input.write_all(stdin);
    drop(input);
    running.finish()
}

/// `elbus BUS ARGS`, not yet started.
pub fn command(bus: &str, args: &[impl AsRef<OsStr>]) -> Command {
    let program = std::env::var("ELBUS").unwrap_or(env!("CARGO_BIN_EXE_elbus").to_string());
    let runner = std::env::var("ELBUS_RUNNER").unwrap_or_default();
    let mut words: Vec<&str> = runner.split_whitespace().collect();
    words.push(&program);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(bus)
        .args(args)
        .stdin(Stdio::null());
    command
}

/// A program that runs until the test is done with it.
pub struct Running {
    pub child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    /// `elbus BUS ARGS`
    pub fn on(broker: &Broker, args: &[&str]) -> Self {
        Self::start(&mut command(bus(broker), args))
    }

    /// `elbus BUS ARGS`, a listening command, once it listens.
    pub fn listening(broker: &Broker, args: &[&str]) -> Self {
        let running = Self::on(broker, args);
        let line = running.stderr.next().expect("a line on standard error");
        assert!(line.starts_with("listening as "), "{line}");
        running
    }

    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let stdout = Lines::of(child.stdout.take().expect("its output"));
        let stderr = Lines::of(child.stderr.take().expect("its error output"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.stdout.next().expect("a line on standard output")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("a signal to the program");
    }

    /// Waits for the end of the program; returns the lines that were not yet read.
    pub fn finish(mut self) -> Outcome {
        let status = eventually("the end of the program", || {
            self.child.try_wait().expect("the state of the program")
        });
        Outcome {
            status: status.code(),
            stdout: self.stdout.rest(),
            stderr: self.stderr.rest(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they arrive.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let line = line.expect("UTF-8 only");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    fn next(&self) -> Option<String> {
        self.0.recv_timeout(DEADLINE).ok()
    }

    /// Everything up to the end of the stream.
    fn rest(&self) -> String {
        std::iter::from_fn(|| self.next())
            .map(|line| line + "\n")
            .collect()
    }
}
