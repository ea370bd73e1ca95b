//! The store: the truth of the whole system.
//!
//! Contract, the same for every database and tested by one suite (`conformance.rs`):
//! - A [`Unit`] is one transaction. Nothing of it is visible before [`Unit::commit`] returns, and nothing
//!   of it is lost afterwards (fsync has happened).
//! - Unique keys decide what is new, and never expire: a notification by (provider, account, hash of its
//!   signed content), an observation by its fact key, money by (provider, account, kind, platform number).
//! - A unit that has claimed or loaded a key sees what every committed unit before it wrote under that
//!   key, and no other unit writes under it until this one ends. That holds for keys that are *absent* too: a
//!   callback that finds no payment and a StartPayment that finds no callback must not pass each other.
//!   Where the database does not give that by itself, the implementation locks keys, in key order.
//! - `orders.version` is compared when an order is written; a unit that lost the race fails with
//!   [`StoreError::Conflict`] and is decided again.
//! - Revisions are given out last, in commit order, without gaps.

mod audit;
mod codec;
#[cfg(test)]
pub mod conformance;

mod exchanges;
mod log;
pub mod postgres;
mod reconciliations;
mod rows;
pub mod sqlite;
mod subscriptions;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};

use crate::order::{CaseId, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, Timestamp};
pub use exchanges::{Exchange, ExchangeOutcome, ExchangeRow, Exchanges};
pub use log::{Announcements, EventLog, LogEntry, LogId, LogPage, LogState};
pub use reconciliations::{
    Booking, Bookings, Carried, Difference, DifferenceKind, Movement, Reconciliation, ReconciliationId,
    ReconciliationState, Reconciliations, Run, Side, Tally,
};
pub use rows::{
    AuditResult, CaseFilter, CaseRow, EventRow, FactKey, Keys, Loaded, MoneyKey, MoneyKind, MoneyRow, NewTask,
    NoticeKey, NotificationFilter, NotificationRow, ObservationRow, OrderFilter, ParkedRow, RejectionRow, RequestRow,
    StoredNotification, Writes,
};
pub use subscriptions::{BACKLOG_REVISIONS, Backlog, Existing, SubscriptionRequest, Subscriptions};
pub use tasks::{Overdue, Rate, Task, Tasks, Waiting};

/// How many refused notifications are kept, counted apart for those that strangers can cause and for the others; up to
/// 20 KiB each.
pub const KEPT_REJECTIONS: i64 = 20_000;

/// Finding the oldest ones reads through all of them, so it is done once in this many calls.
const TRIM_EVERY: u32 = 64;

/// Says now and then that the oldest rejections are to be forgotten.
#[derive(Debug, Default, Clone)]
struct Trimming(Arc<AtomicU32>);

impl Trimming {
    fn is_due(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRIM_EVERY)
    }
}

/// Callbacks that are refused for these reasons carry a platform's good signature: somebody's settings are wrong and
/// need a look, so no flood of strangers may push these out.
pub const PROVEN_REASONS: [&str; 4] = ["WRONG_ACCOUNT", "BAD_AMOUNT", "DECRYPTION_FAILED", "UNSUPPORTED"];

/// Why the store did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was first (an order's version, a deadlock, a serialisation failure): decide again.
    #[error("somebody else was first: {0}")]
    Conflict(String),
    /// Somebody held a lock for too long. Inputs that name nothing of it are not affected.
    #[error("somebody holds what is needed: {0}")]
    Busy(String),
    /// The database refused the data: a fault of this program, or two orders claim the same money.
    #[error("the database refused the data: {0}")]
    Refused(String),
    /// The database cannot be used now, or did not say how a commit ended.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Stored data does not read back.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

/// A page of rows, and where the next one begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Present when there is more.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts rows, of which one more than a page was read, to a page and the place of the next one.
    fn cut(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }
}

/// A place in a listing that is ordered by time and id; newest first, where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// Time of the last row, in microseconds since 1970 UTC; its revision or sequence number where the listing is by
    /// that, 0 where it is by name.
    pub at: i64,
    /// Id of the last row.
    pub id: String,
}

/// A database that holds orders.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Prepares the months that come, where the database keeps them apart.
    async fn prepare_months(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Begins a unit.
    async fn begin(&self) -> Result<Box<dyn Unit>, StoreError>;

    /// Which of these notifications are stored. Never waits for a unit.
    async fn stored(&self, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError>;
    /// Reads orders by id; those that do not exist are left out.
    async fn orders(&self, ids: &[OrderId]) -> Result<BTreeMap<OrderId, Order>, StoreError>;
    /// Lists orders, newest first.
    async fn list_orders(
        &self,
        filter: &OrderFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Order>, StoreError>;
    /// Looks at `limit` orders, newest first, down to those created at `since`, and reads the ones that are CREATED or
    /// PENDING. So each page costs the same, and one may be empty although there is a next.
    async fn unpaid_orders(
        &self,
        since: Timestamp,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Order>, StoreError>;
    /// The order of a payment.
    async fn order_of(&self, out_trade_no: &OutTradeNo) -> Result<Option<OrderId>, StoreError>;
    /// The newest `limit` entries of an order's journal, oldest first.
    async fn journal(&self, order_id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError>;
    /// Lists accepted and refused notifications, newest first.
    async fn notifications(
        &self,
        filter: &NotificationFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<StoredNotification>, StoreError>;
    /// Lists cases, newest first.
    async fn cases(&self, filter: &CaseFilter, after: Option<&Cursor>, limit: u32)
    -> Result<Page<CaseRow>, StoreError>;
    /// How many cases of each kind are open; kinds without any are left out.
    async fn count_open_cases(&self) -> Result<BTreeMap<CaseKind, u64>, StoreError>;
    /// A case by its id.
    async fn case(&self, id: &CaseId) -> Result<Option<CaseRow>, StoreError>;
    /// The order on which a refund was asked for.
    async fn order_of_refund(&self, out_refund_no: &OutRefundNo) -> Result<Option<OrderId>, StoreError>;
    /// Stores refused notifications and, now and then, forgets the oldest beyond [`KEPT_REJECTIONS`]. Not part of any unit:
    /// nothing depends on them.
    async fn record_rejections(&self, rows: &[RejectionRow]) -> Result<(), StoreError>;
    /// Checks the invariants that the database can show.
    async fn audit(&self) -> Result<Vec<AuditResult>, StoreError>;
    /// The log of all events.
    fn log(&self) -> Arc<dyn EventLog>;
    /// Durable readers of the log.
    fn subscriptions(&self) -> Arc<dyn Subscriptions>;
    /// Work that decisions leave behind, for any core that has time.
    fn tasks(&self) -> Arc<dyn Tasks>;
    /// What was said to platforms, and what they answered.
    fn exchanges(&self) -> Arc<dyn Exchanges>;
    /// Statements against our record.
    fn reconciliations(&self) -> Arc<dyn Reconciliations>;
    /// How often a connection to the database was found broken. As long as this stays the same, what has been read or
    /// committed since is still there.
    fn outages(&self) -> u64;
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
    /// Lets go of the database, after what is under way has ended.
    async fn close(&self);
}

/// One transaction. If it is dropped without a commit, it never happened.
#[async_trait]
pub trait Unit: Send {
    /// From now on until it writes, waits only for a moment for what others hold, then fails with [`StoreError::Busy`].
    /// To be called before anything else.
    async fn wait_briefly(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Inserts notifications; answers which of them are new. Keys in `rows` are distinct. To be called first, and once.
    ///
    /// Keeps others from writing what `names` lead to, for which [`Unit::load`] will be asked: naming it here saves a
    /// query of its own.
    async fn claim(&mut self, rows: &[&NotificationRow], names: &Keys) -> Result<BTreeSet<NoticeKey>, StoreError>;
    /// Reads everything that these keys lead to, and keeps others from writing it. Once per unit, after the
    /// claim: units take what they need in one order.
    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError>;
    /// Writes everything or, on an error, nothing.
    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError>;
    /// Commits. After [`StoreError::Unavailable`] it is unknown whether it happened.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
    /// Rolls back. Dropping the unit does the same, but costs the connection.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

const NEWER: &str = "the schema is newer than this paystate, and there is no way down; start the newer one";

/// Refuses a database of which another version's steps are the last.
fn check_version(applied: Option<i64>, steps: &Migrator) -> Result<(), StoreError> {
    let needed = steps.iter().map(|m| m.version).max();
    if applied == needed {
        return Ok(());
    }
    if applied > needed {
        return Err(StoreError::Unavailable(NEWER.into()));
    }
    let version = |v: Option<i64>| v.map_or_else(|| "missing".to_owned(), |v| format!("version {v}"));
    Err(StoreError::Unavailable(format!(
        "the schema is {}, this paystate needs {}; run `paystate migrate`",
        version(applied),
        version(needed)
    )))
}

/// Why a schema could not be brought up to date.
fn not_migrated(error: MigrateError) -> StoreError {
    let is_newer = matches!(error, MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..));
    StoreError::Unavailable(if is_newer { NEWER.into() } else { format!("schema: {error}") })
}
