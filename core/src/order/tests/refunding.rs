//! Refunds that are asked for here.

use RefundStatus::{Abnormal, Failed, Pending, Succeeded};

use super::*;

fn left(scene: &Scene) -> i64 {
    scene.order.left_of(scene.order.transactions().next().unwrap()).minor()
}

#[test]
fn refunds_go_back_in_parts_and_never_more_than_came() {
    let mut scene = Scene::paid();
    let asked = scene.ask(&back("R1", 400)).unwrap();
    assert_eq!((event_kinds(&asked), scene.order.state()), (vec!["REFUND_REQUESTED"], State::Paid));
    assert_eq!(asked.tasks, [Followup::refund(&ours("R1"), &account("a"), Due::Now)]);
    let over = scene.ask(&back("R2", 601)).unwrap_err();
    assert!(matches!(over, Refusal::RefundExceedsPayment { left, .. } if left.minor() == 600), "{over:?}");
    scene = scene.seeing(&[told(Some("R1"), Some("re1"), Succeeded, 400)]);
    assert_eq!((scene.order.state(), scene.order.refunds.len()), (State::PartiallyRefunded, 1));
    scene.ask(&back("R2", 600)).unwrap();
    scene = scene.seeing(&[told(Some("R2"), None, Succeeded, 600)]);
    assert_eq!((scene.order.state(), left(&scene)), (State::Refunded, 0));
    assert!(matches!(scene.ask(&back("R3", 1)), Err(Refusal::NothingToRefund(_))));
}

#[test]
fn the_same_number_is_the_same_refund() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 400)).unwrap();
    assert_eq!(scene.ask(&back("R1", 400)), Ok(Decision::default()));
    assert_eq!(scene.ask(&back_of("t1", "R1", 400)), Ok(Decision::default()));
    assert!(matches!(scene.ask(&back("R1", 401)), Err(Refusal::RefundNumberTaken(_))));
    assert!(matches!(scene.ask(&back_of("t2", "R1", 400)), Err(Refusal::RefundNumberTaken(_))));
    // What the platform makes of it later does not change what was asked for.
    scene = scene.seeing(&[told(Some("R1"), Some("re1"), Failed, 500)]);
    assert_eq!(scene.ask(&back("R1", 400)), Ok(Decision::default()));
    // A number that the platform told of first is somebody else's.
    scene = scene.seeing(&[told(Some("R9"), Some("re9"), Succeeded, 100)]);
    assert!(matches!(scene.ask(&back("R9", 100)), Err(Refusal::RefundNumberTaken(_))));
}

/// The shop may have used the number before, elsewhere and for less.
#[test]
fn what_the_platform_gave_back_counts_and_not_what_was_asked_for() {
    let reports = [told(Some("R1"), None, Pending, DUE), told(Some("R1"), Some("re1"), Succeeded, 300)];
    for order in [[0, 1], [1, 0]] {
        let mut scene = Scene::paid();
        scene.ask(&back("R1", DUE)).unwrap();
        for report in order {
            scene = scene.seeing(std::slice::from_ref(&reports[report]));
        }
        assert_eq!((scene.order.state(), scene.order.refunded().minor()), (State::PartiallyRefunded, 300));
        assert_eq!((left(&scene), scene.kinds()), (DUE - 300, ["amount-mismatch".to_owned()].into()));
        let summary = scene.case(CaseKind::AmountMismatch).summary.clone();
        assert!(summary.contains("the platform gave back") && summary.starts_with("refund R1"), "{summary}");
        scene.ask(&back("R2", DUE - 300)).unwrap();
        scene.rule(CaseKind::AmountMismatch, Resolution::Ignore).unwrap();
        scene = scene.seeing(&[told(Some("R2"), None, Succeeded, DUE - 300), reports[1].clone()]);
        assert_eq!((scene.order.state(), scene.kinds()), (State::Refunded, BTreeSet::new()));
    }
}

/// A total that a refund of ours reached says that it went through, and not with how much.
#[test]
fn a_report_by_number_knows_better_than_what_follows_from_a_total() {
    let reports = [total(Some("R1"), 500), told(Some("R1"), None, Succeeded, 300)];
    for order in [[0, 1], [1, 0]] {
        let mut scene = Scene::paid();
        scene.ask(&back("R1", 500)).unwrap();
        for report in order {
            scene = scene.seeing(std::slice::from_ref(&reports[report]));
        }
        let ours = scene.order.requested_refund(&ours("R1")).unwrap();
        assert_eq!((ours.status, ours.amount.minor(), scene.order.refunded().minor()), (Succeeded, 300, 500));
        assert_eq!((left(&scene), scene.kinds()), (500, ["amount-mismatch".to_owned()].into()), "{order:?}");
    }
}

#[test]
fn a_running_total_confirms_the_refund_that_reached_it_and_what_is_under_way_is_taken_off_too() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 300)).unwrap();
    // Somebody gave back 400 elsewhere: R1 may be part of it or not.
    scene = scene.seeing(&[total(Some("X"), 400)]);
    assert_eq!((scene.order.refunded().minor(), left(&scene)), (400, 300));
    scene = scene.seeing(&[total(Some("R1"), 700)]);
    assert_eq!((scene.order.refunded().minor(), left(&scene)), (700, 300));
    assert_eq!(scene.order.refunds.iter().find(|r| r.requested.is_some()).unwrap().status, Succeeded);
    // A total that is less than the refund cannot hold it.
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 300)).unwrap();
    assert_eq!(left(&scene.seeing(&[total(Some("R1"), 200)])), 500);
}

#[test]
fn only_a_refund_that_failed_or_was_given_up_may_be_asked_for_again() {
    for (status, then) in [(Pending, 0), (Abnormal, 0), (Succeeded, 0), (Failed, DUE)] {
        let mut scene = Scene::paid();
        scene.ask(&back("R1", DUE)).unwrap();
        assert_eq!(left(&scene.seeing(&[told(Some("R1"), None, status, DUE)])), then, "{status:?}");
    }
}

#[test]
fn a_refusal_of_the_platform_is_a_case_and_a_success_all_the_same_still_wins() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 400)).unwrap();
    let refusal = refused(&scene, "R1");
    assert_eq!(event_kinds(&scene.ask(&refusal).unwrap()), ["REFUND_UPDATED"]);
    let case = scene.case(CaseKind::RefundStuck);
    assert_eq!((case.state, case.evidence.as_str()), (CaseState::Open, "NOT_ENOUGH: the balance is too low"));
    assert_eq!((scene.ask(&refusal).unwrap(), left(&scene)), (Decision::default(), 600));
    scene = scene.seeing(&[told(Some("R1"), Some("re1"), Succeeded, 400)]);
    assert_eq!((scene.order.refunded().minor(), scene.kinds()), (400, BTreeSet::new()));
    let settled = scene.case(CaseKind::RefundStuck).state;
    assert!(matches!(settled, CaseState::Resolved { resolution: Resolution::Overtaken, by: None, .. }));
    assert!(matches!(scene.ask(&refused(&scene.clone(), "R2")), Err(Refusal::RefundNotFound(..))));
}

#[test]
fn a_refund_that_was_given_up_frees_its_money_and_counts_if_it_went_through_after_all() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", DUE)).unwrap();
    let give_up = Command::GiveUp {
        order_id: scene.order.id.clone(),
        about: About::Refund(ours("R1")),
        evidence: "asked 30 times".to_owned(),
    };
    scene.ask(&give_up).unwrap();
    assert_eq!((scene.case(CaseKind::RefundStuck).evidence.as_str(), left(&scene)), ("asked 30 times", 0));
    scene.rule(CaseKind::RefundStuck, Resolution::Close).unwrap();
    assert_eq!((left(&scene), scene.kinds()), (DUE, BTreeSet::new()));
    scene.ask(&back("R2", DUE)).unwrap();
    let both = [told(Some("R1"), None, Succeeded, DUE), told(Some("R2"), None, Succeeded, DUE)];
    let twice = scene.seeing(&both);
    assert_eq!((twice.order.state(), twice.kinds()), (State::Refunded, ["amount-mismatch".to_owned()].into()));
}

fn give_up(out_refund_no: &str) -> Command {
    Command::GiveUp {
        order_id: OrderId::parse("o1").unwrap(),
        about: About::Refund(ours(out_refund_no)),
        evidence: "still no answer".to_owned(),
    }
}

/// Half of the price was asked back, the platform fell silent, and a person gave the refund up.
fn abandoned() -> Scene {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 500)).unwrap();
    scene.ask(&give_up("R1")).unwrap();
    let ruled = scene.rule(CaseKind::RefundStuck, Resolution::Close).unwrap();
    // The platform was silent when that was ruled: it is asked further.
    assert_eq!(ruled.tasks, [Followup::refund(&ours("R1"), &account("a"), Due::Soon)]);
    assert_eq!((left(&scene), scene.ask(&give_up("R1"))), (DUE, Ok(Decision::default())));
    scene
}

#[test]
fn money_that_was_given_back_again_after_a_ruling_is_a_case_once_the_first_refund_went_through() {
    let went = |number: &str, status| told(Some(number), None, status, 500);
    for settled_first in [true, false] {
        let mut scene = abandoned();
        scene.ask(&back("R2", 500)).unwrap();
        scene = scene.seeing(&[went(if settled_first { "R2" } else { "R1" }, Succeeded)]);
        scene = scene.seeing(&[went(if settled_first { "R1" } else { "R2" }, Succeeded)]);
        assert_eq!((scene.order.state(), scene.kinds()), (State::Refunded, ["amount-mismatch".to_owned()].into()));
        let case = scene.case(CaseKind::AmountMismatch);
        assert_eq!((case.id.as_str(), case.allowed()), ("amount-mismatch:a:refund R1", vec![Resolution::Ignore]));
        scene.rule(CaseKind::AmountMismatch, Resolution::Ignore).unwrap();
        assert_eq!(scene.seeing(&[went("R2", Failed)]).kinds(), ["refund-stuck".to_owned()].into());
    }
    // The second one fails: nothing went back twice, and a third one later is none of its business.
    let mut scene = abandoned();
    scene.ask(&back("R2", 500)).unwrap();
    scene = scene.seeing(&[went("R1", Succeeded)]);
    assert_eq!(scene.kinds(), ["amount-mismatch".to_owned()].into());
    scene = scene.seeing(&[went("R2", Failed)]);
    assert_eq!(scene.kinds(), ["refund-stuck".to_owned()].into());
    scene.ask(&back("R3", 500)).unwrap();
    assert_eq!(scene.seeing(&[went("R3", Succeeded)]).kinds(), ["refund-stuck".to_owned()].into());
}

#[test]
fn a_refund_that_was_given_up_and_went_through_alone_is_no_case() {
    let went = |number: &str| told(Some(number), None, Succeeded, 500);
    for said in [went("R1"), total(Some("R1"), 500)] {
        let mut scene = abandoned().seeing(&[said]);
        assert_eq!((scene.kinds(), left(&scene)), (BTreeSet::new(), 500));
        scene.ask(&back("R2", 500)).unwrap();
        assert_eq!(scene.seeing(&[went("R2")]).kinds(), BTreeSet::new());
    }
}

#[test]
fn a_refund_that_is_given_up_again_after_it_was_left_alone_is_a_new_case() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 500)).unwrap();
    scene = scene.seeing(&[told(Some("R1"), None, Abnormal, 500)]);
    scene.rule(CaseKind::RefundStuck, Resolution::Ignore).unwrap();
    for n in 1..3 {
        assert_eq!(event_kinds(&scene.ask(&give_up("R1")).unwrap()), ["CASE_OPENED"]);
        assert_eq!(scene.ask(&give_up("R1")), Ok(Decision::default()));
        assert_eq!(scene.order.open_cases, [format!("refund-stuck:a:refund R1 again {n}").as_str()]);
        // Other news of refunds neither settles it nor opens the first one again.
        scene = scene.seeing(&[told(None, Some(&format!("re{n}")), Succeeded, 1)]);
        assert_eq!(scene.order.open_cases.len(), 1);
        assert_eq!(scene.case(CaseKind::RefundStuck).evidence, "still no answer");
        scene.ask(&ruling(&scene.order.open_cases[0].clone(), Resolution::Ignore)).unwrap();
    }
    scene.ask(&give_up("R1")).unwrap();
    let mut closed = scene.clone();
    closed.ask(&ruling(&closed.order.open_cases[0].clone(), Resolution::Close)).unwrap();
    assert_eq!(closed.order.refunds[0].status, RefundStatus::Abandoned);
    assert_eq!(scene.seeing(&[told(Some("R1"), None, Succeeded, 500)]).kinds(), BTreeSet::new());
}

fn refused(scene: &Scene, number: &str) -> Command {
    Command::RefundRefused {
        order_id: scene.order.id.clone(),
        out_refund_no: ours(number),
        code: "NOT_ENOUGH".to_owned(),
        detail: "the balance is too low".to_owned(),
    }
}

#[test]
fn a_refused_refund_is_sent_again_under_its_number_once_a_person_says_so() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 400)).unwrap();
    scene.ask(&refused(&scene.clone(), "R1")).unwrap();
    for n in 1..3 {
        assert_eq!((scene.order.refunds[0].status, left(&scene)), (Abnormal, 600));
        let again = scene.ask(&ruling(&scene.order.open_cases[0].clone(), Resolution::Refund)).unwrap();
        assert_eq!(again.tasks, [Followup::refund(&ours("R1"), &account("a"), Due::Now)]);
        assert_eq!((scene.order.refunds.len(), scene.order.refunds[0].status), (1, Pending));
        assert_eq!((scene.kinds(), left(&scene)), (BTreeSet::new(), 600), "its money stays reserved");
        // Refused once more: a case of its own, with what the platform says now.
        scene.ask(&refused(&scene.clone(), "R1")).unwrap();
        assert_eq!(scene.order.open_cases, [format!("refund-stuck:a:refund R1 again {n}").as_str()]);
        assert!(scene.case(CaseKind::RefundStuck).evidence.contains("the balance is too low"));
    }
    let again = scene.order.open_cases[0].clone();
    scene.ask(&ruling(&again, Resolution::Refund)).unwrap();
    // The platform takes it now, and says later that it failed after all.
    for (status, back) in [(Abnormal, 600), (Failed, 1000)] {
        let failed = scene.clone().seeing(&[told(Some("R1"), Some("re1"), status, 400)]);
        assert_eq!(failed.order.open_cases, ["refund-stuck:a:refund R1 again 3"], "{status:?}");
        assert_eq!(left(&failed), back);
        let twice = failed.seeing(&[told(Some("R1"), Some("re1"), Failed, 400)]);
        assert_eq!(twice.order.open_cases, ["refund-stuck:a:refund R1 again 3"], "{status:?}, then FAILED");
    }
    let went = scene.seeing(&[told(Some("R1"), Some("re1"), Succeeded, 400)]);
    assert_eq!((went.order.state(), went.kinds(), left(&went)), (State::PartiallyRefunded, BTreeSet::new(), 600));
}

#[test]
fn what_cannot_be_sent_again_is_not() {
    let sent_again = |mut scene: Scene| scene.rule(CaseKind::RefundStuck, Resolution::Refund).unwrap_err();
    let mut failed = Scene::paid();
    failed.ask(&back("R1", 400)).unwrap();
    failed = failed.seeing(&[told(Some("R1"), None, Failed, 400)]);
    let foreign = Scene::paid().seeing(&[told(Some("X1"), None, Abnormal, 400)]);
    let mut there = Scene::paid();
    there.ask(&back("R1", 400)).unwrap();
    there = there.seeing(&[told(Some("R1"), Some("re1"), Abnormal, 400)]);
    for (scene, why) in [(failed, "failed for good"), (foreign, "not asked for here"), (there, "in its console")] {
        assert!(sent_again(scene).to_string().contains(why), "{why}");
    }
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 400)).unwrap();
    scene.ask(&refused(&scene.clone(), "R1")).unwrap();
    let by_rule = Command::ResolveCase {
        case_id: scene.order.open_cases[0].clone(),
        resolution: Resolution::Refund,
        reason: "a rule".to_owned(),
        by: Resolver::Policy,
    };
    assert!(matches!(scene.ask(&by_rule), Err(Refusal::ResolutionNotAllowed { .. })));
}

#[test]
fn a_refund_that_is_left_alone_is_asked_about_further() {
    let mut scene = Scene::paid();
    scene.ask(&back("R1", 400)).unwrap();
    scene.ask(&refused(&scene.clone(), "R1")).unwrap();
    let ignored = scene.rule(CaseKind::RefundStuck, Resolution::Ignore).unwrap();
    assert_eq!(ignored.tasks, [Followup::refund(&ours("R1"), &account("a"), Due::Soon)]);
    assert_eq!((scene.order.refunds[0].status, left(&scene)), (Abnormal, 600));
}

#[test]
fn money_is_never_guessed() {
    let mut scene = Scene::paid();
    let dollars = refund_of(None, "R1", money(5, "USD"));
    assert!(matches!(scene.ask(&dollars), Err(Refusal::RefundCurrency(_))));
    assert!(matches!(scene.ask(&back_of("t9", "R1", 5)), Err(Refusal::NothingToRefund(_))));
    assert!(matches!(scene.ask(&back("R1", 0)), Err(Refusal::NothingToRefund(_))));
    scene = scene.seeing(&[paid("b", "p1", "t2", money(DUE, "CNY"))]);
    assert!(matches!(scene.ask(&back("R1", 5)), Err(Refusal::PaymentAmbiguous(_))));
    scene.ask(&back_of("t2", "R1", DUE)).unwrap();
    // The other one is all that is left.
    scene.ask(&back("R2", 5)).unwrap();
    let of: Vec<_> = scene.order.refunds.iter().map(|r| r.transaction_id.clone().unwrap().to_string()).collect();
    assert_eq!(of, ["t2", "t1"]);
    // Money that is held pays nothing, so it must be named.
    let mut held = Scene::of(pending()).seeing(&[paid("a", "p0", "t1", money(7, "CNY"))]);
    assert!(matches!(held.ask(&back("R1", 7)), Err(Refusal::NothingToRefund(_))));
    held.ask(&back_of("t1", "R1", 7)).unwrap();
}

/// Money came through another account than its payment was begun on: it can only go back the way it came.
#[test]
fn a_refund_is_asked_of_the_account_on_which_its_money_is() {
    let mut scene = Scene::paid().seeing(&[paid("b", "p0", "t5", money(DUE, "CNY"))]);
    let asked = scene.ask(&back_of("t5", "R1", 400)).unwrap();
    assert_eq!(asked.tasks, [Followup::refund(&ours("R1"), &account("b"), Due::Now)]);
    let refund = scene.order.asked_back(&account("b"), &ours("R1")).unwrap();
    assert_eq!((refund.out_trade_no.clone(), refund.status), (Some(number("p0")), Pending));
    let left_of = |scene: &Scene, id| {
        scene.order.left_of(scene.order.transactions().find(|t| t.id == transaction(id)).unwrap()).minor()
    };
    assert_eq!((left_of(&scene, "t1"), left_of(&scene, "t5")), (DUE, 600));
    let went = told(Some("R1"), None, Succeeded, 400);
    let elsewhere = scene.clone().seeing(std::slice::from_ref(&went));
    assert_eq!(elsewhere.order.asked_back(&account("b"), &ours("R1")).unwrap().status, Pending, "not its account");
    let fact = match went.fact {
        Fact::Refund(fact) => RefundFact { transaction_id: Some(transaction("t5")), ..fact },
        Fact::Payment(_) => unreachable!("told makes refunds"),
    };
    let scene = scene.seeing(&[Observation { account: account("b"), fact: Fact::Refund(fact) }]);
    let given_back: Vec<_> = scene.order.transactions().map(|t| scene.order.refunded_of(t).minor()).collect();
    assert_eq!((given_back, scene.order.state()), (vec![0, 400], State::Paid));
    // A ruling that gives it back asks the same account.
    let mut scene = Scene::of(pending()).seeing(&[paid("b", "p0", "t5", money(DUE, "CNY"))]);
    let ruled = scene.rule(CaseKind::AccountMismatch, Resolution::Refund).unwrap();
    let refunds = ruled.tasks.iter().filter(|task| task.key.kind == TaskKind::Refund);
    assert_eq!(refunds.map(|task| task.account.clone()).collect::<Vec<_>>(), [Some(account("b"))]);
}

#[test]
fn refunds_of_an_order_are_bounded() {
    let mut scene = Scene::paid();
    for n in 0..MAX_REFUNDS {
        scene.ask(&back(&format!("R{n}"), 1)).unwrap();
    }
    assert!(matches!(scene.ask(&back("last", 1)), Err(Refusal::TooManyRefunds(_))));
}
