//! What applies: the command line, and what it does not say, from the configuration file.

use std::path::PathBuf;

use elbus::address::Address;

use crate::args::{Allow, Args};
use crate::config::{BindAddress, Config, HostRule};
use crate::logging;
use crate::options::{BrokerLimits, ListenerOptions, LogOptions, ProcessOptions};

/// See the top of this file.
pub struct Settings {
    pub broker: BrokerLimits,
    pub process: ProcessOptions,
    pub log: LogOptions,
    /// The file and what is in it.
    pub config: Option<(PathBuf, Config)>,
    bind: Vec<Address>,
    allow: Vec<Allow>,
    listener: ListenerOptions,
}

/// What applies to one listener.
pub struct ListenerSettings {
    pub options: ListenerOptions,
    /// Its table in the file.
    pub table: Option<BindAddress>,
    /// What the command line says about TCP peers. The file has no say then.
    pub allow: Option<Vec<HostRule>>,
}

impl Settings {
    /// Reads the file, if the command line names one.
    ///
    /// # Errors
    ///
    /// A message for humans that names the file.
    pub fn load(args: Args) -> Result<Self, String> {
        let config = match args.access.config {
            Some(path) => Some((path.clone(), Config::load(&path)?)),
            None => None,
        };
        let (mut broker, mut process, mut log) = (args.broker, args.process, args.log);
        if let Some((_, config)) = &config {
            broker = broker.or(&config.broker);
            process = process.or(&config.process);
            log = log.or(&config.log);
        }
        Ok(Self {
            broker,
            process,
            log,
            config,
            bind: args.listening.bind,
            allow: args.access.allow,
            listener: args.listener,
        })
    }

    /// Whether the log goes to syslog and not to stderr.
    pub fn logs_to_syslog(&self) -> bool {
        let wanted = self.process.background || self.log.log_syslog;
        logging::may_go_to_syslog(wanted)
    }

    /// Where to listen: what the command line says, else what the file says; possibly nowhere.
    pub fn addresses(&self) -> Vec<Address> {
        match &self.config {
            Some((_, config)) if self.bind.is_empty() => {
                config.listeners.keys().map(BindAddress::address).collect()
            }
            _ => self.bind.clone(),
        }
    }

    /// What applies to a listener, which is known by its address.
    pub fn of_listener(&self, is_it: impl Fn(&Address) -> bool) -> ListenerSettings {
        let allow = self.allow.iter();
        let allow = allow.filter(|allow| allow.address.as_ref().is_none_or(&is_it));
        let allow: Vec<HostRule> = allow.map(|allow| allow.rule.clone()).collect();
        let mut settings = ListenerSettings {
            options: self.listener.clone(),
            table: None,
            allow: (!allow.is_empty()).then_some(allow),
        };
        let Some((_, config)) = &self.config else {
            return settings;
        };
        let mut tables = config.listeners.iter();
        if let Some((address, table)) = tables.find(|(address, _)| is_it(&address.address())) {
            settings.table = Some(address.clone());
            settings.options = settings.options.or(table);
        }
        settings.options = settings.options.or(&config.defaults);
        settings
    }
}
