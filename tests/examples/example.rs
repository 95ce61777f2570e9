//! Runs one program of `examples/`.

use crate::common::Broker;
use crate::common::broker::TempDir;
use crate::program::{Running, bus, command};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where people read what the programs print.
const DOCS: &str = include_str!("../../docs/examples.md");

/// A program of `examples/` that runs.
pub struct Example(Running);

impl Example {
    /// `NAME ADDRESS`
    pub fn start(name: &str, address: &str) -> Self {
        let program = path_of(name);
        let mut command = Command::new(&program);
        Self(Running::start(command.arg(address).stdin(Stdio::null())))
    }

    /// The same, on the socket of a broker; returns once it has printed these lines.
    pub fn on(broker: &Broker, name: &str, first_lines: &[&str]) -> Self {
        let example = Self::start(name, bus(broker));
        example.prints(first_lines);
        example
    }

    /// The next lines that it prints.
    #[track_caller]
    pub fn prints(&self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.0.line(), *line);
            assert_documented(line);
        }
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.0.line()
    }

    /// It ends by itself, successfully, and prints no more than these lines.
    #[track_caller]
    pub fn ends(self, lines: &[&str]) {
        let printed = self.0.finish().success();
        assert_eq!(printed.lines().collect::<Vec<_>>(), lines);
        lines.iter().for_each(|line| assert_documented(line));
    }

    /// The same after Ctrl-C.
    #[track_caller]
    pub fn interrupted(self, lines: &[&str]) {
        self.0.signal(Signal::SIGINT);
        self.ends(lines);
    }

    /// It ends with an error; returns what it says about it.
    #[track_caller]
    pub fn fails(self) -> String {
        self.0.finish().failure(1)
    }
}

/// A broker that is one of the examples, on a socket in a directory of its own.
pub struct BrokerExample {
    pub example: Example,
    directory: TempDir,
}

impl BrokerExample {
    /// Returns once it listens.
    pub fn start(name: &str) -> Self {
        let directory = TempDir::new();
        let socket = socket_in(&directory);
        let example = Example::start(name, &socket);
        assert_eq!(example.line(), format!("listening on {socket}"));
        Self { example, directory }
    }

    pub fn socket(&self) -> String {
        socket_in(&self.directory)
    }

    /// `elbus SOCKET ARGS`; returns what it prints.
    #[track_caller]
    pub fn elbus(&self, args: &[&str]) -> String {
        let program = Running::start(&mut command(&self.socket(), args));
        program.finish().success()
    }

    /// Ctrl-C; it says goodbye with these lines, and leaves no socket behind.
    #[track_caller]
    pub fn interrupted(self, lines: &[&str]) {
        let socket = self.socket();
        self.example.interrupted(lines);
        assert!(!Path::new(&socket).exists());
    }
}

/// The docs show every line.
#[track_caller]
fn assert_documented(line: &str) {
    let shown = DOCS.lines().any(|shown| shown == line);
    assert!(shown, "not in docs/examples.md: {line}");
}

fn socket_in(directory: &TempDir) -> String {
    let socket = directory.path().join("bus.sock");
    socket.to_str().expect("a plain path").to_owned()
}

/// Examples are next to the directory of the test programs.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this program");
    let mut directories = test.ancestors().skip(1);
    directories
        .find_map(|directory| {
            let path = directory.join("examples").join(name);
            path.exists().then_some(path)
        })
        .unwrap_or_else(|| panic!("{name} is not built: cargo build --all-features --examples"))
}
