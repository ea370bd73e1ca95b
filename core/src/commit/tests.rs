//! The door on a real store: duplicates, batches, order of arrival, lying guards, failing databases.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio_util::task::TaskTracker;

use super::*;
use crate::{
    guard::{self, Backend, Claim, Entry, LocalGuard, LockName, RedisGuard, Token, conformance::until, redis},
    order::{
        AccountName, Command, Currency, Money, Observation, Order, OrderId, OutTradeNo, PaymentFact, PaymentStatus,
        RefundFact, RefundStatus, Refusal, RequestId, Source, State, Timestamp, TransactionId,
    },
    seal::Sealed,
    sha256::Sha256,
    store::{
        AuditResult, CaseFilter, CaseRow, Cursor, EventLog, EventRow, Keys, Loaded, NoticeKey, NotificationFilter,
        NotificationRow, OrderFilter, Page, RejectionRow, StoreError, StoredNotification, Unit, Writes,
        sqlite::SqliteStore,
    },
};

#[path = "../../../tests/support/liar.rs"]
mod liar;
use liar::{Liar, Lie};

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
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("t.db")).await.unwrap());
    let door = Door::open(wrap(store.clone()), guard, Bell::default(), limits, &TaskTracker::new());
    Rig { door, store, _dir: dir }
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
        refund_id: Some(TransactionId::parse(refund_id).unwrap()),
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
        for result in self.store.audit().await.unwrap() {
            assert!(result.violations.is_empty(), "{result:?}");
        }
    }
}

#[tokio::test]
async fn the_same_bytes_take_effect_once_however_often_and_however_many_at_once() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let answers = join_all((0..50).map(|_| rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])))).await;
    let stored = answers.iter().filter(|a| matches!(a, Ok(MessageOutcome::Stored(_)))).count();
    assert_eq!((stored, answers.iter().filter(|a| **a == Ok(MessageOutcome::Duplicate)).count()), (1, 49));
    let order = rig.order("o1").await;
    assert_eq!((order.state(), order.version), (State::Paid, 3));
    rig.sound().await;
}

#[tokio::test]
async fn the_same_fact_in_other_bytes_changes_nothing_and_is_found_under_both() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    for n in 1..=3 {
        let outcome = rig.door.observe(message(n, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert!(matches!(outcome, MessageOutcome::Stored(_)));
    }
    assert_eq!(rig.order("o1").await.version, 3);
    let about =
        NotificationFilter { out_trade_nos: vec![OutTradeNo::parse("p1").unwrap()], ..NotificationFilter::default() };
    let found = rig.store.notifications(&about, None, 10).await.unwrap().rows;
    assert_eq!(found.iter().map(|n| n.order_id.as_str()).collect::<Vec<_>>(), ["o1"; 3]);
}

#[tokio::test]
async fn inputs_of_one_order_in_one_batch_are_all_taken_in() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let facts = [
        paid(Some("p1"), "t1", DUE),
        refunded(Some("p1"), "t1", "r1", 100),
        refunded(None, "t1", "r2", 200),
        paid(Some("p1"), "t2", 7),
    ];
    join_all(facts.into_iter().enumerate().map(|(n, f)| rig.door.observe(message(n, vec![f])))).await;
    let order = rig.order("o1").await;
    assert_eq!((order.state(), order.refunded().minor(), order.version), (State::PartiallyRefunded, 300, 6));
    rig.sound().await;
}

#[tokio::test]
async fn money_for_an_unknown_number_waits_and_is_bound_by_start_payment() {
    let rig = rig().await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    // A refund that names only the transaction waits behind it.
    rig.door.observe(message(2, vec![refunded(None, "t1", "r1", DUE)])).await.unwrap();
    let case = rig.cases().await.remove(0).case;
    assert_eq!((case.kind.as_str(), case.state), ("UNKNOWN_ORDER", crate::order::CaseState::Open));
    rig.sell("o1", "p1").await;
    assert_eq!(rig.order("o1").await.state(), State::Refunded);
    let case = rig.cases().await.remove(0).case;
    assert!(matches!(case.state, crate::order::CaseState::Resolved { .. }));
    assert_eq!(case.order_id, Some(oid("o1")));
    rig.sound().await;
}

#[tokio::test]
async fn money_that_is_booked_on_one_order_is_never_booked_on_another() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    rig.door.observe(message(2, vec![paid(Some("p2"), "t1", DUE)])).await.unwrap();
    rig.door.observe(message(3, vec![refunded(Some("p1"), "t1", "r1", 10)])).await.unwrap();
    // Binding the number of the contradicting fact neither fails nor moves the money.
    rig.sell("o2", "p2").await;
    assert_eq!(rig.order("o2").await.state(), State::Pending);
    rig.door.observe(message(4, vec![refunded(Some("p2"), "t9", "r1", 10)])).await.unwrap();
    assert_eq!(rig.order("o1").await.refunded().minor(), 10);
    assert_eq!(rig.order("o2").await.refunds, []);
    rig.sound().await;
}

fn settled(number: Option<&str>, refund_id: Option<&str>, amount: Money) -> Observation {
    let fact = RefundFact {
        out_trade_no: number.map(|n| OutTradeNo::parse(n).unwrap()),
        transaction_id: Some(TransactionId::parse("t1").unwrap()),
        out_refund_no: None,
        refund_id: refund_id.map(|r| TransactionId::parse(r).unwrap()),
        status: RefundStatus::Succeeded,
        amount,
        cumulative: refund_id.is_none(),
        occurred_at: None,
    };
    Observation { account: account(), fact: crate::order::Fact::Refund(fact) }
}

#[tokio::test]
async fn a_platform_that_tells_one_refund_in_two_ways_blocks_nothing() {
    let usd = Money::new(50, Currency::parse("USD").unwrap()).unwrap();
    for reports in [
        [settled(None, Some("r1"), money(100)), settled(None, Some("r1"), usd)],
        [settled(Some("p1"), None, money(100)), settled(None, None, money(100))],
    ] {
        let rig = rig().await;
        for (n, report) in reports.into_iter().enumerate() {
            rig.door.observe(message(n, vec![report])).await.unwrap();
        }
        rig.sell("o1", "p1").await;
        rig.door.observe(message(9, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        let order = rig.order("o1").await;
        assert_eq!((order.state(), order.refunded().minor()), (State::PartiallyRefunded, 100));
        rig.sound().await;
    }
}

#[tokio::test]
async fn news_of_known_money_under_another_name_is_no_case_until_the_name_is_somebodys() {
    for first in [0, 1] {
        let rig = rig().await;
        rig.sell("o1", "p1").await;
        let mut news = [paid(Some("p1"), "t1", DUE), paid(Some("cart-7"), "t1", DUE)];
        news.rotate_left(first);
        for (n, observation) in news.into_iter().enumerate() {
            rig.door.observe(message(n, vec![observation])).await.unwrap();
        }
        // A refund of that money is one, whatever number it names.
        rig.door.observe(message(7, vec![refunded(Some("refund-of-7"), "t1", "r1", 10)])).await.unwrap();
        assert_eq!(rig.order("o1").await.refunded().minor(), 10);
        let open =
            |rows: Vec<CaseRow>| rows.into_iter().filter(|c| c.case.state == crate::order::CaseState::Open).count();
        assert_eq!((rig.order("o1").await.state(), open(rig.cases().await)), (State::PartiallyRefunded, 0));
        rig.sell("o2", "cart-7").await;
        assert_eq!((rig.order("o2").await.state(), open(rig.cases().await)), (State::Pending, 1));
        rig.sound().await;
    }
}

#[tokio::test]
async fn a_case_that_is_opened_and_settled_at_once_keeps_what_it_was_about() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let refund = |status| {
        let fact = match refunded(Some("p1"), "t1", "r1", 10).fact {
            crate::order::Fact::Refund(fact) => RefundFact { status, ..fact },
            crate::order::Fact::Payment(_) => unreachable!("refunded makes refunds"),
        };
        Observation { account: account(), fact: crate::order::Fact::Refund(fact) }
    };
    let news = vec![refund(RefundStatus::Abnormal), refund(RefundStatus::Succeeded)];
    rig.door.observe(message(1, news)).await.unwrap();
    let case = rig.cases().await.remove(0).case;
    assert!(
        case.summary.contains("did not reach the payer") && case.state != crate::order::CaseState::Open,
        "{case:?}"
    );
}

#[tokio::test]
async fn request_ids_make_commands_idempotent() {
    let rig = rig().await;
    let first = rig.door.command(request(create("o1"), Some("q"))).await.unwrap();
    assert_eq!(rig.door.command(request(create("o1"), Some("q"))).await.unwrap(), first);
    for other in [create("o2"), start("o1", "p1")] {
        let refused = rig.door.command(request(other, Some("q"))).await;
        assert!(matches!(refused, Err(DoorError::Refused(Refusal::RequestIdReused(_)))), "{refused:?}");
    }
    let refused = rig.door.command(request(create("o1"), Some("z"))).await;
    assert!(matches!(refused, Err(DoorError::Refused(Refusal::OrderExists(_)))));
    rig.door.command(request(start("o1", "p1"), None)).await.unwrap();
    let taken = rig.door.command(request(start("o1", "p1"), None)).await;
    assert!(matches!(taken, Err(DoorError::Refused(Refusal::NumberTaken(_)))));
}

#[tokio::test]
async fn a_caller_that_hangs_up_changes_nothing() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let hung_up = tokio::time::timeout(
        std::time::Duration::ZERO,
        rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])),
    );
    drop(hung_up.await);
    // The next in the queue is answered after it.
    rig.door.observe(message(2, vec![])).await.unwrap();
    assert_eq!(rig.order("o1").await.state(), State::Paid);
}

/// Says that everything was done before, and that somebody is at every order.
struct Contrary;

#[async_trait]
impl Guard for Contrary {
    async fn enter(&self, _: &Token, notices: &[&NoticeKey], locks: &[&LockName]) -> Entry {
        Entry { claims: vec![Claim::Done; notices.len()], held: vec![false; locks.len()] }
    }
    async fn leave(&self, _: &Token, _: &[&NoticeKey], _: &[&NoticeKey], _: &[&LockName]) {}
    fn backend(&self) -> Option<Backend> {
        None
    }
}

/// Never answers.
struct Hung;

#[async_trait]
impl Guard for Hung {
    async fn enter(&self, _: &Token, _: &[&NoticeKey], _: &[&LockName]) -> Entry {
        std::future::pending().await
    }
    async fn leave(&self, _: &Token, _: &[&NoticeKey], _: &[&NoticeKey], _: &[&LockName]) {
        std::future::pending().await
    }
    fn backend(&self) -> Option<Backend> {
        None
    }
}

#[tokio::test]
async fn a_guard_that_lies_or_hangs_loses_nothing() {
    let guards: [Arc<dyn Guard>; 2] = [Arc::new(Contrary), Arc::new(Hung)];
    for guard in guards {
        let rig = rig_with(guard, |store| store, Limits::default()).await;
        rig.sell("o1", "p1").await;
        let first = rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert!(matches!(first, MessageOutcome::Stored(_)));
        let again = rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert_eq!((again, rig.order("o1").await.state()), (MessageOutcome::Duplicate, State::Paid));
    }
}

#[tokio::test]
async fn an_input_whose_order_is_busy_waits_aside_and_then_goes_on() {
    let guard = Arc::new(LocalGuard::default());
    let rig = rig_with(guard.clone(), |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    rig.sell("o2", "p2").await;
    // Another core is at the first order, for a moment.
    let (other, lock) = (Token::random(), LockName::payment(&OutTradeNo::parse("p1").unwrap()));
    assert_eq!(guard.enter(&other, &[], &[&lock]).await.held, [true]);
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    let (mut busy, mut free) = (Box::pin(pay(1)), Box::pin(pay(2)));
    // Both are in one batch; the second does not wait for the first.
    let busy_first = tokio::select! {
        biased;
        _ = &mut busy => true,
        answer = &mut free => {
            assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
            false
        }
    };
    assert!(!busy_first);
    assert_eq!(rig.order("o1").await.state(), State::Pending);
    // It never leaves: the lock decides nothing.
    assert!(matches!(busy.await, Ok(MessageOutcome::Stored(_))));
    assert_eq!(guard.enter(&Token::random(), &[], &[&lock]).await.held, [false], "the lock is still the other's");
    rig.sound().await;
}

#[tokio::test]
async fn what_another_core_stored_meanwhile_is_answered_without_a_transaction() {
    let guard = Arc::new(LocalGuard::default());
    let rig = rig_with(guard.clone(), |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    let pay = || rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)]));
    assert!(matches!(pay().await, Ok(MessageOutcome::Stored(_))));
    let (other, lock) = (Token::random(), LockName::payment(&OutTradeNo::parse("p1").unwrap()));
    guard.enter(&other, &[], &[&lock]).await;
    // The writer is taken, so whatever asks for a transaction hangs; a duplicate does not.
    let _writer = rig.store.begin().await.unwrap();
    assert_eq!(pay().await, Ok(MessageOutcome::Duplicate));
}

#[tokio::test]
async fn busy_inputs_that_find_no_place_to_wait_go_on_at_once() {
    let guard = Arc::new(LocalGuard::default());
    let limits = Limits { batch_max: 1, ..Limits::default() };
    let rig = rig_with(guard.clone(), |store| store, limits).await;
    let other = Token::random();
    let many = 4 * batch::WAITING;
    let locks: Vec<_> = (0..many).map(|n| LockName::payment(&OutTradeNo::parse(format!("p{n}")).unwrap())).collect();
    guard.enter(&other, &[], &locks.iter().collect::<Vec<_>>()).await;
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    for answer in join_all((0..many).map(pay)).await {
        assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
    }
    rig.sound().await;
}

/// A store that fails on request.
struct Faulty {
    inner: Arc<dyn Store>,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The next commit happens, but its answer is lost (F5).
    lose_answer: AtomicBool,
    /// Units that write for this many events or more are refused.
    refuse_order: std::sync::Mutex<Option<OrderId>>,
}

struct FaultyUnit {
    inner: Box<dyn Unit>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Unit for FaultyUnit {
    async fn claim(&mut self, rows: &[&NotificationRow], names: &Keys) -> Result<BTreeSet<NoticeKey>, StoreError> {
        self.inner.claim(rows, names).await
    }
    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError> {
        self.inner.load(keys).await
    }
    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError> {
        let refused = self.faults.refuse_order.lock().unwrap().clone();
        if writes.orders.iter().any(|(order, _)| Some(&order.id) == refused.as_ref()) {
            return Err(StoreError::Refused("planted".into()));
        }
        self.inner.write(writes).await
    }
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.commit().await?;
        if self.faults.lose_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("connection lost in COMMIT".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Faulty {
    async fn begin(&self) -> Result<Box<dyn Unit>, StoreError> {
        Ok(Box::new(FaultyUnit { inner: self.inner.begin().await?, faults: self.faults.clone() }))
    }
    async fn stored(&self, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError> {
        self.inner.stored(keys).await
    }
    async fn orders(&self, ids: &[OrderId]) -> Result<BTreeMap<OrderId, Order>, StoreError> {
        self.inner.orders(ids).await
    }
    async fn list_orders(&self, f: &OrderFilter, c: Option<&Cursor>, l: u32) -> Result<Page<Order>, StoreError> {
        self.inner.list_orders(f, c, l).await
    }
    async fn order_of(&self, number: &OutTradeNo) -> Result<Option<OrderId>, StoreError> {
        self.inner.order_of(number).await
    }
    async fn journal(&self, id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.inner.journal(id, limit).await
    }
    fn subscriptions(&self) -> Arc<dyn crate::store::Subscriptions> {
        self.inner.subscriptions()
    }
    async fn notifications(
        &self,
        f: &NotificationFilter,
        c: Option<&Cursor>,
        l: u32,
    ) -> Result<Page<StoredNotification>, StoreError> {
        self.inner.notifications(f, c, l).await
    }
    async fn cases(&self, f: &CaseFilter, c: Option<&Cursor>, l: u32) -> Result<Page<CaseRow>, StoreError> {
        self.inner.cases(f, c, l).await
    }
    async fn record_rejections(&self, rows: &[RejectionRow]) -> Result<(), StoreError> {
        self.inner.record_rejections(rows).await
    }
    async fn audit(&self) -> Result<Vec<AuditResult>, StoreError> {
        self.inner.audit().await
    }
    fn log(&self) -> Arc<dyn EventLog> {
        self.inner.log()
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

async fn faulty(faults: &Arc<Faults>) -> Rig {
    let faults = faults.clone();
    rig_with(Arc::new(LocalGuard::default()), |inner| Arc::new(Faulty { inner, faults }), Limits::default()).await
}

#[tokio::test]
async fn a_lost_commit_answer_is_our_fault_and_the_retry_resolves_it() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    rig.sell("o1", "p1").await;
    faults.lose_answer.store(true, Ordering::SeqCst);
    let pay = || rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)]));
    assert!(matches!(pay().await, Err(DoorError::Unavailable(_))));
    assert_eq!(pay().await, Ok(MessageOutcome::Duplicate));
    assert_eq!(rig.order("o1").await.version, 3);
    rig.sound().await;
}

#[tokio::test]
async fn one_input_that_cannot_be_written_does_not_take_the_others_with_it() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    for n in 0..5 {
        rig.sell(&format!("o{n}"), &format!("p{n}")).await;
    }
    *faults.refuse_order.lock().unwrap() = Some(oid("o3"));
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    let answers = join_all((0..5).map(pay)).await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), n != 3, "{n}: {answer:?}");
    }
    *faults.refuse_order.lock().unwrap() = None;
    assert!(matches!(pay(3).await, Ok(MessageOutcome::Stored(_))));
    rig.sound().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once() {
    let limits = Limits { queue: 1, batch_max: 1, in_flight: 1 };
    let rig = rig_with(Arc::new(LocalGuard::default()), |store| store, limits).await;
    // The writer is taken: the first input is stuck in its batch, the second waits, the third does not fit.
    let writer = rig.store.begin().await.unwrap();
    let mut waiting = Vec::new();
    for n in 0..3 {
        let mut input = Box::pin(rig.door.observe(message(n, vec![])));
        match futures_util::poll!(&mut input) {
            std::task::Poll::Ready(answer) => {
                assert_eq!((n, answer), (2, Err(DoorError::Overloaded)));
                break;
            }
            std::task::Poll::Pending => waiting.push(input),
        }
        // Time for the committer to take the first one out of the queue.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(waiting.len(), 2);
    drop(writer);
    for answer in join_all(waiting).await {
        assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
    }
}

/// News about two orders, some of it by transaction alone, some for a number that is not registered yet.
fn any_news() -> impl Strategy<Value = Observation> {
    prop_oneof![
        Just(paid(Some("p1"), "t1", DUE)),
        Just(paid(Some("p1"), "t2", DUE)),
        Just(paid(Some("p2"), "t3", DUE)),
        Just(paid(Some("p2"), "t4", 5)),
        Just(paid(Some("p3"), "t5", DUE)),
        Just(paid(None, "t1", DUE)),
        Just(refunded(None, "t1", "r1", 400)),
        Just(refunded(None, "t1", "r2", 600)),
        Just(refunded(Some("p2"), "t3", "r3", DUE)),
        Just(refunded(None, "t5", "r4", 10)),
        Just(refunded(Some("p9"), "t3", "r5", 20)),
        Just(paid(Some("p9"), "t3", DUE)),
    ]
}

type Digest = Vec<(String, State, i64, i64, BTreeSet<String>)>;

/// Plays news in batches of any size, with the payment of one order registered somewhere in between.
async fn play(guard: Arc<dyn Guard>, news: &[(usize, Observation)], bind_at: usize) -> Digest {
    let rig = rig_with(guard, |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    rig.sell("o2", "p2").await;
    rig.door.command(request(create("o3"), None)).await.unwrap();
    let (before, after) = news.split_at(bind_at.min(news.len()));
    for (part, binds) in [(before, true), (after, false)] {
        // All at once: the door batches them as it likes.
        let sent = part.iter().map(|(n, o)| rig.door.observe(message(*n, vec![o.clone()])));
        for answer in join_all(sent).await {
            assert!(answer.is_ok(), "{answer:?}");
        }
        if binds {
            rig.door.command(request(start("o3", "p3"), None)).await.unwrap();
        }
    }
    rig.sound().await;
    let open = |order: &Order| order.open_cases.iter().map(|c| c.split(':').next().unwrap().to_owned()).collect();
    let mut digest = Vec::new();
    for name in ["o1", "o2", "o3"] {
        let order = rig.order(name).await;
        digest.push((name.to_owned(), order.state(), order.paid().minor(), order.refunded().minor(), open(&order)));
    }
    digest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// I11 through door and store: batches, parking and binding included.
    #[test]
    fn order_of_arrival_does_not_matter(
        (first, second) in proptest::collection::vec(any_news(), 0..10)
            .prop_map(|all| all.into_iter().enumerate().collect::<Vec<_>>())
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        bind_first in 0_usize..10,
        bind_second in 0_usize..10,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = || Arc::new(LocalGuard::default());
        let (a, b) = runtime.block_on(async {
            (play(local(), &first, bind_first).await, play(local(), &second, bind_second).await)
        });
        prop_assert_eq!(a, b);
    }
}

/// Each message three times, some of it at once, some later: what a guard is there for.
fn repeated() -> Vec<(usize, Observation)> {
    let news = [
        paid(Some("p1"), "t1", DUE),
        refunded(None, "t1", "r1", 400),
        paid(Some("p2"), "t4", 5),
        paid(Some("p2"), "t3", DUE),
        paid(Some("p3"), "t5", DUE),
        refunded(Some("p9"), "t3", "r5", 20),
    ];
    let messages: Vec<_> = news.into_iter().enumerate().collect();
    [messages.clone(), messages.clone(), messages].concat()
}

/// I21: whatever Redis says, the tables are the same.
#[tokio::test]
async fn a_redis_that_lies_changes_nothing() {
    let honest = play(Arc::new(LocalGuard::default()), &repeated(), 7).await;
    for lie in Lie::ALL {
        let liar = Liar::start(lie, "done:DUPLICATE").await;
        let limits = guard::Limits { command: std::time::Duration::from_millis(200), ..guard::Limits::default() };
        let guard = Arc::new(RedisGuard::start(redis::tests::settings(&liar.url).check().unwrap(), limits));
        until("the liar is believed to be Redis", || async { guard.backend().unwrap().well }).await;
        assert_eq!(play(guard, &repeated(), 7).await, honest, "{lie:?}");
        assert_eq!(liar.lies() > 0, lie != Lie::None, "{lie:?}: what is not asked proves nothing");
    }
}
