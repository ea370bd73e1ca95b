//! Verifying an answer, and what its codes mean (4012354972).
//!
//! A 2xx without a good signature is a forgery or a probe, and some errors come unsigned: all of them leave the
//! outcome unknown, but for the one that asks for patience with a mere question.

use http::StatusCode;
use serde::Deserialize;

use super::WechatPayApi;
use crate::{
    Fact, Notice, Rejection,
    api::{Response, Said},
    crypto::sha256_hex,
    failure::Failure,
    wechatpay::objects,
};

/// Codes that settle an operation. All others leave it unknown.
#[derive(Default)]
pub(super) struct Codes {
    /// Only with status 404.
    pub(super) not_found: &'static [&'static str],
    pub(super) refused: &'static [&'static str],
    pub(super) rate_limited: &'static [&'static str],
    /// The call has no effect, so that its refusal needs no signature to be harmless.
    pub(super) question: bool,
}

/// Too many calls. About a refund or a close it says nothing certain.
pub(super) const RATE_LIMITED: &[&str] = &["RATELIMIT_EXCEEDED", "FREQUENCY_LIMITED", "RATELIMIT_EXCEED"];

/// A verified answer of status 200 or 204.
pub(super) struct Opened<'a> {
    pub(super) body: &'a [u8],
    key_id: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

impl WechatPayApi {
    pub(super) fn open<'a>(&self, codes: &Codes, answer: &Response<'a>) -> Result<Opened<'a>, Failure> {
        match self.platform.verify_signed(answer.headers, answer.body, answer.received_at) {
            Ok(verified) if matches!(answer.status, StatusCode::OK | StatusCode::NO_CONTENT) => {
                Ok(Opened { body: answer.body, key_id: verified.key_id })
            }
            Ok(_) => Err(codes.failure(answer)),
            Err(rejection) => Err(codes.unverified(answer, rejection)),
        }
    }
}

impl Opened<'_> {
    /// What it says, as a notice. The body names the payment or refund, which was compared with what was asked.
    pub(super) fn notice(&self, event_type: String, fact: Fact) -> Notice {
        Notice {
            platform_notice_id: None,
            event_type,
            content_sha256: sha256_hex(self.body),
            key_id: self.key_id.clone(),
            facts: vec![fact],
        }
    }

    pub(super) fn read<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Failure> {
        Ok(objects::parse(self.body, "the answer")?)
    }
}

impl Codes {
    fn failure(&self, answer: &Response<'_>) -> Failure {
        let Some(said) = error(answer) else {
            return Failure::Unknown(Said::new(&http_code(answer.status), "an answer without a code"));
        };
        let is = |codes: &[&str]| answer.status.is_client_error() && codes.contains(&said.code.as_str());
        if answer.status == StatusCode::NOT_FOUND && is(self.not_found) {
            Failure::NotFound(said)
        } else if is(self.refused) {
            Failure::Refused(said)
        } else if is(self.rate_limited) {
            Failure::RateLimited(said, None)
        } else {
            Failure::Unknown(said)
        }
    }

    fn unverified(&self, answer: &Response<'_>, rejection: Rejection) -> Failure {
        if answer.status.is_success() {
            return rejection.into();
        }
        let claim = match error(answer) {
            Some(said) if self.patience(answer.status, &said) => return Failure::RateLimited(said, None),
            Some(said) => format!("; it claims {}: {}", said.code, said.detail),
            None => String::new(),
        };
        Failure::Unknown(Said::new(&http_code(answer.status), &format!("not verified ({rejection}){claim}")))
    }

    /// "Too many" to a question costs nothing but time, whoever says it.
    fn patience(&self, status: StatusCode, said: &Said) -> bool {
        self.question && status == StatusCode::TOO_MANY_REQUESTS && self.rate_limited.contains(&said.code.as_str())
    }
}

fn error(answer: &Response<'_>) -> Option<Said> {
    let body: ErrorBody = serde_json::from_slice(answer.body).ok()?;
    Some(Said::new(&body.code, &body.message))
}

/// 202 among them: carried out later, or when the same request comes again.
fn http_code(status: StatusCode) -> String {
    format!("HTTP_{}", status.as_u16())
}

/// Refuses an answer about something else. What was not asked about says nothing.
pub(super) fn same(field: &str, said: &str, asked: &str) -> Result<(), Failure> {
    if asked.is_empty() || said == asked { Ok(()) } else { Err(Failure::for_another(field)) }
}
