//! One pattern compared with one text, or with another pattern.
//!
//! Both comparisons read each of their arguments once, from left to right, and allocate
//! nothing.

use super::syntax::{Level, Syntax};

impl Syntax {
    /// Does the pattern match this topic or client name (protocol, sections 7.1 and 7.2)?
    ///
    /// A level of `text` that reads like a wildcard is just that text.
    pub fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut texts = self.levels(text);
        for level in self.pattern_levels(pattern) {
            let Some(text) = texts.next() else {
                return false;
            };
            match level {
                Level::Rest => return true,
                Level::One => {}
                Level::Literal(literal) if literal == text => {}
                Level::Literal(_) => return false,
            }
        }
        texts.next().is_none()
    }

    /// Does `rule` match every text that `pattern` matches?
    ///
    /// Access rules (protocol, section 15.4) are asked this about a filter or a mask which a
    /// client sent. Asking [`matches`](Self::matches) instead would take the client's
    /// wildcards for text, and `sensors/+` would let it subscribe to `sensors/#`.
    pub fn covers(&self, rule: &str, pattern: &str) -> bool {
        let mut levels = self.pattern_levels(pattern);
        for allowed in self.pattern_levels(rule) {
            match (allowed, levels.next()) {
                (_, None) => return false,
                (Level::Rest, Some(_)) => return true,
                (Level::One, Some(Level::One | Level::Literal(_))) => {}
                (Level::Literal(rule), Some(Level::Literal(asked))) if rule == asked => {}
                (Level::One | Level::Literal(_), Some(_)) => return false,
            }
        }
        levels.next().is_none()
    }
}
