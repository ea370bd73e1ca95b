//! One batch: what is known, guard, then begin, claim, load, decide, write, commit, then reply.

mod booking;
mod plan;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    gate::{Gate, lock_names, notice_key},
    memory::{Epoch, Memory},
    policy::Policy,
    watched,
    work::{Done, DoorError, MessageOutcome, Reply, Work},
};
use crate::{
    feed::Bell,
    guard::Token,
    order::Refusal,
    store::{Loaded, NoticeKey, Store, StoreError},
};
use plan::Plan;

/// Tries at a batch that lost a race for an order. Losing five times in a row means that something else
/// writes the same orders all the time.
const TRIES: usize = 5;

/// How long after its beginning a batch is tried again: longer than what is held for a moment, and not much longer than its
/// callers wait.
const RETRY_PATIENCE: Duration = Duration::from_millis(2_500);

/// How long a transaction may take. Longer than any statement of it may; a server that is gone without a word
/// would otherwise hold a committer for as long as the network hopes.
const TRANSACTION_PATIENCE: Duration = Duration::from_secs(6);

/// A batch that took longer stands in the log: the database is slow, or somebody holds what it needed.
const LONG: Duration = Duration::from_secs(1);

/// How long the inputs of a batch that failed are carried out one by one. By then the edge has left.
const SPLIT_PATIENCE: Duration = Duration::from_secs(2);

/// How long inputs wait for an order that somebody else is at. Then they go on without the lock: the store
/// is what decides.
const LOCK_PATIENCE: Duration = Duration::from_millis(50);

/// Batches whose busy part waits aside at once. More than these do not wait for locks at all.
pub(super) const WAITING: usize = 8;

pub(super) struct Committer {
    pub(super) store: Arc<dyn Store>,
    pub(super) gate: Gate,
    pub(super) memory: Memory,
    pub(super) bell: Bell,
    pub(super) policy: Arc<Policy>,
    /// Where busy parts wait.
    pub(super) tasks: TaskTracker,
    /// One for each busy part that may wait.
    pub(super) places: Arc<Semaphore>,
}

/// How long a transaction waits for what others hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// As long as the store sees fit.
    Long,
    /// A moment: those behind it wait as well, and its batch has waited already.
    Short,
}

/// How one work ended.
pub(super) enum Outcome {
    Message(MessageOutcome),
    Command(Result<Box<Done>, Refusal>),
}

impl Committer {
    pub(super) fn knows(&self, key: &NoticeKey) -> bool {
        self.memory.epoch(self.store.outages());
        self.memory.knows(key)
    }

    /// Carries out a batch and answers every caller. Inputs whose order is busy wait aside and are answered
    /// later; the others do not wait for them.
    pub(super) async fn commit(self: &Arc<Self>, works: Vec<Work>) {
        let epoch = self.memory.epoch(self.store.outages());
        let (repeated, works): (Vec<_>, Vec<_>) =
            works.into_iter().partition(|work| notice_key(work).is_some_and(|key| self.memory.knows(key)));
        repeated.into_iter().for_each(answer_duplicate);
        if works.is_empty() {
            return;
        }
        let token = Token::random();
        let mut batch = self.gate.admit(&token, works).await;
        if !batch.busy.is_empty() {
            match self.places.clone().try_acquire_owned() {
                Ok(place) => {
                    let busy = self.clone().wait(token.clone(), std::mem::take(&mut batch.busy), place);
                    self.tasks.spawn(watched(busy));
                }
                Err(_) => {
                    count_waits("given_up", batch.busy.len());
                    batch.free.append(&mut batch.busy);
                }
            }
        }
        self.carry_out(&token, epoch, batch.known, batch.free).await;
    }

    /// Tries busy locks again and again for a bounded time, and carries each input out as soon as nobody else
    /// is at its order, or when the time is over.
    async fn wait(self: Arc<Self>, token: Token, mut works: Vec<Work>, _place: OwnedSemaphorePermit) {
        let end = Instant::now() + LOCK_PATIENCE;
        count_waits("begun", works.len());
        while !works.is_empty() && Instant::now() < end {
            sleep(pause()).await;
            let epoch = self.memory.epoch(self.store.outages());
            let batch = self.gate.admit(&token, works).await;
            works = batch.busy;
            self.carry_out(&token, epoch, batch.known, batch.free).await;
        }
        count_waits("given_up", works.len());
        let epoch = self.memory.epoch(self.store.outages());
        self.carry_out(&token, epoch, Vec::new(), works).await;
    }

    /// Answers what is known, carries out the rest, and leaves the guard.
    async fn carry_out(&self, token: &Token, epoch: Epoch, known: Vec<Work>, works: Vec<Work>) {
        // A lock that a busy input names too is taken again when that is tried again.
        let locks = lock_names(known.iter().chain(&works));
        self.memory.learn(epoch, known.iter().filter_map(notice_key));
        known.into_iter().for_each(answer_duplicate);
        let keys: Vec<NoticeKey> = works.iter().filter_map(notice_key).cloned().collect();
        let stored = if works.is_empty() { BTreeSet::new() } else { self.commit_new(works, Wait::Long).await };
        self.memory.learn(epoch, &stored);
        // Callers have been answered: the guard may be slow, and what is committed is true without it.
        let (done, released): (Vec<_>, Vec<_>) = keys.iter().partition(|key| stored.contains(key));
        self.gate.leave(token, &done, &released, &locks.iter().collect::<Vec<_>>()).await;
    }

    /// Writes, answers every caller, and says which notifications are stored now.
    async fn commit_new(&self, works: Vec<Work>, wait: Wait) -> BTreeSet<NoticeKey> {
        metrics::histogram!("paystate_commit_batch_size")
            .record(f64::from(u32::try_from(works.len()).unwrap_or(u32::MAX)));
        match self.attempt(&works, wait).await {
            Ok((outcomes, changed)) => {
                let stored = works.iter().filter_map(notice_key).cloned().collect();
                for (work, outcome) in works.into_iter().zip(outcomes) {
                    answer(work, Ok(outcome));
                }
                if changed {
                    self.bell.ring();
                }
                stored
            }
            // One input that cannot be decided or written, or whose order somebody holds, must not take the others
            // with it.
            Err(StoreError::Busy(_) | StoreError::Refused(_) | StoreError::Damaged(_)) if works.len() > 1 => {
                let (end, mut stored) = (Instant::now() + SPLIT_PATIENCE, BTreeSet::new());
                for work in works {
                    if Instant::now() < end {
                        stored.append(&mut Box::pin(self.commit_new(vec![work], Wait::Short)).await);
                    } else {
                        answer(work, Err(DoorError::Unavailable("others of its batch took too long".into())));
                    }
                }
                stored
            }
            Err(error) => {
                if matches!(error, StoreError::Unavailable(_)) {
                    self.memory.forget();
                }
                tracing::error!(%error, works = works.len(), "batch not committed");
                for work in works {
                    answer(work, Err(fault(&error)));
                }
                BTreeSet::new()
            }
        }
    }

    async fn attempt(&self, works: &[Work], wait: Wait) -> Result<(Vec<Outcome>, bool), StoreError> {
        let (begin, mut tries) = (Instant::now(), 0);
        let mut lost = String::new();
        let ended = loop {
            tries += 1;
            let transaction = timeout(TRANSACTION_PATIENCE, self.transaction(works, wait)).await;
            match transaction.unwrap_or_else(|_| Err(StoreError::Unavailable("it did not answer in time".into()))) {
                Err(StoreError::Conflict(why)) if tries < TRIES && begin.elapsed() < RETRY_PATIENCE => lost = why,
                other => break other,
            }
        };
        let took = begin.elapsed();
        metrics::histogram!("paystate_commit_seconds").record(took);
        if took > LONG {
            tracing::warn!(took_ms = took.as_millis(), works = works.len(), tries, lost, "a batch took long");
        }
        ended
    }

    /// Outcomes, and whether an order changed.
    async fn transaction(&self, works: &[Work], wait: Wait) -> Result<(Vec<Outcome>, bool), StoreError> {
        let mut keys = Plan::keys(works);
        loop {
            let mut unit = self.store.begin().await?;
            if wait == Wait::Short {
                unit.wait_briefly().await?;
            }
            let mut plan = Plan::of(works, &self.policy);
            let fresh = unit.claim(&plan.notifications(), &keys).await?;
            let loaded = if plan.keep_fresh(fresh) { unit.load(&keys).await? } else { Loaded::default() };
            // What waits, and money of nobody, lead to more keys. A unit names all of its keys at once, so that no two units
            // can wait for each other: this one is given up and begun again.
            if plan.widen(&mut keys, &loaded) {
                unit.rollback().await?;
                continue;
            }
            plan.decide(loaded)?;
            unit.write(&plan.writes).await?;
            unit.commit().await?;
            let changed = !plan.writes.orders.is_empty();
            return Ok((plan.outcomes(), changed));
        }
    }
}

/// Between two tries at a lock: 2 to 6 ms, at random, so that those who wait do not meet again.
fn pause() -> Duration {
    let mut random = [128_u8];
    // Without randomness they meet, which costs a try.
    let _ = aws_lc_rs::rand::fill(&mut random);
    Duration::from_micros(2_000 + u64::from(random[0]) * 16)
}

fn count_waits(event: &'static str, inputs: usize) {
    metrics::counter!("paystate_lock_waits_total", "event" => event)
        .increment(u64::try_from(inputs).unwrap_or(u64::MAX));
}

fn fault(error: &StoreError) -> DoorError {
    match error {
        StoreError::Conflict(_) | StoreError::Busy(_) | StoreError::Unavailable(_) => {
            DoorError::Unavailable(error.to_string())
        }
        StoreError::Refused(_) | StoreError::Damaged(_) => DoorError::Internal(error.to_string()),
    }
}

fn answer_duplicate(work: Work) {
    answer(work, Ok(Outcome::Message(MessageOutcome::Duplicate)));
}

/// A caller that hung up is not there to hear the answer; what was carried out stays so.
fn answer(work: Work, outcome: Reply<Outcome>) {
    match work {
        Work::Message(_, reply) => {
            let _ = reply.send(match outcome {
                Ok(Outcome::Message(outcome)) => Ok(outcome),
                Ok(Outcome::Command(_)) => Err(DoorError::Internal("a command's answer for a message".into())),
                Err(error) => Err(error),
            });
        }
        Work::Command(_, reply) => {
            let _ = reply.send(match outcome {
                Ok(Outcome::Command(result)) => result.map(|done| *done).map_err(DoorError::Refused),
                Ok(Outcome::Message(_)) => Err(DoorError::Internal("a message's answer for a command".into())),
                Err(error) => Err(error),
            });
        }
    }
}
