//! News of payments.

use super::*;

#[test]
fn exact_success_pays_and_weaker_news_changes_nothing() {
    let order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    assert_eq!((order.state(), order.paid().minor()), (State::Paid, DUE));
    let later = see(
        order.clone(),
        &[
            news(PaymentStatus::Pending, "p0", "a"),
            news(PaymentStatus::Closed, "p0", "a"),
            paid("a", "p0", "t1", money(DUE, "CNY")),
        ],
    );
    assert_eq!(later, order);
}

#[test]
fn money_that_does_not_fit_is_held_and_never_masks_the_right_payment() {
    for (wrong, kind) in [
        (paid("a", "p0", "t1", money(1, "CNY")), "amount-mismatch"),
        (paid("a", "p0", "t1", money(DUE, "JPY")), "currency-mismatch"),
        (paid("b", "p0", "t1", money(DUE, "CNY")), "account-mismatch"),
    ] {
        let held = see(pending(), &[wrong]);
        assert_eq!((held.state(), held.paid().minor(), kinds(&held)), (State::Abnormal, 0, [kind.to_owned()].into()));
        let after = see(held, &[paid("b", "p1", "t2", money(DUE, "CNY"))]);
        assert_eq!((after.state(), kinds(&after)), (State::Paid, [kind.to_owned()].into()));
    }
}

#[test]
fn success_after_close_is_a_late_payment() {
    let order = see(closed(), &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    assert_eq!((order.state(), kinds(&order)), (State::Abnormal, ["late-payment".to_owned()].into()));
}

#[test]
fn a_second_payment_is_a_case_and_refunding_either_leaves_the_order_paid() {
    let twice = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY")), paid("b", "p1", "t2", money(DUE, "CNY"))]);
    assert_eq!((twice.state(), kinds(&twice)), (State::Paid, ["double-payment".to_owned()].into()));
    for (on, id) in [("a", "t1"), ("b", "t2")] {
        let order = see(twice.clone(), &[refund(on, id, Some("r1"), RefundStatus::Succeeded, DUE)]);
        assert_eq!((order.state(), order.refunded().minor()), (State::Paid, 0));
    }
}

#[test]
fn a_platform_that_contradicts_itself_opens_a_case_and_moves_nothing() {
    let order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY")), paid("a", "p0", "t1", money(7, "CNY"))]);
    assert_eq!((order.state(), order.paid().minor()), (State::Paid, DUE));
    assert_eq!(kinds(&order), ["amount-mismatch".to_owned()].into());
}
