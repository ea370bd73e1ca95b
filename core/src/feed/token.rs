//! Resume tokens: where a reader was, so that it goes on there and nowhere else.
//!
//! Contract: opaque to clients. A token is good for one log and one filter, for as long as the log still has what
//! follows it. The checksum finds tokens that were cut or mistyped; it is no secret, and a forged token gives nobody
//! more than a revision would.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::FeedError;
use crate::{
    order::EventFilter,
    store::{LogId, LogState},
};

/// Version, log id, revision, fingerprint of the filter, checksum.
const LENGTH: usize = VERSIONED + CHECKSUM;
const VERSIONED: usize = 1 + 16 + 8 + 8;
const CHECKSUM: usize = 4;
const VERSION: u8 = 1;

/// Everything up to a revision of a log was looked at under a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Which log.
    pub log_id: LogId,
    /// Everything up to here was looked at.
    pub revision: i64,
    /// Of the filter.
    pub fingerprint: [u8; 8],
}

impl Token {
    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// [`FeedError::TokenMalformed`].
    pub fn parse(text: &str) -> Result<Self, FeedError> {
        Self::read(text).ok_or(FeedError::TokenMalformed)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (versioned, sum) = bytes.split_at_checked(VERSIONED)?;
        let (version, rest) = versioned.split_first()?;
        let (log_id, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let revision = i64::from_be_bytes(*revision);
        let sound = *version == VERSION && sum == checksum(versioned) && revision >= 0;
        let token = Self { log_id: LogId(Uuid::from_bytes(*log_id)), revision, fingerprint: *rest.first_chunk()? };
        sound.then_some(token)
    }

    /// Where to go on.
    pub(super) fn revision_in(&self, state: &LogState, filter: &EventFilter) -> Result<i64, FeedError> {
        if self.log_id != state.id {
            return Err(FeedError::LogChanged { now: state.id });
        }
        if self.fingerprint != filter.fingerprint() {
            return Err(FeedError::FilterChanged);
        }
        Ok(self.revision)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend(self.log_id.0.as_bytes());
        bytes.extend(self.revision.to_be_bytes());
        bytes.extend(self.fingerprint);
        bytes.extend(checksum(&bytes));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_token() -> impl Strategy<Value = Token> {
        (any::<u128>(), 0..i64::MAX, any::<[u8; 8]>()).prop_map(|(log, revision, fingerprint)| Token {
            log_id: LogId(Uuid::from_u128(log)),
            revision,
            fingerprint,
        })
    }

    proptest! {
        #[test]
        fn a_token_reads_back(token in any_token()) {
            prop_assert_eq!(Token::parse(&token.to_string()).unwrap(), token);
        }

        #[test]
        fn a_changed_token_is_malformed(token in any_token(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_=+ -]{0,2}") {
            let text = token.to_string();
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assume!(changed != text);
            prop_assert!(matches!(Token::parse(&changed), Err(FeedError::TokenMalformed)));
        }

        #[test]
        fn noise_is_malformed(text in ".{0,80}") {
            prop_assert!(matches!(Token::parse(&text), Err(FeedError::TokenMalformed)));
        }
    }

    #[test]
    fn a_token_with_a_negative_revision_is_malformed_whatever_its_checksum() {
        let token = Token { log_id: LogId(Uuid::nil()), revision: -1, fingerprint: [0; 8] };
        assert!(matches!(Token::parse(&token.to_string()), Err(FeedError::TokenMalformed)));
    }

    /// Clients keep tokens for years.
    #[test]
    fn the_form_of_a_token_does_not_change() {
        let token = Token {
            log_id: LogId(Uuid::from_u128(7)),
            revision: 300,
            fingerprint: EventFilter::default().fingerprint(),
        };
        assert_eq!(token.to_string(), "AQAAAAAAAAAAAAAAAAAAAAcAAAAAAAABLBXDVS4ekf5ZxlmrRA");
    }
}
