//! What a batch has to do with the guard: one question on the way in, one message on the way out.
//!
//! Nothing is decided here. What the guard calls done is believed only when the store confirms it. An input whose lock
//! is busy is taken out of the batch for a moment, so that the others do not wait for it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::work::Work;
use crate::{
    guard::{Claim, Entry, Guard, LockName, Token},
    order::Command,
    store::{NoticeKey, Store},
};

/// How long a batch waits for the guard before it goes on without.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the store may take to confirm what the guard calls done.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Gate {
    pub(super) guard: Arc<dyn Guard>,
    pub(super) store: Arc<dyn Store>,
}

/// A batch, sorted.
pub(super) struct Admitted {
    /// Stored before, and the store says so too.
    pub(super) known: Vec<Work>,
    /// To be carried out now.
    pub(super) free: Vec<Work>,
    /// Somebody else is at their orders.
    pub(super) busy: Vec<Work>,
}

impl Gate {
    /// Enters with a batch. Entering again with the busy part tries its locks again.
    pub(super) async fn admit(&self, token: &Token, works: Vec<Work>) -> Admitted {
        let notices: Vec<&NoticeKey> = works.iter().filter_map(notice_key).collect();
        let locks = lock_names(&works);
        let names: Vec<&LockName> = locks.iter().collect();
        let entered = timeout(PATIENCE, self.guard.enter(token, &notices, &names)).await;
        let Entry { claims, held } = entered.unwrap_or_else(|_| Entry::unknown(notices.len(), names.len()));

        let hinted = notices.iter().zip(claims).filter(|(_, claim)| *claim == Claim::Done);
        let known = self.confirmed(hinted.map(|(key, _)| (*key).clone()).collect()).await;
        let taken: BTreeSet<LockName> =
            names.iter().zip(held).filter(|(_, held)| !held).map(|(name, _)| (*name).clone()).collect();

        let (known, rest) = works.into_iter().partition(|w| notice_key(w).is_some_and(|key| known.contains(key)));
        let is_busy = |work: &Work| !taken.is_empty() && names_of(work).iter().any(|name| taken.contains(name));
        let (busy, free) = Vec::into_iter(rest).partition(is_busy);
        Admitted { known, free, busy }
    }

    /// Leaves: `done` is stored now, `released` is not, and `locks` are needed no longer.
    pub(super) async fn leave(&self, token: &Token, done: &[&NoticeKey], released: &[&NoticeKey], locks: &[&LockName]) {
        // What the guard does not hear of in time it learns from the next duplicate.
        let _ = timeout(PATIENCE, self.guard.leave(token, done, released, locks)).await;
    }

    /// Keys that the guard calls done and the store confirms.
    async fn confirmed(&self, hinted: Vec<NoticeKey>) -> BTreeSet<NoticeKey> {
        if hinted.is_empty() {
            return BTreeSet::new();
        }
        // If this query fails or takes too long, the transaction finds the duplicates itself.
        timeout(CONFIRM_PATIENCE, self.store.stored(&hinted)).await.unwrap_or(Ok(BTreeSet::new())).unwrap_or_default()
    }
}

pub(super) fn notice_key(work: &Work) -> Option<&NoticeKey> {
    match work {
        Work::Message(message, _) => Some(&message.row.key),
        Work::Command(..) => None,
    }
}

/// What inputs name before the database is asked.
pub(super) fn lock_names<'a>(works: impl IntoIterator<Item = &'a Work>) -> BTreeSet<LockName> {
    works.into_iter().flat_map(names_of).collect()
}

fn names_of(work: &Work) -> Vec<LockName> {
    match work {
        Work::Message(message, _) => {
            let numbers = message.facts.iter().filter_map(|fact| fact.observation.fact.out_trade_no());
            numbers.map(LockName::payment).collect()
        }
        Work::Command(request, _) => {
            // Only the store knows which order a command on a case is about.
            let order = request.command.order_id().map(LockName::order);
            let payment = match &request.command {
                Command::StartPayment { out_trade_no, .. } => Some(LockName::payment(out_trade_no)),
                Command::Create { .. }
                | Command::RecordReference { .. }
                | Command::Close { .. }
                | Command::ConcludeUnpaid { .. }
                | Command::RequestRefund { .. }
                | Command::RefundRefused { .. }
                | Command::GiveUp { .. }
                | Command::OpenCase { .. }
                | Command::ResolveCase { .. }
                | Command::AssignCase { .. } => None,
            };
            order.into_iter().chain(payment).collect()
        }
    }
}
