//! The same news again, and several at once.

use super::*;

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
