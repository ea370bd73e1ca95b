//! The only clock that decides anything.

use crate::order::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let micros = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
    Timestamp(micros)
}

/// A moment and a span, in the unit of [`Timestamp`].
pub(crate) fn after(at: Timestamp, span: std::time::Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}
