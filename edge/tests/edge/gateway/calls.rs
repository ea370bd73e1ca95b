//! One call, one answer.

use std::time::Duration;

use paystate_edge::gateway::{GatewayLimits, trust};
use paystate_proto::v1::{
    ClosePaymentRequest, Exchange, Header, InitiateRequest, ObservationSource, PaymentMethod, PaymentState,
    PlatformAnswer, PlatformOutcome as Outcome, initiate_response::Action, observation::Fact,
};
use tokio::{net::TcpListener, time::timeout};
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    Rig,
    platform::{Fake, KEY},
    query, refund,
    server::{
        Server,
        Step::{Send, SendAndClose, SendAndHold, SendLater},
        answer,
    },
    time,
};
use crate::{client::PATIENCE, logs};

const SHORT: Duration = Duration::from_millis(300);
/// After this a core leaves. The request has reached the platform by then, on a busy machine too.
const LEAVES: Duration = Duration::from_secs(2);

fn unknown(answer: &PlatformAnswer, code: &str, http_status: i32) {
    assert_eq!((answer.outcome(), answer.code.as_str()), (Outcome::Unknown, code), "{answer:?}");
    assert!(answer.message.is_none() && !answer.detail.is_empty(), "{answer:?}");
    let exchange = &answer.exchanges[0];
    assert_eq!((exchange.outcome(), exchange.code.as_str()), (Outcome::Unknown, code));
    assert_eq!((exchange.http_status, answer.exchanges.len()), (http_status, 1));
}

#[tokio::test]
async fn it_says_that_it_is_there() {
    let rig = Rig::start([]).await;
    let mut health = HealthClient::new(rig.channel.clone());
    for service in ["", "paystate.v1.ProviderGatewayService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }
}

#[tokio::test]
async fn a_verified_answer_becomes_a_message_with_its_exact_bytes() {
    let mut rig = Rig::start([Send(answer(200, "paid")), Send(answer(200, "nothing"))]).await;
    let answer = rig.query().await;
    assert_eq!((answer.outcome(), answer.code.as_str()), (Outcome::Answered, ""));
    let message = answer.message.unwrap();
    assert_eq!((message.provider.as_str(), message.account.as_str()), ("alipay", "shop"));
    assert_eq!((message.source(), message.body.as_slice()), (ObservationSource::Query, &b"paid"[..]));
    assert_eq!((message.content_sha256.len(), message.key_id.as_str()), (64, "k1"));
    assert_eq!(message.headers, [Header { name: "wechatpay-nonce".to_owned(), value: b"n".to_vec() }]);
    assert!(message.receive_time.is_some());
    let [observation] = &message.observations[..] else { panic!("{message:?}") };
    let Some(Fact::Payment(fact)) = &observation.fact else { panic!("{observation:?}") };
    assert_eq!((fact.out_trade_no.as_str(), fact.state()), ("o1", PaymentState::Succeeded));
    assert_eq!(fact.amount.as_ref().map(|m| m.amount_minor), Some(1230));

    let answer = rig.query().await;
    assert_eq!((answer.outcome(), answer.message), (Outcome::Answered, None), "no fact, no message");
    let seen = rig.server.seen(2).await;
    assert_eq!(seen[0].connection, seen[1].connection, "connections are kept");
    assert!(seen[0].text.starts_with("GET /trade?no=o1 HTTP/1.1\r\n"), "{}", seen[0].text);
    assert!(seen[0].text.contains("user-agent: paystate/"), "{}", seen[0].text);
}

#[tokio::test]
async fn what_was_said_is_written_down_without_keys() {
    let long = format!("accepted{}", " ".repeat(20_000));
    logs::capture();
    let mut rig = Rig::start([Send(answer(200, "accepted")), Send(answer(500, &long))]).await;
    let told = rig.client.refund(refund()).await.unwrap().into_inner().answer.unwrap();
    let Exchange { operation, target, start_time, duration, http_status, outcome, code, request, response } =
        told.exchanges[0].clone();
    assert_eq!((operation.as_str(), target), ("Refund", format!("POST {}/refund", rig.server.base)));
    assert_eq!((http_status, outcome, code.as_str()), (200, i32::from(Outcome::Answered), ""));
    assert_eq!((request.as_slice(), response.as_slice()), (&b"r1"[..], &b"accepted"[..]));
    assert!(start_time.is_some() && duration.is_some());

    let told = rig.query().await;
    assert_eq!(told.exchanges[0].request, b"no=o1", "without a body the query is what was said");
    assert_eq!(told.exchanges[0].response.len(), 16 * 1024);

    let seen = rig.server.seen(2).await;
    assert!(seen.iter().all(|seen| seen.text.contains(KEY)), "the platform needs it");
    assert!(!format!("{told:?}").contains("sesame"));
    let lines = logs::lines();
    let lines: Vec<_> = lines.lines().filter(|line| line.contains("paystate_edge")).collect();
    assert_eq!(lines.iter().filter(|line| line.contains(" platform called provider=")).count(), 2, "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("sesame") && !line.contains("accepted")), "{lines:#?}");
}

#[tokio::test]
async fn what_the_platform_refuses_or_does_not_know_is_told() {
    let said = ["none", "refused", "busy"].map(|word| Send(answer(200, word)));
    let mut rig = Rig::start(said).await;
    for (outcome, code) in
        [(Outcome::NotFound, "NO_SUCH_TRADE"), (Outcome::Refused, "PAID_ALREADY"), (Outcome::RateLimited, "BUSY")]
    {
        let told = rig.query().await;
        assert_eq!((told.outcome(), told.code.as_str(), &told.message), (outcome, code, &None));
        assert_eq!(told.exchanges[0].outcome(), outcome);
        let after = (outcome == Outcome::RateLimited).then_some(2);
        assert_eq!(told.retry_after.map(|d| d.seconds), after);
    }
}

#[tokio::test]
async fn what_cannot_be_verified_is_unknown() {
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: https://localhost:1/\r\ncontent-length: 4\r\n\r\npaid";
    let script = [answer(200, "forged"), answer(502, "paid"), elsewhere.to_owned(), answer(200, "")];
    let mut rig = Rig::start(script.map(Send)).await;
    unknown(&rig.query().await, "SIGNATURE_INVALID", 200);
    unknown(&rig.query().await, "HTTP_502", 502);
    unknown(&rig.query().await, "HTTP_302", 302);
    unknown(&rig.query().await, "SIGNATURE_INVALID", 200);
    assert_eq!(rig.server.seen(4).await.len(), 4, "a redirect was followed");
}

#[tokio::test]
async fn silence_is_unknown_and_ends_in_time() {
    let limits = GatewayLimits { call: SHORT, ..GatewayLimits::default() };
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npa";
    let mut rig = Rig::with(limits, [SendAndHold(String::new()), SendAndHold(head.to_owned())]).await;
    unknown(&rig.query().await, "TIMEOUT", 0);
    let told = rig.query().await;
    unknown(&told, "TIMEOUT", 200);
    assert_eq!(told.exchanges[0].response, b"pa");
    let took = told.exchanges[0].duration.unwrap();
    assert!(took.seconds == 0 && took.nanos >= 300_000_000, "{took:?}");
}

#[tokio::test]
async fn a_hang_up_is_unknown() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npaid";
    let script = [String::new(), "HTTP/1.1 200".to_owned(), half.to_owned(), "nonsense\r\n\r\n".to_owned()];
    let mut rig = Rig::start(script.map(SendAndClose)).await;
    unknown(&rig.query().await, "HUNG_UP", 0);
    unknown(&rig.query().await, "HUNG_UP", 0);
    unknown(&rig.query().await, "HUNG_UP", 200);
    unknown(&rig.query().await, "HUNG_UP", 0);
    assert_eq!(rig.server.seen(4).await.len(), 4, "a request was sent twice");
    // A kept connection that ends with the request read: it may have had its effect.
    let mut rig = Rig::start([Send(answer(200, "paid")), SendAndClose(String::new())]).await;
    assert_eq!(rig.query().await.outcome(), Outcome::Answered);
    unknown(&rig.query().await, "HUNG_UP", 0);
    let seen = rig.server.seen(2).await;
    assert_eq!((seen.len(), seen[1].connection), (2, seen[0].connection));
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut() {
    let limits = GatewayLimits { answer_bytes: 100, ..GatewayLimits::default() };
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned() + &"8\r\nxxxxxxxx\r\n".repeat(13);
    let script = [Send(answer(200, &" ".repeat(101))), SendAndHold(chunk), Send(answer(200, &" ".repeat(100)))];
    let mut rig = Rig::with(limits, script).await;
    unknown(&rig.query().await, "TOO_LARGE", 200);
    unknown(&rig.query().await, "TOO_LARGE", 200);
    unknown(&rig.query().await, "SIGNATURE_INVALID", 200);
}

#[tokio::test]
async fn a_platform_that_cannot_be_reached_or_believed_is_unknown() {
    let server = Server::start([]).await;
    let other = Server::start([]).await;
    let stranger = Fake::api(server.base.clone(), &other.ca);
    let mut rig = Rig::around(GatewayLimits::default(), server, stranger).await;
    let told = rig.query().await;
    unknown(&told, "CONNECT_FAILED", 0);
    assert!(told.detail.contains("certificate"), "{}", told.detail);

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for base in [format!("https://{gone}"), "http://127.0.0.1:1".to_owned(), "nowhere".to_owned()] {
        let api = Fake::api(base, &other.ca);
        let mut rig = Rig::around(GatewayLimits::default(), other.clone(), api).await;
        let told = rig.query().await;
        assert_eq!((told.outcome(), told.exchanges[0].http_status), (Outcome::Unknown, 0), "{told:?}");
    }
    assert!(trust(None).is_ok(), "this machine has authorities");
    assert!(trust(Some(b"nonsense")).is_err());
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_sent() {
    let mut rig = Rig::start([]).await;
    let not_sent = |told: PlatformAnswer, outcome: Outcome, code: &str| {
        assert_eq!((told.outcome(), told.code.as_str()), (outcome, code), "{told:?}");
        assert!(told.exchanges.is_empty() && !told.detail.is_empty());
    };
    for (account, code) in [("nobody", "ACCOUNT_UNKNOWN"), ("mute", "NO_API")] {
        not_sent(
            rig.client.query_payment(query(account)).await.unwrap().into_inner().answer.unwrap(),
            Outcome::NotSent,
            code,
        );
    }
    let close = ClosePaymentRequest { account: "shop".into(), out_trade_no: "o1".into(), ..Default::default() };
    not_sent(
        rig.client.close_payment(close).await.unwrap().into_inner().answer.unwrap(),
        Outcome::NoSuchOperation,
        "NO_SUCH_OPERATION",
    );
    for bad in [
        paystate_proto::v1::QueryPaymentRequest { out_trade_no: String::new(), ..query("shop") },
        paystate_proto::v1::QueryPaymentRequest { amount: super::money(-1), ..query("shop") },
        paystate_proto::v1::QueryPaymentRequest { amount: None, ..query("shop") },
    ] {
        not_sent(
            rig.client.query_payment(bad).await.unwrap().into_inner().answer.unwrap(),
            Outcome::BadInput,
            "BAD_INPUT",
        );
    }
    assert!(rig.server.seen(0).await.is_empty());
}

#[tokio::test]
async fn a_payment_is_begun_with_or_without_a_call() {
    let mut rig = Rig::start([Send(answer(200, "signature")), Send(answer(500, "x"))]).await;
    let ask = |method: PaymentMethod| InitiateRequest {
        account: "shop".into(),
        out_trade_no: "o1".into(),
        amount: super::money(1230),
        method: method.into(),
        start_time: time(),
        ..Default::default()
    };
    let form = rig.client.initiate(ask(PaymentMethod::UnionpayGateway)).await.unwrap().into_inner();
    assert_eq!(form.action, Some(Action::HtmlForm("<form>".into())));
    let told = form.answer.unwrap();
    assert_eq!((told.outcome(), told.exchanges.len()), (Outcome::Answered, 0));

    let begun = rig.client.initiate(ask(PaymentMethod::StripeCheckout)).await.unwrap().into_inner();
    let Some(Action::SignedParameters(parameters)) = begun.action else { panic!("{begun:?}") };
    assert_eq!(parameters.values.get("sign").map(String::as_str), Some("signature"));
    assert_eq!((begun.platform_reference.as_str(), begun.answer.unwrap().exchanges.len()), ("pi_1", 1));

    let begun = rig.client.initiate(ask(PaymentMethod::StripeCheckout)).await.unwrap().into_inner();
    assert_eq!((begun.action, begun.platform_reference.as_str()), (None, ""));
    unknown(&begun.answer.unwrap(), "HTTP_500", 500);

    for method in [PaymentMethod::External, PaymentMethod::Unspecified, PaymentMethod::WechatpayApp] {
        let begun = rig.client.initiate(ask(method)).await.unwrap().into_inner();
        let told = begun.answer.unwrap();
        assert_eq!((told.outcome(), told.code.as_str()), (Outcome::BadInput, "BAD_INPUT"), "{method:?}");
    }
}

#[tokio::test]
async fn a_refund_is_carried_out_although_the_core_has_left() {
    logs::capture();
    let mut rig = Rig::start([SendLater(answer(200, "accepted")), Send(answer(200, "paid"))]).await;
    let mut ask = Request::new(refund());
    ask.set_timeout(LEAVES);
    let status = rig.client.refund(ask).await.unwrap_err();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()), "{status}");
    // Until the edge has heard of it too; an answer before that would still find the core there.
    tokio::time::sleep(SHORT).await;
    rig.server.release();
    let carried_out = async {
        while !logs::lines().contains("carried out, but the core did not wait for the answer operation=\"Refund\"") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, carried_out).await.expect("the refund was not carried out");
    assert_eq!(rig.query().await.outcome(), Outcome::Answered);
    let seen = rig.server.seen(2).await;
    assert_eq!(seen[0].connection, seen[1].connection, "the refund's connection was cut");
}

#[tokio::test]
async fn an_edge_that_stops_finishes_its_calls() {
    let mut rig = Rig::start([SendLater(answer(200, "accepted"))]).await;
    let mut ask = Request::new(refund());
    ask.set_timeout(LEAVES);
    assert!(rig.client.refund(ask).await.is_err());
    drop((rig.client, rig.channel));
    rig.shutdown.cancel();
    assert!(timeout(SHORT, &mut rig.served).await.is_err(), "a call was cut");
    rig.server.release();
    timeout(PATIENCE, rig.served).await.expect("it did not stop").unwrap().unwrap();
}

#[tokio::test]
async fn a_defect_of_ours_is_an_error_and_the_next_call_is_fine() {
    let mut rig = Rig::start([Send(answer(200, "panic")), Send(answer(200, "paid"))]).await;
    let status = rig.client.query_payment(query("shop")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(rig.query().await.outcome(), Outcome::Answered);
}
