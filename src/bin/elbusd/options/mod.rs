//! The options that the command line and the configuration file have in common: each is a flag of the
//! one and a key of the other, under the same name. What was not given is `None`; what applies then is
//! in the help.

mod listener;

use std::path::PathBuf;

use clap::Args;
use elbus::limits;

use crate::metrics::MetricsOptions;
use crate::values::{self, Account, ByteSize};

pub use listener::ListenerOptions;
#[cfg(test)]
pub use listener::OVERFLOW_POLICIES;

/// Most worker threads unless configured: more do not help where elbus runs. Those that are not
/// needed sleep.
const DEFAULT_WORKERS_MAX: usize = 4;

/// Bounds of the whole broker.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct BrokerLimits {
    /// Clients at a time; one more is refused as busy [default: 1024]
    #[arg(
        help_heading = "Clients", long, value_name = "CLIENTS", value_parser = values::positive
    )]
    pub max_clients: Option<usize>,

    /// Topic filters of one client; a subscription with one more is
    /// refused [default: 32768, which is also the most]
    #[arg(
        help_heading = "Clients", verbatim_doc_comment,
        long, value_name = "FILTERS", value_parser = values::positive
    )]
    pub max_subscriptions: Option<usize>,

    /// What queues, large frames and topic filters of all clients may
    /// take together; then senders wait, or are refused [default: 32M]
    #[arg(
        help_heading = "Clients", verbatim_doc_comment,
        long, value_name = "BYTES", value_parser = values::byte_size
    )]
    pub max_memory: Option<ByteSize>,
}

impl BrokerLimits {
    pub fn or(self, others: &Self) -> Self {
        Self {
            max_clients: self.max_clients.or(others.max_clients),
            max_subscriptions: self.max_subscriptions.or(others.max_subscriptions),
            max_memory: self.max_memory.or(others.max_memory),
        }
    }

    /// What was given, for humans.
    pub fn given(&self) -> Settings {
        settings([
            ("max_clients", text(self.max_clients)),
            ("max_subscriptions", text(self.max_subscriptions)),
            ("max_memory", text(self.max_memory)),
        ])
    }

    pub fn clients(&self) -> usize {
        self.max_clients.unwrap_or(limits::DEFAULT_MAX_CLIENTS)
    }

    pub fn subscriptions(&self) -> usize {
        self.max_subscriptions.unwrap_or(limits::MAX_FILTERS)
    }

    /// In bytes.
    pub fn memory(&self) -> usize {
        self.max_memory
            .map_or(limits::DAEMON_MAX_MEMORY, |ByteSize(bytes)| bytes)
    }
}

/// How the process runs.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ProcessOptions {
    /// Run in the background; returns as soon as the broker listens
    #[arg(help_heading = "Process", short = 'D')]
    pub background: bool,

    /// Write the process id to this file, and remove it at the end
    #[arg(help_heading = "Process", short = 'P', long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,

    /// Threads that may serve clients; one serves all of them until it has
    /// more to do than it can, and the machine a core to spare
    /// [default: number of cores, at most 4]
    #[arg(
        help_heading = "Process", verbatim_doc_comment,
        short, long, value_name = "THREADS", value_parser = values::positive
    )]
    pub workers: Option<usize>,

    /// Run as this user, name or number, as soon as everything is open, with
    /// the user's other groups; needs root. What is in a directory of root,
    /// such as /run, stays at the end: a dead socket, an empty pid file
    #[arg(
        help_heading = "Process", verbatim_doc_comment,
        long, value_name = "USER", value_parser = values::account
    )]
    pub user: Option<Account>,

    /// And as this group [default: the user's own]
    #[arg(
        help_heading = "Process", long, value_name = "GROUP", value_parser = values::group_id,
        requires = "user"
    )]
    pub group: Option<u32>,

    /// From -1000, the kernel spares this process when memory runs out, to
    /// 1000, it is the first to go
    #[arg(
        help_heading = "Process", verbatim_doc_comment,
        long, value_name = "SCORE", value_parser = values::oom_score, allow_negative_numbers = true
    )]
    pub oom_score_adj: Option<i16>,

    #[command(flatten)]
    pub metrics: MetricsOptions,
}

impl ProcessOptions {
    /// These, and what they do not say, from `others`. A group belongs to its user.
    pub fn or(self, others: &Self) -> Self {
        let (user, group) = match self.user {
            Some(user) => (Some(user), self.group),
            None => (others.user.clone(), others.group),
        };
        Self {
            background: self.background || others.background,
            pid_file: self.pid_file.or_else(|| others.pid_file.clone()),
            workers: self.workers.or(others.workers),
            user,
            group,
            oom_score_adj: self.oom_score_adj.or(others.oom_score_adj),
            metrics: self.metrics.or(&others.metrics),
        }
    }

    /// What was given, for humans.
    pub fn given(&self) -> Settings {
        let mut given = settings([
            ("background", self.background.then(|| "true".into())),
            (
                "pid_file",
                self.pid_file
                    .as_ref()
                    .map(|path| path.display().to_string()),
            ),
            ("workers", text(self.workers)),
            ("user", text(self.user.as_ref().map(|user| user.uid))),
            ("group", text(self.group)),
            ("oom_score_adj", text(self.oom_score_adj)),
        ]);
        given.extend(self.metrics.given());
        given
    }

    /// The number of worker threads, at least 1.
    pub fn worker_threads(&self) -> usize {
        self.workers.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            cores.min(DEFAULT_WORKERS_MAX)
        })
    }
}

/// What is logged, and where to.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct LogOptions {
    /// Log everything, not only what an operator should know
    #[arg(help_heading = "Logging", long)]
    pub verbose: bool,

    /// Log to syslog instead of stderr; -D does so anyway
    #[arg(help_heading = "Logging", long)]
    pub log_syslog: bool,
}

impl LogOptions {
    pub fn or(self, others: &Self) -> Self {
        Self {
            verbose: self.verbose || others.verbose,
            log_syslog: self.log_syslog || others.log_syslog,
        }
    }

    /// What was given, for humans.
    pub fn given(&self) -> Settings {
        settings([
            ("verbose", self.verbose.then(|| "true".into())),
            ("log_syslog", self.log_syslog.then(|| "true".into())),
        ])
    }
}

/// Keys and values.
pub type Settings = Vec<(&'static str, String)>;

/// Those that have a value.
pub fn settings<const N: usize>(all: [(&'static str, Option<String>); N]) -> Settings {
    let given = all
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    given.collect()
}

pub fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}
