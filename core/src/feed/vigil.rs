//! Notes for a delivery that its stream is alive, and how it ended, so that a delivery that fails can be told from one
//! that is taken over.
//!
//! Contract: it runs in a task of its own, because a stream is not polled while its client does not read. What it notes
//! is best effort; without a note the delivery has failed after [`SILENCE`].

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::answered;
use crate::{
    order::{SubscriptionName, Timestamp},
    store::Subscriptions,
    subscription::{Delivery, Lease, SILENCE},
};

/// How often a stream gives a sign of life; several times within the silence after which it is taken for dead.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// The stream whose life is noted.
pub(super) struct Pulse {
    pub(super) store: Arc<dyn Subscriptions>,
    pub(super) name: SubscriptionName,
    pub(super) lease: Lease,
    /// When the stream was opened.
    pub(super) at: Timestamp,
    since: Instant,
}

impl Pulse {
    pub(super) fn new(store: Arc<dyn Subscriptions>, name: SubscriptionName, lease: Lease, at: Timestamp) -> Self {
        Self { store, name, lease, at, since: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.at.0.saturating_add(elapsed))
    }

    /// A delivery that lives, and is about to be sent everything up to a revision.
    pub(super) fn sending(&self, sent: i64) -> Delivery {
        Delivery { lease: self.lease, sent, fails_at: Some(Timestamp(self.now().0.saturating_add(SILENCE))) }
    }

    /// Answers whether the lease still counts, as far as that is known.
    async fn note(&self, delivery: Delivery) -> bool {
        let noted = answered(self.store.note(&self.name, delivery)).await;
        noted.unwrap_or_else(|error| {
            tracing::debug!(%error, name = %self.name, "the life of a stream is not noted");
            true
        })
    }
}

/// Held by a stream. Dropped without a word, it says that the client has gone.
pub(super) struct Vigil {
    excuse: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Vigil {
    pub(super) fn begin(pulse: Arc<Pulse>, tasks: &TaskTracker, closing: CancellationToken) -> Self {
        let (excuse, excused) = oneshot::channel();
        Self { excuse, task: tasks.spawn(watch(pulse, excused, closing)) }
    }

    /// This core ends the stream: the delivery has not failed.
    pub(super) fn excuse(self) {
        let _ = self.excuse.send(());
    }

    /// The stream was sent whole; returns when that is noted.
    pub(super) async fn end(self) {
        drop(self.excuse);
        let _ = self.task.await;
    }
}

async fn watch(pulse: Arc<Pulse>, mut excused: oneshot::Receiver<()>, closing: CancellationToken) {
    let fails_at = loop {
        tokio::select! {
            biased;
            () = closing.cancelled() => break None,
            excused = &mut excused => break excused.is_err().then(|| pulse.now()),
            () = sleep(SIGN_OF_LIFE) => {
                if !pulse.note(pulse.sending(0)).await {
                    return;
                }
            }
        }
    };
    pulse.note(Delivery { lease: pulse.lease, sent: 0, fails_at }).await;
}
