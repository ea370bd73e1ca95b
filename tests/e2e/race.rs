//! The payer pays while the shop closes the order: whoever is first at the platform, the order says so (I23).
//!
//! `PAYSTATE_TEST_RACES` is how often; 10,000 take a while.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1::{self, OrderState, PaymentMethod};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::{A_MOMENT, Process, Shop, home, how_many, sandbox, seen};

/// Orders that race at once.
const AT_ONCE: usize = 48;
/// The shop begins within so many milliseconds, and the payer: the shop's wish is at the platform after a question.
const CLOSER_MS: u64 = 40;
const PAYER_MS: u64 = 600;
/// How long the last ones may take to come to their end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Those that can close a payment; UnionPay's ends by time alone.
const PLATFORMS: [(&str, PaymentMethod); 3] = [
    ("alipay", PaymentMethod::AlipayPrecreate),
    ("wechatpay", PaymentMethod::WechatpayNative),
    ("stripe", PaymentMethod::StripePaymentIntent),
];
/// Whether the platform tells of the payment.
const CALLBACKS: [&str; 3] = ["sent", "never", "after_close"];

#[tokio::test(flavor = "multi_thread")]
async fn no_order_is_closed_while_the_platform_has_its_money() {
    let races = how_many("PAYSTATE_TEST_RACES", 300);
    let (_dir, data) = home().await;
    hasten(&data);
    let env = PLATFORMS
        .map(|(name, _)| (format!("PAYSTATE__ACCOUNTS__{}__API__RATE_PER_SECOND", name.to_uppercase()), "1000"));
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let dev = Process::dev(&data, &env).await;
    let shop = dev.shop().await;
    let begun = Instant::now();
    let all = stream::iter(0..races).map(|n| race(&dev, &data, shop.clone(), n)).buffer_unordered(AT_ONCE);
    let refused = all.filter(|paid| std::future::ready(!paid)).count().await;
    let ended = ends(shop.clone(), races).await;
    let (paid, closed) = judge(&dev, &data, shop, &ended).await;
    println!(
        "{races} races in {:.1} s: {paid} paid, {closed} closed, {refused} payers refused by the platform",
        begun.elapsed().as_secs_f64()
    );
    assert_eq!((paid + closed, closed), (races, refused));
    assert!(races < 100 || (paid > 0 && closed > 0), "nothing was a race: {paid} paid, {closed} closed");
    assert!(dev.terminate().await);
}

/// Questions come soon.
fn hasten(data: &Path) {
    let file = data.join("paystate.toml");
    let pauses = "[core.compensate]\npayment_schedule_s = [1, 1, 1, 2, 2, 3, 5, 5, 5, 5]\nretry_s = 1\n";
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{pauses}")).unwrap();
}

/// Answers whether the payer could pay.
async fn race(dev: &Process, data: &Path, mut shop: Shop, n: usize) -> bool {
    let (account, method) = PLATFORMS[n % PLATFORMS.len()];
    let (order_id, number) = (format!("race-{n}"), format!("RACE{n:08}"));
    begin(&mut shop, &order_id, account, method, &number).await;
    // Alipay knows a payment only when its code was scanned.
    sandbox(dev, data, "scan", &json!({"account": account, "out_trade_no": number})).await.unwrap();
    let [payer, closer] = [PAYER_MS, CLOSER_MS].map(|most| Duration::from_millis(rand::random_range(0..most)));
    let pay = async {
        sleep(payer).await;
        let callbacks = CALLBACKS[n / PLATFORMS.len() % CALLBACKS.len()];
        let payment = json!({"account": account, "out_trade_no": number, "callbacks": callbacks});
        match sandbox(dev, data, "pay-checkout", &payment).await {
            Ok(_) => true,
            Err(why) => {
                assert!(why.contains("is paid, closed or expired"), "{why}");
                false
            }
        }
    };
    let mut orders = shop.orders.clone();
    let close = async {
        sleep(closer).await;
        let close = v1::CloseOrderRequest { order_id, reason: "race".into(), payments_closed_by_caller: false };
        // Paid already, and known to be.
        if let Err(status) = orders.close_order(close).await {
            assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
        }
    };
    tokio::join!(pay, close).0
}

async fn begin(shop: &mut Shop, order_id: &str, account: &str, method: PaymentMethod, number: &str) {
    let amount = Some(v1::Money { amount_minor: 1_999, currency: "CNY".into() });
    let create = v1::CreateOrderRequest { order_id: order_id.into(), amount, ..Default::default() };
    shop.orders.create_order(create).await.unwrap();
    let start = v1::StartPaymentRequest {
        order_id: order_id.into(),
        account: account.into(),
        method: method.into(),
        out_trade_no: number.into(),
        ..Default::default()
    };
    shop.orders.start_payment(start).await.unwrap();
}

/// Waits until every order has its end.
async fn ends(mut shop: Shop, races: usize) -> BTreeMap<String, v1::Order> {
    let (mut ended, end) = (BTreeMap::new(), Instant::now() + PATIENCE);
    let mut open: Vec<String> = (0..races).map(|n| format!("race-{n}")).collect();
    while !open.is_empty() {
        assert!(Instant::now() < end, "{} orders have no end, such as {:?}", open.len(), open.first());
        let mut still_open = Vec::new();
        for ids in open.chunks(500) {
            let request = v1::BatchGetOrdersRequest { order_ids: ids.to_vec() };
            for order in shop.orders.batch_get_orders(request).await.unwrap().into_inner().orders {
                if order.state() == OrderState::Pending {
                    still_open.push(order.order_id);
                } else {
                    ended.insert(order.order_id.clone(), order);
                }
            }
        }
        open = still_open;
        sleep(A_MOMENT).await;
    }
    ended
}

/// Compares with the platforms' own ledger; answers with how many were paid, and how many closed.
async fn judge(dev: &Process, data: &Path, mut shop: Shop, ended: &BTreeMap<String, v1::Order>) -> (usize, usize) {
    let ledger = seen(dev, data, "ledger").await["ledger"].take();
    let trades = ledger["trades"].as_array().unwrap();
    let standing: BTreeMap<&str, &str> =
        trades.iter().map(|t| (t["out_trade_no"].as_str().unwrap(), t["status"].as_str().unwrap())).collect();
    let (mut paid, mut closed) = (0, 0);
    for order in ended.values() {
        let number = order.payments[0].out_trade_no.as_str();
        match (order.state(), standing.get(number)) {
            (OrderState::Paid, Some(&"paid")) => paid += 1,
            (OrderState::Closed, Some(&"closed")) => closed += 1,
            other => panic!("{}: {other:?}", order.order_id),
        }
    }
    let cases = shop.operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(cases.is_empty(), "{cases:?}");
    let audit = shop.operations.verify_audit(v1::VerifyAuditRequest {}).await.unwrap().into_inner().results;
    assert!(audit.iter().all(|result| result.violations.is_empty()), "{audit:?}");
    (paid, closed)
}
