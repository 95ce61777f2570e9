//! The emulated device: its processor, its serial console, its network.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::common::broker::free_port;

/// How long the emulator may take to boot, or to power off, before the test is declared failed.
const DEADLINE: Duration = Duration::from_secs(400);

/// What a kernel says when it, or a program, goes wrong.
const ALARMS: [&str; 8] = [
    "Kernel panic",
    "Oops",
    "BUG:",
    "WARNING:",
    "Call trace",
    "Out of memory",
    "unhandled",
    "segfault",
];

/// A kernel, and what the emulator has to be to run it.
pub struct Model {
    /// Where its files are, below the directory of the downloads.
    pub name: &'static str,
    pub cpu: &'static str,
    pub memory_mib: u32,
    pub page_kib: u64,
}

/// A device that runs; it ends with the value.
pub struct Machine {
    process: Child,
    console: Arc<Mutex<String>>,
    /// Ends with the emulator.
    reader: Option<JoinHandle<()>>,
    port: u16,
}

impl Machine {
    /// Switches the device on.
    pub fn boot(emulator: &Path, model: &Model, kernel: &Path, file_system: &Path) -> Self {
        let port = free_port();
        let network = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:7777");
        let mut process = Command::new(emulator)
            .args(["-M", "virt", "-smp", "2", "-cpu", model.cpu])
            .args(["-m", &model.memory_mib.to_string()])
            .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
            .arg("-no-reboot")
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(file_system)
            .args(["-append", "console=ttyAMA0 quiet panic=-1"])
            .args(["-netdev", &network])
            .args(["-device", "virtio-net-device,netdev=net"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the emulator");
        let mut output = process.stdout.take().expect("a pipe");
        let console = Arc::new(Mutex::new(String::new()));
        let text = Arc::clone(&console);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(got @ 1..) = output.read(&mut chunk) {
                let chunk = String::from_utf8_lossy(&chunk[..got]);
                text.lock()
                    .expect("a reader")
                    .push_str(&chunk.replace('\r', ""));
            }
        });
        Self {
            process,
            console,
            reader: Some(reader),
            port,
        }
    }

    /// The port of this machine that is the broker's port of the device.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that the device has printed.
    pub fn console(&self) -> String {
        self.console.lock().expect("a reader").clone()
    }

    /// Waits until the device has printed a line with this beginning for the `count`th time, and
    /// returns the rest of the line.
    pub fn wait_for(&mut self, beginning: &str, count: usize) -> String {
        self.wait(beginning, |machine| {
            let console = machine.console();
            let (whole, _) = console.rsplit_once('\n')?;
            let mut rests = whole
                .lines()
                .filter_map(|line| line.strip_prefix(beginning));
            rests.nth(count - 1).map(str::to_owned)
        })
    }

    /// Waits until the device is off, and has printed everything.
    pub fn wait_for_power_off(&mut self) {
        self.wait("power-off", |machine| machine.ended().then_some(()));
        let status = self.process.wait().expect("the emulator");
        assert!(status.success(), "the emulator: {status}");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader");
        }
    }

    fn wait<T>(&mut self, what: &str, probe: impl Fn(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            let ended = self.ended();
            if let Some(answer) = probe(self) {
                return answer;
            }
            assert!(!ended, "the device is off before: {what}");
            assert!(Instant::now() < end, "did not happen in time: {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn ended(&mut self) -> bool {
        self.process.try_wait().expect("the emulator").is_some()
    }
}

/// Fails on what the kernel should not have had to say.
pub fn assert_healthy(kernel_log: &str) {
    for alarm in ALARMS {
        assert!(!kernel_log.contains(alarm), "{alarm} in:\n{kernel_log}");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("---- console of the device ----\n{}", self.console());
        }
    }
}
