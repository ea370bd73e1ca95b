//! Verifying an answer, and what its codes mean (opendocs.alipay.com common/02km9f).
//!
//! `10000` says that the call was carried out; what became of money stands in the fields. `20000` and everything that
//! is not listed leaves the outcome unknown. The gateway's own errors usually come unsigned, so they do too.

use http::StatusCode;
use serde::Deserialize;

use super::{super::response::Signed, AlipayApi};
use crate::{
    Notice, Reason,
    api::{Response, Said},
    crypto::sha256_hex,
    failure::Failure,
};

const DONE: &str = "10000";
const BUSINESS_FAILURE: &str = "40004";
const TOO_MANY_CALLS: &str = "40005";

/// Codes that settle an operation. All others leave it unknown.
#[derive(Default)]
pub(super) struct Codes {
    pub(super) not_found: &'static [&'static str],
    pub(super) refused: &'static [&'static str],
    pub(super) rate_limited: &'static [&'static str],
}

/// A verified node of an answer.
pub(super) struct Node<'a> {
    pub(super) bytes: &'a [u8],
    key_id: String,
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    sub_code: String,
    #[serde(default)]
    sub_msg: String,
    out_trade_no: Option<String>,
}

impl Head {
    fn said(&self) -> Said {
        let code = if self.sub_code.is_empty() { &self.code } else { &self.sub_code };
        let detail = if self.sub_msg.is_empty() { &self.msg } else { &self.sub_msg };
        Said::new(code, detail)
    }
}

impl AlipayApi {
    /// The node that answers `method` for this payment, verified. Also "not found" must be about what was asked.
    pub(super) fn node<'a>(
        &self,
        method: &str,
        out_trade_no: &str,
        answer: &Response<'a>,
    ) -> Result<Node<'a>, Failure> {
        // A proxy's page, not the gateway's word: it always answers 200.
        if answer.status != StatusCode::OK {
            return Err(Failure::unknown(&format!("HTTP_{}", answer.status.as_u16()), "the gateway did not answer"));
        }
        let Signed { bytes, key_id } = self.platform.verify_response(method, answer.body).map_err(|rejection| {
            let claim = if rejection.reason == Reason::SignatureMissing { claimed(method, answer.body) } else { None };
            Failure::unknown(rejection.reason.as_str(), claim.unwrap_or(rejection.detail))
        })?;
        let head: Head = read(bytes)?;
        same("out_trade_no", head.out_trade_no.as_deref(), out_trade_no)?;
        Ok(Node { bytes, key_id: key_id.to_owned(), head })
    }

    /// What a verified answer says, as a notice. `about` names who it is about where the signed bytes do not.
    pub(super) fn notice(&self, node: &Node<'_>, event_type: &str, about: &str, facts: Vec<crate::Fact>) -> Notice {
        let content =
            if about.is_empty() { node.bytes.to_vec() } else { [node.bytes, b"\n", about.as_bytes()].concat() };
        Notice {
            platform_notice_id: None,
            event_type: event_type.to_owned(),
            content_sha256: sha256_hex(&content),
            key_id: node.key_id.clone(),
            facts,
        }
    }
}

impl Node<'_> {
    /// `Ok` when the call was carried out.
    pub(super) fn done(&self, codes: &Codes) -> Result<(), Failure> {
        let said = || self.head.said();
        let is = |codes: &[&str]| self.head.code == BUSINESS_FAILURE && codes.contains(&self.head.sub_code.as_str());
        match self.head.code.as_str() {
            DONE => Ok(()),
            TOO_MANY_CALLS => Err(Failure::RateLimited(said(), None)),
            _ if is(codes.not_found) => Err(Failure::NotFound(said())),
            _ if is(codes.refused) => Err(Failure::Refused(said())),
            _ if is(codes.rate_limited) => Err(Failure::RateLimited(said(), None)),
            _ => Err(Failure::Unknown(said())),
        }
    }

    /// Whether the business failed for one of these reasons.
    pub(super) fn failed_with(&self, codes: &[&str]) -> bool {
        self.head.code == BUSINESS_FAILURE && codes.contains(&self.head.sub_code.as_str())
    }

    pub(super) fn said(&self) -> Said {
        self.head.said()
    }

    /// The fields of the operation.
    pub(super) fn fields<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Failure> {
        read(self.bytes)
    }
}

/// Refuses an answer about something else. A field that is missing or was not asked about says nothing.
pub(super) fn same(field: &str, said: Option<&str>, asked: &str) -> Result<(), Failure> {
    match said {
        Some(said) if !asked.is_empty() && said != asked => Err(Failure::for_another(field)),
        Some(_) | None => Ok(()),
    }
}

/// Structs, not maps: serde refuses a repeated member of a struct. The detail does not quote the message.
fn read<'b, T: Deserialize<'b>>(node: &'b [u8]) -> Result<T, Failure> {
    serde_json::from_slice(node).map_err(|error| {
        let place = format!("the answer is not as documented, line {} column {}", error.line(), error.column());
        Failure::unknown(Reason::Malformed.as_str(), place)
    })
}

/// What an unsigned answer says is wrong, for people only: it is how a wrong key or application id shows.
fn claimed(method: &str, body: &[u8]) -> Option<String> {
    let members: serde_json::Value = serde_json::from_slice(body).ok()?;
    let node = members.get(format!("{}_response", method.replace('.', "_")));
    let head = Head::deserialize(node.or_else(|| members.get("error_response"))?).ok()?;
    let said = head.said();
    Some(format!("the answer is not signed; it claims {}: {}", said.code, said.detail))
}
