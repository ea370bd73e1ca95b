//! The domain's promises: no order of arrival and no duplicate changes the end, and every step is in the table.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const DUE: i64 = 1_000;

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::parse(currency).unwrap()).unwrap()
}

fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

fn transaction(text: &str) -> TransactionId {
    TransactionId::parse(text).unwrap()
}

fn apply(order: &mut Option<Order>, command: &Command) -> Decision {
    let decision = decide(order.as_ref(), command, Timestamp(1)).unwrap();
    check(&decision);
    if let Some(after) = decision.order() {
        *order = Some(after.clone());
    }
    decision
}

/// What must hold of every decision: a chain of allowed moves, one version each.
fn check(decision: &Decision) {
    for (i, event) in decision.events.iter().enumerate() {
        assert!(moves::allowed(event.from, event.kind, event.after.state()), "{event:?}");
        assert!(event.after.refunded() <= event.after.paid());
        if i > 0 {
            assert_eq!(event.from, Some(decision.events[i - 1].after.state()));
            assert_eq!(event.after.version, decision.events[i - 1].after.version + 1);
        }
    }
}

/// An order with payments "p0" on account "a" and "p1" on account "b".
fn pending() -> Order {
    let mut order = None;
    let order_id = OrderId::parse("o1").unwrap();
    apply(
        &mut order,
        &Command::Create {
            order_id: order_id.clone(),
            amount: money(DUE, "CNY"),
            description: String::new(),
            expires_at: None,
        },
    );
    for (out_trade_no, on) in [("p0", "a"), ("p1", "b")] {
        apply(
            &mut order,
            &Command::StartPayment {
                order_id: order_id.clone(),
                out_trade_no: number(out_trade_no),
                account: account(on),
                provider: "alipay".into(),
            },
        );
    }
    order.unwrap()
}

fn closed() -> Order {
    let mut order = Some(pending());
    apply(&mut order, &Command::Close { order_id: OrderId::parse("o1").unwrap(), payments_closed: true });
    order.unwrap()
}

fn requested() -> Order {
    let mut order = Some(pending());
    apply(&mut order, &Command::Close { order_id: OrderId::parse("o1").unwrap(), payments_closed: false });
    order.unwrap()
}

fn paid(on: &str, out_trade_no: &str, id: &str, amount: Money) -> Observation {
    Observation {
        account: account(on),
        fact: Fact::Payment(PaymentFact {
            out_trade_no: Some(number(out_trade_no)),
            transaction_id: Some(transaction(id)),
            status: PaymentStatus::Succeeded,
            amount,
            occurred_at: None,
        }),
    }
}

fn news(status: PaymentStatus, out_trade_no: &str, on: &str) -> Observation {
    Observation {
        account: account(on),
        fact: Fact::Payment(PaymentFact {
            out_trade_no: Some(number(out_trade_no)),
            transaction_id: None,
            status,
            amount: money(DUE, "CNY"),
            occurred_at: None,
        }),
    }
}

fn refund(on: &str, id: &str, refund_id: Option<&str>, status: RefundStatus, minor: i64) -> Observation {
    Observation {
        account: account(on),
        fact: Fact::Refund(RefundFact {
            out_trade_no: None,
            transaction_id: Some(transaction(id)),
            out_refund_no: None,
            refund_id: refund_id.map(transaction),
            status,
            amount: money(minor, "CNY"),
            cumulative: refund_id.is_none(),
            occurred_at: None,
        }),
    }
}

fn see(mut order: Order, all: &[Observation]) -> Order {
    for observation in all {
        let decision = observe(&order, observation, Timestamp(2)).unwrap();
        check(&decision);
        if let Some(after) = decision.order() {
            order = after.clone();
        }
    }
    order
}

fn kinds(order: &Order) -> BTreeSet<String> {
    order.open_cases.iter().map(|id| id.split(':').next().unwrap().to_owned()).collect()
}

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
fn a_platform_that_contradicts_itself_opens_a_case_and_moves_nothing() {
    let order = see(pending(), &[paid("a", "p0", "t1", money(DUE, "CNY")), paid("a", "p0", "t1", money(7, "CNY"))]);
    assert_eq!((order.state(), order.paid().minor()), (State::Paid, DUE));
    assert_eq!(kinds(&order), ["amount-mismatch".to_owned()].into());
}

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
        decide(Some(&see(pending(), &[paid("a", "p0", "t", money(DUE, "CNY"))])), &close(true), Timestamp(3)),
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

/// One refund told in parts: by the shop's number, by the platform's, by both.
fn told(out_refund_no: Option<&str>, refund_id: Option<&str>, status: RefundStatus, minor: i64) -> Observation {
    Observation {
        account: account("a"),
        fact: Fact::Refund(RefundFact {
            out_trade_no: Some(number("p0")),
            transaction_id: Some(transaction("t1")),
            out_refund_no: out_refund_no.map(transaction),
            refund_id: refund_id.map(transaction),
            status,
            amount: money(minor, "CNY"),
            cumulative: false,
            occurred_at: None,
        }),
    }
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

#[test]
fn attempts_and_expiry_are_bounded() {
    let mut order = Some(pending());
    let start = |n: usize| Command::StartPayment {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: number(&format!("x{n}")),
        account: account("a"),
        provider: "alipay".into(),
    };
    for n in 2..MAX_PAYMENTS {
        apply(&mut order, &start(n));
    }
    assert!(matches!(decide(order.as_ref(), &start(99), Timestamp(1)), Err(Refusal::TooManyPayments(_))));
    let late = Command::Create {
        order_id: OrderId::parse("o2").unwrap(),
        amount: money(1, "CNY"),
        description: String::new(),
        expires_at: Some(Timestamp(1)),
    };
    assert_eq!(decide(None, &late, Timestamp(1)), Err(Refusal::ExpiresInPast));
}

#[test]
fn every_allowed_name_reads_back() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
    }
    for kind in CaseKind::ALL {
        assert_eq!(CaseKind::parse(kind.as_str()), Some(kind));
    }
}

#[test]
fn states_document_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/states.md");
    if std::env::var_os("PAYSTATE_UPDATE").is_some() {
        std::fs::write(&path, moves::document()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), moves::document());
}

/// News as a platform that never contradicts itself sends it: the amount belongs to the transaction, the
/// size to the refund.
fn any_news() -> impl Strategy<Value = Observation> {
    let transactions = prop_oneof![
        Just(("a", "p0", "t1", DUE, "CNY")),
        Just(("a", "p0", "t2", DUE, "CNY")),
        Just(("b", "p1", "t3", DUE, "CNY")),
        Just(("b", "p1", "t4", DUE - 1, "CNY")),
        Just(("b", "p0", "t5", DUE, "CNY")),
        Just(("a", "p0", "t6", DUE, "JPY")),
    ];
    let refunds = prop_oneof![
        Just(("a", "t1", Some("r1"), 400)),
        Just(("a", "t1", Some("r2"), 600)),
        Just(("b", "t3", Some("r3"), DUE)),
        Just(("a", "t2", None, 300)),
        Just(("a", "t2", None, DUE)),
        Just(("b", "t4", Some("r4"), DUE - 1)),
    ];
    let refund_status = prop_oneof![
        Just(RefundStatus::Pending),
        Just(RefundStatus::Abnormal),
        Just(RefundStatus::Succeeded),
        Just(RefundStatus::Failed),
    ];
    let weak = prop_oneof![Just(PaymentStatus::Pending), Just(PaymentStatus::Failed), Just(PaymentStatus::Closed)];
    prop_oneof![
        4 => transactions.prop_map(|(on, p, id, minor, c)| paid(on, p, id, money(minor, c))),
        3 => (refunds, refund_status).prop_map(|((on, id, r, minor), status)| refund(on, id, r, status, minor)),
        2 => (weak, prop_oneof![Just(("p0", "a")), Just(("p1", "b")), Just(("p0", "b"))])
            .prop_map(|(status, (p, on))| news(status, p, on)),
    ]
}

/// All that must not depend on the order of arrival.
type Essence = (State, i64, i64, BTreeSet<String>, Vec<(String, PaymentStatus, Vec<String>)>);

fn essence(order: &Order) -> Essence {
    // Which of two fitting payments is called the second one is the only thing that arrival decides.
    let cases = order
        .open_cases
        .iter()
        .map(|id| if id.starts_with("double-payment") { "double-payment".to_owned() } else { id.clone() })
        .collect();
    let payments = order
        .payments
        .iter()
        .map(|p| {
            let mut ids: Vec<_> = p.transactions.iter().map(|t| t.id.to_string()).collect();
            ids.sort();
            (p.out_trade_no.to_string(), p.status, ids)
        })
        .collect();
    (order.state(), order.paid().minor(), order.refunded().minor(), cases, payments)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// I11: the same news in any order, with any duplicates, ends the same way.
    #[test]
    fn order_of_arrival_and_duplicates_do_not_matter(
        (first, second) in proptest::collection::vec(any_news(), 0..12).prop_flat_map(|all| {
            let shuffled = Just(all.clone()).prop_shuffle();
            let extra = proptest::collection::vec(proptest::sample::select(if all.is_empty() {
                vec![news(PaymentStatus::Pending, "p0", "a")]
            } else {
                all.clone()
            }), 0..6);
            (Just(all), (shuffled, extra).prop_map(|(mut s, e)| { s.extend(e); s }))
        }),
        ended in any::<bool>(),
    ) {
        let start = if ended { closed() } else { pending() };
        prop_assert_eq!(essence(&see(start.clone(), &first)), essence(&see(start, &second)));
    }

    /// Whatever else is said, a fitting success makes an open order paid, and it is never lost on one that
    /// is closed, or is closed meanwhile.
    #[test]
    fn a_success_is_never_masked(
        mut all in proptest::collection::vec(any_news(), 0..10),
        at in 0_usize..10,
        start in prop_oneof![Just(pending()), Just(requested()), Just(closed())],
    ) {
        let success = paid("a", "p0", "t9", money(DUE, "CNY"));
        all.insert(at.min(all.len()), success);
        let order = see(start, &all);
        match order.ending {
            Ending::Open | Ending::Requested(_) => {
                let paid = matches!(order.state(), State::Paid | State::PartiallyRefunded | State::Refunded);
                prop_assert!(paid && order.refunded().is_zero(), "{:?}", order.state());
            }
            Ending::Closed(_) => {
                prop_assert_eq!(order.state(), State::Abnormal);
                prop_assert!(kinds(&order).contains("late-payment"));
            }
        }
    }

    /// The stored form reads back whole.
    #[test]
    fn stored_form_reads_back(all in proptest::collection::vec(any_news(), 0..10)) {
        let order = see(pending(), &all);
        let text = serde_json::to_string(&order).unwrap();
        prop_assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    }
}
