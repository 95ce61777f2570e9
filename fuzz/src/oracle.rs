//! Who is meant by a topic filter or a mask, decided as plainly as possible (protocol, section 7).
//! Slow, recursive, and without a line of the code that it judges.

/// One of the two pattern languages.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    pub separator: char,
    /// Stands for one level.
    pub one: &'static str,
    /// Stands for all remaining levels, one at least.
    pub rest: &'static str,
}

/// Topic filters.
pub const FILTERS: Language = Language {
    separator: '/',
    one: "+",
    rest: "#",
};

/// Masks of client names.
pub const MASKS: Language = Language {
    separator: '.',
    one: "?",
    rest: "*",
};

/// A level that no pattern of a fuzzer has literally.
const FRESH: &str = "\u{10FFFF}";

impl Language {
    /// Whether the pattern means this topic or name.
    pub fn matches(&self, pattern: &str, text: &str) -> bool {
        let pattern: Vec<&str> = pattern.split(self.separator).collect();
        let text: Vec<&str> = text.split(self.separator).collect();
        self.matches_levels(&pattern, &text)
    }

    fn matches_levels(&self, pattern: &[&str], text: &[&str]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([], _) | (_, []) => false,
            ([first, ..], _) if *first == self.rest => true,
            ([first, pattern @ ..], [level, text @ ..]) => {
                (*first == self.one || first == level) && self.matches_levels(pattern, text)
            }
        }
    }

    /// Whether the rule means everything that the pattern means.
    ///
    /// The pattern is spelt out: each wildcard becomes levels that no rule names, the last one as
    /// many as a rule could tell apart. A rule that means all these texts means all others as well.
    pub fn covers(&self, rule: &str, pattern: &str) -> bool {
        let mut longest_rest = rule.split(self.separator).count() + 1;
        let mut levels: Vec<&str> = Vec::new();
        let mut is_open = false;
        for level in pattern.split(self.separator) {
            is_open = level == self.rest;
            if is_open {
                break;
            }
            levels.push(if level == self.one { FRESH } else { level });
        }
        let rule: Vec<&str> = rule.split(self.separator).collect();
        if !is_open {
            return self.matches_levels(&rule, &levels);
        }
        while longest_rest > 0 {
            longest_rest -= 1;
            levels.push(FRESH);
            if !self.matches_levels(&rule, &levels) {
                return false;
            }
        }
        true
    }

    /// The pattern up to its first wildcard for the rest: what follows means nothing.
    pub fn normal(&self, pattern: &str) -> String {
        let levels: Vec<&str> = pattern.split(self.separator).collect();
        let end = levels.iter().position(|level| *level == self.rest);
        let kept = &levels[..end.map_or(levels.len(), |end| end + 1)];
        kept.join(&self.separator.to_string())
    }
}
