//! Identifiers out of messages: they become database keys, log fields and words on a screen, so only
//! visible ASCII of bounded length passes. Platforms document nothing else for their numbers.

use crate::{Reason, Rejection};

const MAX_ID: usize = 64;
const MAX_LABEL: usize = 128;

/// A number of a payment or refund: 1 to 64 visible ASCII characters.
pub(crate) fn id(text: &str, field: &str) -> Result<String, Rejection> {
    bounded(text, field, MAX_ID)
}

/// A notice's own id or kind: 1 to 128 visible ASCII characters.
pub(crate) fn label(text: &str, field: &str) -> Result<String, Rejection> {
    bounded(text, field, MAX_LABEL)
}

/// [`id`] for fields that may be missing; an empty text is a missing one.
pub(crate) fn optional_id(text: Option<&str>, field: &str) -> Result<Option<String>, Rejection> {
    text.filter(|text| !text.is_empty()).map(|text| id(text, field)).transpose()
}

/// What an unverified message claims, if it is clean enough to be shown.
pub(crate) fn claimed(text: &str) -> Option<String> {
    id(text, "").ok()
}

fn bounded(text: &str, field: &str, max: usize) -> Result<String, Rejection> {
    if (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Rejection::new(Reason::Malformed, format!("{field} is not 1 to {max} visible ASCII characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_ascii_of_bounded_length() {
        assert_eq!(id("2026-AB_1", "x").as_deref(), Ok("2026-AB_1"));
        for text in ["", " ", "a b", "a\0", "a\r\nb", "\u{202e}x", "é", "\u{1b}[31m", &"a".repeat(65)] {
            assert_eq!(id(text, "x").map_err(|r| r.reason), Err(Reason::Malformed), "{text:?}");
        }
        assert_eq!(optional_id(Some(""), "x"), Ok(None));
    }
}
