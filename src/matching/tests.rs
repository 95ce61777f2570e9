//! The tables of the protocol, and random sequences against an oracle of a few lines.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use proptest::sample::select;

use super::trie::TooDeep;
use super::{FilterTrie, MASK, NameTrie, Syntax, TOPIC};

/// Names of a large bus. Miri is a thousand times slower.
const MANY: usize = if cfg!(miri) { 50 } else { 10_000 };

const MAX_LEVELS: usize = 4;

/// The filters, then the topics that each of them matches, then those that it does not.
const FILTER_TABLE: &[(&str, &[&str], &[&str])] = &[
    (
        "a/#",
        &["a/", "a/b", "a/b/c", "a//", "a/+"],
        &["a", "", "b/a", "/a"],
    ),
    (
        "#",
        &["", "/", "$x/y", ".broker/info", "a", "a/b", "+", "#"],
        &[],
    ),
    ("+", &["", "a", "+", "#", "$x"], &["/", "a/", "a/b"]),
    (
        "a/+",
        &["a/", "a/b", "a/+", "a/#"],
        &["a", "a/b/c", "a//", "ab"],
    ),
    ("+/+", &["/", "a/", "/b", "a/b"], &["", "a", "//"]),
    ("a/+/b", &["a//b", "a/x/b"], &["a/b", "a/x/y/b", "a/x/c"]),
    ("+/#", &["/", "a/", "a/b", "a/b/c"], &["a", ""]),
    ("", &[""], &["/", "a"]),
    ("a+", &["a+"], &["a", "ab", "a/b"]),
    ("a#", &["a#"], &["a", "ab", "a/b"]),
    ("*", &["*"], &["", "a"]),
    ("?", &["?"], &["", "a"]),
    ("a/B", &["a/B"], &["a/b", "A/B", "a/B/", "/a/B"]),
    ("$x/y", &["$x/y"], &["$x", "x/y"]),
    ("a/#/x", &["a/", "a/x", "a/b/c"], &["a"]),
];

/// The masks, then the names that each of them reaches, then those that it does not.
const MASK_TABLE: &[(&str, &[&str], &[&str])] = &[
    ("*", &["a", "g.a", "g.", "g.a%%x", "?", "*"], &[]),
    ("g.*", &["g.a", "g.a.b", "g.", "g..a"], &["g", "h.a"]),
    ("g.?", &["g.a", "g.", "g.?", "g.*"], &["g", "g.a.b"]),
    ("?.a", &["g.a", "h.a", ".a"], &["a", "g.b.a"]),
    ("g.?.b", &["g.a.b", "g..b"], &["g.b", "g.a.c"]),
    ("g", &["g"], &["g.a", "G"]),
    ("g*", &["g*"], &["g", "ga", "g.a"]),
    ("g.a*", &["g.a*"], &["g.a", "g.ab"]),
    ("x%%*", &["x%%*"], &["x", "x%%1"]),
    ("", &[], &["a", "g.", "*"]),
    ("g.*.x", &["g.a", "g.a.b"], &["g"]),
    ("+", &["+"], &["a"]),
];

#[test]
fn filters_match_as_the_protocol_says() {
    for &(filter, hits, misses) in FILTER_TABLE {
        let mut trie = FilterTrie::<()>::new(MAX_LEVELS);
        trie.insert(filter).unwrap();
        let found = |topic| {
            let mut found = 0;
            trie.for_each_matching(topic, |()| found += 1);
            found
        };
        for topic in hits {
            assert!(TOPIC.matches(filter, topic), "{filter:?} {topic:?}");
            assert_eq!(found(topic), 1, "{filter:?} {topic:?}");
        }
        for topic in misses {
            assert!(!TOPIC.matches(filter, topic), "{filter:?} {topic:?}");
            assert_eq!(found(topic), 0, "{filter:?} {topic:?}");
        }
    }
}

#[test]
fn masks_reach_as_the_protocol_says() {
    for &(mask, hits, misses) in MASK_TABLE {
        let mut trie = NameTrie::<String>::new(MAX_LEVELS);
        for name in hits.iter().chain(misses) {
            *trie.insert(name).unwrap() = (*name).to_owned();
        }
        let expected: BTreeSet<String> = hits.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(names_in(&trie, mask), Vec::from_iter(expected), "{mask:?}");
        for name in hits {
            assert!(MASK.matches(mask, name), "{mask:?} {name:?}");
        }
        for name in misses {
            assert!(!MASK.matches(mask, name), "{mask:?} {name:?}");
        }
    }
}

#[test]
fn rules_cover_only_what_they_match_entirely() {
    let cases = [
        ("sensors/+", "sensors/a", true),
        ("sensors/+", "sensors/+", true),
        ("sensors/+", "sensors/#", false),
        ("+", "#", false),
        ("#", "#", true),
        ("#", "", true),
        ("#", "+/#", true),
        ("+/#", "#", false),
        ("a", "+", false),
        ("a/#", "a", false),
        ("a/#", "a/+/c/#", true),
        ("a/b", "a", false),
        ("a", "a/b", false),
        ("a/#/x", "a/b", true),
        ("a/#", "a/#/x", true),
    ];
    for (rule, filter, expected) in cases {
        assert_eq!(TOPIC.covers(rule, filter), expected, "{rule:?} {filter:?}");
    }
    assert!(MASK.covers("g.*", "g.?.x"));
    assert!(!MASK.covers("g.?", "g.*"));
}

#[test]
fn spellings_of_one_filter_share_a_value() {
    let mut trie = FilterTrie::<u8>::new(MAX_LEVELS);
    *trie.insert("a/#/x").unwrap() = 1;
    assert_eq!(trie.insert("a/#"), Ok(&mut 1));
    assert_eq!(trie.get_mut("a/#/y"), Some(&mut 1));
    assert_eq!(trie.len(), 1);
    assert_eq!(trie.remove("a/#"), Some(1));
    assert_eq!(trie.remove("a/#"), None);
}

#[test]
fn names_with_wildcards_are_names() {
    let mut trie = NameTrie::<String>::new(MAX_LEVELS);
    for name in ["g.?", "g.*", "g.*.a"] {
        *trie.insert(name).unwrap() = name.to_owned();
    }
    assert_eq!(names_in(&trie, "g.?"), ["g.*", "g.?"]);
    assert_eq!(trie.remove("g.*"), Some("g.*".to_owned()));
    assert_eq!(names_in(&trie, "*"), ["g.*.a", "g.?"]);
}

#[test]
fn a_prefix_of_a_key_is_not_a_key() {
    let mut trie = FilterTrie::<()>::new(MAX_LEVELS);
    trie.insert("a/b/c").unwrap();
    assert_eq!(trie.get("a/b"), None);
    assert_eq!(trie.remove("a/b"), None);
    assert_eq!((trie.len(), trie.node_count()), (1, 4));
}

#[test]
#[cfg_attr(
    miri,
    ignore = "takes minutes, and there is no stack that could overflow"
)]
fn deep_texts_neither_overflow_the_stack_nor_are_stored() {
    for (syntax, one, rest) in [(TOPIC, "+/", "#"), (MASK, "?.", "*")] {
        let deep = one.repeat(100_000);
        let deep_rest = deep.clone() + rest;
        assert!(syntax.matches(&deep, &deep));
        assert!(syntax.covers(&deep_rest, &deep));
        assert!(syntax.covers(rest, &deep_rest));
        assert!(!syntax.covers(&deep, &deep_rest));
    }

    let deep_topic = "a/".repeat(100_000);
    let mut filters = FilterTrie::<String>::new(128);
    assert_eq!(
        filters.insert(&deep_topic),
        Err(TooDeep { max_levels: 128 })
    );
    assert_eq!(filters.node_count(), 1);
    assert_eq!(filters.remove(&deep_topic), None);
    let deepest = "a/".repeat(127) + "#";
    let just_short = "+/".repeat(127) + "a";
    for filter in ["#", "+/a/#", "a", &deepest, &just_short] {
        *filters.insert(filter).unwrap() = filter.to_owned();
    }
    let mut expected = ["#", "+/a/#", &deepest];
    expected.sort_unstable();
    assert_eq!(filters_of(&filters, &deep_topic), expected);
    assert_eq!(
        filters.insert(&("a/".repeat(128) + "#")),
        Err(TooDeep { max_levels: 128 })
    );

    let mut names = NameTrie::<String>::new(128);
    let deep_name = "a.".repeat(100_000);
    assert_eq!(names.insert(&deep_name), Err(TooDeep { max_levels: 128 }));
    let deepest = "a.".repeat(127) + "a";
    *names.insert(&deepest).unwrap() = deepest.clone();
    assert!(names_in(&names, &deep_name).is_empty());
    assert!(names_in(&names, &"?.".repeat(100_000)).is_empty());
    assert_eq!(names_in(&names, "a.?.*"), [deepest]);
}

#[test]
fn many_names_come_and_go_without_a_trace() {
    let mut trie = NameTrie::<String>::new(MAX_LEVELS);
    trie.insert("g.stays").unwrap();
    let before = (trie.len(), trie.node_count(), trie.level_text_count());
    let names: Vec<String> = (0..MANY).map(|i| format!("g.{i}.x")).collect();
    for name in &names {
        trie.insert(name).unwrap().clone_from(name);
    }
    assert_eq!(names_in(&trie, "g.?.x").len(), names.len());
    assert_eq!(names_in(&trie, "*").len(), names.len() + 1);
    for name in &names {
        assert_eq!(trie.remove(name).as_ref(), Some(name));
    }
    assert_eq!(
        (trie.len(), trie.node_count(), trie.level_text_count()),
        before
    );
}

fn filters_of(trie: &FilterTrie<String>, topic: &str) -> Vec<String> {
    let mut found = Vec::new();
    trie.for_each_matching(topic, |filter| found.push(filter.clone()));
    found.sort_unstable();
    found
}

fn names_in(trie: &NameTrie<String>, mask: &str) -> Vec<String> {
    let mut found = Vec::new();
    trie.for_each_matching(mask, |name| found.push(name.clone()));
    found.sort_unstable();
    found
}

/// The rules of sections 7.1 and 7.2, spelt for topics.
fn oracle(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#", ..], [_, ..]) => true,
        (["+", filter @ ..], [_, topic @ ..]) => oracle(filter, topic),
        ([level, filter @ ..], [text, topic @ ..]) => level == text && oracle(filter, topic),
        ([], []) => true,
        _ => false,
    }
}

const TEXTS: [&str; 8] = ["", "+", "#", "?", "*", "a", "b", "a+"];

fn levels() -> impl Strategy<Value = Vec<&'static str>> {
    // Few levels and a preference for wildcards, so that matches are not rare.
    let text = prop_oneof![select(&TEXTS[..]), select(vec!["+", "#", "a", ""])];
    prop::collection::vec(text, 1..=MAX_LEVELS + 2)
}

/// The same levels written as a topic filter is, and as a mask is.
fn spell(syntax: Syntax, levels: &[&str]) -> String {
    if syntax == TOPIC {
        return levels.join("/");
    }
    let swapped = levels.iter().map(|&level| match level {
        "+" => "?",
        "#" => "*",
        "?" => "+",
        "*" => "#",
        other => other,
    });
    Vec::from_iter(swapped).join(".")
}

/// Without what follows a `#`.
fn normalised<'a>(filter: &[&'a str]) -> Vec<&'a str> {
    let end = filter.iter().position(|&level| level == "#");
    filter[..end.map_or(filter.len(), |rest| rest + 1)].to_vec()
}

/// Nodes of a trie of these keys: the root, and one per beginning of a key.
fn node_count_of(keys: &BTreeSet<Vec<&str>>) -> usize {
    let beginnings = keys
        .iter()
        .flat_map(|key| (1..=key.len()).map(|len| &key[..len]));
    1 + beginnings.collect::<HashSet<_>>().len()
}

/// All topics of up to four levels from an alphabet in which one text, `new`, is in no filter.
fn all_topics() -> Vec<Vec<&'static str>> {
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    let mut begin = 0;
    for _ in 0..4 {
        let longer = all[begin..].iter().flat_map(|topic| {
            ["", "a", "a+", "new"].map(|text| [topic.as_slice(), &[text]].concat())
        });
        let longer = Vec::from_iter(longer);
        begin = all.len();
        all.extend(longer);
    }
    all.split_off(1)
}

/// `true` inserts the key, `false` removes it.
fn operations() -> impl Strategy<Value = Vec<(bool, Vec<&'static str>)>> {
    prop::collection::vec((prop::bool::weighted(0.7), levels()), 0..60)
}

proptest! {
    #[test]
    fn matches_as_the_oracle(filter in levels(), topic in levels()) {
        for syntax in [TOPIC, MASK] {
            let matches = syntax.matches(&spell(syntax, &filter), &spell(syntax, &topic));
            prop_assert_eq!(matches, oracle(&filter, &topic));
        }
    }

    #[test]
    fn covers_if_no_topic_tells_the_difference(
        rule in prop::collection::vec(select(vec!["", "+", "#", "a", "a+"]), 1..=3),
        filter in prop::collection::vec(select(vec!["", "+", "#", "a", "a+"]), 1..=3),
    ) {
        let expected = all_topics()
            .iter()
            .all(|topic| oracle(&rule, topic) || !oracle(&filter, topic));
        for syntax in [TOPIC, MASK] {
            let covers = syntax.covers(&spell(syntax, &rule), &spell(syntax, &filter));
            prop_assert_eq!(covers, expected);
        }
    }

    #[test]
    fn filters_are_found_as_by_the_oracle(
        operations in operations(),
        topics in prop::collection::vec(levels(), 1..20),
    ) {
        let mut trie = FilterTrie::<String>::new(MAX_LEVELS);
        let mut model = BTreeSet::new();
        for (insert, filter) in &operations {
            let (key, text) = (normalised(filter), spell(TOPIC, filter));
            if !insert {
                prop_assert_eq!(trie.remove(&text).is_some(), model.remove(&key));
            } else if key.len() <= MAX_LEVELS {
                *trie.insert(&text).unwrap() = spell(TOPIC, &key);
                model.insert(key);
            } else {
                prop_assert!(trie.insert(&text).is_err());
            }
            prop_assert_eq!((trie.len(), trie.node_count()), (model.len(), node_count_of(&model)));
        }
        for topic in &topics {
            let matching = model.iter().filter(|filter| oracle(filter, topic));
            let mut expected = Vec::from_iter(matching.map(|filter| spell(TOPIC, filter)));
            expected.sort_unstable();
            prop_assert_eq!(filters_of(&trie, &spell(TOPIC, topic)), expected);
        }
        for filter in &model {
            prop_assert!(trie.remove(&spell(TOPIC, filter)).is_some());
        }
        prop_assert_eq!((trie.is_empty(), trie.node_count(), trie.level_text_count()), (true, 1, 0));
    }

    #[test]
    fn names_are_found_as_by_the_oracle(
        operations in operations(),
        masks in prop::collection::vec(levels(), 1..20),
    ) {
        let mut trie = NameTrie::<String>::new(MAX_LEVELS);
        let mut model = BTreeSet::new();
        for (insert, name) in &operations {
            let text = spell(MASK, name);
            if !insert {
                prop_assert_eq!(trie.remove(&text).is_some(), model.remove(name));
            } else if name.len() <= MAX_LEVELS {
                trie.insert(&text).unwrap().clone_from(&text);
                model.insert(name.clone());
            } else {
                prop_assert!(trie.insert(&text).is_err());
            }
            let texts: HashSet<_> = model.iter().flatten().collect();
            prop_assert_eq!((trie.len(), trie.node_count()), (model.len(), node_count_of(&model)));
            prop_assert_eq!(trie.level_text_count(), texts.len());
        }
        for mask in &masks {
            let matching = model.iter().filter(|name| oracle(mask, name));
            let mut expected = Vec::from_iter(matching.map(|name| spell(MASK, name)));
            expected.sort_unstable();
            prop_assert_eq!(names_in(&trie, &spell(MASK, mask)), expected);
        }
    }
}
