//! Calls to Stripe with one secret key.
//!
//! Contract: Stripe does not sign its answers. They are believed because they come over a TLS connection whose
//! certificate was checked for Stripe's name, to somebody who holds the secret key; so an answer counts only if the
//! edge made that connection, and only if the object in it carries the number that was asked about.
//!
//! Repetitions are recognised by `Idempotency-Key`, made from the shop's number, for at least 24 hours. After that the
//! same request would have a second effect, so payments are not begun again after 23 hours, and a refund must be asked
//! about before it is repeated. An error that was stored under a key (a 500 too) is answered again as long.
//! The API version is pinned. Rules: docs.stripe.com/api, docs.stripe.com/error-low-level.

mod answer;
mod pay;
mod question;
mod refund;
mod request;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderValue;

use super::Stripe;
use crate::{
    Instant, Notice, SettingProblem,
    api::{
        Begin, Initiate, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response, StatementNext, Unable,
    },
    crypto::{HmacSha256, looks_like_placeholder},
    settings::Problems,
    statement::Day,
};
pub(crate) use request::check_number;

/// What calls need beside the endpoint's own settings. No `Debug`: it holds a secret.
pub struct StripeApiSettings {
    /// Where the API is; `None` for Stripe's own address.
    pub base_url: Option<String>,
    /// The secret key (`sk_…`), or a restricted one (`rk_…`).
    pub secret_key: String,
}

/// One key, ready to call.
#[derive(Debug)]
pub struct StripeApi {
    platform: Arc<Stripe>,
    base_url: String,
    /// Marked as sensitive, so `Debug` does not show it.
    authorization: HeaderValue,
    /// A name for the key which tells nothing about it.
    key_id: String,
    account: Option<HeaderValue>,
}

impl StripeApi {
    /// Checks the settings; the key must be of the endpoint's mode.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(platform: Arc<Stripe>, settings: StripeApiSettings) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Problems::default();
        let base_url = problems.url("base_url", settings.base_url.as_deref().unwrap_or("https://api.stripe.com"));
        if let Some(problem) = key_problem(&settings.secret_key, platform.livemode) {
            problems.add("secret_key", problem);
        }
        let authorization = HeaderValue::from_str(&format!("Bearer {}", settings.secret_key)).ok();
        let account = platform.account.as_deref().map(HeaderValue::from_str).transpose().unwrap_or_else(|_| {
            problems.add("account", "it is not plain ASCII, so it is no connected account's id");
            None
        });
        let api = base_url.zip(authorization).map(|(base_url, mut authorization)| {
            authorization.set_sensitive(true);
            let key_id = HmacSha256::new(settings.secret_key.as_bytes()).fingerprint();
            Self { platform, base_url, authorization, key_id, account }
        });
        problems.finish(api)
    }
}

fn key_problem(key: &str, livemode: bool) -> Option<&'static str> {
    let parts: Vec<_> = key.splitn(3, '_').collect();
    match parts[..] {
        [""] => Some("it is missing; give the secret key (sk_…) or a restricted one (rk_…)"),
        ["whsec", ..] => Some("this is a webhook's signing secret; the API's secret key (sk_…) belongs here"),
        ["pk", ..] => Some("this is a publishable key; the secret key (sk_…) belongs here"),
        ["sk" | "rk", "live", tail] | ["sk" | "rk", "test", tail] => {
            let live = parts.get(1) == Some(&"live");
            if !tail.bytes().all(|b| b.is_ascii_alphanumeric()) || tail.len() < 12 || looks_like_placeholder(tail) {
                Some("it is not a whole secret key; copy it again")
            } else if live != livemode {
                Some("the key and the account's livemode disagree; use the key of that mode")
            } else {
                None
            }
        }
        _ => Some("a secret key begins with sk_live_, sk_test_, rk_live_ or rk_test_"),
    }
}

impl PlatformApi for StripeApi {
    fn initiate(&self, ask: &Initiate<'_>, at: Instant) -> Result<Begin, Unable> {
        self.begin(ask, at).map(Begin::Call)
    }

    fn initiated(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Reply<Initiated> {
        self.begun(ask, answer).into()
    }

    fn query_payment(&self, ask: &PaymentRef<'_>, _at: Instant) -> Result<Request, Unable> {
        self.question(ask)
    }

    fn payment_answer(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_payment(ask, answer).into()
    }

    fn close_payment(&self, ask: &PaymentRef<'_>, _at: Instant) -> Result<Request, Unable> {
        self.close(ask)
    }

    fn payment_closed(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<()> {
        self.closed(ask, answer).into()
    }

    fn refund(&self, ask: &Refund<'_>, _at: Instant) -> Result<Request, Unable> {
        self.give_back(ask)
    }

    fn refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_given_back(ask, answer).map(Some).into()
    }

    fn query_refund(&self, ask: &Refund<'_>, _at: Instant) -> Result<Request, Unable> {
        self.ask_refund(ask)
    }

    fn refund_answer(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        self.read_refund(ask, answer).map(Some).into()
    }

    fn statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        self.ask_statement(day, at)
    }

    fn statement_next(&self, day: Day, answer: &Response<'_>, _at: Instant) -> Reply<StatementNext> {
        self.read_statement(day, answer).into()
    }
}
