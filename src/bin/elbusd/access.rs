//! The access rules in force: read from the configuration file at the start and at every SIGHUP, and
//! shared by all listeners. A file that cannot be used changes nothing.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use elbus::broker::{AaaMap, ClientAaa};

use crate::config::{Access, Config, plural};

/// The rules and the file that they come from.
pub struct Rules {
    path: PathBuf,
    /// `None`: everybody may do everything.
    map: Option<AaaMap>,
}

impl Rules {
    /// Reads the file for the first time, and says in the log what it means.
    ///
    /// # Errors
    ///
    /// A message for humans that names the file.
    pub fn load(path: PathBuf) -> Result<Self, String> {
        let access = Config::load(&path)?.access;
        let file = path.display();
        let map = match &access {
            Access::Everybody => {
                log::warn!("{file}: {access}");
                None
            }
            Access::Listed(_) => {
                log::info!("{file}: {access}");
                let map = AaaMap::default();
                *map.lock() = entries(access);
                Some(map)
            }
        };
        Ok(Self { path, map })
    }

    /// What the listeners go by; `None` if everybody may do everything.
    pub fn map(&self) -> Option<AaaMap> {
        self.map.clone()
    }

    /// Reads the file again and puts it into force, all of it or nothing.
    ///
    /// # Errors
    ///
    /// A message for humans that names the file; nothing has changed then.
    pub fn reload(&self) -> Result<Change, String> {
        let access = Config::load(&self.path)?.access;
        match (&self.map, access) {
            (None, Access::Everybody) => Ok(Change::default()),
            (Some(map), access @ Access::Listed(_)) => {
                Ok(replace(&mut map.lock(), entries(access)))
            }
            (None, Access::Listed(_)) | (Some(_), Access::Everybody) => Err(format!(
                "{}: a change of `allow_everybody` takes effect at the next start only",
                self.path.display()
            )),
        }
    }
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
