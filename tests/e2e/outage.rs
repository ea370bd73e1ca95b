//! A platform is away while payers pay, and its callbacks are lost: when it is back, every payment is asked about, and
//! never faster than the account's budget allows.
//!
//! `PAYSTATE_TEST_STUCK` is how many payments; 10,000 take the ten minutes that they may take.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1::{self, OrderState, PaymentMethod};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Process, Shop, how_many, sandbox, seen};

const AT_ONCE: usize = 24;
/// The defaults of `[accounts.NAME.api]`.
const RATE: usize = 20;
const BURST: usize = 20;
/// Until the end of the outage is noticed, and what was asked in it is asked again.
const NOTICED: Duration = Duration::from_secs(60);
/// What was promised for 10,000.
const PROMISED: Duration = Duration::from_secs(600);
const ACCOUNT: &str = "alipay";

#[tokio::test(flavor = "multi_thread")]
async fn stuck_payments_are_resolved_at_the_rate_of_the_budget() {
    let stuck = how_many("PAYSTATE_TEST_STUCK", 200);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    let shop = dev.shop().await;
    let away = json!({"account": ACCOUNT, "operation": "query_payment", "kind": "outage"});
    sandbox(&dev, &data, "fault", &away).await.unwrap();
    let all = stream::iter(0..stuck).map(|n| get_stuck(&dev, &data, shop.clone(), n)).buffer_unordered(AT_ONCE);
    all.collect::<()>().await;
    // Ten seconds after the last one was begun, all are due.
    sleep(Duration::from_secs(12)).await;
    assert_eq!(paid(shop.clone(), stuck).await, 0, "somebody was told");

    let back = Instant::now();
    let from = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    sandbox(&dev, &data, "behave", &json!({"account": ACCOUNT})).await.unwrap();
    let patience = PROMISED.min(NOTICED + Duration::from_secs((stuck / RATE) as u64));
    let resolved = async {
        while paid(shop.clone(), stuck).await < stuck {
            sleep(Duration::from_secs(1)).await;
        }
    };
    let in_time = timeout(patience, resolved).await.is_ok();
    let took = back.elapsed();
    let paid = paid(shop.clone(), stuck).await;
    let fastest = judge(&dev, &data, i64::try_from(from).unwrap()).await;
    println!(
        "{paid} of {stuck} stuck payments resolved in {:.1} s; at most {fastest} questions in ten seconds",
        took.as_secs_f64()
    );
    assert!(in_time, "only {paid} of {stuck} were resolved within {patience:?}");
    assert!(dev.terminate().await);
}

/// A payment that was made, and of which nobody tells.
async fn get_stuck(dev: &Process, data: &Path, mut shop: Shop, n: usize) {
    let (order_id, out_trade_no) = (format!("stuck-{n}"), format!("STUCK{n:08}"));
    let amount = Some(v1::Money { amount_minor: 1_999, currency: "CNY".into() });
    let create = v1::CreateOrderRequest { order_id: order_id.clone(), amount, ..Default::default() };
    shop.orders.create_order(create).await.unwrap();
    let start = v1::StartPaymentRequest {
        order_id,
        account: ACCOUNT.into(),
        method: PaymentMethod::AlipayPrecreate.into(),
        out_trade_no: out_trade_no.clone(),
        ..Default::default()
    };
    shop.orders.start_payment(start).await.unwrap();
    let payment = json!({"account": ACCOUNT, "out_trade_no": out_trade_no, "callbacks": "never"});
    sandbox(dev, data, "pay-checkout", &payment).await.unwrap();
}

/// How many of the orders are paid.
async fn paid(mut shop: Shop, stuck: usize) -> usize {
    let mut count = 0;
    let ids: Vec<_> = (0..stuck).map(|n| format!("stuck-{n}")).collect();
    for ids in ids.chunks(500) {
        let request = v1::BatchGetOrdersRequest { order_ids: ids.to_vec() };
        let orders = shop.orders.batch_get_orders(request).await.unwrap().into_inner().orders;
        count += orders.iter().filter(|order| order.state() == OrderState::Paid).count();
    }
    count
}

/// The platform's own count of calls since `from` keeps to the budget; answers with the most in ten seconds.
async fn judge(dev: &Process, data: &Path, from: i64) -> usize {
    let calls = seen(dev, data, "calls").await;
    let calls: BTreeMap<i64, usize> = serde_json::from_value(calls[ACCOUNT].clone()).unwrap();
    let most = |seconds: i64| {
        let within = |start: i64| calls.range(start..start + seconds).map(|(_, count)| count).sum::<usize>();
        calls.range(from..).map(|(start, _)| within(*start)).max().unwrap_or(0)
    };
    // A question that was paid for in one second may arrive in the next.
    for (seconds, allowed) in [(1, 2 * RATE + BURST), (10, 11 * RATE + BURST)] {
        assert!(most(seconds) <= allowed, "{} calls in {seconds} s, more than {allowed}: {calls:?}", most(seconds));
    }
    most(10)
}
