//! kill -9 in the middle of traffic, again and again: what was acknowledged is there, the platforms'
//! retries bring the rest, and nothing is paid twice (I1, I3, I12, I22).

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1::{self, OrderState};
use serde_json::json;

use crate::support::{Process, assert_stored_once, ledger, paystate, run, sandbox};

/// Orders that are sold at once.
const AT_ONCE: usize = 6;
const AMOUNT: i64 = 1_999;
const ACCOUNTS: [&str; 4] = ["alipay", "wechatpay", "unionpay", "stripe"];
/// How many orders are paid in each life of the process; it is killed in the middle of the next ones. Orders
/// and no time, so that a slow machine's kills hit traffic as well.
const LIVES: [usize; 4] = [7, 4, 12, 5];
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

/// Sells and pays `left`, then new orders without end, and kills `dev` when `paid` of them are. Answers with how
/// many orders were ever begun.
async fn traffic_until_killed(
    dev: Process,
    data: &std::path::Path,
    left: Vec<usize>,
    begun: usize,
    paid: usize,
) -> usize {
    let mut next = begun;
    let new = std::iter::repeat_with(|| {
        next += 1;
        next - 1
    });
    let mut trades = stream::iter(left.into_iter().chain(new)).map(|n| trade(&dev, data, n)).buffer_unordered(AT_ONCE);
    for _ in 0..paid {
        trades.next().await.unwrap().unwrap();
    }
    drop(trades);
    dev.kill().await;
    next
}

/// Orders that were begun and that the platforms have no trade for: those must (still) be paid.
async fn unpaid(dev: &Process, data: &std::path::Path, begun: usize) -> Vec<usize> {
    let ledger = ledger(dev, data).await;
    let trades = ledger["trades"].as_array().unwrap();
    let traded: BTreeSet<&str> = trades.iter().filter_map(|t| t["out_trade_no"].as_str()).collect();
    (0..begun).filter(|n| !traded.contains(number(*n).as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_traffic_nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut begun = 0;
    for life in LIVES {
        let dev = Process::dev(&data, ENV).await;
        let left = unpaid(&dev, &data, begun).await;
        begun = traffic_until_killed(dev, &data, left, begun, life).await;
    }

    let dev = Process::dev(&data, ENV).await;
    for n in unpaid(&dev, &data, begun).await {
        trade(&dev, &data, n).await.unwrap();
    }
    let mut shop = dev.shop().await;
    for n in 0..begun {
        let order = shop.until(&format!("o{n}"), OrderState::Paid).await;
        let transactions: Vec<_> = order.payments.iter().flat_map(|p| &p.transactions).collect();
        assert_eq!(transactions.len(), 1, "{order:?}");
        assert_eq!((order.version, order.open_case_ids.len()), (3, 0), "{order:?}");
    }

    let stored = shop.accepted().await;
    let ledger = ledger(&dev, &data).await;
    let acked = ledger["notices"].as_array().unwrap().iter().filter(|n| n["acked"] == true);
    assert!(assert_stored_once(acked, &stored) >= begun, "every order's callback was acknowledged");
    let cases = shop.operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(cases.is_empty(), "{cases:?}");
    assert!(dev.terminate().await);

    let config = data.join("paystate.toml");
    let (sound, out, err) = run(paystate(&["verify", "--config", config.to_str().unwrap()])).await;
    assert!(sound, "{out}{err}");
}
