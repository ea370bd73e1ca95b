//! Signed requests, and the checks that every answer passes.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::UnionPayApi;
use crate::{
    Currency, Instant, Money,
    api::{Request, Response, Unable},
    encode,
    failure::Failure,
    form::Form,
    time::format_beijing_compact,
    unionpay::{
        Verified,
        signature::{SIGN_METHOD, VERSION, signed_text},
    },
};

/// Fields of a request, without those that all have.
pub(super) type Fields<'a> = Vec<(&'static str, &'a str)>;
pub(super) type Signed = Vec<(String, String)>;

impl UnionPayApi {
    /// Adds what every request has, and the signature.
    pub(super) fn sign(&self, fields: Fields<'_>) -> Result<Signed, Unable> {
        let common = [
            ("version", VERSION),
            ("encoding", "UTF-8"),
            ("signMethod", SIGN_METHOD),
            ("certId", self.cert_id.as_str()),
            ("accessType", "0"),
            ("merId", self.platform.mer_id.as_str()),
        ];
        let mut all: Signed =
            common.into_iter().chain(fields).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let bytes = all.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect();
        let form = Form::from_pairs(bytes).map_err(|rejection| bad("request", rejection.detail))?;
        let signature = self
            .key
            .sign_sha256(signed_text(&form).as_bytes())
            .ok_or_else(|| bad("private_key", "it does not sign; check the account's settings"))?;
        all.push(("signature".to_owned(), signature));
        Ok(all)
    }

    /// A signed POST to a path of the gateway.
    pub(super) fn post(&self, path: &str, fields: Fields<'_>) -> Result<Request, Unable> {
        self.post_to(format!("{}/gateway/api/{path}", self.base_url), fields)
    }

    pub(super) fn post_to(&self, url: String, fields: Fields<'_>) -> Result<Request, Unable> {
        let body = encode::form(&self.sign(fields)?).into_bytes();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
        Ok(Request { method: Method::POST, url, headers, body })
    }

    /// Status, signature, certificate and merchant.
    pub(super) fn verified(&self, answer: &Response<'_>) -> Result<Verified, Failure> {
        if answer.status != StatusCode::OK {
            let code = format!("HTTP_{}", answer.status.as_u16());
            return Err(Failure::unknown(&code, "the gateway did not answer as documented"));
        }
        Ok(self.platform.verify_response(answer.body, answer.received_at)?)
    }
}

/// A transaction's number.
pub(super) fn number<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Unable> {
    check_number(text).map(|()| text).map_err(|problem| bad(field, problem))
}

/// Which numbers UnionPay takes: 8 to 40 letters and digits; 32 fit everywhere.
pub(crate) fn check_number(text: &str) -> Result<(), &'static str> {
    let fits = (8..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err("UnionPay takes 8 to 32 letters and digits, no other characters; use such a number") }
}

/// `txnAmt` of an amount in yuan.
pub(super) fn fen(amount: Money) -> Result<String, Unable> {
    if amount.currency != Currency::CNY {
        return Err(bad("amount", "this account takes yuan (CNY) only"));
    }
    if !(1..1_000_000_000_000).contains(&amount.minor) {
        return Err(bad("amount", "UnionPay takes amounts from 1 fen to 12 digits of fen"));
    }
    Ok(amount.minor.to_string())
}

/// `YYYYMMDDhhmmss`, Beijing.
pub(super) fn stamp(field: &'static str, at: Instant) -> Result<String, Unable> {
    format_beijing_compact(at).ok_or_else(|| bad(field, "it lies beyond the year 9999"))
}

/// That an answer is about this transaction of ours; the merchant was checked before.
pub(super) fn about(form: &Form, order_id: &str, started_at: Instant) -> Result<(), Failure> {
    let time = format_beijing_compact(started_at).ok_or_else(|| Failure::for_another("txnTime"))?;
    for (name, ours) in [("orderId", order_id), ("txnTime", time.as_str())] {
        if form.get(name) != Some(ours.as_bytes()) {
            return Err(Failure::for_another(name));
        }
    }
    Ok(())
}

pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Unable {
    Unable::BadInput { field, problem: problem.into() }
}
