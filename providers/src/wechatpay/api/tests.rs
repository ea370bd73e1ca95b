use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::{
    Currency, Fact, Money, PaymentStatus, RefundAmount, RefundStatus, RsaPublicKey,
    api::{Action, InitiateMethod},
    statement::FileFormat,
    testing::{TestKey, headers, other_key, platform_key},
    time::parse_rfc3339,
    wechatpay::{WechatPaySettings, WechatPublicKey},
};

/// 2026-11-22 10:00:00 in Beijing.
const NOW: Instant = Instant::from_seconds(1_795_312_800);
const KEY: &str = "k7Qe0aXzT41mPp9kRvC2uJsLwN8yHdGf";
const PUB_ID: &str = "PUB_KEY_ID_0110000000002026112200000000000001";
const SERIAL: &str = "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C";
const APPID: &str = "wx0000000000000001";

fn settings() -> WechatPayApiSettings {
    WechatPayApiSettings {
        base_url: None,
        notify_url: Some("https://pay.example/notify/wechatpay".into()),
        private_key: other_key().private_pem(),
        serial_no: SERIAL.into(),
    }
}

fn platform() -> Arc<WechatPay> {
    let settings = WechatPaySettings {
        mchid: "1900000001".into(),
        appids: vec![APPID.into(), "wx0000000000000002".into()],
        api_v3_key: KEY.into(),
        previous_api_v3_key: None,
        public_keys: vec![WechatPublicKey { id: PUB_ID.into(), pem: platform_key().public_pem() }],
        platform_certificates: Vec::new(),
    };
    Arc::new(WechatPay::new(settings).expect("good settings"))
}

fn api() -> WechatPayApi {
    WechatPayApi::new(platform(), settings()).expect("good settings")
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn initiate(method: InitiateMethod) -> Initiate<'static> {
    Initiate {
        method,
        out_trade_no: "ORDER-1",
        amount: yuan(100),
        description: "茶 a/b&c",
        started_at: NOW,
        expires_at: Some(Instant::from_seconds(1_795_312_800 + 1800)),
        payer_id: "openid-1",
        client_ip: "203.0.113.7",
        return_url: "https://shop.example/?a=1",
    }
}

const PAYMENT: PaymentRef<'static> = PaymentRef {
    out_trade_no: "ORDER-1",
    started_at: Some(NOW),
    expires_at: None,
    reference: "",
    amount: Money { minor: 100, currency: Currency::CNY },
};

const REFUND: Refund<'static> = Refund {
    out_trade_no: "ORDER-1",
    transaction_id: "420000001",
    out_refund_no: "R-1@a",
    refund_id: "",
    amount: Money { minor: 30, currency: Currency::CNY },
    paid: Money { minor: 100, currency: Currency::CNY },
    reason: "",
    paid_at: None,
    started_at: NOW,
};

fn signature(key: &TestKey, body: &str, at: Instant) -> HeaderMap {
    let time = at.seconds().to_string();
    let signature = key.sign(format!("{time}\nnonce-1\n{body}\n").as_bytes());
    headers(&[
        ("Wechatpay-Timestamp", &time),
        ("Wechatpay-Nonce", "nonce-1"),
        ("Wechatpay-Signature", &signature),
        ("Wechatpay-Serial", PUB_ID),
    ])
}

fn answered<T>(status: u16, headers: &HeaderMap, body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    let status = StatusCode::from_u16(status).expect("a status");
    read(&Response { status, headers, body: body.as_bytes(), received_at: NOW })
}

fn signed<T>(status: u16, body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    answered(status, &signature(platform_key(), body, NOW), body, read)
}

fn unsigned<T>(status: u16, body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    answered(status, &HeaderMap::new(), body, read)
}

fn queried(status: u16, body: &str) -> Reply<Option<Notice>> {
    signed(status, body, |answer| api().payment_answer(&PAYMENT, answer))
}

fn closed(status: u16, body: &str) -> Reply<()> {
    signed(status, body, |answer| api().payment_closed(&PAYMENT, answer))
}

fn refunded(status: u16, body: &str) -> Reply<Option<Notice>> {
    signed(status, body, |answer| api().refunded(&REFUND, answer))
}

fn refund_found(status: u16, body: &str) -> Reply<Option<Notice>> {
    signed(status, body, |answer| api().refund_answer(&REFUND, answer))
}

fn begun(method: InitiateMethod, status: u16, body: &str) -> Reply<Initiated> {
    signed(status, body, |answer| api().initiated(&initiate(method), answer))
}

fn transaction(state: &str, amount: &str) -> String {
    format!(
        r#"{{"appid":"{APPID}","mchid":"1900000001","out_trade_no":"ORDER-1","trade_state":"{state}"{amount},"payer":{{"openid":"o-1"}}}}"#
    )
}

const PAID: &str = r#","transaction_id":"420000001","success_time":"2026-11-22T10:00:00+08:00","amount":{"total":100,"payer_total":90,"currency":"CNY"}"#;

fn refund(status: &str) -> String {
    format!(
        r#"{{"refund_id":"503","out_refund_no":"R-1@a","transaction_id":"420000001","out_trade_no":"ORDER-1","channel":"ORIGINAL","status":"{status}","amount":{{"total":100,"refund":30,"currency":"CNY"}}}}"#
    )
}

fn error(code: &str) -> String {
    format!(r#"{{"code":"{code}","message":"no"}}"#)
}

fn kind<T: std::fmt::Debug>(reply: Reply<T>) -> (&'static str, String) {
    match reply {
        Reply::Answered(answer) => ("answered", format!("{answer:?}")),
        Reply::NotFound(said) => ("not found", said.code),
        Reply::Refused(said) => ("refused", said.code),
        Reply::Unknown(said) => ("unknown", said.code),
        Reply::RateLimited(said, _) => ("rate limited", said.code),
    }
}

fn notice(reply: Reply<Option<Notice>>) -> Notice {
    let Reply::Answered(Some(notice)) = reply else { panic!("{reply:?}") };
    notice
}

fn payment(reply: Reply<Option<Notice>>) -> (PaymentStatus, Money) {
    match &notice(reply).facts[..] {
        [Fact::Payment(payment)] => (payment.status, payment.amount),
        other => panic!("{other:?}"),
    }
}

/// Verifies a request by the rule written anew; gives back path and query, and the body.
fn verified(request: &Request) -> (String, serde_json::Value) {
    let rest = request.url.strip_prefix(PRODUCTION).expect("production");
    let value = request.headers["authorization"].to_str().expect("text");
    assert!(request.headers["authorization"].is_sensitive());
    let fields = value.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").expect("the scheme");
    let field = |name: &str| {
        let start = fields.find(&format!("{name}=\"")).expect("the field") + name.len() + 2;
        fields[start..].split('"').next().expect("an end")
    };
    assert_eq!((field("mchid"), field("serial_no"), field("timestamp")), ("1900000001", SERIAL, "1795312800"));
    assert_eq!(field("nonce_str").len(), 32);
    let body = String::from_utf8(request.body.clone()).expect("text");
    let text = [request.method.as_str(), rest, field("timestamp"), field("nonce_str"), &body, ""].join("\n");
    let key = RsaPublicKey::parse(&other_key().public_pem()).expect("a key");
    assert!(key.verify_base64(text.as_bytes(), field("signature").as_bytes()));
    assert_eq!(request.headers["wechatpay-serial"], PUB_ID);
    assert!(request.headers.contains_key("user-agent") && request.headers.contains_key("accept"));
    assert_eq!(request.headers.contains_key("content-type"), request.method == Method::POST);
    (rest.to_owned(), serde_json::from_str(&body).unwrap_or_default())
}

#[test]
fn payments_are_begun() {
    for (method, kind) in [
        (InitiateMethod::WechatPayNative, "native"),
        (InitiateMethod::WechatPayJsapi, "jsapi"),
        (InitiateMethod::WechatPayApp, "app"),
        (InitiateMethod::WechatPayH5, "h5"),
    ] {
        let Ok(Begin::Call(request)) = api().initiate(&initiate(method), NOW) else { panic!("{kind}") };
        let (path, body) = verified(&request);
        assert_eq!(path, format!("/v3/pay/transactions/{kind}"));
        assert_eq!((&body["appid"], &body["mchid"]), (&APPID.into(), &"1900000001".into()));
        assert_eq!(body["amount"], serde_json::json!({ "total": 100, "currency": "CNY" }));
        assert_eq!(body["time_expire"], "2026-11-22T10:30:00+08:00");
        assert_eq!(body["notify_url"], "https://pay.example/notify/wechatpay");
        assert_eq!(body["payer"]["openid"].is_string(), kind == "jsapi");
        assert_eq!(body["scene_info"]["payer_client_ip"].is_string(), kind == "h5");
    }
}

#[test]
fn the_front_end_gets_what_it_needs() {
    let action = |method, body| {
        let Reply::Answered(Initiated { action, reference: None }) = begun(method, 200, body) else { panic!("{body}") };
        action
    };
    let native = action(InitiateMethod::WechatPayNative, r#"{"code_url":"weixin://wxpay/x"}"#);
    assert_eq!(native, Action::QrText("weixin://wxpay/x".into()));
    let h5 = action(InitiateMethod::WechatPayH5, r#"{"h5_url":"https://wx.tenpay.com/x?prepay_id=1"}"#);
    let back = "https://wx.tenpay.com/x?prepay_id=1&redirect_url=https%3A%2F%2Fshop.example%2F%3Fa%3D1";
    assert_eq!(h5, Action::RedirectUrl(back.into()));
    assert_eq!(kind(begun(InitiateMethod::WechatPayNative, 200, r#"{"prepay_id":"1"}"#)).1, "MALFORMED");
}

#[test]
fn the_front_end_parameters_are_signed() {
    let key = RsaPublicKey::parse(&other_key().public_pem()).expect("a key");
    let values = |method| {
        let reply = begun(method, 200, r#"{"prepay_id":"wx20141027"}"#);
        let Reply::Answered(Initiated { action: Action::SignedParameters(values), .. }) = reply else {
            panic!("{reply:?}")
        };
        values
    };
    let get = |values: &[(String, String)], name: &str| {
        values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).expect("the value")
    };
    let jsapi = values(InitiateMethod::WechatPayJsapi);
    assert_eq!((get(&jsapi, "appId").as_str(), get(&jsapi, "signType").as_str()), (APPID, "RSA"));
    let text = format!("{APPID}\n1795312800\n{}\nprepay_id=wx20141027\n", get(&jsapi, "nonceStr"));
    assert!(key.verify_base64(text.as_bytes(), get(&jsapi, "paySign").as_bytes()));
    assert_eq!(get(&jsapi, "package"), "prepay_id=wx20141027");
    let app = values(InitiateMethod::WechatPayApp);
    let text = format!("{APPID}\n{}\n{}\nwx20141027\n", get(&app, "timestamp"), get(&app, "noncestr"));
    assert!(key.verify_base64(text.as_bytes(), get(&app, "sign").as_bytes()), "the bare prepay_id");
    assert_eq!((get(&app, "package").as_str(), get(&app, "partnerid").as_str()), ("Sign=WXPay", "1900000001"));
}

#[test]
fn what_wechat_cannot_take_is_not_sent() {
    let field = |ask: &Initiate<'_>| match api().initiate(ask, NOW) {
        Err(Unable::BadInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let good = initiate(InitiateMethod::WechatPayNative);
    for number in ["", "ORDER", "ORDER 1", "ORDER/1", &"9".repeat(33)] {
        assert_eq!(field(&Initiate { out_trade_no: number, ..good.clone() }), "out_trade_no");
    }
    assert_eq!(field(&Initiate { amount: yuan(0), ..good.clone() }), "amount");
    assert_eq!(field(&Initiate { payer_id: "", ..initiate(InitiateMethod::WechatPayJsapi) }), "payer_id");
    assert_eq!(field(&Initiate { client_ip: "", ..initiate(InitiateMethod::WechatPayH5) }), "client_ip");
    let other = api().initiate(&initiate(InitiateMethod::AlipayPage), NOW);
    assert!(matches!(other, Err(Unable::NoSuchOperation(_))));
    for (ask, wrong) in [
        (Refund { out_refund_no: "", ..REFUND }, "out_refund_no"),
        (Refund { out_trade_no: "", transaction_id: "", ..REFUND }, "out_trade_no"),
        (Refund { paid: yuan(0), ..REFUND }, "paid_amount"),
    ] {
        let Err(Unable::BadInput { field, .. }) = api().refund(&ask, NOW) else { panic!("{wrong}") };
        assert_eq!(field, wrong);
    }
}

/// A text for people is no reason to refuse a payment: WeChat's limits are bytes, and characters stay whole.
#[test]
fn texts_are_cut_to_bytes() {
    let described = |description: &str| {
        let Ok(Begin::Call(request)) =
            api().initiate(&Initiate { description, ..initiate(InitiateMethod::WechatPayNative) }, NOW)
        else {
            panic!("{description}")
        };
        let order: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        order["description"].as_str().map(ToOwned::to_owned).expect("a text")
    };
    assert_eq!(described(&"茶".repeat(43)), "茶".repeat(42));
    assert_eq!(described(&"x".repeat(128)), "x".repeat(127));
    assert_eq!(described(" "), "ORDER-1");
    let reason = "茶".repeat(27);
    let request = api().refund(&Refund { reason: &reason, ..REFUND }, NOW).expect("a request");
    let refund: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(refund["reason"].as_str(), Some("茶".repeat(26).as_str()));
}

#[test]
fn requests_name_what_they_are_about() {
    let (path, _) = verified(&api().query_payment(&PAYMENT, NOW).expect("a request"));
    assert_eq!(path, "/v3/pay/transactions/out-trade-no/ORDER-1?mchid=1900000001");
    let (path, body) = verified(&api().close_payment(&PAYMENT, NOW).expect("a request"));
    assert_eq!(path, "/v3/pay/transactions/out-trade-no/ORDER-1/close");
    assert_eq!(body, serde_json::json!({ "mchid": "1900000001" }));
    let (path, body) = verified(&api().refund(&REFUND, NOW).expect("a request"));
    assert_eq!(path, "/v3/refund/domestic/refunds");
    let expected = serde_json::json!({
        "transaction_id": "420000001", "out_refund_no": "R-1@a", "notify_url": "https://pay.example/notify/wechatpay",
        "amount": { "refund": 30, "total": 100, "currency": "CNY" },
    });
    assert_eq!(body, expected);
    let (path, _) = verified(&api().query_refund(&REFUND, NOW).expect("a request"));
    assert_eq!(path, "/v3/refund/domestic/refunds/R-1%40a", "signed as it is sent");
}

#[test]
fn nonces_differ_with_content_and_time() {
    let (api, later) = (api(), Instant::from_micros(NOW.micros() + 1));
    assert_ne!(api.nonce(b"a", NOW), api.nonce(b"b", NOW));
    assert_ne!(api.nonce(b"a", NOW), api.nonce(b"a", later));
    assert_eq!(api.nonce(b"a", NOW), api.nonce(b"a", NOW));
}

#[test]
fn a_verified_answer_is_a_notice() {
    let body = transaction("SUCCESS", PAID);
    let notice = notice(queried(200, &body));
    assert_eq!((notice.event_type.as_str(), notice.key_id.as_str()), ("TRANSACTION.SUCCESS", PUB_ID));
    let [Fact::Payment(payment)] = &notice.facts[..] else { panic!("{notice:?}") };
    assert_eq!((payment.status, payment.amount), (PaymentStatus::Succeeded, yuan(100)));
    assert_eq!(payment.transaction_id.as_deref(), Some("420000001"));
    assert_eq!(payment.occurred_at, parse_rfc3339("2026-11-22T10:00:00+08:00").ok());
    let again =
        answered(200, &signature(platform_key(), &body, Instant::from_seconds(NOW.seconds() - 9)), &body, |a| {
            api().payment_answer(&PAYMENT, a)
        });
    assert_eq!(self::notice(again).content_sha256, notice.content_sha256, "another signature, the same message");
}

#[test]
fn states_of_a_payment() {
    assert_eq!(payment(queried(200, &transaction("NOTPAY", ""))), (PaymentStatus::Pending, yuan(100)));
    let other_amount = r#","amount":{"total":90}"#;
    assert_eq!(payment(queried(200, &transaction("NOTPAY", other_amount))), (PaymentStatus::Pending, yuan(90)));
    let no_total = r#","amount":{"payer_currency":"CNY"}"#;
    assert_eq!(payment(queried(200, &transaction("CLOSED", no_total))), (PaymentStatus::Closed, yuan(100)));
    assert_eq!(payment(queried(200, &transaction("REFUND", PAID))).0, PaymentStatus::Succeeded);
    assert_eq!(kind(queried(200, &transaction("SUCCESS", ""))), ("unknown", "MALFORMED".into()), "paid, but how much?");
    assert_eq!(kind(queried(200, &transaction("NEW", PAID))).0, "unknown");
}

#[test]
fn an_answer_about_another_is_not_believed() {
    let body = transaction("SUCCESS", PAID);
    for (ours, other) in [("ORDER-1", "ORDER-2"), ("1900000001", "1900000002"), (APPID, "wx0000000000000009")] {
        assert_eq!(kind(queried(200, &body.replace(ours, other))), ("unknown", "ANSWER_FOR_ANOTHER".into()), "{other}");
    }
    for missing in [r#""mchid":"1900000001","#, r#""out_trade_no":"ORDER-1","#] {
        assert_eq!(kind(queried(200, &body.replace(missing, ""))).1, "ANSWER_FOR_ANOTHER");
    }
    let body = refund("SUCCESS");
    for (ours, other) in [("ORDER-1", "ORDER-2"), ("R-1@a", "R-2@a"), ("420000001", "420000002")] {
        for read in [refunded, refund_found] {
            assert_eq!(kind(read(200, &body.replace(ours, other))).1, "ANSWER_FOR_ANOTHER", "{other}");
        }
    }
}

#[test]
fn what_is_not_verified_is_not_believed() {
    let body = transaction("SUCCESS", PAID);
    let read = |status, headers: &HeaderMap| {
        answered(status, headers, &body, |answer| kind(api().payment_answer(&PAYMENT, answer)))
    };
    let good = signature(platform_key(), &body, NOW);
    assert_eq!(read(200, &good).0, "answered");
    let changed = |name: &'static str, value: &str| {
        let mut map = good.clone();
        map.insert(name, value.parse().expect("a value"));
        map
    };
    let old = |seconds: i64| signature(platform_key(), &body, Instant::from_seconds(NOW.seconds() + seconds));
    for (headers, code) in [
        (HeaderMap::new(), "SIGNATURE_MISSING"),
        (signature(other_key(), &body, NOW), "SIGNATURE_INVALID"),
        (signature(platform_key(), "{}", NOW), "SIGNATURE_INVALID"),
        (changed("wechatpay-signature", "WECHATPAY/SIGNTEST/aGVsbG8"), "SIGNATURE_PROBE"),
        (changed("wechatpay-serial", "ABC"), "UNKNOWN_KEY"),
        (old(-300), "STALE"),
        (old(300), "STALE"),
    ] {
        assert_eq!(read(200, &headers), ("unknown", code.to_owned()));
    }
    assert_eq!(read(202, &good), ("unknown", "HTTP_202".into()));
    assert_eq!(read(502, &HeaderMap::new()), ("unknown", "HTTP_502".into()));
}

#[test]
fn codes_mean_what_is_certain() {
    assert_eq!(kind(queried(404, &error("ORDER_NOT_EXIST"))).0, "not found");
    assert_eq!(kind(refund_found(404, &error("RESOURCE_NOT_EXISTS"))).0, "not found");
    assert_eq!(kind(refunded(404, &error("RESOURCE_NOT_EXISTS"))).0, "unknown", "it was paid, so this is strange");
    assert_eq!(kind(refunded(400, &error("INVALID_REQUEST"))).0, "refused");
    assert_eq!(kind(refunded(403, &error("NOT_ENOUGH"))).0, "unknown", "money can be put in");
    let native = |status, code: &str| kind(begun(InitiateMethod::WechatPayNative, status, &error(code))).0;
    assert_eq!(native(400, "PARAM_ERROR"), "refused");
    assert_eq!(native(400, "INVALID_REQUEST"), "unknown", "perhaps paid before");
    assert_eq!(native(403, "OUT_TRADE_NO_USED"), "unknown");
    for read in [queried, refunded, refund_found] {
        assert_eq!(kind(read(400, &error("ORDER_NOT_EXIST"))).0, "unknown", "not with this status");
        assert_eq!(kind(read(500, &error("SYSTEM_ERROR"))), ("unknown", "SYSTEM_ERROR".into()));
        assert_eq!(kind(read(401, &error("SIGN_ERROR"))).0, "unknown");
        assert_eq!(kind(read(403, &error("NO_AUTH"))).0, "unknown");
        assert_eq!(kind(read(404, "<html>")), ("unknown", "HTTP_404".into()));
        assert_eq!(kind(read(200, &error("ORDER_NOT_EXIST"))).0, "unknown");
    }
}

#[test]
fn too_many_calls_are_certain_only_for_questions() {
    let many = error("FREQUENCY_LIMITED");
    assert_eq!(kind(queried(429, &many)).0, "rate limited");
    assert_eq!(kind(refund_found(429, &many)).0, "rate limited");
    assert_eq!(kind(refunded(429, &many)).0, "unknown");
    assert_eq!(kind(closed(429, &many)).0, "unknown", "a payment may be under way");
    assert_eq!(kind(unsigned(429, &many, |answer| api().payment_answer(&PAYMENT, answer))).0, "rate limited");
    assert_eq!(kind(unsigned(429, &many, |answer| api().refunded(&REFUND, answer))), ("unknown", "HTTP_429".into()));
    let native = initiate(InitiateMethod::WechatPayNative);
    assert_eq!(kind(signed(429, &many, |answer| api().initiated(&native, answer))).0, "rate limited");
    assert_eq!(kind(unsigned(429, &many, |answer| api().initiated(&native, answer))).0, "unknown", "no mere question");
    assert_eq!(kind(unsigned(429, "no", |answer| api().payment_answer(&PAYMENT, answer))).1, "HTTP_429");
}

#[test]
fn an_unsigned_error_shows_what_it_claims() {
    let body = r#"{"code":"ORDER_NOT_EXIST","message":"x\ny"}"#;
    let reply = unsigned(404, body, |answer| api().payment_answer(&PAYMENT, answer));
    let Reply::Unknown(said) = reply else { panic!("{reply:?}") };
    assert_eq!(said.code, "HTTP_404");
    assert!(said.detail.ends_with("it claims ORDER_NOT_EXIST: xy"), "{}", said.detail);
}

#[test]
fn a_close_is_an_empty_signed_answer() {
    assert_eq!(closed(204, ""), Reply::Answered(()));
    assert_eq!(kind(unsigned(204, "", |answer| api().payment_closed(&PAYMENT, answer))).1, "SIGNATURE_MISSING");
    assert_eq!(kind(closed(404, &error("ORDER_NOT_EXIST"))).0, "not found");
    assert_eq!(kind(closed(400, &error("ORDERPAID"))).0, "refused");
    assert_eq!(kind(closed(400, &error("INVALID_REQUEST"))).0, "unknown");
}

#[test]
fn a_refund_stands_as_the_answer_says() {
    for (status, expected) in [
        ("PROCESSING", RefundStatus::Pending),
        ("SUCCESS", RefundStatus::Succeeded),
        ("ABNORMAL", RefundStatus::Abnormal),
        ("CLOSED", RefundStatus::Failed),
    ] {
        for read in [refunded, refund_found] {
            let notice = notice(read(200, &refund(status)));
            assert_eq!(notice.event_type, format!("REFUND.{status}"));
            let [Fact::Refund(refund)] = &notice.facts[..] else { panic!("{notice:?}") };
            assert_eq!((refund.status, refund.amount), (expected, RefundAmount::Single(yuan(30))));
            assert_eq!((refund.refund_id.as_deref(), refund.out_refund_no.as_deref()), (Some("503"), Some("R-1@a")));
        }
    }
    assert_eq!(kind(refunded(200, &refund("NEW"))).0, "unknown");
}

const DAY: Day = Day { year: 2026, month: 11, day: 21 };

fn bill(status: u16, body: &str, at: Instant) -> Reply<StatementNext> {
    signed(status, body, |answer| api().statement_next(DAY, answer, at))
}

#[test]
fn a_bill_is_a_signed_request_and_a_hash() {
    let (path, _) = verified(&api().statement(DAY, NOW).expect("a request"));
    assert_eq!(path, "/v3/bill/tradebill?bill_date=2026-11-21&bill_type=ALL&tar_type=GZIP");
    let hash = "79BB0F45FC4C42234A918000B2668D689E2BDE04";
    let body = format!(
        r#"{{"hash_type":"SHA1","hash_value":"{hash}","download_url":"{PRODUCTION}/v3/billdownload/file?token=a%2Bb"}}"#
    );
    let Reply::Answered(StatementNext::File(request, FileFormat::WechatPayCsv { sha1 })) = bill(200, &body, NOW) else {
        panic!("a file")
    };
    assert_eq!(verified(&request).0, "/v3/billdownload/file?token=a%2Bb");
    assert_eq!(sha1, Some(hash.to_ascii_lowercase()));
    for (good, bad) in [("SHA1", "MD5"), (hash, "79BB"), ("https:", "http:")] {
        assert_eq!(kind(bill(200, &body.replace(good, bad), NOW)).0, "unknown", "{bad}");
    }
}

#[test]
fn no_bill_is_an_empty_day_only_after_bills_are_made() {
    let none = error("NO_STATEMENT_EXIST");
    assert!(matches!(bill(400, &none, NOW), Reply::Answered(StatementNext::NotReady(_))), "ten in the morning");
    let noon = Instant::from_seconds(NOW.seconds() + 2 * 3600);
    assert_eq!(bill(400, &none, noon), Reply::Answered(StatementNext::Empty));
    let being_made = error("STATEMENT_CREATING");
    assert!(matches!(bill(400, &being_made, noon), Reply::Answered(StatementNext::NotReady(_))));
    assert_eq!(kind(bill(400, &error("PARAM_ERROR"), noon)).0, "unknown");
    let forged = unsigned(400, &none, |answer| api().statement_next(DAY, answer, noon));
    assert_eq!(kind(forged).0, "unknown");
}

#[test]
fn settings_name_all_problems_at_once() {
    let fields = |settings| -> Vec<_> {
        let problems = WechatPayApi::new(platform(), settings).expect_err("problems");
        problems.into_iter().map(|p| p.field).collect()
    };
    let nothing = WechatPayApiSettings {
        base_url: Some("x".into()),
        notify_url: None,
        private_key: String::new(),
        serial_no: String::new(),
    };
    assert_eq!(fields(nothing), ["base_url", "notify_url", "private_key", "serial_no"]);
    for serial in [PUB_ID, "1D:DE", "serial"] {
        assert_eq!(fields(WechatPayApiSettings { serial_no: serial.into(), ..settings() }), ["serial_no"]);
    }
    assert_eq!(
        fields(WechatPayApiSettings { private_key: platform_key().private_pem(), ..settings() }),
        ["private_key"]
    );
}

proptest! {
    /// Whatever the number and the text, what is signed is what is sent.
    #[test]
    fn a_request_verifies(number in "[A-Za-z0-9_|*-]{6,32}", description in "[^\\p{C}]{1,40}") {
        prop_assume!(description.len() <= 127 && !description.trim().is_empty());
        let ask = Initiate { description: &description, out_trade_no: &number, ..initiate(InitiateMethod::WechatPayNative) };
        let Ok(Begin::Call(request)) = api().initiate(&ask, NOW) else { panic!("a call") };
        let (_, body) = verified(&request);
        prop_assert_eq!(body["description"].as_str(), Some(description.as_str()));
        verified(&api().query_payment(&PaymentRef { out_trade_no: &number, ..PAYMENT }, NOW).expect("a request"));
    }

    /// Every answer without the platform's signature leaves the outcome open.
    #[test]
    fn no_unsigned_answer_is_believed(status in 200_u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let headers = HeaderMap::new();
        let status = StatusCode::from_u16(status).expect("a status");
        let response = Response { status, headers: &headers, body: &body, received_at: NOW };
        prop_assert_eq!(kind(api().payment_answer(&PAYMENT, &response)).0, "unknown");
        prop_assert_eq!(kind(api().refunded(&REFUND, &response)).0, "unknown");
        prop_assert_eq!(kind(api().payment_closed(&PAYMENT, &response)).0, "unknown");
    }
}
