//! `docs/security.md` names a test for each promise: the tests exist, and each row has one.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::{files, text};

/// Rows of the list of hazards. H20 is about something that does not exist yet.
const ROWS: [(char, u8); 2] = [('o', 17), ('h', 19)];

fn is_named_after_a_row(word: &str) -> bool {
    let bytes = word.as_bytes();
    let starts = matches!(bytes, [b'b' | b'o' | b'h', d1, d2, b'_', ..] if d1.is_ascii_digit() && d2.is_ascii_digit());
    starts && bytes.len() > 4
}

/// The functions of the tests that are named after rows.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in [files("tests"), files("src")].concat() {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(&file).expect("source");
        for part in source.split("fn ").skip(1) {
            let name: String = part
                .chars()
                .take_while(|symbol| symbol.is_ascii_alphanumeric() || *symbol == '_')
                .collect();
            if is_named_after_a_row(&name) {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn every_promise_has_its_tests() {
    let promises = text("docs/security.md");
    let named: BTreeSet<String> = promises
        .split('`')
        .filter(|word| is_named_after_a_row(word))
        .map(str::to_owned)
        .collect();
    let tests = tests();
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    let of_rows = |name: &&String| name.starts_with(['o', 'h']);
    let unnamed: Vec<_> = tests.difference(&named).filter(of_rows).collect();
    assert!(unnamed.is_empty(), "not in docs/security.md: {unnamed:?}");
    for (kind, last) in ROWS {
        for number in 1..=last {
            let row = format!("{kind}{number:02}_");
            let found = named.iter().any(|name| name.contains(&row));
            assert!(found, "no test for row {row}");
        }
    }
}
