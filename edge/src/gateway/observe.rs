//! One log event and one set of measurements for each request to a platform.
//!
//! Contract: label values come from configuration and enums. No body, header or key is logged; what quotes a
//! platform is bounded and escaped.

use std::time::Duration;

use metrics::{SharedString, counter, histogram};
use paystate_proto::v1::{Exchange, PlatformOutcome};

use super::line::Line;

const CALLS: &str = "paystate_platform_calls_total";
const SECONDS: &str = "paystate_platform_call_seconds";

/// Gives the measurements their help texts.
pub(crate) fn describe() {
    metrics::describe_counter!(CALLS, "Requests to platforms by how they ended.");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "From a request to a platform to its whole answer.");
}

/// A request to a platform that has ended.
pub(crate) fn called(line: &Line, exchange: &Exchange, detail: &str, took: Duration) {
    let (provider, account, outcome) = (line.provider.as_str(), &line.account, name(exchange.outcome()));
    let Exchange { operation, http_status, code, .. } = exchange;
    let duration_us = took.as_micros();
    if outcome == "answered" {
        tracing::debug!(provider, %account, operation, outcome, http_status, duration_us, "platform called");
    } else {
        tracing::info!(provider, %account, operation, outcome, http_status, ?code, ?detail, duration_us, "platform called");
    }
    let (account, operation) = (SharedString::from_shared(account.clone()), operation.clone());
    histogram!(SECONDS, "provider" => provider, "operation" => operation.clone()).record(took.as_secs_f64());
    counter!(CALLS, "provider" => provider, "account" => account, "operation" => operation, "outcome" => outcome)
        .increment(1);
}

fn name(outcome: PlatformOutcome) -> &'static str {
    match outcome {
        PlatformOutcome::Answered => "answered",
        PlatformOutcome::NotFound => "not_found",
        PlatformOutcome::Refused => "refused",
        PlatformOutcome::RateLimited => "rate_limited",
        PlatformOutcome::NotSent | PlatformOutcome::NoSuchOperation | PlatformOutcome::BadInput => "not_sent",
        PlatformOutcome::Unknown | PlatformOutcome::Unspecified => "unknown",
    }
}
