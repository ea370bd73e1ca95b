//! Any news, any commands, in any order.

use proptest::prelude::*;

use super::*;

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
        .map(|id| match id.kind() {
            Some(kind @ CaseKind::DoublePayment) => kind.as_str().to_owned(),
            Some(_) | None => id.to_string(),
        })
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

/// Whether the refunds that are shown of each transaction add up to what went back of it.
fn adds_up(order: &Order) -> bool {
    let shown = order.refunds_apart();
    let settled = || shown.iter().filter(|r| r.status == RefundStatus::Succeeded);
    let of = |t: &Transaction| settled().filter(|r| order.is_taken_from(r, t)).map(|r| r.amount.minor()).sum::<i64>();
    order.transactions().all(|t| of(t) == order.refunds_reported_for(t))
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
        let [one, other] = [first, second].map(|news| see(start.clone(), &news));
        prop_assert_eq!(essence(&one), essence(&other));
        prop_assert!(adds_up(&one) && adds_up(&other), "{:?}", one.refunds_apart());
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
    /// Whatever happened, rulings that are allowed end it: no case stays open, and the order is not ABNORMAL.
    /// A ruling that is repeated changes nothing, and no more is asked back than came in.
    #[test]
    fn rulings_end_abnormal(
        all in proptest::collection::vec(any_news(), 0..12),
        rulings in proptest::collection::vec(any_ruling(), 12),
        start in prop_oneof![Just(pending()), Just(requested()), Just(closed())],
        before in 0_usize..12,
    ) {
        let (early, late) = all.split_at(before.min(all.len()));
        let mut scene = Scene::of(start).seeing(early);
        scene = settled(scene, &rulings).seeing(late);
        scene = settled(scene, &rulings);
        prop_assert_ne!(scene.order.state(), State::Abnormal);
        let closed_for_good = scene.order.state() != State::Closed || scene.order.credited().is_none();
        prop_assert!(closed_for_good, "money that counts on a closed order");
    }

    /// Refunds that were asked for and any news of them, in any order, end the same way.
    #[test]
    fn news_of_refunds_that_were_asked_for_ends_the_same_way(
        (first, second) in proptest::collection::vec(any_refund_news(), 0..10)
            .prop_flat_map(|all| (Just(all.clone()), Just([all.clone(), all].concat()).prop_shuffle())),
    ) {
        let mut asked = Scene::paid();
        for (number, minor) in [("R1", 400), ("R2", 500)] {
            asked.ask(&back(number, minor)).unwrap();
        }
        let standing = |order: &Order| {
            let mut refunds: Vec<_> = order.refunds.iter()
                .map(|r| (r.out_refund_no.clone().filter(|_| !r.cumulative), r.refund_id.clone(), r.status, r.amount))
                .collect();
            refunds.sort();
            refunds
        };
        let [one, other] = [first, second].map(|news| asked.clone().seeing(&news).order);
        prop_assert_eq!(essence(&one), essence(&other));
        prop_assert_eq!(standing(&one), standing(&other));
        prop_assert!(adds_up(&one), "{:?}", one.refunds_apart());
        let shown = |order: &Order| {
            let mut all: Vec<_> =
                order.refunds_apart().iter().map(|r| (r.cumulative, r.refund_id.clone(), r.status, r.amount)).collect();
            all.sort();
            all
        };
        prop_assert_eq!(shown(&one), shown(&other));
    }

    /// A platform gives back what is asked for here and what is asked for elsewhere, and tells of each as a running total
    /// and, of ours, by number too. However late each comes, what went back elsewhere is known exactly in the end.
    #[test]
    fn what_went_back_elsewhere_is_told_from_ours(
        all in proptest::collection::vec((any::<bool>(), 1_i64..60, 0_usize..25, 0_usize..60, 0_usize..60), 0..8),
    ) {
        let mut steps = Vec::new();
        let (mut sum, mut elsewhere) = (0, 0);
        for (n, (ours, minor, ahead, own_late, total_late)) in all.iter().copied().enumerate() {
            let (at, number) = (100 + 10 * n, format!("R{n}"));
            sum += minor;
            steps.push((at + total_late, Ok(total(Some(&number), sum))));
            if ours {
                steps.push((at - 1 - ahead, Err(back(&number, minor))));
                steps.push((at + own_late, Ok(told(Some(&number), None, RefundStatus::Succeeded, minor))));
            } else {
                elsewhere += minor;
            }
        }
        steps.sort_by_key(|(at, _)| *at);
        let mut scene = Scene::paid();
        let mut noted = 0;
        for (_, step) in &steps {
            match step {
                Ok(news) => scene = scene.seeing(std::slice::from_ref(news)),
                Err(command) => drop(scene.ask(command).unwrap()),
            }
            let now = scene.order.went_back_elsewhere(&account("a"), &fact_of(total(None, 0)));
            prop_assert!((noted..=elsewhere).contains(&now), "{now} after {noted}, of {elsewhere}");
            noted = now;
        }
        prop_assert_eq!((noted, scene.order.refunded().minor()), (elsewhere, sum));
    }

    /// However refunds are asked for and whatever the platform says between, a refund is only asked for while there
    /// is something left: of a platform that reports only what was asked for, never more comes back than it got.
    #[test]
    fn no_more_is_asked_back_than_came_in(
        steps in proptest::collection::vec((0_usize..8, 1_i64..=DUE, any_refund_status()), 0..20),
    ) {
        let mut scene = Scene::paid();
        for (n, minor, status) in steps {
            let before = scene.order.left_of(scene.order.transactions().next().unwrap()).minor();
            let new = scene.order.refunds.iter().all(|r| r.out_refund_no != Some(ours(&format!("R{n}"))));
            match scene.ask(&back(&format!("R{n}"), minor)) {
                Ok(decision) if new => prop_assert!(!decision.events.is_empty() && minor <= before),
                Ok(decision) => prop_assert!(decision.events.is_empty()),
                Err(_) => {}
            }
            let asked = scene.order.refunds.iter().find(|r| r.out_refund_no == Some(ours(&format!("R{n}"))));
            let report = asked.map(|r| told(Some(&format!("R{n}")), None, status, r.amount.minor()));
            scene = scene.seeing(&report.into_iter().collect::<Vec<_>>());
            let alive: i64 =
                scene.order.refunds.iter().filter(|r| r.status != RefundStatus::Failed).map(|r| r.amount.minor()).sum();
            prop_assert!(alive <= DUE, "{alive}");
            prop_assert!(!scene.kinds().contains("amount-mismatch"));
        }
    }
}

fn any_ruling() -> impl Strategy<Value = Resolution> {
    proptest::sample::select(vec![Resolution::Accept, Resolution::Refund, Resolution::Close, Resolution::Ignore])
}

fn any_refund_status() -> impl Strategy<Value = RefundStatus> {
    proptest::sample::select(vec![
        RefundStatus::Pending,
        RefundStatus::Abnormal,
        RefundStatus::Succeeded,
        RefundStatus::Failed,
    ])
}

/// Reports of two refunds that were asked for, by number, in parts, and as running totals.
fn any_refund_news() -> impl Strategy<Value = Observation> {
    let single = prop_oneof![
        Just((Some("R1"), None, 400)),
        Just((Some("R1"), Some("re1"), 400)),
        Just((None, Some("re1"), 400)),
        Just((Some("R2"), Some("re2"), 500)),
        Just((Some("X"), Some("re3"), 50)),
    ];
    let totals = prop_oneof![Just(("R1", 400)), Just(("R2", 900)), Just(("R2", 500)), Just(("X", 950))];
    prop_oneof![
        3 => (single, any_refund_status()).prop_map(|((ours, theirs, minor), status)| told(ours, theirs, status, minor)),
        1 => totals.prop_map(|(ours, minor)| total(Some(ours), minor)),
    ]
}

/// Rules on every open case: as wished where that is allowed, else as the first that is.
fn settled(mut scene: Scene, wishes: &[Resolution]) -> Scene {
    let mut wishes = wishes.iter().cycle();
    while let Some(case_id) = scene.order.open_cases.first().cloned() {
        let wish = *wishes.next().unwrap();
        let allowed = scene.cases[&case_id].allowed();
        let (ruled, decision) = std::iter::once(wish)
            .chain(allowed)
            .find_map(|r| scene.clone().ask(&ruling(&case_id, r)).ok().map(|_| (r, scene.ask(&ruling(&case_id, r)))))
            .expect("every case can be settled");
        assert!(!decision.unwrap().events.is_empty());
        assert_eq!(scene.ask(&ruling(&case_id, ruled)), Ok(Decision::default()));
        assert!(scene.order.transactions().all(|t| asked_of(&scene.order, t) <= t.amount.minor()));
    }
    scene
}

/// What rulings asked back of a transaction.
fn asked_of(order: &Order, transaction: &Transaction) -> i64 {
    let of = |r: &&Refund| r.requested.is_some() && r.transaction_id.as_ref() == Some(&transaction.id);
    order.refunds.iter().filter(of).map(|r| r.amount.minor()).sum()
}
