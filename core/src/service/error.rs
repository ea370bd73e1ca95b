//! Errors on the wire: a gRPC code, `google.rpc.ErrorInfo` with a stable reason, and for bad input
//! `google.rpc.BadRequest` with every bad field.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{commit::DoorError, compensate::NotTakenIn, feed::FeedError, order::Refusal, store::StoreError};

const DOMAIN: &str = "paystate";
/// Bad fields that are told at once. A request may repeat one a million times, and its refusal is no place for that.
const MAX_VIOLATIONS: usize = 32;

/// An error with a stable reason.
pub(super) fn status(code: Code, reason: &str, message: &str) -> Status {
    paystate_rpc::status(code, reason, message, std::collections::HashMap::new())
}

/// Collects the bad fields of a request, so that the caller sees them all at once: the first [`MAX_VIOLATIONS`].
#[derive(Default)]
pub(super) struct Violations {
    found: Vec<(String, String)>,
}

impl Violations {
    /// Notes what is wrong with a field.
    pub(super) fn add(&mut self, field: &str, problem: impl ToString) {
        if self.found.len() < MAX_VIOLATIONS {
            self.found.push((field.to_owned(), problem.to_string()));
        }
    }

    /// Takes a field's value, or notes what is wrong with it.
    pub(super) fn take<T, E: ToString>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|problem| self.add(field, problem)).ok()
    }

    /// The refusal, if anything was wrong.
    pub(super) fn check(self) -> Result<(), Status> {
        if self.found.is_empty() {
            return Ok(());
        }
        let message = self.found.iter().map(|(f, p)| format!("{f}: {p}")).collect::<Vec<_>>().join("; ");
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_ARGUMENT", DOMAIN, std::collections::HashMap::new());
        for (field, problem) in self.found {
            details.add_bad_request_violation(field, problem);
        }
        Err(Status::with_error_details(Code::InvalidArgument, message, details))
    }

    /// The values that were taken together, or the refusal that says why not.
    pub(super) fn finish<T>(self, values: Option<T>) -> Result<T, Status> {
        self.check()?;
        values.ok_or_else(|| Status::internal("a field was neither valid nor refused"))
    }
}

pub(super) fn order_not_found(order_id: impl std::fmt::Display) -> Status {
    status(Code::NotFound, "ORDER_NOT_FOUND", &format!("order {order_id} does not exist"))
}

pub(super) fn door(error: DoorError) -> Status {
    match error {
        DoorError::Refused(refusal) => refused(&refusal),
        DoorError::Overloaded => status(Code::Unavailable, "OVERLOADED", &error.to_string()),
        DoorError::Unavailable(_) => status(Code::Unavailable, "STORE_UNAVAILABLE", &error.to_string()),
        DoorError::Internal(_) => {
            tracing::error!(%error, "command failed");
            status(Code::Internal, "INTERNAL", "an internal fault; nothing was changed, and the log has the details")
        }
    }
}

fn refused(refusal: &Refusal) -> Status {
    let (code, reason) = match refusal {
        Refusal::OrderNotFound(_) => (Code::NotFound, "ORDER_NOT_FOUND"),
        Refusal::OrderExists(_) => (Code::AlreadyExists, "ORDER_ALREADY_EXISTS"),
        Refusal::RequestIdReused(_) => (Code::AlreadyExists, "REQUEST_ID_REUSED"),
        Refusal::NotPayable(..) => (Code::FailedPrecondition, "ORDER_NOT_PAYABLE"),
        Refusal::AlreadyPaid(..) => (Code::FailedPrecondition, "ORDER_ALREADY_PAID"),
        Refusal::NumberTaken(_) | Refusal::InputsDiffer(_) => (Code::AlreadyExists, "OUT_TRADE_NO_TAKEN"),
        Refusal::ExpiresInPast => (Code::InvalidArgument, "EXPIRE_TIME_IN_PAST"),
        Refusal::TooManyPayments(_) => (Code::FailedPrecondition, "TOO_MANY_PAYMENTS"),
        Refusal::PaymentNotFound(..) => (Code::NotFound, "PAYMENT_NOT_FOUND"),
        Refusal::MayStillBePaid { .. } => (Code::FailedPrecondition, "PAYMENT_MAY_STILL_BE_PAID"),
        Refusal::NothingToRefund(_) => (Code::FailedPrecondition, "NOTHING_TO_REFUND"),
        Refusal::RefundExceedsPayment { .. } => (Code::FailedPrecondition, "REFUND_EXCEEDS_PAYMENT"),
        Refusal::RefundCurrency(_) => (Code::InvalidArgument, "REFUND_CURRENCY"),
        Refusal::PaymentAmbiguous(_) => (Code::FailedPrecondition, "PAYMENT_AMBIGUOUS"),
        Refusal::RefundNumberTaken(_) => (Code::AlreadyExists, "OUT_REFUND_NO_TAKEN"),
        Refusal::TooManyRefunds(_) => (Code::FailedPrecondition, "TOO_MANY_REFUNDS"),
        Refusal::RefundNotFound(..) => (Code::NotFound, "REFUND_NOT_FOUND"),
        Refusal::NoApi(_) => (Code::FailedPrecondition, "NO_API"),
        Refusal::CaseNotFound(_) => (Code::NotFound, "CASE_NOT_FOUND"),
        Refusal::CaseResolved(_) => (Code::FailedPrecondition, "CASE_RESOLVED"),
        Refusal::ResolutionNotAllowed { .. } => (Code::FailedPrecondition, "RESOLUTION_NOT_ALLOWED"),
        Refusal::IllegalMove { .. } => (Code::Internal, "INTERNAL"),
    };
    status(code, reason, &refusal.to_string())
}

/// A platform was asked, and what it said could not be taken in.
pub(super) fn not_taken_in(fault: NotTakenIn) -> Status {
    tracing::warn!(%fault, "an answer of a platform was not taken in");
    status(Code::Unavailable, "STORE_UNAVAILABLE", &format!("{fault}; try again later"))
}

pub(super) fn store(error: StoreError) -> Status {
    match error {
        StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Conflict(_) => {
            status(Code::Unavailable, "STORE_UNAVAILABLE", &error.to_string())
        }
        StoreError::Refused(_) | StoreError::Damaged(_) => {
            tracing::error!(%error, "read failed");
            status(Code::Internal, "INTERNAL", "an internal fault; the log has the details")
        }
    }
}

/// Why a reader of the log does not go on, or cannot begin where it asks to.
pub(super) fn feed(error: FeedError) -> Status {
    let (code, reason, fact) = match error {
        FeedError::Store(error) => return store(error),
        FeedError::TokenMalformed => (Code::InvalidArgument, "RESUME_TOKEN_MALFORMED", None),
        FeedError::FilterChanged => (Code::InvalidArgument, "RESUME_TOKEN_FILTER_CHANGED", None),
        FeedError::LogChanged { now } => {
            (Code::FailedPrecondition, "LOG_ID_CHANGED", Some(("log_id", now.to_string())))
        }
        FeedError::Compacted { oldest } => {
            (Code::OutOfRange, "EVENTS_COMPACTED", Some(("oldest_revision", oldest.to_string())))
        }
        FeedError::BeyondHead { head } => {
            (Code::OutOfRange, "REVISION_AHEAD", Some(("head_revision", head.to_string())))
        }
    };
    let metadata: HashMap<_, _> = fact.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    paystate_rpc::status(code, reason, &error.to_string(), metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_bad_a_million_times_is_told_a_few_times() {
        let mut violations = Violations::default();
        for n in 0..1_000_000 {
            assert_eq!(violations.take::<(), _>("kinds", Err(n)), None);
        }
        let status = violations.finish(Some(())).unwrap_err();
        let told = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((told.len(), told[0].description.as_str()), (MAX_VIOLATIONS, "0"));
        assert!(status.message().len() < 1_000);
    }
}
