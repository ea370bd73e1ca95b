//! Orders and payments that end unpaid, and payments whose end nobody knows.

use super::*;
use crate::sha256::Sha256;

#[test]
fn close_waits_for_every_payment_unless_the_caller_vouches() {
    let mut order = Some(pending());
    let close = |payments_closed| Command::Close { order_id: OrderId::parse("o1").unwrap(), payments_closed };
    apply(&mut order, &close(false));
    let order = order.unwrap();
    assert_eq!(order.state(), State::Pending);
    let order = see(order, &[news(PaymentStatus::Closed, "p0", "a")]);
    assert_eq!(order.state(), State::Pending);
    // News of another account's payment closes nothing.
    let order = see(order, &[news(PaymentStatus::Closed, "p1", "a")]);
    assert_eq!(order.state(), State::Pending);
    let order = see(order, &[news(PaymentStatus::Closed, "p1", "b")]);
    assert_eq!(order.state(), State::Closed);
    assert!(matches!(
        decide(Some(&see(pending(), &[paid("a", "p0", "t", money(DUE, "CNY"))])), None, &close(true), Timestamp(3)),
        Err(Refusal::AlreadyPaid(..))
    ));
}

#[test]
fn held_money_keeps_a_requested_close_from_ending_the_order() {
    let held = see(
        requested(),
        &[
            paid("b", "p0", "t1", money(DUE, "CNY")),
            news(PaymentStatus::Closed, "p0", "a"),
            news(PaymentStatus::Closed, "p1", "b"),
        ],
    );
    assert_eq!((held.state(), kinds(&held)), (State::Abnormal, ["account-mismatch".to_owned()].into()));
}

#[test]
fn what_is_wrong_besides_being_late_is_no_late_payment() {
    use CaseKind::{AccountMismatch, AmountMismatch, CurrencyMismatch, LatePayment};
    for (on, amount, kind) in [
        ("a", money(DUE, "CNY"), LatePayment),
        ("a", money(1, "CNY"), AmountMismatch),
        ("a", money(DUE, "USD"), CurrencyMismatch),
        ("b", money(DUE, "CNY"), AccountMismatch),
    ] {
        let scene = Scene::of(closed()).seeing(&[paid(on, "p0", "t1", amount)]);
        assert_eq!((scene.order.state(), scene.order.open_cases.len()), (State::Abnormal, 1));
        assert!(scene.case(kind).summary.contains("closed"), "{kind:?}");
        // A rule for amounts, or for accounts, does not know whether what was closed can still be delivered.
        let mut by_rule = scene.clone();
        let accept = Command::ResolveCase {
            case_id: by_rule.case(kind).id.clone(),
            resolution: Resolution::Accept,
            reason: "a rule".to_owned(),
            by: Resolver::Policy,
        };
        assert_eq!(by_rule.ask(&accept).is_ok(), kind == LatePayment, "{kind:?}");
        let mut by_hand = scene;
        assert_eq!(by_hand.rule(kind, Resolution::Accept).is_ok(), kind != CurrencyMismatch, "{kind:?}");
    }
}

#[test]
fn attempts_and_expiry_are_bounded() {
    let mut order = Some(pending());
    let start = |n: usize| Command::StartPayment {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: number(&format!("x{n}")),
        account: account("a"),
        provider: "alipay".into(),
        method: Method::External,
        inputs: None,
        expires_at: None,
    };
    for n in 2..MAX_PAYMENTS {
        apply(&mut order, &start(n));
    }
    assert!(matches!(decide(order.as_ref(), None, &start(99), Timestamp(1)), Err(Refusal::TooManyPayments(_))));
    let late = Command::Create {
        order_id: OrderId::parse("o2").unwrap(),
        amount: money(1, "CNY"),
        description: String::new(),
        expires_at: Some(Timestamp(1)),
    };
    assert_eq!(decide(None, None, &late, Timestamp(1)), Err(Refusal::ExpiresInPast));
}

const EXPIRES: i64 = 1_000_000_000;
const GRACE: i64 = 300_000_000;

/// An order with one payment "p9" that the platform refuses to take money for from `EXPIRES` on.
fn expiring() -> Scene {
    let mut order = None;
    let order_id = OrderId::parse("o1").unwrap();
    let create = Command::Create {
        order_id: order_id.clone(),
        amount: money(DUE, "CNY"),
        description: String::new(),
        expires_at: Some(Timestamp(EXPIRES)),
    };
    let created = apply(&mut order, &create);
    assert_eq!(created.tasks, [Followup::expiry(&order_id, Timestamp(EXPIRES))]);
    let start = Command::StartPayment {
        order_id,
        out_trade_no: number("p9"),
        account: account("a"),
        provider: "alipay".into(),
        method: Method::AlipayPrecreate,
        inputs: None,
        expires_at: Some(Timestamp(EXPIRES)),
    };
    let started = apply(&mut order, &start);
    assert_eq!(started.tasks, [Followup::payment(&number("p9"), &account("a"), Due::Soon)]);
    Scene::of(order.unwrap())
}

#[test]
fn a_caller_vouches_only_for_what_it_began_itself() {
    let mut scene = expiring();
    let external = Command::StartPayment {
        order_id: scene.order.id.clone(),
        out_trade_no: number("p8"),
        account: account("a"),
        provider: "alipay".into(),
        method: Method::External,
        inputs: None,
        expires_at: None,
    };
    scene.ask(&external).unwrap();
    let vouched = Command::Close { order_id: scene.order.id.clone(), payments_closed: true };
    let closing = scene.ask(&vouched).unwrap();
    assert_eq!((event_kinds(&closing), scene.order.state()), (vec!["CLOSE_REQUESTED"], State::Pending));
    // The platform has not said so: it is asked further about that one too.
    let question = |n: &str, due| Followup::payment(&number(n), &account("a"), due);
    assert_eq!(closing.tasks, [question("p8", Due::Soon), question("p9", Due::Now)]);
    assert_eq!(scene.order.payments[1].ruled_at, Some(scene.now));
    let told = scene.clone().seeing(&[news(PaymentStatus::Closed, "p8", "a")]);
    assert_eq!((told.order.payments[1].status, told.order.payments[1].ruled_at), (PaymentStatus::Closed, None));
    assert_eq!(scene.ask(&vouched).unwrap().events, []);
    assert_eq!(scene.seeing(&[news(PaymentStatus::Closed, "p9", "a")]).order.state(), State::Closed);
}

fn conclude(out_trade_no: &str) -> Command {
    Command::ConcludeUnpaid { order_id: OrderId::parse("o1").unwrap(), out_trade_no: number(out_trade_no) }
}

fn close_order() -> Command {
    Command::Close { order_id: OrderId::parse("o1").unwrap(), payments_closed: false }
}

#[test]
fn a_payment_is_only_taken_for_unpaid_when_its_expiry_is_long_over() {
    let mut scene = expiring();
    let closing = scene.ask(&close_order()).unwrap();
    assert_eq!(closing.tasks, [Followup::payment(&number("p9"), &account("a"), Due::Now)]);
    scene.now = Timestamp(EXPIRES + GRACE - 1);
    assert!(matches!(scene.ask(&conclude("p9")), Err(Refusal::MayStillBePaid { until: Some(_), .. })));
    assert!(matches!(scene.ask(&conclude("p8")), Err(Refusal::PaymentNotFound(..))));
    assert!(matches!(Scene::of(pending()).ask(&conclude("p0")), Err(Refusal::MayStillBePaid { until: None, .. })));
    scene.now = Timestamp(EXPIRES + GRACE);
    assert_eq!(event_kinds(&scene.ask(&conclude("p9")).unwrap()), ["PAYMENT_UPDATED", "ORDER_CLOSED"]);
    assert_eq!(scene.ask(&conclude("p9")), Ok(Decision::default()));
    // The platform takes the money all the same.
    let late = scene.seeing(&[paid("a", "p9", "t1", money(DUE, "CNY"))]);
    assert_eq!((late.order.state(), late.kinds()), (State::Abnormal, ["late-payment".to_owned()].into()));
}

#[test]
fn a_success_after_a_payment_was_taken_for_unpaid_pays_an_order_that_is_open() {
    let mut scene = expiring();
    scene.now = Timestamp(EXPIRES + GRACE);
    scene.ask(&conclude("p9")).unwrap();
    assert_eq!(scene.order.state(), State::Pending);
    assert_eq!(scene.seeing(&[paid("a", "p9", "t1", money(DUE, "CNY"))]).order.state(), State::Paid);
}

fn give_up(out_trade_no: &str) -> Command {
    Command::GiveUp {
        order_id: OrderId::parse("o1").unwrap(),
        about: About::Payment(number(out_trade_no)),
        evidence: "no answer since Monday".to_owned(),
    }
}

#[test]
fn a_definite_answer_settles_what_was_given_up() {
    for (answer, state) in [
        (news(PaymentStatus::Closed, "p9", "a"), State::Pending),
        (paid("a", "p9", "t1", money(DUE, "CNY")), State::Paid),
    ] {
        let mut scene = expiring();
        assert_eq!(event_kinds(&scene.ask(&give_up("p9")).unwrap()), ["CASE_OPENED"]);
        assert_eq!(scene.ask(&give_up("p9")), Ok(Decision::default()));
        assert_eq!(scene.case(CaseKind::Stuck).evidence, "no answer since Monday");
        // News that says nothing about the end leaves it open.
        scene = scene.seeing(&[news(PaymentStatus::Failed, "p9", "a")]);
        assert_eq!(scene.kinds(), ["stuck".to_owned()].into());
        scene = scene.seeing(&[answer]);
        assert_eq!((scene.order.state(), scene.kinds()), (state, BTreeSet::new()));
        let settled = scene.case(CaseKind::Stuck).state;
        assert!(matches!(settled, CaseState::Resolved { resolution: Resolution::Overtaken, by: None, .. }));
        assert_eq!(scene.ask(&give_up("p9")), Ok(Decision::default()));
    }
}

#[test]
fn a_person_may_take_a_payment_for_closed_or_leave_it() {
    let mut scene = expiring();
    scene.ask(&give_up("p9")).unwrap();
    let mut left = scene.clone();
    left.rule(CaseKind::Stuck, Resolution::Ignore).unwrap();
    assert_eq!((left.order.state(), left.kinds()), (State::Pending, BTreeSet::new()));
    // Asked again in vain, for example because the order is to be closed: that is new.
    left.ask(&close_order()).unwrap();
    assert_eq!(event_kinds(&left.ask(&give_up("p9")).unwrap()), ["CASE_OPENED"]);
    assert_eq!(
        (left.order.open_cases.clone(), left.ask(&give_up("p9"))),
        (vec!["stuck:a:p9 again 1".into()], Ok(Decision::default()))
    );
    let told = left.clone().seeing(&[news(PaymentStatus::Closed, "p9", "a")]);
    assert_eq!((told.order.state(), told.kinds()), (State::Closed, BTreeSet::new()));
    left.rule(CaseKind::Stuck, Resolution::Close).unwrap();
    assert_eq!(left.order.state(), State::Closed);
    let ruled = scene.rule(CaseKind::Stuck, Resolution::Close).unwrap();
    // The platform was silent: it is asked further, until it says how the payment ended.
    assert_eq!(ruled.tasks[0], Followup::payment(&number("p9"), &account("a"), Due::Soon));
    assert_eq!(
        (scene.order.payments[0].ruled_at, scene.ask(&give_up("p9"))),
        (Some(scene.now), Ok(Decision::default()))
    );
    let told = scene.clone().seeing(&[news(PaymentStatus::Closed, "p9", "a")]);
    assert_eq!((told.order.payments[0].ruled_at, told.order.state()), (None, State::Closed));
    assert_eq!((event_kinds(&ruled), scene.order.state()), (vec!["CASE_RESOLVED", "ORDER_CLOSED"], State::Closed));
    let by = scene.case(CaseKind::Stuck).state;
    assert!(matches!(by, CaseState::Resolved { resolution: Resolution::Close, by: Some(Resolver::Operator), .. }));
    let late = scene.seeing(&[paid("a", "p9", "t1", money(DUE, "CNY"))]);
    assert_eq!((late.order.state(), late.kinds()), (State::Abnormal, ["late-payment".to_owned()].into()));
}

#[test]
fn a_repetition_says_the_same() {
    let mut scene = expiring();
    let start = |n: &str, inputs: Option<&str>| Command::StartPayment {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: number(n),
        account: account("a"),
        provider: "alipay".into(),
        method: Method::AlipayPrecreate,
        inputs: inputs.map(|text| Sha256::of(text.as_bytes())),
        expires_at: None,
    };
    assert_eq!(event_kinds(&scene.ask(&start("p8", Some("a"))).unwrap()), ["PAYMENT_STARTED"]);
    assert_eq!(scene.ask(&start("p8", Some("a"))), Ok(Decision::default()));
    assert_eq!(scene.ask(&start("p8", Some("b"))), Err(Refusal::InputsDiffer(number("p8"))));
    // Nobody knows what it was begun with.
    assert_eq!(scene.ask(&start("p9", Some("b"))), Ok(Decision::default()));
}

#[test]
fn a_payment_is_begun_once_and_its_name_at_the_platform_is_kept() {
    let mut scene = expiring();
    let start = |method, expires_at| Command::StartPayment {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: number("p9"),
        account: account("a"),
        provider: "alipay".into(),
        method,
        inputs: None,
        expires_at,
    };
    let reference = |text: &str| Command::RecordReference {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: number("p9"),
        reference: text.into(),
    };
    assert_eq!(event_kinds(&scene.ask(&reference("pi_1")).unwrap()), ["PAYMENT_UPDATED"]);
    assert_eq!(scene.ask(&reference("pi_1")), Ok(Decision::default()));
    scene = scene.seeing(&[paid("a", "p9", "t1", money(DUE, "CNY"))]);
    // Whatever became of it: the caller sees.
    assert_eq!(scene.ask(&start(Method::AlipayPrecreate, None)), Ok(Decision::default()));
    assert!(matches!(scene.ask(&start(Method::External, None)), Err(Refusal::NumberTaken(_))));
    assert_eq!(scene.order.payments[0].reference.as_deref(), Some("pi_1"));
}
