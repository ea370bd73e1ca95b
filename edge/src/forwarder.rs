//! Hands verified messages to the core, many in one call.
//!
//! Contract: a message is `Stored` or `Duplicate` only if the core said so for this very message. The queue
//! is bounded and nothing waits to enter it. There is no timer: a call takes what has queued while the
//! calls before it ran, so a lone message leaves at once. Once queued, a message is sent whether or not
//! its caller still waits: the platform may have hung up, the payment is still news.

use std::sync::Arc;

use paystate_proto::v1::{
    RecordObservationsRequest, RecordOutcome, RecordResult, VerifiedMessage, ingest_service_client::IngestServiceClient,
};
use paystate_rpc::{Failure, Repeat};
use prost::Message;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use tonic::Status;

use crate::{
    Cores, Limits,
    core_health::CoreHealth,
    verdict::{Fault, Verdict},
};

/// The way into the queue.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder {
    queue: mpsc::Sender<Waiting>,
    limits: Arc<Limits>,
}

#[derive(Debug)]
struct Waiting {
    message: VerifiedMessage,
    answer: oneshot::Sender<Verdict>,
}

struct Worker {
    queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    cores: Cores,
    limits: Arc<Limits>,
    health: Arc<CoreHealth>,
}

impl Forwarder {
    /// Starts `rpc_in_flight` workers; they end when every `Forwarder` is gone and the queue is empty.
    pub(crate) fn start(
        cores: &Cores,
        limits: &Arc<Limits>,
        health: &Arc<CoreHealth>,
        workers: &mut JoinSet<()>,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(limits.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..limits.rpc_in_flight {
            let worker = Worker {
                queue: receiver.clone(),
                cores: cores.clone(),
                limits: limits.clone(),
                health: health.clone(),
            };
            workers.spawn(worker.run());
        }
        Self { queue, limits: limits.clone() }
    }

    /// Queues a message and waits for the core's answer to it, at most `core_timeout`.
    pub(crate) async fn submit(&self, message: VerifiedMessage) -> Verdict {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Waiting { message, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Verdict::Fault(Fault::QueueFull),
            Err(mpsc::error::TrySendError::Closed(_)) => return Verdict::Fault(Fault::CoreFailed),
        }
        match timeout(self.limits.core_timeout, answered).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => Verdict::Fault(Fault::CoreFailed),
            Err(_) => Verdict::Fault(Fault::CoreSlow),
        }
    }
}

impl Worker {
    async fn run(self) {
        loop {
            let batch = take(&mut *self.queue.lock().await, &self.limits).await;
            if batch.is_empty() {
                return;
            }
            self.send(batch).await;
        }
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let (messages, waiting): (Vec<_>, Vec<_>) = batch.into_iter().map(|w| (w.message, w.answer)).unzip();
        let sent = messages.len();
        match self.call(messages).await {
            Ok(results) if results.len() == sent => {
                let verdicts: Vec<_> = results.iter().map(verdict).collect();
                // A core that stores nothing says so itself in its health service; do not vouch for it here.
                if verdicts.iter().any(|v| matches!(v, Verdict::Stored | Verdict::Duplicate)) {
                    self.health.note(true);
                }
                // A caller that no longer listens is no error: its message is stored all the same.
                waiting.into_iter().zip(verdicts).for_each(|(answer, verdict)| drop(answer.send(verdict)));
            }
            Ok(results) => {
                tracing::error!(
                    sent,
                    answered = results.len(),
                    "the core answered another number of messages than were sent"
                );
                fail(waiting, Fault::CoreFailed);
            }
            Err(fault) => {
                self.health.note(false);
                fail(waiting, fault);
            }
        }
    }

    /// Repeating is harmless: the core knows by the content what it has stored already.
    async fn call(&self, messages: Vec<VerifiedMessage>) -> Result<Vec<RecordResult>, Fault> {
        let sent = messages.len();
        let call = |core, left| {
            let mut request = tonic::Request::new(RecordObservationsRequest { messages: messages.clone() });
            request.set_timeout(left);
            async move { IngestServiceClient::new(core).record_observations(request).await }
        };
        match self.cores.call(Repeat::Harmless, self.limits.core_timeout, call).await {
            Ok(response) => Ok(response.results),
            Err(Failure::Status(status)) => Err(failed(sent, &status)),
            Err(Failure::Slow) => {
                tracing::warn!(sent, "the core did not answer in time");
                Err(Fault::CoreSlow)
            }
        }
    }
}

/// Waits for one message, then takes what else has queued, up to the bounds in number and bytes. Empty
/// only when the queue has ended.
async fn take(queue: &mut mpsc::Receiver<Waiting>, limits: &Limits) -> Vec<Waiting> {
    let Some(first) = queue.recv().await else {
        return Vec::new();
    };
    let mut bytes = first.message.encoded_len();
    let mut batch = vec![first];
    while batch.len() < limits.rpc_batch && bytes < limits.rpc_batch_bytes {
        let Ok(next) = queue.try_recv() else { break };
        bytes = bytes.saturating_add(next.message.encoded_len());
        batch.push(next);
    }
    batch
}

fn verdict(result: &RecordResult) -> Verdict {
    match result.outcome() {
        RecordOutcome::Stored => Verdict::Stored,
        RecordOutcome::Duplicate => Verdict::Duplicate,
        RecordOutcome::Unavailable | RecordOutcome::Unspecified => {
            tracing::warn!(detail = ?clip(&result.detail), "the core could not store a message");
            Verdict::Fault(Fault::CoreFailed)
        }
    }
}

fn failed(sent: usize, status: &Status) -> Fault {
    tracing::warn!(sent, code = ?status.code(), detail = ?clip(status.message()), "the call to the core failed");
    Fault::CoreFailed
}

fn fail(waiting: Vec<oneshot::Sender<Verdict>>, fault: Fault) {
    waiting.into_iter().for_each(|answer| drop(answer.send(Verdict::Fault(fault))));
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
