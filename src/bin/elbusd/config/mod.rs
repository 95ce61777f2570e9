//! The configuration file: who may register, what they may do, and every setting that the command
//! line has. `docs/elbusd.toml` is an example that explains every key.
//!
//! | file | job |
//! |---|---|
//! | `schema` | which tables and keys there are |
//! | `values` | client names, masks, topic filters, networks, users, methods, rules that deny |
//! | `listing` | what was understood, for humans |
//!
//! How a file is read and taken apart is in `config_file`.
//!
//! Three rules see to it that a file that is broken never opens access:
//!
//! - Every line of the rules of a client grants something; what is not written is not allowed. A rule
//!   that denies stands in the list that it restricts, and is lost only with it.
//! - A file that names no clients is an error, unless it says `allow_everybody = true`.
//! - A file with listeners or certificates, whose settings may restrict, ends with the line `[end]`.
//!
//! So a file that was cut off at any byte is an error, or grants less than the whole.

mod listing;
mod schema;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use elbus::broker::ClientAaa;
use elbus::limits::MAX_CONFIG_BYTES;

use crate::config_file::place::{Place, one_line};
pub use crate::config_file::tables::{Table, Wrong};
use crate::config_file::text;
use crate::options::{BrokerLimits, ListenerOptions, LogOptions, ProcessOptions};
use crate::tls::TlsOptions;
pub use listing::plural;
use schema::Document;
#[cfg_attr(not(feature = "tls"), allow(unused_imports))]
pub use schema::path;
pub use schema::{AccessTable, Rights};
pub use values::{BindAddress, ClientName, HostRule, networks};
use values::{Local, Rule, Sides, texts};

/// The last line of a file with listeners.
const END: &str = "[end]";

/// A file that was read and makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// For every listener without rules of its own.
    pub access: Access,
    pub broker: BrokerLimits,
    /// For every listener that says nothing else.
    pub defaults: ListenerOptions,
    pub listeners: BTreeMap<BindAddress, ListenerOptions>,
    pub process: ProcessOptions,
    pub log: LogOptions,
}

/// Who may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody, with every right.
    Everybody,
    /// These clients with their rights, in the order of their names; nobody else.
    Listed(Vec<(ClientName, Rights)>),
}

impl Config {
    /// Reads a file. Nothing of it is used unless all of it makes sense.
    ///
    /// # Errors
    ///
    /// One line for humans that starts with the path, and the line and column if there is one to
    /// blame.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = text::read(path, MAX_CONFIG_BYTES)
            .map_err(|why| format!("{}: {why}", path.display()))?;
        Self::parse(&text).map_err(|failure| {
            let place = failure.place.map(|place| place.to_string());
            let (path, why) = (path.display(), failure.why);
            format!("{path}{}: {why}", place.unwrap_or_default())
        })
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let document = Document::read(text).map_err(|wrong| {
            let place = wrong.place.map(|place| Place::find(text, &place));
            Failure::new(&wrong.what, place, text)
        })?;
        let last_line = text.trim_end().lines().next_back();
        let ends = document.has_end && last_line.is_some_and(|line| line.trim() == END);
        let has_tls = document.defaults.tls != TlsOptions::default();
        if (has_tls || !document.listeners.is_empty()) && !ends {
            return Err(format!(
                "a file with listeners or certificates has to end with the line `{END}`: a table that \
                 was cut off might let in whom it should not"
            )
            .into());
        }
        if document.defaults.access.is_some() {
            return Err("[defaults] has no `access`: the rules for all are [clients]".into());
        }
        let access = document.access.resolve().map_err(Failure::from)?;
        for (address, options) in &document.listeners {
            if let Some(rules) = &options.access {
                let resolved = rules.resolve();
                resolved.map_err(|why| format!("[listeners.\"{address}\".access]: {why}"))?;
            }
        }
        if document.process.group.is_some() && document.process.user.is_none() {
            return Err("[process]: `group` needs `user`".into());
        }
        Ok(Self {
            access,
            broker: document.broker,
            defaults: document.defaults,
            listeners: document.listeners,
            process: document.process,
            log: document.log,
        })
    }
}

impl AccessTable {
    /// Whom these rules let in.
    ///
    /// # Errors
    ///
    /// A message for humans, if they contradict themselves or let nobody in.
    pub fn resolve(&self) -> Result<Access, String> {
        match (self.allow_everybody, &self.clients) {
            (true, None) => Ok(Access::Everybody),
            (true, Some(_)) => {
                Err("`allow_everybody = true` and [clients] exclude each other".into())
            }
            (false, Some(clients)) if !clients.is_empty() => {
                for (name, rights) in clients {
                    if let Some(key) = rights.key_that_only_denies() {
                        return Err(format!(
                            "client {name}: `{key}` only denies, and without it nothing is allowed \
                             anyway"
                        ));
                    }
                }
                let clients = clients.iter();
                let clients = clients.map(|(name, rights)| (name.clone(), rights.clone()));
                Ok(Access::Listed(clients.collect()))
            }
            (false, _) => Err("names no clients; list those that may register, each as \
                [clients.\"NAME\"], or add `allow_everybody = true` to mean it"
                .into()),
        }
    }
}

impl Rights {
    fn key_that_only_denies(&self) -> Option<&'static str> {
        fn only_denies<T>(rules: &[Rule<T>]) -> bool {
            !rules.is_empty() && rules.iter().all(|rule| rule.denies)
        }
        [
            ("hosts", only_denies(&self.hosts)),
            ("send", only_denies(&self.send)),
            ("broadcast", only_denies(&self.broadcast)),
            ("publish", only_denies(&self.publish)),
            ("subscribe", only_denies(&self.subscribe)),
        ]
        .into_iter()
        .find_map(|(key, only_denies)| only_denies.then_some(key))
    }

    /// The same in terms of the broker. What is not granted is denied.
    pub fn to_aaa(&self) -> ClientAaa {
        let (send, broadcast) = (Sides::of(&self.send), Sides::of(&self.broadcast));
        let (publish, subscribe) = (Sides::of(&self.publish), Sides::of(&self.subscribe));
        let rights = ClientAaa::new()
            .hosts_allow(networks(&self.hosts, false))
            .hosts_deny(networks(&self.hosts, true))
            .allow_p2p_to(&send.allowed)
            .deny_p2p_to(&send.denied)
            .allow_broadcast_to(&broadcast.allowed)
            .deny_broadcast_to(&broadcast.denied)
            .allow_publish_to(&publish.allowed)
            .deny_publish_to(&publish.denied)
            .allow_subscribe_to(&subscribe.allowed)
            .deny_subscribe_to(&subscribe.denied)
            .allow_broker_methods(&texts(&self.broker_methods));
        let users = ids(self.users.iter().map(|rule| &rule.0));
        let groups = ids(self.groups.iter().map(|rule| &rule.0));
        match (users, groups) {
            (Some(users), Some(groups)) => rights.users_allow(users).groups_allow(groups),
            // Everybody is among them.
            _ => rights,
        }
    }
}

/// The numbers of users or groups; `None` if one of them stands for everybody.
fn ids<'a>(rules: impl Iterator<Item = &'a Local>) -> Option<Vec<u32>> {
    rules.map(|rule| rule.id).collect()
}

/// Why a text is no configuration.
#[derive(Debug)]
struct Failure {
    place: Option<Place>,
    why: String,
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { place: None, why }
    }
}

impl Failure {
    fn new(message: &str, place: Option<Place>, text: &str) -> Self {
        let mut why = one_line(message);
        if let Some(place) = &place {
            let line = place.line_of(text);
            if line.starts_with("[clients.") && why.starts_with("unknown field") {
                why.push_str("; a name with dots needs quotes, as in [clients.\"a.b\"]");
            }
            why.push_str(&place.excerpt(text));
        }
        Self { place, why }
    }
}

#[cfg(test)]
mod tests;
