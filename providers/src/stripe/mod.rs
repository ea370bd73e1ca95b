//! Stripe webhooks of one endpoint.
//!
//! Contract: only `v1` signatures count, under one of at most two configured signing secrets (two while
//! one is being rolled); `livemode` and the connected account must be ours. The API version of an event
//! is not checked: members we do not know are ignored.
//!
//! Subscribe the endpoint to `payment_intent.*` or `checkout.session.*`, and to `refund.created`,
//! `refund.updated` and `refund.failed`: `charge.refunded` does not say which refund it is about.
//! Rules: docs.stripe.com/webhooks, docs.stripe.com/api/events/types.

pub(crate) mod amount;
mod api;
mod events;
mod facts;
mod objects;
mod signature;
#[cfg(test)]
mod tests;

use http::StatusCode;

pub use self::{
    api::{StripeApi, StripeApiSettings},
    signature::Verified,
};
use crate::{
    Ack, Callback, Notice, Outcome, Platform, Rejection, SettingProblem,
    crypto::{HmacSha256, looks_like_placeholder},
    settings::Problems,
};
pub(crate) use api::check_number;

const MIN_SECRET: usize = 12;

/// Settings of one webhook endpoint. No `Debug`: it holds secrets.
pub struct StripeSettings {
    /// The endpoint's signing secrets (`whsec_…`), one or two. The whole text is the key.
    pub signing_secrets: Vec<String>,
    /// Whether the endpoint is for live mode.
    pub livemode: bool,
    /// The connected account (`acct_…`) whose events these are; `None` for one's own.
    pub account: Option<String>,
}

/// One Stripe endpoint, ready to verify.
#[derive(Debug)]
pub struct Stripe {
    secrets: Vec<HmacSha256>,
    livemode: bool,
    account: Option<String>,
}

impl Stripe {
    /// Checks the settings.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(settings: StripeSettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        if !(1..=2).contains(&settings.signing_secrets.len()) {
            problems.add("signing_secrets", "give one secret, or two while one is being rolled");
        }
        for secret in &settings.signing_secrets {
            if let Some(problem) = secret_problem(secret) {
                problems.add("signing_secrets", problem);
            }
        }
        if settings.account.as_ref().is_some_and(|account| !account.starts_with("acct_")) {
            problems.add("account", "a connected account's id begins with acct_; leave it out for one's own events");
        }
        let secrets = settings.signing_secrets.iter().map(|secret| HmacSha256::new(secret.as_bytes())).collect();
        problems.finish(Some(Self { secrets, livemode: settings.livemode, account: settings.account }))
    }
}

impl Platform for Stripe {
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection> {
        let verified = self.verify(callback)?;
        self.read(verified, callback.body).map_err(Rejection::of_genuine)
    }

    /// Any 2xx counts as received (docs.stripe.com/webhooks).
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (StatusCode::OK, r#"{"received":true}"#),
            Outcome::Refused => (StatusCode::BAD_REQUEST, r#"{"received":false}"#),
            Outcome::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, r#"{"received":false}"#),
        };
        Ack { status, content_type: "application/json", body }
    }

    fn claimed_out_trade_no(&self, body: &[u8]) -> Option<String> {
        events::claimed_out_trade_no(body)
    }
}

/// An empty or guessable secret lets anybody sign.
fn secret_problem(secret: &str) -> Option<&'static str> {
    let tail = secret.strip_prefix("whsec_").unwrap_or(secret);
    if secret.trim() != secret || tail.is_empty() {
        Some("a secret is empty, or has blanks around it")
    } else if ["sk_", "rk_", "pk_"].iter().any(|prefix| secret.starts_with(prefix)) {
        Some("this is an API key; the webhook endpoint's signing secret (whsec_…) belongs here")
    } else if looks_like_placeholder(tail) {
        Some("a secret is a placeholder from an example")
    } else if tail.len() < MIN_SECRET {
        Some("a secret is shorter than 12 bytes")
    } else {
        None
    }
}
