//! The two pattern languages of the protocol: topic filters and broadcast masks.
//!
//! They differ in three symbols only, so every algorithm is written once and told which
//! symbols to use.

/// How a text is cut into levels, and which levels are wildcards.
///
/// Empty levels are levels like any other, so every text has at least one. A level is a
/// wildcard only as a whole: `a+` and `a#` are literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax {
    separator: char,
    one: &'static str,
    rest: &'static str,
}

/// Topics and topic filters (protocol, section 7.1).
pub const TOPIC: Syntax = Syntax {
    separator: '/',
    one: "+",
    rest: "#",
};

/// Client names and broadcast masks (protocol, section 7.2).
pub const MASK: Syntax = Syntax {
    separator: '.',
    one: "?",
    rest: "*",
};

/// One level of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level<'a> {
    /// Matches the same text only.
    Literal(&'a str),
    /// Matches any one level, also an empty one.
    One,
    /// Matches all remaining levels, of which there must be at least one.
    Rest,
}

impl Syntax {
    /// The levels of a text in which wildcards have no meaning: a topic or a client name.
    pub fn levels<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        text.split(self.separator)
    }

    /// The levels of a filter or a mask.
    ///
    /// A pattern ends at [`Level::Rest`]; what the peer wrote behind it is ignored. `a/#/x`
    /// therefore is another spelling of `a/#`, as in the reference broker.
    pub fn pattern_levels<'a>(
        &self,
        pattern: &'a str,
    ) -> impl Iterator<Item = Level<'a>> + use<'a> {
        let syntax = *self;
        let mut remaining = Some(pattern);
        std::iter::from_fn(move || {
            let (level, after) = syntax.split_first(remaining?);
            remaining = after;
            Some(level)
        })
    }

    /// The first level of a pattern, and what follows it: nothing after [`Level::Rest`].
    fn split_first<'a>(&self, pattern: &'a str) -> (Level<'a>, Option<&'a str>) {
        let (first, after) = match pattern.split_once(self.separator) {
            Some((first, after)) => (first, Some(after)),
            None => (pattern, None),
        };
        if first == self.rest {
            (Level::Rest, None)
        } else if first == self.one {
            (Level::One, after)
        } else {
            (Level::Literal(first), after)
        }
    }
}
