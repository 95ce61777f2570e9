//! What people see of `elbus`, compared with the files in `snapshots`.

use crate::common::snapshot;

/// The text must be the one in the file of this name.
#[track_caller]
pub fn assert_snapshot(name: &str, text: &str) {
    snapshot::assert_snapshot("cli", name, text);
}

/// The text without what is different each time: numbers become `N`, and the widths of columns, which
/// depend on them, one space or dash. Digits that belong to a word stay.
pub fn normalised(text: &str) -> String {
    let mut out = String::new();
    let mut in_word = false;
    for c in text.chars() {
        in_word = c.is_ascii_lowercase() || in_word && c.is_ascii_digit();
        let c = if c.is_ascii_digit() && !in_word {
            'N'
        } else {
            c
        };
        let repeats = matches!(c, 'N' | ' ' | '-') && out.ends_with(c);
        if !repeats {
            out.push(c);
        }
    }
    // With a fraction, an SI prefix, an exponent, or none of them.
    for number in ["N.N", "Nk", "NM", "Ne-N"] {
        out = out.replace(number, "N");
    }
    let lines = out.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

#[test]
fn what_is_different_each_time_is_taken_out() {
    let text = "name    in/s\n----  ------\npump1   12.5k\nsink  9.1e-5 \n";
    assert_eq!(normalised(text), "name in/s\n- -\npump1 N\nsink N\n");
}
