//! Gateway answers: JSON whose one node is signed as the exact bytes that arrived.
//!
//! Contract: what is returned is that very slice of the body. Re-serialising would change it (Alipay
//! writes `\/`), and an unsigned answer is never a fact.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Alipay;
use crate::{Reason, Rejection};

impl Alipay {
    /// Verifies the answer to a call of `method` (`alipay.trade.query`) and returns the signed node: the
    /// method's own, or `error_response` if the gateway answered with that.
    ///
    /// # Errors
    /// [`Reason::SignatureMissing`] for an unsigned answer, which leaves the call's result unknown.
    pub fn verify_response<'a>(&self, method: &str, body: &'a [u8]) -> Result<Signed<'_, 'a>, Rejection> {
        let Members(members) = serde_json::from_slice(body)
            .map_err(|_| malformed("the answer is not a JSON object with distinct members"))?;
        let find = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, raw)| raw.get());
        let node = find(&format!("{}_response", method.replace('.', "_")))
            .or_else(|| find("error_response"))
            .ok_or_else(|| malformed("the answer has no node of this method"))?;
        let sign = find("sign").ok_or_else(|| Rejection::new(Reason::SignatureMissing, "the answer is not signed"))?;
        let sign: String = serde_json::from_str(sign).map_err(|_| malformed("sign is not a string"))?;
        let invalid = || Rejection::new(Reason::SignatureInvalid, "sign does not match the answer's node");
        let key = self.signed_by(&[node], sign.as_bytes()).ok_or_else(invalid)?;
        Ok(Signed { bytes: node.as_bytes(), key_id: &key.id })
    }
}

/// A node of an answer, as Alipay signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'k, 'a> {
    /// The slice of the body.
    pub bytes: &'a [u8],
    /// Fingerprint of the key.
    pub key_id: &'k str,
}

/// A JSON object's members as raw slices of the input, in order; a repeated name is an error.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(String, &RawValue)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            if members.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("a member appears twice"));
            }
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

fn malformed(detail: &str) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}
