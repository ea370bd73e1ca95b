//! Hands verified messages to the core, many in one call.
//!
//! Contract: a message is `Stored` or `Duplicate` only if the core said so for this very message. The queue is bounded
//! and nothing waits to enter it. There is no timer: a call takes what has queued while the calls before it ran, so a
//! lone message leaves at once. A message whose caller has given up is still news, but messages whose callers wait go
//! first: otherwise a queue that is older than callers are patient would be sent in vain, and nobody would be
//! acknowledged for as long as that lasts.

use std::{collections::VecDeque, sync::Arc};

use paystate_proto::v1::{
    RecordObservationsRequest, RecordObservationsResponse, RecordOutcome, RecordResult, VerifiedMessage,
    ingest_service_client::IngestServiceClient,
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
    answer: oneshot::Sender<Delivery>,
}

/// What the core said of a message, or why it said nothing.
type Delivery = Result<Verdict, Fault>;

/// The end of the queue from which workers take.
struct Queue {
    waiting: mpsc::Receiver<Waiting>,
    /// Messages whose callers gave up before their turn came, oldest first; at most as many as may wait.
    late: VecDeque<Waiting>,
}

struct Worker {
    queue: Arc<Mutex<Queue>>,
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
        let (queue, waiting) = mpsc::channel(limits.queue);
        let receiver = Arc::new(Mutex::new(Queue { waiting, late: VecDeque::new() }));
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
    pub(crate) async fn submit(&self, message: VerifiedMessage) -> Delivery {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Waiting { message, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(Fault::QueueFull),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Fault::CoreFailed),
        }
        match timeout(self.limits.core_timeout, answered).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(_)) => Err(Fault::CoreFailed),
            Err(_) => Err(Fault::CoreSlow),
        }
    }
}

impl Worker {
    async fn run(self) {
        loop {
            let batch = self.queue.lock().await.take(&self.limits).await;
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
                let deliveries: Vec<_> = results.iter().map(delivery).collect();
                if let Some(refused) = results.iter().find(|r| !is_stored(r.outcome())) {
                    let (count, why) = (deliveries.iter().filter(|d| d.is_err()).count(), clip(&refused.detail));
                    tracing::warn!(count, sent, ?why, "the core could not store messages");
                }
                // A core that stores nothing says so in its own health service; do not vouch for it here.
                if results.iter().any(|r| is_stored(r.outcome())) {
                    self.health.note(true);
                }
                // A caller that no longer listens is no error: its message is stored all the same.
                waiting.into_iter().zip(deliveries).for_each(|(answer, delivery)| drop(answer.send(delivery)));
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
                // A slow core may say itself whether it serves: callbacks that pile up are no reason to have the
                // balancer turn all of them away.
                if fault != Fault::CoreSlow {
                    self.health.note(false);
                }
                fail(waiting, fault);
            }
        }
    }

    /// Repeating is harmless: the core recognises by their content messages that it has stored. A core that stored none
    /// of them may be the only one without its database.
    async fn call(&self, messages: Vec<VerifiedMessage>) -> Result<Vec<RecordResult>, Fault> {
        let sent = messages.len();
        let call = |core, left| {
            let mut request = tonic::Request::new(RecordObservationsRequest { messages: messages.clone() });
            request.set_timeout(left);
            async move { IngestServiceClient::new(core).record_observations(request).await }
        };
        let able = |said: &RecordObservationsResponse| said.results.iter().any(|r| is_stored(r.outcome()));
        match self.cores.call_able(Repeat::Harmless, self.limits.core_timeout, call, able).await {
            Ok(response) => Ok(response.results),
            Err(Failure::Status(status)) => Err(failed(sent, &status)),
            Err(Failure::Slow) => {
                tracing::warn!(sent, "the core did not answer in time");
                Err(Fault::CoreSlow)
            }
        }
    }
}

impl Queue {
    /// Waits for one message, then takes what else has queued, up to the bounds in number and bytes. Empty
    /// only when the queue has ended.
    async fn take(&mut self, limits: &Limits) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        let mut put = |batch: &mut Vec<_>, next: Waiting| {
            bytes = bytes.saturating_add(next.message.encoded_len());
            batch.push(next);
            batch.len() < limits.rpc_batch && bytes < limits.rpc_batch_bytes
        };
        let mut room = true;
        if self.late.is_empty() {
            let Some(first) = self.waiting.recv().await else { return batch };
            room = put(&mut batch, first);
        }
        while room {
            let Ok(next) = self.waiting.try_recv() else { break };
            if !next.answer.is_closed() {
                room = put(&mut batch, next);
                continue;
            }
            self.late.push_back(next);
            // Its platform sends it again.
            self.late.drain(..self.late.len().saturating_sub(limits.queue));
        }
        while room {
            let Some(next) = self.late.pop_front() else { break };
            room = put(&mut batch, next);
        }
        batch
    }
}

fn is_stored(outcome: RecordOutcome) -> bool {
    match outcome {
        RecordOutcome::Stored | RecordOutcome::Duplicate => true,
        RecordOutcome::Unavailable | RecordOutcome::Unspecified => false,
    }
}

fn delivery(result: &RecordResult) -> Delivery {
    match result.outcome() {
        RecordOutcome::Stored => Ok(Verdict::Stored),
        RecordOutcome::Duplicate => Ok(Verdict::Duplicate),
        RecordOutcome::Unavailable | RecordOutcome::Unspecified => Err(Fault::CoreFailed),
    }
}

fn failed(sent: usize, status: &Status) -> Fault {
    tracing::warn!(sent, code = ?status.code(), detail = ?clip(status.message()), "the call to the core failed");
    Fault::CoreFailed
}

fn fail(waiting: Vec<oneshot::Sender<Delivery>>, fault: Fault) {
    waiting.into_iter().for_each(|answer| drop(answer.send(Err(fault))));
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, answer: oneshot::Sender<Delivery>) -> Waiting {
        Waiting { message: VerifiedMessage { account: id.to_owned(), ..Default::default() }, answer }
    }

    #[tokio::test]
    async fn those_whose_callers_wait_go_first_and_the_others_where_there_is_room() {
        let limits = Limits { rpc_batch: 3, queue: 4, ..Limits::default() };
        let (sender, waiting) = mpsc::channel(16);
        let mut queue = Queue { waiting, late: VecDeque::new() };
        let mut callers = Vec::new();
        for n in 0..12 {
            let (answer, caller) = oneshot::channel();
            // The first six have given up.
            callers.extend((n >= 6).then_some(caller));
            sender.try_send(message(&n.to_string(), answer)).unwrap();
        }
        drop(sender);
        let mut calls = Vec::new();
        loop {
            let call = queue.take(&limits).await;
            if call.is_empty() {
                break;
            }
            calls.push(call.iter().map(|w| w.message.account.clone()).collect::<Vec<_>>().join(" "));
        }
        // The oldest one was taken before it was known who still waits; of the other five, four are kept.
        assert_eq!(calls, ["0 6 7", "8 9 10", "11 2 3", "4 5"]);
    }
}
