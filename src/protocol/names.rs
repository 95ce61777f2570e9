//! Rules for client names (protocol, section 4).

use super::SECONDARY_SEP;
use crate::limits::{MAX_LEVELS, MAX_NAME_BYTES};

/// Why a client cannot have a name.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum NameError {
    /// Empty names are nobody's.
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    TooLong,
    /// More than [`MAX_LEVELS`] parts.
    TooManyParts,
    /// Names that start with a dot belong to the broker's own process.
    Reserved,
    /// Not UTF-8.
    NotUtf8,
    /// Control characters would reach logs and terminals; a NUL would end the name early.
    ControlCharacter,
    /// `*` and `?` would make the name look like a mask.
    Wildcard,
}

impl std::fmt::Display for NameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong => write!(f, "the name is longer than {MAX_NAME_BYTES} bytes"),
            Self::TooManyParts => write!(f, "the name has more than {MAX_LEVELS} parts"),
            Self::Reserved => f.write_str("names that start with a dot are reserved"),
            Self::NotUtf8 => f.write_str("the name is not valid UTF-8"),
            Self::ControlCharacter => f.write_str("the name contains a control character"),
            Self::Wildcard => f.write_str("the name contains a wildcard character (* or ?)"),
        }
    }
}

/// Checks the name that a client asks for. Clients in the broker's own process (`internal`) may
/// start theirs with a dot.
///
/// # Errors
///
/// The first rule that the name breaks.
pub fn check_name(name: &str, internal: bool) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if name.starts_with('.') && !internal {
        return Err(NameError::Reserved);
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter);
    }
    if name.contains(['*', '?']) {
        return Err(NameError::Wildcard);
    }
    if name.split('.').count() > MAX_LEVELS {
        return Err(NameError::TooManyParts);
    }
    Ok(())
}

/// The part of a name before the first `%%`: the primary client to which a secondary belongs, or
/// the name itself.
pub fn primary_name(name: &str) -> &str {
    name.split_once(SECONDARY_SEP)
        .map_or(name, |(primary, _)| primary)
}

/// True for the name of a secondary client.
pub fn is_secondary(name: &str) -> bool {
    name.contains(SECONDARY_SEP)
}
