//! What the four platforms' runners share.

use std::{fs, path::Path};

use http::{HeaderMap, HeaderName, HeaderValue};
use paystate_providers::{Callback, Instant, Rejection};
use serde_json::Value;

pub(crate) enum Verdict {
    /// Judged as the file expects.
    Ran(String),
    /// Not run, and why that is right.
    Skipped(&'static str),
    /// Judged otherwise.
    Wrong(String),
}

impl Verdict {
    /// Compares a signature layer's answer with the file's `expected`.
    pub(crate) fn compare<T>(vector: &Value, result: Result<T, Rejection>) -> Self {
        let seen = match &result {
            Ok(_) => "valid".to_owned(),
            Err(rejection) => format!("invalid {rejection}"),
        };
        Self::check(seen.starts_with(text(vector, "expected")), seen)
    }

    pub(crate) fn check(as_expected: bool, detail: impl Into<String>) -> Self {
        if as_expected { Self::Ran(detail.into()) } else { Self::Wrong(detail.into()) }
    }

    /// Adds a second check to one that has held so far.
    pub(crate) fn and(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Ran(first) => match next() {
                Self::Ran(second) => Self::Ran(format!("{first}; {second}")),
                end @ (Self::Skipped(_) | Self::Wrong(_)) => end,
            },
            end @ (Self::Skipped(_) | Self::Wrong(_)) => end,
        }
    }
}

pub(crate) fn read(path: &Path) -> Value {
    let bytes = fs::read(path).expect("a readable vector");
    serde_json::from_slice(&bytes).expect("a JSON vector")
}

/// A string member; empty when it is missing.
pub(crate) fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap_or_default()
}

pub(crate) fn valid(vector: &Value) -> bool {
    text(vector, "expected") == "valid"
}

pub(crate) fn headers(vector: &Value) -> HeaderMap {
    let map = vector["headers"].as_object().expect("headers");
    let pair = |(name, value): (&String, &Value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        (name, HeaderValue::from_str(value.as_str().expect("text")).expect("a header value"))
    };
    map.iter().map(pair).collect()
}

pub(crate) fn callback<'a>(headers: &'a HeaderMap, body: &'a [u8], received_at: Instant) -> Callback<'a> {
    Callback { headers, body, received_at }
}

pub(crate) fn clock(vector: &Value) -> Instant {
    Instant::from_seconds(vector["clock_unix"].as_i64().expect("clock_unix"))
}

/// The form as it arrived, or its fields encoded anew.
pub(crate) fn form(vector: &Value) -> String {
    match vector["raw_body_reconstructed"].as_str() {
        Some(raw) => raw.to_owned(),
        None => params(vector).map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect::<Vec<_>>().join("&"),
    }
}

pub(crate) fn params(vector: &Value) -> impl Iterator<Item = (&str, &str)> {
    let map = vector["params"].as_object().expect("params");
    map.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("text")))
}

fn encode(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).into() } else { format!("%{b:02X}") }).collect()
}
