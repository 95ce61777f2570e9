//! Texts that have to fit somewhere.

use std::borrow::Cow;

/// The text, or its beginning and an ellipsis: at most `max` characters in all.
pub fn abridged(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept = text.chars().take(max.saturating_sub(1));
            Cow::Owned(kept.chain(['…']).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        for text in ["", "abc", "üöä"] {
            assert_eq!(abridged(text, 3), text);
        }
    }

    #[test]
    fn what_does_not_fit_ends_with_an_ellipsis() {
        assert_eq!(abridged("abcd", 3), "ab…");
        assert_eq!(abridged("üöäß", 3), "üö…");
        assert_eq!(abridged("abcd", 1), "…");
    }
}
