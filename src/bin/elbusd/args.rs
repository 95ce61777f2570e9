//! The command line: every option with its unit, its default and its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as Group, Parser};
use elbus::address::Address;
use elbus::broker::{Overflow, ServerConfig};
use elbus::limits;

use crate::privileges::Account;
use crate::tls::Files;
use crate::values::{self, ByteSize};

/// Most worker threads unless configured: more do not help where elbus runs. Those that are not
/// needed sleep.
const DEFAULT_WORKERS_MAX: usize = 4;

/// What the original used for each connection.
const DEFAULT_BUF_SIZE: ByteSize = ByteSize(16 * 1024);

/// Names of the overflow policies, as [`Overflow`] reads them.
const OVERFLOW_POLICIES: [&str; 3] = ["backpressure", "drop", "disconnect"];

const AFTER_HELP: &str = "\
BYTES are plain numbers or have a suffix: 512K, 16M, 1G (1K = 1024 bytes).

Signals:
  TERM, INT   stop: tell the clients, deliver what is queued, exit; again: exit at once
  HUP         read the file of --config again; clients that are connected get
              their new rights at once; a file that is wrong changes nothing;
              the same for certificates, which new connections get

Service manager (for systemd: Type=notify or notify-reload):
  NOTIFY_SOCKET               told when clients can come, of reloads, of the stop
  WATCHDOG_USEC               sign of life at half that time, if all threads work
  LISTEN_FDS, LISTEN_PID      listening UNIX and TCP sockets, served as they are;
                              -B with the address of one uses that; without -B
                              there are no others
  JOURNAL_STREAM              if that is stderr: lines have a priority, no time

Environment:
  DISABLE_SYSLOG=1            log to stderr even with -D or --log-syslog
  ELBUSD_SYSLOG_SOCKET=PATH   the socket of the syslog daemon [default: /dev/log]

Exit status: 0 stopped by a signal, or the file of --test-config is right;
1 something failed; 2 wrong usage.

Examples:
  elbusd
      Try it out: the first line of the log says where it listens.
  elbusd -B /run/elbus.sock -B 0.0.0.0:7777
      Serve programs of this device, and others over the network.
  elbusd -B /run/elbus.sock --socket-group plc
      Let the users in the group `plc` connect.
  elbusd -D -P /run/elbusd.pid -B /run/elbus.sock -w 1
      Run in the background on one thread; log to syslog.
  elbusd -D -P /run/elbusd.pid -B /run/elbus.sock --user elbus
      Open the socket as root, then serve it as the user `elbus`.
  elbusd --config /etc/elbusd.toml --test-config && kill -HUP $(cat /run/elbusd.pid)
      Look at new access rules, then put them into force.
  elbusd -B /run/elbus.sock -B fifo:/run/elbus.fifo
      Take commands from scripts as well: echo '=topic payload' > /run/elbus.fifo";

/// elbus message broker: lets the programs of a device talk to each other.
#[derive(Debug, Parser)]
#[command(name = "elbusd", version, after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    pub listening: Listening,
    #[command(flatten)]
    pub tls: Files,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub clients: Clients,
    #[command(flatten)]
    pub process: Process,
    #[command(flatten)]
    pub logging: Logging,
}

/// Where clients come in.
#[derive(Debug, Group)]
#[command(next_help_heading = "Listening")]
pub struct Listening {
    /// Listen on a path (UNIX socket), HOST:PORT (TCP), tls://HOST:PORT or
    /// fifo:PATH (commands of scripts); repeatable
    /// [default: /run/elbus.sock, else elbus.sock in $XDG_RUNTIME_DIR,
    /// else in /tmp]
    #[arg(
        verbatim_doc_comment,
        short = 'B', long, value_name = "ADDRESS", value_parser = values::bind_address
    )]
    pub bind: Vec<Address>,

    /// Permissions of UNIX sockets and fifos, octal; of a fifo, others than
    /// its owner get write permission only
    #[arg(
        verbatim_doc_comment,
        long, value_name = "MODE", default_value = "0660", value_parser = values::socket_mode
    )]
    pub socket_mode: u32,

    /// Their group, name or number [default: that of --user or the process]
    #[arg(long, value_name = "GROUP", value_parser = values::group_id)]
    pub socket_group: Option<u32>,
}

/// Who may register, and what they may do.
#[derive(Debug, Group)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Only clients that this TOML file names may register, each with the
    /// rights that it grants; a file that names none is an error, unless it
    /// says `allow_everybody = true` [default: everybody may do everything]
    #[arg(verbatim_doc_comment, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Say what was understood of the file or what is wrong with it, and exit
    #[arg(long, requires = "config")]
    pub test_config: bool,
}

/// What one client may use.
#[derive(Debug, Group)]
#[command(next_help_heading = "Clients")]
pub struct Clients {
    /// Clients at a time; one more is refused as busy
    #[arg(
        long, value_name = "CLIENTS", default_value_t = limits::DEFAULT_MAX_CLIENTS,
        value_parser = values::positive
    )]
    pub max_clients: usize,

    /// Limit of a handshake and of a frame without progress, fractions
    /// allowed; idle clients get two pings in that time
    #[arg(
        verbatim_doc_comment,
        short, long, value_name = "SECONDS", default_value = "5",
        value_parser = values::timeout, allow_negative_numbers = true
    )]
    pub timeout: Duration,

    /// Longest frame a client may send
    #[arg(
        long, value_name = "BYTES", default_value_t = ByteSize(limits::DEFAULT_MAX_FRAME),
        value_parser = values::frame_size
    )]
    pub max_frame: ByteSize,

    /// Frames that may wait for one client
    #[arg(
        long, value_name = "FRAMES", default_value_t = limits::DAEMON_QUEUE_FRAMES,
        value_parser = values::positive
    )]
    pub queue_size: usize,

    /// Bytes that may wait for one client
    #[arg(long, value_name = "BYTES", default_value_t = ByteSize(limits::DEFAULT_QUEUE_BYTES))]
    pub queue_bytes: ByteSize,

    /// When a queue is full: `backpressure` (the sender waits),
    /// `drop` (the frame is refused) or
    /// `disconnect` (the receiver is cut off)
    #[arg(
        verbatim_doc_comment,
        hide_possible_values = true,
        long, value_name = "POLICY", default_value_t = Overflow::Backpressure,
        value_parser = PossibleValuesParser::new(OVERFLOW_POLICIES)
            .try_map(|name| name.parse::<Overflow>())
    )]
    pub overflow: Overflow,

    /// For compatibility, without effect: buffers are shared
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_BUF_SIZE)]
    pub buf_size: ByteSize,

    /// How long a frame may wait to be written with others
    #[arg(
        long, value_name = "MICROSECONDS", default_value = "10", value_parser = values::buf_ttl
    )]
    pub buf_ttl: Duration,
}

/// How the process runs.
#[derive(Debug, Group)]
#[command(next_help_heading = "Process")]
pub struct Process {
    /// Run in the background; returns as soon as the broker listens
    #[arg(short = 'D')]
    pub background: bool,

    /// Write the process id to this file, and remove it at the end
    #[arg(short = 'P', long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,

    /// Threads that may serve clients; one serves all of them until it has
    /// more to do than it can, and the machine a core to spare
    /// [default: number of cores, at most 4]
    #[arg(
        verbatim_doc_comment,
        short, long, value_name = "THREADS", value_parser = values::positive
    )]
    workers: Option<usize>,

    /// Run as this user, name or number, as soon as everything is open, with
    /// the user's other groups; needs root. What is in a directory of root,
    /// such as /run, stays at the end: a dead socket, an empty pid file
    #[arg(verbatim_doc_comment, long, value_name = "USER", value_parser = values::account)]
    pub user: Option<Account>,

    /// And as this group [default: the user's own]
    #[arg(
        long, value_name = "GROUP", value_parser = values::group_id, requires = "user"
    )]
    pub group: Option<u32>,

    /// From -1000, the kernel spares this process when memory runs out, to
    /// 1000, it is the first to go
    #[arg(
        verbatim_doc_comment,
        long, value_name = "SCORE", value_parser = values::oom_score, allow_negative_numbers = true
    )]
    pub oom_score_adj: Option<i16>,
}

/// What is logged, and where to.
#[derive(Debug, Group)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// Log everything, not only what an operator should know
    #[arg(long)]
    pub verbose: bool,

    /// Log to syslog instead of stderr; -D does so anyway
    #[arg(long)]
    log_syslog: bool,
}

impl Args {
    /// Whether the log goes to syslog and not to stderr.
    pub fn logs_to_syslog(&self) -> bool {
        let wanted = self.process.background || self.logging.log_syslog;
        wanted && std::env::var_os("DISABLE_SYSLOG").is_none_or(|value| value != "1")
    }

    /// What applies to every fifo. Whoever may read from it takes commands away from the broker, so
    /// only the owner gets that permission.
    #[cfg(feature = "rpc")]
    pub fn fifo_config(&self) -> ServerConfig {
        const READ_BY_OTHERS: u32 = 0o044;
        self.server_config()
            .socket_mode(self.listening.socket_mode & !READ_BY_OTHERS)
    }

    /// What applies to every socket.
    pub fn server_config(&self) -> ServerConfig {
        let config = ServerConfig::new()
            .buf_size(self.clients.buf_size.0)
            .buf_ttl(self.clients.buf_ttl)
            .timeout(self.clients.timeout)
            .queue_size(self.clients.queue_size)
            .queue_bytes(self.clients.queue_bytes.0)
            .max_frame(self.clients.max_frame.0)
            .overflow(self.clients.overflow)
            .socket_mode(self.listening.socket_mode);
        match self.listening.socket_group {
            Some(gid) => config.socket_group(gid),
            None => config,
        }
    }
}

impl Process {
    /// The number of worker threads, at least 1.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            cores.min(DEFAULT_WORKERS_MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_policy_on_offer_is_one_of_the_broker() {
        for name in OVERFLOW_POLICIES {
            let policy: Overflow = name.parse().expect("a policy");
            assert_eq!(policy.to_string(), name);
        }
    }

    #[test]
    fn help_fits_100_columns() {
        let help = Args::command().render_help().to_string();
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{help}");
    }
}
