//! What applies to one listener, or to all that have nothing else.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use elbus::broker::{Overflow, ServerConfig};
use elbus::limits;

use super::{Settings, settings, text};
use crate::config::{AccessTable, HostRule};
use crate::tls::TlsOptions;
use crate::values::{self, ByteSize};

/// Permissions of sockets and fifos unless configured.
const DEFAULT_SOCKET_MODE: u32 = 0o660;

/// What the original used for each connection.
const DEFAULT_BUF_SIZE: ByteSize = ByteSize(16 * 1024);

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

const DEFAULT_BUF_TTL: Duration = Duration::from_micros(10);

/// Names of the overflow policies, as [`Overflow`] reads them.
pub const OVERFLOW_POLICIES: [&str; 3] = ["backpressure", "drop", "disconnect"];

/// What applies to one listener, or to all that have nothing else.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ListenerOptions {
    /// Permissions of UNIX sockets and fifos, octal; of a fifo, others than
    /// its owner get write permission only [default: 0660]
    #[arg(
        help_heading = "Listening", verbatim_doc_comment,
        long, value_name = "MODE", value_parser = values::socket_mode
    )]
    pub socket_mode: Option<u32>,

    /// Their group, name or number [default: that of --user or the process]
    #[arg(
        help_heading = "Listening", long, value_name = "GROUP", value_parser = values::group_id
    )]
    pub socket_group: Option<u32>,

    #[command(flatten)]
    pub tls: TlsOptions,

    /// From where TCP peers may connect. On the command line the option says for which address.
    #[arg(skip)]
    pub allow: Option<Vec<HostRule>>,

    /// Rules in the place of those that all listeners have; not on the command line.
    #[arg(skip)]
    pub access: Option<AccessTable>,

    /// Let clients publish to .broker and the topics below it, where the
    /// broker makes its announcements [default: refused]
    #[arg(
        help_heading = "Access",
        verbatim_doc_comment,
        long,
        num_args = 0,
        default_missing_value = "true"
    )]
    pub open_broker_topics: Option<bool>,

    /// Let clients register secondaries (NAME%%...) of clients that belong
    /// to other users or hosts [default: refused]
    #[arg(
        help_heading = "Access",
        verbatim_doc_comment,
        long,
        num_args = 0,
        default_missing_value = "true"
    )]
    pub open_secondaries: Option<bool>,

    /// Connections of a listener in the handshake; for one more, the
    /// oldest of them is dropped [default: 256]
    #[arg(
        help_heading = "Connections", verbatim_doc_comment,
        long, value_name = "COUNT", value_parser = values::positive
    )]
    pub max_handshakes: Option<usize>,

    /// Connections of a listener; one more is refused as busy [default: as
    /// many as clients and handshakes]
    #[arg(
        help_heading = "Connections", verbatim_doc_comment,
        long, value_name = "COUNT", value_parser = values::positive
    )]
    pub max_connections: Option<usize>,

    /// Of these, from one host or user; one more is refused as busy; root
    /// and the user of the broker are exempt [default: 896]
    #[arg(
        help_heading = "Connections", verbatim_doc_comment,
        long, value_name = "COUNT", value_parser = values::positive
    )]
    pub max_per_source: Option<usize>,

    /// New connections per second from one host or user, and as many at
    /// once; more are refused as busy; 0: any number [default: 1000]
    #[arg(
        help_heading = "Connections", verbatim_doc_comment,
        long, value_name = "RATE", value_parser = values::rate
    )]
    pub connect_rate: Option<u32>,

    /// Limit of a handshake and of a frame without progress, fractions
    /// allowed; idle clients get two pings in that time [default: 5]
    #[arg(
        help_heading = "Clients", verbatim_doc_comment,
        short, long, value_name = "SECONDS",
        value_parser = values::timeout, allow_negative_numbers = true
    )]
    pub timeout: Option<Duration>,

    /// Longest frame a client may send [default: 16M]
    #[arg(
        help_heading = "Clients", long, value_name = "BYTES", value_parser = values::frame_size
    )]
    pub max_frame: Option<ByteSize>,

    /// Frames that may wait for one client [default: 512]
    #[arg(
        help_heading = "Clients", long, value_name = "FRAMES", value_parser = values::positive
    )]
    pub queue_size: Option<usize>,

    /// Bytes that may wait for one client [default: 1M]
    #[arg(
        help_heading = "Clients", long, value_name = "BYTES", value_parser = values::byte_size
    )]
    pub queue_bytes: Option<ByteSize>,

    /// When a queue is full: `backpressure` (the sender waits),
    /// `drop` (the frame is refused) or
    /// `disconnect` (the receiver is cut off) [default: backpressure]
    #[arg(
        help_heading = "Clients", verbatim_doc_comment, hide_possible_values = true,
        long, value_name = "POLICY",
        value_parser = PossibleValuesParser::new(OVERFLOW_POLICIES)
            .try_map(|name| values::overflow(&name))
    )]
    pub overflow: Option<Overflow>,

    /// Of no effect: buffers are shared [default: 16K]
    #[arg(
        help_heading = "Clients", long, value_name = "BYTES", value_parser = values::byte_size
    )]
    pub buf_size: Option<ByteSize>,

    /// How long a frame may wait to leave with others [default: 10]
    #[arg(
        help_heading = "Clients", long, value_name = "MICROSECONDS", value_parser = values::buf_ttl
    )]
    pub buf_ttl: Option<Duration>,
}

impl ListenerOptions {
    /// These, and what they do not say, from `others`.
    pub fn or(self, others: &Self) -> Self {
        Self {
            socket_mode: self.socket_mode.or(others.socket_mode),
            socket_group: self.socket_group.or(others.socket_group),
            tls: self.tls.or(&others.tls),
            allow: self.allow.or_else(|| others.allow.clone()),
            access: self.access.or_else(|| others.access.clone()),
            open_broker_topics: self.open_broker_topics.or(others.open_broker_topics),
            open_secondaries: self.open_secondaries.or(others.open_secondaries),
            max_handshakes: self.max_handshakes.or(others.max_handshakes),
            max_connections: self.max_connections.or(others.max_connections),
            max_per_source: self.max_per_source.or(others.max_per_source),
            connect_rate: self.connect_rate.or(others.connect_rate),
            timeout: self.timeout.or(others.timeout),
            max_frame: self.max_frame.or(others.max_frame),
            queue_size: self.queue_size.or(others.queue_size),
            queue_bytes: self.queue_bytes.or(others.queue_bytes),
            overflow: self.overflow.or(others.overflow),
            buf_size: self.buf_size.or(others.buf_size),
            buf_ttl: self.buf_ttl.or(others.buf_ttl),
        }
    }

    /// What was given, for humans.
    pub fn given(&self) -> Settings {
        let allow = self.allow.as_ref().map(|rules| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            rules.join(", ")
        });
        let mut given = settings([
            ("allow", allow),
            (
                "socket_mode",
                self.socket_mode.map(|mode| format!("{mode:04o}")),
            ),
            ("socket_group", text(self.socket_group)),
            ("open_broker_topics", text(self.open_broker_topics)),
            ("open_secondaries", text(self.open_secondaries)),
            ("max_handshakes", text(self.max_handshakes)),
            ("max_connections", text(self.max_connections)),
            ("max_per_source", text(self.max_per_source)),
            ("connect_rate", text(self.connect_rate)),
            (
                "timeout",
                text(self.timeout.map(|limit| limit.as_secs_f64())),
            ),
            ("max_frame", text(self.max_frame)),
            ("queue_size", text(self.queue_size)),
            ("queue_bytes", text(self.queue_bytes)),
            ("overflow", text(self.overflow)),
            ("buf_size", text(self.buf_size)),
            ("buf_ttl", text(self.buf_ttl.map(|ttl| ttl.as_micros()))),
        ]);
        given.extend(self.tls.given());
        given
    }

    /// How many connections may be in the handshake.
    pub fn handshakes(&self) -> usize {
        self.max_handshakes
            .unwrap_or(limits::DEFAULT_MAX_HANDSHAKES)
    }

    /// The same in terms of the broker, but for the rules of access.
    pub fn server_config(&self) -> ServerConfig {
        let config = ServerConfig::new()
            .socket_mode(self.socket_mode.unwrap_or(DEFAULT_SOCKET_MODE))
            .open_broker_topics(self.open_broker_topics.unwrap_or(false))
            .open_secondaries(self.open_secondaries.unwrap_or(false))
            .max_handshakes(self.handshakes())
            .max_connections(self.max_connections.unwrap_or(usize::MAX))
            .max_connections_per_source(
                self.max_per_source
                    .unwrap_or(limits::DAEMON_CONNECTIONS_PER_SOURCE),
            )
            .connect_rate(self.connect_rate.unwrap_or(limits::DAEMON_CONNECT_RATE))
            .timeout(self.timeout.unwrap_or(DEFAULT_TIMEOUT))
            .max_frame(
                self.max_frame
                    .map_or(limits::DEFAULT_MAX_FRAME, |size| size.0),
            )
            .queue_size(self.queue_size.unwrap_or(limits::DAEMON_QUEUE_FRAMES))
            .queue_bytes(
                self.queue_bytes
                    .map_or(limits::DEFAULT_QUEUE_BYTES, |size| size.0),
            )
            .overflow(self.overflow.unwrap_or_default())
            .buf_size(self.buf_size.unwrap_or(DEFAULT_BUF_SIZE).0)
            .buf_ttl(self.buf_ttl.unwrap_or(DEFAULT_BUF_TTL));
        match self.socket_group {
            Some(gid) => config.socket_group(gid),
            None => config,
        }
    }

    /// The same for a fifo. Whoever may read from it takes commands away from the broker, so only the
    /// owner gets that permission.
    #[cfg(feature = "rpc")]
    pub fn fifo_config(&self) -> ServerConfig {
        const READ_BY_OTHERS: u32 = 0o044;
        let mode = self.socket_mode.unwrap_or(DEFAULT_SOCKET_MODE);
        self.server_config().socket_mode(mode & !READ_BY_OTHERS)
    }
}
