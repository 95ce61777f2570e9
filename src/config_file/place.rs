//! Where in a file something is wrong, and the words to say so in one line.

use std::ops::Range;

/// How much of a wrong line is shown, in characters.
const EXCERPT_CHARS: usize = 160;

/// Line and column, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Where in the text this range of bytes begins.
    pub fn find(text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The line of the text, without the blanks around it.
    pub fn line_of<'a>(&self, text: &'a str) -> &'a str {
        let index = self.line.saturating_sub(1);
        text.lines().nth(index).unwrap_or_default().trim()
    }

    /// That line to be put behind a message: shortened, and without what a terminal could take for a
    /// command.
    pub fn excerpt(&self, text: &str) -> String {
        let visible = |symbol: char| if symbol.is_control() { ' ' } else { symbol };
        let line = self.line_of(text);
        let shown: String = line.chars().map(visible).take(EXCERPT_CHARS).collect();
        format!(" (in: {shown})")
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ":{}:{}", self.line, self.column)
    }
}

/// A message that may have several lines as one: the log has one line for each of ours.
pub fn one_line(message: &str) -> String {
    message.trim().replace('\n', ", ")
}
