//! The 5.1.0 signature: all fields but `signature` and empty ones, sorted, hashed to lower-case hex, and
//! that hex signed with RSA and SHA-256, so hashed twice. `signPubKeyCert` is part of the signed fields,
//! line ends included.

use std::sync::Arc;

use super::{UnionPay, chain::Leaf};
use crate::{Callback, Instant, Reason, Rejection, crypto::sha256_hex, form::Form};

pub(super) const VERSION: &str = "5.1.0";
/// RSA with a certificate; 11 and 12 are shared keys.
pub(super) const SIGN_METHOD: &str = "01";

/// Fields that must not hide inside another field's value: those that we read.
const FIELDS: [&str; 11] = [
    "currencyCode",
    "merId",
    "orderId",
    "origOrderId",
    "origQryId",
    "queryId",
    "respCode",
    "signMethod",
    "txnAmt",
    "txnTime",
    "txnType",
];

/// Fields whose signature was checked.
#[derive(Debug)]
pub struct Verified {
    form: Form,
    key_id: String,
}

impl Verified {
    pub(super) fn form(&self) -> &Form {
        &self.form
    }

    /// SHA-256 of the signed fields.
    pub(super) fn content_sha256(&self) -> String {
        signed_text(&self.form)
    }

    /// Decimal serial of the certificate that signed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// A signed field's text; `None` when missing, empty or not UTF-8.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.text(name).ok().flatten()
    }
}

impl UnionPay {
    /// The signature layer of a back notice.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, callback: &Callback<'_>) -> Result<Verified, Rejection> {
        let verified = self.verify_form(Form::parse(callback.body)?, callback.received_at)?;
        // A shop's own data may look like it (`reqReserved={a=1&orderId=2}`), so it is no stranger's fault.
        verified.form.refuse_hidden(&FIELDS).map_err(Rejection::of_genuine)?;
        Ok(verified)
    }

    /// Verifies an answer of the gateway and its binding to this merchant. Answers are `k=v&k=v` without
    /// any escaping; they come over our own connection, where nobody can split them anew.
    ///
    /// # Errors
    /// Why the answer does not count.
    pub fn verify_response(&self, body: &[u8], now: Instant) -> Result<Verified, Rejection> {
        let verified = self.verify_form(answer(body)?, now)?;
        self.bind(verified.form())?;
        Ok(verified)
    }

    fn verify_form(&self, form: Form, now: Instant) -> Result<Verified, Rejection> {
        let pinned = [("version", VERSION), ("signMethod", SIGN_METHOD)];
        if pinned.iter().any(|(name, value)| form.get(name) != Some(value.as_bytes())) {
            return Err(Rejection::new(Reason::AlgorithmNotAllowed, "version is not 5.1.0 or signMethod is not 01"));
        }
        let missing = |field: &str| Rejection::new(Reason::SignatureMissing, format!("field {field} is missing"));
        let signature = form.get("signature").ok_or_else(|| missing("signature"))?;
        let pem = form.get("signPubKeyCert").ok_or_else(|| missing("signPubKeyCert"))?;
        let leaf = self.leaf(pem)?;
        leaf.check_time(now)?;
        let hashed = signed_text(&form);
        if !leaf.key.verify_base64(hashed.as_bytes(), signature) {
            return Err(Rejection::new(Reason::SignatureInvalid, "signature does not match the fields"));
        }
        self.cache.insert(pem, Arc::clone(&leaf));
        Ok(Verified { key_id: leaf.serial().to_owned(), form })
    }

    fn leaf(&self, pem: &[u8]) -> Result<Arc<Leaf>, Rejection> {
        if let Some(leaf) = self.cache.get(pem) {
            return Ok(leaf);
        }
        let text = std::str::from_utf8(pem)
            .map_err(|_| Rejection::new(Reason::CertificateInvalid, "signPubKeyCert is not text"))?;
        self.chain.accept(text).map(Arc::new)
    }
}

/// What RSA signs: lower-case hex of the SHA-256 of the fields.
pub(super) fn signed_text(form: &Form) -> String {
    sha256_hex(&form.canonical(&["signature"], false))
}

/// Splits an answer on `&` outside of braces (`reqReserved={a=1&b=2}`) and on the first `=`.
fn answer(body: &[u8]) -> Result<Form, Rejection> {
    let mut depth = 0_usize;
    let pieces = body.split(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == b'&' && depth == 0
    });
    let pairs = pieces.map(|piece| {
        let equals = piece.iter().position(|b| *b == b'=')?;
        Some((piece.get(..equals)?.to_vec(), piece.get(equals + 1..)?.to_vec()))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    Form::from_pairs(pairs.ok_or_else(|| Rejection::new(Reason::Malformed, "the answer is not k=v&k=v"))?)
}
