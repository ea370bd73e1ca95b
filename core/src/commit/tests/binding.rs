//! Whose money it is.

use super::*;

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
        refund_id: refund_id.map(|r| RefundId::parse(r).unwrap()),
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

/// Reconciliation finds what the door books under the numbers that the door gives it.
#[tokio::test]
async fn what_is_booked_is_found_in_the_record_of_its_time() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let mut shops = settled(Some("p1"), Some("r2"), money(5));
    if let crate::order::Fact::Refund(refund) = &mut shops.fact {
        (refund.out_refund_no, refund.refund_id) = (OutRefundNo::parse("r2").ok(), None);
    }
    let total = settled(None, None, money(300));
    let mut unnamed = settled(Some("p1"), None, money(400));
    if let crate::order::Fact::Refund(refund) = &mut unnamed.fact {
        refund.transaction_id = None;
    }
    let news = [paid(Some("p1"), "t1", DUE), settled(None, Some("r1"), money(100)), shops, total, unnamed];
    for (n, news) in news.into_iter().enumerate() {
        rig.door.observe(message(n, vec![news])).await.unwrap();
    }
    let all = rig.store.reconciliations();
    let mut record = all.booked_between(&account(), Timestamp(0), Timestamp(9)).await.unwrap();
    let mut numbers: Vec<_> = record.next().await.unwrap().unwrap().into_iter().map(|b| b.key.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["p1/total/400", "r1", "r2", "t1", "t1/total/300"]);
    assert!(record.next().await.is_none());
    rig.sound().await;
}
