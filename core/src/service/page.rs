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
    let cursor: Cursor = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    // No id of ours has one, and PostgreSQL takes it for a fault.
    (!cursor.id.contains('\0')).then_some(cursor)
}

pub(super) fn token(next: Option<&Cursor>) -> String {
    next.and_then(|c| serde_json::to_vec(c).ok()).map_or(String::new(), |bytes| URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_of_ours_or_a_fault_of_the_caller() {
        let read = |token: &str| request(&mut Violations::default(), 0, token).map(|page| page.after);
        let ours = Cursor { at: 7, id: "o1".into() };
        assert_eq!(read(&token(Some(&ours))), Some(Some(ours)));
        for id in ["\0", "o1\0"] {
            assert_eq!(read(&token(Some(&Cursor { at: 7, id: id.into() }))), None, "{id:?}");
        }
        assert_eq!(read("nonsense"), None);
    }
}
