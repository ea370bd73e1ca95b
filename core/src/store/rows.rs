//! What goes into and comes out of a store.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::{
    order::{
        AccountName, Case, CaseId, CaseKind, CaseState, Event, Money, Observation, Order, OrderId, OutRefundNo,
        OutTradeNo, RequestId, Source, State, TaskKey, Timestamp, TransactionId,
    },
    seal::Sealed,
    sha256::Sha256,
};

/// Identity of a notification: the same signed content on the same account is the same notification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeKey {
    /// Platform.
    pub provider: SmolStr,
    /// Account.
    pub account: AccountName,
    /// SHA-256 of what the signature covers. A platform's own id is not used: two messages may carry one id.
    pub content_sha256: Sha256,
}

/// Identity of a fact: the same news from any source, in any wrapping, has the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactKey(pub Sha256);

/// Whether money came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MoneyKind {
    /// Came.
    Payment,
    /// Went back.
    Refund,
}

impl MoneyKind {
    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
        }
    }

    /// Reads [`MoneyKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Payment, Self::Refund].into_iter().find(|k| k.as_str() == text)
    }
}

/// Identity of money: the platform's number of a payment or refund on an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoneyKey {
    /// Platform.
    pub provider: SmolStr,
    /// Account.
    pub account: AccountName,
    /// Came or went.
    pub kind: MoneyKind,
    /// The number; for a running total of refunds, made from transaction and total.
    pub number: SmolStr,
}

/// A verified message, sealed.
#[derive(Debug, Clone)]
pub struct NotificationRow {
    /// A UUID of version 7, so that ids are in the order of time.
    pub id: String,
    /// Identity.
    pub key: NoticeKey,
    /// How it was learned.
    pub source: Source,
    /// The platform's name for what happened.
    pub event_type: String,
    /// The platform's own id.
    pub platform_notice_id: String,
    /// Which platform key verified it.
    pub key_id: String,
    /// When the edge had read it.
    pub received_at: Timestamp,
    /// Length of the body in bytes.
    pub body_size: i64,
    /// SHA-256 of the body, lower-case hex.
    pub body_sha256: String,
    /// Headers and body.
    pub sealed: Sealed,
}

/// A fact of a stored notification.
#[derive(Debug, Clone)]
pub struct ObservationRow {
    /// Identity.
    pub key: FactKey,
    /// Id of the notification that said it first.
    pub notification_id: String,
    /// Platform.
    pub provider: SmolStr,
    /// The fact.
    pub observation: Observation,
    /// When it was decided upon.
    pub recorded_at: Timestamp,
    /// The payer as shown to people, e.g. `2088****0412`.
    pub masked_payer: Option<String>,
    /// The whole payer id, sealed at `payer/{notification}/{n}`.
    pub sealed_payer: Option<Sealed>,
}

/// A fact that waits for its order to become known.
#[derive(Debug, Clone)]
pub struct ParkedRow {
    /// Identity.
    pub key: FactKey,
    /// Id of the notification that said it first.
    pub notification_id: String,
    /// Platform.
    pub provider: SmolStr,
    /// The fact.
    pub observation: Observation,
}

/// Money that was booked on an order.
#[derive(Debug, Clone)]
pub struct MoneyRow {
    /// Identity.
    pub key: MoneyKey,
    /// On which order.
    pub order_id: OrderId,
    /// How much; of a running total of refunds, how much more it says went back elsewhere than was booked before.
    pub amount: Money,
    /// By which observation.
    pub fact: FactKey,
}

/// An idempotency key and what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The key.
    pub id: RequestId,
    /// SHA-256 of the command, in hex; a repetition must have the same.
    pub fingerprint: String,
    /// The order that the command was about; none where it was about a case of no order.
    pub order_id: Option<OrderId>,
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Place in the log, starting at 1; 0 before it is stored.
    pub revision: i64,
    /// Whose journal.
    pub order_id: OrderId,
    /// The entry.
    pub event: Event,
}

impl EventRow {
    /// The stable id: order, place in its journal, and the time of the decision, in hexadecimal microseconds. Without
    /// the time, what is decided after a database was set back would get the ids of what was lost, and be taken for
    /// known.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{}.{}-{:x}", self.order_id, self.event.after.version, self.event.at.0)
    }

    /// Reads [`EventRow::event_id`] back, with or without its time: the order, and the place in its journal.
    #[must_use]
    pub fn read_event_id(text: &str) -> Option<(OrderId, i64)> {
        let (order_id, rest) = text.rsplit_once('.')?;
        let (sequence, moment) =
            rest.split_once('-').map_or((rest, None), |(sequence, moment)| (sequence, Some(moment)));
        if moment.is_some_and(|moment| i64::from_str_radix(moment, 16).is_err()) {
            return None;
        }
        let sequence = sequence.parse().ok().filter(|n: &i64| *n > 0 && n.to_string() == sequence)?;
        Some((OrderId::parse(order_id).ok()?, sequence))
    }
}

/// A case and the notification that opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// The case.
    pub case: Case,
    /// Empty when a command opened it.
    pub notification_id: String,
}

impl CaseRow {
    /// The case after a later change; both databases write it like this.
    ///
    /// A ruling stays: no news opens the case again or says that it was settled otherwise. A case that is settled keeps
    /// what it was opened with, because news that settles a case knows only its id. News about an open case says more
    /// of what was observed; the opening time, the due time and the owner stay. A case that news has settled, later
    /// news opens anew.
    pub(crate) fn followed_by(self, later: Self) -> Self {
        let (known, new) = (self.case, later.case);
        let (was, is) = (known.state, new.state);
        let is_ruled = matches!(was, CaseState::Resolved { by: Some(_), .. });
        if is_ruled && is == CaseState::Open {
            return Self { case: known, ..self };
        }
        let order_id = new.order_id.clone().or_else(|| known.order_id.clone());
        match (was, is) {
            (_, CaseState::Resolved { by: None, .. }) if is_ruled => Self { case: Case { order_id, ..known }, ..self },
            (_, state @ CaseState::Resolved { .. }) => {
                Self { case: Case { order_id, state, reason: new.reason, ..known }, ..self }
            }
            (_, CaseState::Open) => {
                let out_trade_no = new.out_trade_no.clone().or_else(|| known.out_trade_no.clone());
                let transaction_id = new.transaction_id.clone().or_else(|| known.transaction_id.clone());
                let case = Case { order_id, out_trade_no, transaction_id, ..new };
                let case = match was {
                    CaseState::Resolved { .. } => case,
                    CaseState::Open => {
                        let Case { expected, opened_at, due_at, owner, .. } = known;
                        let evidence = if case.evidence.is_empty() { known.evidence } else { case.evidence };
                        Case { expected, evidence, opened_at, due_at, owner, ..case }
                    }
                };
                Self { case, ..later }
            }
        }
    }
}

/// Work that a decision makes necessary. If the task exists already, it only becomes due earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Identity.
    pub key: TaskKey,
    /// Whose budget of questions the work takes from, if any.
    pub account: Option<AccountName>,
    /// The order that it is about, where there is one.
    pub order_id: Option<OrderId>,
    /// When it is to be done.
    pub due_at: Timestamp,
}

/// A refused callback, sealed.
#[derive(Debug, Clone)]
pub struct RejectionRow {
    /// Time-ordered unique id.
    pub id: String,
    /// Platform in the URL.
    pub provider: String,
    /// Account in the URL.
    pub account: AccountName,
    /// Stable reason.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// What the body claims; not believed.
    pub claimed_out_trade_no: String,
    /// When it had been read.
    pub received_at: Timestamp,
    /// Length of the whole body in bytes.
    pub body_size: i64,
    /// SHA-256 of what was kept of it, lower-case hex.
    pub body_sha256: String,
    /// Address of the peer.
    pub remote_address: String,
    /// Headers and the first part of the body.
    pub sealed: Sealed,
}

/// A notification as it is listed; its bytes stay sealed.
#[derive(Debug, Clone)]
pub struct StoredNotification {
    /// Id.
    pub id: String,
    /// Platform.
    pub provider: String,
    /// Account.
    pub account: String,
    /// How it was learned.
    pub source: Source,
    /// Empty when it was accepted.
    pub reason: String,
    /// For people; only when refused.
    pub detail: String,
    /// Proven when accepted, claimed when refused.
    pub out_trade_no: String,
    /// The order it was about, when accepted and known.
    pub order_id: String,
    /// The platform's name for what happened.
    pub event_type: String,
    /// The platform's own id.
    pub platform_notice_id: String,
    /// Which key verified it.
    pub key_id: String,
    /// When the edge had read it.
    pub received_at: Timestamp,
    /// Length of the whole body in bytes.
    pub body_size: i64,
    /// SHA-256 of the body (of what was kept of it, when refused), lower-case hex.
    pub body_sha256: String,
    /// The payer for people.
    pub masked_payer: String,
    /// Address of the peer; only when refused.
    pub remote_address: String,
}

/// What a unit needs to read.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Orders by name.
    pub orders: BTreeSet<OrderId>,
    /// Payments whose orders are needed.
    pub payments: BTreeSet<OutTradeNo>,
    /// Money whose orders are needed.
    pub money: BTreeSet<MoneyKey>,
    /// Idempotency keys.
    pub requests: BTreeSet<RequestId>,
    /// Facts that may be known.
    pub facts: BTreeSet<FactKey>,
    /// Cases by id, and their orders.
    pub cases: BTreeSet<CaseId>,
    /// Orders by the shop's number of a refund that was asked for here.
    pub refunds: BTreeSet<OutRefundNo>,
}

impl Keys {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { orders, payments, money, requests, facts, cases, refunds } = self;
        orders.is_empty()
            && payments.is_empty()
            && money.is_empty()
            && requests.is_empty()
            && facts.is_empty()
            && cases.is_empty()
            && refunds.is_empty()
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The orders, by name.
    pub orders: BTreeMap<OrderId, Order>,
    /// The order of each payment that is known.
    pub payments: BTreeMap<OutTradeNo, OrderId>,
    /// The order of each booking that is known.
    pub money: BTreeMap<MoneyKey, OrderId>,
    /// Idempotency keys that were used before, and for what.
    pub requests: BTreeMap<RequestId, RequestRow>,
    /// Those of the facts that are recorded already.
    pub facts: BTreeSet<FactKey>,
    /// Facts that wait for one of these payments or this money, oldest first.
    pub parked: Vec<ParkedRow>,
    /// The cases, by id. Whether a case on an order is open is for the order to say: this row may be older.
    pub cases: BTreeMap<CaseId, CaseRow>,
    /// The order of each refund that was asked for here.
    pub refunds: BTreeMap<OutRefundNo, OrderId>,
}

/// What a unit changes.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    /// New facts.
    pub observations: Vec<ObservationRow>,
    /// Which notification says which fact, known ones included.
    pub sayings: Vec<(String, FactKey)>,
    /// Those of them that wait for their order.
    pub parked: Vec<FactKey>,
    /// Facts that need not wait any more.
    pub unparked: Vec<FactKey>,
    /// New idempotency keys.
    pub requests: Vec<RequestRow>,
    /// Numbers of new payments, with their orders.
    pub payments: Vec<(OutTradeNo, OrderId)>,
    /// Booked money.
    pub money: Vec<MoneyRow>,
    /// Orders in their new form, with the version that they had when they were loaded (0: new).
    pub orders: Vec<(Order, i64)>,
    /// Journal entries, in the order in which they were decided.
    pub events: Vec<EventRow>,
    /// Cases, opened or changed. A case that was ruled on is not opened again, whatever is written here.
    pub cases: Vec<CaseRow>,
    /// What is to be done because of all this.
    pub tasks: Vec<NewTask>,
    /// Who looks after cases from now on, by their ids. Applied after `cases`.
    pub owners: Vec<(CaseId, String)>,
    /// Numbers of new refunds that were asked for here, with their orders.
    pub refunds: Vec<(OutRefundNo, OrderId)>,
}

impl Writes {
    /// Each task once, as early as any input wants it, in key order, so that units that write the same tasks wait for
    /// each other and never in a circle.
    pub(super) fn earliest_tasks(&self) -> Vec<&NewTask> {
        let mut earliest: BTreeMap<&TaskKey, &NewTask> = BTreeMap::new();
        for task in &self.tasks {
            let known = earliest.entry(&task.key).or_insert(task);
            if task.due_at < known.due_at {
                *known = task;
            }
        }
        earliest.into_values().collect()
    }

    /// Those of the new facts that wait for their order.
    pub(super) fn newly_parked(&self) -> Vec<&ObservationRow> {
        let parked: BTreeSet<_> = self.parked.iter().collect();
        self.observations.iter().filter(|o| parked.contains(&o.key)).collect()
    }

    /// Each case once, in its final state. A case may change twice in one unit, and an upsert of one row twice is not
    /// the same on every database. A case that is opened and settled keeps what it was opened with.
    pub(super) fn last_cases(&self) -> Vec<CaseRow> {
        let mut last: BTreeMap<&CaseId, CaseRow> = BTreeMap::new();
        for row in &self.cases {
            let folded = match last.remove(&row.case.id) {
                Some(before) => before.followed_by(row.clone()),
                None => row.clone(),
            };
            last.insert(&row.case.id, folded);
        }
        last.into_values().collect()
    }
}

/// Which orders to list.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only in these states; empty for all.
    pub states: Vec<State>,
}

/// Which notifications to list.
#[derive(Debug, Clone, Default)]
pub struct NotificationFilter {
    /// Only of this account.
    pub account: Option<String>,
    /// Only accepted, or only refused.
    pub accepted: Option<bool>,
    /// Only about one of these numbers, proven or claimed; or about one of `transaction_ids`.
    pub out_trade_nos: Vec<OutTradeNo>,
    /// Only about one of these transactions, as far as that is proven; or about one of `out_trade_nos`. If both are
    /// empty, about anything.
    pub transaction_ids: Vec<TransactionId>,
}

impl NotificationFilter {
    /// Whether the filter names neither numbers nor transactions.
    pub(super) fn is_about_all(&self) -> bool {
        self.out_trade_nos.is_empty() && self.transaction_ids.is_empty()
    }
}

/// Which cases to list.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// Only open, or only settled.
    pub open: Option<bool>,
    /// Only of this kind.
    pub kind: Option<CaseKind>,
    /// Only of this order.
    pub order_id: Option<OrderId>,
}

/// One invariant and what breaks it.
#[derive(Debug, Clone)]
pub struct AuditResult {
    /// Name, e.g. `I5`.
    pub name: &'static str,
    /// What must hold.
    pub statement: &'static str,
    /// The first rows that break it; empty when it holds.
    pub violations: Vec<String>,
}
