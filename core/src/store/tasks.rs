//! Tasks: work that units leave behind for whoever has time, on whatever core.
//!
//! Contract, the same for every database and tested with that of [`Store`](super::Store):
//! - A task comes with the unit that makes it necessary ([`Writes::tasks`](super::Writes::tasks)), so it is never forgotten.
//! - A claim comes with a lease. Nobody else gets the task before it expires (its core died); once it has expired, the
//!   old holder can change nothing.
//! - A task that is made due earlier while somebody works on it is not over when that work ends, which may have seen an
//!   older state.
//! - All cores share one budget per account: between two moments nobody gets more than the rate times the time between
//!   them, plus the burst. Of clocks that differ by less than a minute, the latest counts.
//! - Nothing here waits for a unit, or makes one wait for longer than one statement. Times are the caller's, so leases
//!   hold only as far as the clocks of the cores agree. What a clock that was far ahead left behind holds nobody up: a
//!   budget that is taken for more than a minute too long begins anew, and a lease that ends more than ten minutes from
//!   now does not count. Should that core still be at work, two cores do the task; every effect has one number, so this
//!   is safe.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use super::{NewTask, StoreError};
use crate::order::{AccountName, OrderId, OutTradeNo, TaskKey, TaskKind, Timestamp};

/// Tasks of an account that are hurried in one statement.
pub(super) const SLICE: u32 = 5_000;

/// A task that somebody has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Identity.
    pub key: TaskKey,
    /// Whose budget of questions the work takes from, if any.
    pub account: Option<AccountName>,
    /// The order that it is about, where there is one.
    pub order_id: Option<OrderId>,
    /// When it was to be done.
    pub due_at: Timestamp,
    /// A count that its worker keeps, as [`Tasks::put_off`] said last; 0 at first.
    pub attempt: u32,
    /// What its worker remembers, as [`Tasks::put_off`] said last; empty at first.
    pub note: String,
    /// Whose claim it is.
    pub(super) lease: Uuid,
}

/// A task that is due and that nobody is working on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Identity.
    pub key: TaskKey,
    /// The order that it is about, where there is one.
    pub order_id: Option<OrderId>,
    /// When it was to be done.
    pub due_at: Timestamp,
}

/// Tasks that wait for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overdue {
    /// How many.
    pub count: i64,
    /// When the oldest of them was to be done.
    pub oldest: Option<Timestamp>,
}

/// How often an account may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Questions each second, on average; at least 1.
    pub per_second: u32,
    /// Questions at once after a rest; at least 1.
    pub burst: u32,
}

impl Rate {
    /// Microseconds that one question takes of the budget; rounded up, so that the rate is never exceeded.
    pub(super) fn interval(self) -> i64 {
        1_000_000_u32.div_ceil(self.per_second.max(1)).into()
    }

    /// Microseconds that may be taken at once.
    pub(super) fn depth(self) -> i64 {
        self.interval() * i64::from(self.burst.max(1))
    }
}

/// The tasks of a database.
#[async_trait]
pub trait Tasks: Send + Sync + 'static {
    /// Claims at most `limit` tasks of these kinds that are due at `now`, the longest due first, whether or not they
    /// have an account. The leases end `lease_for` after `now`.
    async fn claim(
        &self,
        kinds: &[TaskKind],
        limit: u32,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Vec<Task>, StoreError>;
    /// At most `limit` tasks of an account and a kind that became due after `after` and by `now`, and that nobody is
    /// working on; the longest due first. They are not claimed by this.
    async fn waiting(
        &self,
        account: &AccountName,
        kind: TaskKind,
        after: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, StoreError>;
    /// Claims at most `limit` of these tasks, the longest due first: those that are still due and that nobody is
    /// working on.
    async fn claim_of(
        &self,
        keys: &[&TaskKey],
        limit: u32,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Vec<Task>, StoreError>;
    /// When a task is to be done next; `None` when there is none.
    async fn due(&self, key: &TaskKey) -> Result<Option<Timestamp>, StoreError>;
    /// Gives a task back, to be done later; answers whether it was still ours. If it was made due earlier meanwhile,
    /// that holds.
    async fn put_off(&self, task: &Task, due_at: Timestamp, attempt: u32, note: &str) -> Result<bool, StoreError>;
    /// Ends tasks; answers how many were still ours. A task that was made due again meanwhile begins anew.
    async fn done(&self, tasks: &[Task]) -> Result<u64, StoreError>;
    /// Makes the tasks of payments due earlier, each only if it was not hurried after `not_since`; answers how many
    /// were.
    async fn hurry(
        &self,
        payments: &[OutTradeNo],
        due_at: Timestamp,
        not_since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError>;
    /// Makes the tasks of all payments of an account due earlier, spread over `within` from now on, each only if it was
    /// not hurried after `not_since`; answers how many were.
    async fn hurry_account(
        &self,
        account: &AccountName,
        within: Duration,
        not_since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError>;
    /// Accounts that have payments or refunds due, even if somebody is working on all of them.
    async fn accounts_due(&self, now: Timestamp) -> Result<Vec<AccountName>, StoreError>;
    /// The tasks that were due before a moment and that nobody is working on at `now`.
    async fn overdue(&self, before: Timestamp, now: Timestamp) -> Result<Overdue, StoreError>;
    /// Takes up to `want` questions from an account's budget; answers how many it got.
    async fn budget(&self, account: &AccountName, rate: Rate, want: u32, now: Timestamp) -> Result<u32, StoreError>;
    /// Writes those of the tasks that do not exist yet, and leaves the others alone; answers how many it wrote.
    async fn add_missing(&self, tasks: &[NewTask]) -> Result<u64, StoreError>;
    /// Which of these names are adopted, and since when; all other names are forgotten. See [`crate::compensate`].
    async fn adopted(&self, of: &[&str]) -> Result<BTreeMap<String, Timestamp>, StoreError>;
    /// Notes that these names are adopted. One that was before keeps its earlier time.
    async fn note_adopted(&self, names: &[&str], at: Timestamp) -> Result<(), StoreError>;
}
