//! Pages: sizes and opaque tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::error::Violations;
use crate::store::Cursor;

const DEFAULT: u32 = 50;
const MAX: u32 = 500;

/// What a caller asks of a listing.
pub(super) struct PageRequest {
    pub(super) limit: u32,
    pub(super) after: Option<Cursor>,
}

pub(super) fn request(violations: &mut Violations, size: i32, token: &str) -> Option<PageRequest> {
    let size = violations.take("page_size", u32::try_from(size).map_err(|_| "must not be negative"));
    let after = match token {
        "" => Some(None),
        token => violations.take("page_token", decode(token).ok_or("is not a token of an earlier page")).map(Some),
    };
    let limit = match size? {
        0 => DEFAULT,
        n => n.min(MAX),
    };
    Some(PageRequest { limit, after: after? })
}

fn decode(token: &str) -> Option<Cursor> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

pub(super) fn token(next: Option<&Cursor>) -> String {
    next.and_then(|c| serde_json::to_vec(c).ok()).map_or(String::new(), |bytes| URL_SAFE_NO_PAD.encode(bytes))
}
