//! Everything that goes to standard output and standard error.
//!
//! Nothing here panics when a stream is closed, as `println!` would: a reader that has seen enough
//! ends the program quietly.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::escape::printable_json;
use crate::failure::Failure;
use crate::payload::Payload;
use crate::table::Table;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For people: labels, tables, indented JSON.
    Pretty,
    /// Bare values, one per line (`--silent`).
    Compact,
    /// JSON values, one per line (`--json`).
    Json,
}

/// Standard output in the style the user asked for.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    style: Style,
}

impl Output {
    /// Standard output in the given style.
    pub fn new(style: Style) -> Self {
        Self { style }
    }

    /// The style, for what is printed in a way of its own.
    pub fn style(self) -> Style {
        self.style
    }

    /// Says that there is nothing to say but success.
    pub fn ok(self) -> Result<(), Failure> {
        match self.style {
            Style::Json => self.line(r#"{"ok":true}"#),
            Style::Pretty | Style::Compact => self.line("OK"),
        }
    }

    /// A received payload by itself.
    pub fn payload(self, bytes: &[u8]) -> Result<(), Failure> {
        let payload = Payload::of(bytes);
        match self.style {
            Style::Pretty => self.line(&payload.labelled()),
            Style::Compact => self.line(&payload.compact()),
            Style::Json => self.json(&payload.to_json()),
        }
    }

    /// The same facts as a table for people, or as a value for programs.
    pub fn table<const COLUMNS: usize>(
        self,
        table: &Table<COLUMNS>,
        value: &impl Serialize,
    ) -> Result<(), Failure> {
        match self.style {
            Style::Pretty => self.line(&table.to_string()),
            Style::Compact if table.is_empty() => Ok(()),
            Style::Compact => self.line(&table.tab_separated()),
            Style::Json => self.json(value),
        }
    }

    /// A value as one line of JSON.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::Local(format!("cannot print as JSON: {error}")))?;
        self.line(&printable_json(&text))
    }

    /// One line, or several, of text that is safe to show.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush())
            .map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => Failure::OutputClosed,
                _ => Failure::Local(format!("cannot write to standard output: {error}")),
            })
    }
}

/// A line of safe text on standard error; there is nobody left to tell if that fails.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
