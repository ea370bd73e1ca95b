//! What a store owes reconciliations.

use std::time::Duration;

use super::*;
use crate::{
    order::{OutRefundNo, RefundFact, RefundId, RefundStatus},
    store::{
        Booking, Carried, Difference, DifferenceKind, Movement, ReconciliationId, ReconciliationState, Side, Tally,
    },
};

const LEASE: Duration = Duration::from_micros(30);

fn day() -> ReconciliationId {
    ReconciliationId::parse("a/2026-01-31").unwrap()
}

fn movement(number: i64) -> Movement {
    Movement {
        kind: MoneyKind::Payment,
        number,
        out_trade_no: "p1".into(),
        transaction_id: "t1".into(),
        out_refund_no: "".into(),
        refund_id: "".into(),
        amount: cny(500),
        fee_minor: -3,
        occurred_at: Some(Timestamp(7)),
    }
}

fn difference(seq: i64, kind: DifferenceKind) -> Difference {
    Difference {
        seq,
        kind,
        movement: movement(seq),
        recorded: Some(cny(400)),
        order_id: Some(id("o1")),
        cause: "the callback never came".into(),
        healed: false,
        case_id: None,
    }
}

pub(crate) async fn a_day_is_reconciled_by_one_run_at_a_time(store: Subject) {
    let all = store.reconciliations();
    assert_eq!(all.get(&day()).await.unwrap(), None);
    let begin = async |at: i64| all.begin(&day(), Timestamp(at), LEASE).await.unwrap();
    let dead = begin(10).await.unwrap();
    assert_eq!(begin(39).await, None, "one is running");
    let other = ReconciliationId { date: "2026-02-01".into(), ..day() };
    assert!(all.begin(&other, Timestamp(10), LEASE).await.unwrap().is_some(), "of another day");
    let tally =
        Tally { lines: 5, matched: 4, fees: [(Currency::parse("CNY").unwrap(), 12)].into(), ..Tally::default() };
    assert!(all.tell(&dead, &tally, "reads", Timestamp(60)).await.unwrap());
    let told = all.get(&day()).await.unwrap().unwrap();
    assert_eq!((told.state, told.detail.as_str(), &told.tally), (ReconciliationState::Running, "reads", &tally));
    assert_eq!((told.id, told.started_at, told.leased_until), (day(), Timestamp(10), Some(Timestamp(60))));
    assert_eq!(begin(59).await, None, "it lives longer");

    let heir = begin(60).await.unwrap();
    assert!(!all.tell(&dead, &tally, "", Timestamp(99)).await.unwrap());
    assert!(!all.end(&dead, Ok(()), &tally, Timestamp(70)).await.unwrap());
    assert_eq!(all.get(&day()).await.unwrap().unwrap().tally, Tally::default());
    assert!(all.end(&heir, Err("the statement is damaged"), &tally, Timestamp(70)).await.unwrap());
    let failed = all.get(&day()).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.detail.as_str()), (ReconciliationState::Failed, "the statement is damaged"));
    assert_eq!((failed.ended_at, failed.leased_until), (Some(Timestamp(70)), None));
    assert!(!all.tell(&heir, &tally, "", Timestamp(99)).await.unwrap(), "it has ended");

    let last = begin(71).await.unwrap();
    assert_eq!(all.latest().await.unwrap(), BTreeMap::new(), "no day has a result");
    assert!(all.end(&last, Ok(()), &tally, Timestamp(80)).await.unwrap());
    assert_eq!(all.latest().await.unwrap(), [(day().account, day().date.to_string())].into());
    let done = all.get(&day()).await.unwrap().unwrap();
    assert_eq!((done.state, done.started_at, done.tally), (ReconciliationState::Done, Timestamp(71), tally));
}

pub(crate) async fn what_a_run_found_stands_when_it_ends(store: Subject) {
    let all = store.reconciliations();
    let tally = Tally::default();
    let begin = async |at: i64| all.begin(&day(), Timestamp(at), LEASE).await.unwrap().unwrap();
    let standing = async || all.differences(&day(), 0, 99).await.unwrap();
    let first = begin(10).await;
    let kinds = [
        DifferenceKind::MissingHere,
        DifferenceKind::MissingThere,
        DifferenceKind::Amount,
        DifferenceKind::Status,
        DifferenceKind::Fee,
        DifferenceKind::Repeated,
    ];
    let mut found: Vec<_> = (1..).zip(kinds).map(|(seq, kind)| difference(seq, kind)).collect();
    let carried = [Side::Here, Side::There].map(|side| Carried { seq: 1, side, movement: movement(0) });
    let carried = [carried[0].clone(), Carried { seq: 2, ..carried[1].clone() }];
    all.write_differences(&first, &found).await.unwrap();
    all.carry(&first, &carried).await.unwrap();
    all.write_differences(&first, &[]).await.unwrap();
    assert_eq!(all.found(&first, 2, 2).await.unwrap(), found[2..4]);
    // What became of one is written over it.
    found[0].healed = true;
    for found in &mut found[1..] {
        found.case_id = Some(format!("c{}", found.seq).as_str().into());
    }
    all.write_differences(&first, &found).await.unwrap();
    assert!(standing().await.is_empty(), "nothing stands before the end");
    assert!(all.end(&first, Ok(()), &tally, Timestamp(20)).await.unwrap());
    assert_eq!(standing().await, found);
    assert_eq!(all.differences(&day(), 4, 1).await.unwrap(), found[4..5]);
    assert_eq!(all.carried(&day(), 0, 99).await.unwrap(), carried);
    assert_eq!(all.carried(&day(), 1, 99).await.unwrap(), carried[1..]);

    // While the next one runs, and when it fails, the result stays.
    let second = begin(30).await;
    all.write_differences(&second, &found[..1]).await.unwrap();
    assert_eq!(standing().await, found);
    assert!(all.end(&second, Err("x"), &tally, Timestamp(40)).await.unwrap());
    assert_eq!(standing().await, found);
    let third = begin(50).await;
    assert!(all.found(&second, 0, 9).await.unwrap().is_empty(), "what nobody needs is gone");
    all.write_differences(&third, &found[1..2]).await.unwrap();
    assert!(all.end(&third, Ok(()), &tally, Timestamp(60)).await.unwrap());
    assert_eq!((standing().await, all.carried(&day(), 0, 9).await.unwrap()), (found[1..2].to_vec(), vec![]));
    assert!(all.found(&first, 0, 9).await.unwrap().is_empty());
    let audit = store.audit().await.unwrap();
    let i26 = audit.into_iter().find(|result| result.name == "I26").unwrap();
    assert_eq!(i26.violations.len(), 1, "{:?}: its case was never opened", i26.violations);
}

/// An hour, a minute and so on after a midnight: facts are found by when their messages came.
const MIDNIGHT: i64 = 1_750_000_000_000_000;
const MINUTE: i64 = 60_000_000;

/// A booked fact: its message came at `came`, and the platform says `occurred`.
async fn book(store: &Subject, n: u32, came: i64, occurred: Option<i64>, refund: Option<(&str, bool)>) {
    let order = format!("o{n}");
    let millis = u128::try_from(came / 1000).unwrap();
    let mut row = notification(n);
    row.id = uuid::Uuid::from_u128(millis << 80 | 7 << 76 | u128::from(n)).to_string();
    let mut seen = observation(n, &format!("p{n}"), &format!("t{n}"));
    seen.notification_id.clone_from(&row.id);
    seen.recorded_at = Timestamp(came);
    let (kind, number) = match (&mut seen.observation.fact, refund) {
        (Fact::Payment(payment), None) => {
            payment.occurred_at = occurred.map(Timestamp);
            (MoneyKind::Payment, format!("t{n}"))
        }
        (fact, refund) => {
            let (number, cumulative) = refund.unwrap();
            *fact = Fact::Refund(RefundFact {
                out_trade_no: None,
                transaction_id: Some(TransactionId::parse(format!("t{n}")).unwrap()),
                out_refund_no: Some(OutRefundNo::parse("r1").unwrap()),
                refund_id: (!cumulative).then(|| RefundId::parse(number).unwrap()),
                status: RefundStatus::Succeeded,
                amount: cny(300),
                cumulative,
                occurred_at: occurred.map(Timestamp),
            });
            (MoneyKind::Refund, number.to_owned())
        }
    };
    let money = MoneyRow {
        key: MoneyKey { provider: "alipay".into(), account: account(), kind, number: number.into() },
        order_id: id(&order),
        amount: cny(200),
        fact: seen.key,
    };
    let writes = Writes {
        sayings: vec![(row.id.clone(), seen.key)],
        observations: vec![seen],
        money: vec![money],
        ..created(&order, 1)
    };
    let mut unit = store.begin().await.unwrap();
    unit.claim(&[&row], &Keys::default()).await.unwrap();
    unit.write(&writes).await.unwrap();
    unit.commit().await.unwrap();
}

pub(crate) async fn the_record_of_a_day_is_read_page_by_page(store: Subject) {
    let (from, to) = (MIDNIGHT, MIDNIGHT + 1440 * MINUTE);
    book(&store, 1, from - MINUTE, Some(from - 1), None).await;
    book(&store, 2, from - MINUTE, Some(from), None).await;
    book(&store, 3, from + MINUTE, None, None).await;
    book(&store, 4, to + 9000 * MINUTE, Some(to - 1), None).await;
    book(&store, 5, to, Some(to), None).await;
    book(&store, 6, from + MINUTE, Some(from + MINUTE), Some(("w6", false))).await;
    book(&store, 7, from + MINUTE, Some(from + MINUTE), Some(("t7/total/300", true))).await;
    // The number that it was told with is a help as long as it is not another booking's own.
    let all = store.reconciliations();
    let ours = OutRefundNo::parse("r1").ok();
    let total = MoneyKey {
        provider: "alipay".into(),
        account: account(),
        kind: MoneyKind::Refund,
        number: "t7/total/300".into(),
    };
    assert_eq!(all.bookings(&[total]).await.unwrap()[0].out_refund_no, ours);
    // A refund that we asked for, which a running total confirmed, is booked under its own number.
    book(&store, 8, from + MINUTE, Some(from + MINUTE), Some(("r1", true))).await;
    let day = async |account: &AccountName, from: i64, to: i64| {
        let mut pages = all.booked_between(account, Timestamp(from), Timestamp(to)).await.unwrap();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page.unwrap());
        }
        found.sort_by(|a: &Booking, b| a.key.number.cmp(&b.key.number));
        found
    };
    let numbers = |found: &[Booking]| found.iter().map(|b| b.key.number.to_string()).collect::<Vec<_>>();
    let found = day(&account(), from, to).await;
    assert_eq!(numbers(&found), ["r1", "t2", "t3", "t4", "t7/total/300", "w6"]);
    let Booking { key, order_id, amount, transaction_id, out_refund_no, refund_id, occurred_at, recorded_at, .. } =
        found[5].clone();
    assert_eq!((key.kind, order_id, amount), (MoneyKind::Refund, id("o6"), cny(200)));
    assert_eq!(transaction_id, TransactionId::parse("t6").ok());
    assert_eq!((out_refund_no, refund_id), (ours.clone(), RefundId::parse("w6").ok()));
    assert_eq!((occurred_at, recorded_at), (Some(Timestamp(from + MINUTE)), Timestamp(from + MINUTE)));
    assert_eq!(found[1].out_trade_no, Some(OutTradeNo::parse("p2").unwrap()));
    assert_eq!((&found[0].out_refund_no, &found[4].out_refund_no), (&ours, &None));
    assert!(day(&AccountName::parse("b").unwrap(), from, to).await.is_empty());

    // Movements are found by their keys as well.
    let mut keys: Vec<_> = found.iter().map(|b| b.key.clone()).collect();
    keys.push(MoneyKey { number: "t9".into(), ..keys[0].clone() });
    keys.push(MoneyKey { kind: MoneyKind::Refund, ..keys[1].clone() });
    let mut by_key = all.bookings(&keys).await.unwrap();
    by_key.sort_by(|a, b| a.key.number.cmp(&b.key.number));
    assert_eq!(by_key, found);
    // Who stops reading gives the connection back.
    for _ in 0..10 {
        drop(all.booked_between(&account(), Timestamp(from), Timestamp(to)).await.unwrap());
    }
}
