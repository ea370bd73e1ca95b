//! One batch: guard, then begin, claim, load, decide, write, commit, then reply.

mod booking;
mod plan;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::work::{DoorError, MessageOutcome, Reply, Work};
use crate::{
    feed::Feed,
    guard::{Claim, Guard},
    order::{Order, Refusal},
    store::{NoticeKey, Store, StoreError},
};
use plan::Plan;

/// Tries at a batch that lost a race for an order. Losing five times in a row means that something else
/// writes the same orders all the time.
const TRIES: usize = 5;

/// How long a batch waits for the guard before it goes on without.
const GUARD_PATIENCE: Duration = Duration::from_millis(50);

pub(super) struct Committer {
    pub(super) store: Arc<dyn Store>,
    pub(super) guard: Arc<dyn Guard>,
    pub(super) feed: Feed,
}

/// How one work ended.
pub(super) enum Outcome {
    Message(MessageOutcome),
    Command(Result<Box<Order>, Refusal>),
}

impl Committer {
    /// Carries out a batch and answers every caller.
    pub(super) async fn commit(&self, works: Vec<Work>) {
        let keys: Vec<NoticeKey> = works.iter().filter_map(notice_key).cloned().collect();
        let done = self.confirmed(&keys).await;
        let (duplicates, works): (Vec<_>, Vec<_>) =
            works.into_iter().partition(|w| notice_key(w).is_some_and(|k| done.contains(k)));
        for work in duplicates {
            answer(work, Ok(Outcome::Message(MessageOutcome::Duplicate)));
        }
        if !works.is_empty() {
            self.commit_new(works).await;
        }
    }

    /// Keys that the guard calls done and the store confirms.
    async fn confirmed(&self, keys: &[NoticeKey]) -> BTreeSet<NoticeKey> {
        let Ok(claims) = timeout(GUARD_PATIENCE, self.guard.claim(keys)).await else { return BTreeSet::new() };
        let hinted: Vec<_> =
            keys.iter().zip(claims).filter(|(_, c)| *c == Claim::Done).map(|(k, _)| k.clone()).collect();
        if hinted.is_empty() {
            return BTreeSet::new();
        }
        // When the question fails the long way round answers it.
        self.store.stored(&hinted).await.unwrap_or_default()
    }

    async fn settle(&self, done: &[NoticeKey], released: &[NoticeKey]) {
        // What the guard does not hear in time it learns from the next duplicate.
        let _ = timeout(GUARD_PATIENCE, self.guard.settle(done, released)).await;
    }

    async fn commit_new(&self, works: Vec<Work>) {
        let keys: Vec<NoticeKey> = works.iter().filter_map(notice_key).cloned().collect();
        metrics::histogram!("paystate_commit_batch_size")
            .record(f64::from(u32::try_from(works.len()).unwrap_or(u32::MAX)));
        match self.attempt(&works).await {
            Ok((outcomes, changed)) => {
                // Callers first: the guard may be slow, and what is committed is true without it.
                for (work, outcome) in works.into_iter().zip(outcomes) {
                    answer(work, Ok(outcome));
                }
                for order_id in changed {
                    self.feed.wake(order_id);
                }
                self.settle(&keys, &[]).await;
            }
            // One input that cannot be decided or written must not take the others with it.
            Err(StoreError::Refused(_) | StoreError::Damaged(_)) if works.len() > 1 => {
                for work in works {
                    Box::pin(self.commit_new(vec![work])).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, works = works.len(), "batch not committed");
                for work in works {
                    answer(work, Err(fault(&error)));
                }
                self.settle(&[], &keys).await;
            }
        }
    }

    async fn attempt(&self, works: &[Work]) -> Result<(Vec<Outcome>, BTreeSet<crate::order::OrderId>), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.transaction(works).await {
                Err(StoreError::Conflict(why)) if tries < TRIES => {
                    tracing::debug!(why, tries, "lost a race, deciding again");
                }
                other => return other,
            }
        }
    }

    async fn transaction(&self, works: &[Work]) -> Result<(Vec<Outcome>, BTreeSet<crate::order::OrderId>), StoreError> {
        let mut waiting = Vec::new();
        let (mut unit, plan) = loop {
            let mut unit = self.store.begin().await?;
            let mut plan = Plan::of(works);
            let fresh = unit.claim(&plan.notifications()).await?;
            plan.keep_fresh(fresh);
            let mut keys = plan.keys();
            Plan::widen(&mut keys, &waiting);
            let loaded = unit.load(&keys).await?;
            // Facts that wait lead to more keys. A unit names all of its keys at once, so that no two units
            // can wait for each other: this one is given up and begun again.
            if Plan::widen(&mut keys, &loaded.parked) {
                waiting = loaded.parked;
                continue;
            }
            plan.decide(loaded)?;
            break (unit, plan);
        };
        unit.write(&plan.writes).await?;
        unit.commit().await?;
        let changed = plan.writes.orders.iter().map(|(order, _)| order.id.clone()).collect();
        Ok((plan.outcomes(), changed))
    }
}

fn notice_key(work: &Work) -> Option<&NoticeKey> {
    match work {
        Work::Message(message, _) => Some(&message.row.key),
        Work::Command(..) => None,
    }
}

fn fault(error: &StoreError) -> DoorError {
    match error {
        StoreError::Conflict(_) | StoreError::Unavailable(_) => DoorError::Unavailable(error.to_string()),
        StoreError::Refused(_) | StoreError::Damaged(_) => DoorError::Internal(error.to_string()),
    }
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
                Ok(Outcome::Command(result)) => result.map(|order| *order).map_err(DoorError::Refused),
                Ok(Outcome::Message(_)) => Err(DoorError::Internal("a message's answer for a command".into())),
                Err(error) => Err(error),
            });
        }
    }
}
