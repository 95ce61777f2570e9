//! Payloads are bytes whose meaning only their sender knows. This guesses it, and shows the result
//! without letting it do any harm: no escape sequence reaches the terminal, and what is printed is
//! not many times larger than what was received.

use std::fmt::Write;

use serde::Deserializer;
use serde_json::value::RawValue;

use crate::escape::{printable, printable_json};

/// Deepest nesting of a MessagePack value that is shown as such, equal to what `serde_json` accepts
/// for JSON. Both decoders recurse, so without a limit a payload could use up the stack.
const MAX_DEPTH: usize = 128;

/// Longest compact JSON that is indented for people, in bytes: deep in a hostile payload one byte
/// would become [`MAX_DEPTH`] indents.
const MAX_INDENTED_BYTES: usize = 256 * 1024;

/// Bytes of a payload that is neither text nor MessagePack which people get to see.
const MAX_HEX_BYTES: usize = 256;

/// A payload and what it looks like. JSON is kept compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Text that is JSON.
    Json(String),
    /// Any other text.
    Text(&'a str),
    /// One MessagePack value, as JSON.
    MessagePack(String),
    /// Anything else.
    Binary(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// Guesses what the bytes are. The guess is made in the order of the variants.
    pub fn of(bytes: &'a [u8]) -> Self {
        if let Some(text) = as_text(bytes) {
            return transcode_json(text).map_or(Self::Text(text), Self::Json);
        }
        transcode_messagepack(bytes).map_or(Self::Binary(bytes), Self::MessagePack)
    }

    /// The name of the guess for programs.
    pub fn format(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Text(_) => "text",
            Self::MessagePack(_) => "msgpack",
            Self::Binary(_) => "binary",
        }
    }

    /// For people: the value after the name of the guess, structured values indented.
    pub fn labelled(&self) -> String {
        match self {
            Self::Json(json) => format!("JSON:\n{}", indented(json)),
            Self::Text(text) => format!("STR: {}", printable(text)),
            Self::MessagePack(json) => format!("MSGPACK:\n{}", indented(json)),
            Self::Binary(bytes) => format!("HEX: {}", abridged_hex(bytes)),
        }
    }

    /// The bare value on one line.
    pub fn compact(&self) -> String {
        match self {
            Self::Json(json) | Self::MessagePack(json) => printable_json(json).into_owned(),
            Self::Text(text) => printable(text).into_owned(),
            Self::Binary(bytes) => abridged_hex(bytes),
        }
    }

    /// The complete value as JSON: text and the hexadecimal form of binary data as strings.
    pub fn to_json(&self) -> Box<RawValue> {
        let json = match self {
            Self::Json(json) | Self::MessagePack(json) => json.clone(),
            Self::Text(text) => serde_json::Value::from(*text).to_string(),
            Self::Binary(bytes) => serde_json::Value::from(hex(bytes)).to_string(),
        };
        // What the serializer has written is JSON; the alternative is for the compiler only.
        RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

/// Text is UTF-8 without the control characters below the tab. Those are what short binary data
/// that happens to be UTF-8 is made of: the number 5 in MessagePack, say.
fn as_text(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().any(|&byte| byte < b'\t') {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

/// Compact JSON, with the order and the duplicates of its keys kept; `None` if it is not JSON.
fn transcode_json(text: &str) -> Option<String> {
    let mut decoder = serde_json::Deserializer::from_str(text);
    let json = transcode(&mut decoder)?;
    decoder.end().ok()?;
    Some(json)
}

/// JSON of exactly one MessagePack value; `None` if it is not one or JSON has no form for it.
fn transcode_messagepack(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(MAX_DEPTH);
    let json = transcode(&mut decoder)?;
    rest.is_empty().then_some(json)
}

/// Goes from one form to the other without a tree of values in between: the memory this takes is
/// in proportion to the payload, whatever lengths the payload declares.
fn transcode<'de>(decoder: impl Deserializer<'de>) -> Option<String> {
    let mut json = Vec::new();
    serde_transcode::transcode(decoder, &mut serde_json::Serializer::new(&mut json)).ok()?;
    String::from_utf8(json).ok()
}

fn indented(json: &str) -> String {
    let mut out = Vec::new();
    if json.len() <= MAX_INDENTED_BYTES {
        let mut decoder = serde_json::Deserializer::from_str(json);
        let mut encoder = serde_json::Serializer::pretty(&mut out);
        if serde_transcode::transcode(&mut decoder, &mut encoder).is_err() {
            out.clear();
        }
    }
    match std::str::from_utf8(&out) {
        Ok(pretty) if !pretty.is_empty() => printable_json(pretty).into_owned(),
        _ => printable_json(json).into_owned(),
    }
}

fn abridged_hex(bytes: &[u8]) -> String {
    match bytes.get(..MAX_HEX_BYTES) {
        Some(shown) if shown.len() < bytes.len() => {
            format!("{}... ({} bytes)", hex(shown), bytes.len())
        }
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretty(bytes: &[u8]) -> String {
        Payload::of(bytes).labelled()
    }

    #[test]
    fn each_kind_has_its_label() {
        assert_eq!(
            pretty(b"{\"b\":1,\"a\":[2]}"),
            "JSON:\n{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}"
        );
        assert_eq!(pretty(b"hello"), "STR: hello");
        assert_eq!(pretty(b"\x81\xa2ok\xc3"), "MSGPACK:\n{\n  \"ok\": true\n}");
        assert_eq!(pretty(b"\xc1\xff"), "HEX: c1ff");
        assert_eq!(pretty(b""), "STR: ");
    }

    #[test]
    fn compact_values_stand_alone_on_one_line() {
        for (bytes, value) in [
            (
                &b" {\"b\": 1,\n \"a\": \"x\\ny\"} "[..],
                r#"{"b":1,"a":"x\ny"}"#,
            ),
            (b"hello\nworld", r"hello\nworld"),
            (b"\x81\xa2ok\xc3", r#"{"ok":true}"#),
            (b"\xc1\xff", "c1ff"),
            (b"", ""),
        ] {
            assert_eq!(Payload::of(bytes).compact(), value);
        }
    }

    #[test]
    fn json_output_is_complete() {
        for (bytes, json) in [
            (&b"{\"b\": 1, \"a\": 2}"[..], r#"{"b":1,"a":2}"#.to_owned()),
            (b"say \"hi\"\n", r#""say \"hi\"\n""#.to_owned()),
            (b"\x81\xa2ok\xc3", r#"{"ok":true}"#.to_owned()),
            (&[0xFF; 1000], format!("\"{}\"", "ff".repeat(1000))),
        ] {
            assert_eq!(Payload::of(bytes).to_json().get(), json);
        }
    }

    #[test]
    fn hex_is_abridged_for_people() {
        assert_eq!(pretty(&[0xFF; 256]), format!("HEX: {}", "ff".repeat(256)));
        assert_eq!(
            pretty(&[0xFF; 257]),
            format!("HEX: {}... (257 bytes)", "ff".repeat(256))
        );
    }

    #[test]
    fn messagepack_is_one_whole_value() {
        for (bytes, json) in [
            (&b"\x05"[..], Some("5")),
            (b"\xff", Some("-1")),
            (b"\xcb\x7f\xf8\0\0\0\0\0\0", Some("null")),
            (b"\xc4\x02\x01\xff", Some("[1,255]")),
            (b"\x81\x01\xc0", Some(r#"{"1":null}"#)),
            (b"\xd4\x05\x07", Some("[5,[7]]")),
            (b"\x82\xa1k\x01\xa1k\x02", Some(r#"{"k":1,"k":2}"#)),
            // A second value follows; the value is cut short; a key that JSON cannot have.
            (b"\xc3\xc3", None),
            (b"\x92\x01", None),
            (b"\x81\x90\x01", None),
        ] {
            assert_eq!(
                transcode_messagepack(bytes).as_deref(),
                json,
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn h5_huge_declared_lengths_take_no_memory() {
        // A map, an array, a string and binary data of four billion elements, with none of them.
        for head in [0xDF, 0xDD, 0xDB, 0xC6] {
            let bytes = [head, 0xFF, 0xFF, 0xFF, 0xFF];
            assert_eq!(Payload::of(&bytes), Payload::Binary(&bytes));
        }
    }

    #[test]
    fn h5_deep_nesting_is_not_followed() {
        let nested = |depth: usize| [vec![0x91; depth], vec![0xC0]].concat();
        assert!(matches!(Payload::of(&nested(100)), Payload::MessagePack(_)));
        assert!(matches!(
            Payload::of(&nested(1_000_000)),
            Payload::Binary(_)
        ));
        let json = "[".repeat(1_000_000);
        assert!(matches!(Payload::of(json.as_bytes()), Payload::Text(_)));
    }

    #[test]
    fn h5_what_is_deep_and_long_is_not_indented() {
        // 100 arrays around half a million nulls: indented, 100 MB.
        let items = 500_000_u32.to_be_bytes();
        let bytes = [
            vec![0x91; 100],
            vec![0xDD],
            items.to_vec(),
            vec![0xC0; 500_000],
        ]
        .concat();
        let payload = Payload::of(&bytes);
        assert!(matches!(payload, Payload::MessagePack(_)));
        assert!(payload.labelled().len() < 3_000_000);
    }

    #[test]
    fn h13_no_kind_lets_control_characters_through() {
        for bytes in [
            &b"\x1b]0;owned\x1b\\"[..],
            "\u{9b}2J".as_bytes(),
            "{\"\u{9b}2J\": \"\u{7f}\u{202e}\"}".as_bytes(),
            b"\x81\xa4\x1b[2J\xa3\xc2\x9b\x07",
        ] {
            let payload = Payload::of(bytes);
            let json = printable_json(payload.to_json().get()).into_owned();
            for shown in [payload.labelled(), payload.compact(), json] {
                assert!(
                    shown.chars().all(|c| c == '\n' || !c.is_control()),
                    "{shown:?}"
                );
            }
        }
    }
}
