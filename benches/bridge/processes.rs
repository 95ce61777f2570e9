//! The brokers and bridges that are measured, which end with the benchmark in every case.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Anything, DEADLINE};

/// Clock ticks in which the kernel counts time on a core: 100 a second for programs, on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// What every mosquitto is told: its queues have no bound, as many messages are on their way as
/// `elbus-bridge` has by default, it writes nothing down, and stays the user it is, as the kernel forgets
/// with the user what is to happen at the end of the parent.
const MOSQUITTO: &str = "allow_anonymous true\nlog_type none\npersistence false\nmax_queued_messages 0\n\
    max_inflight_messages 64\nset_tcp_nodelay true\nuser root\n";

/// A process that ends with the benchmark, also if that is killed.
pub struct Process(Child);

impl Process {
    fn start(program: &str, args: &[&Path]) -> Anything<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command.args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command
            .spawn()
            .map_err(|error| format!("{program}, by setpriv: {error}"))?;
        Ok(Self(child))
    }

    /// Time on a core so far; in steps of 10 ms.
    pub fn cpu(&self) -> Anything<Duration> {
        let path = format!("/proc/{}/stat", self.0.id());
        let text = std::fs::read_to_string(&path)?;
        let after_name = text.rsplit(')').next().unwrap_or_default();
        let fields = after_name.split_whitespace().skip(11).take(2);
        let ticks: Vec<u32> = fields.map(str::parse).collect::<Result<_, _>>()?;
        Ok(TICK * ticks.iter().sum())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory that goes with the program.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Anything<Self> {
        let name = format!("elbus-bench-bridge-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str, text: &str) -> Anything<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that runs. Two mosquittos, of which the near one has a bridge to the far one; and a bus
/// with an `elbus-bridge` to the same far one.
pub struct Scene {
    pub near: Process,
    pub far: Process,
    pub bus: Process,
    pub bridge: Process,
    pub near_port: u16,
    pub far_port: u16,
    pub socket: PathBuf,
    _scratch: Scratch,
}

impl Scene {
    pub fn start() -> Anything<Self> {
        let scratch = Scratch::new()?;
        let (near_port, far_port) = free_ports()?;
        let far = mosquitto(&scratch, "far", far_port, "")?;
        let mut own_bridge = format!(
            "connection bench\naddress 127.0.0.1:{far_port}\nbridge_protocol_version mqttv50\n"
        );
        let mut rules = String::new();
        for direction in ["out", "in"] {
            let filter = if direction == "out" { "bus" } else { "mqtt" };
            for qos in [0, 1] {
                own_bridge += &format!("topic mosquitto/{direction}/{qos}/# {direction} {qos}\n");
                rules += &format!(
                    "[[rule]]\ndirection = \"{direction}\"\n{filter} = \"elbus/{direction}/{qos}/#\"\n\
                     qos = {qos}\n"
                );
            }
        }
        let near = mosquitto(&scratch, "near", near_port, &own_bridge)?;
        let socket = scratch.0.join("bus.sock");
        let bus = Process::start(
            env!("CARGO_BIN_EXE_elbusd"),
            &[Path::new("-B"), socket.as_path()],
        )?;
        until("elbusd listens", || socket.exists())?;
        let config = scratch.file(
            "bridge.toml",
            &format!(
                "[bus]\naddress = {socket:?}\nid = \"bench\"\n\
                 [mqtt]\naddresses = [\"mqtt://127.0.0.1:{far_port}\"]\n{rules}"
            ),
        )?;
        let bridge = Process::start(
            env!("CARGO_BIN_EXE_elbus-bridge"),
            &[Path::new("--config"), config.as_path()],
        )?;
        Ok(Self {
            near,
            far,
            bus,
            bridge,
            near_port,
            far_port,
            socket,
            _scratch: scratch,
        })
    }
}

fn mosquitto(scratch: &Scratch, name: &str, port: u16, more: &str) -> Anything<Process> {
    // What belongs to the listener comes behind what is said of all, and a bridge at the end.
    let text = format!("{MOSQUITTO}listener {port} 127.0.0.1\n{more}");
    let file = scratch.file(&format!("{name}.conf"), &text)?;
    let process = Process::start("mosquitto", &[Path::new("-c"), file.as_path()])?;
    until("mosquitto listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })?;
    Ok(process)
}

/// Two ports that nobody listens on.
fn free_ports() -> Anything<(u16, u16)> {
    let one = TcpListener::bind(("127.0.0.1", 0))?;
    let two = TcpListener::bind(("127.0.0.1", 0))?;
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}

/// Waits until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) -> Anything<()> {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        if Instant::now() > end {
            return Err(format!("{what}: not after {DEADLINE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// What mosquitto says of its version.
pub fn version_of_mosquitto() -> Anything<String> {
    let output = Command::new("mosquitto").arg("-h").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or("mosquitto").to_owned())
}
