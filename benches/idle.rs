//! What `elbusd` costs when nothing happens: resident memory per idle connection, and wake-ups.
//!
//! `cargo bench --features server,rpc --bench idle [-- SECONDS]` prints the table of
//! `docs/footprint.md`. Connections are made over a UNIX socket and then left alone. `ELBUSD` in the
//! environment names another build of the program.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many idle connections are measured. The first row is what the others are compared with.
const CONNECTIONS: [usize; 4] = [0, 1, 100, 1000];
/// Over how many seconds wake-ups are counted, unless the command line says otherwise.
const DEFAULT_SECONDS: u64 = 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds flags of its own.
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let window = Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS));
    println!(
        "| idle connections | resident KiB | of it anonymous | anonymous KiB per connection \
         | threads | wake-ups per minute |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    let mut empty = None;
    for connections in CONNECTIONS {
        let broker = Broker::start()?;
        let held = (0..connections)
            .map(|i| broker.connect(&format!("idle.{i}")))
            .collect::<Result<Vec<_>, _>>()?;
        // What the connecting itself has left behind is not idle yet.
        sleep(Duration::from_secs(3));
        let before = broker.wake_ups()?;
        let started = Instant::now();
        sleep(window);
        let wake_ups = broker.wake_ups()? - before;
        let per_minute = wake_ups as f64 * 60.0 / started.elapsed().as_secs_f64();
        let resident = broker.status("VmRSS:")?;
        let anonymous = broker.status("RssAnon:")?;
        let base = *empty.get_or_insert(anonymous);
        let each = (anonymous as f64 - base as f64) / connections.max(1) as f64;
        let threads = broker.status("Threads:")?;
        println!(
            "| {connections} | {resident} | {anonymous} | {each:.2} | {threads} | {per_minute:.0} |"
        );
        drop(held);
    }
    Ok(())
}

/// A broker with its defaults, in a directory of its own.
struct Broker {
    process: Child,
    directory: PathBuf,
}

impl Broker {
    fn start() -> std::io::Result<Self> {
        let name = format!("elbus-idle-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory)?;
        let built = env!("CARGO_BIN_EXE_elbusd").to_string();
        let process = Command::new(std::env::var("ELBUSD").unwrap_or(built))
            .arg("-B")
            .arg(socket_in(&directory))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, directory })
    }

    /// Registers a client, and waits for the broker to start if need be.
    fn connect(&self, name: &str) -> std::io::Result<UnixStream> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut stream = loop {
            match UnixStream::connect(socket_in(&self.directory)) {
                Ok(stream) => break stream,
                Err(e) if Instant::now() > deadline => return Err(e),
                Err(_) => sleep(Duration::from_millis(10)),
            }
        };
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting)?;
        stream.write_all(&greeting)?;
        let length = u16::try_from(name.len()).expect("a short name");
        stream.write_all(&[&length.to_le_bytes(), name.as_bytes()].concat())?;
        let mut answers = [0; 2];
        stream.read_exact(&mut answers)?;
        assert_eq!(answers, [1, 1], "registered");
        Ok(stream)
    }

    /// How often threads of the broker have gone to sleep and were woken.
    fn wake_ups(&self) -> std::io::Result<u64> {
        let tasks = format!("/proc/{}/task", self.process.id());
        let mut sum = 0;
        for task in std::fs::read_dir(tasks)? {
            sum += field(&task?.path().join("status"), "voluntary_ctxt_switches:")?;
        }
        Ok(sum)
    }

    fn status(&self, key: &str) -> std::io::Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        field(Path::new(&path), key)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("bus.sock")
}

/// The number behind `key` in a file of `/proc`.
fn field(path: &Path, key: &str) -> std::io::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| std::io::Error::other(format!("no {key} in {}", path.display())))
}
