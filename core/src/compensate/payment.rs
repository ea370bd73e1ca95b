//! What to do about a payment that nobody tells us about; pure.
//!
//! - A question comes before everything else, and its answer goes through the door like a callback.
//! - Where the order is to end, or the payment's time is over, the payment is asked about, closed at the platform, and
//!   asked about again. That the platform agreed to close it is not a fact; what it says when it is asked is.
//! - A payment that the platform does not know (it creates one when the payer comes to it) ends by time: when the
//!   platform has said so twice, at least a minute apart, after the payment's time and a grace. So does one that the
//!   platform says has failed, where it offers no closing. One that is under way there never ends by time: the payer's
//!   money may be.
//! - Where the platform cannot be asked with what is known here (at UnionPay, about what the caller began itself), time
//!   alone concludes nothing: callbacks may tell, and after the schedule a person is told.
//! - Without an answer, the question is repeated soon, for as long as the schedule would have taken and a day; after
//!   the answer "not yet" it is repeated on schedule. Then a person is told. Questions out of turn, because of a hint,
//!   do not use up the schedule.

use std::time::Duration;

use super::{
    platforms::{Answer, Outcome},
    schedule::{Schedule, jittered},
};
use crate::order::{Order, Payment, PaymentStatus, Timestamp, UNPAID_GRACE};

/// The least time between two answers that a payment is not known.
const APART: Duration = Duration::from_secs(60);
/// How long a payment without an expiry of ours may still be paid: the longest default of the platforms.
const LONGEST: Duration = Duration::from_secs(15 * 24 * 3600);
/// How long an outage of a platform is waited out, beyond the schedule.
const OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// What the task knows from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Questions that were answered.
    pub(super) answered: u32,
    /// When the platform first said, after the payment's time, that nobody has paid and nothing can be closed.
    pub(super) unpaid_since: Option<Timestamp>,
    /// When the next question of the schedule is due: an earlier answer is out of turn. `None` before the first answer.
    pub(super) turn: Option<Timestamp>,
    /// Since when no question was answered; `None` if the last one was.
    pub(super) silent_since: Option<Timestamp>,
}

/// What this run has heard so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// The last question.
    pub(super) asked: Option<Answer>,
    /// The call to close it.
    pub(super) closed: Option<Answer>,
    /// Asked again since.
    pub(super) asked_again: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask.
    Ask,
    /// Close it at the platform.
    Close,
    /// It is over without payment: the platform does not know it, and its time is over.
    ConcludeUnpaid,
    /// Nothing more helps: a person must look.
    GiveUp(String),
    /// Nothing is left to do.
    Done,
    /// Again later.
    Later(Later),
}

/// When to go on, and what to remember until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) wait: Duration,
    pub(super) known: Known,
}

/// Decides the next step. `order` includes what every answer so far has changed.
pub(super) fn step(
    (order, payment): (&Order, &Payment),
    known: &Known,
    heard: &Heard,
    schedule: &Schedule,
    patience: Duration,
    now: Timestamp,
) -> Step {
    if is_final(payment) {
        return Step::Done;
    }
    let Some(last) = &heard.asked else { return Step::Ask };
    match last.outcome {
        Outcome::Answered | Outcome::Refused => {}
        Outcome::NotFound if is_over(payment, now) => return unpaid(known, schedule, now),
        // A callback may still tell what the platform cannot be asked about with what we know; and an edge of another
        // version may want other words, until it is replaced.
        Outcome::NotFound | Outcome::NotTakenIn | Outcome::NoSuchOperation | Outcome::BadInput => {
            return again((order, payment), known, last, schedule, now);
        }
        Outcome::Unknown | Outcome::RateLimited(_) | Outcome::NotSent => {
            let since = known.silent_since.unwrap_or(now);
            // A payment begun long ago may be queried for the first time now.
            if now > lost(payment, schedule).max(since.after(OUTAGE)) {
                return Step::GiveUp(format!(
                    "the platform has not answered for a day; its last words: {}",
                    last.said()
                ));
            }
            let wait = if let Outcome::RateLimited(Some(wait)) = last.outcome { wait.max(patience) } else { patience };
            return Step::Later(Later { wait, known: Known { silent_since: Some(since), ..known.clone() } });
        }
    }
    match &heard.closed {
        None if is_unwanted(order, payment, now) => Step::Close,
        Some(closed) if closed.outcome != Outcome::NoSuchOperation && !heard.asked_again => Step::Ask,
        // The platform closes by time alone, and does not say when it has.
        Some(closed) if closed.outcome == Outcome::NoSuchOperation && last.failed && is_over(payment, now) => {
            unpaid(known, schedule, now)
        }
        None | Some(_) => again((order, payment), known, last, schedule, now),
    }
}

/// Whether nothing can change it any more. A person's word that it is closed is not the platform's.
pub(crate) fn is_final(payment: &Payment) -> bool {
    match payment.status {
        PaymentStatus::Closed => payment.ruled_at.is_none(),
        PaymentStatus::Succeeded => true,
        PaymentStatus::Pending | PaymentStatus::Failed => false,
    }
}

/// Whether nobody should pay it any more.
fn is_unwanted(order: &Order, payment: &Payment, now: Timestamp) -> bool {
    let in_time = |at: Option<Timestamp>| at.is_none_or(|at| now < at);
    !(order.is_payable() && in_time(order.expires_at) && in_time(payment.expires_at))
}

/// Whether its time and the grace are over.
fn is_over(payment: &Payment, now: Timestamp) -> bool {
    payment.expires_at.is_some_and(|at| now > at.after(UNPAID_GRACE))
}

/// When an outage of the platform has lasted too long for this payment.
fn lost(payment: &Payment, schedule: &Schedule) -> Timestamp {
    let end = payment.expires_at.unwrap_or(payment.started_at);
    let end = payment.ruled_at.map_or(end, |at| at.max(end));
    end.after(schedule.whole() + OUTAGE)
}

/// Nobody has paid it and its time is over: believed when the platform has said so twice.
fn unpaid(known: &Known, schedule: &Schedule, now: Timestamp) -> Step {
    match known.unpaid_since {
        Some(since) if now >= since.after(APART) => Step::ConcludeUnpaid,
        Some(_) | None => {
            let unpaid_since = known.unpaid_since.or(Some(now));
            let wait = APART.min(schedule.last()) + Duration::from_secs(1);
            Step::Later(Later { wait, known: Known { unpaid_since, silent_since: None, ..known.clone() } })
        }
    }
}

/// Answered, but not decisively: asks again on schedule, and also when the payment's time is over.
fn again(
    (order, payment): (&Order, &Payment),
    known: &Known,
    last: &Answer,
    schedule: &Schedule,
    now: Timestamp,
) -> Step {
    if let Some(turn) = known.turn.filter(|turn| now < *turn) {
        let wait = until_turn(turn, now);
        return Step::Later(Later { wait, known: Known { unpaid_since: None, silent_since: None, ..known.clone() } });
    }
    let answered = known.answered.saturating_add(1);
    let until_over =
        |at: Timestamp| Duration::from_micros(u64::try_from(at.after(UNPAID_GRACE).0 - now.0 + 1_000_000).unwrap_or(0));
    let payable_until = match payment.expires_at {
        Some(at) => at.after(UNPAID_GRACE),
        // Only a person can end a payment that the caller began and the platform does not know.
        None if is_unwanted(order, payment, now) => payment.started_at,
        None => payment.started_at.after(LONGEST),
    };
    let wait = match schedule.after(answered) {
        Some(wait) => wait,
        None if now <= payable_until => schedule.last(),
        None => {
            let status = payment.status.as_str();
            return Step::GiveUp(format!("asked {answered} times, it is still {status}; last words: {}", last.said()));
        }
    };
    let over = payment.expires_at.filter(|_| !is_over(payment, now)).map_or(wait, until_over);
    let wait = wait.min(over);
    // Resets the first "unpaid": something else was said since, so the next "unpaid" is a first one again.
    let turn = Some(now.after(jittered(wait, 0)));
    let known = Known { answered, unpaid_since: None, turn, silent_since: None };
    Step::Later(Later { wait, known })
}

/// A wait that lasts at least until `turn`, whatever jitter makes of it.
fn until_turn(turn: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::from_micros(u64::try_from(turn.0.saturating_sub(now.0)).unwrap_or(0));
    left * 10 / 9 + Duration::from_millis(1)
}

impl Known {
    /// Reads the task's count and note.
    pub(super) fn read(attempt: u32, note: &str) -> Self {
        let at = |name: &str| note.split("; ").find_map(|part| part.strip_prefix(name)?.parse().ok()).map(Timestamp);
        Self { answered: attempt, unpaid_since: at(UNPAID), turn: at(TURN), silent_since: at(SILENT) }
    }

    /// What the task keeps beside the count.
    pub(super) fn note(&self) -> String {
        let parts = [(UNPAID, self.unpaid_since), (TURN, self.turn), (SILENT, self.silent_since)];
        let parts = parts.into_iter().filter_map(|(name, at)| at.map(|at| format!("{name}{}", at.0)));
        parts.collect::<Vec<_>>().join("; ")
    }
}

/// Begins the part of the note that says since when a payment is said to be unpaid after its time; microseconds follow.
const UNPAID: &str = "unpaid since ";
/// Begins the part that says when it is the payment's turn by the schedule; microseconds follow.
const TURN: &str = "turn at ";
/// Begins the part that says since when no question was answered; microseconds follow. Refunds keep it too.
pub(super) const SILENT: &str = "silent since ";
