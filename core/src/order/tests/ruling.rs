//! Rulings on cases.

use Resolution::Refund as GiveBack;
use Resolution::{Accept, Close, Ignore};

use super::*;

fn wrong_amount() -> Observation {
    paid("a", "p0", "t1", money(900, "CNY"))
}

fn all_closed() -> [Observation; 2] {
    [news(PaymentStatus::Closed, "p0", "a"), news(PaymentStatus::Closed, "p1", "b")]
}

#[test]
fn a_ruling_ends_abnormal() {
    use CaseKind::{AccountMismatch, AmountMismatch, CurrencyMismatch, LatePayment};
    let scenes = [
        (AmountMismatch, Scene::of(pending()).seeing(&[wrong_amount()])),
        (CurrencyMismatch, Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(DUE, "USD"))])),
        (AccountMismatch, Scene::of(pending()).seeing(&[paid("b", "p0", "t1", money(DUE, "CNY"))])),
        (LatePayment, Scene::of(closed()).seeing(&[paid("a", "p0", "t1", money(DUE, "CNY"))])),
    ];
    for (kind, scene) in scenes {
        assert_eq!(scene.order.state(), State::Abnormal);
        for resolution in Resolution::ALL {
            let mut scene = scene.clone();
            let ruled = scene.rule(kind, resolution);
            if !kind.resolutions().contains(&resolution) {
                assert!(matches!(ruled, Err(Refusal::ResolutionNotAllowed { .. })), "{kind:?} {resolution:?}");
                continue;
            }
            let tasks = ruled.unwrap().tasks;
            let (state, paid) = (scene.order.state(), scene.order.paid().minor());
            if resolution == Accept {
                assert_eq!((state, paid), (State::Paid, DUE), "{kind:?}");
                continue;
            }
            assert_eq!((scene.order.refunds.len(), paid), (usize::from(resolution == GiveBack), 0));
            // It ends as soon as nothing can be paid any more; the questions about that come forward.
            if kind != LatePayment {
                assert_eq!((state, scene.order.ending), (State::Pending, Ending::Requested(scene.now)));
                assert!(tasks.contains(&Followup::payment(&number("p1"), &account("b"), Due::Now)), "{tasks:?}");
                scene = scene.seeing(&all_closed());
            }
            assert_eq!(scene.order.state(), State::Closed, "{kind:?} {resolution:?}");
        }
    }
}

#[test]
fn a_ruling_that_is_not_allowed_is_told_those_that_are() {
    let mut scene = Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(DUE, "USD"))]);
    let said = scene.rule(CaseKind::CurrencyMismatch, Accept).unwrap_err().to_string();
    assert!(said.ends_with(" cannot be settled with ACCEPT: it can be settled with REFUND or CLOSE"), "{said}");
}

#[test]
fn what_is_given_back_by_a_ruling_is_one_refund_of_what_is_left() {
    let mut scene = Scene::of(pending()).seeing(&[wrong_amount()]);
    scene.ask(&back_of("t1", "R1", 200)).unwrap();
    let ruled = scene.rule(CaseKind::AmountMismatch, GiveBack).unwrap();
    assert_eq!(event_kinds(&ruled), ["REFUND_REQUESTED", "CASE_RESOLVED"]);
    let refund = scene.order.refunds.last().unwrap().clone();
    // Platforms show it to the payer; what was said about the ruling stays in the case.
    assert_eq!(refund.requested.as_ref().unwrap().reason, "refund");
    assert_eq!(scene.case(CaseKind::AmountMismatch).reason, "because");
    let number = ruling(&scene.case(CaseKind::AmountMismatch).id, GiveBack).refund_number();
    assert_eq!((refund.amount.minor(), refund.out_refund_no.clone()), (700, number));
    assert!(refund.out_refund_no.unwrap().as_str().bytes().all(|b| b.is_ascii_alphanumeric()));
    // Again it changes nothing; otherwise it is refused.
    assert_eq!(scene.rule(CaseKind::AmountMismatch, GiveBack), Ok(Decision::default()));
    assert!(matches!(scene.rule(CaseKind::AmountMismatch, Accept), Err(Refusal::CaseResolved(_))));
    // The order ends whatever becomes of the refund, and a refund that fails is a case of its own.
    let failed = told(refund_no(&scene).as_deref(), None, RefundStatus::Failed, 700);
    scene = scene.seeing(&[all_closed().as_slice(), &[failed]].concat());
    assert_eq!((scene.order.state(), scene.kinds()), (State::Closed, ["refund-stuck".to_owned()].into()));
}

fn refund_no(scene: &Scene) -> Option<String> {
    scene.order.refunds.last().and_then(|r| r.out_refund_no.as_ref()).map(ToString::to_string)
}

#[test]
fn a_right_payment_that_crosses_with_a_ruling_pays() {
    let mut scene = Scene::of(pending()).seeing(&[wrong_amount()]);
    scene.rule(CaseKind::AmountMismatch, GiveBack).unwrap();
    scene = scene.seeing(&[paid("b", "p1", "t2", money(DUE, "CNY"))]);
    assert_eq!((scene.order.state(), scene.kinds()), (State::Paid, BTreeSet::new()));
    // The other way round: what pays the order already makes the wrong one superfluous.
    let right = paid("b", "p1", "t2", money(DUE, "CNY"));
    let mut scene = Scene::of(pending()).seeing(&[wrong_amount(), right]);
    assert!(matches!(scene.rule(CaseKind::AmountMismatch, Accept), Err(Refusal::ResolutionNotAllowed { .. })));
    scene.rule(CaseKind::AmountMismatch, GiveBack).unwrap();
    assert_eq!((scene.order.state(), scene.order.ending), (State::Paid, Ending::Open));
}

#[test]
fn an_accepted_amount_pays_the_order_and_is_all_back_when_it_is_all_back() {
    for (came, steps) in [
        (900, [(100, State::PartiallyRefunded, 100), (900, State::Refunded, DUE)]),
        (5_000, [(DUE, State::PartiallyRefunded, DUE - 1), (5_000, State::Refunded, DUE)]),
    ] {
        let mut scene = Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(came, "CNY"))]);
        scene.rule(CaseKind::AmountMismatch, Accept).unwrap();
        assert_eq!((scene.order.paid().minor(), scene.order.refunded().minor()), (DUE, 0));
        for (minor, state, refunded) in steps {
            scene = scene.seeing(&[refund("a", "t1", None, RefundStatus::Succeeded, minor)]);
            assert_eq!((scene.order.state(), scene.order.refunded().minor()), (state, refunded));
        }
    }
}

/// Otherwise the goods would go out, and the money too.
#[test]
fn money_that_goes_back_is_not_accepted() {
    let mut scene = Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(400, "CNY"))]);
    scene.ask(&back_of("t1", "R1", 400)).unwrap();
    let refused = scene.rule(CaseKind::AmountMismatch, Accept);
    assert!(matches!(refused, Err(Refusal::ResolutionNotAllowed { .. })), "{refused:?}");
    // It failed for good, so the money is there.
    let mut kept = scene.clone().seeing(&[told(Some("R1"), None, RefundStatus::Failed, 400)]);
    kept.rule(CaseKind::AmountMismatch, Accept).unwrap();
    assert_eq!(kept.order.state(), State::Paid);
    let mut gone = scene.seeing(&[told(Some("R1"), None, RefundStatus::Succeeded, 400)]);
    assert!(gone.rule(CaseKind::AmountMismatch, Accept).is_err());
    // What was ruled to go back stays ruled so, whatever else is said of it.
    for ruling in [GiveBack, Close] {
        let mut ruled = Scene::of(closed()).seeing(&[paid("a", "p0", "t1", money(DUE, "CNY"))]);
        ruled.rule(CaseKind::LatePayment, ruling).unwrap();
        let again = ruled.seeing(&[paid("a", "p0", "t1", money(400, "CNY"))]);
        let failed = told(refund_no(&again).as_deref(), None, RefundStatus::Failed, DUE);
        let mut again = if ruling == GiveBack { again.seeing(&[failed]) } else { again };
        let refused = again.rule(CaseKind::AmountMismatch, Accept);
        assert!(matches!(refused, Err(Refusal::ResolutionNotAllowed { .. })), "{ruling:?}: {refused:?}");
    }
}

#[test]
fn an_order_is_refunded_only_when_nothing_is_kept_of_any_money_that_pays_it() {
    let mut scene = Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(1, "CNY"))]);
    scene.rule(CaseKind::AmountMismatch, Accept).unwrap();
    scene = scene.seeing(&[refund("a", "t1", Some("re1"), RefundStatus::Succeeded, 1)]);
    assert_eq!(scene.order.state(), State::Refunded);
    scene = scene.seeing(&[paid("b", "p1", "t2", money(DUE, "CNY"))]);
    assert_eq!(scene.order.state(), State::Paid);
    scene = scene.seeing(&[refund("b", "t2", Some("re2"), RefundStatus::Succeeded, 100)]);
    assert_eq!((scene.order.state(), scene.order.refunded().minor()), (State::PartiallyRefunded, 100));
    scene = scene.seeing(&[refund("b", "t2", Some("re3"), RefundStatus::Succeeded, DUE - 100)]);
    assert_eq!(scene.order.state(), State::Refunded);
}

#[test]
fn a_late_payment_that_is_accepted_opens_the_order_again() {
    let late = paid("a", "p0", "t1", money(DUE, "CNY"));
    let mut scene = Scene::of(closed()).seeing(&[late]);
    scene.rule(CaseKind::LatePayment, Accept).unwrap();
    assert_eq!((scene.order.state(), scene.order.ending), (State::Paid, Ending::Open));
    scene = scene.seeing(&[paid("b", "p1", "t2", money(DUE, "CNY"))]);
    assert_eq!((scene.order.state(), scene.kinds()), (State::Paid, ["double-payment".to_owned()].into()));
    // Money in another currency cannot pay it, however it came.
    let mut foreign = Scene::of(closed()).seeing(&[paid("a", "p0", "t1", money(DUE, "USD"))]);
    assert_eq!(foreign.case(CaseKind::CurrencyMismatch).allowed(), [GiveBack, Close]);
    assert!(foreign.rule(CaseKind::CurrencyMismatch, Accept).is_err());
}

#[test]
fn of_two_payments_the_second_goes_back_only_while_the_first_is_kept() {
    let twice = [paid("a", "p0", "t1", money(DUE, "CNY")), paid("b", "p1", "t2", money(DUE, "CNY"))];
    let scene = Scene::of(pending()).seeing(&twice);
    let mut ruled = scene.clone();
    ruled.rule(CaseKind::DoublePayment, GiveBack).unwrap();
    assert_eq!((ruled.order.state(), ruled.kinds(), ruled.order.refunds.len()), (State::Paid, BTreeSet::new(), 1));
    ruled = ruled.seeing(&[refund("b", "t2", Some("re"), RefundStatus::Succeeded, DUE)]);
    assert_eq!((ruled.order.state(), ruled.order.refunded().minor()), (State::Paid, 0));
    // The first one is on its way back already, or is back: nobody gets both.
    let mut asked = scene.clone();
    asked.ask(&back_of("t1", "R1", DUE)).unwrap();
    let gone = scene.clone().seeing(&[refund("a", "t1", Some("re"), RefundStatus::Succeeded, DUE)]);
    for mut scene in [asked, gone] {
        let refused = scene.rule(CaseKind::DoublePayment, GiveBack);
        assert!(matches!(refused, Err(Refusal::ResolutionNotAllowed { .. })), "{refused:?}");
        scene.rule(CaseKind::DoublePayment, Ignore).unwrap();
        assert_eq!((scene.order.state(), scene.kinds()), (State::Paid, BTreeSet::new()));
    }
    // Of the first one a part went back: what is kept of it pays the order.
    let mut part = scene.seeing(&[refund("a", "t1", Some("re"), RefundStatus::Succeeded, 300)]);
    assert_eq!(part.order.state(), State::Paid);
    part.rule(CaseKind::DoublePayment, GiveBack).unwrap();
    assert_eq!(part.order.state(), State::PartiallyRefunded);
}

#[test]
fn a_contradiction_about_money_that_pays_is_no_reason_to_give_it_back() {
    let mut scene = Scene::paid().seeing(&[paid("a", "p0", "t1", money(7, "CNY"))]);
    let refused = scene.rule(CaseKind::AmountMismatch, GiveBack);
    assert!(matches!(refused, Err(Refusal::ResolutionNotAllowed { .. })), "{refused:?}");
    scene.rule(CaseKind::AmountMismatch, Close).unwrap();
    assert_eq!((scene.order.state(), scene.order.ending), (State::Paid, Ending::Open));
    // Ruled is ruled.
    let again = scene.seeing(&[paid("a", "p0", "t1", money(8, "CNY"))]);
    assert_eq!(again.kinds(), BTreeSet::new());
}

#[test]
fn money_of_two_cases_is_held_until_both_are_settled() {
    let wrong = [wrong_amount(), paid("a", "p0", "t2", money(800, "CNY"))];
    let mut scene = Scene::of(pending()).seeing(&wrong).seeing(&[news(PaymentStatus::Closed, "p1", "b")]);
    let ids: Vec<_> = scene.cases.keys().cloned().collect();
    scene.ask(&ruling(&ids[0], GiveBack)).unwrap();
    assert_eq!(scene.order.state(), State::Abnormal);
    let last = scene.ask(&ruling(&ids[1], Close)).unwrap();
    assert_eq!((event_kinds(&last), scene.order.state()), (vec!["CASE_RESOLVED", "ORDER_CLOSED"], State::Closed));
}

#[test]
fn trouble_with_a_refund_that_was_ruled_on_opens_no_case_again() {
    let mut scene = Scene::paid().seeing(&[told(None, Some("r1"), RefundStatus::Failed, 10)]);
    scene.rule(CaseKind::RefundStuck, Ignore).unwrap();
    scene = scene.seeing(&[told(None, Some("r2"), RefundStatus::Failed, 20)]);
    assert_eq!(scene.order.open_cases, ["refund-stuck:a:refund r2"]);
    let over =
        [told(None, Some("r3"), RefundStatus::Succeeded, 900), told(None, Some("r4"), RefundStatus::Succeeded, 900)];
    let mut scene = Scene::paid().seeing(&over);
    assert_eq!(scene.case(CaseKind::AmountMismatch).allowed(), [Ignore]);
    scene.rule(CaseKind::AmountMismatch, Ignore).unwrap();
    assert_eq!(scene.seeing(&[told(None, Some("r5"), RefundStatus::Pending, 1)]).kinds(), BTreeSet::new());
}

fn strange(order_id: Option<&OrderId>) -> Case {
    let (kind, account) = (CaseKind::ReconciliationMissingThere, account("a"));
    let id = CaseId::of(kind, &account, "t1");
    Case {
        order_id: order_id.cloned(),
        transaction_id: Some(transaction("t1")),
        evidence: "line 7".to_owned(),
        ..Case::open(id, kind, &account, "not on the statement".to_owned(), Timestamp(10))
    }
}

#[test]
fn a_case_that_somebody_brings_along_is_opened_assigned_and_settled_once() {
    let mut scene = Scene::paid();
    let case = strange(Some(&scene.order.id));
    let open = Command::OpenCase { case: Box::new(case.clone()) };
    assert_eq!(event_kinds(&scene.ask(&open).unwrap()), ["CASE_OPENED"]);
    assert_eq!(scene.ask(&open), Ok(Decision::default()));
    let assign = Command::AssignCase { case_id: case.id.clone(), owner: "ann".to_owned() };
    let assigned = scene.ask(&assign).unwrap();
    // Only the owner is written, and not by the domain: the case may be settled meanwhile.
    assert_eq!(assigned, Decision::default());
    assert_eq!(event_kinds(&scene.ask(&ruling(&case.id, Accept)).unwrap()), ["CASE_RESOLVED"]);
    assert_eq!(scene.ask(&open), Ok(Decision::default()));
    assert!(matches!(scene.ask(&assign), Err(Refusal::CaseResolved(_))));
    assert_eq!((scene.order.state(), scene.kinds()), (State::Paid, BTreeSet::new()));
}

#[test]
fn a_case_of_no_order_is_settled_without_one() {
    let case = strange(None);
    let opened = decide(None, None, &Command::OpenCase { case: Box::new(case.clone()) }, Timestamp(10)).unwrap();
    assert_eq!((opened.events.len(), &opened.cases), (0, &vec![case.clone()]));
    let ruled = decide(None, Some(&case), &ruling(&case.id, Ignore), Timestamp(11)).unwrap();
    let state = CaseState::Resolved { resolution: Ignore, at: Timestamp(11), by: Some(Resolver::Operator) };
    assert_eq!((ruled.events.len(), ruled.cases[0].state, ruled.cases[0].reason.as_str()), (0, state, "because"));
    let again = decide(None, Some(&ruled.cases[0]), &ruling(&case.id, Ignore), Timestamp(12));
    assert_eq!(again, Ok(Decision::default()));
    assert!(matches!(
        decide(None, None, &ruling(&"no such".into(), Ignore), Timestamp(1)),
        Err(Refusal::CaseNotFound(_))
    ));
}
