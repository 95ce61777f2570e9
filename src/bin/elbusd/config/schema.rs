//! Which tables and keys a configuration file may have. Any other key is an error: one that is
//! misspelt must not be taken for one that is missing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::values::{
    BindAddress, BrokerMethod, ClientName, GroupRule, HostRule, Mask, Rule, TopicFilter, UserRule,
};
use crate::config_file::tables::{Table, Wrong};
use crate::metrics::MetricsOptions;
use crate::options::{BrokerLimits, ListenerOptions, LogOptions, ProcessOptions};
use crate::tls::TlsOptions;
use crate::values;

/// The whole file.
#[derive(Debug)]
pub struct Document {
    /// The rules of all listeners that have no others.
    pub access: AccessTable,
    pub broker: BrokerLimits,
    /// For every listener that says nothing else.
    pub defaults: ListenerOptions,
    pub listeners: BTreeMap<BindAddress, ListenerOptions>,
    pub process: ProcessOptions,
    pub log: LogOptions,
    /// There is a table `end`: the last line of a file with listeners.
    pub has_end: bool,
}

/// The rights of each client.
pub type Clients = BTreeMap<ClientName, Rights>;

/// Who may register.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccessTable {
    /// Takes the place of `clients`.
    pub allow_everybody: bool,
    pub clients: Option<Clients>,
}

/// What one client may do. A key that is missing grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// From where it may connect over TCP.
    pub hosts: Vec<HostRule>,
    /// Who may connect as this client over a UNIX socket, besides root and the user of the broker.
    pub users: Vec<UserRule>,
    pub groups: Vec<GroupRule>,
    /// To whom it may send messages.
    pub send: Vec<Rule<Mask>>,
    /// To whom it may broadcast.
    pub broadcast: Vec<Rule<Mask>>,
    pub publish: Vec<Rule<TopicFilter>>,
    pub subscribe: Vec<Rule<TopicFilter>>,
    /// The methods of the broker that it may call beyond those that come with the right to send to
    /// `.broker`.
    pub broker_methods: Vec<BrokerMethod>,
}

impl Document {
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let mut file = Table::whole(text)?;
        let access = access_keys(&mut file)?;
        let broker = file.table("broker")?.map(broker).transpose()?;
        let defaults = file.table("defaults")?.map(listener).transpose()?;
        let listeners = file.table("listeners")?;
        let listeners = listeners.map(|table| table.tables(str::parse, listener));
        let process = file.table("process")?.map(process).transpose()?;
        let log = file.table("log")?.map(log).transpose()?;
        let end = file.table("end")?.map(Table::end).transpose()?;
        file.end()?;
        Ok(Self {
            access,
            broker: broker.unwrap_or_default(),
            defaults: defaults.unwrap_or_default(),
            listeners: listeners.transpose()?.unwrap_or_default(),
            process: process.unwrap_or_default(),
            log: log.unwrap_or_default(),
            has_end: end.is_some(),
        })
    }
}

fn access_keys(table: &mut Table<'_>) -> Result<AccessTable, Wrong> {
    let allow_everybody = table.flag("allow_everybody")?.unwrap_or(false);
    let clients = table.table("clients")?;
    let clients = clients.map(|table| table.tables(str::parse, rights));
    Ok(AccessTable {
        allow_everybody,
        clients: clients.transpose()?,
    })
}

fn access(mut table: Table<'_>) -> Result<AccessTable, Wrong> {
    let access = access_keys(&mut table)?;
    table.end()?;
    Ok(access)
}

fn rights(mut table: Table<'_>) -> Result<Rights, Wrong> {
    let rights = Rights {
        hosts: table.list("hosts", str::parse)?.unwrap_or_default(),
        users: table.list("users", str::parse)?.unwrap_or_default(),
        groups: table.list("groups", str::parse)?.unwrap_or_default(),
        send: table.list("send", str::parse)?.unwrap_or_default(),
        broadcast: table.list("broadcast", str::parse)?.unwrap_or_default(),
        publish: table.list("publish", str::parse)?.unwrap_or_default(),
        subscribe: table.list("subscribe", str::parse)?.unwrap_or_default(),
        broker_methods: table
            .list("broker_methods", str::parse)?
            .unwrap_or_default(),
    };
    table.end()?;
    Ok(rights)
}

fn listener(mut table: Table<'_>) -> Result<ListenerOptions, Wrong> {
    let options = ListenerOptions {
        // A number could be meant as octal or not.
        socket_mode: table.text("socket_mode", values::socket_mode)?,
        socket_group: table.value("socket_group", values::group_id)?,
        allow: table.list("allow", str::parse)?,
        access: table.table("access")?.map(access).transpose()?,
        tls: table
            .table("tls")?
            .map(TlsOptions::read)
            .transpose()?
            .unwrap_or_default(),
        open_broker_topics: table.flag("open_broker_topics")?,
        open_secondaries: table.flag("open_secondaries")?,
        max_handshakes: table.value("max_handshakes", values::positive)?,
        max_connections: table.value("max_connections", values::positive)?,
        max_per_source: table.value("max_per_source", values::positive)?,
        connect_rate: table.value("connect_rate", values::rate)?,
        timeout: table.value("timeout", values::timeout)?,
        max_frame: table.value("max_frame", values::frame_size)?,
        queue_size: table.value("queue_size", values::positive)?,
        queue_bytes: table.value("queue_bytes", str::parse)?,
        overflow: table.value("overflow", values::overflow)?,
        buf_size: table.value("buf_size", str::parse)?,
        buf_ttl: table.value("buf_ttl", values::buf_ttl)?,
    };
    table.end()?;
    Ok(options)
}

fn broker(mut table: Table<'_>) -> Result<BrokerLimits, Wrong> {
    let limits = BrokerLimits {
        max_clients: table.value("max_clients", values::positive)?,
        max_subscriptions: table.value("max_subscriptions", values::positive)?,
        max_memory: table.value("max_memory", str::parse)?,
    };
    table.end()?;
    Ok(limits)
}

fn process(mut table: Table<'_>) -> Result<ProcessOptions, Wrong> {
    let options = ProcessOptions {
        background: table.flag("background")?.unwrap_or(false),
        pid_file: table.text("pid_file", path)?,
        workers: table.value("workers", values::positive)?,
        user: table.value("user", values::account)?,
        group: table.value("group", values::group_id)?,
        oom_score_adj: table.value("oom_score_adj", values::oom_score)?,
        metrics: MetricsOptions::read(&mut table)?,
    };
    table.end()?;
    Ok(options)
}

fn log(mut table: Table<'_>) -> Result<LogOptions, Wrong> {
    let options = LogOptions {
        verbose: table.flag("verbose")?.unwrap_or(false),
        log_syslog: table.flag("log_syslog")?.unwrap_or(false),
    };
    table.end()?;
    Ok(options)
}

/// Any text is one.
#[allow(clippy::unnecessary_wraps)]
pub fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}
