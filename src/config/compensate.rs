//! `[core.compensate]`, `[core.cases.KIND]` and `[alerts.NAME]`: what a core does by itself about what nobody tells it,
//! what becomes of cases, and who is told of them.

use std::{collections::BTreeMap, path::Path, time::Duration};

use hyper::Uri;
use paystate_core::{
    commit::CasePolicy,
    compensate::{Channel, Format, Schedule, Settings},
    order::{CaseKind, Resolution},
};
use serde::Deserialize;

use super::{
    Problems,
    secret::{Source, required},
};

/// Hours in a year: nothing waits longer.
const MAX_HOURS: u64 = 8_760;
/// Delays of a schedule at most, and the longest of them.
const MAX_DELAYS: usize = 64;
const MAX_DELAY_S: u64 = 7 * 24 * 3600;

#[derive(Debug, Default, Deserialize)]
pub(super) struct RawCompensate {
    in_flight: Option<usize>,
    payment_schedule_s: Option<Vec<u64>>,
    refund_schedule_s: Option<Vec<u64>>,
    retry_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawCase {
    due_after_h: Option<u64>,
    owner: Option<String>,
    settle: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawAlert {
    url: Option<Source>,
    #[serde(default)]
    format: RawFormat,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
    #[default]
    Generic,
    Dingtalk,
    Feishu,
    Slack,
}

impl RawCompensate {
    pub(super) fn check(self, problems: &mut Problems) -> Settings {
        let defaults = Settings::default();
        let in_flight = self.in_flight.unwrap_or(defaults.in_flight);
        if !(1..=1_000).contains(&in_flight) {
            problems.add("core.compensate.in_flight", "must be 1 to 1000");
        }
        let retry = self.retry_s.map_or(defaults.patience, Duration::from_secs);
        if self.retry_s.is_some_and(|s| !(1..=600).contains(&s)) {
            problems.add("core.compensate.retry_s", "must be 1 to 600");
        }
        Settings {
            in_flight,
            payments: schedule(problems, "payment_schedule_s", self.payment_schedule_s).unwrap_or(defaults.payments),
            refunds: schedule(problems, "refund_schedule_s", self.refund_schedule_s).unwrap_or(defaults.refunds),
            patience: retry,
            ..Settings::default()
        }
    }
}

fn schedule(problems: &mut Problems, field: &str, delays: Option<Vec<u64>>) -> Option<Schedule> {
    let delays = delays?;
    let at = format!("core.compensate.{field}");
    if delays.len() > MAX_DELAYS || delays.iter().any(|d| !(1..=MAX_DELAY_S).contains(d)) {
        problems.add(&at, format!("must be at most {MAX_DELAYS} delays of 1 to {MAX_DELAY_S} seconds"));
    }
    let mut delays = delays.into_iter().map(Duration::from_secs);
    let Some(first) = delays.next() else {
        problems.add(at, "has no delay; write one at least, in seconds");
        return None;
    };
    Some(Schedule::new(first, delays))
}

/// What becomes of the cases of each kind that is named.
pub(super) fn cases(problems: &mut Problems, raw: BTreeMap<String, RawCase>) -> BTreeMap<CaseKind, CasePolicy> {
    raw.into_iter().filter_map(|(name, case)| case.check(problems, &name)).collect()
}

impl RawCase {
    fn check(self, problems: &mut Problems, name: &str) -> Option<(CaseKind, CasePolicy)> {
        let at = format!("core.cases.{name}");
        let kind = CaseKind::parse(&name.to_ascii_uppercase()).filter(|_| name == name.to_ascii_lowercase());
        let Some(kind) = kind else {
            let kinds = CaseKind::ALL.map(|k| k.as_str().to_ascii_lowercase()).join(", ");
            problems.add(at, format!("is no kind of case; there are {kinds}"));
            return None;
        };
        let default = CasePolicy::default();
        if self.due_after_h.is_some_and(|h| !(1..=MAX_HOURS).contains(&h)) {
            problems.add(format!("{at}.due_after_h"), format!("must be 1 to {MAX_HOURS}"));
        }
        let owner = self.owner.unwrap_or_default();
        if owner.chars().count() > 64 || owner.chars().any(char::is_control) {
            problems.add(format!("{at}.owner"), "must be at most 64 characters without control characters");
        }
        let settle = self.settle.and_then(|text| {
            let allowed: Vec<_> = kind.resolutions().iter().filter(|r| !kind.needs_a_person(**r)).collect();
            let found = Resolution::parse(&text).filter(|r| allowed.contains(&r));
            if found.is_none() {
                let names: Vec<_> = allowed.iter().map(|r| r.as_str()).collect();
                problems.add(
                    format!("{at}.settle"),
                    format!("{text:?} settles no such case; write {}", names.join(" or ")),
                );
            }
            found
        });
        let due_after = self.due_after_h.map_or(default.due_after, |h| Duration::from_secs(h.min(MAX_HOURS) * 3600));
        Some((kind, CasePolicy { due_after, owner, settle }))
    }
}

/// Where people are told of cases.
pub(super) fn channels(problems: &mut Problems, raw: BTreeMap<String, RawAlert>, base: &Path) -> Vec<Channel> {
    raw.into_iter().filter_map(|(name, alert)| alert.check(problems, &name, base)).collect()
}

impl RawAlert {
    fn check(self, problems: &mut Problems, name: &str, base: &Path) -> Option<Channel> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !(1..=32).contains(&name.len()) || !name.chars().all(plain) {
            problems.add(format!("alerts.{name}"), "a name is 1 to 32 characters of a-z 0-9 _ -");
        }
        let at = format!("alerts.{name}.url");
        let source = required(problems, &at, self.url)?;
        let text = problems.take(&at, source.text(base))?;
        // The address is a secret, so it is not said what it is.
        let url = problems.take(&at, text.trim().parse::<Uri>().map_err(|_| "is not a URL"))?;
        let loopback = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme_str() {
            Some("https") if url.host().is_some() => {}
            Some("http") if loopback => {}
            Some(_) | None => problems.add(at, "must begin with https:// (http:// is for loopback)"),
        }
        let format = match self.format {
            RawFormat::Generic => Format::Generic,
            RawFormat::Dingtalk => Format::Dingtalk,
            RawFormat::Feishu => Format::Feishu,
            RawFormat::Slack => Format::Slack,
        };
        Some(Channel { name: name.into(), url, format })
    }
}
