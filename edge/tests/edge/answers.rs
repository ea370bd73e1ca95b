//! What a platform hears, and when.

use std::time::{Duration, Instant};

use paystate_edge::Limits;
use paystate_proto::v1::{PaymentState, RecordOutcome, observation::Fact};
use tokio::{net::TcpSocket, time::timeout};

use crate::{
    client::{Answer, post},
    core::{Core, Mode, STORE, channel},
    rig::{PATH, Rig},
};

fn assert_try_again(answer: &Answer) {
    let got = (answer.status, answer.body.as_str(), answer.header("retry-after"), answer.header("content-type"));
    assert_eq!(got, (503, "again", Some("15"), Some("text/fake")));
}

#[tokio::test]
async fn success_comes_only_after_the_core_has_answered() {
    let rig = Rig::start(Limits::default()).await;
    rig.core.set(Mode::Hold);
    let mut client = rig.connect().await;
    client.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    assert!(timeout(Duration::from_millis(100), client.answer()).await.is_err(), "answered before the commit");
    rig.core.set(STORE);
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.body.as_str(), answer.header("retry-after")), (200, "success", None));
}

#[tokio::test]
async fn the_core_gets_the_exact_bytes_and_the_facts() {
    let rig = Rig::start(Limits::default()).await;
    let head = format!("POST {PATH}?paid=0&x=%ff HTTP/1.1\r\nhost: a\r\nCookie: c\r\nWechatpay-Nonce: N\r\n");
    let mut client = rig.connect().await;
    client.send(format!("{head}Content-Length: 8\r\n\r\npaid \0é")).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    rig.core.look(|seen| {
        let message = &seen.messages[0];
        assert_eq!(
            (message.provider.as_str(), message.account.as_str(), message.key_id.as_str()),
            ("alipay", "shop", "k1")
        );
        assert_eq!(message.body, "paid \0é".as_bytes());
        let headers: Vec<_> = message.headers.iter().map(|h| (h.name.as_str(), h.value.as_slice())).collect();
        assert_eq!(headers, [("wechatpay-nonce", b"N".as_slice())]);
        assert!(message.receive_time.unwrap().seconds > 1_700_000_000);
        let Some(Fact::Payment(fact)) = &message.observations[0].fact else { panic!("not a payment") };
        assert_eq!((fact.state(), fact.amount.as_ref().unwrap().amount_minor), (PaymentState::Succeeded, 1230));
        assert_eq!((fact.out_trade_no.as_str(), fact.payer_id.as_str()), ("paid \0é", "payer"));
    });
}

#[tokio::test]
async fn a_genuine_notice_without_facts_is_stored_too() {
    let rig = Rig::start(Limits::default()).await;
    assert_eq!(rig.connect().await.post(PATH, "other").await.status, 200);
    rig.core.look(|seen| assert!(seen.messages[0].observations.is_empty()));
}

#[tokio::test]
async fn the_core_decides_what_the_platform_hears() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    rig.core.set(Mode::Answer(RecordOutcome::Duplicate));
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    let unspecified = Mode::Answer(RecordOutcome::Unspecified);
    for mode in [Mode::Answer(RecordOutcome::Unavailable), unspecified, Mode::Fail, Mode::Panic, Mode::Short] {
        rig.core.set(mode);
        assert_try_again(&client.post(PATH, "paid 1").await);
    }
    rig.core.set(STORE);
    assert_eq!(client.post(PATH, "paid 1").await.status, 200, "the edge recovers with the core");
}

#[tokio::test]
async fn a_core_that_is_down_means_try_again() {
    // Bound and not listening: the port cannot become somebody else's meanwhile.
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nowhere = channel(&reserved.local_addr().unwrap().to_string());
    let (core, _) = Core::start().await;
    let rig = Rig::with_core(Limits::default(), core, nowhere).await;
    let mut client = rig.connect().await;
    assert_try_again(&client.post(PATH, "paid 1").await);
    assert_eq!(client.post(PATH, "forged").await.status, 400, "a refusal does not need the core");
    client.send("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 503);
    assert_eq!(client.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_core_that_is_slower_than_the_deadline_means_try_again() {
    let limits = Limits { core_timeout: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::start(limits).await;
    rig.core.set(Mode::Hold);
    let started = Instant::now();
    let mut client = rig.connect().await;
    assert_try_again(&client.post(PATH, "paid 1").await);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    client.send("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200, "the core says itself whether it serves");
}

#[tokio::test]
async fn a_full_house_is_answered_at_once_and_costs_no_verification() {
    let rig = Rig::start(Limits { max_in_flight: 1, ..Limits::default() }).await;
    rig.core.set(Mode::Hold);
    let mut first = rig.connect().await;
    first.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    assert_try_again(&rig.connect().await.post(PATH, "paid 2").await);
    assert_eq!(rig.asked(), 1);
    rig.core.set(STORE);
    assert_eq!(first.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_full_queue_is_answered_at_once() {
    let rig = Rig::start(Limits { queue: 1, rpc_batch: 1, rpc_in_flight: 1, ..Limits::default() }).await;
    rig.core.set(Mode::Hold);
    let (mut first, mut second, mut third) = (rig.connect().await, rig.connect().await, rig.connect().await);
    first.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    second.send(post(PATH, "paid 2")).await;
    third.send(post(PATH, "paid 3")).await;
    // One of the two gets the only place in the queue, whichever comes first; the other is turned away.
    let (refused, mut queued) = tokio::select! {
        answer = second.answer() => (answer, third),
        answer = third.answer() => (answer, second),
    };
    assert_try_again(&refused.unwrap());
    rig.core.set(STORE);
    assert_eq!(queued.answer().await.unwrap().status, 200);
    assert_eq!(first.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_platform_that_hangs_up_does_not_cancel_its_news() {
    let rig = Rig::start(Limits { rpc_batch: 1, rpc_in_flight: 1, ..Limits::default() }).await;
    rig.core.set(Mode::Hold);
    let mut first = rig.connect().await;
    first.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    let mut second = rig.connect().await;
    second.send(post(PATH, "paid 2")).await;
    rig.verified(2).await;
    drop((first, second));
    rig.core.set(STORE);
    let seen = rig.core.until(|seen| seen.messages.len() == 2).await;
    assert_eq!(seen.messages[1].body, b"paid 2");
}

#[tokio::test]
async fn what_queued_during_a_call_leaves_in_one_call() {
    let rig = Rig::start(Limits { rpc_in_flight: 1, ..Limits::default() }).await;
    let calls = burst(&rig).await;
    assert_eq!(calls[0], 1, "a lone message leaves at once");
    assert!(calls.len() <= 3, "{calls:?}");
}

#[tokio::test]
async fn a_call_is_bounded_in_bytes() {
    let rig = Rig::start(Limits { rpc_in_flight: 1, rpc_batch_bytes: 1, ..Limits::default() }).await;
    assert_eq!(burst(&rig).await, [1; 11]);
}

/// Eleven callbacks, the first of which holds the only call until the others have been verified.
async fn burst(rig: &Rig) -> Vec<usize> {
    rig.core.set(Mode::Hold);
    let mut clients = Vec::new();
    for n in 1..=11 {
        let mut client = rig.connect().await;
        client.send(post(PATH, &format!("paid {n}"))).await;
        clients.push(client);
        rig.verified(n).await;
        rig.core.until(|seen| !seen.messages.is_empty()).await;
    }
    rig.core.set(STORE);
    for client in &mut clients {
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    rig.core.look(|seen| seen.calls.clone())
}

#[tokio::test]
async fn a_panic_is_our_fault_and_the_edge_goes_on() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    assert_try_again(&client.post(PATH, "panic").await);
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
}
