//! What a store owes exchanges with platforms.

use super::{Subject, account, id, notification_id, sealed};
use crate::{
    order::{OrderId, OutRefundNo, OutTradeNo, Timestamp},
    store::{Exchange, ExchangeOutcome, ExchangeRow},
};

fn exchange(n: u32, order_id: Option<OrderId>, outcome: ExchangeOutcome) -> Exchange {
    Exchange {
        id: notification_id(n),
        provider: "alipay".into(),
        account: account(),
        operation: "QueryPayment".into(),
        order_id,
        out_trade_no: Some(OutTradeNo::parse("p1").unwrap()),
        out_refund_no: n.is_multiple_of(2).then(|| OutRefundNo::parse("r1").unwrap()),
        started_at: Timestamp(n.into()),
        duration_us: 1234,
        http_status: 200,
        outcome,
        code: "10000".into(),
        target: "POST https://example.com/gateway.do".into(),
    }
}

pub(crate) async fn exchanges_are_listed_with_their_order(store: Subject) {
    let all = store.exchanges();
    let outcomes = (1..).zip(ExchangeOutcome::ALL);
    let mut own: Vec<_> = outcomes.map(|(n, outcome)| exchange(n, Some(id("o1")), outcome)).collect();
    let others = [Some(id("o2")), None].map(|order| exchange(9, order, ExchangeOutcome::Unknown));
    let row = |exchange: &Exchange| ExchangeRow { exchange: exchange.clone(), sealed: sealed() };
    all.record(&own.iter().chain(&others[..1]).map(row).collect::<Vec<_>>()).await.unwrap();
    all.record(&own.iter().map(row).collect::<Vec<_>>()).await.unwrap();
    all.record(&[]).await.unwrap();
    let statement = Exchange { id: notification_id(10), ..others[1].clone() };
    all.record(&[row(&statement)]).await.unwrap();
    assert_eq!(all.of_order(&id("o1"), 99).await.unwrap(), own);
    assert_eq!(all.of_order(&id("o2"), 99).await.unwrap(), others[..1]);
    assert_eq!(all.of_order(&id("o1"), 2).await.unwrap(), own.split_off(4), "the newest, oldest first");
}
