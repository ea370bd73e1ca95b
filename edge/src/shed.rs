//! Bounds the callbacks in flight, and has them carried out apart from the threads of the connections.
//!
//! Contract: beyond the bound a callback is answered at once; nothing queues here. The work runs in a task of its own,
//! on the threads that speak with the core and not on those of connections (see `threads`). So a platform that hangs up
//! does not cancel it, and a panic ends with an answer instead of the connection. Bodies are read beforehand, outside
//! this bound: slow senders must not use it up.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::Semaphore};

use crate::{
    Limits,
    verdict::{Fault, Verdict},
    verify::{Received, Verify},
};

/// The bounded work.
#[derive(Debug)]
pub(crate) struct Shed {
    places: Arc<Semaphore>,
    verify: Verify,
    threads: Handle,
}

impl Shed {
    /// Work runs on the threads of the caller's runtime.
    pub(crate) fn new(limits: &Limits, verify: Verify) -> Self {
        Self { places: Arc::new(Semaphore::new(limits.max_in_flight)), verify, threads: Handle::current() }
    }

    /// Verifies and forwards, or says why not.
    pub(crate) async fn judge(&self, received: Received) -> Verdict {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Verdict::Fault(Fault::Overloaded);
        };
        let verify = self.verify.clone();
        let work = async move {
            let verdict = verify.judge(received).await;
            drop(place);
            verdict
        };
        self.threads.spawn(work).await.unwrap_or(Verdict::Fault(Fault::Panicked))
    }
}
