//! The header `Stripe-Signature: t=…,v1=…[,v1=…][,v0=…]`: HMAC-SHA256 over `t.body`, lower-case hex
//! (docs.stripe.com/webhooks). Unknown schemes are ignored, so that an old one cannot be used against us.

use super::Stripe;
use crate::{Callback, Instant, Reason, Rejection, form, headers};

const TOLERANCE_SECONDS: u64 = 300;
/// Two are usual while a secret is rolled; more than a few are an attempt to make us work.
const MAX_SIGNATURES: usize = 16;

/// Proof that header and body were signed with one of the configured secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// A name for that secret which tells nothing about it.
    pub key_id: String,
}

/// The parts of the header that count.
struct Header<'a> {
    timestamp: &'a str,
    signatures: Vec<&'a str>,
}

impl Stripe {
    /// The signature layer of a webhook.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, callback: &Callback<'_>) -> Result<Verified, Rejection> {
        form::check_size(callback.body)?;
        let header = parse(headers::required(callback.headers, "stripe-signature")?)?;
        let signed_at = headers::unix_seconds(header.timestamp)?;
        let parts: [&[u8]; 3] = [header.timestamp.as_bytes(), b".", callback.body];
        let secret = self
            .secrets
            .iter()
            .find(|secret| secret.verify_any_hex(&parts, &header.signatures))
            .ok_or_else(|| Rejection::new(Reason::SignatureInvalid, "no v1 signature matches the body"))?;
        check_fresh(signed_at, callback.received_at)?;
        Ok(Verified { key_id: secret.fingerprint() })
    }
}

fn parse(header: &str) -> Result<Header<'_>, Rejection> {
    let mut timestamps = Vec::new();
    let mut signatures = Vec::new();
    for item in header.split(',') {
        let (scheme, value) = item.trim().split_once('=').ok_or_else(|| malformed("an item has no '='"))?;
        match scheme {
            "t" => timestamps.push(value),
            "v1" => signatures.push(value),
            _ => {}
        }
    }
    if signatures.is_empty() {
        return Err(Rejection::new(Reason::SignatureMissing, "Stripe-Signature has no v1"));
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(malformed("too many signatures"));
    }
    match timestamps[..] {
        [timestamp] => Ok(Header { timestamp, signatures }),
        _ => Err(malformed("not exactly one t")),
    }
}

/// Each delivery and each retry is signed afresh, so old and future ones alike are not Stripe's.
fn check_fresh(signed_at: Instant, now: Instant) -> Result<(), Rejection> {
    let distance = now.seconds().abs_diff(signed_at.seconds());
    if distance > TOLERANCE_SECONDS {
        return Err(Rejection::new(Reason::Stale, format!("signed {distance} s away from our clock")));
    }
    Ok(())
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, format!("Stripe-Signature: {detail}"))
}
