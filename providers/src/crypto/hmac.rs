//! HMAC-SHA256 with constant-time comparison.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

/// A parsed HMAC key. `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct HmacSha256(hmac::Key);

impl HmacSha256 {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Whether one of `candidates` is the tag of the concatenated `parts` in lower-case hex. The tag is
    /// computed once, so that many candidates cost no more hashing than one; comparing text leaves each
    /// tag a single spelling.
    pub(crate) fn verify_any_hex(&self, parts: &[&[u8]], candidates: &[&str]) -> bool {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let tag = hex::encode(context.sign().as_ref());
        candidates.iter().any(|candidate| verify_slices_are_equal(tag.as_bytes(), candidate.as_bytes()).is_ok())
    }

    /// A name for this key that tells nothing about it.
    pub(crate) fn fingerprint(&self) -> String {
        let tag = hmac::sign(&self.0, b"paystate key id");
        format!("hmac:{}", hex::encode(tag.as_ref().get(..8).unwrap_or_default()))
    }
}

impl std::fmt::Debug for HmacSha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HmacSha256(***)")
    }
}
