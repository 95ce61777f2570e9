//! The access rules in force: read from the configuration file at the start and at every SIGHUP, and
//! shared by all listeners but those that have rules of their own. A file that cannot be used changes
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use elbus::broker::{AaaMap, ClientAaa, HostList};

use crate::config::{Access, BindAddress, Config, HostRule, networks, plural};
use crate::options::ListenerOptions;

/// The rules and the file that they come from.
pub struct Rules {
    path: PathBuf,
    /// As it was at the start: what a reload cannot change is compared with it.
    config: Config,
    common: Doorkeeper,
    /// Of the listeners in the file.
    listeners: BTreeMap<BindAddress, Doorkeeper>,
}

/// Who gets in at a listener.
struct Doorkeeper {
    clients: Clients,
    hosts: HostList,
}

/// Whom rules let in, and what they let them do.
enum Clients {
    /// The same as everywhere.
    Common,
    Everybody,
    Listed(AaaMap),
}

impl Clients {
    fn new(access: Access) -> Self {
        match access {
            Access::Everybody => Self::Everybody,
            Access::Listed(_) => {
                let map = AaaMap::default();
                *map.lock() = entries(access);
                Self::Listed(map)
            }
        }
    }
}

impl Rules {
    /// Puts the rules of the file into force, and says in the log what they mean.
    pub fn new(path: &Path, config: &Config) -> Self {
        let (file, access) = (path.display(), &config.access);
        match access {
            Access::Everybody => log::warn!("{file}: {access}"),
            Access::Listed(_) => log::info!("{file}: {access}"),
        }
        let common = Doorkeeper {
            clients: Clients::new(access.clone()),
            hosts: host_list(config.defaults.allow.as_deref()),
        };
        let keeper = |(address, options): (&BindAddress, &ListenerOptions)| {
            let clients = match own_access(options) {
                None => Clients::Common,
                Some(access) => {
                    log::info!("{file}: at {address} {access}");
                    Clients::new(access)
                }
            };
            let hosts = host_list(allowed_hosts(config, options));
            (address.clone(), Doorkeeper { clients, hosts })
        };
        Self {
            path: path.to_owned(),
            config: config.clone(),
            common,
            listeners: config.listeners.iter().map(keeper).collect(),
        }
    }

    /// What a listener goes by: its rules, `None` if everybody may do everything, and the hosts that
    /// may connect. `table` is the one of the file that is about it.
    pub fn of_listener(&self, table: Option<&BindAddress>) -> (Option<AaaMap>, HostList) {
        let own = table.and_then(|address| self.listeners.get(address));
        let keeper = own.unwrap_or(&self.common);
        let clients = match &keeper.clients {
            Clients::Common => &self.common.clients,
            own => own,
        };
        let map = match clients {
            Clients::Listed(map) => Some(map.clone()),
            Clients::Common | Clients::Everybody => None,
        };
        (map, keeper.hosts.clone())
    }

    /// Reads the file again and puts its rules into force, all of them or nothing.
    ///
    /// # Errors
    ///
    /// A message for humans that names the file; nothing has changed then.
    pub fn reload(&self) -> Result<Changes, String> {
        let new = Config::load(&self.path)?;
        let restart = |what: &str| {
            let file = self.path.display();
            format!("{file}: a change of `{what}` takes effect at the next start only")
        };
        // All that can be wrong, before anything changes.
        if !self.common.clients.can_become(Some(&new.access)) {
            return Err(restart("allow_everybody"));
        }
        let mut own = Vec::new();
        for (address, keeper) in &self.listeners {
            let Some(options) = new.listeners.get(address) else {
                continue;
            };
            let access = own_access(options);
            if !keeper.clients.can_become(access.as_ref()) {
                return Err(restart(&format!("listeners.\"{address}\".access")));
            }
            own.push((address, keeper, options, access));
        }
        let mut changes = Changes {
            common: self.common.clients.become_as(new.access.clone()),
            others_wait: others(&new) != others(&self.config),
            ..Changes::default()
        };
        replace_hosts(&self.common.hosts, new.defaults.allow.as_deref());
        for (address, keeper, options, access) in own {
            replace_hosts(&keeper.hosts, allowed_hosts(&new, options));
            if let Some(access) = access {
                let change = keeper.clients.become_as(access);
                changes.own.push((address.clone(), change));
            }
        }
        Ok(changes)
    }
}

impl Clients {
    /// Whether rules can take the place of these without a restart; `None` are those of all.
    fn can_become(&self, access: Option<&Access>) -> bool {
        matches!(
            (self, access),
            (Self::Common, None)
                | (Self::Everybody, Some(Access::Everybody))
                | (Self::Listed(_), Some(Access::Listed(_)))
        )
    }

    fn become_as(&self, access: Access) -> Change {
        match self {
            Self::Listed(map) => replace(&mut map.lock(), entries(access)),
            Self::Common | Self::Everybody => Change::default(),
        }
    }
}

fn own_access(options: &ListenerOptions) -> Option<Access> {
    // What cannot be resolved was refused with the file.
    options.access.as_ref()?.resolve().ok()
}

fn allowed_hosts<'a>(config: &'a Config, options: &'a ListenerOptions) -> Option<&'a [HostRule]> {
    let allow = options.allow.as_ref().or(config.defaults.allow.as_ref());
    allow.map(Vec::as_slice)
}

/// The hosts that rules admit; without any, all.
pub fn host_list(rules: Option<&[HostRule]>) -> HostList {
    let list = HostList::default();
    replace_hosts(&list, rules);
    list
}

/// Rules that only deny admit everybody else; an empty list admits nobody.
fn replace_hosts(list: &HostList, rules: Option<&[HostRule]>) {
    let (allowed, denied) = match rules {
        None => (None, Vec::new()),
        Some(rules) => {
            let (allowed, denied) = (networks(rules, false), networks(rules, true));
            let only_denies = allowed.is_empty() && !denied.is_empty();
            ((!only_denies).then_some(allowed), denied)
        }
    };
    list.replace(allowed, denied);
}

/// The settings that a reload does not touch.
fn others(config: &Config) -> Config {
    let mut config = config.clone();
    config.access = Access::Everybody;
    config.defaults.allow = None;
    for options in config.listeners.values_mut() {
        options.access = None;
        options.allow = None;
    }
    config
}

type Entries = HashMap<String, ClientAaa>;

fn entries(access: Access) -> Entries {
    match access {
        Access::Everybody => Entries::new(),
        Access::Listed(clients) => clients
            .into_iter()
            .map(|(name, rights)| (name.to_string(), rights.to_aaa()))
            .collect(),
    }
}

/// Makes the rules those of the new entries. Rules that are equal stay the very same, so that their
/// clients are not looked through for rights that they have lost.
fn replace(rules: &mut Entries, mut new: Entries) -> Change {
    let mut change = Change::default();
    rules.retain(|name, _| {
        let stays = new.contains_key(name);
        if !stays {
            change.removed.push(name.clone());
        }
        stays
    });
    for (name, rights) in new.drain() {
        match rules.get_mut(&name) {
            Some(old) if *old == rights => {}
            Some(old) => {
                *old = rights;
                change.changed.push(name);
            }
            None => {
                change.added.push(name.clone());
                rules.insert(name, rights);
            }
        }
    }
    for names in [&mut change.added, &mut change.removed, &mut change.changed] {
        names.sort_unstable();
    }
    change.total = Some(rules.len());
    change
}

/// What a new file has changed.
#[derive(Debug, Default)]
pub struct Changes {
    common: Change,
    /// At listeners with rules of their own.
    own: Vec<(BindAddress, Change)>,
    /// There are new settings that take a restart.
    others_wait: bool,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others_wait {
            f.write_str("(other settings than rules take effect at the next start) ")?;
        }
        self.common.fmt(f)?;
        self.own
            .iter()
            .try_for_each(|(address, change)| write!(f, "; at {address}: {change}"))
    }
}

/// What has changed in one set of rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Clients that may register; `None`: everybody may.
    total: Option<usize>,
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            Some(total) => write!(f, "{total} client{} may register", plural(total))?,
            None => f.write_str("everybody may register")?,
        }
        let lists = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ];
        // First the numbers: a long message is cut at its end.
        for (what, names) in lists {
            write!(f, ", {} {what}", names.len())?;
        }
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "; {what}: {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(clients: &[(&str, ClientAaa)]) -> Entries {
        let entry = |(name, rights): &(&str, ClientAaa)| ((*name).to_string(), rights.clone());
        clients.iter().map(entry).collect()
    }

    #[test]
    fn only_what_differs_is_replaced() {
        let all = ClientAaa::new;
        let mut now = rules(&[("same", all()), ("other", all()), ("gone", all())]);
        let quiet = all().deny_publish();
        let new = rules(&[("same", all()), ("other", quiet.clone()), ("new", all())]);
        let change = replace(&mut now, new.clone());
        assert_eq!(now, new);
        assert_eq!(
            change.to_string(),
            "3 clients may register, 1 added, 1 removed, 1 changed; added: new; removed: gone; \
             changed: other"
        );
        let change = replace(&mut now, new);
        assert_eq!(
            change.to_string(),
            "3 clients may register, 0 added, 0 removed, 0 changed"
        );
    }
}
