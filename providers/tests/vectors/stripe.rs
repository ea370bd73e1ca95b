//! Stripe: every file is a webhook with its secret and clock.

use std::path::Path;

use paystate_providers::{
    Platform,
    stripe::{Stripe, StripeSettings},
};
use serde_json::Value;

use super::support::{Verdict, callback, clock, headers, text};

pub(crate) fn run(_name: &str, vector: &Value, _root: &Path) -> Verdict {
    let body = text(vector, "body");
    let event: Value = serde_json::from_str(body).expect("an event");
    let settings = StripeSettings {
        signing_secrets: vec![text(&vector["key"], "signing_secret").to_owned()],
        livemode: event["livemode"].as_bool().unwrap_or_default(),
        account: event["account"].as_str().map(ToOwned::to_owned),
    };
    let stripe = Stripe::new(settings).expect("usable settings");
    let headers = headers(vector);
    let callback = callback(&headers, body.as_bytes(), clock(vector));
    let verified = stripe.verify(&callback);
    let complete = verified.is_ok() && event["livemode"].is_boolean();
    let verdict = Verdict::compare(vector, verified);
    if !complete {
        return verdict;
    }
    verdict.and(|| match stripe.notify(&callback) {
        Ok(notice) => Verdict::check(notice.facts.is_empty(), format!("{} is not tracked", notice.event_type)),
        Err(rejection) => Verdict::Wrong(rejection.to_string()),
    })
}
