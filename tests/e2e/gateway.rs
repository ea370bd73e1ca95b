//! The edge's gateway and the four stand-in platforms: every question is signed, sent, verified and understood.

use std::time::{SystemTime, UNIX_EPOCH};

use paystate_proto::v1::{
    FetchStatementRequest, InitiateRequest, Money, ObservationSource, PaymentMethod, PlatformOutcome,
    QueryPaymentRequest, QueryRefundRequest, provider_gateway_service_client::ProviderGatewayServiceClient,
};
use prost_types::Timestamp;
use tonic::transport::{Channel, Endpoint};

use crate::support::{Process, quiet_address};

/// Each platform's account has its name; a method of it, and its currency.
const PLATFORMS: [(&str, PaymentMethod, &str); 4] = [
    ("alipay", PaymentMethod::AlipayPrecreate, "CNY"),
    ("wechatpay", PaymentMethod::WechatpayNative, "CNY"),
    ("unionpay", PaymentMethod::UnionpayGateway, "CNY"),
    ("stripe", PaymentMethod::StripePaymentIntent, "USD"),
];

type Gateway = ProviderGatewayServiceClient<Channel>;

#[tokio::test(flavor = "multi_thread")]
async fn every_platform_is_begun_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    // The configuration says where the platforms are, so their port must be known before.
    let sandbox = quiet_address();
    let (listen, origin) = (sandbox.to_string(), format!("https://{sandbox}"));
    let alipay = format!("{origin}/gateway.do");
    let env = [
        ("PAYSTATE__SANDBOX__LISTEN", listen.as_str()),
        ("PAYSTATE__ACCOUNTS__ALIPAY__API__BASE_URL", &alipay),
        ("PAYSTATE__ACCOUNTS__WECHATPAY__API__BASE_URL", &origin),
        ("PAYSTATE__ACCOUNTS__UNIONPAY__API__BASE_URL", &origin),
        ("PAYSTATE__ACCOUNTS__STRIPE__API__BASE_URL", &origin),
    ];
    let dev = Process::dev(&dir.path().join("data"), &env).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", dev.address("gateway"))).unwrap();
    let mut gateway = Gateway::new(endpoint.connect_lazy());
    for platform in PLATFORMS {
        begun_and_asked(&mut gateway, platform).await;
        unknown_refund(&mut gateway, platform).await;
        statement(&mut gateway, platform.0).await;
    }
    drop(gateway);
    assert!(dev.terminate().await);
}

async fn begun_and_asked(gateway: &mut Gateway, (account, method, currency): (&str, PaymentMethod, &str)) {
    let (account, out_trade_no) = (account.to_owned(), format!("GATEWAY{}", account.to_uppercase()));
    let (amount, start_time) = (money(currency), now());
    let ask = InitiateRequest {
        account: account.clone(),
        out_trade_no: out_trade_no.clone(),
        amount: amount.clone(),
        method: method.into(),
        description: "a book".to_owned(),
        return_url: "https://shop.example.com/done".to_owned(),
        start_time,
        ..Default::default()
    };
    let begun = gateway.initiate(ask).await.unwrap().into_inner();
    let answer = begun.answer.unwrap();
    assert_eq!(answer.outcome(), PlatformOutcome::Answered, "{account}: {answer:?}");
    assert!(begun.action.is_some(), "{account}");

    let platform_reference = begun.platform_reference;
    let ask = QueryPaymentRequest {
        account: account.clone(),
        out_trade_no,
        start_time,
        platform_reference,
        amount,
        expire_time: None,
    };
    let answer = gateway.query_payment(ask).await.unwrap().into_inner().answer.unwrap();
    // Whether a payment is known before its payer has seen the page differs.
    assert!(
        [PlatformOutcome::Answered, PlatformOutcome::NotFound].contains(&answer.outcome()),
        "{account}: {answer:?}"
    );
    let exchange = &answer.exchanges[0];
    assert!(exchange.http_status == 200 || answer.message.is_none(), "{account}: {answer:?}");
    assert!(!exchange.response.is_empty() && exchange.target.contains("https://"), "{account}: {answer:?}");
    if let Some(message) = &answer.message {
        assert_eq!((message.provider.as_str(), message.source()), (account.as_str(), ObservationSource::Query));
    }
}

async fn unknown_refund(gateway: &mut Gateway, (account, _, currency): (&str, PaymentMethod, &str)) {
    let ask = QueryRefundRequest {
        account: account.to_owned(),
        out_trade_no: "NOSUCHTRADE0001".to_owned(),
        out_refund_no: "NOSUCHREFUND0001".to_owned(),
        transaction_id: if account == "stripe" { "pi_none".to_owned() } else { "2026112200000000000001".to_owned() },
        amount: money(currency),
        start_time: now(),
        ..Default::default()
    };
    let answer = gateway.query_refund(ask).await.unwrap().into_inner().answer.unwrap();
    let expected = [PlatformOutcome::NotFound, PlatformOutcome::Unknown];
    assert!(expected.contains(&answer.outcome()) && answer.message.is_none(), "{account}: {answer:?}");
}

async fn statement(gateway: &mut Gateway, account: &str) {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72);
    let date = day.strftime("%Y-%m-%d").to_string();
    let ask = FetchStatementRequest { account: account.to_owned(), date };
    let mut stream = gateway.fetch_statement(ask).await.unwrap().into_inner();
    while let Some(message) = stream.message().await.unwrap_or_else(|status| panic!("{account}: {status}")) {
        assert!(message.lines.is_empty(), "{account}: nothing moved on that day");
    }
}

fn money(currency: &str) -> Option<Money> {
    Some(Money { amount_minor: 1_999, currency: currency.to_owned() })
}

fn now() -> Option<Timestamp> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Some(Timestamp { seconds: i64::try_from(seconds).unwrap(), nanos: 0 })
}
