//! What was understood of a configuration file, for humans: one paragraph for each client.

use std::fmt;

use super::{Access, Config, Rights};

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
        if let Access::Listed(clients) = &self.access {
            for (name, rights) in clients {
                write!(f, "\n{name}\n{rights}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  hosts      {}",
            list(&self.hosts, "none, only UNIX sockets")
        )?;
        writeln!(f, "  send       {}", list(&self.send, "to nobody"))?;
        writeln!(f, "  broadcast  {}", list(&self.broadcast, "to nobody"))?;
        writeln!(f, "  publish    {}", list(&self.publish, "nothing"))?;
        writeln!(f, "  subscribe  {}", list(&self.subscribe, "nothing"))?;
        if self.broker_methods.is_empty() {
            return Ok(());
        }
        writeln!(f, "  broker     {}", list(&self.broker_methods, "nothing"))
    }
}

fn list(values: &[impl ToString], if_empty: &str) -> String {
    if values.is_empty() {
        return if_empty.into();
    }
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    values.join(", ")
}
