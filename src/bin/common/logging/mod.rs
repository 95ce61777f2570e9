//! The log: which messages are kept, and how one message looks. Where they go to is up to
//! `stderr` and `syslog`.
//!
//! Each program that runs in the background takes it in, and says in `PROGRAM` of its root what it is
//! called, in `SYSLOG_SOCKET_VARIABLE` how the environment names the socket of syslog.
//!
//! The log never fails the program: a message that cannot be written at once is lost, and the next
//! one that can be says how many were.

mod stderr;
mod syslog;

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

use crate::PROGRAM;
use stderr::Stderr;
use syslog::Syslog;

/// Longest message, in bytes. With time and level it stays below what a pipe takes in one piece
/// (4096 bytes, `PIPE_BUF`).
const MAX_MESSAGE_BYTES: usize = 3 * 1024;

/// Follows a message that was longer.
const CUT: &str = " [...]";

/// A place that messages go to.
pub trait Sink: Send {
    /// Writes one message without waiting for long.
    ///
    /// # Errors
    ///
    /// When the message is lost.
    fn write(&mut self, level: Level, message: &str) -> io::Result<()>;
}

/// Starts the log of the process: everything or what an operator should know, to syslog or stderr.
pub fn init(verbose: bool, to_syslog: bool) {
    let sink: Box<dyn Sink> = if to_syslog {
        log_panics();
        Box::new(open_syslog())
    } else {
        Box::new(Stderr::from_env())
    };
    let output = Mutex::new(Output { sink, lost: 0 });
    // Fails only if there is a log already, which then is as good.
    let _ = log::set_boxed_logger(Box::new(Logger { output }));
    log::set_max_level(if verbose {
        LevelFilter::Trace
    } else {
        LevelFilter::Info
    });
}

/// Whether the log goes to syslog, which somebody wants: the environment can forbid it.
pub fn may_go_to_syslog(wanted: bool) -> bool {
    wanted && std::env::var_os("DISABLE_SYSLOG").is_none_or(|value| value != "1")
}

/// Says on stderr what went wrong, for whoever has started the program.
pub fn complain(what: &str) {
    let priority = if stderr::is_journal() {
        stderr::priority(Level::Error)
    } else {
        ""
    };
    // `eprintln` would panic if nobody is there to read it.
    let _ = writeln!(io::stderr(), "{priority}{PROGRAM}: {what}");
}

fn open_syslog() -> Syslog {
    let mut syslog = Syslog::from_env();
    if let Err(error) = syslog.connect() {
        complain(&format!(
            "syslog cannot be reached, nothing is logged until it can: {error}"
        ));
    }
    syslog
}

/// Panics go to stderr, which a process in the background does not have.
fn log_panics() {
    let to_stderr = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        to_stderr(panic);
        log::error!("{panic}");
    }));
}

struct Logger {
    output: Mutex<Output>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // What formats itself may log or panic, so it must not do so under the lock.
            let message = Message::of(record);
            self.output.lock().write(record.level(), &message.text);
        }
    }

    fn flush(&self) {}
}

struct Output {
    sink: Box<dyn Sink>,
    /// Messages that could not be written since the last one that could.
    lost: u64,
}

impl Output {
    fn write(&mut self, level: Level, message: &str) {
        if self.lost > 0 {
            let notice = format!("{} messages were lost here", self.lost);
            if self.sink.write(Level::Warn, &notice).is_ok() {
                self.lost = 0;
            }
        }
        if self.lost > 0 || self.sink.write(level, message).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }
}

/// The text of a message: one line of bounded length that no terminal takes for a command, whatever
/// a peer has put into its name.
struct Message {
    text: String,
}

impl Message {
    fn of(record: &Record<'_>) -> Self {
        let mut message = Self {
            text: String::new(),
        };
        // Where it comes from matters to those who look at everything.
        let result = if record.level() >= Level::Debug {
            write!(message, "{}: {}", record.target(), record.args())
        } else {
            write!(message, "{}", record.args())
        };
        if result.is_err() {
            message.text.push_str(CUT);
        }
        message
    }
}

impl fmt::Write for Message {
    /// Fails when the message is full.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for symbol in part.chars() {
            let start = self.text.len();
            if symbol.is_control() {
                self.text.extend(symbol.escape_default());
            } else {
                self.text.push(symbol);
            }
            if self.text.len() > MAX_MESSAGE_BYTES {
                self.text.truncate(start);
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Default)]
    struct Seen {
        lines: Vec<String>,
        broken: bool,
    }

    impl Sink for Arc<Mutex<Seen>> {
        fn write(&mut self, level: Level, message: &str) -> io::Result<()> {
            let mut seen = self.lock();
            if seen.broken {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            seen.lines.push(format!("{level} {message}"));
            Ok(())
        }
    }

    fn text(level: Level, args: fmt::Arguments<'_>) -> String {
        Message::of(
            &Record::builder()
                .level(level)
                .target("elbus")
                .args(args)
                .build(),
        )
        .text
    }

    #[test]
    fn control_characters_of_peers_are_escaped() {
        let text = text(Level::Info, format_args!("name {}", "a\x1b[2J\nb\u{9b}ü"));
        assert_eq!(text, "name a\\u{1b}[2J\\nb\\u{9b}ü");
    }

    #[test]
    fn the_source_of_a_debug_message_is_shown() {
        assert_eq!(text(Level::Trace, format_args!("x")), "elbus: x");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let text = text(
            Level::Info,
            format_args!("{}", "ü\n".repeat(MAX_MESSAGE_BYTES)),
        );
        assert!(text.ends_with(CUT));
        assert!(text.len() <= MAX_MESSAGE_BYTES + CUT.len());
    }

    #[test]
    fn lost_messages_are_counted_and_told() {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut output = Output {
            sink: Box::new(Arc::clone(&seen)),
            lost: 0,
        };
        output.write(Level::Info, "one");
        seen.lock().broken = true;
        output.write(Level::Info, "two");
        output.write(Level::Info, "three");
        seen.lock().broken = false;
        output.write(Level::Info, "four");
        let lines = &seen.lock().lines;
        assert_eq!(
            lines,
            &["INFO one", "WARN 2 messages were lost here", "INFO four"]
        );
    }
}
