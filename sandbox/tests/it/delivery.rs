//! Retries until the right acknowledgement, duplicates, losses, delays.

use std::{collections::HashSet, time::Duration};

use paystate_providers::Provider;
use paystate_sandbox::{DeliveryPlan, NoticeEntry, Sandbox};

use super::support::{Edge, Merchant, PATIENCE, Seen, data_dir, open, pay};

fn only_notice(sandbox: &Sandbox) -> NoticeEntry {
    let notices = sandbox.ledger().notices;
    assert_eq!(notices.len(), 1);
    notices[0].clone()
}

#[tokio::test]
async fn alipay_repeats_the_same_bytes_until_exactly_success() {
    let dir = data_dir();
    let wrong = [(200, "\"success\""), (500, "success"), (200, "fail"), (200, "success\n")];
    let edge = Edge::start(move |n, _| {
        let (status, body) = wrong.get(n).copied().unwrap_or((200, "success"));
        (status, body.to_owned())
    })
    .await;
    let sandbox = open(dir.path(), &edge).await;
    sandbox.pay(pay(Provider::Alipay, "T1", 1)).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    let bodies: HashSet<_> = edge.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 1);
    let notice = only_notice(&sandbox);
    assert_eq!((notice.sent, notice.acked, notice.exhausted), (5, true, false));
    let counters = sandbox.counters()[&Provider::Alipay];
    assert_eq!((counters.sent, counters.failed_attempts, counters.acknowledged), (5, 4, 1));
}

#[tokio::test]
async fn wechat_pay_and_stripe_sign_each_send_anew_over_the_same_body() {
    let dir = data_dir();
    let edge = Edge::start(|n, _| (if n < 3 { 500 } else { 204 }, String::new())).await;
    let sandbox = open(dir.path(), &edge).await;
    sandbox.pay(pay(Provider::WechatPay, "T1", 1)).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    let merchant = Merchant::new(dir.path());
    let seen = edge.seen();
    assert_eq!(seen.len(), 4);
    let distinct = |part: &dyn Fn(&Seen) -> Vec<u8>| seen.iter().map(part).collect::<HashSet<_>>().len();
    assert_eq!(distinct(&|seen| seen.body.clone()), 1);
    assert_eq!(distinct(&|seen| seen.headers["wechatpay-signature"].as_bytes().to_vec()), 4);
    assert!(seen.iter().all(|seen| seen.judge(&merchant).is_ok()));
}

#[tokio::test]
async fn the_platform_gives_up_after_its_last_retry() {
    let dir = data_dir();
    let edge = Edge::start(|_, _| (503, "fail".to_owned())).await;
    let sandbox = open(dir.path(), &edge).await;
    sandbox.pay(pay(Provider::UnionPay, "T1", 1)).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    let notice = only_notice(&sandbox);
    assert_eq!((notice.sent, notice.acked, notice.exhausted), (5, false, true));
    assert_eq!(sandbox.counters()[&Provider::UnionPay].exhausted, 1);
}

#[tokio::test]
async fn lost_sends_are_brought_by_the_ladder_and_copies_come_together() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    let mut request = pay(Provider::WechatPay, "T1", 1);
    request.plan = DeliveryPlan { copies: 3, drop_first: 2, ..DeliveryPlan::default() };
    sandbox.pay(request).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    edge.until(3).await;
    // The first acknowledgement ends the notice; the other copies' answers are booked as they come.
    while sandbox.counters()[&Provider::WechatPay].sent < 3 {
        tokio::task::yield_now().await;
    }
    let notice = only_notice(&sandbox);
    assert_eq!((notice.sent, notice.dropped, notice.acked), (3, 2, true));
    let counters = sandbox.counters()[&Provider::WechatPay];
    assert_eq!((counters.duplicates_sent, counters.dropped, counters.acknowledged), (2, 2, 1));
}

#[tokio::test]
async fn a_notice_can_be_lost_for_good() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    let mut request = pay(Provider::UnionPay, "T1", 1);
    request.plan.drop_first = u8::MAX;
    sandbox.pay(request).await.expect("paid");
    assert!(sandbox.quiesce(PATIENCE).await);
    assert!(edge.seen().is_empty());
    let notice = only_notice(&sandbox);
    assert_eq!((notice.sent, notice.dropped, notice.exhausted), (0, 5, true));
}

#[tokio::test]
async fn a_delayed_notice_is_overtaken() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    let mut late = pay(Provider::Alipay, "LATE", 1);
    late.plan.delay = Duration::from_secs(1);
    sandbox.pay(late).await.expect("paid");
    sandbox.pay(pay(Provider::Alipay, "SOON", 1)).await.expect("paid");
    assert!(!sandbox.quiesce(Duration::ZERO).await, "both are under way");
    assert!(sandbox.quiesce(PATIENCE).await);
    let order: Vec<_> = edge.seen().iter().map(|s| String::from_utf8_lossy(&s.body).contains("SOON")).collect();
    assert_eq!(order, [true, false]);
}

/// Many at once: none is lost, none is sent twice.
#[tokio::test]
async fn a_burst_is_delivered_whole() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    for n in 0..200 {
        sandbox.pay(pay(Provider::Alipay, &format!("T{n}"), 1)).await.expect("paid");
    }
    assert!(sandbox.quiesce(PATIENCE).await);
    assert_eq!(edge.seen().len(), 200);
    assert!(sandbox.ledger().notices.iter().all(|notice| notice.acked && notice.sent == 1));
    assert!(edge.seen().iter().all(|seen| seen.path == "/callback/alipay/alipay"));
}
