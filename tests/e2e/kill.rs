//! kill -9 in the middle of traffic, again and again: what was acknowledged is there, the platforms'
//! retries bring the rest, and nothing is paid twice (I1, I3, I12, I22).

use std::{collections::BTreeMap, time::Duration};

use paystate_proto::v1::{self, OrderState};
use serde_json::json;

use crate::support::{Process, ledger, paystate, run, sandbox};

const ORDERS: usize = 120;
/// Orders that are sold at once.
const AT_ONCE: usize = 6;
const AMOUNT: i64 = 1_999;
const ACCOUNTS: [&str; 4] = ["alipay", "wechatpay", "unionpay", "stripe"];
/// How long the process lives before each kill.
const LIVES: [Duration; 4] =
    [Duration::from_millis(400), Duration::from_millis(150), Duration::from_millis(700), Duration::from_millis(250)];
/// The ladders in a time that a test can wait for, and not so short that a restart outlasts UnionPay's.
const ENV: &[(&str, &str)] = &[("PAYSTATE__SANDBOX__TIME_COMPRESSION", "60")];

fn number(n: usize) -> String {
    format!("KILLED{n:06}")
}

/// Sells and pays order `n`; every step may have been done before, and is not done twice.
async fn trade(dev: &Process, data: &std::path::Path, n: usize) -> Result<(), String> {
    let account = ACCOUNTS[n % ACCOUNTS.len()];
    let mut shop = dev.shop().await;
    shop.sell(&format!("o{n}"), account, &number(n), AMOUNT).await.map_err(|e| e.to_string())?;
    let pay = json!({"account": account, "out_trade_no": number(n), "amount_minor": AMOUNT, "copies": 3});
    sandbox(dev, data, "pay", &pay).await.map(drop)
}

/// Sells and pays until all is done or the time is over.
async fn traffic(dev: &Process, data: &std::path::Path, left: &mut Vec<usize>, time: Duration) {
    let deadline = tokio::time::Instant::now() + time;
    while !left.is_empty() {
        let next: Vec<usize> = left.iter().copied().take(AT_ONCE).collect();
        let all = futures_util::future::join_all(next.iter().map(|n| trade(dev, data, *n)));
        let Ok(results) = tokio::time::timeout_at(deadline, all).await else { return };
        for (n, result) in next.iter().zip(results) {
            result.unwrap();
            left.retain(|l| l != n);
        }
    }
}

/// Orders that the platforms have no trade for: those must (still) be paid.
async fn unpaid(dev: &Process, data: &std::path::Path) -> Vec<usize> {
    let ledger = ledger(dev, data).await;
    let trades = ledger["trades"].as_array().unwrap();
    let has = |n: usize| trades.iter().any(|t| t["out_trade_no"] == number(n));
    (0..ORDERS).filter(|n| !has(*n)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_traffic_nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut killed_with_work_left = 0;
    for life in LIVES {
        let dev = Process::dev(&data, ENV).await;
        let mut left = unpaid(&dev, &data).await;
        traffic(&dev, &data, &mut left, life).await;
        killed_with_work_left += usize::from(!left.is_empty());
        dev.kill().await;
    }
    assert!(killed_with_work_left >= 2, "the kills must hit traffic, otherwise they prove nothing");

    let dev = Process::dev(&data, ENV).await;
    let mut left = unpaid(&dev, &data).await;
    traffic(&dev, &data, &mut left, Duration::from_secs(60)).await;
    assert!(left.is_empty(), "the last life is long enough for the rest");
    let mut shop = dev.shop().await;
    for n in 0..ORDERS {
        let order = shop.until(&format!("o{n}"), OrderState::Paid).await;
        let transactions: Vec<_> = order.payments.iter().flat_map(|p| &p.transactions).collect();
        assert_eq!(transactions.len(), 1, "{order:?}");
        assert_eq!((order.version, order.open_case_ids.len()), (3, 0), "{order:?}");
    }

    // The platforms' own record of what they were told is the measure of what must be there.
    let stored = shop.accepted().await;
    let mut copies: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for n in &stored {
        *copies.entry((&n.provider, &n.body_sha256)).or_default() += 1;
    }
    let ledger = ledger(&dev, &data).await;
    let notices = ledger["notices"].as_array().unwrap();
    let acked: Vec<_> = notices.iter().filter(|n| n["acked"] == true).collect();
    assert!(acked.len() >= ORDERS, "every order's callback was acknowledged");
    for notice in acked {
        let key = (notice["provider"].as_str().unwrap(), notice["body_sha256"].as_str().unwrap());
        assert_eq!(copies.get(&key), Some(&1), "acknowledged, and not stored exactly once: {notice}");
    }
    let cases = shop.operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(cases.is_empty(), "{cases:?}");
    assert!(dev.terminate().await);

    let config = data.join("paystate.toml");
    let (sound, out, err) = run(paystate(&["verify", "--config", config.to_str().unwrap()])).await;
    assert!(sound, "{out}{err}");
}
