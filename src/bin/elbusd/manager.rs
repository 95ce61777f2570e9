//! What the service manager is told about the state of this process, as `sd_notify(3)` describes:
//! a datagram to the socket that the environment names.
//!
//! The broker starts no other programs, so nobody inherits the variables.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// What it is told when clients can come.
pub const READY: &str = "READY=1\nSTATUS=serving clients";

/// What it is told then after a reload that has changed nothing.
pub const READY_AS_BEFORE: &str =
    "READY=1\nSTATUS=serving clients by the old access rules, the new ones cannot be used";

/// What a service manager that is busy may make this process wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// The service manager, if there is one that wants to know.
pub struct Manager {
    /// A path, or an abstract name that begins with `@`.
    socket: Option<OsString>,
    watchdog: Option<Duration>,
    /// Once is enough: a manager that is gone would be complained about with each message.
    has_warned: Cell<bool>,
}

impl Manager {
    /// The manager that the environment names. To be called in the process that was started: the
    /// variables are meant for that one, which may leave its work to another.
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        let usec = variable("WATCHDOG_USEC").and_then(|usec| usec.parse().ok());
        let is_meant =
            variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        Self {
            socket: std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()),
            watchdog: usec
                .filter(|usec| is_meant && *usec > 0)
                .map(Duration::from_micros),
            has_warned: Cell::new(false),
        }
    }

    /// A manager with a watchdog.
    #[cfg(test)]
    pub fn at(socket: &std::path::Path, watchdog: Duration) -> Self {
        Self {
            socket: Some(socket.into()),
            watchdog: Some(watchdog),
            has_warned: Cell::new(false),
        }
    }

    /// How long the manager waits for a sign of life before it ends this process; `None` if it does
    /// not.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// Says that the configuration is being read again; `READY=1` says that it was.
    pub fn tell_reloading(&self) {
        if let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) {
            let usec = Duration::from(now).as_micros();
            self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
        }
    }

    /// Sends lines of the form `VARIABLE=VALUE`. Failures are logged, once, and change nothing.
    pub fn tell(&self, lines: &str) {
        let Some(name) = &self.socket else { return };
        if let Err(error) = send(name.as_bytes(), lines)
            && !self.has_warned.replace(true)
        {
            let name = name.display();
            log::warn!("the service manager cannot be notified at {name}: {error}");
        }
    }
}

fn send(name: &[u8], lines: &str) -> io::Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(lines.as_bytes(), &address).map(drop)
}
