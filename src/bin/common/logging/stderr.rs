//! The log on stderr: lines with time and level, written without ever being held up for long by
//! whoever reads them. The journal of systemd knows the time, and gets the level as a number
//! (`sd-daemon(3)`).

use std::io::{self, Write};
use std::os::fd::AsFd;

use log::Level;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::fstat;
use time::OffsetDateTime;

use super::Sink;

/// How long a line may wait for a reader that is slow, in milliseconds.
const PATIENCE_MS: u16 = 100;

/// Standard error.
pub struct Stderr {
    is_journal: bool,
    /// The reader has used up our patience and has not read since. Then nobody waits for it: a
    /// pager that is left open must not stop a broker.
    stuck: bool,
}

impl Stderr {
    /// As the environment says what it is.
    pub fn from_env() -> Self {
        Self {
            is_journal: is_journal(),
            stuck: false,
        }
    }
}

/// Whether stderr leads to the journal: then the environment has its device and inode. The variable
/// alone does not tell, stderr may have been redirected since.
pub fn is_journal() -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| {
        fstat(io::stderr())
            .is_ok_and(|stderr| stream == format!("{}:{}", stderr.st_dev, stderr.st_ino))
    })
}

impl Sink for Stderr {
    fn write(&mut self, level: Level, message: &str) -> io::Result<()> {
        let line = if self.is_journal {
            format!("{}{message}\n", priority(level))
        } else {
            line(OffsetDateTime::now_utc(), level, message)
        };
        let mut stderr = io::stderr().lock();
        let patience_ms = if self.stuck { 0 } else { PATIENCE_MS };
        self.stuck = !is_writable(&stderr, patience_ms)?;
        if self.stuck {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // One call, and never more than a pipe that is writable takes in one piece.
        stderr.write_all(line.as_bytes())
    }
}

/// The level as the journal and syslog number it.
pub fn priority(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

fn line(now: OffsetDateTime, level: Level, message: &str) -> String {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, milli) = now.to_hms_milli();
    let month = u8::from(month);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z {level:<5} {message}\n"
    )
}

fn is_writable(file: &impl AsFd, patience_ms: u16) -> io::Result<bool> {
    loop {
        let mut files = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut files, patience_ms) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_time_level_and_message() {
        let now = OffsetDateTime::from_unix_timestamp_nanos(1_609_459_199_007_000_000);
        let line = line(now.expect("a time"), Level::Info, "listening");
        assert_eq!(line, "2020-12-31T23:59:59.007Z INFO  listening\n");
    }

    #[test]
    fn priorities_are_those_of_syslog() {
        let levels = [
            Level::Error,
            Level::Warn,
            Level::Info,
            Level::Debug,
            Level::Trace,
        ];
        assert_eq!(levels.map(priority), ["<3>", "<4>", "<6>", "<7>", "<7>"]);
    }

    #[test]
    fn a_full_pipe_is_not_writable_and_a_broken_one_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        assert!(is_writable(&writer, 0).expect("an answer"));
        while is_writable(&writer, 0).expect("an answer") {
            writer.write_all(&[0; 4096]).expect("room in the pipe");
        }
        drop(reader);
        assert!(is_writable(&writer, PATIENCE_MS).expect("an answer"));
        assert!(writer.write_all(b"line").is_err());
    }
}
