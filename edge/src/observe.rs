//! One log event and one set of measurements for each callback.
//!
//! Contract: label values come from configuration and enums, never from input. No body, header, key or payer id is
//! logged; what may quote input is bounded and escaped. A flood of callbacks does not flood the log: lines about
//! callbacks that were not accepted are bounded, and those that were left out are counted.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use metrics::{SharedString, counter, gauge, histogram};
use paystate_providers::{Outcome, Reason};

use crate::{
    bucket::Bucket,
    door::Door,
    verdict::{Fault, Verdict},
};

const CALLBACKS: &str = "paystate_callbacks_total";
const SECONDS: &str = "paystate_callback_seconds";
const IN_FLIGHT: &str = "paystate_callbacks_in_flight";
const UNLISTED: &str = "paystate_callbacks_unlisted_total";
const SUPPRESSED: &str = "paystate_rejections_suppressed_total";
const CONNECTIONS: &str = "paystate_connections";
const UNROUTED: &str = "paystate_requests_unrouted_total";
const REFUSED_CONNECTIONS: &str = "paystate_connections_refused_total";

/// Gives the measurements their help texts.
pub(crate) fn describe() {
    metrics::describe_counter!(CALLBACKS, "Callbacks by how the edge ended with them.");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "From the end of the head to the answer.");
    metrics::describe_gauge!(IN_FLIGHT, "Callbacks that are not answered yet.");
    metrics::describe_counter!(UNLISTED, "Callbacks from outside of the allow list that were let pass.");
    metrics::describe_counter!(SUPPRESSED, "Refused callbacks that were not told to the core one by one.");
    metrics::describe_counter!(UNROUTED, "Requests for an account, a path or a method that is not there, by which.");
    metrics::describe_gauge!(CONNECTIONS, "Open connections.");
    metrics::describe_counter!(REFUSED_CONNECTIONS, "Connections that ended before a request, by why.");
}

/// Puts counters that alerts watch on the page before they count: one that first appears with an event
/// does not look like one that has risen.
pub(crate) fn expect(door: &Door) {
    let of = |outcome: &'static str, reason: &'static str| {
        let (provider, account) = (door.provider.as_str(), SharedString::from_shared(door.name.clone()));
        counter!(CALLBACKS, "provider" => provider, "account" => account, "outcome" => outcome, "reason" => reason)
            .increment(0);
    };
    for reason in [
        Reason::SignatureInvalid,
        Reason::UnknownKey,
        Reason::CertificateInvalid,
        Reason::DecryptionFailed,
        Reason::WrongAccount,
        Reason::BadAmount,
        Reason::Unsupported,
        Reason::Stale,
    ] {
        of(name(reason.outcome()), reason.as_str());
    }
    for fault in [Fault::Overloaded, Fault::QueueFull, Fault::CoreSlow, Fault::CoreFailed] {
        of("unavailable", fault.as_str());
    }
    of("accepted", "STORED");
}

/// One callback, from its head to its end, whatever that end is: it is reported when this is dropped, and without a
/// verdict the platform has hung up.
pub(crate) struct Watched<'a> {
    /// Lines about anybody's callbacks, and lines about those with a platform's signature.
    lines: [&'a Lines; 2],
    door: Arc<Door>,
    started: Instant,
    bytes: u64,
    end: Option<End>,
}

struct End {
    outcome: &'static str,
    reason: &'static str,
    detail: String,
    is_proven: bool,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(door: Arc<Door>, lines: [&'a Lines; 2]) -> Self {
        gauge!(IN_FLIGHT).increment(1);
        Self { lines, door, started: Instant::now(), bytes: 0, end: None }
    }

    /// The size of the body, once it is known.
    pub(crate) fn size(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// The end.
    pub(crate) fn ended(&mut self, verdict: &Verdict) {
        let detail = verdict.detail().chars().take(300).collect();
        let (outcome, reason) = (name(verdict.outcome()), verdict.reason());
        self.end = Some(End { outcome, reason, detail, is_proven: verdict.is_proven() });
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let hung_up = || End { outcome: "hung_up", reason: "HUNG_UP", detail: String::new(), is_proven: false };
        let End { outcome, reason, detail, is_proven } = self.end.take().unwrap_or_else(hung_up);
        let (provider, account, took) = (self.door.provider.as_str(), &self.door.name, self.started.elapsed());
        let (duration_us, bytes) = (took.as_micros(), self.bytes);
        let [strangers, proven] = self.lines;
        let lines = if is_proven { proven } else { strangers };
        let line = if outcome == "accepted" { None } else { lines.take() };
        match line {
            Some(left_out) => {
                tracing::info!(provider, %account, outcome, reason, duration_us, bytes, ?detail, left_out, "callback");
            }
            None => tracing::debug!(provider, %account, outcome, reason, duration_us, bytes, ?detail, "callback"),
        }
        let name = SharedString::from_shared(account.clone());
        counter!(CALLBACKS, "provider" => provider, "account" => name, "outcome" => outcome, "reason" => reason)
            .increment(1);
        histogram!(SECONDS, "provider" => provider).record(took.as_secs_f64());
        gauge!(IN_FLIGHT).decrement(1);
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused => "refused",
        Outcome::Unavailable => "unavailable",
    }
}

/// The lines that may be written.
#[derive(Debug)]
pub(crate) struct Lines {
    bucket: Bucket,
    left_out: AtomicU64,
}

impl Lines {
    pub(crate) fn new() -> Self {
        const PER_SECOND: u32 = 50;
        const BURST: u32 = 200;
        Self { bucket: Bucket::new(PER_SECOND, BURST, tokio::time::Instant::now()), left_out: AtomicU64::new(0) }
    }

    /// Takes a line if there is one, and says how many were left out since the last one.
    fn take(&self) -> Option<u64> {
        if self.bucket.take(tokio::time::Instant::now()) {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// How many lines [`unlisted`] may write, and [`no_such_account`].
pub(crate) fn few_lines() -> Bucket {
    const PER_SECOND: u32 = 1;
    const BURST: u32 = 10;
    Bucket::new(PER_SECOND, BURST, tokio::time::Instant::now())
}

/// Counts a callback that was let pass although its sender is not on the allow list. Forgers are expected there; a line
/// is written if it was accepted, because then the list lacks an address of the platform.
pub(crate) fn unlisted(door: &Door, sender: Option<IpAddr>, verdict: &Verdict, lines: &Bucket) {
    let (provider, outcome) = (door.provider.as_str(), verdict.outcome());
    let account = SharedString::from_shared(door.name.clone());
    counter!(UNLISTED, "provider" => provider, "account" => account, "outcome" => name(outcome)).increment(1);
    if outcome == Outcome::Accepted && lines.take(tokio::time::Instant::now()) {
        let sender = sender.map(tracing::field::display);
        tracing::warn!(provider, account = %door.name, sender, "accepted from an address that is not on the allow list");
    }
}

/// Counts a request for something that is not there.
pub(crate) fn unrouted(why: &'static str) {
    counter!(UNROUTED, "reason" => why).increment(1);
}

/// Counts a callback for an account that is not configured. A platform that was given a wrong URL looks like somebody
/// who guesses, so a line is written; the names consist of letters, digits and `-_.`.
pub(crate) fn no_such_account(provider: &str, account: &str, lines: &Bucket) {
    const LONGEST: usize = 64;
    unrouted("UNKNOWN_ACCOUNT");
    if lines.take(tokio::time::Instant::now()) {
        let short = |name: &str| name.chars().take(LONGEST).collect::<String>();
        let (provider, account) = (short(provider), short(account));
        tracing::info!(provider, account, "a callback for an account that is not configured here was answered 404");
    }
}

/// Counts refusals that were not told to the core.
pub(crate) fn rejections_suppressed(count: u64) {
    counter!(SUPPRESSED).increment(count);
}

/// Counts a connection that ended before a request.
pub(crate) fn connection_refused(why: &'static str) {
    counter!(REFUSED_CONNECTIONS, "reason" => why).increment(1);
}

/// An open connection, until dropped.
pub(crate) struct Connected(());

impl Connected {
    pub(crate) fn new() -> Self {
        gauge!(CONNECTIONS).increment(1);
        Self(())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_writes_few_lines_and_says_how_many_are_missing() {
        let lines = Lines::new();
        assert_eq!((0..1000).filter_map(|_| lines.take()).collect::<Vec<_>>(), [0; 200]);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!((0..1000).filter_map(|_| lines.take()).collect::<Vec<_>>()[..2], [800, 0]);
    }
}
