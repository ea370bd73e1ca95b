//! Takes up what was begun while nothing followed it: payments from before their account could be called, and expiring
//! orders from before there were tasks.
//!
//! - Decisions write the tasks of what they begin, if anything can carry them out at that time. Here the same tasks are
//!   written for what is open and has none. Existing tasks are left as they are, so two cores may adopt at once.
//! - The database keeps which accounts are adopted, so a start costs one query. An account that can no longer be called
//!   is forgotten, because what is begun on it meanwhile has no task either.
//! - While cores are replaced one by one, one with the old configuration may still begin what nothing follows. So for a
//!   day after the first time an account is adopted again, every hour and at each start.
//! - Orders are looked at newest first and [`MATTERS`] back. Older ones are left to people.
//! - Refunds need no adoption: a refund can be asked for only where it is followed, and tasks outlive the
//!   configuration.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now,
    commit::Policy,
    order::{AccountName, Order, Timestamp},
    store::{Cursor, NewTask, Store, StoreError},
};

/// How long after the creation of an order its payments still matter. No platform takes money for longer than 15 days
/// after a payment's start unless it is told to; as long again is left for the payer to come back and for news to be
/// missed.
const MATTERS: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long after an account's first adoption every core is taken to have the same configuration.
const STABLE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Spacing of adopted tasks that are due now: slower than accounts are asked, so that the newest come first and today's
/// news is not held up.
const PLACE: Duration = Duration::from_millis(50);
/// Orders that are looked at in one statement.
const PAGE: u32 = 2_000;
/// How often to look for what other cores may have begun meanwhile.
const AGAIN: Duration = Duration::from_secs(3600);
/// After a fault of the database.
const FAULT_PAUSE: Duration = Duration::from_secs(10);

/// Stands among the account names for the expiry of orders; no account has this name.
const ENDS: &str = "";

/// Adopts until every account has been adopted for long enough.
pub(super) struct Adoption {
    pub(super) store: Arc<dyn Store>,
    /// As decisions use it.
    pub(super) policy: Policy,
    pub(super) closing: CancellationToken,
}

impl Adoption {
    pub(super) async fn run(self) {
        while !self.closing.is_cancelled() {
            let pause = match self.adopt(now()).await {
                Ok(None) => return,
                Ok(Some(tasks)) => {
                    if tasks > 0 {
                        tracing::info!(tasks, "what nobody had followed is followed from now on");
                    }
                    AGAIN
                }
                Err(error) => {
                    tracing::warn!(%error, "what nobody follows yet has to wait");
                    FAULT_PAUSE
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// Adopts the accounts that are not settled yet; answers how many tasks it wrote, or `None` if all are settled. If
    /// this core stops half-way, the next start begins again.
    async fn adopt(&self, at: Timestamp) -> Result<Option<u64>, StoreError> {
        let tasks = self.store.tasks();
        let ends = self.policy.expiry.then_some(ENDS);
        let names: Vec<&str> = ends.into_iter().chain(self.policy.callable.iter().map(AccountName::as_str)).collect();
        let adopted = tasks.adopted(&names).await?;
        let is_stable = |name: &&&str| adopted.get(**name).is_some_and(|since| (*since).after(STABLE_AFTER) <= at);
        let new: BTreeSet<&str> = names.iter().filter(|name| !is_stable(name)).copied().collect();
        if new.is_empty() {
            return Ok(None);
        }
        let since = at.before(MATTERS);
        let (mut written, mut due, mut place): (_, _, Option<Cursor>) = (0, at, None);
        while !self.closing.is_cancelled() {
            let page = self.store.unpaid_orders(since, place.as_ref(), PAGE).await?;
            let missing: Vec<_> = page.rows.iter().flat_map(|order| self.tasks(order, &new, &mut due)).collect();
            if !missing.is_empty() {
                written += tasks.add_missing(&missing).await?;
            }
            place = page.next;
            if place.is_none() {
                let new: Vec<_> = new.into_iter().collect();
                tasks.note_adopted(&new, at).await?;
                break;
            }
        }
        Ok(Some(written))
    }

    /// The tasks that an order should have for the accounts being adopted, each one place later in the line.
    fn tasks(&self, order: &Order, new: &BTreeSet<&str>, due: &mut Timestamp) -> Vec<NewTask> {
        let followups = order.followups().into_iter();
        let wanted = followups.filter(|f| new.contains(f.account.as_ref().map_or(ENDS, AccountName::as_str)));
        let tasks = wanted.filter_map(|followup| self.policy.task(followup, Some(&order.id), *due));
        let mut tasks: Vec<_> = tasks.collect();
        for task in &mut tasks {
            task.due_at = task.due_at.max(*due);
            *due = (*due).after(PLACE);
        }
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        order::{Command, Method, OrderId, OutTradeNo, TaskKey, TaskKind, decide},
        store::{
            Writes,
            conformance::{commit, created},
            sqlite::SqliteStore,
        },
    };

    const DAY: i64 = 24 * 3600 * 1_000_000;
    /// Long after the first moment.
    const TODAY: i64 = 1_000 * DAY;

    fn shop() -> AccountName {
        AccountName::parse("shop").unwrap()
    }

    /// An order that nobody follows, and one payment of the same number.
    async fn begun(store: &dyn Store, name: &str, at: i64) {
        let mut writes = created(name, at);
        let start = Command::StartPayment {
            order_id: OrderId::parse(name).unwrap(),
            out_trade_no: OutTradeNo::parse(name).unwrap(),
            account: shop(),
            provider: "alipay".into(),
            method: Method::External,
            inputs: None,
            expires_at: None,
        };
        let started = decide(Some(&writes.orders[0].0), None, &start, Timestamp(at)).unwrap();
        writes.orders[0].0 = started.order().unwrap().clone();
        commit(store, &Writes { events: Vec::new(), ..writes }).await.unwrap();
    }

    struct Rig {
        adoption: Adoption,
        _dir: tempfile::TempDir,
    }

    impl Rig {
        async fn new(callable: impl IntoIterator<Item = AccountName>) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(SqliteStore::open(&dir.path().join("t.db")).await.unwrap());
            let adoption = Adoption { store, policy: Policy::default(), closing: CancellationToken::new() };
            let mut rig = Self { adoption, _dir: dir };
            rig.can_call(callable);
            rig
        }

        fn can_call(&mut self, callable: impl IntoIterator<Item = AccountName>) {
            self.adoption.policy =
                Policy { callable: callable.into_iter().collect(), expiry: true, ..Policy::default() };
        }

        async fn adopt(&self, at: i64) -> Option<u64> {
            self.adoption.adopt(Timestamp(at)).await.unwrap()
        }

        async fn due(&self, kind: TaskKind, subject: &str) -> Option<i64> {
            let key = TaskKey { kind, subject: subject.into() };
            self.adoption.store.tasks().due(&key).await.unwrap().map(|at| at.0)
        }
    }

    #[tokio::test]
    async fn what_is_open_gets_its_tasks_the_newest_first() {
        let rig = Rig::new([shop()]).await;
        begun(&*rig.adoption.store, "p1", TODAY - 2 * DAY).await;
        begun(&*rig.adoption.store, "p2", TODAY - DAY).await;
        begun(&*rig.adoption.store, "ancient", TODAY - 31 * DAY).await;
        assert_eq!(rig.adopt(TODAY).await, Some(4));
        let place = i64::try_from(PLACE.as_micros()).unwrap();
        assert_eq!(rig.due(TaskKind::Payment, "p2").await, Some(TODAY));
        assert_eq!(rig.due(TaskKind::Expiry, "p2").await, Some(TODAY + place));
        assert_eq!(rig.due(TaskKind::Payment, "p1").await, Some(TODAY + 2 * place));
        assert_eq!(rig.due(TaskKind::Payment, "ancient").await, None);
    }

    #[tokio::test]
    async fn an_account_is_adopted_for_a_day_and_anew_when_it_could_not_be_called_meanwhile() {
        let mut rig = Rig::new([]).await;
        begun(&*rig.adoption.store, "p1", TODAY).await;
        assert_eq!(rig.adopt(TODAY).await, Some(1), "its end needs no platform");
        rig.can_call([shop()]);
        assert_eq!(rig.adopt(TODAY).await, Some(1));
        // A core that is restarted later began this.
        begun(&*rig.adoption.store, "p2", TODAY).await;
        assert_eq!(rig.adopt(TODAY + DAY - 1).await, Some(2));
        begun(&*rig.adoption.store, "p3", TODAY).await;
        assert_eq!(rig.adopt(TODAY + DAY).await, None, "its decisions write its tasks by now");
        rig.can_call([]);
        assert_eq!(rig.adopt(TODAY + DAY).await, None);
        rig.can_call([shop()]);
        assert_eq!(rig.adopt(TODAY + DAY).await, Some(1));
        assert!(rig.due(TaskKind::Payment, "p3").await.is_some());
    }

    #[tokio::test]
    async fn a_core_that_ends_leaves_the_rest_to_the_next() {
        let rig = Rig::new([shop()]).await;
        begun(&*rig.adoption.store, "p1", TODAY).await;
        rig.adoption.closing.cancel();
        assert_eq!(rig.adopt(TODAY).await, Some(0));
        let next = Adoption {
            store: rig.adoption.store.clone(),
            policy: rig.adoption.policy.clone(),
            closing: CancellationToken::new(),
        };
        assert_eq!(next.adopt(Timestamp(TODAY)).await.unwrap(), Some(2));
    }
}
