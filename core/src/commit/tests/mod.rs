//! The door on a real store: duplicates, batches, order of arrival, lying guards, failing databases.

mod binding;
mod cases;
mod commands;
mod duplicates;
mod faults;
mod guards;
mod properties;
mod refunds;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio_util::task::TaskTracker;

use super::*;
use crate::{
    guard::{self, Backend, Claim, Entry, LocalGuard, LockName, RedisGuard, Token, conformance::until, redis},
    order::{
        AccountName, CaseKind, CaseState, Command, Currency, Method, Money, Observation, Order, OrderId, OutRefundNo,
        OutTradeNo, PaymentFact, PaymentStatus, RefundFact, RefundId, RefundStatus, Refusal, RequestId, Resolution,
        Resolver, Source, State, TaskKey, TaskKind, Timestamp, TransactionId,
    },
    seal::Sealed,
    sha256::Sha256,
    store::{
        AuditResult, CaseFilter, CaseRow, Cursor, EventLog, EventRow, Keys, Loaded, MoneyKey, MoneyKind, NoticeKey,
        NotificationFilter, NotificationRow, OrderFilter, Page, RejectionRow, StoreError, StoredNotification, Unit,
        Writes, sqlite::SqliteStore,
    },
};

const DUE: i64 = 1_000;

struct Rig {
    door: Door,
    store: Arc<SqliteStore>,
    _dir: tempfile::TempDir,
}

async fn rig() -> Rig {
    rig_with(Arc::new(LocalGuard::default()), |store| store, Limits::default()).await
}

async fn rig_with(guard: Arc<dyn Guard>, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>, limits: Limits) -> Rig {
    rig_under(Policy::default(), guard, wrap, limits).await
}

/// A rig whose account can be called, and which does something about cases.
async fn rig_that_follows() -> Rig {
    let policy = Policy {
        callable: [account()].into(),
        first_question: Duration::from_secs(10),
        expiry: true,
        cases: [(
            CaseKind::DoublePayment,
            CasePolicy {
                due_after: Duration::from_secs(60),
                owner: "refunds".to_owned(),
                settle: Some(Resolution::Refund),
            },
        )]
        .into(),
        channels: vec!["ops".into()],
    };
    rig_under(policy, Arc::new(LocalGuard::default()), |store| store, Limits::default()).await
}

async fn rig_under(
    policy: Policy,
    guard: Arc<dyn Guard>,
    wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    limits: Limits,
) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("t.db")).await.unwrap());
    let tasks = TaskTracker::new();
    let door = Door::open(wrap(store.clone()), guard, Bell::default(), limits, Arc::new(policy), &tasks);
    Rig { door, store, _dir: dir }
}

impl Rig {
    /// The door of another core on the same database, which knows nothing of what this one has seen.
    fn other_core(&self, guard: Arc<dyn Guard>) -> Door {
        let policy = Arc::new(Policy::default());
        Door::open(self.store.clone(), guard, Bell::default(), Limits::default(), policy, &TaskTracker::new())
    }
}

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::parse("CNY").unwrap()).unwrap()
}

fn account() -> AccountName {
    AccountName::parse("a").unwrap()
}

fn oid(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}

fn message(n: usize, observations: Vec<Observation>) -> Message {
    let facts = observations.into_iter().map(|observation| Fact::new("alipay", observation, None, None));
    Message {
        row: NotificationRow {
            id: format!("n{n:06}-{}", uuid::Uuid::now_v7()),
            key: NoticeKey {
                provider: "alipay".into(),
                account: account(),
                content_sha256: Sha256::of(&n.to_be_bytes()),
            },
            source: Source::Callback,
            event_type: "x".into(),
            platform_notice_id: String::new(),
            key_id: "k".into(),
            received_at: Timestamp(i64::try_from(n).unwrap()),
            body_size: 1,
            body_sha256: "b".into(),
            sealed: Sealed { key_id: "k".into(), bytes: vec![0] },
        },
        facts: facts.collect(),
        at: Timestamp(5),
    }
}

fn paid(number: Option<&str>, id: &str, minor: i64) -> Observation {
    let fact = PaymentFact {
        out_trade_no: number.map(|n| OutTradeNo::parse(n).unwrap()),
        transaction_id: Some(TransactionId::parse(id).unwrap()),
        status: PaymentStatus::Succeeded,
        amount: money(minor),
        occurred_at: None,
    };
    Observation { account: account(), fact: crate::order::Fact::Payment(fact) }
}

fn refunded(number: Option<&str>, id: &str, refund_id: &str, minor: i64) -> Observation {
    let fact = RefundFact {
        out_trade_no: number.map(|n| OutTradeNo::parse(n).unwrap()),
        transaction_id: Some(TransactionId::parse(id).unwrap()),
        out_refund_no: None,
        refund_id: Some(RefundId::parse(refund_id).unwrap()),
        status: RefundStatus::Succeeded,
        amount: money(minor),
        cumulative: false,
        occurred_at: None,
    };
    Observation { account: account(), fact: crate::order::Fact::Refund(fact) }
}

fn request(command: Command, key: Option<&str>) -> CommandRequest {
    CommandRequest { command, request_id: key.map(|k| RequestId::parse(k).unwrap()), at: Timestamp(3) }
}

fn create(name: &str) -> Command {
    Command::Create { order_id: oid(name), amount: money(DUE), description: String::new(), expires_at: None }
}

fn start(name: &str, number: &str) -> Command {
    Command::StartPayment {
        order_id: oid(name),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        account: account(),
        provider: "alipay".into(),
        method: Method::External,
        inputs: None,
        expires_at: None,
    }
}

impl Rig {
    async fn sell(&self, name: &str, number: &str) {
        self.door.command(request(create(name), None)).await.unwrap();
        self.door.command(request(start(name, number), None)).await.unwrap();
    }

    async fn order(&self, name: &str) -> Order {
        self.store.orders(&[oid(name)]).await.unwrap().remove(&oid(name)).unwrap()
    }

    async fn cases(&self) -> Vec<CaseRow> {
        self.store.cases(&CaseFilter::default(), None, 100).await.unwrap().rows
    }

    async fn sound(&self) {
        // The clock of these tests stands still in 1970, so every task has waited for long (I25).
        for result in self.store.audit().await.unwrap().into_iter().filter(|r| r.name != "I25") {
            assert!(result.violations.is_empty(), "{result:?}");
        }
    }
}

/// The only case.
fn only(mut cases: Vec<CaseRow>) -> crate::order::Case {
    assert_eq!(cases.len(), 1, "{cases:?}");
    cases.remove(0).case
}
