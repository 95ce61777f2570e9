//! What a page shows as output, compared with what was printed. `…` stands for anything within a line,
//! and, alone on a line, for any lines.

const ANYTHING: &str = "…";

/// Whether the lines are those that are shown.
pub fn matches(shown: &str, printed: &str) -> bool {
    let shown: Vec<&str> = shown.lines().collect();
    let printed: Vec<&str> = printed.lines().collect();
    lines_match(&shown, &printed)
}

fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&ANYTHING, rest)), _) => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        (Some((line, shown)), Some((found, printed))) => {
            line_matches(line.trim_end(), found.trim_end()) && lines_match(shown, printed)
        }
        _ => false,
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANYTHING) else {
        return shown == printed;
    };
    let Some(printed) = printed.strip_prefix(start) else {
        return false;
    };
    let ends = printed.char_indices().map(|(at, _)| at);
    ends.chain([printed.len()])
        .any(|end| line_matches(rest, &printed[end..]))
}

#[test]
fn what_is_shown_is_what_may_be_printed() {
    for (shown, printed, same) in [
        ("a\nb\n", "a\nb\n", true),
        ("a\n", "a\nb\n", false),
        ("a\nb\n", "a\n", false),
        ("… INFO …\n", "10:00 INFO listening\n", true),
        ("… INFO …\n", "10:00 WARN listening\n", false),
        ("a…\n", "a\n", true),
        ("a\n…\nd\n", "a\nb\nc\nd\n", true),
        ("a\n…\n", "a\n", true),
        ("…\nd\n", "a\nb\n", false),
    ] {
        assert_eq!(matches(shown, printed), same, "{shown:?} {printed:?}");
    }
}
