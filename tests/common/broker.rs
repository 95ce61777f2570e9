//! A broker process with its sockets in a directory of its own, ended when the test ends.

use super::wire::{Stream, Transport, Wire};
use super::{GREETING, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A directory that goes with its owner.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("elbus-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A TCP port nobody uses: below the range the system gives to outgoing connections, and never
/// handed out twice by this process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 200 * 100) as u16;
    for _ in 0..20_000 {
        let port = 10_500 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free TCP port");
}

/// Everything the broker wrote to its standard output and standard error.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn follow(&self, mut source: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let log = self.clone();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(got @ 1..) = source.read(&mut chunk) {
                log.0.lock().unwrap().extend_from_slice(&chunk[..got]);
            }
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// How to start a broker.
#[derive(Default)]
pub struct Launch {
    args: Vec<String>,
    shell: Option<String>,
}

impl Launch {
    pub fn new(args: &[&str]) -> Self {
        Self {
            args: args.iter().map(|arg| (*arg).to_string()).collect(),
            shell: None,
        }
    }

    /// Shell commands run in the broker's process before it starts, for instance `ulimit -n 32`.
    pub fn prepared_by(mut self, commands: &str) -> Self {
        self.shell = Some(commands.to_string());
        self
    }

    /// Starts the process; says nothing about whether it works.
    pub fn spawn(&self) -> Process {
        let program = std::env::var("ELBUSD").unwrap_or(env!("CARGO_BIN_EXE_elbusd").to_string());
        let runner = std::env::var("ELBUSD_RUNNER").unwrap_or_default();
        let mut words: Vec<String> = runner.split_whitespace().map(str::to_string).collect();
        if let Some(commands) = &self.shell {
            let script = format!("{commands}; exec \"$@\"");
            words.splice(0..0, ["sh".into(), "-c".into(), script, "sh".into()]);
        }
        words.push(program);
        words.extend_from_slice(&self.args);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {words:?}: {error}"));
        let log = Log::default();
        let readers = vec![
            log.follow(child.stdout.take().expect("its output")),
            log.follow(child.stderr.take().expect("its error output")),
        ];
        Process {
            child,
            log,
            readers,
            ended: None,
        }
    }

    /// Starts a broker on a UNIX socket and a TCP port and waits until both answer.
    pub fn start(mut self) -> Broker {
        let dir = TempDir::new();
        let socket = dir.path().join("bus.sock");
        let port = free_port();
        let tcp = format!("127.0.0.1:{port}");
        let binds = ["-B", socket.to_str().expect("a plain path"), "-B", &tcp];
        self.args.splice(0..0, binds.map(str::to_string));
        let process = self.spawn();
        let mut broker = Broker {
            process,
            dir,
            socket,
            port,
        };
        for transport in [Transport::Unix, Transport::Tcp] {
            broker.wait_accepting(transport);
        }
        broker
    }
}

/// A process that is killed when the test is done with it.
pub struct Process {
    child: Child,
    log: Log,
    readers: Vec<thread::JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Process {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("a signal to the broker");
    }

    /// `None` while the process runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("the state of the broker");
        }
        self.ended
    }

    /// Waits until the process has ended and its log is complete.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let status = eventually("the end of the broker", || self.exit_status());
        for reader in self.readers.drain(..) {
            reader.join().expect("the log reader");
        }
        status
    }

    pub fn assert_running(&mut self) {
        if let Some(status) = self.exit_status() {
            panic!("the broker ended: {status}");
        }
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        rss_kib(self.pid())
    }
}

/// Resident memory of a process in KiB.
pub fn rss_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:")
}

/// The most memory that was ever resident, in KiB: what a short peak leaves behind.
pub fn peak_kib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:")
}

/// Reserved address space in KiB, resident or not.
pub fn virtual_kib(pid: u32) -> u64 {
    status_kib(pid, "VmSize:")
}

fn status_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("its memory");
    let kib = line.split_whitespace().nth(1).expect("a number");
    kib.parse().expect("a number")
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("---- log of the broker ----\n{}", self.log.text());
        }
    }
}

/// A broker that accepts clients on both transports.
pub struct Broker {
    process: Process,
    dir: TempDir,
    socket: PathBuf,
    port: u16,
}

impl Broker {
    /// `elbusd -B SOCKET -B 127.0.0.1:PORT ARGS`
    pub fn start(args: &[&str]) -> Self {
        Launch::new(args).start()
    }

    fn wait_accepting(&mut self, transport: Transport) {
        let what = format!("accepting on {transport:?}");
        eventually(&what, || {
            self.process.assert_running();
            let stream = self.stream(transport).ok()?;
            Wire::new(stream).expect_raw(&GREETING);
            Some(())
        });
    }

    pub fn stream(&self, transport: Transport) -> std::io::Result<Stream> {
        match transport {
            Transport::Unix => Stream::unix(&self.socket),
            Transport::Tcp => Stream::tcp(self.port),
        }
    }

    /// A connection on which nothing was sent or read yet.
    pub fn connect(&self, transport: Transport) -> Wire {
        Wire::new(self.stream(transport).expect("a connection to the broker"))
    }

    /// A registered client.
    pub fn client(&self, transport: Transport, name: &str) -> Wire {
        let mut wire = self.connect(transport);
        wire.handshake(name);
        wire
    }

    /// Registers the name as soon as it is free.
    pub fn client_when_free(&self, transport: Transport, name: &str) -> Wire {
        eventually(&format!("the name {name:?} is free"), || {
            let mut wire = self.connect(transport);
            match wire.try_register(name.as_bytes()) {
                Some(super::OK) => Some(wire),
                Some(super::BUSY) => None,
                other => panic!("registration of {name:?} answered {other:02x?}"),
            }
        })
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl std::ops::Deref for Broker {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl std::ops::DerefMut for Broker {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
