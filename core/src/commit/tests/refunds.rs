//! Refunds that are asked for here.

use super::*;

pub(super) fn back(order_id: &str, number: &str, minor: i64) -> Command {
    Command::RequestRefund {
        order_id: oid(order_id),
        out_trade_no: None,
        transaction_id: None,
        out_refund_no: OutRefundNo::parse(number).unwrap(),
        amount: money(minor),
        reason: "broken".to_owned(),
    }
}

/// What the platform says of such a refund: by itself, or as a running total.
fn told(number: &str, minor: i64, cumulative: bool) -> Observation {
    let fact = RefundFact {
        out_trade_no: Some(OutTradeNo::parse("p1").unwrap()),
        transaction_id: Some(TransactionId::parse("t1").unwrap()),
        out_refund_no: Some(OutRefundNo::parse(number).unwrap()),
        refund_id: None,
        status: RefundStatus::Succeeded,
        amount: money(minor),
        cumulative,
        occurred_at: None,
    };
    Observation { account: account(), fact: crate::order::Fact::Refund(fact) }
}

/// What is booked under these numbers, in minor units.
async fn booked(rig: &Rig, numbers: &[&str]) -> BTreeMap<String, i64> {
    let key = |number: &&str| MoneyKey {
        provider: "alipay".into(),
        account: account(),
        kind: MoneyKind::Refund,
        number: (*number).into(),
    };
    let keys: Vec<_> = numbers.iter().map(key).collect();
    let rows = rig.store.reconciliations().bookings(&keys).await.unwrap();
    rows.iter().map(|row| (row.key.number.to_string(), row.amount.minor())).collect()
}

/// An order that is paid.
async fn sold() -> Rig {
    let rig = rig_that_follows().await;
    rig.sell("o1", "p1").await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    rig
}

#[tokio::test]
async fn a_refund_is_stored_once_with_its_task() {
    let rig = sold().await;
    let first = rig.door.command(request(back("o1", "R1", 400), Some("q"))).await.unwrap();
    for key in [Some("q"), None, Some("z")] {
        assert_eq!(rig.door.command(request(back("o1", "R1", 400), key)).await.unwrap(), first);
    }
    let number = OutRefundNo::parse("R1").unwrap();
    assert_eq!(rig.store.order_of_refund(&number).await.unwrap(), Some(oid("o1")));
    let task = TaskKey { kind: TaskKind::Refund, subject: "R1".into() };
    assert_eq!(rig.store.tasks().due(&task).await.unwrap(), Some(Timestamp(3)));
    let other = rig.door.command(request(back("o1", "R2", 400), Some("q"))).await;
    assert!(matches!(other, Err(DoorError::Refused(Refusal::RequestIdReused(_)))));
    // The number is taken on every order.
    rig.sell("o2", "p2").await;
    rig.door.observe(message(2, vec![paid(Some("p2"), "t2", DUE)])).await.unwrap();
    let taken = rig.door.command(request(back("o2", "R1", 400), None)).await;
    assert!(matches!(taken, Err(DoorError::Refused(Refusal::RefundNumberTaken(_)))));
    rig.sound().await;
}

#[tokio::test]
async fn many_who_ask_at_once_get_no_more_than_there_is() {
    let rig = sold().await;
    let numbers: Vec<_> = (0..20).map(|n| format!("R{n}")).collect();
    let asked = join_all(numbers.iter().map(|n| rig.door.command(request(back("o1", n, 300), None)))).await;
    assert_eq!(asked.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert_eq!(rig.order("o1").await.refunds.len(), 3);
    rig.sound().await;
}

#[tokio::test]
async fn nothing_is_given_back_where_no_platform_can_be_called() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    let refused = rig.door.command(request(back("o1", "R1", 400), None)).await;
    assert_eq!(refused, Err(DoorError::Refused(Refusal::NoApi(account()))));
    assert_eq!(rig.order("o1").await.refunds, []);
}

/// Alipay tells of one refund twice: by itself in its answer, and as a running total in its notice.
#[tokio::test]
async fn a_refund_that_is_told_in_two_ways_is_booked_once_under_its_number() {
    for first in [0, 1] {
        let rig = sold().await;
        rig.door.command(request(back("o1", "R1", 300), None)).await.unwrap();
        let mut news = [told("R1", 300, false), told("R1", 300, true)];
        news.rotate_left(first);
        for (n, observation) in news.into_iter().enumerate() {
            rig.door.observe(message(10 + n, vec![observation])).await.unwrap();
        }
        // Somebody gives back 100 elsewhere.
        rig.door.observe(message(20, vec![told("X", 400, true)])).await.unwrap();
        let booked = booked(&rig, &["R1", "t1/total/300", "t1/total/400"]).await;
        assert_eq!(booked, [("R1".to_owned(), 300), ("t1/total/400".to_owned(), 100)].into());
        assert_eq!(rig.order("o1").await.refunded().minor(), 400);
        rig.sound().await;
    }
}

/// A running total may hold a refund of which nothing else was heard yet: that one is booked when its own news comes, and
/// not before as somebody else's. The platform gave back R1, X (elsewhere), R2; each order of the news ends the same way.
#[tokio::test]
async fn a_running_total_does_not_book_what_was_asked_for_under_other_numbers() {
    let news = [told("R1", 300, true), told("X", 400, true), told("R2", 900, true), told("R1", 300, false)];
    for order in [[0, 1, 2, 3], [2, 3, 0, 1], [1, 0, 3, 2], [3, 2, 1, 0], [1, 3, 2, 0], [2, 0, 3, 1]] {
        let rig = sold().await;
        for (number, minor) in [("R1", 300), ("R2", 500)] {
            rig.door.command(request(back("o1", number, minor), None)).await.unwrap();
        }
        for n in order {
            rig.door.observe(message(10 + n, vec![news[n].clone()])).await.unwrap();
        }
        let all = booked(&rig, &["R1", "R2", "X", "t1/total/300", "t1/total/400", "t1/total/900"]).await;
        assert_eq!((all.get("R1"), all.get("R2")), (Some(&300), Some(&500)), "{order:?}: {all:?}");
        assert_eq!(all.values().sum::<i64>(), 900, "{order:?}: {all:?}");
        assert_eq!(rig.order("o1").await.refunded().minor(), 900, "{order:?}");
        rig.sound().await;
    }
}
