use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose, SerialNumber,
    date_time_ymd,
};

use super::*;
use crate::{
    Currency, Fact, Instant, Money, PaymentStatus, RefundAmount, RefundStatus,
    crypto::sha256_hex,
    testing::{TestKey, callback, encode_text_form, flip, headers, other_key, platform_key, with},
};

pub(super) const MER: &str = "777290058110048";
pub(super) const NOW: i64 = 1_795_312_800;
const CN: &str = "041@8310000000083040@中国银联股份有限公司@00016495";
const TEST_CN: &str = "041@Z2026-11-1@00040000:SIGN@00000001";
pub(super) const MERCHANT_CN: &str = "041@Z2026-11-1@700000000000001:SIGN@00000003";

pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// What varies between certificates.
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    pub(super) years: (i32, i32),
    pub(super) authority: bool,
    pub(super) serial: u8,
}

const ROOT: Spec<'_> = Spec { name: "Test Root", years: (2020, 2040), authority: true, serial: 1 };
pub(super) const MIDDLE: Spec<'_> = Spec { name: "Test Middle", years: (2021, 2035), authority: true, serial: 2 };
pub(super) const LEAF: Spec<'_> = Spec { name: CN, years: (2025, 2030), authority: false, serial: 77 };

fn params(spec: Spec<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, spec.name);
    params.not_before = date_time_ymd(spec.years.0, 1, 1);
    params.not_after = date_time_ymd(spec.years.1, 1, 1);
    params.serial_number = Some(SerialNumber::from_slice(&[spec.serial]));
    if spec.authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    }
    params
}

/// A certificate for `key`, by `issuer` with `issuer_key`; CRLF and no final line end, as on the wire.
pub(super) fn issue(spec: Spec<'_>, key: &TestKey, issuer: Spec<'_>, issuer_key: &TestKey) -> String {
    let issuer_params = params(issuer);
    let issuer = Issuer::from_params(&issuer_params, &issuer_key.pair);
    let pem = params(spec).signed_by(&key.pair, &issuer).expect("signed").pem();
    pem.trim_end().replace("\r\n", "\n").replace('\n', "\r\n")
}

/// One key may play all roles of the authority: names and signatures are what is checked.
fn settings(environment: UnionPayEnvironment) -> UnionPaySettings {
    UnionPaySettings {
        mer_id: MER.into(),
        root_cert: issue(ROOT, other_key(), ROOT, other_key()),
        middle_certs: vec![issue(MIDDLE, other_key(), ROOT, other_key())],
        environment,
    }
}

pub(super) fn account() -> UnionPay {
    UnionPay::new(settings(UnionPayEnvironment::Production)).expect("good settings")
}

fn leaf() -> String {
    issue(LEAF, platform_key(), MIDDLE, other_key())
}

pub(super) fn payment() -> Pairs<'static> {
    vec![
        ("version", "5.1.0"),
        ("signMethod", "01"),
        ("encoding", "UTF-8"),
        ("txnType", "01"),
        ("merId", MER),
        ("orderId", "ORDER1000"),
        ("queryId", "202611221000001234568"),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
        ("txnAmt", "1230"),
        ("currencyCode", "156"),
        ("txnTime", "20261122100000"),
        ("accNo", "6226********0048"),
        ("reqReserved", "{a=1&b=2}"),
        ("exchangeRate", ""),
    ]
}

fn signature(key: &TestKey, pairs: &Pairs<'_>) -> String {
    let mut text: Vec<String> = pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={v}")).collect();
    text.sort();
    key.sign(sha256_hex(text.join("&").as_bytes()).as_bytes())
}

fn signed_with(certificate: &str, pairs: &Pairs<'_>) -> Vec<u8> {
    let mut all = with(pairs, "signPubKeyCert", Some(certificate));
    let signature = signature(platform_key(), &all);
    all.push(("signature", &signature));
    encode_text_form(&all)
}

pub(super) fn signed(pairs: &Pairs<'_>) -> Vec<u8> {
    signed_with(&leaf(), pairs)
}

fn notify_at(body: &[u8], at: i64) -> Result<Notice, Rejection> {
    account().notify(&callback(&headers(&[]), body, at))
}

fn reason(body: &[u8]) -> Option<Reason> {
    notify_at(body, NOW).err().map(|r| r.reason)
}

fn fact(pairs: &Pairs<'_>) -> Fact {
    notify_at(&signed(pairs), NOW).expect("genuine").facts.remove(0)
}

pub(super) fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

#[test]
fn a_payment_is_read() {
    let notice = notify_at(&signed(&payment()), NOW).expect("genuine");
    assert_eq!((notice.key_id.as_str(), notice.event_type.as_str()), ("77", "txnType=01,respCode=00"));
    let [Fact::Payment(fact)] = &notice.facts[..] else { panic!("{notice:?}") };
    assert_eq!((fact.status, fact.amount), (PaymentStatus::Succeeded, yuan(1230)));
    assert_eq!(fact.out_trade_no.as_deref(), Some("ORDER1000"));
    assert_eq!(fact.transaction_id.as_deref(), Some("202611221000001234568"));
    assert_eq!(fact.occurred_at.map(Instant::seconds), Some(NOW));
    assert_eq!(fact.payer.as_ref().map(crate::Payer::expose), Some("6226********0048"));
    let encrypted = "A".repeat(344);
    let Fact::Payment(fact) = self::fact(&with(&payment(), "accNo", Some(&encrypted))) else { panic!("a payment") };
    assert_eq!(fact.payer, None);
}

#[test]
fn codes_that_leave_the_result_open_are_not_failures() {
    for (code, status) in [
        ("A6", PaymentStatus::Succeeded),
        ("03", PaymentStatus::Pending),
        ("04", PaymentStatus::Pending),
        ("05", PaymentStatus::Pending),
        ("64", PaymentStatus::Failed),
    ] {
        let Fact::Payment(fact) = fact(&with(&payment(), "respCode", Some(code))) else { panic!("a payment") };
        assert_eq!(fact.status, status, "{code}");
    }
}

#[test]
fn refunds_and_voids_give_back() {
    for txn_type in ["04", "31"] {
        let mut pairs = with(&payment(), "txnType", Some(txn_type));
        pairs.push(("origQryId", "202611221000001234567"));
        let Fact::Refund(fact) = fact(&pairs) else { panic!("a refund") };
        assert_eq!((fact.status, fact.amount), (RefundStatus::Succeeded, RefundAmount::Single(yuan(1230))));
        assert_eq!(fact.out_refund_no.as_deref(), Some("ORDER1000"));
        assert_eq!(fact.refund_id.as_deref(), Some("202611221000001234568"));
        assert_eq!(fact.transaction_id.as_deref(), Some("202611221000001234567"));
        assert_eq!(fact.out_trade_no, None);
    }
    let other = notify_at(&signed(&with(&payment(), "txnType", Some("02"))), NOW).expect("genuine");
    assert_eq!(other.facts, []);
}

/// A1.
#[test]
fn forged_signatures_are_refused() {
    let unsigned = encode_text_form(&with(&payment(), "signPubKeyCert", Some(&leaf())));
    assert_eq!(reason(&unsigned), Some(Reason::SignatureMissing));
    for (signature, expected) in
        [("", Reason::SignatureMissing), ("AAAA", Reason::SignatureInvalid), ("%00", Reason::SignatureInvalid)]
    {
        let body = [&unsigned[..], b"&signature=", signature.as_bytes()].concat();
        assert_eq!(reason(&body), Some(expected), "{signature}");
    }
    let mut pairs = with(&payment(), "signPubKeyCert", None);
    let bare = signature(platform_key(), &pairs);
    pairs.push(("signature", &bare));
    assert_eq!(reason(&encode_text_form(&pairs)), Some(Reason::SignatureMissing));
    let body = String::from_utf8(signed(&payment())).expect("ASCII");
    assert_eq!(reason(body.replace("txnAmt=1230", "txnAmt=1").as_bytes()), Some(Reason::SignatureInvalid));
    assert_eq!(reason(body.replace("%0D%0A", "%0A").as_bytes()), Some(Reason::SignatureInvalid));
}

/// A4.
#[test]
fn version_and_method_are_pinned() {
    for (name, value) in
        [("version", Some("5.0.0")), ("version", None), ("signMethod", Some("11")), ("signMethod", None)]
    {
        assert_eq!(reason(&signed(&with(&payment(), name, value))), Some(Reason::AlgorithmNotAllowed), "{name}");
    }
}

/// A18: the certificate is the attacker's to choose.
#[test]
fn only_unionpays_certificates_of_the_authority_count() {
    let refused = |certificate: &str| reason(&signed_with(certificate, &payment()));
    let self_signed = issue(LEAF, platform_key(), LEAF, platform_key());
    let borrowed_name = issue(LEAF, platform_key(), MIDDLE, platform_key());
    let by_root = issue(LEAF, platform_key(), ROOT, other_key());
    let merchant = issue(Spec { name: MERCHANT_CN, ..LEAF }, platform_key(), MIDDLE, other_key());
    let one_part = issue(Spec { name: "a@b", ..LEAF }, platform_key(), MIDDLE, other_key());
    let two = format!("{}\r\n{}", leaf(), leaf());
    for certificate in
        [self_signed, borrowed_name, by_root, merchant, one_part, two, "junk".into(), "-----BEGIN ".into()]
    {
        assert_eq!(refused(&certificate), Some(Reason::CertificateInvalid));
    }
    assert_eq!(refused(&leaf()), None);
    let test_leaf = issue(Spec { name: TEST_CN, ..LEAF }, platform_key(), MIDDLE, other_key());
    assert_eq!(refused(&test_leaf), Some(Reason::CertificateInvalid), "test name in production");
    let test = UnionPay::new(settings(UnionPayEnvironment::Test)).expect("good settings");
    assert!(test.notify(&callback(&headers(&[]), &signed_with(&test_leaf, &payment()), NOW)).is_ok());
}

/// A18: writing a serial number in decimal is quadratic, and anybody may send a certificate.
#[test]
fn an_endless_serial_number_is_not_read() {
    let mut endless = params(LEAF);
    endless.serial_number = Some(SerialNumber::from_slice(&[1; 40_000]));
    let pem = endless.self_signed(&platform_key().pair).expect("signed").pem();
    assert_eq!(crate::crypto::Certificate::parse(&pem).err(), Some(crate::KeyError::Unreadable));
    endless.serial_number = Some(SerialNumber::from_slice(&[1; 20]));
    let pem = endless.self_signed(&platform_key().pair).expect("signed").pem();
    assert!(crate::crypto::Certificate::parse(&pem).is_ok());
}

#[test]
fn a_name_with_another_part_is_not_unionpays() {
    for name in [format!("041@x@{CN}"), format!("{CN}@00016495")] {
        let certificate = issue(Spec { name: &name, ..LEAF }, platform_key(), MIDDLE, other_key());
        assert_eq!(reason(&signed_with(&certificate, &payment())), Some(Reason::CertificateInvalid), "{name}");
    }
}

#[test]
fn a_renewed_authority_with_the_same_key_is_enough() {
    let expired = issue(Spec { years: (2021, 2022), serial: 3, ..MIDDLE }, other_key(), ROOT, other_key());
    let mut settings = settings(UnionPayEnvironment::Production);
    settings.middle_certs.insert(0, expired.clone());
    let both = UnionPay::new(settings.clone()).expect("good settings");
    assert!(both.notify(&callback(&headers(&[]), &signed(&payment()), NOW)).is_ok());
    settings.middle_certs = vec![expired];
    let only = UnionPay::new(settings).expect("good settings");
    let refused = only.notify(&callback(&headers(&[]), &signed(&payment()), NOW));
    assert_eq!(refused.err().map(|r| r.reason), Some(Reason::CertificateInvalid));
}

#[test]
fn a_refund_names_its_payment_by_either_number() {
    let mut pairs = with(&payment(), "txnType", Some("04"));
    assert_eq!(reason(&signed(&pairs)), Some(Reason::Unsupported), "neither");
    pairs.push(("origOrderId", "ORDER0999"));
    let Fact::Refund(fact) = fact(&pairs) else { panic!("a refund") };
    assert_eq!((fact.out_trade_no.as_deref(), fact.transaction_id), (Some("ORDER0999"), None));
}

#[test]
fn validity_is_checked_at_every_use() {
    let account = account();
    let body = signed(&payment());
    let at = |seconds| account.verify(&callback(&headers(&[]), &body, seconds)).map(drop).map_err(|r| r.reason);
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(account.cache.len(), 1);
    for outside in [1_735_689_599, 1_893_456_001, 0] {
        assert_eq!(at(outside), Err(Reason::CertificateInvalid), "{outside}, although cached");
    }
}

#[test]
fn the_cache_is_bounded_and_only_for_the_proven() {
    let account = account();
    let forged = String::from_utf8(signed(&payment())).expect("ASCII").replace("txnAmt=1230", "txnAmt=1");
    assert!(account.verify(&callback(&headers(&[]), forged.as_bytes(), NOW)).is_err());
    assert_eq!(account.cache.len(), 0);
    for serial in 1..=20 {
        let certificate = issue(Spec { serial, ..LEAF }, platform_key(), MIDDLE, other_key());
        let body = signed_with(&certificate, &payment());
        assert!(account.verify(&callback(&headers(&[]), &body, NOW)).is_ok());
    }
    assert_eq!(account.cache.len(), 16);
}

/// A6, A8, A10.
#[test]
fn genuine_but_not_ours_or_not_exact() {
    for (name, value, expected) in [
        ("merId", Some("777290058110049"), Reason::WrongAccount),
        ("merId", None, Reason::WrongAccount),
        ("currencyCode", Some("840"), Reason::BadAmount),
        ("currencyCode", None, Reason::BadAmount),
        ("txnAmt", Some("012"), Reason::BadAmount),
        ("txnAmt", Some("1.00"), Reason::BadAmount),
        ("txnAmt", Some("-1"), Reason::BadAmount),
        ("txnAmt", None, Reason::Unsupported),
        ("orderId", Some("A\r\nB"), Reason::Unsupported),
        ("queryId", None, Reason::Unsupported),
        ("txnTime", Some("2026112210000"), Reason::Unsupported),
        ("reqReserved", Some("x&respCode=00&txnAmt=1"), Reason::Unsupported),
        ("reqReserved", Some("{shop=1&orderId=A123}"), Reason::Unsupported),
        ("origRespCode", Some("00"), Reason::Unsupported),
    ] {
        assert_eq!(reason(&signed(&with(&payment(), name, value))), Some(expected), "{name} {value:?}");
    }
}

/// Begun in the evening, paid after the settlement of 23:00: it is on the statement of when it was paid.
#[test]
fn a_payment_is_dated_by_when_the_money_moved() {
    let at = |begun: &str, moved: Option<&str>| {
        let form = with(&with(&payment(), "txnTime", Some(begun)), "traceTime", moved);
        let Fact::Payment(fact) = fact(&form) else { panic!("a payment") };
        fact.occurred_at
    };
    let compact = |text: &str| crate::time::parse_beijing_compact(text).ok();
    assert_eq!(at("20261122211500", Some("1122230500")), compact("20261122230500"));
    assert_eq!(at("20261231235959", Some("0101000100")), compact("20270101000100"));
    // A clock that is a second behind, and what is no time.
    for odd in [Some("1122211459"), Some("9999999999"), Some("x"), None] {
        assert_eq!(at("20261122211500", odd), compact("20261122211500"), "{odd:?}");
    }
}

/// A9.
#[test]
fn repeated_fields_are_refused() {
    let body = signed(&payment());
    for extra in ["&txnAmt=1", "&TXNAMT=1", "&txn%41mt=1"] {
        assert_eq!(reason(&[&body[..], extra.as_bytes()].concat()), Some(Reason::Malformed), "{extra}");
    }
}

pub(super) fn raw_answer(pairs: &Pairs<'_>) -> String {
    let certificate = leaf();
    let mut all = with(pairs, "signPubKeyCert", Some(&certificate));
    let signature = signature(platform_key(), &all);
    all.push(("signature", &signature));
    all.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&")
}

#[test]
fn answers_are_read_without_any_unescaping() {
    let account = account();
    let now = Instant::from_seconds(NOW);
    let mut pairs = payment();
    pairs.push(("payType", "a+b%41=c"));
    let body = raw_answer(&pairs);
    let verified = account.verify_response(body.as_bytes(), now).expect("genuine");
    assert_eq!(verified.field("reqReserved"), Some("{a=1&b=2}"));
    assert_eq!(verified.field("payType"), Some("a+b%41=c"));
    for (from, to, expected) in [
        ("txnAmt=1230", "txnAmt=1", Reason::SignatureInvalid),
        ("&txnAmt", "&&txnAmt", Reason::Malformed),
        ("txnAmt=", "txnAmt=1&txnAmt=", Reason::Malformed),
        (MER, "777290058110049", Reason::SignatureInvalid),
    ] {
        let result = account.verify_response(body.replace(from, to).as_bytes(), now).map(drop);
        assert_eq!(result.map_err(|r| r.reason), Err(expected), "{to}");
    }
    let foreign = raw_answer(&with(&payment(), "merId", Some("777290058110049")));
    let result = account.verify_response(foreign.as_bytes(), now).map(drop);
    assert_eq!(result.map_err(|r| r.reason), Err(Reason::WrongAccount));
}

#[test]
fn settings_name_all_problems_at_once() {
    let fields = |settings| {
        let problems = UnionPay::new(settings).expect_err("problems");
        problems.into_iter().map(|p| p.field).collect::<Vec<_>>()
    };
    let good = || settings(UnionPayEnvironment::Production);
    let broken = UnionPaySettings { mer_id: "1".into(), root_cert: String::new(), middle_certs: vec![], ..good() };
    assert_eq!(fields(broken), ["mer_id", "root_certificate", "middle_certificates"]);
    let not_a_root = UnionPaySettings { root_cert: good().middle_certs.remove(0), ..good() };
    assert_eq!(fields(not_a_root), ["root_certificate", "middle_certificates"]);
    let not_an_authority = issue(Spec { authority: false, ..MIDDLE }, other_key(), ROOT, other_key());
    assert_eq!(fields(UnionPaySettings { middle_certs: vec![not_an_authority], ..good() }), ["middle_certificates"]);
    let of_another = issue(MIDDLE, platform_key(), ROOT, platform_key());
    assert_eq!(fields(UnionPaySettings { middle_certs: vec![of_another], ..good() }), ["middle_certificates"]);
    assert_eq!(fields(UnionPaySettings { root_cert: platform_key().public_pem(), ..good() }), ["root_certificate"]);
}

#[test]
fn acknowledgements_and_claims() {
    assert_eq!(
        account().ack(Outcome::Accepted),
        Ack { status: StatusCode::OK, content_type: "text/plain", body: "ok" }
    );
    assert_eq!(account().ack(Outcome::Refused).status, StatusCode::BAD_REQUEST);
    assert_eq!(account().ack(Outcome::Unavailable).body, "fail");
    assert_eq!(account().claimed_out_trade_no(&signed(&payment())).as_deref(), Some("ORDER1000"));
    assert_eq!(account().claimed_out_trade_no(b"orderId=%0a"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..300), certificate in ".{0,100}") {
        let _ = notify_at(&body, NOW);
        let _ = account().verify_response(&body, Instant::from_seconds(NOW));
        let _ = notify_at(&signed_with(&certificate, &payment()), NOW);
    }
}

/// Every single bit. What may change is what is not signed and not read either: the case of a percent
/// escape, and the name of an empty field.
#[test]
fn every_flipped_bit_is_refused() {
    let account = account();
    let none = headers(&[]);
    let body = signed(&payment());
    let meaning = |body: &[u8]| Form::parse(body).map(|form| form.canonical(&[], false));
    for position in 0..body.len() * 8 {
        let flipped = flip(&body, position / 8, u8::try_from(position % 8).expect("a bit"));
        let result = account.notify(&callback(&none, &flipped, NOW));
        assert!(result.is_err() || meaning(&flipped) == meaning(&body), "bit {position}");
    }
}
