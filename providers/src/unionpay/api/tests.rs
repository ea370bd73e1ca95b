use std::io::Write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::{
    Currency, Fact, Money, PaymentFact, PaymentStatus, Platform as _, RefundAmount, RefundFact, RefundStatus,
    api::{Action, InitiateMethod},
    form::Form,
    statement::FileFormat,
    testing::{answer, callback, ending, headers, notice_of, other_key, platform_key, with},
    unionpay::{
        signature::signed_text,
        tests::{LEAF, MER, MERCHANT_CN, MIDDLE, NOW, Pairs, Spec, account, issue, raw_answer, yuan},
    },
};

const HOUR: i64 = 3600;
const QUERY_ID: &str = "202611221000001234568";

fn settings() -> UnionPayApiSettings {
    UnionPayApiSettings {
        base_url: None,
        file_url: None,
        notify_url: Some("https://shop.example/notify/unionpay".into()),
        certificate: issue(Spec { name: MERCHANT_CN, serial: 99, ..LEAF }, other_key(), MIDDLE, other_key()),
        private_key: other_key().pair.serialize_pem(),
    }
}

fn api() -> UnionPayApi {
    UnionPayApi::new(Arc::new(account()), settings()).expect("good settings")
}

fn initiate() -> Initiate<'static> {
    Initiate {
        method: InitiateMethod::UnionPayGateway,
        out_trade_no: "ORDER1000",
        amount: yuan(1230),
        description: "tea",
        started_at: Instant::from_seconds(NOW),
        expires_at: Some(Instant::from_seconds(NOW + 1800)),
        payer_id: "",
        client_ip: "",
        return_url: "https://shop.example/?a=1&b=\"<2>",
    }
}

fn payment_ref() -> PaymentRef<'static> {
    PaymentRef {
        out_trade_no: "ORDER1000",
        started_at: Some(Instant::from_seconds(NOW)),
        expires_at: None,
        reference: "",
        amount: yuan(1230),
    }
}

fn refund() -> Refund<'static> {
    Refund {
        out_trade_no: "ORDER1000",
        transaction_id: QUERY_ID,
        out_refund_no: "REFUND1000",
        refund_id: "",
        amount: yuan(1230),
        paid: yuan(1230),
        reason: "",
        paid_at: Some(Instant::from_seconds(NOW)),
        started_at: Instant::from_seconds(NOW + HOUR),
    }
}

/// What the gateway got, once its signature is checked with the merchant's key.
fn sent(request: &Request) -> Form {
    let form = Form::parse(&request.body).expect("a form");
    let signature = form.need("signature").expect("signed").to_owned();
    let key = api().key.public().expect("a key");
    assert!(key.verify_base64(signed_text(&form).as_bytes(), signature.as_bytes()));
    assert_eq!((request.method.clone(), form.need("certId"), form.need("merId")), (Method::POST, Ok("99"), Ok(MER)));
    form
}

fn field(form: &Form, name: &str) -> String {
    form.text(name).expect("text").unwrap_or_default().to_owned()
}

fn answer_with<T>(status: StatusCode, body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    let (headers, received_at) = (HeaderMap::new(), Instant::from_seconds(NOW));
    read(&Response { status, headers: &headers, body: body.as_bytes(), received_at })
}

fn payment_answer(pairs: &Pairs<'_>) -> Reply<Option<Notice>> {
    answer_with(StatusCode::OK, &raw_answer(pairs), |answer| api().payment_answer(&payment_ref(), answer))
}

fn refund_answer(pairs: &Pairs<'_>) -> Reply<Option<Notice>> {
    answer_with(StatusCode::OK, &raw_answer(pairs), |answer| api().refund_answer(&refund(), answer))
}

fn refunded(pairs: &Pairs<'_>) -> Reply<Option<Notice>> {
    answer_with(StatusCode::OK, &raw_answer(pairs), |answer| api().refunded(&refund(), answer))
}

/// As the gateway answers about a paid payment.
fn paid() -> Pairs<'static> {
    let mut pairs = with(&crate::unionpay::tests::payment(), "bizType", Some("000000"));
    pairs.push(("origRespCode", "00"));
    pairs
}

/// As it answers about one that is not paid (yet): without its own number and currency.
fn unpaid(code: &'static str) -> Pairs<'static> {
    let pairs = with(&paid(), "origRespCode", Some(code));
    with(&with(&with(&pairs, "queryId", None), "currencyCode", None), "accNo", None)
}

fn given_back() -> Pairs<'static> {
    let mut pairs = with(&with(&paid(), "orderId", Some("REFUND1000")), "txnTime", Some("20261122110000"));
    pairs = with(&with(&pairs, "txnType", Some("04")), "queryId", Some("202611221100007654321"));
    pairs.push(("origQryId", QUERY_ID));
    pairs
}

fn code<T>(reply: Reply<T>) -> (&'static str, String) {
    let (ending, code) = ending(&reply);
    (ending, code.to_owned())
}

fn payment_fact(reply: Reply<Option<Notice>>) -> PaymentFact {
    match notice_of(reply).facts.remove(0) {
        Fact::Payment(fact) => fact,
        Fact::Refund(fact) => panic!("{fact:?}"),
    }
}

fn refund_fact(reply: Reply<Option<Notice>>) -> RefundFact {
    match notice_of(reply).facts.remove(0) {
        Fact::Refund(fact) => fact,
        Fact::Payment(fact) => panic!("{fact:?}"),
    }
}

#[test]
fn a_payment_begins_in_the_browser() {
    let api = api();
    let begin = |ask: &Initiate<'_>| match api.initiate(ask, Instant::from_seconds(NOW + 60)) {
        Ok(Begin::Ready(Action::HtmlForm(page))) => page,
        other => panic!("{other:?}"),
    };
    let page = begin(&initiate());
    assert!(page.contains(r#"action="https://gateway.95516.com/gateway/api/frontTransReq.do""#), "{page}");
    for (name, value) in [
        ("txnTime", "20261122100000"),
        ("payTimeout", "20261122103000"),
        ("txnAmt", "1230"),
        ("orderId", "ORDER1000"),
        ("certId", "99"),
        ("backUrl", "https://shop.example/notify/unionpay"),
        ("frontUrl", "https://shop.example/?a=1&amp;b=&quot;&lt;2&gt;"),
    ] {
        assert!(page.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {page}");
    }
    assert_eq!(page, begin(&initiate()), "a retry is the same");
    let signature = page.split("name=\"signature\" value=\"").nth(1).and_then(|s| s.split('"').next()).expect("signed");
    assert!(page.matches("<input").count() == 18 && signature.len() == 344, "{page}");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let api = api();
    let at = Instant::from_seconds(NOW);
    let problem = |ask: Initiate<'_>| match api.initiate(&ask, at) {
        Err(Unable::BadInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    for number in ["SHORT12", "WITH-DASH", "WITH_LINE", "", &"X".repeat(33)] {
        assert_eq!(problem(Initiate { out_trade_no: number, ..initiate() }), "out_trade_no", "{number}");
    }
    assert_eq!(problem(Initiate { return_url: "", ..initiate() }), "return_url");
    assert_eq!(problem(Initiate { method: InitiateMethod::AlipayPage, ..initiate() }), "method");
    assert_eq!(problem(Initiate { amount: yuan(0), ..initiate() }), "amount");
    let dollars = Money { minor: 1, currency: Currency::parse("USD").expect("a currency") };
    assert_eq!(problem(Initiate { amount: dollars, ..initiate() }), "amount");
    assert!(api.refund(&Refund { transaction_id: "", ..refund() }, at).is_err());
    assert!(api.refund(&Refund { out_refund_no: "R-1", ..refund() }, at).is_err());
    assert!(matches!(api.close_payment(&payment_ref(), at), Err(Unable::NoSuchOperation(_))));
}

#[test]
fn a_question_names_number_and_time() {
    let request = api().query_payment(&payment_ref(), Instant::from_seconds(NOW + HOUR)).expect("a request");
    assert_eq!(request.url, "https://gateway.95516.com/gateway/api/queryTrans.do");
    let form = sent(&request);
    let fields = ["txnType", "bizType", "orderId", "txnTime"].map(|name| field(&form, name));
    assert_eq!(fields, ["00", "000000", "ORDER1000", "20261122100000"]);
    let form = sent(&api().query_refund(&refund(), Instant::from_seconds(NOW)).expect("a request"));
    assert_eq!(["orderId", "txnTime"].map(|name| field(&form, name)), ["REFUND1000", "20261122110000"]);
}

/// With our time the gateway would say "not found" of a payment that it knows by the shop's, paid or not.
#[test]
fn a_payment_that_the_shop_began_itself_is_not_asked_about() {
    let theirs = PaymentRef { started_at: None, ..payment_ref() };
    let asked = api().query_payment(&theirs, Instant::from_seconds(NOW));
    assert!(matches!(asked, Err(Unable::NoSuchOperation(why)) if why.contains("txnTime")), "{asked:?}");
    for pairs in [paid(), with(&paid(), "respCode", Some("34"))] {
        let told = answer_with(StatusCode::OK, &raw_answer(&pairs), |answer| api().payment_answer(&theirs, answer));
        assert_eq!(code(told), ("unknown", "ANSWER_FOR_ANOTHER".into()));
    }
}

/// The same answer as a notice and as an answer must become the same fact.
#[test]
fn a_paid_answer_is_read_as_a_notice_is() {
    let answered = payment_fact(payment_answer(&paid()));
    assert_eq!((answered.status, answered.amount), (PaymentStatus::Succeeded, yuan(1230)));
    assert_eq!(answered.transaction_id.as_deref(), Some(QUERY_ID));
    let signed = crate::unionpay::tests::signed(&crate::unionpay::tests::payment());
    let notice = account().notify(&callback(&headers(&[]), &signed, NOW)).expect("genuine");
    assert_eq!(notice.facts, [Fact::Payment(answered)]);
    let more = with(&paid(), "txnAmt", Some("9999"));
    assert_eq!(payment_fact(payment_answer(&more)).amount, yuan(9999), "what was paid is UnionPay's to say");
}

#[test]
fn unpaid_answers_have_the_questions_amount() {
    for (code, status) in [
        ("05", PaymentStatus::Pending),
        ("42", PaymentStatus::Pending),
        ("45", PaymentStatus::Pending),
        ("ZZ", PaymentStatus::Pending),
        ("64", PaymentStatus::Failed),
    ] {
        let fact = payment_fact(payment_answer(&unpaid(code)));
        assert_eq!((fact.status, fact.amount, fact.transaction_id), (status, yuan(1230), None), "{code}");
        assert_eq!(fact.out_trade_no.as_deref(), Some("ORDER1000"));
    }
    let Reply::Answered(Some(notice)) = payment_answer(&unpaid("05")) else { panic!("an answer") };
    assert_eq!((notice.event_type.as_str(), notice.key_id.as_str()), ("txnType=01,respCode=00,origRespCode=05", "77"));
    let Reply::Answered(Some(again)) = payment_answer(&unpaid("05")) else { panic!("an answer") };
    assert_eq!(notice.content_sha256, again.content_sha256);
}

#[test]
fn a_payment_that_is_only_accepted_two_hours_after_the_payers_time_was_left() {
    let told_after = |code: &'static str, expires_at: Option<i64>, seconds: i64| {
        answer_with(StatusCode::OK, &raw_answer(&unpaid(code)), |answer| {
            let started_at = payment_ref().started_at.expect("begun by us").seconds();
            let expires_at = expires_at.map(|after| Instant::from_seconds(started_at + after));
            let received_at = Instant::from_seconds(started_at + seconds);
            let ask = PaymentRef { expires_at, ..payment_ref() };
            api().payment_answer(&ask, &Response { received_at, ..*answer })
        })
    };
    let status = |code, expires_at, seconds| payment_fact(told_after(code, expires_at, seconds)).status;
    let (half_an_hour, day) = (Some(1800), 86_400);
    assert_eq!(status("05", half_an_hour, 8999), PaymentStatus::Pending);
    assert_eq!(status("05", half_an_hour, 9000), PaymentStatus::Failed);
    assert_eq!(status("05", Some(7 * day), 7 * day), PaymentStatus::Pending, "the payer may just have paid");
    assert_eq!(status("05", None, 30 * day), PaymentStatus::Pending, "nobody knows how long he may pay");
    // The payer may have been debited, or UnionPay does not know itself: the statement tells.
    for code in ["03", "04", "12", "42", "74", "75", "77", "ZZ"] {
        assert_eq!(status(code, half_an_hour, 30 * day), PaymentStatus::Pending, "{code}");
    }
    let hash = |seconds| {
        let Reply::Answered(Some(notice)) = told_after("05", half_an_hour, seconds) else { panic!("an answer") };
        notice.content_sha256
    };
    assert_eq!(hash(1), hash(2), "the same again");
    assert_ne!(hash(1), hash(9000), "what it means now is news");
    assert_eq!(hash(9000), hash(9001));
}

#[test]
fn the_fate_of_the_question_is_not_that_of_the_payment() {
    let asked = |code| {
        let pairs = with(&with(&unpaid("00"), "origRespCode", None), "respCode", Some(code));
        super::tests::code(payment_answer(&with(&pairs, "txnType", Some("00"))))
    };
    assert_eq!(asked("34"), ("not found", "34".into()));
    assert_eq!(asked("37"), ("rate limited", "37".into()));
    for code in ["06", "10", "11", "12", "35", "64", "99"] {
        assert_eq!(asked(code), ("unknown", code.into()));
    }
    assert_eq!(asked("00"), ("unknown", "ANSWER_FOR_ANOTHER".into()));
    let silent = with(&unpaid("00"), "origRespCode", None);
    assert_eq!(code(payment_answer(&silent)), ("unknown", "MALFORMED".into()));
}

/// Genuine answers to other questions, among them a `not found`.
#[test]
fn answers_to_other_questions_are_not_believed() {
    for pairs in [paid(), with(&paid(), "respCode", Some("34"))] {
        for (name, value) in [("orderId", "ORDER1001"), ("txnTime", "20261122100001")] {
            let (outcome, said) = code(payment_answer(&with(&pairs, name, Some(value))));
            assert_eq!((outcome, said.as_str()), ("unknown", "ANSWER_FOR_ANOTHER"), "{name}");
        }
        let (outcome, said) = code(payment_answer(&with(&pairs, "merId", Some("777290058110049"))));
        assert_eq!((outcome, said.as_str()), ("unknown", "WRONG_ACCOUNT"));
    }
    assert_eq!(code(payment_answer(&with(&paid(), "txnType", Some("04")))).1, "ANSWER_FOR_ANOTHER");
    assert_eq!(code(refund_answer(&with(&given_back(), "txnType", Some("01")))).1, "ANSWER_FOR_ANOTHER");
    assert_eq!(code(refund_answer(&with(&given_back(), "origQryId", Some("1")))).1, "ANSWER_FOR_ANOTHER");
    assert_eq!(code(refunded(&with(&given_back(), "orderId", Some("REFUND1001")))).1, "ANSWER_FOR_ANOTHER");
}

#[test]
fn unverified_answers_are_unknown() {
    let (genuine, api) = (raw_answer(&paid()), api());
    let read = |status, body: &str| answer_with(status, body, |a| code(api.payment_answer(&payment_ref(), a)));
    assert_eq!(read(StatusCode::OK, &genuine).0, "answered");
    for (status, body, expected) in [
        (StatusCode::BAD_GATEWAY, genuine.as_str(), "HTTP_502"),
        (StatusCode::NOT_FOUND, "", "HTTP_404"),
        (StatusCode::OK, "<html></html>", "MALFORMED"),
        (StatusCode::OK, "", "MALFORMED"),
        (StatusCode::OK, "respCode=34&orderId=ORDER1000&txnTime=20261122100000", "ALGORITHM_NOT_ALLOWED"),
        (StatusCode::OK, &genuine.replace("txnAmt=1230", "txnAmt=1"), "SIGNATURE_INVALID"),
        (StatusCode::OK, &genuine.replace("&signature=", "&signatur3="), "SIGNATURE_MISSING"),
    ] {
        assert_eq!(read(status, body), ("unknown", expected.to_owned()));
    }
}

/// A settlement day ends at 23:00 in Beijing.
#[test]
fn void_on_the_settlement_day_and_refund_otherwise() {
    let kind = |ask: Refund<'_>| {
        let form = sent(&api().refund(&ask, Instant::from_seconds(NOW + 90 * HOUR)).expect("a request"));
        field(&form, "txnType")
    };
    let at = |hours: i64, seconds: i64| Instant::from_seconds(NOW + hours * HOUR + seconds);
    assert_eq!(kind(refund()), "31");
    assert_eq!(kind(Refund { amount: yuan(1), ..refund() }), "04", "not all of it");
    assert_eq!(kind(Refund { paid_at: None, ..refund() }), "04");
    // NOW is 10:00, so the day ends 13 hours later, and a void needs ten minutes to arrive.
    assert_eq!(kind(Refund { started_at: at(13, -601), ..refund() }), "31");
    assert_eq!(kind(Refund { started_at: at(13, -600), ..refund() }), "04");
    assert_eq!(kind(Refund { paid_at: Some(at(13, 0)), started_at: at(13, 5), ..refund() }), "31");
    assert_eq!(kind(Refund { paid_at: Some(at(13, -1)), started_at: at(14, 0), ..refund() }), "04");
    assert_eq!(kind(Refund { paid_at: Some(at(-11, -1)), ..refund() }), "04", "yesterday before 23:00");
    assert_eq!(kind(Refund { paid_at: Some(at(-11, 0)), ..refund() }), "31", "yesterday after 23:00");
    assert_eq!(kind(Refund { paid_at: Some(at(2, 0)), ..refund() }), "04", "clocks disagree");
}

#[test]
fn a_refund_is_the_same_on_every_retry() {
    let one = api().refund(&refund(), Instant::from_seconds(NOW)).expect("a request");
    let two = api().refund(&refund(), Instant::from_seconds(NOW + 1000 * HOUR)).expect("a request");
    assert_eq!(one, two);
    assert_eq!(one.url, "https://gateway.95516.com/gateway/api/backTransReq.do");
    let form = sent(&one);
    let fields = ["orderId", "txnTime", "txnAmt", "origQryId"].map(|name| field(&form, name));
    assert_eq!(fields, ["REFUND1000", "20261122110000", "1230", QUERY_ID]);
}

/// Accepted is not done; and only codes under which nothing can have happened refuse.
#[test]
fn an_accepted_refund_is_under_way() {
    let accepted = with(&with(&given_back(), "origRespCode", None), "currencyCode", None);
    let fact = refund_fact(refunded(&accepted));
    assert_eq!((fact.status, fact.amount), (RefundStatus::Pending, RefundAmount::Single(yuan(1230))));
    assert_eq!(fact.refund_id.as_deref(), Some("202611221100007654321"));
    let with_code = |code| super::tests::code(refunded(&with(&accepted, "respCode", Some(code)))).0;
    for code in ["10", "13", "14", "33", "38", "39"] {
        assert_eq!(with_code(code), "refused", "{code}");
    }
    for code in ["01", "03", "04", "05", "06", "11", "12", "31", "34", "35", "36", "45", "46", "64", "70", "83", "99"] {
        assert_eq!(with_code(code), "unknown", "{code}");
    }
}

#[test]
fn refunds_are_asked_for_by_their_own_number() {
    for (code, status) in [
        ("00", RefundStatus::Succeeded),
        ("A6", RefundStatus::Succeeded),
        ("05", RefundStatus::Pending),
        ("45", RefundStatus::Pending),
        ("64", RefundStatus::Failed),
    ] {
        let fact = refund_fact(refund_answer(&with(&given_back(), "origRespCode", Some(code))));
        assert_eq!((fact.status, fact.amount), (status, RefundAmount::Single(yuan(1230))), "{code}");
        assert_eq!(fact.out_refund_no.as_deref(), Some("REFUND1000"));
        assert_eq!((fact.out_trade_no.as_deref(), fact.transaction_id.as_deref()), (Some("ORDER1000"), Some(QUERY_ID)));
    }
    let bare = with(&with(&given_back(), "origQryId", None), "txnType", Some("31"));
    assert_eq!(refund_fact(refund_answer(&bare)).transaction_id.as_deref(), Some(QUERY_ID));
    assert_eq!(code(refund_answer(&with(&given_back(), "respCode", Some("34")))).0, "not found");
}

const DAY: Day = Day { year: 2026, month: 11, day: 21 };

fn statement_pairs(code: &'static str, content: Option<&'static str>) -> Pairs<'static> {
    let mut pairs = vec![
        ("version", "5.1.0"),
        ("signMethod", "01"),
        ("encoding", "UTF-8"),
        ("txnType", "76"),
        ("merId", MER),
        ("settleDate", "1121"),
        ("respCode", code),
    ];
    pairs.extend(content.map(|content| ("fileContent", content)));
    pairs
}

fn statement_at(at: i64, pairs: &Pairs<'_>) -> Reply<StatementNext> {
    let api = api();
    answer_with(StatusCode::OK, &raw_answer(pairs), |a| api.statement_next(DAY, a, Instant::from_seconds(at)))
}

#[test]
fn statements() {
    let request = api().statement(DAY, Instant::from_seconds(NOW)).expect("a request");
    assert_eq!(request.url, "https://filedownload.95516.com/");
    assert_eq!(["txnType", "settleDate", "fileType"].map(|name| field(&sent(&request), name)), ["76", "1121", "00"]);
    for day in [Day { month: 12, ..DAY }, Day { year: 2025, ..DAY }, Day { month: 2, day: 30, ..DAY }] {
        assert!(api().statement(day, Instant::from_seconds(NOW)).is_err(), "{day:?}");
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"PK zip bytes").expect("memory");
    let content: &str = STANDARD.encode(packed.finish().expect("memory")).leak();
    let whole = StatementNext::Content(b"PK zip bytes".to_vec(), FileFormat::UnionPayZip);
    assert_eq!(answer(statement_at(NOW, &statement_pairs("00", Some(content)))), whole);
    for content in [None, Some("!"), Some("AAAA")] {
        assert_eq!(code(statement_at(NOW, &statement_pairs("00", content))).0, "unknown", "{content:?}");
    }
    assert!(matches!(statement_at(NOW, &statement_pairs("98", None)), Reply::Answered(StatementNext::NotReady(_))));
    let later = NOW + 14 * HOUR;
    assert!(matches!(statement_at(later, &statement_pairs("98", None)), Reply::Answered(StatementNext::Empty)));
    assert_eq!(code(statement_at(NOW, &statement_pairs("99", None))).0, "unknown");
    let other = with(&statement_pairs("98", None), "settleDate", Some("1120"));
    assert_eq!(code(statement_at(later, &other)).1, "ANSWER_FOR_ANOTHER");
}

#[test]
fn settings_name_all_problems_at_once() {
    let fields = |settings| {
        let problems = UnionPayApi::new(Arc::new(account()), settings).expect_err("problems");
        problems.into_iter().map(|p| p.field).collect::<Vec<_>>()
    };
    let empty = UnionPayApiSettings {
        base_url: Some("gateway".into()),
        file_url: Some("ftp://x".into()),
        notify_url: None,
        certificate: String::new(),
        private_key: String::new(),
    };
    assert_eq!(fields(empty), ["base_url", "file_url", "notify_url", "certificate", "private_key"]);
    let strange = UnionPayApiSettings { private_key: platform_key().pair.serialize_pem(), ..settings() };
    assert_eq!(fields(strange), ["private_key"]);
    let local = UnionPayApiSettings { base_url: Some("https://localhost:1/up/".into()), ..settings() };
    let local = UnionPayApi::new(Arc::new(account()), local).expect("good settings");
    assert_eq!(
        (local.base_url.as_str(), local.file_url.as_str()),
        ("https://localhost:1/up", "https://localhost:1/up")
    );
    assert!(!format!("{local:?}").contains("PRIVATE"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_panics_and_nothing_unsigned_is_believed(body in "[ -~]{0,200}", code in "[0-9A-Z]{2}") {
        let api = api();
        let body = format!("respCode={code}&orderId=ORDER1000&txnTime=20261122100000&{body}");
        let read = |answer: &Response<'_>| {
            let payment = api.payment_answer(&payment_ref(), answer);
            (payment, api.refunded(&refund(), answer), api.statement_next(DAY, answer, Instant::from_seconds(NOW)))
        };
        let (payment, refund, statement) = answer_with(StatusCode::OK, &body, read);
        prop_assert!(matches!(payment, Reply::Unknown(_)), "{:?}", payment);
        prop_assert!(matches!(refund, Reply::Unknown(_)), "{:?}", refund);
        prop_assert!(matches!(statement, Reply::Unknown(_)), "{:?}", statement);
    }
}
