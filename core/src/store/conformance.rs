//! The contract of [`Store`] as tests. Every database runs the same ones: [`conformance!`] makes a test of
//! each for a way to make an empty store.

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::{
    order::{
        AccountName, Command, Currency, Fact, Method, Money, Observation, OutTradeNo, PaymentFact, PaymentStatus,
        RequestId, Source, State, Timestamp, TransactionId, decide, observe,
    },
    seal::Sealed,
    sha256::Sha256,
};

mod cases;
mod exchanges;
mod reconciliations;
mod subscriptions;
mod tasks;
pub(crate) use cases::*;
pub(crate) use exchanges::*;
pub(crate) use reconciliations::*;
pub(crate) use subscriptions::*;
pub(crate) use tasks::*;

pub(crate) type Subject = Arc<dyn Store>;

fn sealed() -> Sealed {
    Sealed { key_id: "k1".into(), bytes: vec![1, 2, 3] }
}

fn account() -> AccountName {
    AccountName::parse("a").unwrap()
}

/// Ids in the order of their numbers.
pub(crate) fn notification_id(n: u32) -> String {
    uuid::Uuid::from_u128(n.into()).to_string()
}

/// A hash of its own for each number.
fn hash(n: u32) -> Sha256 {
    Sha256::of(&n.to_be_bytes())
}

pub(crate) fn notification(n: u32) -> NotificationRow {
    NotificationRow {
        id: notification_id(n),
        key: NoticeKey { provider: "alipay".into(), account: account(), content_sha256: hash(n) },
        source: Source::Callback,
        event_type: "TRADE_SUCCESS".into(),
        platform_notice_id: String::new(),
        key_id: "key".into(),
        received_at: Timestamp(i64::from(n)),
        body_size: 3,
        body_sha256: "b".into(),
        sealed: sealed(),
    }
}

pub(crate) fn observation(n: u32, out_trade_no: &str, transaction: &str) -> ObservationRow {
    ObservationRow {
        key: FactKey(hash(n)),
        notification_id: notification_id(n),
        provider: "alipay".into(),
        observation: Observation {
            account: account(),
            fact: Fact::Payment(PaymentFact {
                out_trade_no: Some(OutTradeNo::parse(out_trade_no).unwrap()),
                transaction_id: Some(TransactionId::parse(transaction).unwrap()),
                status: PaymentStatus::Succeeded,
                amount: cny(500),
                occurred_at: Some(Timestamp(7)),
            }),
        },
        recorded_at: Timestamp(9),
        masked_payer: Some("2088****".into()),
        sealed_payer: Some(sealed()),
    }
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::parse("CNY").unwrap()).unwrap()
}

fn id(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}

/// What creating an order writes.
pub(crate) fn created(name: &str, at: i64) -> Writes {
    let command = Command::Create {
        order_id: id(name),
        amount: cny(500),
        description: "x".into(),
        expires_at: Some(Timestamp(at + 99)),
    };
    let decision = decide(None, None, &command, Timestamp(at)).unwrap();
    Writes {
        orders: vec![(decision.order().unwrap().clone(), 0)],
        events: decision.events.into_iter().map(|event| EventRow { revision: 0, order_id: id(name), event }).collect(),
        ..Writes::default()
    }
}

/// What closing it writes.
fn closed(order: &Order) -> Writes {
    let command = Command::Close { order_id: order.id.clone(), payments_closed: true };
    let decision = decide(Some(order), None, &command, Timestamp(50)).unwrap();
    Writes {
        orders: vec![(decision.order().unwrap().clone(), order.version)],
        events: decision
            .events
            .into_iter()
            .map(|event| EventRow { revision: 0, order_id: order.id.clone(), event })
            .collect(),
        ..Writes::default()
    }
}

pub(crate) async fn commit(store: &dyn Store, writes: &Writes) -> Result<(), StoreError> {
    let mut unit = store.begin().await?;
    unit.write(writes).await?;
    unit.commit().await
}

/// A store in which one order is created, and money waits that nobody knows.
pub(crate) async fn parked(store: &dyn Store) {
    let mut unit = store.begin().await.unwrap();
    let row = notification(1);
    unit.claim(&[&row], &Keys::default()).await.unwrap();
    let mut writes = created("o1", 1);
    writes.observations.push(observation(1, "p1", "t1"));
    writes.parked.push(writes.observations[0].key);
    unit.write(&writes).await.unwrap();
    unit.commit().await.unwrap();
}

/// A store in which one order is paid, as the door would have done it.
pub(crate) async fn paid(store: &dyn Store) {
    let mut writes = created("o1", 1);
    let seen = observation(1, "p1", "t1");
    let start = Command::StartPayment {
        order_id: id("o1"),
        out_trade_no: OutTradeNo::parse("p1").unwrap(),
        account: account(),
        provider: "alipay".into(),
        method: Method::External,
        inputs: None,
        expires_at: None,
    };
    let started = decide(Some(&writes.orders[0].0), None, &start, Timestamp(2)).unwrap();
    let paid = observe(started.order().unwrap(), &seen.observation, Timestamp(3)).unwrap();
    for event in started.events.into_iter().chain(paid.events) {
        writes.orders[0].0 = event.after.clone();
        writes.events.push(EventRow { revision: 0, order_id: event.after.id.clone(), event });
    }
    writes.payments.push((OutTradeNo::parse("p1").unwrap(), id("o1")));
    writes.money.push(MoneyRow {
        key: MoneyKey { provider: "alipay".into(), account: account(), kind: MoneyKind::Payment, number: "t1".into() },
        order_id: id("o1"),
        amount: writes.orders[0].0.amount,
        fact: seen.key,
    });
    writes.sayings.push((seen.notification_id.clone(), seen.key));
    writes.observations.push(seen);
    let mut unit = store.begin().await.unwrap();
    let row = notification(1);
    unit.claim(&[&row], &Keys::default()).await.unwrap();
    unit.write(&writes).await.unwrap();
    unit.commit().await.unwrap();
}

async fn claim(store: &dyn Store, n: u32) -> bool {
    let mut unit = store.begin().await.unwrap();
    let row = notification(n);
    let new = unit.claim(&[&row], &Keys::default()).await.unwrap();
    unit.commit().await.unwrap();
    !new.is_empty()
}

async fn only(store: &dyn Store, name: &str) -> Order {
    store.orders(&[id(name)]).await.unwrap().remove(&id(name)).unwrap()
}

pub(crate) async fn an_order_reads_back_whole(store: Subject) {
    let writes = created("o1", 1);
    commit(&*store, &writes).await.unwrap();
    assert_eq!(only(&*store, "o1").await, writes.orders[0].0);
    assert!(store.orders(&[id("o2")]).await.unwrap().is_empty());
    let journal = store.journal(&id("o1"), 10).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].revision, &journal[0].event), (1, &writes.events[0].event));
}

pub(crate) async fn nothing_of_a_dropped_unit_happened(store: Subject) {
    let mut unit = store.begin().await.unwrap();
    let row = notification(1);
    assert_eq!(unit.claim(&[&row], &Keys::default()).await.unwrap().len(), 1);
    unit.write(&created("o1", 1)).await.unwrap();
    assert!(store.orders(&[id("o1")]).await.unwrap().is_empty(), "visible before commit");
    drop(unit);
    assert!(store.orders(&[id("o1")]).await.unwrap().is_empty());
    assert!(claim(&*store, 1).await, "a claim of a dropped unit must not stand");
    // The revision that it took is given out again: no gap.
    commit(&*store, &created("o2", 2)).await.unwrap();
    assert_eq!(store.journal(&id("o2"), 1).await.unwrap()[0].revision, 1);
}

pub(crate) async fn a_claim_is_new_once_and_for_ever(store: Subject) {
    assert!(claim(&*store, 1).await);
    assert!(!claim(&*store, 1).await);
    let rows = [notification(1), notification(2)];
    let mut unit = store.begin().await.unwrap();
    let new = unit.claim(&rows.iter().collect::<Vec<_>>(), &Keys::default()).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(new, BTreeSet::from([rows[1].key.clone()]));
    let stored = store.stored(&[rows[0].key.clone(), notification(3).key]).await.unwrap();
    assert_eq!(stored, BTreeSet::from([rows[0].key.clone()]));
}

pub(crate) async fn a_refused_body_does_not_stand_in_the_way(store: Subject) {
    let genuine = notification(1);
    let refused = RejectionRow {
        id: notification_id(1),
        provider: genuine.key.provider.to_string(),
        account: account(),
        reason: "SIGNATURE_INVALID".into(),
        detail: "d".into(),
        claimed_out_trade_no: "p1".into(),
        received_at: Timestamp(1),
        body_size: 3,
        body_sha256: genuine.body_sha256.clone(),
        remote_address: "127.0.0.1".into(),
        sealed: sealed(),
    };
    // The same refused body may come any number of times.
    store.record_rejections(&[refused.clone(), RejectionRow { id: notification_id(2), ..refused }]).await.unwrap();
    assert!(store.stored(std::slice::from_ref(&genuine.key)).await.unwrap().is_empty());
    assert!(claim(&*store, 1).await);
    let about = NotificationFilter {
        out_trade_nos: vec![OutTradeNo::parse("p1").unwrap()],
        accepted: Some(false),
        ..NotificationFilter::default()
    };
    let page = store.notifications(&about, None, 10).await.unwrap();
    assert_eq!(page.rows.iter().map(|n| n.id.clone()).collect::<Vec<_>>(), [notification_id(2), notification_id(1)]);
}

/// Anybody may have callbacks refused, as often as they like.
pub(crate) async fn a_flood_pushes_out_only_what_strangers_can_cause(store: Subject) {
    let genuine = notification(1);
    let refused = |n: u32, reason: &str, number: &str| RejectionRow {
        id: notification_id(n),
        provider: genuine.key.provider.to_string(),
        account: account(),
        reason: reason.into(),
        detail: "d".into(),
        claimed_out_trade_no: number.into(),
        received_at: Timestamp(n.into()),
        body_size: 3,
        body_sha256: genuine.body_sha256.clone(),
        remote_address: "127.0.0.1".into(),
        sealed: sealed(),
    };
    let proven = PROVEN_REASONS.map(|reason| refused(1, reason, "ours"));
    let proven: Vec<_> =
        proven.into_iter().zip(1..).map(|(row, n)| RejectionRow { id: notification_id(n), ..row }).collect();
    store.record_rejections(&proven).await.unwrap();
    let kept = u32::try_from(KEPT_REJECTIONS).unwrap();
    let flood: Vec<_> = (10..10 + kept + 7).map(|n| refused(n, "SIGNATURE_INVALID", &format!("f{n}"))).collect();
    for some in flood.chunks(1_000) {
        store.record_rejections(some).await.unwrap();
    }
    // Forgotten is now and then.
    for n in 0..TRIM_EVERY {
        store.record_rejections(&[refused(50_000 + n, "SIGNATURE_INVALID", "later")]).await.unwrap();
    }
    let kept = async |number: String| {
        let out_trade_nos = vec![OutTradeNo::parse(number.as_str()).unwrap()];
        let about = NotificationFilter { out_trade_nos, ..NotificationFilter::default() };
        store.notifications(&about, None, 10).await.unwrap().rows.len()
    };
    assert_eq!(kept("ours".into()).await, PROVEN_REASONS.len());
    assert_eq!([kept("f16".into()).await, kept(format!("f{}", TRIM_EVERY + 20)).await], [0, 1], "the oldest go");
}

pub(crate) async fn the_version_is_compared(store: Subject) {
    commit(&*store, &created("o1", 1)).await.unwrap();
    assert!(matches!(commit(&*store, &created("o1", 2)).await, Err(StoreError::Conflict(_))));
    let order = only(&*store, "o1").await;
    commit(&*store, &closed(&order)).await.unwrap();
    assert!(matches!(commit(&*store, &closed(&order)).await, Err(StoreError::Conflict(_))));
    assert_eq!(only(&*store, "o1").await.state(), State::Closed);
    assert_eq!(store.journal(&id("o1"), 10).await.unwrap().len(), 2);
}

pub(crate) async fn a_unit_finds_orders_by_every_key(store: Subject) {
    let number = OutTradeNo::parse("p1").unwrap();
    let request = RequestRow { id: RequestId::parse("q1").unwrap(), fingerprint: "f".into(), order_id: Some(id("o1")) };
    let seen = observation(1, "p1", "t1");
    let money = MoneyRow {
        key: MoneyKey { provider: "alipay".into(), account: account(), kind: MoneyKind::Payment, number: "t1".into() },
        order_id: id("o1"),
        amount: cny(500),
        fact: seen.key,
    };
    claim(&*store, 1).await;
    let writes = Writes {
        observations: vec![seen.clone()],
        requests: vec![request.clone()],
        payments: vec![(number.clone(), id("o1"))],
        money: vec![money.clone()],
        ..created("o1", 1)
    };
    commit(&*store, &writes).await.unwrap();
    let find = async |keys: Keys| store.begin().await.unwrap().load(&keys).await.unwrap();

    let by_payment = find(Keys { payments: [number.clone()].into(), ..Keys::default() }).await;
    assert_eq!((by_payment.payments.get(&number), by_payment.orders.len()), (Some(&id("o1")), 1));
    let by_money = find(Keys { money: [money.key.clone()].into(), ..Keys::default() }).await;
    assert_eq!((by_money.money.get(&money.key), by_money.orders.len()), (Some(&id("o1")), 1));
    let elsewhere = MoneyKey { account: AccountName::parse("b").unwrap(), ..money.key.clone() };
    assert!(find(Keys { money: [elsewhere].into(), ..Keys::default() }).await.orders.is_empty());
    let by_request = find(Keys { requests: [request.id.clone()].into(), ..Keys::default() }).await;
    assert_eq!((by_request.requests.get(&request.id), by_request.orders.len()), (Some(&request), 1));
    let facts = find(Keys { facts: [seen.key, FactKey(hash(99))].into(), ..Keys::default() }).await;
    assert_eq!(facts.facts, [seen.key].into());
    assert_eq!(store.order_of(&number).await.unwrap(), Some(id("o1")));
    // The same money is not booked a second time, on whatever order.
    let again = Writes { money: vec![MoneyRow { order_id: id("o2"), ..money }], ..created("o2", 2) };
    assert!(matches!(commit(&*store, &again).await, Err(StoreError::Refused(_))));
    assert!(store.orders(&[id("o2")]).await.unwrap().is_empty(), "a refused unit leaves nothing");
}

pub(crate) async fn parked_facts_wait_under_both_numbers(store: Subject) {
    let seen = observation(1, "p1", "t1");
    claim(&*store, 1).await;
    let parked = vec![seen.key];
    let writes = Writes { observations: vec![seen.clone()], parked: parked.clone(), ..Writes::default() };
    commit(&*store, &writes).await.unwrap();
    let by_number = Keys { payments: [OutTradeNo::parse("p1").unwrap()].into(), ..Keys::default() };
    let key = MoneyKey { provider: "alipay".into(), account: account(), kind: MoneyKind::Payment, number: "t1".into() };
    let by_money = Keys { money: [key].into(), ..Keys::default() };
    for keys in [&by_number, &by_money] {
        let found = store.begin().await.unwrap().load(keys).await.unwrap().parked;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].key, &found[0].observation), (&seen.key, &seen.observation));
    }
    commit(&*store, &Writes { unparked: parked, ..Writes::default() }).await.unwrap();
    assert!(store.begin().await.unwrap().load(&by_number).await.unwrap().parked.is_empty());
}

pub(crate) async fn pages_show_every_row_once(store: Subject) {
    for n in 0..7 {
        // Several orders share a time.
        commit(&*store, &created(&format!("o{n}"), i64::from(n / 3))).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_orders(&OrderFilter::default(), after.as_ref(), 2).await.unwrap();
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|o| (std::cmp::Reverse(o.created_at), std::cmp::Reverse(o.id.clone()))));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted(), "newest first");
    let none = OrderFilter { states: vec![State::Paid] };
    assert!(store.list_orders(&none, None, 10).await.unwrap().rows.is_empty());
}

/// Runs `first` and, while its unit is open, `second` in a task of its own, which must not end before the unit
/// of `first` has: they named the same key.
async fn one_after_the_other<T: Send + 'static>(
    first: Box<dyn Unit>,
    second: impl Future<Output = T> + Send + 'static,
    ends: bool,
) -> T {
    let mut second = tokio::spawn(second);
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "a unit passed another that holds its key");
    if ends {
        first.commit().await.unwrap();
    } else {
        drop(first);
    }
    second.await.unwrap()
}

pub(crate) async fn a_claim_waits_for_the_same_claim(store: Subject) {
    for (n, ends) in [(1, true), (2, false)] {
        let mut unit = store.begin().await.unwrap();
        let row = notification(n);
        unit.claim(&[&row], &Keys::default()).await.unwrap();
        let other = store.clone();
        let is_new = one_after_the_other(unit, async move { claim(&*other, n).await }, ends).await;
        assert_eq!(is_new, !ends, "new exactly when the other unit never happened");
    }
}

/// What is absent is held too: a callback that finds no payment and a StartPayment that finds no callback.
pub(crate) async fn a_unit_waits_for_keys_without_rows(store: Subject) {
    let number = OutTradeNo::parse("p1").unwrap();
    let keys = Keys { payments: [number.clone()].into(), ..Keys::default() };
    let mut unit = store.begin().await.unwrap();
    assert!(unit.load(&keys).await.unwrap().payments.is_empty());
    unit.write(&Writes { payments: vec![(number.clone(), id("o1"))], ..created("o1", 1) }).await.unwrap();
    let other = store.clone();
    let found = async move { other.begin().await.unwrap().load(&keys).await.unwrap() };
    let found = one_after_the_other(unit, found, true).await;
    assert_eq!(found.payments.get(&number), Some(&id("o1")), "it sees what the unit before it wrote");
    assert_eq!(found.orders.len(), 1);
}

/// Two payments of one order are two keys, and still one order.
pub(crate) async fn a_unit_waits_for_an_order_by_another_key(store: Subject) {
    let numbers = ["p1", "p2"].map(|n| OutTradeNo::parse(n).unwrap());
    let payments = numbers.iter().map(|n| (n.clone(), id("o1"))).collect();
    commit(&*store, &Writes { payments, ..created("o1", 1) }).await.unwrap();
    let keys = numbers.map(|n| Keys { payments: [n].into(), ..Keys::default() });
    let mut unit = store.begin().await.unwrap();
    let loaded = unit.load(&keys[0]).await.unwrap();
    unit.write(&closed(&loaded.orders[&id("o1")])).await.unwrap();
    let (other, theirs) = (store.clone(), keys[1].clone());
    let found = async move { other.begin().await.unwrap().load(&theirs).await.unwrap() };
    let found = one_after_the_other(unit, found, true).await;
    assert_eq!(found.orders[&id("o1")].state(), State::Closed);
}

/// Many writers at once, on overlapping keys in every order: nobody deadlocks, no revision is missing, and no
/// reader ever sees one before those in front of it.
pub(crate) async fn writers_at_once_leave_a_log_without_gaps(store: Subject) {
    const WRITERS: u32 = 6;
    const ROUNDS: u32 = 8;
    let writers: Vec<_> = (0..WRITERS)
        .map(|w| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let n = w * ROUNDS + round;
                    let mut unit = store.begin().await.unwrap();
                    // The same three payments for all, and a notification of one's own.
                    let row = notification(n + 1);
                    unit.claim(&[&row], &Keys::default()).await.unwrap();
                    let payments = (0..3).map(|i| OutTradeNo::parse(format!("shared{}", (n + i) % 3)).unwrap());
                    unit.load(&Keys { payments: payments.collect(), ..Keys::default() }).await.unwrap();
                    unit.write(&created(&format!("o{n}"), i64::from(n))).await.unwrap();
                    unit.commit().await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut revisions = Vec::new();
    for n in 0..WRITERS * ROUNDS {
        revisions.extend(store.journal(&id(&format!("o{n}")), 9).await.unwrap().iter().map(|e| e.revision));
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=i64::from(WRITERS * ROUNDS)).collect::<Vec<_>>());
    assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()));
}

/// Every reading of a paid order, and of the notification that paid it.
pub(crate) async fn a_paid_order_can_be_explained(store: Subject) {
    paid(&*store).await;
    assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()));
    let about =
        NotificationFilter { out_trade_nos: vec![OutTradeNo::parse("p1").unwrap()], ..NotificationFilter::default() };
    for filter in [about, NotificationFilter { account: Some("a".into()), ..NotificationFilter::default() }] {
        let page = store.notifications(&filter, None, 10).await.unwrap();
        assert_eq!(page.rows.len(), 1);
        assert_eq!((page.rows[0].order_id.as_str(), page.rows[0].out_trade_no.as_str()), ("o1", "p1"));
    }
    // A second message that says the same.
    let mut unit = store.begin().await.unwrap();
    let row = notification(2);
    unit.claim(&[&row], &Keys::default()).await.unwrap();
    let sayings = vec![(notification_id(2), FactKey(hash(1)))];
    unit.write(&Writes { sayings, ..Writes::default() }).await.unwrap();
    unit.commit().await.unwrap();
    let by_money = NotificationFilter {
        out_trade_nos: vec![OutTradeNo::parse("other").unwrap()],
        transaction_ids: vec![TransactionId::parse("t1").unwrap()],
        ..NotificationFilter::default()
    };
    let by_money_alone = NotificationFilter { out_trade_nos: Vec::new(), ..by_money.clone() };
    for about in [by_money, by_money_alone] {
        let page = store.notifications(&about, None, 10).await.unwrap();
        let ids: Vec<_> = page.rows.iter().map(|n| n.id.clone()).collect();
        assert_eq!(ids, [notification_id(2), notification_id(1)]);
        assert!(page.rows.iter().all(|n| n.order_id == "o1"));
    }
    let of_nobody = vec![TransactionId::parse("t9").unwrap()];
    let of_nobody = NotificationFilter { transaction_ids: of_nobody, ..NotificationFilter::default() };
    assert!(store.notifications(&of_nobody, None, 10).await.unwrap().rows.is_empty());
    let journal = store.journal(&id("o1"), 2).await.unwrap();
    assert_eq!(journal.iter().map(|e| e.revision).collect::<Vec<_>>(), [2, 3]);
}

/// What one read of the log says: the revisions, and where it stands.
async fn read(store: &dyn Store, after: i64, limit: u32) -> (Vec<i64>, i64) {
    let page = store.log().after(after, limit).await.unwrap();
    assert_eq!(page.state.oldest, 1);
    (page.entries.iter().map(|e| e.row.revision).collect(), page.state.head)
}

pub(crate) async fn the_log_is_read_on_from_any_revision(store: Subject) {
    let log = store.log();
    let empty = log.state().await.unwrap();
    assert_eq!((empty.head, empty.oldest), (0, 1));
    assert_eq!(read(&*store, 0, 9).await, (vec![], 0));
    for n in 1..=5 {
        commit(&*store, &created(&format!("o{n}"), n)).await.unwrap();
    }
    assert_eq!(read(&*store, 0, 2).await, (vec![1, 2], 5));
    assert_eq!(read(&*store, 3, 9).await, (vec![4, 5], 5));
    assert_eq!(read(&*store, 5, 9).await, (vec![], 5));
    assert_eq!(read(&*store, 99, 9).await, (vec![], 5));
    let page = log.after(2, 1).await.unwrap();
    assert_eq!((page.entries[0].row.order_id.as_str(), page.state.id), ("o3", empty.id));
    assert_eq!(page.entries[0].row, store.journal(&id("o3"), 1).await.unwrap()[0]);
    assert!(page.entries[0].bytes > 100, "{page:?}");
}

pub(crate) async fn a_log_that_was_set_back_has_another_id(store: Subject) {
    let log = store.log();
    commit(&*store, &created("o1", 1)).await.unwrap();
    let before = log.state().await.unwrap();
    assert!(!log.set_back(before.id, Some(1)).await.unwrap(), "it has that revision");
    assert!(log.set_back(before.id, Some(2)).await.unwrap());
    assert!(!log.set_back(before.id, None).await.unwrap(), "somebody else was first");
    assert!(log.set_back(log.state().await.unwrap().id, None).await.unwrap(), "it has another event there");
    let after = log.state().await.unwrap();
    assert!(after.id != before.id && after.head == before.head);
}

/// A reader that goes on after the last revision that it got sees every event, whatever writers do meanwhile.
pub(crate) async fn a_reader_among_writers_skips_nothing(store: Subject) {
    const WRITERS: i64 = 4;
    const ROUNDS: i64 = 25;
    let write = |w: i64| {
        let store = store.clone();
        async move {
            for n in 0..ROUNDS {
                commit(&*store, &created(&format!("o{w}-{n}"), n)).await.unwrap();
            }
        }
    };
    let writers: Vec<_> = (0..WRITERS).map(|w| tokio::spawn(write(w))).collect();
    let mut position = 0;
    while position < WRITERS * ROUNDS {
        let (revisions, head) = read(&*store, position, 7).await;
        let expected: Vec<_> = (position + 1..=head).take(7).collect();
        assert_eq!(revisions, expected);
        position += i64::try_from(revisions.len()).unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

pub(crate) async fn the_first_event_of_a_time_is_found(store: Subject) {
    let minute = 60_000_000;
    // Two cores whose clocks are not the same.
    let times = [10, 30, 20, 40, 9 * minute, 8 * minute + 1, 9 * minute, 30 * minute];
    for (n, at) in times.iter().enumerate() {
        commit(&*store, &created(&format!("o{n}"), *at)).await.unwrap();
    }
    let log = store.log();
    for time in times.into_iter().flat_map(|at| [at - 1, at, at + 1]).chain([i64::MIN, 0, i64::MAX]) {
        let first = (1..).zip(times).find(|(_, at)| *at >= time).map_or(9, |(revision, _)| revision);
        assert_eq!(log.first_at(Timestamp(time)).await.unwrap(), first, "{time}");
    }
}

pub(crate) async fn an_empty_store_is_sound(store: Subject) {
    store.ping().await.unwrap();
    for result in store.audit().await.unwrap() {
        assert!(result.violations.is_empty(), "{result:?}");
    }
}

/// A test of each rule for one database. `$make` is an async expression that gives an empty store and
/// something that keeps it alive.
macro_rules! conformance {
    ($make:expr) => {
        $crate::store::conformance::conformance!($make;
            an_order_reads_back_whole
            nothing_of_a_dropped_unit_happened
            a_claim_is_new_once_and_for_ever
            a_refused_body_does_not_stand_in_the_way
            a_flood_pushes_out_only_what_strangers_can_cause
            the_version_is_compared
            a_unit_finds_orders_by_every_key
            parked_facts_wait_under_both_numbers
            pages_show_every_row_once
            a_paid_order_can_be_explained
            a_claim_waits_for_the_same_claim
            a_unit_waits_for_keys_without_rows
            a_unit_waits_for_an_order_by_another_key
            writers_at_once_leave_a_log_without_gaps
            the_log_is_read_on_from_any_revision
            a_log_that_was_set_back_has_another_id
            a_reader_among_writers_skips_nothing
            the_first_event_of_a_time_is_found
            an_empty_store_is_sound
            a_subscription_reads_back_whole
            a_name_or_a_request_stands_in_the_way
            a_subscription_is_written_over_the_version_that_was_read
            what_a_subscription_has_yet_to_see_is_counted
            a_case_reads_back_whole
            what_was_ruled_on_stays_settled
            a_case_follows_its_earlier_state
            open_cases_are_found_by_their_ids
            a_unit_finds_cases_and_refunds_with_their_orders
            a_task_comes_with_its_unit_and_is_claimed_when_it_is_due
            tasks_are_claimed_by_kind_and_account
            a_task_of_a_dead_worker_is_claimed_again_and_he_changes_nothing
            what_is_wanted_while_somebody_works_is_done_again
            claimers_at_once_never_share_a_task
            of_tasks_that_are_named_those_are_claimed_that_are_due_and_free
            tasks_are_hurried_now_and_then
            the_tasks_of_an_account_are_hurried_over_a_while
            overdue_tasks_are_counted
            a_budget_is_a_rate_and_a_burst
            takers_at_once_share_one_budget
            a_clock_that_was_far_ahead_holds_nobody_up
            tasks_that_are_missing_are_added_and_the_others_stay_as_they_are
            what_is_adopted_is_known_until_it_is_forgotten
            unpaid_orders_are_looked_for_page_by_page
            exchanges_are_listed_with_their_order
            a_day_is_reconciled_by_one_run_at_a_time
            what_a_run_found_stands_when_it_ends
            the_record_of_a_day_is_read_page_by_page
        );
    };
    ($make:expr; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (store, _alive) = $make.await;
                $crate::store::conformance::$rule(std::sync::Arc::new(store)).await;
            }
        )*
    };
}
pub(crate) use conformance;
