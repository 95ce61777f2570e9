//! Makes text of other clients safe to show. A name, topic or payload may hold escape sequences
//! that recolour, retitle or rewrite a terminal, and line breaks that imitate other output.

use std::borrow::Cow;
use std::fmt::Write;

/// The text on one line, with everything that acts on a terminal shown as an escape (`\n`,
/// `\u{1b}`).
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, acts, |out, c| out.extend(c.escape_default()))
}

/// The same for JSON that we have generated, which stays JSON: such characters stand in strings
/// there, and are escaped as JSON does it. Line breaks between values stay.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let escape = |out: &mut String, c| {
        // All of them are in the basic plane: one UTF-16 unit each. Writing to a string cannot fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    };
    escaped(json, |c| acts(c) && c != '\n', escape)
}

/// Control characters, and the invisible ones that break lines or reverse the direction of text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        )
        || matches!(c, '\u{2066}'..='\u{2069}')
}

fn escaped(
    text: &str,
    acts: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if !text.chars().any(&acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in [
            "",
            "plant.line1",
            "Füllstand 12 µm — ok",
            r#"C:\temp "x""#,
            "温度",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn h13_what_acts_on_a_terminal_is_shown_instead() {
        assert_eq!(printable("\x1b[2Jgone"), r"\u{1b}[2Jgone");
        assert_eq!(printable("a\nb\r\tc\0"), r"a\nb\r\tc\u{0}");
        assert_eq!(printable("\u{9b}31m\u{7f}"), r"\u{9b}31m\u{7f}");
        assert_eq!(printable("a\u{202e}b\u{2028}"), r"a\u{202e}b\u{2028}");
    }

    #[test]
    fn h13_escaped_json_is_still_the_same_json() {
        let value = serde_json::json!({"k\u{9b}": "\x1b[2J\u{7f}\u{202e}\n\t"});
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let shown = printable_json(&pretty);
        assert!(!shown.chars().any(|c| acts(c) && c != '\n'), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).expect("still JSON");
        assert_eq!(read, value);
    }
}
