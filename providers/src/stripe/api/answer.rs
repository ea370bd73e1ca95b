//! What every answer passes: status and error object first, then the object, then whose it is.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::StripeApi;
use crate::{
    Fact, Notice,
    api::{LONGEST_PAUSE, Response, Said},
    crypto::sha256_hex,
    failure::Failure,
    ident,
    stripe::{facts::unreadable, objects::Metadata},
};

#[derive(Deserialize)]
struct Envelope {
    error: Problem,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    message: Option<String>,
}

/// The object of a successful answer.
pub(super) fn object<'a, T: Deserialize<'a>>(answer: &Response<'a>) -> Result<T, Failure> {
    if !answer.status.is_success() {
        return Err(failure(answer));
    }
    Ok(serde_json::from_slice(answer.body).map_err(|error| unreadable("the answer", &error))?)
}

/// The same for a question: nothing was to be done, so nothing can be refused.
pub(super) fn asked<'a, T: Deserialize<'a>>(answer: &Response<'a>) -> Result<T, Failure> {
    object(answer).map_err(|failure| match failure {
        Failure::Refused(said) => Failure::Unknown(said),
        other @ (Failure::NotFound(_) | Failure::Unknown(_) | Failure::RateLimited(..)) => other,
    })
}

/// Refused are only requests that Stripe judged on their content. A wrong key (401, 403), a wrong mode or account (404)
/// and a request still under way (409) leave open what an earlier try has done, and may be over the next time.
fn failure(answer: &Response<'_>) -> Failure {
    let http = format!("HTTP_{}", answer.status.as_u16());
    let Ok(Envelope { error }) = serde_json::from_slice::<Envelope>(answer.body) else {
        return match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Failure::RateLimited(Said::new(&http, ""), retry_after(answer.headers)),
            _ => Failure::Unknown(Said::new(&http, "not an answer of Stripe's")),
        };
    };
    let said = Said::new(error.code.as_ref().unwrap_or(&error.kind), &error.message.unwrap_or_default());
    match (answer.status, error.kind.as_str()) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Failure::RateLimited(said, retry_after(answer.headers)),
        // The same key with other content: the first request under it may have been carried out.
        (_, "idempotency_error") => Failure::Unknown(said),
        (StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED, _) if !should_retry(answer.headers) => {
            Failure::Refused(said)
        }
        _ => Failure::Unknown(said),
    }
}

fn should_retry(headers: &HeaderMap) -> bool {
    headers.get("stripe-should-retry").is_some_and(|value| value == "true")
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)?;
    Some(asked.min(LONGEST_PAUSE))
}

/// Refuses an object of the other mode; answers that do not say are of the key's.
pub(super) fn check_mode(api: &StripeApi, livemode: Option<bool>) -> Result<(), Failure> {
    match livemode {
        Some(livemode) if livemode != api.platform.livemode => Err(Failure::for_another("livemode")),
        Some(_) | None => Ok(()),
    }
}

/// Whether an object carries this number of a payment of ours.
pub(super) fn is_of(metadata: Option<&Metadata>, out_trade_no: &str) -> bool {
    metadata.and_then(|metadata| metadata.out_trade_no.as_deref()) == Some(out_trade_no)
}

/// The answer as a notice. Bodies do not always name what was asked about, so its number is part of the hash.
pub(super) fn notice(api: &StripeApi, kind: &str, number: &str, body: &[u8], fact: Fact) -> Result<Notice, Failure> {
    Ok(Notice {
        platform_notice_id: None,
        content_sha256: sha256_hex(&[number.as_bytes(), b"\n", body].concat()),
        event_type: ident::label(kind, "status")?,
        key_id: api.key_id.clone(),
        facts: vec![fact],
    })
}
