//! What to do about a refund that was requested here; pure.
//!
//! Every run begins with a question, also the first: a core that died after sending left no trace of it here. Only what
//! the platform does not know is sent, always under the same number and with the same content, so that the platform
//! recognises it even if it does not know yet that it has it. If the platform says that it cannot do it now (the
//! merchant's balance is too low, for example), the refund is sent again on schedule, and then a person is told. A
//! refund that was refused is not tried again by itself: a person may by then have given the money back in another way.
//! Without an answer, the question is repeated soon, for as long as the schedule would have taken and a day.

use std::time::Duration;

use super::{
    payment::SILENT,
    platforms::{Answer, Outcome},
    schedule::Schedule,
};
use crate::order::{Refund, RefundStatus, Timestamp};

/// How long an outage of a platform is waited out, beyond the schedule.
const OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// What the task knows from before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Runs that had an answer.
    pub(super) answered: u32,
    /// Since when no question was answered; `None` if the last one was.
    pub(super) silent_since: Option<Timestamp>,
}

/// What this run has heard so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// The last question.
    pub(super) asked: Option<Answer>,
    /// The request for the money to go back.
    pub(super) sent: Option<Answer>,
    /// Asked again since.
    pub(super) asked_again: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask.
    Ask,
    /// Send it.
    Send,
    /// The platform refuses, and does not know it: its code, and its words.
    Refused(String, String),
    /// Nothing more helps: a person must look.
    GiveUp(String),
    /// Nothing is left to do.
    Done,
    /// Again later, and what to remember until then.
    Later(Duration, Known),
}

/// Decides the next step. `refund` includes what every answer so far has changed.
pub(super) fn step(
    refund: &Refund,
    known: Known,
    heard: &Heard,
    schedule: &Schedule,
    patience: Duration,
    now: Timestamp,
) -> Step {
    if is_final(refund) {
        return Step::Done;
    }
    let Some(last) = &heard.asked else { return Step::Ask };
    let refused = |said: &Answer| Step::Refused(said.code.clone(), said.detail.clone());
    match (last.outcome, &heard.sent) {
        // An edge of another version may want other words, until it is replaced.
        (Outcome::Answered | Outcome::NotTakenIn | Outcome::Refused | Outcome::BadInput, _) => {
            again(known, last, schedule)
        }
        (Outcome::NotFound, None) if refund.status == RefundStatus::Pending => Step::Send,
        // The platform has reported it before, but does not find it now.
        (Outcome::NotFound, None) => again(known, last, schedule),
        (Outcome::NotFound, Some(sent)) => match sent.outcome {
            Outcome::Refused if heard.asked_again => refused(sent),
            Outcome::Refused => Step::Ask,
            Outcome::NoSuchOperation | Outcome::BadInput => refused(sent),
            Outcome::Answered | Outcome::NotFound => again(known, last, schedule),
            Outcome::NotTakenIn => again(known, sent, schedule),
            Outcome::Unknown if sent.spoken => again(known, sent, schedule),
            Outcome::Unknown | Outcome::NotSent => unanswered(refund, known, sent, schedule, patience, now),
            Outcome::RateLimited(wait) => {
                unanswered(refund, known, sent, schedule, wait.unwrap_or(patience).max(patience), now)
            }
        },
        (Outcome::Unknown | Outcome::NotSent, _) => unanswered(refund, known, last, schedule, patience, now),
        (Outcome::RateLimited(wait), _) => {
            unanswered(refund, known, last, schedule, wait.unwrap_or(patience).max(patience), now)
        }
        (Outcome::NoSuchOperation, _) => Step::GiveUp(format!("the platform cannot be asked: {}", last.said())),
    }
}

/// Whether nothing that we could do changes it. A refund that a person gave up is asked about, but never sent again.
pub(crate) fn is_final(refund: &Refund) -> bool {
    match refund.status {
        RefundStatus::Succeeded | RefundStatus::Failed => true,
        RefundStatus::Pending | RefundStatus::Abnormal | RefundStatus::Abandoned => false,
    }
}

/// Answered, and not at its end.
fn again(known: Known, last: &Answer, schedule: &Schedule) -> Step {
    let answered = known.answered;
    // The first delay lies between sending and the first question after it.
    match schedule.after(answered) {
        Some(wait) => Step::Later(wait, Known { answered: answered.saturating_add(1), silent_since: None }),
        None => Step::GiveUp(format!("asked {answered} times, it is not at its end; last words: {}", last.said())),
    }
}

/// Not answered: soon again, unless that has gone on for too long.
fn unanswered(
    refund: &Refund,
    known: Known,
    last: &Answer,
    schedule: &Schedule,
    patience: Duration,
    now: Timestamp,
) -> Step {
    let requested_at = refund.requested.as_ref().map_or(refund.updated_at, |r| r.at);
    let from = refund.given_up.map_or(requested_at, |given_up| given_up.at.max(requested_at));
    let since = known.silent_since.unwrap_or(now);
    // A refund requested long ago may be asked about for the first time now.
    if now > from.after(schedule.whole() + OUTAGE).max(since.after(OUTAGE)) {
        return Step::GiveUp(format!("the platform has not answered for a day; its last words: {}", last.said()));
    }
    Step::Later(patience, Known { silent_since: Some(since), ..known })
}

impl Known {
    /// Reads the task's count and note.
    pub(super) fn read(attempt: u32, note: &str) -> Self {
        Self {
            answered: attempt,
            silent_since: note.strip_prefix(SILENT).and_then(|at| at.parse().ok()).map(Timestamp),
        }
    }

    /// What the task keeps beside the count.
    pub(super) fn note(self) -> String {
        self.silent_since.map(|at| format!("{SILENT}{}", at.0)).unwrap_or_default()
    }
}
