//! The domain's promises: no order of arrival and no duplicate changes the end, and every step is in the table.

mod closing;
mod news;
mod properties;
mod refunding;
mod refunds;
mod ruling;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

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

fn ours(text: &str) -> OutRefundNo {
    OutRefundNo::parse(text).unwrap()
}

fn theirs(text: &str) -> RefundId {
    RefundId::parse(text).unwrap()
}

fn apply(order: &mut Option<Order>, command: &Command) -> Decision {
    let decision = decide(order.as_ref(), None, command, Timestamp(1)).unwrap();
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
                method: Method::External,
                inputs: None,
                expires_at: None,
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
            refund_id: refund_id.map(theirs),
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
    order.open_cases.iter().map(|id| id.as_str().split(':').next().unwrap().to_owned()).collect()
}

/// One refund told in parts: by the shop's number, by the platform's, by both.
fn told(out_refund_no: Option<&str>, refund_id: Option<&str>, status: RefundStatus, minor: i64) -> Observation {
    Observation {
        account: account("a"),
        fact: Fact::Refund(RefundFact {
            out_trade_no: Some(number("p0")),
            transaction_id: Some(transaction("t1")),
            out_refund_no: out_refund_no.map(ours),
            refund_id: refund_id.map(theirs),
            status,
            amount: money(minor, "CNY"),
            cumulative: false,
            occurred_at: None,
        }),
    }
}

/// A running total that a refund has reached.
fn total(out_refund_no: Option<&str>, minor: i64) -> Observation {
    let fact = fact_of(told(out_refund_no, None, RefundStatus::Succeeded, minor));
    Observation { account: account("a"), fact: Fact::Refund(RefundFact { cumulative: true, ..fact }) }
}

fn fact_of(news: Observation) -> RefundFact {
    match news.fact {
        Fact::Refund(fact) => fact,
        Fact::Payment(_) => unreachable!("told makes refunds"),
    }
}

/// An order and its cases, as the door keeps them.
#[derive(Clone)]
struct Scene {
    order: Order,
    cases: BTreeMap<CaseId, Case>,
    now: Timestamp,
}

impl Scene {
    fn of(order: Order) -> Self {
        Self { order, cases: BTreeMap::new(), now: Timestamp(10) }
    }

    /// An order that "t1" on payment "p0" has paid.
    fn paid() -> Self {
        Self::of(pending()).seeing(&[paid("a", "p0", "t1", money(DUE, "CNY"))])
    }

    fn seeing(mut self, all: &[Observation]) -> Self {
        for observation in all {
            let decision = observe(&self.order, observation, self.now).unwrap();
            self.take(&decision);
        }
        self
    }

    fn ask(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let case = command.case_id().and_then(|id| self.cases.get(id));
        let decision = decide(Some(&self.order), case, command, self.now)?;
        self.take(&decision);
        Ok(decision)
    }

    fn take(&mut self, decision: &Decision) {
        check(decision);
        if let Some(after) = decision.order() {
            self.order = after.clone();
        }
        for case in &decision.cases {
            let Case { state, reason, .. } = case.clone();
            let known = self.cases.remove(&case.id).filter(|_| state != CaseState::Open);
            self.cases.insert(case.id.clone(), known.map_or(case.clone(), |known| Case { state, reason, ..known }));
        }
        let open: BTreeSet<_> = self.cases.values().filter(|c| c.state == CaseState::Open).map(|c| &c.id).collect();
        assert_eq!(open, self.order.open_cases.iter().collect(), "the order knows its open cases");
    }

    /// The newest case of a kind.
    fn case(&self, kind: CaseKind) -> &Case {
        self.cases.values().rfind(|case| case.kind == kind).unwrap()
    }

    fn rule(&mut self, kind: CaseKind, resolution: Resolution) -> Result<Decision, Refusal> {
        let case_id = self.case(kind).id.clone();
        self.ask(&ruling(&case_id, resolution))
    }

    fn kinds(&self) -> BTreeSet<String> {
        kinds(&self.order)
    }
}

fn ruling(case_id: &CaseId, resolution: Resolution) -> Command {
    Command::ResolveCase { case_id: case_id.clone(), resolution, reason: "because".to_owned(), by: Resolver::Operator }
}

/// Asks for a refund of whatever pays the order.
fn back(out_refund_no: &str, minor: i64) -> Command {
    refund_of(None, out_refund_no, money(minor, "CNY"))
}

/// The same of one transaction.
fn back_of(id: &str, out_refund_no: &str, minor: i64) -> Command {
    refund_of(Some(id), out_refund_no, money(minor, "CNY"))
}

fn refund_of(id: Option<&str>, out_refund_no: &str, amount: Money) -> Command {
    Command::RequestRefund {
        order_id: OrderId::parse("o1").unwrap(),
        out_trade_no: None,
        transaction_id: id.map(transaction),
        out_refund_no: ours(out_refund_no),
        amount,
        reason: "returned".to_owned(),
    }
}

fn event_kinds(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|e| e.kind.as_str()).collect()
}
