//! What is allowed of one kind of operation.

use crate::matching::Syntax;

/// What is allowed, less what is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// Patterns; `None`: everything.
    allowed: Option<Vec<String>>,
    /// Patterns. They win.
    denied: Vec<String>,
}

impl Scope {
    pub(super) const EVERYTHING: Self = Self {
        allowed: None,
        denied: Vec::new(),
    };

    pub(super) fn allow_only(&mut self, patterns: &[&str]) {
        self.allowed = Some(owned(patterns));
    }

    pub(super) fn deny(&mut self, patterns: &[&str]) {
        self.denied = owned(patterns);
    }

    /// One name or topic.
    pub(super) fn admits(&self, syntax: &Syntax, text: &str) -> bool {
        let allowed = match &self.allowed {
            None => true,
            Some(rules) => rules.iter().any(|rule| syntax.matches(rule, text)),
        };
        allowed && !self.denies(syntax, text)
    }

    /// A filter or a mask: all that it can match is allowed, and not all of that is denied. What it
    /// reaches has to be asked about one by one, see [`denies`](Self::denies).
    pub(super) fn covers(&self, syntax: &Syntax, pattern: &str) -> bool {
        let covered = |rules: &[String]| rules.iter().any(|rule| syntax.covers(rule, pattern));
        self.allowed.as_deref().is_none_or(covered) && !covered(&self.denied)
    }

    /// One name or topic is denied, whatever is allowed.
    pub(super) fn denies(&self, syntax: &Syntax, text: &str) -> bool {
        self.denied.iter().any(|rule| syntax.matches(rule, text))
    }

    pub(super) fn denies_something(&self) -> bool {
        !self.denied.is_empty()
    }
}

fn owned(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(ToString::to_string).collect()
}
