//! Numbers and byte sizes as they are written in files and on command lines.

use std::fmt;
use std::str::FromStr;

/// Suffixes of byte sizes and what they stand for.
const UNITS: [(char, usize); 3] = [('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

/// A number of bytes, at least 1: `4096`, `512K`, `16M`, `1G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct ByteSize(pub usize);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = UNITS
            .iter()
            .find_map(|&(suffix, unit)| {
                let number = text.strip_suffix([suffix, suffix.to_ascii_lowercase()])?;
                Some((number, unit))
            })
            .unwrap_or((text, 1));
        let number =
            decimal(number).ok_or("expected a number of bytes, as in 4096, 512K or 16M")?;
        match number.checked_mul(unit) {
            Some(0) => Err("must be at least 1".into()),
            Some(bytes) => Ok(Self(bytes)),
            None => Err("is more than this machine can address".into()),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => self.0.fmt(f),
        }
    }
}

/// A whole number of at least 1.
pub fn positive(text: &str) -> Result<usize, String> {
    match decimal(text) {
        Some(0) => Err("must be at least 1".into()),
        Some(number) => Ok(number),
        None => Err("expected a whole number".into()),
    }
}

/// A number in plain digits: no sign, no blanks.
pub fn decimal(text: &str) -> Option<usize> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_sizes_with_and_without_suffix() {
        for (text, bytes) in [
            ("1", 1),
            ("16384", 16_384),
            ("16K", 16_384),
            ("3m", 3 * 1024 * 1024),
            ("1G", 1024 * 1024 * 1024),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn byte_sizes_that_make_no_sense() {
        for text in [
            "",
            "0",
            "0K",
            "K",
            "-1",
            "+1",
            " 1",
            "1.5K",
            "1T",
            "1KB",
            "99999999999999999999",
            "18014398509481984K",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn byte_sizes_are_shown_as_they_are_read() {
        for text in ["1", "1000", "16K", "1M", "1025K", "2G"] {
            let size: ByteSize = text.parse().expect("a size");
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn numbers_are_at_least_one() {
        assert_eq!(positive("1"), Ok(1));
        for text in ["", "0", "-1", "+1", "1.0", "many", "99999999999999999999"] {
            assert!(positive(text).is_err(), "{text}");
        }
    }
}
