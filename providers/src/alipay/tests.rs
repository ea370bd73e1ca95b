use proptest::prelude::*;

use super::*;
use crate::{
    Currency, Fact, Instant, Money, Payer, PaymentStatus, RefundAmount, RefundStatus,
    testing::{TestKey, callback, encode_text_form, flip, headers, other_key, platform_key, with},
    time::parse_beijing,
};

const APP: &str = "2021000000000001";
const SELLER: &str = "2088000000000001";

type Pairs<'a> = Vec<(&'a str, &'a str)>;

fn account() -> Alipay {
    with_keys(&platform_key().public_pem(), None)
}

fn with_keys(key: &str, previous: Option<&str>) -> Alipay {
    let key_of = |pem: &str| AlipayKey::PublicKey(pem.to_owned());
    let (key, previous_key) = (key_of(key), previous.map(key_of));
    let settings = AlipaySettings { app_id: APP.into(), seller_id: Some(SELLER.into()), key, previous_key };
    Alipay::new(settings).expect("good settings")
}

fn trade() -> Pairs<'static> {
    vec![
        ("notify_type", "trade_status_sync"),
        ("notify_id", "2026112200222100000000001"),
        ("app_id", APP),
        ("seller_id", SELLER),
        ("out_trade_no", "ORDER-1"),
        ("trade_no", "2026112222001400000000001"),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "12.30"),
        ("buyer_id", "2088700000000001"),
        ("gmt_create", "2026-11-22 09:59:00"),
        ("gmt_payment", "2026-11-22 10:00:00"),
        ("subject", "a+b 100% 茶"),
    ]
}

/// The canonical string, written anew here so that a fault of the verifier does not cancel out.
fn signed_by(key: &TestKey, pairs: &Pairs<'_>, v2: bool) -> Vec<u8> {
    let mut all = with(pairs, "sign_type", Some("RSA2"));
    let mut text: Vec<String> = all
        .iter()
        .filter(|(k, v)| (v2 || *k != "sign_type") && !v.is_empty())
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    text.sort();
    let sign = key.sign(text.join("&").as_bytes());
    all.push(("sign", &sign));
    encode_text_form(&all)
}

fn signed(pairs: &Pairs<'_>) -> Vec<u8> {
    signed_by(platform_key(), pairs, false)
}

fn notify(body: &[u8]) -> Result<Notice, Rejection> {
    account().notify(&callback(&headers(&[]), body, 0))
}

fn reason(body: &[u8]) -> Option<Reason> {
    notify(body).err().map(|r| r.reason)
}

fn facts(pairs: &Pairs<'_>) -> Vec<Fact> {
    notify(&signed(pairs)).expect("genuine").facts
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn only_payment(facts: &[Fact]) -> PaymentStatus {
    match facts {
        [Fact::Payment(payment)] => payment.status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_paid_trade_is_one_payment() {
    let notice = notify(&signed(&trade())).expect("genuine");
    assert_eq!(notice.event_type, "TRADE_SUCCESS");
    assert_eq!(notice.platform_notice_id.as_deref(), Some("2026112200222100000000001"));
    let [Fact::Payment(payment)] = &notice.facts[..] else { panic!("{notice:?}") };
    assert_eq!(payment.out_trade_no.as_deref(), Some("ORDER-1"));
    assert_eq!(payment.transaction_id.as_deref(), Some("2026112222001400000000001"));
    assert_eq!((payment.status, payment.amount), (PaymentStatus::Succeeded, yuan(1230)));
    assert_eq!(payment.occurred_at, parse_beijing("2026-11-22 10:00:00").ok());
    assert_eq!(payment.payer, Some(Payer::new("2088700000000001".into())));
}

#[test]
fn a_refund_is_told_beside_its_payment() {
    let mut pairs = with(&trade(), "refund_fee", Some("2.30"));
    pairs.extend([("out_biz_no", "R-1"), ("gmt_refund", "2026-11-22 11:00:00.143")]);
    let facts = facts(&pairs);
    let [Fact::Payment(payment), Fact::Refund(refund)] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!((payment.status, payment.amount), (PaymentStatus::Succeeded, yuan(1230)));
    assert_eq!((refund.status, refund.amount), (RefundStatus::Succeeded, RefundAmount::Cumulative(yuan(230))));
    assert_eq!(refund.out_refund_no.as_deref(), Some("R-1"));
    assert_eq!(refund.occurred_at.map(Instant::micros), Some(1_795_316_400_143_000));
    assert_eq!(only_payment(&self::facts(&with(&trade(), "refund_fee", Some("0.00")))), PaymentStatus::Succeeded);
}

#[test]
fn closed_is_either_unpaid_or_wholly_refunded() {
    let closed = with(&trade(), "trade_status", Some("TRADE_CLOSED"));
    let unpaid = with(&closed, "gmt_payment", None);
    assert_eq!(only_payment(&facts(&unpaid)), PaymentStatus::Closed);
    for (pairs, refunded) in [
        (with(&closed, "refund_fee", Some("12.30")), 1230),
        (with(&unpaid, "refund_fee", Some("5.00")), 500),
        (with(&unpaid, "gmt_refund", Some("2026-11-22 11:00:00")), 1230),
        (closed.clone(), 1230),
    ] {
        let facts = facts(&pairs);
        let [Fact::Payment(payment), Fact::Refund(refund)] = &facts[..] else { panic!("{facts:?}") };
        assert_eq!(payment.status, PaymentStatus::Succeeded);
        assert_eq!(refund.amount, RefundAmount::Cumulative(yuan(refunded)));
    }
}

#[test]
fn other_states() {
    for (state, status) in [("WAIT_BUYER_PAY", PaymentStatus::Pending), ("TRADE_FINISHED", PaymentStatus::Succeeded)] {
        assert_eq!(only_payment(&facts(&with(&trade(), "trade_status", Some(state)))), status);
    }
    assert_eq!(reason(&signed(&with(&trade(), "trade_status", Some("TRADE_NEW")))), Some(Reason::Unsupported));
    assert_eq!(reason(&signed(&with(&trade(), "trade_status", None))), Some(Reason::Unsupported));
}

#[test]
fn messages_follow_the_second_rule_and_say_nothing_about_money() {
    let message = vec![
        ("notify_type", "servicemarket_order_notify"),
        ("method", "alipay.open.servicemarket.order.notify"),
        ("app_id", APP),
        ("total_amount", "12.30"),
    ];
    let notice = notify(&signed_by(platform_key(), &message, true)).expect("genuine");
    assert_eq!((notice.event_type.as_str(), notice.facts.len()), ("servicemarket_order_notify", 0));
    assert_eq!(reason(&signed_by(platform_key(), &message, false)), Some(Reason::SignatureInvalid));
    assert_eq!(reason(&signed_by(platform_key(), &trade(), true)), Some(Reason::SignatureInvalid));
    let other_type = with(&trade(), "notify_type", Some("dut_user_sign"));
    assert_eq!(facts(&other_type), vec![]);
}

/// A1.
#[test]
fn forged_signatures_are_refused() {
    let good = encode_text_form(&trade());
    let with_sign = |sign: &str| [&good[..], b"&sign_type=RSA2&sign=", sign.as_bytes()].concat();
    assert_eq!(reason(&[&good[..], b"&sign_type=RSA2"].concat()), Some(Reason::SignatureMissing));
    assert_eq!(reason(&with_sign("")), Some(Reason::SignatureMissing));
    for sign in ["AAAA", "%00", "not+base64", "%F0%9F"] {
        assert_eq!(reason(&with_sign(sign)), Some(Reason::SignatureInvalid), "{sign}");
    }
    assert_eq!(reason(&signed_by(other_key(), &trade(), false)), Some(Reason::SignatureInvalid));
    let whole = signed(&trade());
    // Where the base64 happens to have an escape there, half of it would be another fault.
    let cut = whole.len() - 12;
    let cut = (cut - 2..cut).find(|i| whole[*i] == b'%').unwrap_or(cut);
    assert_eq!(reason(&whole[..cut]), Some(Reason::SignatureInvalid));
    assert_eq!(reason(b""), Some(Reason::SignatureMissing));
}

/// A4: `sign_type` is not signed, so only the pinned value passes.
#[test]
fn the_algorithm_is_pinned() {
    let body = String::from_utf8(signed(&trade())).expect("ASCII");
    for other in ["sign_type=RSA", "sign_type=MD5", "sign_type=rsa2", "sign_type=", "x=1"] {
        let changed = body.replace("sign_type=RSA2", other);
        assert_eq!(reason(changed.as_bytes()), Some(Reason::AlgorithmNotAllowed), "{other}");
    }
}

/// A6.
#[test]
fn notices_for_others_are_refused() {
    for (name, value) in [
        ("app_id", Some("2021000000000002")),
        ("app_id", None),
        ("seller_id", Some("2088000000000002")),
        ("seller_id", None),
    ] {
        assert_eq!(reason(&signed(&with(&trade(), name, value))), Some(Reason::WrongAccount), "{name}");
    }
}

/// A8, and identifiers that could break a log line or a database.
#[test]
fn odd_values_are_refused_even_when_signed() {
    for amount in ["0.1", "1e2", "+1", "01.00", " 1.00", "１.００", "-1", "NaN", "9223372036854775808", "1.000"] {
        assert_eq!(reason(&signed(&with(&trade(), "total_amount", Some(amount)))), Some(Reason::BadAmount), "{amount}");
        assert_eq!(reason(&signed(&with(&trade(), "refund_fee", Some(amount)))), Some(Reason::BadAmount), "{amount}");
    }
    for number in ["A\0B", "A\r\nB", "A B", "\u{202e}A", "茶", &"9".repeat(65)] {
        assert_eq!(reason(&signed(&with(&trade(), "out_trade_no", Some(number)))), Some(Reason::Unsupported));
        assert_eq!(reason(&signed(&with(&trade(), "trade_no", Some(number)))), Some(Reason::Unsupported));
    }
    assert_eq!(reason(&signed(&with(&trade(), "gmt_payment", Some("yesterday")))), Some(Reason::Unsupported));
}

/// A9.
#[test]
fn repeated_fields_are_refused() {
    let body = signed(&trade());
    for extra in ["&total_amount=0.01", "&TOTAL_AMOUNT=0.01", "&total%5Famount=0.01", "&x[]=1"] {
        assert_eq!(reason(&[&body[..], extra.as_bytes()].concat()), Some(Reason::Malformed), "{extra}");
    }
}

/// A5: the payer's browser sees a return URL that the same rule signs; it is no notice, whatever is made of it.
#[test]
fn a_return_url_is_not_a_notice() {
    let query = [
        ("app_id", APP),
        ("seller_id", SELLER),
        ("charset", "utf-8"),
        ("method", "alipay.trade.page.pay.return"),
        ("out_trade_no", "ORDER-1"),
        ("total_amount", "12.30"),
    ];
    let body = signed(&query.to_vec());
    assert!(account().verify_return(std::str::from_utf8(&body).expect("ASCII")).is_ok());
    assert!(reason(&body).is_some());
    let mut resplit = query.to_vec();
    resplit.retain(|(name, _)| *name != "method");
    let resplit = with(&resplit, "charset", Some("utf-8&method=alipay.trade.page.pay.return"));
    assert_eq!(reason(&signed(&resplit)), Some(Reason::Unsupported));
}

/// Alipay's last notices under the key before come after the new one is in place.
#[test]
fn a_key_is_rolled_without_a_gap() {
    let (old, new) = (platform_key(), other_key());
    let body = signed(&trade());
    let now = |account: &Alipay| account.notify(&callback(&headers(&[]), &body, 0)).map(|notice| notice.key_id);
    let before = now(&with_keys(&old.public_pem(), None)).expect("the only key");
    assert_eq!(now(&with_keys(&new.public_pem(), Some(&old.public_pem()))), Ok(before));
    let after = now(&with_keys(&new.public_pem(), None)).map_err(|r| r.reason);
    assert_eq!(after, Err(Reason::SignatureInvalid));
}

/// A5: one signed notice in another order, spelling or padding is the same notice.
#[test]
fn a_notice_has_one_identity() {
    let identity = |body: &[u8]| notify(body).expect("genuine").content_sha256;
    let body = signed(&trade());
    let mut pieces: Vec<_> = body.split(|b| *b == b'&').collect();
    pieces.reverse();
    let reversed = pieces.join(&b'&');
    let escaped = String::from_utf8(body.clone()).expect("ASCII").replace("ORDER", "%4F%52DER");
    let padded = [&body[..], b"&fund_bill_list="].concat();
    for other in [reversed, escaped.into_bytes(), padded] {
        assert_eq!(identity(&other), identity(&body));
    }
    let next = signed(&with(&trade(), "notify_id", Some("2026112200222100000000002")));
    assert_ne!(identity(&next), identity(&body));
}

/// A10: a cheap order whose subject spells out a dear one, split again at the forger's choice.
#[test]
fn a_signed_string_is_not_split_anew() {
    let honest = with(&trade(), "subject", Some("tea&total_amount=999.00&total_amountz="));
    assert_eq!(reason(&signed(&honest)), Some(Reason::Unsupported), "such a subject is an attack in itself");
    let mut resplit = with(&trade(), "subject", Some("tea"));
    resplit = with(&resplit, "total_amount", Some("999.00"));
    resplit.push(("total_amountz", "&total_amount=12.30"));
    assert_eq!(reason(&signed(&resplit)), Some(Reason::Unsupported));
    let harmless = with(&trade(), "body", Some("a&b=c & d"));
    assert_eq!(reason(&signed(&harmless)), None);
}

#[test]
fn empty_values_and_the_serial_number_may_be_signed_or_not() {
    let body = String::from_utf8(signed(&trade())).expect("ASCII");
    assert_eq!(reason(format!("{body}&refund_fee=&charset=").as_bytes()), None);
    let sn = "e90dd23a37c5c7b616e003970817ff82";
    assert_eq!(reason(format!("{body}&alipay_cert_sn={sn}").as_bytes()), None);
    for padding in ["ab", &sn.to_ascii_uppercase(), &"a".repeat(40_000)] {
        assert_eq!(reason(format!("{body}&alipay_cert_sn={padding}").as_bytes()), Some(Reason::Malformed));
    }
    assert_eq!(reason(format!("{body}&extra=1").as_bytes()), Some(Reason::SignatureInvalid));
    let mut pairs = with(&trade(), "sign_type", None);
    pairs.push(("body", ""));
    pairs.sort_unstable();
    let text: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let sign = platform_key().sign(text.join("&").as_bytes());
    pairs.extend([("sign", sign.as_str()), ("sign_type", "RSA2")]);
    assert_eq!(reason(&encode_text_form(&pairs)), None, "empty value signed");
}

#[test]
fn bytes_are_verified_whatever_the_charset_says() {
    let gbk = [b"charset=GBK&notify_type=trade_status_sync&subject=".as_slice(), b"\xb2\xe8"].concat();
    let sign = platform_key().sign(&[b"app_id=", APP.as_bytes(), b"&", &gbk].concat());
    let pairs = [
        ("app_id".to_owned(), APP.into()),
        ("charset".into(), b"GBK".to_vec()),
        ("notify_type".into(), b"trade_status_sync".to_vec()),
        ("subject".into(), b"\xb2\xe8".to_vec()),
        ("sign".into(), sign.into_bytes()),
        ("sign_type".into(), b"RSA2".to_vec()),
    ];
    let body = crate::testing::encode_form(&pairs);
    assert!(account().verify(&callback(&headers(&[]), &body, 0)).is_ok());
}

#[test]
fn a_return_is_verified_but_is_no_notice() {
    let pairs = vec![
        ("app_id", APP),
        ("method", "alipay.trade.page.pay.return"),
        ("out_trade_no", "ORDER-1"),
        ("seller_id", SELLER),
        ("total_amount", "12.30"),
    ];
    let query = String::from_utf8(signed(&pairs)).expect("ASCII");
    let verified = account().verify_return(&query).expect("genuine");
    assert_eq!(verified.field("out_trade_no"), Some("ORDER-1"));
    assert_eq!(reason(query.as_bytes()), Some(Reason::SignatureInvalid));
    let tampered = account().verify_return(&query.replace("12.30", "12.31")).map(drop);
    assert_eq!(tampered.map_err(|r| r.reason), Err(Reason::SignatureInvalid));
}

fn answer(node: &str) -> String {
    let sign = platform_key().sign(node.as_bytes()).replace('/', "\\/");
    format!("{{ \"alipay_trade_query_response\" : {node} ,\n\"sign\":\"{sign}\"}}")
}

fn answered(body: &str) -> Result<&[u8], Reason> {
    account().verify_response("alipay.trade.query", body.as_bytes()).map(|signed| signed.bytes).map_err(|r| r.reason)
}

#[test]
fn an_answer_is_verified_as_the_bytes_that_came() {
    for node in [
        r#"{"code":"10000","sign":"x","url":"https:\/\/a\/}\"{","n":{"sign":[1,{"alipay_trade_query_response":2}]}}"#,
        r#""ZW5jcnlwdGVk""#,
    ] {
        assert_eq!(answered(&answer(node)), Ok(node.as_bytes()));
    }
    let slashes = answer(r#"{"u":"\/"}"#).replace(r#"{"u":"\/"}"#, r#"{"u":"/"}"#);
    assert_eq!(answered(&slashes), Err(Reason::SignatureInvalid));
    assert_eq!(answered(r#"{"error_response":{"code":"20000"}}"#), Err(Reason::SignatureMissing));
    assert_eq!(answered(r#"{"sign":"AA=="}"#), Err(Reason::Malformed));
    assert_eq!(answered(r#"{"alipay_trade_query_response":{},"sign":1}"#), Err(Reason::Malformed));
    let twice = answer(r#"{"a":1}"#).replace("{ ", r#"{"alipay_trade_query_response":{"a":2},"#);
    assert_eq!(answered(&twice), Err(Reason::Malformed));
    assert_eq!(answered(&"[".repeat(100_000)), Err(Reason::Malformed));
    assert_eq!(answered(&format!(r#"{{"a":{}"#, "[".repeat(60_000))), Err(Reason::Malformed));
}

#[test]
fn settings_name_all_problems_at_once() {
    let key = AlipayKey::Certificate(platform_key().public_pem());
    let problems =
        Alipay::new(AlipaySettings { app_id: String::new(), seller_id: Some("a@b.c".into()), key, previous_key: None });
    let fields: Vec<_> = problems.expect_err("three problems").into_iter().map(|p| p.field).collect();
    assert_eq!(fields, ["app_id", "seller_id", "certificate"]);
}

#[test]
fn acknowledgements_are_exact() {
    assert_eq!(
        account().ack(Outcome::Accepted),
        Ack { status: StatusCode::OK, content_type: "text/plain", body: "success" }
    );
    assert_eq!(account().ack(Outcome::Refused).body, "fail");
    assert_eq!(account().ack(Outcome::Unavailable).status, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn claims_are_bounded() {
    assert_eq!(account().claimed_out_trade_no(b"out_trade_no=A-1&x=2").as_deref(), Some("A-1"));
    assert_eq!(account().claimed_out_trade_no(b"out_trade_no=A%00"), None);
    assert_eq!(account().claimed_out_trade_no(b"\xff"), None);
}

proptest! {
    #[test]
    fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = notify(&body);
        let _ = account().verify_response("m", &body);
        let _ = account().claimed_out_trade_no(&body);
    }
}

/// Every single bit. What may change is what is not signed and not read either: the case of a percent
/// escape, and the name of an empty field.
#[test]
fn every_flipped_bit_is_refused() {
    let account = account();
    let none = headers(&[]);
    let body = signed(&trade());
    let meaning = |body: &[u8]| Form::parse(body).map(|form| form.canonical(&[], false));
    for position in 0..body.len() * 8 {
        let flipped = flip(&body, position / 8, u8::try_from(position % 8).expect("a bit"));
        let result = account.notify(&callback(&none, &flipped, 0));
        assert!(result.is_err() || meaning(&flipped) == meaning(&body), "bit {position}");
    }
}
