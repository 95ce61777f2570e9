//! The broker program under test, started for one test and ended with it.

use std::fs::{self, File};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The broker must greet within this time, which only serves to end a hopeless test.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Starts with another port if somebody else took the chosen one in the meantime.
const START_ATTEMPTS: u32 = 5;

const GREETING: [u8; 3] = [0xEB, 0x01, 0x00];

/// A running broker; dropping it ends the process. Let the peers go first: some Python packages
/// spin when their broker is gone.
pub struct Broker {
    child: Child,
    directory: PathBuf,
    /// The path of the UNIX socket.
    pub unix: String,
    /// The address of the TCP socket.
    pub tcp: String,
}

impl Broker {
    pub fn start() -> Self {
        for _ in 0..START_ATTEMPTS {
            let mut broker = Self::spawn();
            if broker.accepts() {
                return broker;
            }
            eprintln!("the broker did not start: {}", broker.log());
        }
        panic!("the broker does not start");
    }

    fn spawn() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let program = program();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Not below the target directory: the path of a socket may have 107 bytes only.
        let directory = format!("elbus-third-party-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        fs::create_dir_all(&directory).expect("cannot create a directory for the socket");
        let unix = directory
            .join("bus.sock")
            .to_str()
            .expect("a path in UTF-8")
            .to_owned();
        let tcp = format!("127.0.0.1:{}", free_port());

        let log = File::create(directory.join("log")).expect("cannot create the broker's log");
        let runner = std::env::var("ELBUSD_RUNNER").unwrap_or_default();
        let mut words = runner.split_whitespace().chain([program.as_str()]);
        let child = Command::new(words.next().unwrap_or(&program))
            .args(words)
            .args(["-B", &unix, "-B", &tcp])
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("cannot share the broker's log"))
            .stdout(log)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {program}: {e}"));
        Self {
            child,
            directory,
            unix,
            tcp,
        }
    }

    /// Waits until both sockets greet; `false` if the broker has ended instead.
    fn accepts(&mut self) -> bool {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let unix = UnixStream::connect(&self.unix).ok().is_some_and(greets);
            let tcp = TcpStream::connect(&self.tcp).ok().is_some_and(greets);
            // In this order: whoever answers on the port, the broker must be alive.
            let ended = self
                .child
                .try_wait()
                .expect("cannot ask for the broker")
                .is_some();
            if ended || (unix && tcp) {
                return !ended;
            }
            assert!(
                Instant::now() < deadline,
                "the broker does not accept: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the broker\n{}---", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// `ELBUSD`, or the program of this package.
fn program() -> String {
    std::env::var("ELBUSD").unwrap_or_else(|_| {
        let program = option_env!("CARGO_BIN_EXE_elbusd");
        program
            .expect("there is no program elbusd, and ELBUSD is not set")
            .to_owned()
    })
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("cannot bind a TCP socket");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

fn greets(mut stream: impl Read) -> bool {
    let mut greeting = [0; GREETING.len()];
    stream.read_exact(&mut greeting).is_ok() && greeting == GREETING
}
