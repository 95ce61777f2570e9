//! What was understood of a configuration file, for humans: one paragraph for each client and each
//! table of settings.

use std::fmt;

use super::{Access, AccessTable, Config, Rights};

impl fmt::Display for Access {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody may register and do everything"),
            Self::Listed(clients) => {
                let (count, s) = (clients.len(), plural(clients.len()));
                write!(
                    f,
                    "{count} client{s} may register, everybody else is refused"
                )
            }
        }
    }
}

/// The ending of a noun that follows a number.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.access)?;
        write_clients(f, &self.access, "")?;
        let tables = [
            ("broker", self.broker.given()),
            ("defaults", self.defaults.given()),
            ("process", self.process.given()),
            ("log", self.log.given()),
        ];
        for (name, settings) in tables {
            if !settings.is_empty() {
                writeln!(f, "\n[{name}]")?;
                write_settings(f, &settings)?;
            }
        }
        for (address, options) in &self.listeners {
            writeln!(f, "\n[listeners.\"{address}\"]")?;
            write_settings(f, &options.given())?;
            if let Some(Ok(access)) = options.access.as_ref().map(AccessTable::resolve) {
                writeln!(f, "  here {access}")?;
                write_clients(f, &access, "  ")?;
            }
        }
        Ok(())
    }
}

fn write_clients(f: &mut fmt::Formatter<'_>, access: &Access, indent: &str) -> fmt::Result {
    let Access::Listed(clients) = access else {
        return Ok(());
    };
    for (name, rights) in clients {
        writeln!(f, "\n{indent}{name}")?;
        for (what, rules) in rights.lines() {
            writeln!(f, "{indent}  {what:<10} {rules}")?;
        }
    }
    Ok(())
}

fn write_settings(f: &mut fmt::Formatter<'_>, settings: &[(&str, String)]) -> fmt::Result {
    let mut settings = settings.iter();
    settings.try_for_each(|(key, value)| writeln!(f, "  {key} = {value}"))
}

impl Rights {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("hosts", list(&self.hosts, "none, only UNIX sockets")),
            ("users", list(&self.users, "root and that of the broker")),
        ];
        if !self.groups.is_empty() {
            lines.push(("groups", list(&self.groups, "")));
        }
        lines.extend([
            ("send", list(&self.send, "to nobody")),
            ("broadcast", list(&self.broadcast, "to nobody")),
            ("publish", list(&self.publish, "nothing")),
            ("subscribe", list(&self.subscribe, "nothing")),
        ]);
        if !self.broker_methods.is_empty() {
            lines.push(("broker", list(&self.broker_methods, "")));
        }
        lines
    }
}

fn list(values: &[impl ToString], if_empty: &str) -> String {
    if values.is_empty() {
        return if_empty.into();
    }
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    values.join(", ")
}
