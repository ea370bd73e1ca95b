//! Who did what: one line of the log for each call by which somebody moves money, or rules on a case.
//!
//! Contract: the target is `paystate::audit`, the level INFO, and the line is written once the call has ended, however it
//! ended. `caller` is the identity of the caller's certificate, `(unasked)` behind a plaintext listener.

use paystate_rpc::Peer;
use tonic::{Request, Status};

/// Who calls.
pub(super) fn caller<T>(request: &Request<T>) -> String {
    request.extensions().get().map_or_else(|| Peer::Unasked.to_string(), Peer::to_string)
}

/// Notes the end of a call; `about` is the order or the case, `reason` what the caller gave as one.
pub(super) fn ended<T>(caller: &str, call: &'static str, about: &str, reason: &str, result: &Result<T, Status>) {
    let outcome = result.as_ref().map_or_else(|status| status.code().description(), |_| "done");
    tracing::info!(target: "paystate::audit", ?caller, call, ?about, ?reason, outcome, "by hand");
}
