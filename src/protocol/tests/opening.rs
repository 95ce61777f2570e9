//! The greeting, and the names that clients open with.

use proptest::prelude::*;

use super::super::handshake::{GREETING_BYTES, greeting, name_frame};
use super::super::names::{NameError, check_name, is_secondary, primary_name};
use crate::limits::{MAX_LEVELS, MAX_NAME_BYTES};

#[test]
fn the_greeting_is_magic_and_version() {
    assert_eq!(greeting(), [0xEB, 0x01, 0x00]);
    assert_eq!(greeting().len(), GREETING_BYTES);
}

#[test]
fn a_name_frame_is_length_and_name() {
    assert_eq!(name_frame("n0").unwrap(), b"\x02\0n0");
    assert_eq!(name_frame("").unwrap(), b"\0\0");
    let longest = "n".repeat(0xFFFF);
    assert_eq!(name_frame(&longest).unwrap().len(), 2 + 0xFFFF);
    assert_eq!(name_frame(&"n".repeat(0x1_0000)), None);
}

#[test]
fn ordinary_names_pass() {
    let long = "n".repeat(MAX_NAME_BYTES);
    for name in ["a", "group.sub.client", "a b/c+#", "gerät.ß", "p%%0", &long] {
        assert_eq!(check_name(name, false), Ok(()), "{name:?}");
    }
}

#[test]
fn bad_names_are_refused() {
    let too_long = "n".repeat(MAX_NAME_BYTES + 1);
    let too_many = ["a"; MAX_LEVELS + 1].join(".");
    let cases = [
        ("", NameError::Empty),
        (too_long.as_str(), NameError::TooLong),
        (too_many.as_str(), NameError::TooManyParts),
        (".broker", NameError::Reserved),
        ("a\0b", NameError::ControlCharacter),
        ("a\nb", NameError::ControlCharacter),
        ("a\u{9b}b", NameError::ControlCharacter),
        ("g.*", NameError::Wildcard),
        ("g?", NameError::Wildcard),
    ];
    for (name, error) in cases {
        assert_eq!(check_name(name, false), Err(error), "{name:?}");
    }
    assert_eq!(check_name(".broker", true), Ok(()));
    assert_eq!(check_name("", true), Err(NameError::Empty));
}

#[test]
fn secondaries_belong_to_the_text_before_the_first_separator() {
    for (name, primary) in [
        ("p", "p"),
        ("p%%0", "p"),
        ("p%%", "p"),
        ("p%%a%%b", "p"),
        ("%%a", ""),
        ("p%a", "p%a"),
    ] {
        assert_eq!(primary_name(name), primary);
        assert_eq!(is_secondary(name), name != primary);
    }
}

proptest! {
    #[test]
    fn name_frames_carry_the_name(name in ".{0,60}") {
        let frame = name_frame(&name).unwrap();
        let (length, rest) = frame.split_first_chunk().unwrap();
        prop_assert_eq!(usize::from(u16::from_le_bytes(*length)), name.len());
        prop_assert_eq!(rest, name.as_bytes());
    }
}
