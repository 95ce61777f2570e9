//! Starts `elbusd` in the ways that these tests need and the shared harness does not offer.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::broker::{Process, TempDir};
use crate::common::{Launch, eventually};

/// The program under test.
pub fn program() -> PathBuf {
    std::env::var_os("ELBUSD").map_or(env!("CARGO_BIN_EXE_elbusd").into(), PathBuf::from)
}

/// Whether an emulator runs the program: then the names of processes and threads are partly its own.
pub fn is_emulated() -> bool {
    std::env::var_os("ELBUSD_RUNNER").is_some()
}

/// The program at a path, ready to be given arguments, with nothing of the environment that has a
/// meaning for it.
pub fn command_for(program: &Path) -> Command {
    let runner = std::env::var("ELBUSD_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let mut command = match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    };
    for variable in [
        "DISABLE_SYSLOG",
        "ELBUSD_SYSLOG_SOCKET",
        "XDG_RUNTIME_DIR",
        "JOURNAL_STREAM",
        "LISTEN_PID",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// The program under test with arguments.
pub fn elbusd(args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = command_for(&program());
    command.args(args);
    command
}

/// Runs the program to its end, which includes the end of its two outputs.
pub fn run(args: &[impl AsRef<OsStr>]) -> Output {
    elbusd(args).output().expect("elbusd runs")
}

/// What the program wrote to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory and a broker whose socket is in it.
pub struct Served {
    pub process: Process,
    pub dir: TempDir,
}

impl Served {
    /// `elbusd -B DIR/bus.sock ARGS`, where `{dir}` in the arguments is the directory. Waits until
    /// clients can connect.
    pub fn start(args: &[&str]) -> Self {
        Self::start_prepared("true", args)
    }

    /// The same after shell commands.
    pub fn start_prepared(commands: &str, args: &[&str]) -> Self {
        let dir = TempDir::new();
        let socket = path_text(&dir, "bus.sock");
        let mut words = vec!["-B".to_string(), socket];
        words.extend(args.iter().map(|arg| in_dir(&dir, arg)));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut process = Launch::new(&words)
            .prepared_by(&in_dir(&dir, commands))
            .spawn();
        let socket = dir.path().join("bus.sock");
        eventually("a socket that accepts clients", || {
            process.assert_running();
            UnixStream::connect(&socket).ok()
        });
        Self { process, dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        self.process.log().text()
    }

    /// Waits until the log contains the text.
    pub fn await_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || {
            self.log().contains(text).then_some(())
        });
    }

    /// Asks for the end and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        self.process.wait_exit()
    }
}

/// A child that is killed when the test is done with it.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is not our child, killed when the test is done with it.
pub struct Stranger(pub i32);

impl Stranger {
    /// The process that a pid file names.
    pub fn from_pid_file(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a pid file");
        Self(text.parse().expect("a plain number"))
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0), signal).expect("a signal to the process");
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

/// Reads until the peer closes.
pub fn await_end(mut stream: &UnixStream) {
    stream
        .set_read_timeout(Some(crate::common::DEADLINE))
        .expect("a deadline");
    let mut rest = Vec::new();
    // A reset is an end as well.
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
}

/// The path of a file in a directory, as text.
pub fn path_text(dir: &TempDir, name: &str) -> String {
    let path = dir.path().join(name);
    path.to_str().expect("a plain path").to_string()
}

fn in_dir(dir: &TempDir, text: &str) -> String {
    text.replace("{dir}", dir.path().to_str().expect("a plain path"))
}
