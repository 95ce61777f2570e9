//! A broker that runs, in a directory of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Contender, Transport};
use crate::wire::Address;

const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

pub struct Broker {
    child: Child,
    directory: PathBuf,
    pub address: Address,
}

impl Broker {
    /// Starts it, and returns when it listens.
    pub fn start(contender: &Contender, transport: Transport) -> Result<Self> {
        Self::start_with(transport, |address, directory| {
            contender.command(address, directory)
        })
        .with_context(|| format!("{} does not start", contender.id))
    }

    /// The same for any command that listens at the address.
    pub fn start_with(
        transport: Transport,
        command: impl FnOnce(&Address, &Path) -> std::io::Result<Command>,
    ) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("elbus-compare-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory)?;
        let address = match transport {
            Transport::Unix => Address::Unix(directory.join("bus.sock")),
            // Nobody else takes it in the moment between.
            Transport::Tcp => Address::Tcp(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()),
        };
        let child = command(&address, &directory)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut this = Self {
            child,
            directory,
            address,
        };
        let deadline = Instant::now() + START_LIMIT;
        while let Err(error) = this.address.connect() {
            if let Some(status) = this.child.try_wait()? {
                bail!("it ended at once, {status}");
            }
            if Instant::now() > deadline {
                bail!("nobody listens: {error}");
            }
            sleep(POLL);
        }
        Ok(this)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        if let Ok(pid) = i32::try_from(self.child.id())
            && self.is_running()
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while self.is_running() && Instant::now() < deadline {
            sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
