//! Who did what: one line of the log for each call by which somebody gives money back, closes an order, rules on or
//! assigns a case, or has a day compared with a statement, which settles cases too.
//!
//! Contract: the target is `paystate::audit`, the level INFO. `caller` is the identity in the caller's certificate, or
//! `(unasked)` behind a plaintext listener. The line is written however the call ends, even if the caller did not wait
//! for the end: then what it asked for may still happen.

use paystate_rpc::Peer;
use tonic::{Request, Response, Status};

use crate::intake::clip;

/// A call that is under way.
pub(super) struct Call {
    caller: String,
    call: &'static str,
    /// The order or the case.
    about: String,
    /// What the caller gave as one.
    reason: String,
    outcome: &'static str,
}

impl Call {
    pub(super) fn begin<T>(request: &Request<T>, call: &'static str, about: &str, reason: &str) -> Self {
        let caller = request.extensions().get().map_or_else(|| Peer::Unasked.to_string(), Peer::to_string);
        let (about, reason) = (clip(about.to_owned()), clip(reason.to_owned()));
        Self { caller, call, about, reason, outcome: "the caller left; it may still happen" }
    }

    /// What it is about, where that comes later than the call.
    pub(super) fn about(&mut self, about: &str) {
        self.about = clip(about.to_owned());
    }

    /// Its end.
    pub(super) fn ended<T>(mut self, result: Result<T, Status>) -> Result<Response<T>, Status> {
        self.outcome = result.as_ref().map_or_else(|status| status.code().description(), |_| "done");
        result.map(Response::new)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self { caller, call, about, reason, outcome } = self;
        tracing::info!(target: "paystate::audit", ?caller, call, ?about, ?reason, outcome, "by hand");
    }
}
