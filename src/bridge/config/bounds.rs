//! Values between their bounds, and how both are shown.

use std::time::Duration;

use super::error::{At, Fault};
use crate::config_file::sizes::ByteSize;

/// Longest client id, user name and method, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

const SECOND: Duration = Duration::from_secs(1);

pub(super) type Checked = Result<(), Fault>;

pub(super) fn check_text(at: At, text: &str) -> Checked {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(Fault::new(
            at,
            format!("expected 1 to {MAX_TEXT_BYTES} bytes"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new(
            at,
            format!("{text:?} contains a control character"),
        ));
    }
    Ok(())
}

/// A plain number.
#[derive(PartialEq, PartialOrd)]
pub(super) struct Count(pub(super) usize);

/// A value as it stands in messages.
pub(super) trait Shown: PartialOrd {
    fn shown(&self) -> String;
}

impl Shown for Count {
    fn shown(&self) -> String {
        self.0.to_string()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        shown_duration(*self)
    }
}

impl Shown for ByteSize {
    fn shown(&self) -> String {
        match self.0 {
            0 => "0".into(),
            _ => self.to_string(),
        }
    }
}

/// `250 ms`, `5 s`, `1.5 s`.
pub(super) fn shown_duration(duration: Duration) -> String {
    if duration < SECOND && !duration.is_zero() {
        return format!("{} ms", duration.as_secs_f64() * 1000.0);
    }
    format!("{} s", duration.as_secs_f64())
}

pub(super) fn within<T: Shown>(at: At, value: T, min: T, max: T) -> Checked {
    let (bound, name) = match () {
        () if value < min => (min, "at least"),
        () if value > max => (max, "at most"),
        () => return Ok(()),
    };
    let what = format!("{} is not {name} {}", value.shown(), bound.shown());
    Err(Fault::new(at, what))
}

pub(super) fn whole_seconds(at: At, duration: Duration) -> Checked {
    if duration.subsec_nanos() == 0 {
        return Ok(());
    }
    let shown = shown_duration(duration);
    Err(Fault::new(at, format!("{shown}: expected whole seconds")))
}
