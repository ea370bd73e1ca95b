//! Refunds as platforms report them.

use super::*;

#[test]
fn refunds_add_up_and_a_failed_one_is_taken_back() {
    let steps = [
        (Some("r1"), RefundStatus::Succeeded, 300, State::PartiallyRefunded, 300),
        (Some("r1"), RefundStatus::Succeeded, 300, State::PartiallyRefunded, 300),
        (None, RefundStatus::Succeeded, 500, State::PartiallyRefunded, 500),
        (Some("r2"), RefundStatus::Succeeded, 700, State::Refunded, DUE),
        (Some("r2"), RefundStatus::Failed, 700, State::PartiallyRefunded, 500),
    ];
    let mut order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    for (id, status, minor, state, refunded) in steps {
        order = see(order, &[refund("a", "t1", id, status, minor)]);
        assert_eq!((order.state(), order.refunded().minor()), (state, refunded), "{id:?} {status:?} {minor}");
    }
    assert_eq!(kinds(&order), ["refund-stuck".to_owned()].into());
}

#[test]
fn a_second_try_is_another_refund_and_one_refund_told_in_parts_is_one() {
    use RefundStatus::{Abnormal, Failed, Succeeded};
    let order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    // The shop's number is used again for a second try: the first one's failure masks nothing.
    let retried =
        see(order.clone(), &[told(Some("R"), Some("re1"), Failed, DUE), told(Some("R"), Some("re2"), Succeeded, DUE)]);
    assert_eq!((retried.state(), kinds(&retried)), (State::Refunded, ["refund-stuck".to_owned()].into()));
    let mut parts = [
        told(None, Some("X"), Succeeded, 500),
        told(Some("Q"), None, Abnormal, 500),
        told(Some("Q"), Some("X"), Succeeded, 500),
    ];
    for _ in 0..3 {
        parts.rotate_left(1);
        let one = see(order.clone(), &parts);
        assert_eq!((one.refunded().minor(), one.refunds.len(), kinds(&one)), (500, 1, BTreeSet::new()), "{parts:?}");
    }
}

#[test]
fn refunds_that_cannot_be_are_held_against_somebody() {
    let order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    let over = see(
        order.clone(),
        &[told(None, Some("r1"), RefundStatus::Succeeded, 900), told(None, Some("r2"), RefundStatus::Succeeded, 900)],
    );
    assert_eq!((over.refunded().minor(), kinds(&over)), (DUE, ["amount-mismatch".to_owned()].into()));
    let settled = see(over, &[told(None, Some("r2"), RefundStatus::Failed, 900)]);
    assert_eq!((settled.refunded().minor(), kinds(&settled)), (900, ["refund-stuck".to_owned()].into()));
    let foreign = Observation {
        fact: Fact::Refund(RefundFact { amount: money(5, "USD"), ..refund_fact() }),
        ..told(None, Some("r9"), RefundStatus::Succeeded, 5)
    };
    let strange = see(order, &[foreign]);
    assert_eq!((strange.state(), kinds(&strange)), (State::Paid, ["currency-mismatch".to_owned()].into()));
}

fn refund_fact() -> RefundFact {
    match told(None, Some("r9"), RefundStatus::Succeeded, 5).fact {
        Fact::Refund(fact) => fact,
        Fact::Payment(_) => unreachable!("told makes refunds"),
    }
}
