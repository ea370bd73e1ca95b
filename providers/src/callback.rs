//! One callback as it arrived, what it became, and how the platform is answered.

use http::{HeaderMap, StatusCode};

use crate::{Fact, Instant, Rejection};

/// A callback exactly as the edge received it.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// Request headers, as received.
    pub headers: &'a HeaderMap,
    /// The body's exact bytes; signatures are checked over these.
    pub body: &'a [u8],
    /// When the edge had read the whole body. Freshness windows are measured against it.
    pub received_at: Instant,
}

/// A verified callback: everything in it is covered by the platform's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The platform's own id of this notice (`notify_id`, envelope `id`, `evt_…`), for people; never a
    /// dedupe key, because platforms repeat a fact under new ids.
    pub platform_notice_id: Option<String>,
    /// The platform's name for what happened, e.g. `TRADE_SUCCESS` or `payment_intent.succeeded`.
    pub event_type: String,
    /// SHA-256 of what the signature covers, lower-case hex. It identifies the notice: a form that is
    /// re-ordered, re-escaped or padded with unsigned fields is still the same one.
    pub content_sha256: String,
    /// Which of the account's keys verified it, so that the stored bytes can be verified again later.
    pub key_id: String,
    /// What it says. Empty for a genuine notice about something that is not ours to track.
    pub facts: Vec<Fact>,
}

/// How the edge ended with a callback; each platform words it differently on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Durably stored: the core's COMMIT has returned.
    Accepted,
    /// Not genuine, or not readable: the same bytes will never be accepted.
    Refused,
    /// A fault or limit of ours: the platform must try again.
    Unavailable,
}

/// The answer that goes back to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// HTTP status.
    pub status: StatusCode,
    /// Value of the Content-Type header.
    pub content_type: &'static str,
    /// Exact body.
    pub body: &'static str,
}

/// One account on one platform: its pinned algorithm, keys and identity, ready to verify.
///
/// Built once, at start or at key rotation; nothing is parsed per request that does not come from
/// the request.
pub trait Platform: Send + Sync + std::fmt::Debug {
    /// Verifies the signature and the binding to this account, then reads the facts.
    ///
    /// # Errors
    /// A [`Rejection`] with a stable reason. Nothing of a rejected callback may be believed.
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection>;

    /// The platform's wire form of an outcome.
    fn ack(&self, outcome: Outcome) -> Ack;

    /// What an unverified body *claims* its `out_trade_no` to be, so that a person can find a refused
    /// callback by order. Best effort, never believed.
    fn claimed_out_trade_no(&self, body: &[u8]) -> Option<String>;
}
