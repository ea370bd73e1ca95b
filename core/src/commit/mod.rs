//! The one door. Every observation and every command passes here, and nothing else changes an order.
//!
//! Group commit: callers queue; a committer takes what has queued while the last commit ran (nothing waits for a batch to
//! fill: a lone caller leaves at once), decides all of it in memory on the loaded orders, and writes it in one
//! transaction. A caller is answered after COMMIT has returned. A caller that hangs up changes nothing:
//! what was admitted is carried out.
//!
//! Bounded: what does not fit into the queue is refused at once with [`DoorError::Overloaded`].

mod batch;
mod gate;
mod memory;
mod policy;
mod work;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    sync::{Mutex, Semaphore, mpsc, oneshot},
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use crate::{
    feed::Bell,
    guard::Guard,
    store::{NoticeKey, Store},
};
use batch::{Committer, WAITING};
use gate::Gate;
use memory::Memory;
pub use policy::{CasePolicy, Policy};
pub use work::{CommandRequest, Done, DoorError, Fact, Message, MessageOutcome};
use work::{Reply, Work};

/// How the door is sized; every number is at least 1.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Inputs that may wait; more are refused with [`DoorError::Overloaded`]. Default 4096.
    pub queue: usize,
    /// Inputs in one transaction at most. Default 64.
    pub batch_max: usize,
    /// Transactions under way at once, not counting inputs that waited for a busy order. The next one begins when the
    /// one before has ended, or takes long. More than one pays only where the store has more than one writer.
    /// Default 1.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 4_096, batch_max: 64, in_flight: 1 }
    }
}

/// The callers' end.
#[derive(Clone)]
pub struct Door {
    queue: mpsc::Sender<Work>,
    committer: Arc<Committer>,
}

impl Door {
    /// Opens the door: starts the committers on `tasks`. They end when every `Door` is dropped and the
    /// queue is empty.
    pub fn open(
        store: Arc<dyn Store>,
        guard: Arc<dyn Guard>,
        bell: Bell,
        limits: Limits,
        policy: Arc<Policy>,
        tasks: &TaskTracker,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(limits.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let gate = Gate { guard, store: store.clone() };
        let places = Arc::new(Semaphore::new(WAITING));
        let committer =
            Arc::new(Committer { store, gate, memory: Memory::new(), bell, policy, tasks: tasks.clone(), places });
        for _ in 0..limits.in_flight {
            tasks.spawn(run(receiver.clone(), committer.clone(), limits.batch_max));
        }
        Self { queue: sender, committer }
    }

    /// Whether this core knows for certain that the notification is stored. One that it does not know of may be stored
    /// too: [`Self::observe`] finds out.
    #[must_use]
    pub fn knows(&self, key: &NoticeKey) -> bool {
        self.committer.knows(key)
    }

    /// Takes in a verified message. The message is queued when this returns; the future resolves when it has been
    /// carried out.
    ///
    /// # Errors
    /// [`DoorError`]; nothing was stored, or it is unknown whether it was, and the platform must try again.
    pub fn observe(&self, message: Message) -> impl Future<Output = Result<MessageOutcome, DoorError>> + use<> {
        let (reply, answer) = oneshot::channel();
        self.admit(Work::Message(Box::new(message), reply), answer)
    }

    /// Carries out a command; answers with the order and the case that it was about, as they are afterwards.
    ///
    /// # Errors
    /// [`DoorError::Refused`] says why the command changes nothing; the others are faults of ours.
    pub async fn command(&self, request: CommandRequest) -> Result<Done, DoorError> {
        let (reply, answer) = oneshot::channel();
        self.admit(Work::Command(request, reply), answer).await
    }

    fn admit<T>(&self, work: Work, answer: oneshot::Receiver<Reply<T>>) -> impl Future<Output = Reply<T>> + use<T> {
        let queued = self.queue.try_send(work).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => DoorError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => DoorError::Unavailable("the core is stopping".into()),
        });
        async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(DoorError::Unavailable("the committer ended".into())))
        }
    }
}

/// How long a commit keeps the next one from beginning, unless a whole batch is waiting by then. Two quick commits at
/// once cost more than one after the other, because they are smaller and meet at the head of the log; a commit that
/// takes long, or waits for a lock, must not hold up the rest.
const TURN: Duration = Duration::from_millis(30);
/// Between two looks at what waits.
const LOOK: Duration = Duration::from_millis(1);

async fn run(queue: Arc<Mutex<mpsc::Receiver<Work>>>, committer: Arc<Committer>, batch_max: usize) {
    let mut works = Vec::with_capacity(batch_max);
    loop {
        let mut turn = queue.lock().await;
        if turn.recv_many(&mut works, batch_max).await == 0 {
            return;
        }
        let mut commit = pin!(watched(committer.commit(std::mem::take(&mut works))));
        tokio::select! {
            biased;
            () = commit.as_mut() => continue,
            () = turn_is_over(&turn, batch_max) => {}
        }
        drop(turn);
        commit.await;
    }
}

async fn turn_is_over<T>(queue: &mpsc::Receiver<T>, batch_max: usize) {
    let end = Instant::now() + TURN;
    while Instant::now() < end && queue.len() < batch_max {
        sleep(LOOK).await;
    }
}

/// A panic drops the replies of this batch, which its callers hear as a fault of ours; the door stays open.
async fn watched(batch: impl Future<Output = ()>) {
    if AssertUnwindSafe(batch).catch_unwind().await.is_err() {
        tracing::error!("a batch panicked; its callers were told to try again");
    }
}

#[cfg(test)]
mod tests;
