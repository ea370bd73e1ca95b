//! Reading one header of a callback.

use http::HeaderMap;

use crate::{Instant, Reason, Rejection};

/// The value of a header that must be there exactly once.
///
/// A second one is refused: proxies and servers disagree on which of two counts.
pub(crate) fn required<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Rejection> {
    optional(headers, name)?
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Rejection::new(Reason::SignatureMissing, format!("header {name} is missing or empty")))
}

/// The value of a header that may be missing, but not be there twice.
pub(crate) fn optional<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Rejection> {
    let malformed = |what: &str| Rejection::new(Reason::Malformed, format!("header {name} {what}"));
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| malformed("is not ASCII")),
        (Some(_), Some(_)) => Err(malformed("appears twice")),
    }
}

/// A Unix time written as plain decimal digits.
pub(crate) fn unix_seconds(text: &str) -> Result<Instant, Rejection> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain
        .then(|| text.parse().ok())
        .flatten()
        .map(Instant::from_seconds)
        .ok_or_else(|| Rejection::new(Reason::Malformed, "the signature's timestamp is not plain digits"))
}
