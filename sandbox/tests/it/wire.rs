//! Every honest notice passes the merchant's verifiers and says what happened.

use paystate_providers::{Currency, Fact, Money, PaymentStatus, Provider, RefundAmount, RefundStatus};
use paystate_sandbox::{CloseRequest, DeliveryPlan, RefundRequest, Sandbox, Trade, TradeStatus};

use super::support::{Edge, Merchant, PATIENCE, data_dir, open, pay};

fn refund(trade: &Trade, out_refund_no: &str, amount_minor: i64) -> RefundRequest {
    RefundRequest {
        provider: trade.provider,
        out_trade_no: trade.out_trade_no.clone(),
        transaction_id: None,
        out_refund_no: out_refund_no.to_owned(),
        amount_minor,
        plan: DeliveryPlan::default(),
    }
}

/// The facts of the requests from `from` on, verified.
async fn facts(edge: &Edge, sandbox: &Sandbox, merchant: &Merchant, from: usize) -> Vec<Fact> {
    assert!(sandbox.quiesce(PATIENCE).await);
    edge.seen()[from..].iter().flat_map(|seen| seen.judge(merchant).expect("genuine").facts).collect()
}

#[tokio::test]
async fn payments_are_believed() {
    let dir = data_dir();
    let (edge, merchant) = (Edge::kind().await, Merchant::new(dir.path()));
    let sandbox = open(dir.path(), &edge).await;
    for provider in Provider::ALL {
        let from = edge.seen().len();
        let trade = sandbox.pay(pay(provider, "T1001", 1999)).await.expect("paid");
        let facts = facts(&edge, &sandbox, &merchant, from).await;
        assert_eq!(facts.len(), if provider == Provider::Stripe { 2 } else { 1 });
        for fact in facts {
            let Fact::Payment(fact) = fact else { panic!("not a payment: {fact:?}") };
            assert_eq!(fact.out_trade_no.as_deref(), Some("T1001"));
            assert_eq!(fact.transaction_id.as_deref(), Some(trade.transaction_id.as_str()));
            assert_eq!(fact.status, PaymentStatus::Succeeded);
            assert_eq!(fact.amount, Money { minor: 1999, currency: Currency::CNY });
            let paid_at = fact.occurred_at.expect("a time").seconds();
            assert!((paid_at - trade.at.seconds()).abs() <= 1, "{provider}: Beijing time");
        }
    }
}

#[tokio::test]
async fn wechat_pay_uses_both_of_its_keys() {
    let dir = data_dir();
    let (edge, merchant) = (Edge::kind().await, Merchant::new(dir.path()));
    let sandbox = open(dir.path(), &edge).await;
    for _ in 0..4 {
        sandbox.pay(pay(Provider::WechatPay, "T1", 1)).await.expect("paid");
    }
    assert_eq!(facts(&edge, &sandbox, &merchant, 0).await.len(), 4);
    let serial = |seen: &super::support::Seen| seen.headers["wechatpay-serial"].to_str().expect("text").to_owned();
    let by_public_key = edge.seen().iter().filter(|seen| serial(seen).starts_with("PUB_KEY_ID_")).count();
    assert_eq!(by_public_key, 2);
}

#[tokio::test]
async fn refunds_are_believed() {
    let dir = data_dir();
    let (edge, merchant) = (Edge::kind().await, Merchant::new(dir.path()));
    let sandbox = open(dir.path(), &edge).await;
    for provider in Provider::ALL {
        let trade = sandbox.pay(pay(provider, "T1001", 1000)).await.expect("paid");
        assert!(sandbox.quiesce(PATIENCE).await);
        for (number, amount, total) in [("R1", 300, 300), ("R2", 700, 1000)] {
            let from = edge.seen().len();
            sandbox.refund(refund(&trade, number, amount)).await.expect("refunded");
            let facts = facts(&edge, &sandbox, &merchant, from).await;
            let refunds: Vec<_> =
                facts.iter().filter_map(|f| if let Fact::Refund(refund) = f { Some(refund) } else { None }).collect();
            assert_eq!(refunds.len(), if provider == Provider::Stripe { 2 } else { 1 }, "{provider}");
            let done = refunds.iter().find(|r| r.status == RefundStatus::Succeeded).expect("done");
            assert_eq!(done.transaction_id.as_deref(), Some(trade.transaction_id.as_str()));
            assert_eq!(done.out_refund_no.as_deref(), Some(number));
            let money = |minor| Money { minor, currency: Currency::CNY };
            let expected = match provider {
                Provider::Alipay => RefundAmount::Cumulative(money(total)),
                Provider::WechatPay | Provider::UnionPay | Provider::Stripe => RefundAmount::Single(money(amount)),
            };
            assert_eq!(done.amount, expected);
        }
        let ledger = sandbox.ledger();
        let known = ledger.trades.iter().find(|t| t.transaction_id == trade.transaction_id).expect("known");
        assert_eq!((known.status, known.refunded_minor), (TradeStatus::Refunded, 1000));
    }
    let alipay: Vec<_> = sandbox.ledger().notices.into_iter().filter(|n| n.provider == Provider::Alipay).collect();
    let kinds: Vec<_> = alipay.iter().map(|n| n.kind.as_str()).collect();
    assert_eq!(kinds, ["TRADE_SUCCESS", "TRADE_SUCCESS", "TRADE_CLOSED"]);
}

#[tokio::test]
async fn closing_is_told_only_by_those_who_tell_it() {
    let dir = data_dir();
    let (edge, merchant) = (Edge::kind().await, Merchant::new(dir.path()));
    let sandbox = open(dir.path(), &edge).await;
    for provider in Provider::ALL {
        let from = edge.seen().len();
        let request = CloseRequest {
            provider,
            out_trade_no: "T1".to_owned(),
            amount_minor: 500,
            currency: Currency::CNY,
            plan: DeliveryPlan::default(),
        };
        sandbox.close(request.clone()).await.expect("closed");
        sandbox.close(request.clone()).await.expect("closed again, told once");
        let facts = facts(&edge, &sandbox, &merchant, from).await;
        match provider {
            Provider::Alipay | Provider::Stripe => {
                let [Fact::Payment(fact)] = facts.as_slice() else { panic!("{facts:?}") };
                assert_eq!((fact.status, fact.amount.minor), (PaymentStatus::Closed, 500));
            }
            Provider::WechatPay | Provider::UnionPay => assert_eq!(facts, []),
        }
        sandbox.pay(pay(provider, "T1", 500)).await.expect("a late payment");
        let error = sandbox.close(request).await.expect_err("paid meanwhile");
        assert!(error.to_string().contains("paid"), "{error}");
        assert!(sandbox.quiesce(PATIENCE).await);
    }
}

#[tokio::test]
async fn the_second_payment_is_another_transaction_and_can_be_refunded_alone() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    for provider in Provider::ALL {
        let first = sandbox.pay(pay(provider, "T1", 100)).await.expect("paid");
        let second = sandbox.pay(pay(provider, "T1", 100)).await.expect("paid twice");
        assert_ne!(first.transaction_id, second.transaction_id);
        let mut request = refund(&second, "R1", 100);
        request.transaction_id = Some(second.transaction_id.clone());
        let refunded = sandbox.refund(request.clone()).await.expect("refunded");
        assert_eq!(refunded.transaction_id, second.transaction_id);
        assert_eq!(sandbox.refund(request.clone()).await.expect("the same again"), refunded);
        request.amount_minor = 50;
        assert!(sandbox.refund(request.clone()).await.is_err(), "another amount under the same number");
        request.out_refund_no = "R2".to_owned();
        assert!(sandbox.refund(request).await.is_err(), "nothing left");
    }
}
