use http::HeaderMap;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, SerialNumber};

use super::*;
use crate::{
    Currency, Fact, Instant, Money, PaymentStatus, Reason, RefundAmount, RefundStatus,
    testing::{TestKey, callback, flip, headers, other_key, platform_key, seal},
};

const NOW: i64 = 1_795_312_800;
const KEY: &str = "k7Qe0aXzT41mPp9kRvC2uJsLwN8yHdGf";
const OLD_KEY: &str = "Zs8Kd2LmQ0xVbN5tYhGjR3eWpC7uAiFo";
const PUB_ID: &str = "PUB_KEY_ID_0110000000002026112200000000000001";
const NONCE: &str = "0123456789ab";

fn certificate(serial: &[u8], name: &str) -> String {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.distinguished_name.push(DnType::CommonName, name);
    params.self_signed(&other_key().pair).expect("signed").pem()
}

fn settings() -> WechatPaySettings {
    WechatPaySettings {
        mchid: "1900000001".into(),
        appids: vec!["wx0000000000000001".into()],
        api_v3_key: KEY.into(),
        previous_api_v3_key: Some(OLD_KEY.into()),
        public_keys: vec![WechatPublicKey { id: PUB_ID.into(), pem: platform_key().public_pem() }],
        platform_certificates: vec![certificate(&[0x0a, 0xbc, 0xde], "Tenpay.com sign")],
    }
}

fn account() -> WechatPay {
    WechatPay::new(settings()).expect("good settings")
}

fn signed_at(key: &TestKey, serial: &str, body: &[u8], at: i64) -> HeaderMap {
    let signature = key.sign(&[at.to_string().as_bytes(), b"\nnonce-1\n", body, b"\n"].concat());
    headers(&[
        ("Wechatpay-Timestamp", &at.to_string()),
        ("Wechatpay-Nonce", "nonce-1"),
        ("Wechatpay-Signature", &signature),
        ("Wechatpay-Serial", serial),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    ])
}

fn signed(body: &[u8]) -> HeaderMap {
    signed_at(platform_key(), PUB_ID, body, NOW)
}

fn changed(body: &[u8], name: &'static str, value: Option<&str>) -> HeaderMap {
    let mut map = signed(body);
    map.remove(name);
    map.extend(value.map(|v| (Some(http::HeaderName::from_static(name)), v.parse().expect("a value"))));
    map
}

fn envelope(event: &str, kind: &str, key: &str, plaintext: &str) -> String {
    let ciphertext = seal(key.as_bytes(), NONCE, kind, plaintext);
    format!(
        r#"{{"id":"EV-1","create_time":"2026-11-22T10:00:00+08:00","resource_type":"encrypt-resource","event_type":"{event}","resource":{{"original_type":"{kind}","algorithm":"AEAD_AES_256_GCM","ciphertext":"{ciphertext}","associated_data":"{kind}","nonce":"{NONCE}"}}}}"#
    )
}

fn transaction(state: &str) -> String {
    format!(
        r#"{{"mchid":"1900000001","appid":"wx0000000000000001","out_trade_no":"ORDER-1","transaction_id":"420000001","trade_state":"{state}","success_time":"2026-11-22T10:00:00+08:00","payer":{{"openid":"o-1"}},"amount":{{"total":100,"payer_total":90,"currency":"CNY"}}}}"#
    )
}

fn refund(status: &str) -> String {
    format!(
        r#"{{"mchid":"1900000001","out_trade_no":"ORDER-1","transaction_id":"420000001","refund_id":"503","out_refund_no":"R-1","refund_status":"{status}","amount":{{"total":100,"refund":30,"payer_total":100,"payer_refund":30}}}}"#
    )
}

fn payment_body(plaintext: &str) -> String {
    envelope("TRANSACTION.SUCCESS", "transaction", KEY, plaintext)
}

fn notify_with(map: &HeaderMap, body: &[u8]) -> Result<Notice, Rejection> {
    account().notify(&callback(map, body, NOW))
}

fn notify(body: &str) -> Result<Notice, Rejection> {
    notify_with(&signed(body.as_bytes()), body.as_bytes())
}

fn reason<T>(result: Result<T, Rejection>) -> Option<Reason> {
    result.err().map(|r| r.reason)
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

#[test]
fn a_payment_is_read_with_the_orders_amount() {
    let notice = notify(&payment_body(&transaction("SUCCESS"))).expect("genuine");
    assert_eq!((notice.key_id.as_str(), notice.event_type.as_str()), (PUB_ID, "TRANSACTION.SUCCESS"));
    let [Fact::Payment(payment)] = &notice.facts[..] else { panic!("{notice:?}") };
    assert_eq!((payment.status, payment.amount), (PaymentStatus::Succeeded, yuan(100)));
    assert_eq!(payment.out_trade_no.as_deref(), Some("ORDER-1"));
    assert_eq!(payment.transaction_id.as_deref(), Some("420000001"));
    assert_eq!(payment.occurred_at.map(Instant::seconds), Some(NOW));
    assert_eq!(payment.payer.as_ref().map(crate::Payer::expose), Some("o-1"));
}

#[test]
fn every_state_has_its_meaning() {
    for (state, status) in [
        ("REFUND", PaymentStatus::Succeeded),
        ("NOTPAY", PaymentStatus::Pending),
        ("USERPAYING", PaymentStatus::Pending),
        ("ACCEPT", PaymentStatus::Pending),
        ("CLOSED", PaymentStatus::Closed),
        ("REVOKED", PaymentStatus::Closed),
        ("PAYERROR", PaymentStatus::Failed),
    ] {
        let facts = notify(&payment_body(&transaction(state))).expect("genuine").facts;
        assert!(matches!(&facts[..], [Fact::Payment(p)] if p.status == status), "{state}");
    }
    assert_eq!(reason(notify(&payment_body(&transaction("NEW")))), Some(Reason::Unsupported));
    for (status, meaning) in [
        ("SUCCESS", RefundStatus::Succeeded),
        ("PROCESSING", RefundStatus::Pending),
        ("ABNORMAL", RefundStatus::Abnormal),
        ("CLOSED", RefundStatus::Failed),
    ] {
        let facts = notify(&envelope("REFUND.SUCCESS", "refund", KEY, &refund(status))).expect("genuine").facts;
        let [Fact::Refund(fact)] = &facts[..] else { panic!("{facts:?}") };
        assert_eq!((fact.status, fact.amount), (meaning, RefundAmount::Single(yuan(30))));
        assert_eq!((fact.out_refund_no.as_deref(), fact.refund_id.as_deref()), (Some("R-1"), Some("503")));
    }
}

/// A6, cross-type: the inner type decides, not the event's name.
#[test]
fn other_types_say_nothing_about_money() {
    for (event, kind) in [
        ("TRANSACTION.SUCCESS", "profitsharing"),
        ("PAYSCORE.USER_OPEN_SERVICE", "payscore"),
        ("REFUND.SUCCESS", "transaction"),
        ("TRANSACTION.SUCCESS", "refund"),
    ] {
        let notice = notify(&envelope(event, kind, KEY, &transaction("SUCCESS"))).expect("genuine");
        assert_eq!(notice.facts, [], "{event} {kind}");
    }
    assert_eq!(notify(&payment_body(r#"{"mchid":"1900000001","transaction_id":"4"}"#)).map(|n| n.facts), Ok(vec![]));
}

/// A1, A23.
#[test]
fn forged_signatures_are_refused() {
    let body = payment_body(&transaction("SUCCESS"));
    let body = body.as_bytes();
    for name in ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial"] {
        for value in [None, Some("")] {
            let result = notify_with(&changed(body, name, value), body);
            assert_eq!(reason(result), Some(Reason::SignatureMissing), "{name}");
        }
        let mut twice = signed(body);
        twice.append(name, "1".parse().expect("a value"));
        assert_eq!(reason(notify_with(&twice, body)), Some(Reason::Malformed), "{name} twice");
    }
    let bad = |value: &str| reason(notify_with(&changed(body, "wechatpay-signature", Some(value)), body));
    for value in ["AAAA", "!!!!", "AAA"] {
        assert_eq!(bad(value), Some(Reason::SignatureInvalid), "{value}");
    }
    assert_eq!(bad("WECHATPAY/SIGNTEST/2sWfO+6tV"), Some(Reason::SignatureProbe));
    assert_eq!(reason(notify_with(&signed_at(other_key(), PUB_ID, body, NOW), body)), Some(Reason::SignatureInvalid));
    assert_eq!(reason(notify_with(&signed(b"{}"), body)), Some(Reason::SignatureInvalid));
}

/// A4.
#[test]
fn another_scheme_is_refused() {
    let body = payment_body(&transaction("SUCCESS"));
    let with_type = |value| notify_with(&changed(body.as_bytes(), "wechatpay-signature-type", value), body.as_bytes());
    assert_eq!(reason(with_type(None)), None);
    for other in ["WECHATPAY-BRAND-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3", "wechatpay2-sha256-rsa2048", ""] {
        assert_eq!(reason(with_type(Some(other))), Some(Reason::AlgorithmNotAllowed), "{other}");
    }
}

/// A5: both sides of the window; the edge itself is outside.
#[test]
fn only_fresh_messages_count() {
    let body = payment_body(&transaction("SUCCESS"));
    for (offset, expected) in
        [(0, None), (299, None), (-299, None), (300, Some(Reason::Stale)), (-300, Some(Reason::Stale))]
    {
        let map = signed_at(platform_key(), PUB_ID, body.as_bytes(), NOW + offset);
        assert_eq!(reason(notify_with(&map, body.as_bytes())), expected, "{offset}");
    }
    for text in ["1e9", "+1795312800", " 1795312800", "0x6b", "17953128000000"] {
        let map = changed(body.as_bytes(), "wechatpay-timestamp", Some(text));
        assert_eq!(reason(notify_with(&map, body.as_bytes())), Some(Reason::Malformed), "{text}");
    }
}

/// A6, A8, A9 inside the ciphertext.
#[test]
fn what_is_inside_must_be_ours_and_exact() {
    let good = transaction("SUCCESS");
    for (from, to, expected) in [
        ("1900000001", "1900000002", Reason::WrongAccount),
        (r#""mchid":"1900000001","#, "", Reason::WrongAccount),
        ("wx0000000000000001", "wx0000000000000002", Reason::WrongAccount),
        (r#""total":100"#, r#""total":-1"#, Reason::BadAmount),
        (r#""total":100"#, r#""total":1.5"#, Reason::Unsupported),
        (r#""total":100"#, r#""total":1e2"#, Reason::Unsupported),
        (r#""total":100"#, r#""total":"100""#, Reason::Unsupported),
        (r#""total":100"#, r#""total":9223372036854775808"#, Reason::Unsupported),
        (r#""total":100"#, r#""total":1,"total":100"#, Reason::Unsupported),
        ("{\"mchid\"", "{\"out_trade_no\":\"B\",\"mchid\"", Reason::Unsupported),
        ("\"CNY\"", "\"¥\"", Reason::BadAmount),
        ("ORDER-1", "ORDER\\u0000", Reason::Unsupported),
        ("420000001", "4\\n2", Reason::Unsupported),
    ] {
        assert_eq!(reason(notify(&payment_body(&good.replace(from, to)))), Some(expected), "{to}");
    }
    let doubled = payment_body(&good).replace(r#"{"id""#, r#"{"event_type":"X","id""#);
    assert_eq!(reason(notify(&doubled)), Some(Reason::Unsupported));
    let foreign = notify(&payment_body(&good.replace("\"CNY\"", "\"HKD\""))).expect("genuine").facts;
    assert!(matches!(&foreign[..], [Fact::Payment(p)] if p.amount.currency != Currency::CNY));
}

/// A19. The signature is right each time; only the inner envelope is off.
#[test]
fn what_does_not_open_is_not_used() {
    let good = payment_body(&transaction("SUCCESS"));
    for (from, to, expected) in [
        (r#""associated_data":"transaction""#, r#""associated_data":"refund""#, Reason::DecryptionFailed),
        (r#""associated_data":"transaction""#, r#""associated_data":null"#, Reason::DecryptionFailed),
        (NONCE, "0123456789aX", Reason::DecryptionFailed),
        (NONCE, "0123456789a", Reason::Unsupported),
        (NONCE, "0123456789abc", Reason::Unsupported),
        ("AEAD_AES_256_GCM", "AES-256-ECB", Reason::Unsupported),
        (r#""ciphertext":""#, r#""ciphertext":"!"#, Reason::Unsupported),
    ] {
        let body = good.replace(from, to);
        assert_ne!(body, good, "{from}");
        assert_eq!(reason(notify(&body)), Some(expected), "{to}");
    }
    let foreign =
        envelope("TRANSACTION.SUCCESS", "transaction", "Aq9Xy3Kd2LmQ0xVbN5tYhGjR3eWpC7uA", &transaction("SUCCESS"));
    assert_eq!(reason(notify(&foreign)), Some(Reason::DecryptionFailed));
    assert_eq!(Reason::DecryptionFailed.outcome(), Outcome::Unavailable);
    let short = ApiV3Key::new(KEY).expect("a key").open(NONCE, "", "AAAA");
    assert_eq!(reason(short), Some(Reason::DecryptionFailed));
}

/// A24: keys side by side, by serial; an unknown one is ours to fix.
#[test]
fn keys_rotate_by_serial() {
    let body = envelope("TRANSACTION.SUCCESS", "transaction", OLD_KEY, &transaction("SUCCESS"));
    let by = |key, serial| notify_with(&signed_at(key, serial, body.as_bytes(), NOW), body.as_bytes());
    assert_eq!(by(platform_key(), PUB_ID).map(|n| n.key_id).as_deref(), Ok(PUB_ID));
    for serial in ["ABCDE", "0ABCDE", "abcde"] {
        assert_eq!(by(other_key(), serial).map(|n| n.key_id).as_deref(), Ok("ABCDE"));
    }
    assert_eq!(reason(by(platform_key(), "ABCDE")), Some(Reason::SignatureInvalid), "each key only for its serial");
    assert_eq!(reason(by(platform_key(), "PUB_KEY_ID_2")), Some(Reason::UnknownKey));
    assert_eq!(Reason::UnknownKey.outcome(), Outcome::Unavailable);
}

#[test]
fn settings_name_all_problems_at_once() {
    let broken = WechatPaySettings {
        mchid: "wx1".into(),
        appids: vec![],
        api_v3_key: "testMchAPIv3Key0".into(),
        previous_api_v3_key: Some("0".repeat(32)),
        public_keys: vec![WechatPublicKey { id: "ABCDE".into(), pem: certificate(&[1], "x") }],
        platform_certificates: vec![platform_key().public_pem(), certificate(&[2], "wx1")],
    };
    let problems = WechatPay::new(broken).expect_err("many problems");
    let fields: Vec<_> = problems.iter().map(|p| p.field).collect();
    let expected = ["mchid", "appids", "api_v3_key", "previous_api_v3_key", "public_keys", "public_keys"];
    assert_eq!(fields[..6], expected);
    assert_eq!(fields[6..], ["platform_certificates", "platform_certificates"]);
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|t| t.contains("16 bytes long")), "{text:?}");
    assert!(text.iter().any(|t| t.contains("merchant's own certificate")), "{text:?}");
    let none = WechatPaySettings { public_keys: vec![], platform_certificates: vec![], ..settings() };
    assert_eq!(WechatPay::new(none).expect_err("no key").len(), 1);
}

#[test]
fn certificates_are_opened_and_compared_with_their_announcement() {
    let sealed = seal(KEY.as_bytes(), NONCE, "certificate", &certificate(&[0x0a, 0xbc, 0xde], "Tenpay.com sign"));
    let answer = |serial: &str| {
        format!(
            r#"{{"data":[{{"serial_no":"{serial}","encrypt_certificate":{{"algorithm":"AEAD_AES_256_GCM","nonce":"{NONCE}","associated_data":"certificate","ciphertext":"{sealed}"}}}}]}}"#
        )
    };
    let key = ApiV3Key::new(KEY).expect("a key");
    let opened = key.open_certificates(answer("ABCDE").as_bytes()).expect("opens");
    assert_eq!(opened.iter().map(|c| c.serial.as_str()).collect::<Vec<_>>(), ["ABCDE"]);
    assert_eq!(reason(key.open_certificates(answer("FFFFF").as_bytes())), Some(Reason::CertificateInvalid));
}

#[test]
fn acknowledgements_tell_no_reason() {
    assert_eq!(account().ack(Outcome::Accepted).status, StatusCode::OK);
    assert_eq!(account().ack(Outcome::Refused).status, StatusCode::UNAUTHORIZED);
    assert_eq!(account().ack(Outcome::Unavailable).body, r#"{"code":"FAIL","message":"try again"}"#);
    assert_eq!(account().claimed_out_trade_no(b"{}"), None);
    let shown = format!("{:?}", account());
    assert!(!shown.contains(KEY) && !shown.contains(OLD_KEY), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..200), plaintext in ".{0,80}") {
        let _ = notify_with(&signed(&body), &body);
        let _ = notify(&payment_body(&plaintext));
        let _ = ApiV3Key::new(KEY).expect("a key").open_certificates(&body);
    }

    #[test]
    fn one_flipped_bit_is_refused(position in 0_usize..2000, bit in 0_u8..8) {
        let body = payment_body(&transaction("SUCCESS")).into_bytes();
        let map = signed(&body);
        prop_assert!(notify_with(&map, &flip(&body, position, bit)).is_err());
        let signature = flip(map["wechatpay-signature"].as_bytes(), position, bit);
        if let Ok(value) = http::HeaderValue::from_bytes(&signature) {
            let mut map = map;
            map.insert("wechatpay-signature", value);
            prop_assert!(notify_with(&map, &body).is_err());
        }
    }
}
