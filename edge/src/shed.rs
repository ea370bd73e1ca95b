//! Bounds the callbacks in flight, and turns every way in which ours can fail into a [`Fault`].
//!
//! Contract: over the bound a callback is answered at once, nothing queues here. The work runs in a task of
//! its own, so that a platform that hangs up does not cancel it and a panic ends with an answer, not with
//! the connection. Bodies are read before, outside this bound: slow senders must not use it up.

use tower::{
    ServiceBuilder, ServiceExt,
    limit::ConcurrencyLimit,
    load_shed::{LoadShed, error::Overloaded},
};

use crate::{
    Limits,
    verdict::{Fault, Verdict},
    verify::{Received, Verify},
};

/// The bounded service. Clones share the bound.
#[derive(Debug, Clone)]
pub(crate) struct Shed(LoadShed<ConcurrencyLimit<Verify>>);

impl Shed {
    pub(crate) fn new(limits: &Limits, verify: Verify) -> Self {
        Self(ServiceBuilder::new().load_shed().concurrency_limit(limits.max_in_flight).service(verify))
    }

    /// Verifies and forwards, or says why not.
    pub(crate) async fn judge(&self, received: Received) -> Verdict {
        match tokio::spawn(self.0.clone().oneshot(received)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) if error.is::<Overloaded>() => Verdict::Fault(Fault::Overloaded),
            // The innermost service has no error of its own; a layer's failure is a defect of ours like a panic.
            Ok(Err(_)) | Err(_) => Verdict::Fault(Fault::Panicked),
        }
    }
}
