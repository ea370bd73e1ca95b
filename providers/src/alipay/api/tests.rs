use http::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::{
    Currency, Fact, Money, PaymentStatus, Platform, RefundAmount, RefundStatus,
    alipay::{AlipayKey, AlipaySettings},
    api::{Action, InitiateMethod},
    form::Form,
    statement::FileFormat,
    testing::{TestKey, callback, encode_text_form, headers, other_key, platform_key},
    time::parse_beijing,
};

const APP: &str = "2021000000000001";
/// 2026-11-22 10:00:00 in Beijing.
const NOW: Instant = Instant::from_seconds(1_795_312_800);

fn settings() -> AlipayApiSettings {
    AlipayApiSettings {
        base_url: None,
        notify_url: Some("https://pay.example/notify/alipay".into()),
        private_key: other_key().private_pem(),
    }
}

fn platform() -> Alipay {
    let key = AlipayKey::PublicKey(platform_key().public_pem());
    Alipay::new(AlipaySettings { app_id: APP.into(), seller_id: None, key, previous_key: None }).expect("good settings")
}

fn api() -> AlipayApi {
    AlipayApi::new(Arc::new(platform()), settings()).expect("good settings")
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn initiate(method: InitiateMethod) -> Initiate<'static> {
    Initiate {
        method,
        out_trade_no: "ORDER_1",
        amount: yuan(1230),
        description: "a+b 100% 茶",
        started_at: NOW,
        expires_at: Some(Instant::from_seconds(1_795_312_800 + 1800)),
        payer_id: "",
        client_ip: "",
        return_url: "https://shop.example/back?a=1&b=2",
    }
}

const PAYMENT: PaymentRef<'static> = PaymentRef {
    out_trade_no: "ORDER_1",
    started_at: Some(NOW),
    expires_at: None,
    reference: "",
    amount: Money { minor: 1230, currency: Currency::CNY },
};

const REFUND: Refund<'static> = Refund {
    out_trade_no: "ORDER_1",
    transaction_id: "2026112222001400000000001",
    out_refund_no: "R_1",
    refund_id: "",
    amount: Money { minor: 230, currency: Currency::CNY },
    paid: Money { minor: 1230, currency: Currency::CNY },
    reason: "",
    paid_at: None,
    started_at: NOW,
};

fn body_signed_by(key: &TestKey, method: &str, node: &str) -> String {
    let sign = key.sign(node.as_bytes());
    format!(r#"{{"{}_response":{node},"sign":"{sign}"}}"#, method.replace('.', "_"))
}

fn answer<T>(body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    let headers = HeaderMap::new();
    read(&Response { status: StatusCode::OK, headers: &headers, body: body.as_bytes(), received_at: NOW })
}

fn signed<T>(method: &str, node: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    answer(&body_signed_by(platform_key(), method, node), read)
}

fn paid(more: &str) -> String {
    format!(
        r#"{{"code":"10000","msg":"Success","out_trade_no":"ORDER_1","trade_no":"2026112222001400000000001","total_amount":"12.30"{more}}}"#
    )
}

fn queried(node: &str) -> Reply<Option<Notice>> {
    signed("alipay.trade.query", node, |answer| api().payment_answer(&PAYMENT, answer))
}

fn refunded(node: &str) -> Reply<Option<Notice>> {
    signed("alipay.trade.refund", node, |answer| api().refunded(&REFUND, answer))
}

fn refund_found(node: &str) -> Reply<Option<Notice>> {
    signed("alipay.trade.fastpay.refund.query", node, |answer| api().refund_answer(&REFUND, answer))
}

fn closed(node: &str) -> Reply<()> {
    signed("alipay.trade.close", node, |answer| api().payment_closed(&PAYMENT, answer))
}

fn failure(sub_code: &str) -> String {
    format!(
        r#"{{"code":"40004","msg":"Business Failed","sub_code":"{sub_code}","sub_msg":"…","out_trade_no":"ORDER_1"}}"#
    )
}

/// The kind of a reply and its code.
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

fn facts(reply: Reply<Option<Notice>>) -> Vec<Fact> {
    notice(reply).facts
}

/// The fields of a request, verified by the public half of the application's key with the rule written anew.
fn verified(query: &str, body: &[u8]) -> Form {
    let all = [query.as_bytes(), if body.is_empty() { b"" } else { b"&" }, body].concat();
    let form = Form::parse(&all).expect("a form");
    let sign = form.get("sign").expect("signed");
    let key = crate::RsaPublicKey::parse(&other_key().public_pem()).expect("a key");
    assert!(key.verify_base64(&form.canonical(&["sign"], false), sign), "sign_type is signed, too");
    form
}

fn call(request: &Request) -> Form {
    let (gateway, query) = request.url.split_once('?').expect("a query");
    assert_eq!((gateway, &request.method), (PRODUCTION, &http::Method::POST));
    assert!(!query.contains("biz_content") && query.contains("charset=utf-8"));
    let form = verified(query, &request.body);
    assert_eq!(form.text("timestamp"), Ok(Some("2026-11-22 10:00:00")));
    form
}

fn biz(form: &Form) -> serde_json::Value {
    serde_json::from_slice(form.get("biz_content").expect("content")).expect("JSON")
}

#[test]
fn front_end_methods_are_signed_and_not_sent() {
    for (method, name, product) in [
        (InitiateMethod::AlipayPage, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        (InitiateMethod::AlipayWap, "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        (InitiateMethod::AlipayApp, "alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    ] {
        let Ok(Begin::Ready(action)) = api().initiate(&initiate(method), NOW) else { panic!("{name}") };
        let form = match &action {
            Action::RedirectUrl(url) => verified(url.split_once('?').expect("a query").1, b""),
            Action::SignedParameters(values) => verified(&values[0].1, b""),
            Action::HtmlForm(_) | Action::QrText(_) => panic!("{action:?}"),
        };
        assert_eq!(form.text("method"), Ok(Some(name)));
        assert_eq!(form.text("notify_url"), Ok(Some("https://pay.example/notify/alipay")));
        let app = method == InitiateMethod::AlipayApp;
        assert_eq!(form.text("return_url"), Ok((!app).then_some("https://shop.example/back?a=1&b=2")));
        let biz = biz(&form);
        assert_eq!(biz["product_code"], product);
        assert_eq!((&biz["total_amount"], &biz["subject"]), (&"12.30".into(), &"a+b 100% 茶".into()));
        assert_eq!((&biz["out_trade_no"], &biz["time_expire"]), (&"ORDER_1".into(), &"2026-11-22 10:30:00".into()));
    }
}

#[test]
fn a_qr_code_is_fetched() {
    let ask = initiate(InitiateMethod::AlipayPrecreate);
    let Ok(Begin::Call(request)) = api().initiate(&ask, NOW) else { panic!("a call") };
    assert_eq!(call(&request).text("notify_url"), Ok(Some("https://pay.example/notify/alipay")));
    let begun = |node: &str| signed("alipay.trade.precreate", node, |answer| api().initiated(&ask, answer));
    let node = r#"{"code":"10000","out_trade_no":"ORDER_1","qr_code":"https:\/\/qr.alipay.com\/bax"}"#;
    let expected = Initiated { action: Action::QrText("https://qr.alipay.com/bax".into()), reference: None };
    assert_eq!(begun(node), Reply::Answered(expected));
    assert_eq!(kind(begun(&node.replace("ORDER_1", "ORDER_2"))).1, "ANSWER_FOR_ANOTHER");
    assert_eq!(kind(begun(&failure("ACQ.TOTAL_FEE_EXCEED"))).0, "refused");
    for paid_or_closed in ["ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE", "ACQ.CONTEXT_INCONSISTENT"] {
        assert_eq!(kind(begun(&failure(paid_or_closed))).0, "unknown", "{paid_or_closed} is news about the payment");
    }
}

#[test]
fn a_subject_is_made_to_fit() {
    let long = "茶".repeat(300);
    for (description, sent) in [
        ("tea/2 a=b&c\n!", "tea 2 a b c !"),
        (long.as_str(), &long[..256 * "茶".len()]),
        ("", "ORDER_1"),
        (" /=&", "ORDER_1"),
    ] {
        let ask = Initiate { description, ..initiate(InitiateMethod::AlipayPage) };
        let Ok(Begin::Ready(Action::RedirectUrl(url))) = api().initiate(&ask, NOW) else { panic!("{description}") };
        let form = verified(url.split_once('?').expect("a query").1, b"");
        assert_eq!(biz(&form)["subject"].as_str(), Some(sent));
    }
}

#[test]
fn what_alipay_cannot_take_is_not_sent() {
    let field = |ask: &Initiate<'_>| match api().initiate(ask, NOW) {
        Err(Unable::BadInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let good = initiate(InitiateMethod::AlipayPage);
    for number in ["", "A-1", "A 1", "茶", &"9".repeat(65)] {
        assert_eq!(field(&Initiate { out_trade_no: number, ..good.clone() }), "out_trade_no");
    }
    let dollars = Money { minor: 1, currency: Currency::parse("USD").expect("a currency") };
    for amount in [yuan(0), yuan(MOST_AND_MORE), dollars] {
        assert_eq!(field(&Initiate { amount, ..good.clone() }), "amount");
    }
    let other = api().initiate(&initiate(InitiateMethod::WechatPayH5), NOW);
    assert!(matches!(other, Err(Unable::NoSuchOperation(_))));
}

const MOST_AND_MORE: i64 = 10_000_000_001;

#[test]
fn questions_name_the_payment() {
    for (request, method) in [
        (api().query_payment(&PAYMENT, NOW), "alipay.trade.query"),
        (api().close_payment(&PAYMENT, NOW), "alipay.trade.close"),
    ] {
        let form = call(&request.expect("a request"));
        assert_eq!(form.text("method"), Ok(Some(method)));
        assert_eq!(biz(&form), serde_json::json!({ "out_trade_no": "ORDER_1" }));
    }
}

#[test]
fn a_verified_answer_is_a_notice() {
    let more =
        r#","trade_status":"TRADE_SUCCESS","send_pay_date":"2026-11-22 10:00:00","buyer_user_id":"2088700000000001""#;
    let notice = notice(queried(&paid(more)));
    assert_eq!((notice.event_type.as_str(), notice.content_sha256.len()), ("TRADE_SUCCESS", 64));
    let [Fact::Payment(payment)] = &notice.facts[..] else { panic!("{notice:?}") };
    assert_eq!((payment.status, payment.amount), (PaymentStatus::Succeeded, yuan(1230)));
    assert_eq!(payment.transaction_id.as_deref(), Some("2026112222001400000000001"));
    assert_eq!(payment.occurred_at, parse_beijing("2026-11-22 10:00:00").ok());
    assert!(payment.payer.is_some());
}

#[test]
fn states_of_a_payment() {
    let states = |more: &str| {
        let facts = facts(queried(&paid(more)));
        let payment = facts.iter().find_map(|fact| match fact {
            Fact::Payment(payment) => Some((payment.status, payment.amount)),
            Fact::Refund(_) => None,
        });
        (payment.expect("a payment"), facts.len())
    };
    assert_eq!(states(r#","trade_status":"WAIT_BUYER_PAY""#), ((PaymentStatus::Pending, yuan(1230)), 1));
    assert_eq!(states(r#","trade_status":"TRADE_CLOSED""#), ((PaymentStatus::Closed, yuan(1230)), 1));
    assert_eq!(states(r#","trade_status":"TRADE_FINISHED""#), ((PaymentStatus::Succeeded, yuan(1230)), 1));
    let refunded = r#","trade_status":"TRADE_CLOSED","send_pay_date":"2026-11-22 10:00:00""#;
    assert_eq!(states(refunded), ((PaymentStatus::Succeeded, yuan(1230)), 2), "paid and wholly refunded");
    let without =
        |status: &str| paid(&format!(r#","trade_status":"{status}""#)).replace(r#","total_amount":"12.30""#, "");
    assert_eq!(facts(queried(&without("WAIT_BUYER_PAY"))).len(), 1, "the question's amount stands in");
    // A trade that nobody has really begun has no number of Alipay's; one that was paid has.
    for missing in ["", r#","trade_no":"""#] {
        let node = |status: &str| {
            let fields = r#""code":"10000","out_trade_no":"ORDER_1","total_amount":"12.30""#;
            format!(r#"{{{fields},"trade_status":"{status}"{missing}}}"#)
        };
        match facts(queried(&node("WAIT_BUYER_PAY"))).as_slice() {
            [Fact::Payment(waiting)] => assert_eq!(waiting.transaction_id, None),
            other => panic!("{other:?}"),
        }
        assert_eq!(kind(queried(&node("TRADE_SUCCESS"))), ("unknown", "MALFORMED".into()));
    }
    assert_eq!(kind(queried(&without("TRADE_SUCCESS"))), ("unknown", "MALFORMED".into()));
    assert_eq!(kind(queried(&paid(r#","trade_status":"TRADE_NEW""#))).0, "unknown");
    assert_eq!(kind(queried(&paid(r#","trade_status":"TRADE_SUCCESS","trans_currency":"USD""#))).1, "BAD_AMOUNT");
}

#[test]
fn the_same_answer_twice_is_one_message_and_a_refund_has_its_own() {
    let hash = |reply| notice(reply).content_sha256;
    let waiting = paid(r#","trade_status":"WAIT_BUYER_PAY""#);
    assert_eq!(hash(queried(&waiting)), hash(queried(&waiting)));
    let node = paid(r#","fund_change":"Y","refund_fee":"4.60""#);
    let second = Refund { out_refund_no: "R_2", ..REFUND };
    let other = signed("alipay.trade.refund", &node, |answer| api().refunded(&second, answer));
    assert_ne!(hash(refunded(&node)), hash(other), "the answer does not name the refund");
}

#[test]
fn codes_mean_what_is_certain() {
    assert_eq!(kind(queried(&failure("ACQ.TRADE_NOT_EXIST"))).0, "not found");
    assert_eq!(kind(closed(&failure("ACQ.TRADE_NOT_EXIST"))).0, "not found");
    assert_eq!(kind(closed(&failure("ACQ.TRADE_HAS_CLOSE"))).0, "answered");
    assert_eq!(kind(closed(&failure("ACQ.TRADE_STATUS_ERROR"))).0, "refused");
    assert_eq!(kind(closed(r#"{"code":"10000","out_trade_no":"ORDER_1"}"#)).0, "answered");
    assert_eq!(kind(refunded(&failure("ACQ.TRADE_NOT_EXIST"))).0, "unknown", "it was paid, so this is strange");
    assert_eq!(kind(refunded(&failure("ACQ.REASON_TRADE_REFUND_FEE_ERR"))).0, "refused");
    assert_eq!(kind(refunded(&failure("ACQ.SELLER_BALANCE_NOT_ENOUGH"))).0, "unknown");
    assert_eq!(kind(refunded(&failure("ACQ.DISCORDANT_REPEAT_REQUEST"))).0, "unknown");
    assert_eq!(kind(refunded(&failure("ACQ.TRADE_HAS_CLOSE"))).0, "unknown", "perhaps by this refund");
    assert_eq!(kind(refund_found(&failure("TRADE_NOT_EXIST"))).0, "not found");
    for read in [queried, refunded, refund_found] {
        for sub_code in ["ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "ACQ.NEW", ""] {
            assert_eq!(kind(read(&failure(sub_code))).0, "unknown", "{sub_code}");
        }
        let elsewhere = failure("ACQ.TRADE_NOT_EXIST").replace("ORDER_1", "ORDER_2");
        assert_eq!(kind(read(&elsewhere)), ("unknown", "ANSWER_FOR_ANOTHER".into()));
        let code = |code: &str| read(&failure("ACQ.TRADE_NOT_EXIST").replace("40004", code));
        for strange in ["20000", "20001", "40001", "40002", "40003", "40006", "10003", ""] {
            assert_eq!(kind(code(strange)).0, "unknown", "{strange}");
        }
        assert_eq!(kind(code("40005")).0, "rate limited");
    }
}

#[test]
fn a_refund_is_done_when_money_moved() {
    let form = call(&api().refund(&REFUND, NOW).expect("a request"));
    assert_eq!(
        biz(&form),
        serde_json::json!({ "out_trade_no": "ORDER_1", "trade_no": REFUND.transaction_id, "out_request_no": "R_1", "refund_amount": "2.30" })
    );
    let done =
        facts(refunded(&paid(r#","fund_change":"Y","refund_fee":"4.60","gmt_refund_pay":"2026-11-22 10:00:00""#)));
    let [Fact::Refund(refund)] = &done[..] else { panic!("{done:?}") };
    assert_eq!((refund.status, refund.amount), (RefundStatus::Succeeded, RefundAmount::Single(yuan(230))));
    assert_eq!((refund.out_refund_no.as_deref(), refund.out_trade_no.as_deref()), (Some("R_1"), Some("ORDER_1")));
    for open in [r#","fund_change":"N","refund_fee":"4.60""#, r#","refund_fee":"4.60""#] {
        assert_eq!(refunded(&paid(open)), Reply::Answered(None), "to be asked about");
    }
    for strange in [r#","fund_change":"Y","refund_fee":"2.29""#, r#","fund_change":"Y""#] {
        assert_eq!(kind(refunded(&paid(strange))).0, "unknown");
    }
    let elsewhere = paid(r#","fund_change":"Y","refund_fee":"2.30""#).replace("22001400000000001", "22001400000000002");
    assert_eq!(kind(refunded(&elsewhere)).1, "ANSWER_FOR_ANOTHER");
}

#[test]
fn a_refund_that_is_asked_about() {
    let form = call(&api().query_refund(&REFUND, NOW).expect("a request"));
    assert_eq!(biz(&form)["out_request_no"], "R_1");
    let done = r#","out_request_no":"R_1","refund_status":"REFUND_SUCCESS","refund_amount":"2.30""#;
    let found = facts(refund_found(&paid(done)));
    let [Fact::Refund(refund)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(refund.amount, RefundAmount::Single(yuan(230)));
    assert_eq!(kind(refund_found(r#"{"code":"10000","msg":"Success"}"#)).0, "not found");
    assert_eq!(refund_found(&paid(&done.replace("REFUND_SUCCESS", "REFUND_PROCESSING"))), Reply::Answered(None));
    assert_eq!(refund_found(&paid(r#","refund_amount":"2.30""#)), Reply::Answered(None), "no word of success");
    assert_eq!(kind(refund_found(&paid(&done.replace("R_1", "R_2")))).1, "ANSWER_FOR_ANOTHER");
    assert_eq!(kind(refund_found(&paid(&done.replace(r#""out_request_no":"R_1","#, "")))).1, "ANSWER_FOR_ANOTHER");
    for amount in ["0.00", "1", "-2.30", ""] {
        let odd = done.replace("2.30", amount);
        assert_eq!(kind(refund_found(&paid(&odd))).0 == "answered", amount == "1", "{amount}");
    }
}

#[test]
fn a_refund_without_a_number_is_not_sent() {
    for (ask, wrong) in [
        (Refund { out_refund_no: "", ..REFUND }, "out_refund_no"),
        (Refund { out_trade_no: "", transaction_id: "", ..REFUND }, "out_trade_no"),
        (Refund { amount: yuan(0), ..REFUND }, "amount"),
    ] {
        let Err(Unable::BadInput { field, .. }) = api().refund(&ask, NOW) else { panic!("{wrong}") };
        assert_eq!(field, wrong);
    }
}

#[test]
fn what_is_not_verified_is_not_believed() {
    let node = paid(r#","trade_status":"TRADE_SUCCESS""#);
    let read = |body: &str| answer(body, |answer| kind(api().payment_answer(&PAYMENT, answer)));
    let good = body_signed_by(platform_key(), "alipay.trade.query", &node);
    assert_eq!(read(&good).0, "answered");
    for (body, code) in [
        (body_signed_by(other_key(), "alipay.trade.query", &node), "SIGNATURE_INVALID"),
        (good.replace("12.30", "0.01"), "SIGNATURE_INVALID"),
        (format!(r#"{{"alipay_trade_query_response":{node}}}"#), "SIGNATURE_MISSING"),
        (body_signed_by(platform_key(), "alipay.trade.close", &node), "MALFORMED"),
        (format!(r#"{{"alipay_trade_query_response":{}}}"#, failure("ACQ.TRADE_NOT_EXIST")), "SIGNATURE_MISSING"),
        ("<html>502</html>".to_owned(), "MALFORMED"),
    ] {
        assert_eq!(read(&body), ("unknown", code.to_owned()), "{body}");
    }
    let headers = HeaderMap::new();
    let response =
        Response { status: StatusCode::BAD_GATEWAY, headers: &headers, body: good.as_bytes(), received_at: NOW };
    assert_eq!(kind(api().payment_answer(&PAYMENT, &response)), ("unknown", "HTTP_502".into()));
}

#[test]
fn an_unsigned_error_shows_what_it_claims() {
    let body = r#"{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id","sub_msg":"a\nb"}}"#;
    let Reply::Unknown(said) = answer(body, |answer| api().payment_answer(&PAYMENT, answer)) else { panic!("unknown") };
    assert_eq!(said.detail, "the answer is not signed; it claims isv.invalid-app-id: ab");
}

const DAY: Day = Day { year: 2026, month: 11, day: 21 };

fn bill(node: &str, at: Instant) -> Reply<StatementNext> {
    signed("alipay.data.dataservice.bill.downloadurl.query", node, |answer| api().statement_next(DAY, answer, at))
}

#[test]
fn a_bill_is_an_address_in_https() {
    let form = call(&api().statement(DAY, NOW).expect("a request"));
    assert_eq!(biz(&form), serde_json::json!({ "bill_date": "2026-11-21", "bill_type": "trade" }));
    let node = r#"{"code":"10000","bill_download_url":"http:\/\/dwbillcenter.alipay.com\/x?token=1"}"#;
    let Reply::Answered(StatementNext::File(request, FileFormat::AlipayZip)) = bill(node, NOW) else {
        panic!("a file")
    };
    assert_eq!(request.url, "https://dwbillcenter.alipay.com/x?token=1");
    assert_eq!(kind(bill(&node.replace("http:", "ftp:"), NOW)).0, "unknown");
}

#[test]
fn no_bill_is_an_empty_day_only_after_bills_are_made() {
    let none = failure("isp.bill_not_exist");
    assert!(matches!(bill(&none, NOW), Reply::Answered(StatementNext::NotReady(_))), "ten in the morning");
    let noon = Instant::from_seconds(NOW.seconds() + 2 * 3600);
    assert_eq!(bill(&none, noon), Reply::Answered(StatementNext::Empty));
    assert_eq!(kind(bill(&failure("USER_RATE_LIMIT"), noon)).0, "rate limited");
    assert_eq!(kind(bill(&failure("INVAILID_ARGUMENTS"), noon)).0, "unknown");
    let no_day = api().statement(Day { month: 13, ..DAY }, NOW);
    assert!(matches!(no_day, Err(Unable::BadInput { field: "date", .. })));
}

#[test]
fn settings_name_all_problems_at_once() {
    let wrong = AlipayApiSettings { base_url: Some("gateway".into()), notify_url: None, private_key: String::new() };
    let problems = AlipayApi::new(Arc::new(platform()), wrong).expect_err("three problems");
    let fields: Vec<_> = problems.into_iter().map(|p| p.field).collect();
    assert_eq!(fields, ["base_url", "notify_url", "private_key"]);
    let mixed_up = AlipayApiSettings { private_key: platform_key().private_pem(), ..settings() };
    assert!(AlipayApi::new(Arc::new(platform()), mixed_up).is_err(), "our own public key as Alipay's");
}

/// An answer and a notice of one payment name it alike.
#[test]
fn notices_and_answers_agree() {
    let pairs = [
        ("app_id", APP),
        ("notify_type", "trade_status_sync"),
        ("out_trade_no", "ORDER_1"),
        ("trade_no", "2026112222001400000000001"),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "12.30"),
        ("gmt_payment", "2026-11-22 10:00:00"),
    ];
    let mut text: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    text.sort();
    let sign = platform_key().sign(text.join("&").as_bytes());
    let body = encode_text_form(&[&pairs[..], &[("sign", &sign), ("sign_type", "RSA2")]].concat());
    let notified = platform().notify(&callback(&headers(&[]), &body, 0)).expect("genuine");
    let more = r#","trade_status":"TRADE_SUCCESS","send_pay_date":"2026-11-22 10:00:00""#;
    assert_eq!(facts(queried(&paid(more))), notified.facts);
}

proptest! {
    /// Whatever stands in the parameters, the gateway can rebuild what was signed.
    #[test]
    fn a_request_verifies_after_its_escaping(subject in "[^/=&\\p{C}]{1,40}", back in "https://[a-z]{1,9}/[!-~]{0,30}") {
        prop_assume!(!subject.trim().is_empty());
        let ask = Initiate { description: &subject, return_url: &back, ..initiate(InitiateMethod::AlipayPage) };
        if let Ok(Begin::Ready(Action::RedirectUrl(url))) = api().initiate(&ask, NOW) {
            let form = verified(url.split_once('?').expect("a query").1, b"");
            prop_assert_eq!(form.text("return_url"), Ok(Some(back.as_str())));
            let biz = biz(&form);
            prop_assert_eq!(biz["subject"].as_str(), Some(subject.as_str()));
        }
    }

    #[test]
    fn no_answer_panics_or_is_believed(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let headers = HeaderMap::new();
        let response = Response { status: StatusCode::OK, headers: &headers, body: &body, received_at: NOW };
        prop_assert_eq!(kind(api().payment_answer(&PAYMENT, &response)).0, "unknown");
        prop_assert_eq!(kind(api().refunded(&REFUND, &response)).0, "unknown");
    }
}
