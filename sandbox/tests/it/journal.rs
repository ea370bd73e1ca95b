//! What was written survives a kill: notices are resumed, acknowledged ones are not sent again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use paystate_providers::Provider;
use paystate_sandbox::{Sandbox, SandboxError, Settings};

use super::support::{Edge, Merchant, PATIENCE, data_dir, open, pay};

#[tokio::test]
async fn unacknowledged_notices_are_resumed_with_the_same_body() {
    let dir = data_dir();
    let healthy = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&healthy);
    let edge =
        Edge::start(
            move |_, _| {
                if switch.load(Ordering::SeqCst) { (200, "success".to_owned()) } else { (503, "fail".to_owned()) }
            },
        )
        .await;
    // Real time between sends: without a restart nothing would come again during this test.
    let mut settings = Settings::new(dir.path().to_owned(), edge.url.clone(), edge.ca_pem.clone().into_bytes());
    settings.time_compression = 1;
    let sandbox = Sandbox::open(settings).await.expect("a sandbox");
    let mut trades = Vec::new();
    for provider in [Provider::Alipay, Provider::WechatPay, Provider::UnionPay] {
        trades.push(sandbox.pay(pay(provider, "T1", 100)).await.expect("paid"));
    }
    edge.until(3).await;
    while sandbox.counters().values().map(|c| c.failed_attempts).sum::<u64>() < 3 {
        tokio::task::yield_now().await;
    }
    drop(sandbox);

    healthy.store(true, Ordering::SeqCst);
    let sandbox = open(dir.path(), &edge).await;
    assert_eq!(sandbox.ledger().trades, trades);
    assert!(sandbox.quiesce(PATIENCE).await);
    let ledger = sandbox.ledger();
    assert!(ledger.notices.iter().all(|notice| notice.acked && notice.sent == 2), "{ledger:?}");
    let merchant = Merchant::new(dir.path());
    let seen = edge.seen();
    assert!(seen.iter().all(|seen| seen.judge(&merchant).is_ok()));
    for provider in [Provider::Alipay, Provider::WechatPay, Provider::UnionPay] {
        let bodies: Vec<_> = seen.iter().filter(|seen| seen.provider() == provider).map(|seen| &seen.body).collect();
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies[0], bodies[1]);
    }

    let (ledger, counters) = (sandbox.ledger(), sandbox.counters());
    drop(sandbox);
    let sandbox = open(dir.path(), &edge).await;
    assert!(sandbox.quiesce(PATIENCE).await);
    assert_eq!(sandbox.ledger(), ledger, "replay adds up to the same");
    assert_eq!(sandbox.counters(), counters);
    assert_eq!(edge.seen().len(), 6, "nothing acknowledged was sent again");
    let next = sandbox.pay(pay(Provider::Alipay, "T2", 1)).await.expect("paid");
    assert!(trades.iter().all(|trade| trade.at < next.at && trade.transaction_id != next.transaction_id));
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_a_torn_middle_is_named() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    sandbox.pay(pay(Provider::Alipay, "T1", 1)).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    let before = sandbox.ledger();
    drop(sandbox);

    let path = dir.path().join("journal.jsonl");
    let mut file = OpenOptions::new().append(true).open(&path).expect("the journal");
    file.write_all(br#"{"record":"acked","not"#).expect("half a line");
    drop(file);
    let sandbox = open(dir.path(), &edge).await;
    assert_eq!(sandbox.ledger(), before);
    sandbox.pay(pay(Provider::Alipay, "T2", 1)).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    drop(sandbox);
    let sandbox = open(dir.path(), &edge).await;
    assert_eq!(sandbox.ledger().trades.len(), 2, "the next line was not glued to the torn one");
    drop(sandbox);

    let text = fs::read_to_string(&path).expect("the journal");
    fs::write(&path, text.replacen('{', "", 1)).expect("written");
    let settings = Settings::new(dir.path().to_owned(), edge.url.clone(), edge.ca_pem.clone().into_bytes());
    let error = Sandbox::open(settings).await.expect_err("a broken journal");
    assert!(matches!(error, SandboxError::Journal { line: 1, .. }), "{error}");
}

#[tokio::test]
async fn only_one_sandbox_works_on_a_directory() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let first = open(dir.path(), &edge).await;
    let settings = Settings::new(dir.path().to_owned(), edge.url.clone(), edge.ca_pem.clone().into_bytes());
    assert!(matches!(Sandbox::open(settings).await, Err(SandboxError::InUse(_))));
    drop(first);
}
