//! Reconciliations: what a day's statement and our record have in common, and what not.
//!
//! Contract, the same for every database and tested with that of [`Store`](super::Store):
//! - One run of a day at a time. A run has a lease; if it expires, the run is lost, and its result never stands.
//! - What a run finds stands from [`Reconciliations::end`] on and replaces what the run before it found, all at once. A
//!   run that fails changes nothing of what stands.
//! - Nothing here waits for a unit, or makes one wait. Memory does not grow with the day.

use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{MoneyKey, MoneyKind, StoreError};
use crate::order::{
    AccountName, CaseId, Currency, Money, OrderId, OutRefundNo, OutTradeNo, RefundId, Timestamp, TransactionId,
};

/// How much earlier, in microseconds, a message may have reached us than its platform says that the money moved: clocks
/// differ.
pub(super) const EARLY: i64 = 3_600_000_000;
/// Bookings of a page.
pub(super) const PAGE: usize = 1_000;
/// Findings that are removed in one statement.
pub(super) const SLICE: i64 = 10_000;

/// Begins both queries for money, in every database. A running total carries the number of the refund that reached it,
/// but the rest of it may belong to other refunds; so where another booking has that number as its own, only that
/// booking keeps it.
macro_rules! booked {
    ($rest:literal) => {
        concat!(
            "SELECT t.provider, t.account, t.kind, t.transaction_id AS number, t.order_id, t.amount_minor, t.currency, \
               o.out_trade_no, o.transaction_id, o.refund_id, o.occurred_at, o.recorded_at, \
               CASE WHEN o.cumulative AND t.transaction_id <> o.out_refund_no AND EXISTS (\
                 SELECT 1 FROM payment_txn own WHERE own.provider = t.provider AND own.account = t.account \
                   AND own.kind = t.kind AND own.transaction_id = o.out_refund_no) THEN NULL ELSE o.out_refund_no END AS out_refund_no ",
            $rest
        )
    };
}
pub(super) use booked;

/// A day of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReconciliationId {
    /// Which account.
    pub account: AccountName,
    /// Which day in the platform's time zone, `YYYY-MM-DD`.
    pub date: SmolStr,
}

impl ReconciliationId {
    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (account, date) = text.rsplit_once('/')?;
        let shape = |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        let is_date = date.len() == 10 && date.bytes().enumerate().all(shape);
        is_date.then(|| Some(Self { account: AccountName::parse(account).ok()?, date: date.into() }))?
    }
}

impl fmt::Display for ReconciliationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.date)
    }
}

/// Where a reconciliation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReconciliationState {
    /// Under way.
    Running,
    /// Ended; its result stands.
    Done,
    /// Ended without a result.
    Failed,
}

impl ReconciliationState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Running, Self::Done, Self::Failed];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
        }
    }

    /// Reads [`ReconciliationState::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What a run has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Lines of the statement.
    pub lines: i64,
    /// Lines that match our record.
    pub matched: i64,
    /// Differences, healed ones included.
    pub differences: i64,
    /// Movements near midnight that the neighbouring day decides.
    pub carried: i64,
    /// Fees on the statement by currency, minor units.
    pub fees: BTreeMap<Currency, i64>,
}

/// A day's reconciliation, as its last run left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Which day of which account.
    pub id: ReconciliationId,
    /// Where the last run stands.
    pub state: ReconciliationState,
    /// Why it failed, or what it waits for.
    pub detail: String,
    /// What it has counted.
    pub tally: Tally,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// While it runs: when it counts as dead, unless it gives a sign of life before.
    pub leased_until: Option<Timestamp>,
}

/// A run that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Of which day.
    pub id: ReconciliationId,
    /// Whose run it is; everything that it writes carries it.
    pub(super) lease: Uuid,
}

/// One movement of money, as a statement or our record has it. Numbers are empty where they are not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Came or went.
    pub kind: MoneyKind,
    /// Place in the statement, starting at 1; 0 in our record.
    pub number: i64,
    /// The shop's number of the payment.
    pub out_trade_no: SmolStr,
    /// The platform's number of the payment.
    pub transaction_id: SmolStr,
    /// The shop's number of the refund.
    pub out_refund_no: SmolStr,
    /// The platform's number of the refund.
    pub refund_id: SmolStr,
    /// How much; never negative.
    pub amount: Money,
    /// The platform's fee in minor units of the same currency; negative when it is given back.
    pub fee_minor: i64,
    /// When, by the platform's clock.
    pub occurred_at: Option<Timestamp>,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DifferenceKind {
    /// On the statement, not in our record.
    MissingHere,
    /// In our record, not on the statement.
    MissingThere,
    /// Amount or currency.
    Amount,
    /// Settled there, in another state here.
    Status,
    /// The fee is not the one that was agreed.
    Fee,
    /// The statement has the same movement twice.
    Repeated,
}

/// One difference between statement and record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its place among those of its run, starting at 1.
    pub seq: i64,
    /// What differs.
    pub kind: DifferenceKind,
    /// What moved: as the statement has it; as our record has it where the statement has nothing.
    pub movement: Movement,
    /// What our record has.
    pub recorded: Option<Money>,
    /// The order, where known.
    pub order_id: Option<OrderId>,
    /// The likely cause, in one sentence.
    pub cause: String,
    /// It is gone: the platform was asked, and our record is true now.
    pub healed: bool,
    /// The case that it opened, unless it was healed.
    pub case_id: Option<CaseId>,
}

/// On which side a movement stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Side {
    /// In our record.
    Here,
    /// On the statement.
    There,
}

/// A movement near midnight that a day leaves to the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Its place among those of its run, starting at 1.
    pub seq: i64,
    /// Where it stands.
    pub side: Side,
    /// What moved.
    pub movement: Movement,
}

/// Money in our record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Identity.
    pub key: MoneyKey,
    /// On which order.
    pub order_id: OrderId,
    /// How much; of a running total of refunds, how much more it said went back elsewhere than was booked before.
    pub amount: Money,
    /// The payment's number, where the platform named it.
    pub out_trade_no: Option<OutTradeNo>,
    /// The platform's number of the payment.
    pub transaction_id: Option<TransactionId>,
    /// The shop's number of the refund.
    pub out_refund_no: Option<OutRefundNo>,
    /// The platform's number of the refund.
    pub refund_id: Option<RefundId>,
    /// When, by the platform's clock.
    pub occurred_at: Option<Timestamp>,
    /// When it was taken in.
    pub recorded_at: Timestamp,
}

/// Bookings, page by page, of one moment's record. It holds a connection until it is read to its end or dropped.
#[derive(Debug)]
pub struct Bookings(pub(super) mpsc::Receiver<Result<Vec<Booking>, StoreError>>);

impl Bookings {
    /// The next ones, in no order; `None` after the last. After an error there are no more.
    pub async fn next(&mut self) -> Option<Result<Vec<Booking>, StoreError>> {
        self.0.recv().await
    }
}

/// The reconciliations of a database, and the record that they compare with.
#[async_trait]
pub trait Reconciliations: Send + Sync + 'static {
    /// Begins a run; `None` while another one runs.
    async fn begin(
        &self,
        id: &ReconciliationId,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Option<Run>, StoreError>;
    /// Extends a run and says how far it is; answers whether it is still ours.
    async fn tell(&self, run: &Run, tally: &Tally, detail: &str, until: Timestamp) -> Result<bool, StoreError>;
    /// Writes differences, each in its place, over what was there before.
    async fn write_differences(&self, run: &Run, differences: &[Difference]) -> Result<(), StoreError>;
    /// The open cases whose ids are after `after` and before `end`, in that order.
    async fn open_cases(&self, after: &CaseId, end: &CaseId, limit: u32) -> Result<Vec<CaseId>, StoreError>;
    /// The differences of a run after a place.
    async fn found(&self, run: &Run, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError>;
    /// Writes what the next day decides.
    async fn carry(&self, run: &Run, carried: &[Carried]) -> Result<(), StoreError>;
    /// Ends a run; answers whether it was still ours. `Ok`: what it found stands from now on. `Err` says why there is no
    /// result.
    async fn end(&self, run: &Run, result: Result<(), &str>, tally: &Tally, now: Timestamp)
    -> Result<bool, StoreError>;
    /// The last day of each account that has a result.
    async fn latest(&self) -> Result<BTreeMap<AccountName, String>, StoreError>;
    /// Where a day's reconciliation stands.
    async fn get(&self, id: &ReconciliationId) -> Result<Option<Reconciliation>, StoreError>;
    /// The differences that stand, after a place.
    async fn differences(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError>;
    /// What a day leaves to the next one, as it stands, after a place.
    async fn carried(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Carried>, StoreError>;
    /// Those of these movements that are in our record.
    async fn bookings(&self, keys: &[MoneyKey]) -> Result<Vec<Booking>, StoreError>;
    /// Our record of an account between two moments, the first included: by the platform's time, or by ours where
    /// it told none.
    async fn booked_between(
        &self,
        account: &AccountName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Bookings, StoreError>;
}
