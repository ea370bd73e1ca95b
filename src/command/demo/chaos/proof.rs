//! What was seen on both sides, and what must hold between them.

use std::collections::{BTreeMap, BTreeSet};

use paystate_proto::v1::{self, CaseKind, CaseState, OrderState, RefundState};
use paystate_providers::Provider;
use paystate_sandbox::{EffectKind, Ledger, Sandbox, TradeStatus};

use super::{
    super::{proof::Check, shop::Shop},
    script::{Scene, Story},
};

/// Heads of the table.
pub(super) const COLUMNS: [[&str; 2]; 9] = [
    ["orders", ""],
    ["paid", ""],
    ["untold", "asked for"],
    ["refunds", "carried out"],
    ["amount", "held"],
    ["late", "held"],
    ["double", "returned"],
    ["closed", ""],
    ["unpaid", ""],
];

/// Everything that core and platforms say after the traffic.
pub(super) struct Seen<'a> {
    stories: &'a [Story],
    orders: BTreeMap<String, v1::Order>,
    cases: Vec<v1::Case>,
    ledger: Ledger,
    audit: Vec<v1::InvariantResult>,
}

impl<'a> Seen<'a> {
    pub(super) async fn gather(shop: &Shop, sandbox: &Sandbox, stories: &'a [Story]) -> Result<Self, String> {
        let orders = shop.orders(stories.iter().map(|s| s.order_id.clone()).collect()).await?;
        Ok(Self {
            stories,
            orders: orders.into_iter().map(|o| (o.order_id.clone(), o)).collect(),
            cases: shop.cases().await?,
            audit: shop.audit().await?,
            ledger: sandbox.ledger(),
        })
    }

    /// Whether nothing is on its way any more. A refund that was decided but not sent is on its way: until it is sent,
    /// both sides agree.
    pub(super) fn all_ended(&self) -> bool {
        let mut refunds = self.orders.values().flat_map(|order| &order.refunds);
        if refunds.any(|refund| refund.state() == RefundState::Pending) {
            return false;
        }
        self.stories.iter().all(|s| off_story(self, s).is_none() && untrue(self, s).is_none())
    }

    /// What is open or settled on an order, reconciliations aside.
    fn case(&self, story: &Story) -> Vec<(CaseKind, CaseState)> {
        let mine = self.cases.iter().filter(|c| c.order_id == story.order_id && !is_reconciliation(c.kind()));
        mine.map(|c| (c.kind(), c.state())).collect()
    }
}

fn is_reconciliation(kind: CaseKind) -> bool {
    kind.as_str_name().starts_with("CASE_KIND_RECONCILIATION")
}

/// A row a platform.
pub(super) fn rows(seen: &Seen<'_>) -> Vec<(&'static str, [u64; 9])> {
    Provider::ALL.into_iter().map(|provider| (provider.as_str(), row(seen, provider))).collect()
}

fn row(seen: &Seen<'_>, provider: Provider) -> [u64; 9] {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mine = || seen.stories.iter().filter(|s| s.provider == provider);
    let told = |wanted: fn(Scene) -> bool| count(mine().filter(|s| wanted(s.scene)).count());
    let in_state = |wanted: &[OrderState]| {
        let is = |s: &&Story| seen.orders.get(&s.order_id).is_some_and(|o| wanted.contains(&o.state()));
        count(mine().filter(is).count())
    };
    let cases = |wanted| count(mine().filter(|s| seen.case(s).contains(&wanted)).count());
    [
        count(mine().count()),
        in_state(&[OrderState::Paid, OrderState::PartiallyRefunded, OrderState::Refunded]),
        told(|s| matches!(s, Scene::Untold | Scene::UntoldExternal | Scene::ToldAfterClose | Scene::TwoChannels)),
        count(seen.ledger.refunds.iter().filter(|r| r.provider == provider).count()),
        cases((CaseKind::AmountMismatch, CaseState::Open)),
        cases((CaseKind::LatePayment, CaseState::Open)),
        cases((CaseKind::DoublePayment, CaseState::Resolved)),
        in_state(&[OrderState::Closed]),
        in_state(&[OrderState::Pending]),
    ]
}

/// All of them, the database's own invariants included.
pub(super) fn checks(seen: &Seen<'_>, settled: bool) -> Vec<Check> {
    let mut all = vec![
        Check::new(
            "story",
            "every order is where its story ends, with the case that belongs to it",
            seen.stories.iter().filter_map(|s| off_story(seen, s)),
        ),
        Check::new(
            "I12",
            "every order has the payments and refunds of the platforms' own ledger, and no others",
            seen.stories.iter().filter_map(|s| untrue(seen, s)),
        ),
        Check::new("I20", "nothing happened twice at a platform, and nothing that nobody asked for", effects(seen)),
        Check::new(
            "I23",
            "no order is closed while a platform has its money, unless a case says so",
            seen.stories.iter().filter_map(|s| closed_with_money(seen, s)),
        ),
        Check::new(
            "I25",
            "everything came to its end in time, and nothing is overdue",
            (!settled).then(|| "something is still on its way".to_owned()),
        ),
    ];
    all.extend(seen.audit.iter().map(|r| Check::new(&r.name, &r.statement, r.violations.clone())));
    all
}

fn off_story(seen: &Seen<'_>, story: &Story) -> Option<String> {
    let (state, case) = story.scene.ends();
    let Some(order) = seen.orders.get(&story.order_id) else { return Some(format!("{} is gone", story.order_id)) };
    let (found, cases) = (order.state(), seen.case(story));
    let right = found == state && cases == case.into_iter().collect::<Vec<_>>();
    (!right)
        .then(|| format!("{} ({:?} at {}) is {found:?} with {cases:?}", story.order_id, story.scene, story.provider))
}

/// Money of one number at a platform: transaction, paid, given back.
type Money = BTreeSet<(String, i64, i64)>;

fn untrue(seen: &Seen<'_>, story: &Story) -> Option<String> {
    let order = seen.orders.get(&story.order_id)?;
    let minor = |money: &Option<v1::Money>| money.as_ref().map_or(0, |m| m.amount_minor);
    for (provider, number) in story.numbers() {
        let here: Money = order
            .payments
            .iter()
            .filter(|payment| payment.out_trade_no == number)
            .flat_map(|payment| &payment.transactions)
            .map(|t| (t.transaction_id.clone(), minor(&t.amount), minor(&t.refunded_amount)))
            .collect();
        let there = money(seen, provider, &number);
        if here != there {
            return Some(format!("{} {number}: the platform has {there:?}, the order {here:?}", story.order_id));
        }
    }
    let back = |refund: &&v1::Refund| refund.state() == RefundState::Succeeded;
    let here: BTreeSet<_> = order.refunds.iter().filter(back).map(|r| r.out_refund_no.as_str()).collect();
    let numbers: Vec<_> = story.numbers();
    let of_story = |r: &&paystate_sandbox::Refund| numbers.contains(&(r.provider, r.out_trade_no.clone()));
    let there: BTreeSet<_> = seen.ledger.refunds.iter().filter(of_story).map(|r| r.out_refund_no.as_str()).collect();
    (here != there).then(|| format!("{}: the platform refunded {there:?}, the order says {here:?}", story.order_id))
}

fn money(seen: &Seen<'_>, provider: Provider, number: &str) -> Money {
    let trades = seen.ledger.trades.iter().filter(|t| t.provider == provider && t.out_trade_no == number);
    let paid = trades.filter(|t| t.status != TradeStatus::Closed);
    paid.map(|t| (t.transaction_id.clone(), t.amount_minor, t.refunded_minor)).collect()
}

fn effects(seen: &Seen<'_>) -> Vec<String> {
    let asked: BTreeSet<String> =
        seen.orders.values().flat_map(|o| &o.refunds).map(|r| r.out_refund_no.clone()).collect();
    let wanted: BTreeSet<String> = seen.stories.iter().flat_map(Story::numbers).map(|(_, number)| number).collect();
    let known = |kind: EffectKind, number: &String| match kind {
        EffectKind::Payment => wanted.contains(number),
        EffectKind::Refund => asked.contains(number),
    };
    let wrong = seen.ledger.effects().into_iter().filter(|e| e.count != 1 || !known(e.kind, &e.number));
    wrong
        .map(|e| format!("{} {:?} {}: {} times, {} in all", e.provider, e.kind, e.number, e.count, e.amount_minor))
        .collect()
}

fn closed_with_money(seen: &Seen<'_>, story: &Story) -> Option<String> {
    let closed = seen.orders.get(&story.order_id).is_some_and(|o| o.state() == OrderState::Closed);
    let money = story.numbers().iter().any(|(provider, number)| !money(seen, *provider, number).is_empty());
    (closed && money && seen.case(story).is_empty()).then(|| story.order_id.clone())
}
