//! Who did what: one line of the log for each call by which somebody gives money back, closes an order, rules on or
//! assigns a case, or has a day compared with a statement, which settles cases too.
//!
//! Contract: the target is `paystate::audit`, the level INFO. `caller` is the identity of the caller's certificate,
//! `(unasked)` behind a plaintext listener; `outcome` is `done`, or the reason of the error that the caller got. The
//! line is written however the call ends, also where the caller did not wait for that: then what it asked for may still
//! happen.

use paystate_rpc::Peer;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::intake::clip;

/// A call that is under way.
pub(super) struct Call {
    caller: String,
    call: &'static str,
    /// The order or the case.
    about: String,
    /// What the caller gave as one.
    reason: String,
    outcome: String,
}

impl Call {
    pub(super) fn begin<T>(request: &Request<T>, call: &'static str, about: &str, reason: &str) -> Self {
        let caller = request.extensions().get().map_or_else(|| Peer::Unasked.to_string(), Peer::to_string);
        let (about, reason) = (clip(about.to_owned()), clip(reason.to_owned()));
        Self { caller, call, about, reason, outcome: "the caller left; it may still happen".to_owned() }
    }

    /// What it is about, where that comes later than the call.
    pub(super) fn about(&mut self, about: &str) {
        self.about = clip(about.to_owned());
    }

    /// Its end.
    pub(super) fn ended<T>(mut self, result: Result<T, Status>) -> Result<Response<T>, Status> {
        self.outcome = result.as_ref().map_or_else(why, |_| "done".to_owned());
        result.map(Response::new)
    }
}

/// The code says it only where there is no reason of ours.
fn why(status: &Status) -> String {
    let reason = status.get_details_error_info().map(|info| info.reason).filter(|reason| !reason.is_empty());
    reason.unwrap_or_else(|| status.code().description().to_owned())
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self { caller, call, about, reason, outcome } = self;
        let outcome = outcome.as_str();
        tracing::info!(target: "paystate::audit", ?caller, call, ?about, ?reason, outcome, "by hand");
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::service::error;

    #[test]
    fn a_refusal_is_told_by_its_reason() {
        assert_eq!(why(&error::order_not_found("A1")), "ORDER_NOT_FOUND");
        let mut violations = error::Violations::default();
        violations.add("reason", "is required");
        assert_eq!(why(&violations.check().unwrap_err()), "INVALID_ARGUMENT");
        assert_eq!(why(&Status::internal("a fault")), Code::Internal.description());
    }
}
