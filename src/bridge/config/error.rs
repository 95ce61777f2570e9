//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config_file::place::Place;

/// A configuration that makes no sense: one line for humans.
///
/// Shown as `FILE:LINE:COLUMN: what is wrong`, or without what is not known: a configuration that an
/// application has built has no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Option<PathBuf>,
    place: Option<Place>,
    what: String,
}

impl ConfigError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            file: None,
            place: None,
            what: what.into(),
        }
    }

    pub(super) fn at(place: Place, what: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            ..Self::new(what)
        }
    }

    pub(super) fn in_file(self, file: &Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }

    /// The line of the file, from 1.
    pub fn line(&self) -> Option<usize> {
        self.place.map(|place| place.line)
    }

    /// The character in that line, from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.map(|place| place.column)
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.place) {
            (Some(file), Some(place)) => write!(f, "{}{place}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, Some(place)) => write!(f, "line {}, column {}: ", place.line, place.column)?,
            (None, None) => {}
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ConfigError {}

/// A table and a key of the file: where a value comes from that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) table: &'static str,
    /// Of the tables of this name, from 0; `None` if there can be one only.
    pub(super) index: Option<usize>,
    /// `""`: the table as a whole.
    pub(super) key: &'static str,
}

impl At {
    pub(super) fn key(table: &'static str, key: &'static str) -> Self {
        Self {
            table,
            index: None,
            key,
        }
    }

    pub(super) fn nth(table: &'static str, index: usize, key: &'static str) -> Self {
        Self {
            table,
            index: Some(index),
            key,
        }
    }

    /// The table in which the key is, or should be.
    pub(super) fn whole_table(self) -> Self {
        Self { key: "", ..self }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "[[{}]] {}", self.table, index + 1)?,
            None => write!(f, "[{}]", self.table)?,
        }
        if self.key.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.key)
    }
}

/// What makes no sense, in terms of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(at: At, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.to_string())
    }
}
