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

/// What is shown: number, amount, and whether it is what a running total says beyond the others.
fn shown(order: &Order) -> Vec<(String, i64, bool)> {
    let number = |r: &Refund| r.out_refund_no.as_ref().map(ToString::to_string).unwrap_or_default();
    order.refunds_apart().iter().map(|r| (number(r), r.amount.minor(), r.cumulative)).collect()
}

fn refunds(all: &[(&str, i64, bool)]) -> Vec<(String, i64, bool)> {
    all.iter().map(|(number, minor, beyond)| ((*number).to_owned(), *minor, *beyond)).collect()
}

#[test]
fn a_running_total_is_shown_only_as_what_it_says_beyond_the_others() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 300)).unwrap();
    scene = scene.seeing(&[told(Some("R1"), None, RefundStatus::Succeeded, 300)]);
    for (news, expected) in [
        (total(Some("R1"), 300), &[("R1", 300, false)][..]),
        (total(Some("X"), 400), &[("R1", 300, false), ("X", 100, true)]),
        // The last one to reach it was R1, told late: who gave the rest back is not known.
        (total(Some("R1"), 450), &[("R1", 300, false), ("", 150, true)]),
        (told(Some("X"), None, RefundStatus::Succeeded, 100), &[("R1", 300, false), ("", 50, true), ("X", 100, false)]),
        (
            told(Some("Y"), None, RefundStatus::Succeeded, 50),
            &[("R1", 300, false), ("X", 100, false), ("Y", 50, false)],
        ),
        // More than the platform's total says: it is late.
        (
            told(Some("Z"), None, RefundStatus::Succeeded, 10),
            &[("R1", 300, false), ("X", 100, false), ("Y", 50, false), ("Z", 10, false)],
        ),
    ] {
        scene = scene.seeing(&[news]);
        assert_eq!(shown(&scene.order), refunds(expected));
    }
}

#[test]
fn a_running_total_that_comes_before_its_payment_is_shown_once_too() {
    let all = [total(Some("R1"), 300), told(Some("R1"), None, RefundStatus::Succeeded, 300)];
    let early = see(pending(), &all);
    assert_eq!(shown(&early), refunds(&[("R1", 300, false)]));
    let paid = see(early, &[paid("a", "p0", "t1", money(DUE, "CNY"))]);
    assert_eq!((shown(&paid), paid.refunded().minor()), (refunds(&[("R1", 300, false)]), 300));
    // One that names less is another total of the same money.
    let less = Observation {
        fact: Fact::Refund(RefundFact { out_trade_no: None, ..fact_of(total(None, 400)) }),
        ..all[0].clone()
    };
    assert_eq!(shown(&see(paid, &[less])), refunds(&[("R1", 300, false), ("", 100, true)]));
}

fn refund_fact() -> RefundFact {
    fact_of(told(None, Some("r9"), RefundStatus::Succeeded, 5))
}

/// What the running total of the money of "t1" says went back elsewhere.
fn elsewhere(order: &Order) -> i64 {
    order.went_back_elsewhere(&account("a"), &fact_of(super::total(None, 0)))
}

#[test]
fn what_went_back_elsewhere_because_the_platform_refused_ours_is_known() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 300)).unwrap();
    let refused = Command::RefundRefused {
        order_id: scene.order.id.clone(),
        out_refund_no: ours("R1"),
        code: "NO".into(),
        detail: String::new(),
    };
    scene.ask(&refused).unwrap();
    scene = scene.seeing(&[total(Some("X"), 400)]);
    assert_eq!((elsewhere(&scene.order), scene.order.refunded().minor()), (400, 400));
    scene.ask(&ruling(&scene.case(CaseKind::RefundStuck).id.clone(), Resolution::Close)).unwrap();
    scene = scene.seeing(&[total(Some("Y"), 500)]);
    assert_eq!((elsewhere(&scene.order), scene.order.refunded().minor()), (500, 500));
    // Ours may be in the total by now, but this is late news of it, not more money.
    scene = scene.seeing(&[told(Some("R1"), None, RefundStatus::Succeeded, 300)]);
    assert_eq!((elsewhere(&scene.order), scene.order.refunded().minor()), (500, 500));
}

/// The total that says both may be on its way, or lost.
#[test]
fn what_went_back_elsewhere_is_not_asked_for_again_before_a_total_holds_ours_too() {
    let left = |scene: &Scene| scene.order.left_of(scene.order.transactions().next().unwrap()).minor();
    let mut scene = Scene::paid().seeing(&[total(Some("X"), 100)]);
    scene.ask(&back("R1", 300)).unwrap();
    assert_eq!(left(&scene), DUE - 400);
    scene = scene.seeing(&[told(Some("R1"), None, RefundStatus::Succeeded, 300)]);
    assert_eq!(left(&scene), DUE - 400);
    scene = scene.seeing(&[total(Some("R1"), 400)]);
    assert_eq!((left(&scene), scene.order.refunded().minor()), (DUE - 400, 400));
}

/// A running total that an early version stored was booked without the refunds of ours that were known to be in it.
#[test]
fn a_total_that_an_early_version_stored_is_not_taken_for_new() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 300)).unwrap();
    scene = scene.seeing(&[total(Some("R1"), 300), total(Some("X"), 400)]);
    scene.order.refunds.iter_mut().for_each(|r| r.elsewhere = None);
    assert_eq!(elsewhere(&scene.order), 100);
    scene = scene.seeing(&[total(Some("Y"), 450)]);
    assert_eq!(elsewhere(&scene.order), 150);
}
