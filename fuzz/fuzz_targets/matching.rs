//! Topic filters and masks (protocol, section 7): comparing, storing and finding them.
//!
//! - A pattern matches a text, and a rule covers a pattern, if and only if the oracle says so.
//! - What is found among stored filters for a topic, and among stored names for a mask, is what the
//!   oracle picks from a list, each once.
//! - Storage that has been emptied holds nothing.

#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use elbus_fuzz::oracle::{FILTERS, Language, MASKS};
use libfuzzer_sys::fuzz_target;
use matching::{FilterTrie, MASK, NameTrie, Syntax, TOPIC};

// Not a part of the library's interface.
#[allow(unused)]
#[path = "../../src/maps.rs"]
mod maps;
#[allow(unused)]
#[path = "../../src/matching/mod.rs"]
mod matching;

/// Levels of a pattern that are stored: few, to be exceeded.
const MAX_LEVELS: usize = 5;

/// One level of a text. Few different ones, so that texts have something in common.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Level<'a> {
    One,
    Rest,
    Empty,
    A,
    B,
    /// A wildcard of the other language, and one that is a part of a level.
    NotWild,
    Any(&'a str),
}

type Text<'a> = Vec<Level<'a>>;

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Insert(Text<'a>),
    Remove(Text<'a>),
    Find(Text<'a>),
    Compare(Text<'a>, Text<'a>),
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut filters = Stored::<matching::FilterTrie<String>>::new(TOPIC, FILTERS);
    let mut names = Stored::<matching::NameTrie<String>>::new(MASK, MASKS);
    for step in &steps {
        filters.carry_out(step);
        names.carry_out(step);
    }
    filters.empty();
    names.empty();
});

/// What is stored: in the way of the broker, and as a plain list.
struct Stored<T> {
    syntax: Syntax,
    language: Language,
    trie: T,
    list: BTreeSet<String>,
}

impl<T: Storage> Stored<T> {
    fn new(syntax: Syntax, language: Language) -> Self {
        Self {
            syntax,
            language,
            trie: T::new(),
            list: BTreeSet::new(),
        }
    }

    fn carry_out(&mut self, step: &Step<'_>) {
        match step {
            Step::Insert(text) => self.insert(&self.spell(text)),
            Step::Remove(text) => self.remove(&self.spell(text)),
            Step::Find(text) => self.find(&self.spell(text)),
            Step::Compare(pattern, text) => self.compare(&self.spell(pattern), &self.spell(text)),
        }
    }

    fn spell(&self, text: &[Level<'_>]) -> String {
        let Language {
            separator,
            one,
            rest,
        } = self.language;
        let levels = text.iter().map(|level| match level {
            Level::One => one,
            Level::Rest => rest,
            Level::Empty => "",
            Level::A => "a",
            Level::B => "b",
            Level::NotWild => "+?a*#",
            Level::Any(text) => text,
        });
        levels.collect::<Vec<_>>().join(&separator.to_string())
    }

    fn insert(&mut self, text: &str) {
        let key = T::key(self.language, text);
        if key.split(self.language.separator).count() > MAX_LEVELS {
            assert!(!self.trie.insert(text, &key), "{text:?} is too deep");
        } else {
            assert!(self.trie.insert(text, &key), "{text:?} is refused");
            self.list.insert(key);
        }
    }

    fn remove(&mut self, text: &str) {
        let key = T::key(self.language, text);
        let removed = self.trie.remove(text);
        assert_eq!(removed, self.list.take(&key), "{text:?}");
    }

    fn find(&self, text: &str) {
        let found = self.trie.find(text);
        let expected = self.list.iter();
        let expected = expected.filter(|key| T::means(self.language, key, text));
        assert!(expected.eq(&found), "{text:?} finds {found:?}");
    }

    fn compare(&self, pattern: &str, text: &str) {
        let matches = self.language.matches(pattern, text);
        assert_eq!(self.syntax.matches(pattern, text), matches);
        let covers = self.language.covers(pattern, text);
        assert_eq!(self.syntax.covers(pattern, text), covers);
        // The very promise that access rules are built on, without the oracle's way to it.
        for topic in self.list.iter().filter(|_| covers) {
            let escapes =
                self.language.matches(text, topic) && !self.language.matches(pattern, topic);
            assert!(
                !escapes,
                "{topic:?} is matched by {text:?} and not by {pattern:?}"
            );
        }
    }

    fn empty(mut self) {
        for key in std::mem::take(&mut self.list) {
            assert_eq!(self.trie.remove(&key), Some(key));
        }
        assert!(self.trie.is_empty());
    }
}

/// What the two kinds of storage have in common.
trait Storage {
    fn new() -> Self;
    fn insert(&mut self, key: &str, value: &str) -> bool;
    fn remove(&mut self, key: &str) -> Option<String>;
    fn find(&self, sought: &str) -> Vec<String>;
    fn is_empty(&self) -> bool;
    /// The text under which one is stored: several may mean the same.
    fn key(language: Language, text: &str) -> String;
    /// Whether a stored one is found by `sought`.
    fn means(language: Language, key: &str, sought: &str) -> bool;
}

macro_rules! storage {
    ($trie:ident, $key:expr, $means:expr) => {
        impl Storage for $trie<String> {
            fn new() -> Self {
                $trie::new(MAX_LEVELS)
            }

            fn insert(&mut self, key: &str, value: &str) -> bool {
                let slot = self.insert(key);
                slot.map(|slot| value.clone_into(slot)).is_ok()
            }

            fn remove(&mut self, key: &str) -> Option<String> {
                self.remove(key)
            }

            fn find(&self, sought: &str) -> Vec<String> {
                let mut found = Vec::new();
                self.for_each_matching(sought, |value| found.push(value.clone()));
                found.sort_unstable();
                found
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }

            fn key(language: Language, text: &str) -> String {
                $key(language, text)
            }

            fn means(language: Language, key: &str, sought: &str) -> bool {
                $means(language, key, sought)
            }
        }
    };
}

storage!(
    FilterTrie,
    |language: Language, text| language.normal(text),
    |language: Language, key, sought| language.matches(key, sought)
);
storage!(
    NameTrie,
    |_, text: &str| text.to_owned(),
    |language: Language, key, sought| language.matches(sought, key)
);
