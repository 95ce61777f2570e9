//! The configuration file: who may register, and what they may do. `docs/elbusd.toml` is an example
//! that explains every key.
//!
//! | file | job |
//! |---|---|
//! | `file` | the text of a file, whole and bounded |
//! | `schema` | which tables and keys there are |
//! | `values` | client names, masks, topic filters, networks, methods |
//! | `listing` | what was understood, for humans |
//!
//! Two rules see to it that a file that is broken never opens access:
//!
//! - Every line grants something; what is not written is not allowed. A file that was cut off at
//!   any byte is an error, or grants less than the whole.
//! - A file that names no clients is an error, unless it says `allow_everybody = true`.

mod file;
mod listing;
mod schema;
mod values;

use std::ops::Range;
use std::path::Path;

use elbus::broker::ClientAaa;

pub use listing::plural;
use schema::Document;
pub use schema::Rights;
pub use values::ClientName;

/// How much of a wrong line is shown, in characters.
const EXCERPT_CHARS: usize = 160;

/// A file that was read and makes sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    pub access: Access,
}

/// Who may register.
#[derive(Debug, PartialEq, Eq)]
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
        let text = file::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
        Self::parse(&text).map_err(|failure| {
            let place = failure.place.map(|place| place.to_string());
            let (path, why) = (path.display(), failure.why);
            format!("{path}{}: {why}", place.unwrap_or_default())
        })
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| Place::find(text, &span));
            Failure::new(error.message(), place, text)
        })?;
        let access = match (document.allow_everybody, document.clients) {
            (true, None) => Access::Everybody,
            (true, Some(_)) => {
                return Err("`allow_everybody = true` and [clients] exclude each other".into());
            }
            (false, Some(clients)) if !clients.is_empty() => {
                Access::Listed(clients.into_iter().collect())
            }
            (false, _) => {
                return Err("names no clients; list those that may register, each as \
                    [clients.\"NAME\"], or add `allow_everybody = true` to mean it"
                    .into());
            }
        };
        Ok(Self { access })
    }
}

impl Rights {
    /// The same in terms of the broker. What is not granted is denied.
    pub fn to_aaa(&self) -> ClientAaa {
        ClientAaa::new()
            .hosts_allow(self.hosts.iter().map(values::Network::to_broker).collect())
            .allow_p2p_to(&values::texts(&self.send))
            .allow_broadcast_to(&values::texts(&self.broadcast))
            .allow_publish_to(&values::texts(&self.publish))
            .allow_subscribe_to(&values::texts(&self.subscribe))
            .allow_broker_methods(&values::texts(&self.broker_methods))
    }
}

/// Why a text is no configuration.
#[derive(Debug)]
struct Failure {
    place: Option<Place>,
    why: String,
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self {
            place: None,
            why: why.into(),
        }
    }
}

impl Failure {
    fn new(message: &str, place: Option<Place>, text: &str) -> Self {
        // Some messages have several lines; the log has one for each of ours.
        let mut why = message.trim().replace('\n', ", ");
        if let Some(place) = &place {
            let line = text.lines().nth(place.line - 1).unwrap_or_default().trim();
            if line.starts_with("[clients.") && why.starts_with("unknown field") {
                why.push_str("; a name with dots needs quotes, as in [clients.\"a.b\"]");
            }
            let visible = |symbol: char| if symbol.is_control() { ' ' } else { symbol };
            let excerpt: String = line.chars().map(visible).take(EXCERPT_CHARS).collect();
            why.push_str(&format!(" (in: {excerpt})"));
        }
        Self { place, why }
    }
}

/// Line and column, both counted from 1.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn find(text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ":{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests;
