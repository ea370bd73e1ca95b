//! What the core refuses, in words that a program can tell apart.

use std::{collections::HashMap, fmt};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// `domain` of the core's own `google.rpc.ErrorInfo`.
const DOMAIN: &str = "paystate";

/// The answer "no", with the core's stable reason.
///
/// Made of any [`Status`], so it is also of use with the generated clients:
///
/// ```
/// # use paystate_client::Refusal;
/// # let status = tonic::Status::not_found("order A1 does not exist");
/// let refusal = Refusal::from(status);
/// if refusal.reason == "ORDER_NOT_FOUND" {
///     // …
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// `reason` of `google.rpc.ErrorInfo`, for example `LOG_ID_CHANGED`; stable over versions. Empty where whoever
    /// answered gave none that is the core's own (a proxy, or no core at all).
    pub reason: String,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// `metadata` of `google.rpc.ErrorInfo`.
    pub metadata: HashMap<String, String>,
}

impl Refusal {
    /// With reason `EVENTS_COMPACTED`: the oldest revision that the log still has. Whoever can rebuild what it derived
    /// from older events (from GetOrder, for example) may begin again there.
    #[must_use]
    pub fn oldest_revision(&self) -> Option<i64> {
        self.metadata.get("oldest_revision")?.parse().ok()
    }

    /// Whether the same question may have another answer later, by the code. What is wrong with the question itself
    /// stays wrong.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.code {
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable => true,
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
        let (reason, metadata) = info.map(|info| (info.reason, info.metadata)).unwrap_or_default();
        let mut message = status.message().to_owned();
        // The library says "transport error"; why is in what it wraps.
        let mut source = std::error::Error::source(&status);
        while let Some(error) = source {
            let said = error.to_string();
            if !message.contains(&said) {
                message = if message.is_empty() { said } else { format!("{message}: {said}") };
            }
            source = error.source();
        }
        Self { code: status.code(), reason, message, metadata }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{} ({:?})", self.message, self.code),
            reason => write!(f, "{} ({reason})", self.message),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    /// As somebody says it who calls himself `domain`.
    fn refusal(domain: &str) -> Refusal {
        let mut details = ErrorDetails::new();
        let metadata = HashMap::from([("oldest_revision".into(), "42".into())]);
        details.set_error_info("EVENTS_COMPACTED", domain, metadata);
        Refusal::from(Status::with_error_details(Code::OutOfRange, "gone", details))
    }

    #[test]
    fn the_reason_and_its_metadata_are_read() {
        let refusal = refusal("paystate");
        assert_eq!((refusal.code, refusal.oldest_revision()), (Code::OutOfRange, Some(42)));
        assert_eq!(refusal.to_string(), "gone (EVENTS_COMPACTED)");
    }

    #[test]
    fn what_a_proxy_calls_the_reason_is_not_the_cores() {
        let refusal = refusal("proxy.example");
        assert_eq!((refusal.reason.as_str(), refusal.metadata.len()), ("", 0));
        assert_eq!(refusal.to_string(), "gone (OutOfRange)");
    }

    #[test]
    fn without_a_reason_the_code_is_named_and_what_lies_below() {
        let status = Status::from_error(Box::new(std::io::Error::other("connection refused")));
        let refusal = Refusal::from(status);
        assert_eq!((refusal.reason.as_str(), refusal.oldest_revision()), ("", None));
        assert_eq!(refusal.to_string(), "connection refused (Unknown)");
    }
}
