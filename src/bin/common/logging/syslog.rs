//! The log in syslog, facility *user*. The syslog daemon may start later than this one, restart, or
//! be missing: a message that finds nobody is lost, and the connection is tried again with a later
//! one.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use log::Level;
use syslog::{Facility, Formatter3164, LoggerBackend};

use super::Sink;
use crate::{PROGRAM, SYSLOG_SOCKET_VARIABLE};

/// Pause between two attempts to reach a syslog daemon that is not there.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What a syslog daemon that reads from a stream socket may make a message wait.
const STREAM_PATIENCE: Duration = Duration::from_millis(100);

type Connection = syslog::Logger<LoggerBackend, Formatter3164>;

/// The local syslog daemon.
pub struct Syslog {
    socket: Option<PathBuf>,
    connection: Option<Connection>,
    /// No attempt to connect before this.
    retry_at: Option<Instant>,
}

impl Syslog {
    /// The daemon at the usual socket, or at the one that the environment names. Not connected yet.
    pub fn from_env() -> Self {
        Self {
            socket: std::env::var_os(SYSLOG_SOCKET_VARIABLE).map(PathBuf::from),
            connection: None,
            retry_at: None,
        }
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// When there is no daemon.
    pub fn connect(&mut self) -> io::Result<()> {
        self.connection = None;
        self.retry_at = Some(Instant::now() + RETRY_PAUSE);
        let formatter = Formatter3164 {
            facility: Facility::LOG_USER,
            hostname: None,
            process: PROGRAM.into(),
            pid: std::process::id(),
        };
        let connection = match &self.socket {
            Some(path) => syslog::unix_custom(formatter, path),
            None => syslog::unix(formatter),
        }
        .map_err(io_error)?;
        match &connection.backend {
            LoggerBackend::Unix(socket) => socket.set_nonblocking(true)?,
            LoggerBackend::UnixStream(stream) => {
                stream.get_ref().set_write_timeout(Some(STREAM_PATIENCE))?;
            }
            LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => {}
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn send(&mut self, level: Level, message: &str) -> io::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        match level {
            Level::Error => connection.err(message),
            Level::Warn => connection.warning(message),
            Level::Info => connection.info(message),
            Level::Debug | Level::Trace => connection.debug(message),
        }
        .map_err(io_error)
    }

    fn may_connect(&self) -> bool {
        self.retry_at.is_none_or(|at| at <= Instant::now())
    }
}

impl Sink for Syslog {
    fn write(&mut self, level: Level, message: &str) -> io::Result<()> {
        match self.send(level, message) {
            // It is there, but busy.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(_) if self.may_connect() => {
                self.connect()?;
                self.send(level, message)
            }
            result => result,
        }
    }
}

/// What has happened, without the words that the library puts around it.
fn io_error(error: syslog::Error) -> io::Error {
    match error {
        syslog::Error::Write(error) | syslog::Error::Io(error) => error,
        syslog::Error::Initialization(error) => match error.downcast() {
            Ok(inner) => io_error(*inner),
            Err(error) => io::Error::other(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    fn receive(daemon: &UnixDatagram) -> String {
        let mut buf = [0; 4096];
        let length = daemon.recv(&mut buf).expect("a message");
        String::from_utf8_lossy(&buf[..length]).into_owned()
    }

    #[test]
    fn messages_reach_a_daemon_that_restarts() {
        let path = std::env::temp_dir().join(format!("{PROGRAM}-syslog-{}", std::process::id()));
        let mut syslog = Syslog {
            socket: Some(path.clone()),
            connection: None,
            retry_at: None,
        };
        assert!(syslog.write(Level::Info, "nobody is there").is_err());

        // User (1) * 8 + error (3), warning (4), informational (6), debug (7).
        for (level, priority, message) in [
            (Level::Error, "<11>", "first"),
            (Level::Warn, "<12>", "second"),
            (Level::Info, "<14>", "third"),
            (Level::Debug, "<15>", "fourth"),
            (Level::Trace, "<15>", "fifth"),
        ] {
            let daemon = UnixDatagram::bind(&path).expect("a socket");
            // As if the pause were over.
            syslog.retry_at = None;
            syslog.write(level, message).expect("a daemon");
            let seen = receive(&daemon);
            assert!(seen.starts_with(priority), "{seen}");
            assert!(
                seen.ends_with(&format!("{PROGRAM}[{}]: {message}", std::process::id())),
                "{seen}"
            );
            drop(daemon);
            std::fs::remove_file(&path).expect("the socket is removed");
        }
    }
}
