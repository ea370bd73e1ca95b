//! What was seen on both sides, and what must hold between them.

use std::collections::{BTreeMap, BTreeSet};

use paystate_proto::v1::{self, CaseKind, ObservationSource, OrderState, Verdict};
use paystate_providers::Provider;
use paystate_sandbox::{Counters, Ledger, Sandbox, TradeStatus};

use super::{
    script::{self, Story},
    shop::Shop,
};

/// At most this many violations are named for each check.
const SHOWN: usize = 5;

/// Everything that core and platforms say after the traffic.
pub(super) struct Seen<'a> {
    pub(super) stories: &'a [Story],
    pub(super) orders: BTreeMap<String, v1::Order>,
    pub(super) notifications: Vec<v1::Notification>,
    pub(super) cases: Vec<v1::Case>,
    pub(super) ledger: Ledger,
    pub(super) counters: BTreeMap<Provider, Counters>,
    audit: Vec<v1::InvariantResult>,
}

/// One thing that must hold.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) statement: String,
    pub(super) violations: Vec<String>,
}

impl Check {
    pub(super) fn new(name: &str, statement: &str, violations: impl IntoIterator<Item = String>) -> Self {
        let violations = violations.into_iter().take(SHOWN).collect();
        Self { name: name.into(), statement: statement.into(), violations }
    }
}

impl<'a> Seen<'a> {
    pub(super) async fn gather(shop: &Shop, sandbox: &Sandbox, stories: &'a [Story]) -> Result<Self, String> {
        let orders = shop.orders(stories.iter().map(|s| s.order_id.clone()).collect()).await?;
        Ok(Self {
            stories,
            orders: orders.into_iter().map(|o| (o.order_id.clone(), o)).collect(),
            notifications: shop.notifications().await?,
            cases: shop.cases().await?,
            audit: shop.audit().await?,
            ledger: sandbox.ledger(),
            counters: sandbox.counters(),
        })
    }

    /// Callbacks that were believed. The platforms' answers to questions are stored beside them, but nobody sent those.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &v1::Notification> {
        let callback = |n: &&v1::Notification| n.source() == ObservationSource::Callback;
        self.notifications.iter().filter(|n| n.verdict() == Verdict::Accepted).filter(callback)
    }

    pub(super) fn open_cases(&self, kind: CaseKind) -> impl Iterator<Item = &v1::Case> {
        self.cases.iter().filter(move |c| c.kind() == kind && c.state() == v1::CaseState::Open)
    }

    fn has_open_case(&self, story: &Story) -> Option<CaseKind> {
        let mine = |c: &&v1::Case| c.order_id == story.order_id && c.state() == v1::CaseState::Open;
        self.cases.iter().find(mine).map(v1::Case::kind)
    }
}

/// All of them, the database's own invariants included.
pub(super) fn checks(seen: &Seen<'_>, quiet: bool) -> Vec<Check> {
    let mut all = vec![
        Check::new(
            "story",
            "every order is where its story ends, with the case that belongs to it",
            seen.stories.iter().filter_map(|s| off_story(seen, s)),
        ),
        Check::new("I1", "every callback that was answered with success is stored exactly once", unstored(seen)),
        Check::new("I2", "no callback is stored as accepted that no platform sent", phantoms(seen)),
        Check::new(
            "I12",
            "the platform has the money if and only if the order is paid or a case names it",
            untrue(seen),
        ),
        Check::new("I19", "every forged, tampered or misdirected callback was refused", believed(seen)),
        Check::new(
            "I25",
            "the platforms' retries brought in everything, and nothing is left pending",
            (!quiet).then(|| "callbacks are still pending".to_owned()),
        ),
        Check::new("cases", "each stray payment opened one UNKNOWN_ORDER case and no order", strays(seen)),
    ];
    all.extend(seen.audit.iter().map(|r| Check::new(&r.name, &r.statement, r.violations.clone())));
    in_order(&mut all);
    all
}

/// The invariants by number, after what has none.
pub(super) fn in_order(checks: &mut [Check]) {
    checks.sort_by_key(|c| c.name.strip_prefix('I').and_then(|n| n.parse::<u32>().ok()).unwrap_or(0));
}

fn off_story(seen: &Seen<'_>, story: &Story) -> Option<String> {
    let (state, case) = story.scene.ends();
    let Some(order) = seen.orders.get(&story.order_id) else { return Some(format!("{} is gone", story.order_id)) };
    let found = (order.state(), seen.has_open_case(story));
    (found != (state, case)).then(|| format!("{} ({:?}) is {found:?}", story.order_id, story.scene))
}

fn unstored(seen: &Seen<'_>) -> Vec<String> {
    let mut stored: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for n in seen.accepted() {
        *stored.entry((&n.provider, &n.body_sha256)).or_default() += 1;
    }
    let acked = seen.ledger.notices.iter().filter(|n| n.acked);
    acked
        .filter(|n| stored.get(&(n.provider.as_str(), n.body_sha256.as_str())) != Some(&1))
        .map(|n| format!("{} notice {} for {}", n.provider, n.id, n.out_trade_no))
        .collect()
}

fn phantoms(seen: &Seen<'_>) -> Vec<String> {
    let sent: BTreeSet<&str> = seen.ledger.notices.iter().map(|n| n.body_sha256.as_str()).collect();
    let phantom = |n: &&v1::Notification| !sent.contains(n.body_sha256.as_str());
    seen.accepted().filter(phantom).map(|n| n.notification_id.clone()).collect()
}

fn untrue(seen: &Seen<'_>) -> Vec<String> {
    let has_money = |number: &str| {
        let mut trades = seen.ledger.trades.iter().filter(|t| t.out_trade_no == number);
        trades.any(|t| matches!(t.status, TradeStatus::Paid | TradeStatus::Refunded))
    };
    seen.stories
        .iter()
        .filter(|s| {
            let paid = seen.orders.get(&s.order_id).is_some_and(|o| {
                matches!(o.state(), OrderState::Paid | OrderState::PartiallyRefunded | OrderState::Refunded)
            });
            let money = has_money(&s.out_trade_no);
            (money && !paid && seen.has_open_case(s).is_none()) || (paid && !money)
        })
        .map(|s| s.order_id.clone())
        .collect()
}

fn believed(seen: &Seen<'_>) -> Vec<String> {
    let mut broken: Vec<_> = seen
        .counters
        .iter()
        .filter(|(_, c)| c.attacks_accepted > 0)
        .map(|(p, c)| format!("{p} accepted {} of {}", c.attacks_accepted, c.attacks_sent))
        .collect();
    if seen.counters.values().all(|c| c.attacks_sent == 0) {
        broken.push("no attack was sent, so nothing was proven".into());
    }
    broken
}

fn strays(seen: &Seen<'_>) -> Vec<String> {
    let unknown: Vec<_> = seen.open_cases(CaseKind::UnknownOrder).collect();
    let expected: BTreeSet<_> = seen
        .ledger
        .trades
        .iter()
        .filter(|t| !seen.stories.iter().any(|s| s.out_trade_no == t.out_trade_no))
        .map(|t| t.out_trade_no.clone())
        .collect();
    let found: BTreeSet<_> = unknown.iter().map(|c| c.out_trade_no.clone()).collect();
    let mut broken: Vec<_> = expected.symmetric_difference(&found).cloned().collect();
    if expected.len() != script::strays(0).len() {
        broken.push(format!("{} strays were paid", expected.len()));
    }
    broken
}
