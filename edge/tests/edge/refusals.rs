//! Refused callbacks: what the platform hears, and what the core is told.

use std::time::Duration;

use paystate_edge::Limits;
use tokio::time::timeout;

use crate::{
    client::{PATIENCE, post},
    core::{Mode, STORE},
    rig::{PATH, Rig},
};

#[tokio::test]
async fn a_refused_callback_is_told_with_its_reason_and_within_bounds() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    let body = format!("forged {}", "x".repeat(9000));
    let many: String = (0..30).map(|n| format!("wechatpay-{n}: v\r\n")).collect();
    let long = format!("stripe-signature: {}\r\n", "s".repeat(3000));
    let head = format!("POST {PATH} HTTP/1.1\r\n{long}{many}authorization: secret\r\n");
    client.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (400, "failure"));

    let seen = rig.core.until(|seen| seen.rejections.len() == 1).await;
    let told = &seen.rejections[0];
    assert_eq!(
        (told.provider.as_str(), told.account.as_str(), told.reason.as_str()),
        ("alipay", "shop", "SIGNATURE_INVALID")
    );
    assert_eq!((told.body.len(), told.body_size, told.detail.len()), (4096, 9007, 300));
    assert_eq!(told.claimed_out_trade_no.len(), 64);
    assert_eq!((told.remote_address.as_str(), seen.suppressed), ("127.0.0.1", 0));
    assert_eq!(told.headers.len(), 16);
    assert!(told.headers.iter().all(|h| h.name != "authorization" && h.name.len() + h.value.len() <= 1024));
    assert!(seen.messages.is_empty());
}

#[tokio::test]
async fn our_own_gap_is_told_and_the_platform_tries_again() {
    let rig = Rig::start(Limits::default()).await;
    let answer = rig.connect().await.post(PATH, "unknown-key").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("15")));
    let seen = rig.core.until(|seen| seen.rejections.len() == 1).await;
    assert_eq!(seen.rejections[0].reason, "UNKNOWN_KEY");
}

#[tokio::test]
async fn a_flood_is_bounded_and_counted_to_the_last_one() {
    let limits = Limits { rejections_per_second: 20, rejections_burst: 30, ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut client = rig.connect().await;
    let started = std::time::Instant::now();
    let mut sent = 0;
    for _ in 0..1000 {
        assert_eq!(client.post(PATH, "forged").await.status, 400);
        sent += 1;
    }
    let most = 30 + 20 * (usize::try_from(started.elapsed().as_secs()).unwrap() + 1);
    assert!(rig.core.look(|seen| seen.rejections.len()) <= most);
    // The count of what was left out goes along with the next one that is told.
    let complete = async {
        loop {
            client.post(PATH, "forged").await;
            sent += 1;
            let settled =
                rig.core.until(|seen| i64::try_from(seen.rejections.len()).unwrap() + seen.suppressed == sent);
            if timeout(Duration::from_millis(50), settled).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, complete).await.expect("told and left out never made up what was sent");
}

#[tokio::test]
async fn strangers_do_not_crowd_out_what_a_platform_is_refused_for() {
    let limits = Limits { rejections_per_second: 1, rejections_burst: 5, ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut client = rig.connect().await;
    for _ in 0..100 {
        assert_eq!(client.post(PATH, "forged").await.status, 400);
    }
    assert_eq!(client.post(PATH, "other-shop").await.status, 400);
    rig.core.until(|seen| seen.rejections.iter().any(|r| r.reason == "WRONG_ACCOUNT")).await;
}

#[tokio::test]
async fn what_could_not_be_told_is_counted() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    rig.core.set(Mode::Fail);
    assert_eq!(client.post(PATH, "forged").await.status, 400, "a refusal does not need the core");
    rig.core.set(STORE);
    let mut sent = 1;
    let complete = async {
        loop {
            client.post(PATH, "forged").await;
            sent += 1;
            let settled =
                rig.core.until(|seen| i64::try_from(seen.rejections.len()).unwrap() + seen.suppressed == sent);
            if timeout(Duration::from_millis(50), settled).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, complete).await.expect("told and left out never made up what was sent");
}

#[tokio::test]
async fn accounts_whose_callbacks_were_turned_away_are_named_until_the_core_knows() {
    let rig = Rig::start(Limits { max_in_flight: 1, ..Limits::default() }).await;
    rig.core.set(Mode::Hold);
    let mut first = rig.connect().await;
    first.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    rig.core.set_rejecting(true);
    for _ in 0..20 {
        assert_eq!(rig.connect().await.post(PATH, "paid 2").await.status, 503);
    }
    rig.core.until(|seen| seen.failed > 0).await;
    rig.core.set_rejecting(false);
    let started = std::time::Instant::now();
    let seen = rig.core.until(|seen| !seen.shed.is_empty()).await;
    assert_eq!(seen.shed, [["shop"]], "once, without a rejection");
    assert!(seen.rejections.is_empty() && started.elapsed() < Duration::from_secs(5));
    drop(seen);
    rig.core.set(STORE);
    assert_eq!(first.answer().await.unwrap().status, 200);
}
