use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Currency, Fact, Money, PaymentFact, PaymentStatus, RefundAmount, RefundFact, RefundStatus,
    api::{Action, InitiateMethod},
    form::Form,
    statement::LineKind,
    stripe::StripeSettings,
    testing::{answer, ending, headers, notice_of},
};

const NOW: i64 = 1_795_312_800;
const HOUR: i64 = 3600;
const KEY: &str = "sk_test_k7Qe0aXzT41mPp9kRvC2uJsL";

fn platform(livemode: bool, account: Option<&str>) -> Arc<Stripe> {
    let signing_secrets = vec!["whsec_k7Qe0aXzT41mPp9kRvC2uJsL".into()];
    let settings = StripeSettings { signing_secrets, livemode, account: account.map(str::to_owned) };
    Arc::new(Stripe::new(settings).expect("good settings"))
}

fn api() -> StripeApi {
    StripeApi::new(platform(false, None), StripeApiSettings { base_url: None, secret_key: KEY.into() })
        .expect("good settings")
}

fn euros(minor: i64) -> Money {
    Money { minor, currency: Currency::parse("EUR").expect("a currency") }
}

fn at(offset: i64) -> Instant {
    Instant::from_seconds(NOW + offset)
}

fn initiate(method: InitiateMethod) -> Initiate<'static> {
    Initiate {
        method,
        out_trade_no: "ORDER-1",
        amount: euros(1230),
        description: "Tea & cake",
        started_at: at(0),
        expires_at: Some(at(2 * HOUR)),
        payer_id: "",
        client_ip: "",
        return_url: "https://shop.example/back?o=1",
    }
}

fn payment_ref(reference: &'static str) -> PaymentRef<'static> {
    PaymentRef { out_trade_no: "ORDER-1", started_at: Some(at(0)), expires_at: None, reference, amount: euros(1230) }
}

fn ask_refund() -> Refund<'static> {
    Refund {
        out_trade_no: "ORDER-1",
        transaction_id: "pi_1abc",
        out_refund_no: "R-1",
        refund_id: "",
        amount: euros(30),
        paid: euros(1230),
        reason: "late",
        paid_at: None,
        started_at: at(0),
    }
}

/// A form's or a query's fields.
fn fields(text: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| {
        // Names have brackets, which our own form parser refuses in callbacks.
        let form = Form::parse(format!("v={text}").as_bytes()).expect("a value");
        form.text("v").expect("text").unwrap_or_default().to_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn body_field(request: &Request, name: &str) -> Option<String> {
    let body = std::str::from_utf8(&request.body).expect("text");
    fields(body).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

fn begin(ask: &Initiate<'_>, now: Instant) -> Result<Request, Unable> {
    match api().initiate(ask, now)? {
        Begin::Call(request) => Ok(request),
        Begin::Ready(action) => panic!("{action:?}"),
    }
}

fn answered<T>(status: u16, map: &HeaderMap, body: &str, read: impl FnOnce(&Response<'_>) -> T) -> T {
    let status = StatusCode::from_u16(status).expect("a status");
    read(&Response { status, headers: map, body: body.as_bytes(), received_at: at(0) })
}

fn payment_answer(reference: &'static str, body: &Value) -> Reply<Option<Notice>> {
    let read = |answer: &Response<'_>| api().payment_answer(&payment_ref(reference), answer);
    answered(200, &HeaderMap::new(), &body.to_string(), read)
}

fn refund_answer(ask: &Refund<'_>, body: &Value) -> Reply<Option<Notice>> {
    answered(200, &HeaderMap::new(), &body.to_string(), |answer| api().refund_answer(ask, answer))
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1abc", "object": "payment_intent", "amount": 1230, "currency": "eur", "status": status,
        "amount_received": if status == "succeeded" { 1230 } else { 0 }, "livemode": false, "created": NOW,
        "canceled_at": if status == "canceled" { json!(NOW + 5) } else { Value::Null },
        "latest_charge": if status == "succeeded" { json!({ "id": "ch_1", "created": NOW + 9 }) } else { Value::Null },
        "last_payment_error": Value::Null, "client_secret": "pi_1abc_secret_x",
        "metadata": { "out_trade_no": "ORDER-1" },
    })
}

fn session(status: &str, intent: Value) -> Value {
    json!({
        "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": status, "livemode": false,
        "payment_status": "unpaid", "payment_intent": intent, "amount_total": 1230, "currency": "eur",
        "client_reference_id": "ORDER-1", "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "metadata": { "out_trade_no": "ORDER-1" },
    })
}

fn refund(status: &str) -> Value {
    json!({
        "id": "re_1abc", "object": "refund", "payment_intent": "pi_1abc", "charge": "ch_1", "amount": 30,
        "currency": "eur", "status": status, "created": NOW,
        "metadata": { "out_refund_no": "R-1", "out_trade_no": "ORDER-1" },
    })
}

fn changed(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
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
fn a_session_is_begun() {
    let request = begin(&initiate(InitiateMethod::StripeCheckout), at(1)).expect("a request");
    assert_eq!(request.url, "https://api.stripe.com/v1/checkout/sessions");
    assert_eq!(request.method, Method::POST);
    assert_eq!(header(&request, "authorization"), format!("Bearer {KEY}"));
    assert_eq!(header(&request, "stripe-version"), "2024-06-20");
    assert_eq!(header(&request, "idempotency-key"), "paystate-pay-ORDER-1");
    for (name, value) in [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "1230"),
        ("line_items[0][price_data][product_data][name]", "Tea & cake"),
        ("metadata[out_trade_no]", "ORDER-1"),
        ("payment_intent_data[metadata][out_trade_no]", "ORDER-1"),
        ("success_url", "https://shop.example/back?o=1"),
        ("expires_at", &(NOW + 2 * HOUR + 40 * 60).to_string()),
    ] {
        assert_eq!(body_field(&request, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(
        begin(&initiate(InitiateMethod::StripeCheckout), at(HOUR)).as_ref(),
        Ok(&request),
        "a retry is the same"
    );
    assert!(!format!("{request:?} {:?}", api()).contains("k7Qe0"), "the key does not show");
}

/// Sessions end between 30 minutes and 24 hours after they were made.
#[test]
fn a_sessions_end_fits_stripe() {
    let end = |expires_at: Option<Instant>| {
        let ask = Initiate { expires_at, ..initiate(InitiateMethod::StripeCheckout) };
        body_field(&begin(&ask, at(0)).expect("a request"), "expires_at").map(|text| text.parse::<i64>())
    };
    assert_eq!(end(Some(at(60))), Some(Ok(NOW + 41 * 60)));
    assert_eq!(end(Some(at(2 * HOUR))), Some(Ok(NOW + 2 * HOUR + 40 * 60)));
    assert_eq!(end(Some(at(-60))), Some(Ok(NOW + 40 * 60)));
    assert_eq!(end(Some(at(48 * HOUR))), Some(Ok(NOW + 23 * HOUR)));
    assert_eq!(end(None), None);
}

#[test]
fn an_intent_is_begun() {
    let request = begin(&initiate(InitiateMethod::StripePaymentIntent), at(1)).expect("a request");
    assert_eq!(request.url, "https://api.stripe.com/v1/payment_intents");
    for (name, value) in [("amount", "1230"), ("currency", "eur"), ("metadata[out_trade_no]", "ORDER-1")] {
        assert_eq!(body_field(&request, name).as_deref(), Some(value), "{name}");
    }
    let connected = StripeApi::new(
        platform(false, Some("acct_1")),
        StripeApiSettings { base_url: Some("https://localhost:1/stripe/".into()), secret_key: KEY.into() },
    );
    let connected = connected.expect("good settings").refund(&ask_refund(), at(0)).expect("a request");
    assert_eq!(connected.url, "https://localhost:1/stripe/v1/refunds");
    assert_eq!(header(&connected, "stripe-account"), "acct_1");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let good = initiate(InitiateMethod::StripeCheckout);
    let problem = |ask: Initiate<'_>, now| match begin(&ask, now) {
        Err(Unable::BadInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    for number in ["", "a b", "a\"b", "a\\b", "é", &"x".repeat(65)] {
        assert_eq!(problem(Initiate { out_trade_no: number, ..good.clone() }, at(0)), "out_trade_no", "{number}");
    }
    assert_eq!(problem(Initiate { return_url: "", ..good.clone() }, at(0)), "return_url");
    assert_eq!(problem(Initiate { amount: euros(0), ..good.clone() }, at(0)), "amount");
    assert_eq!(problem(Initiate { method: InitiateMethod::AlipayPage, ..good.clone() }, at(0)), "method");
    // An idempotency key is forgotten after a day.
    assert_eq!(problem(good.clone(), at(23 * HOUR + 1)), "start_time");
    assert!(begin(&good, at(23 * HOUR)).is_ok());
    for reference in ["seti_1", "cs_../x", "pi_1?a=b", "cs"] {
        assert!(api().query_payment(&payment_ref(reference), at(0)).is_err(), "{reference}");
    }
    for transaction_id in ["", "2026", "pi_1/../x", "cs_1abc"] {
        assert!(api().refund(&Refund { transaction_id, ..ask_refund() }, at(0)).is_err(), "{transaction_id}");
    }
    assert!(api().close_payment(&payment_ref(""), at(0)).is_err());
}

#[test]
fn what_the_front_end_needs() {
    let begun = |method, body: &Value| {
        answered(200, &HeaderMap::new(), &body.to_string(), |a| api().initiated(&initiate(method), a))
    };
    let page = Action::RedirectUrl("https://checkout.stripe.com/c/pay/cs_test_1".into());
    let session_begun = answer(begun(InitiateMethod::StripeCheckout, &session("open", Value::Null)));
    assert_eq!(session_begun, Initiated { action: page, reference: Some("cs_test_1".into()) });
    let secret = Action::SignedParameters(vec![("client_secret".into(), "pi_1abc_secret_x".into())]);
    let intent_begun = answer(begun(InitiateMethod::StripePaymentIntent, &intent("requires_payment_method")));
    assert_eq!(intent_begun, Initiated { action: secret, reference: Some("pi_1abc".into()) });
    for (name, value) in [
        ("metadata", json!({ "out_trade_no": "ORDER-2" })),
        ("amount_total", json!(1)),
        ("currency", json!("usd")),
        ("livemode", json!(true)),
        ("id", json!("pi_1abc")),
    ] {
        let other = changed(session("open", Value::Null), name, value);
        assert_eq!(code(begun(InitiateMethod::StripeCheckout, &other)).1, "ANSWER_FOR_ANOTHER", "{name}");
    }
    let over = changed(session("expired", Value::Null), "url", Value::Null);
    assert_eq!(code(begun(InitiateMethod::StripeCheckout, &over)), ("unknown", "SESSION_OVER".into()));
}

#[test]
fn questions_go_to_the_object_that_was_named() {
    let url = |reference| api().query_payment(&payment_ref(reference), at(0)).expect("a request").url;
    assert_eq!(
        url("cs_test_1"),
        "https://api.stripe.com/v1/checkout/sessions/cs_test_1?expand%5B%5D=payment_intent.latest_charge"
    );
    assert_eq!(url("pi_1abc"), "https://api.stripe.com/v1/payment_intents/pi_1abc?expand%5B%5D=latest_charge");
    let search = url("");
    let (path, query) = search.split_once('?').expect("a query");
    assert_eq!(path, "https://api.stripe.com/v1/payment_intents/search");
    assert_eq!(fields(query)[0].1, r#"metadata["out_trade_no"]:"ORDER-1""#);
}

#[test]
fn intents_are_read() {
    for (word, status, when) in [
        ("requires_payment_method", PaymentStatus::Pending, 0),
        ("requires_action", PaymentStatus::Pending, 0),
        ("processing", PaymentStatus::Pending, 0),
        ("requires_capture", PaymentStatus::Pending, 0),
        ("canceled", PaymentStatus::Closed, 5),
        ("succeeded", PaymentStatus::Succeeded, 9),
    ] {
        let answer = notice_of(payment_answer("pi_1abc", &intent(word)));
        assert_eq!(answer.event_type, format!("payment_intent:{word}"));
        assert!(answer.key_id.starts_with("hmac:"), "{answer:?}");
        let fact = payment_fact(payment_answer("pi_1abc", &intent(word)));
        assert_eq!((fact.status, fact.amount, fact.occurred_at), (status, euros(1230), Some(at(when))), "{word}");
        assert_eq!((fact.out_trade_no.as_deref(), fact.transaction_id.as_deref()), (Some("ORDER-1"), Some("pi_1abc")));
    }
    let failed = changed(intent("requires_payment_method"), "last_payment_error", json!({ "code": "card_declined" }));
    assert_eq!(payment_fact(payment_answer("pi_1abc", &failed)).status, PaymentStatus::Failed);
    let partly = changed(intent("succeeded"), "amount_received", json!(1000));
    assert_eq!(payment_fact(payment_answer("pi_1abc", &partly)).amount, euros(1000));
    let new = intent("paid_by_moon");
    assert_eq!(code(payment_answer("pi_1abc", &new)), ("unknown", "MALFORMED".into()));
}

/// The session says whether the payer may still come, the intent where the money is.
#[test]
fn sessions_are_read_with_their_intent() {
    let status = |body: &Value| payment_fact(payment_answer("cs_test_1", body)).status;
    assert_eq!(status(&session("open", Value::Null)), PaymentStatus::Pending);
    assert_eq!(status(&session("expired", Value::Null)), PaymentStatus::Closed);
    assert_eq!(status(&session("open", intent("requires_payment_method"))), PaymentStatus::Pending);
    assert_eq!(status(&session("expired", intent("requires_payment_method"))), PaymentStatus::Closed);
    assert_eq!(status(&session("complete", intent("requires_payment_method"))), PaymentStatus::Closed);
    assert_eq!(status(&session("expired", intent("canceled"))), PaymentStatus::Closed);
    for session_status in ["open", "complete", "expired"] {
        for pending in ["processing", "requires_action"] {
            assert_eq!(status(&session(session_status, intent(pending))), PaymentStatus::Pending, "{session_status}");
        }
        assert_eq!(status(&session(session_status, intent("succeeded"))), PaymentStatus::Succeeded);
    }
    let paid = payment_fact(payment_answer("cs_test_1", &session("complete", intent("succeeded"))));
    assert_eq!(paid.transaction_id.as_deref(), Some("pi_1abc"));
    let free = changed(session("complete", Value::Null), "payment_status", json!("no_payment_required"));
    assert_eq!(payment_answer("cs_test_1", &free), Reply::Answered(None));
    for strange in [session("complete", Value::Null), session("new", Value::Null), session("open", json!("pi_1abc"))] {
        assert_eq!(code(payment_answer("cs_test_1", &strange)), ("unknown", "MALFORMED".into()));
    }
}

#[test]
fn answers_about_something_else_are_not_believed() {
    for (name, value) in
        [("id", json!("pi_2abc")), ("metadata", json!({ "out_trade_no": "order-1" })), ("livemode", json!(true))]
    {
        let other = changed(intent("succeeded"), name, value.clone());
        assert_eq!(code(payment_answer("pi_1abc", &other)), ("unknown", "ANSWER_FOR_ANOTHER".into()), "{name}");
        let other = changed(session("expired", Value::Null), name, value);
        assert_eq!(code(payment_answer("cs_test_1", &other)), ("unknown", "ANSWER_FOR_ANOTHER".into()), "{name}");
    }
    for (name, value) in [
        ("payment_intent", json!("pi_2abc")),
        ("metadata", json!({ "out_refund_no": "R-2" })),
        ("metadata", Value::Null),
    ] {
        let other = changed(refund("succeeded"), name, value);
        let read = |a: &Response<'_>| api().refunded(&ask_refund(), a);
        let said = code(answered(200, &HeaderMap::new(), &other.to_string(), read));
        assert_eq!(said, ("unknown", "ANSWER_FOR_ANOTHER".into()), "{name}");
    }
}

#[test]
fn a_search_finds_what_matters_most() {
    let found = |data: Vec<Value>, has_more: bool| {
        payment_answer("", &json!({ "object": "search_result", "data": data, "has_more": has_more }))
    };
    let second = changed(intent("succeeded"), "id", json!("pi_2abc"));
    let fact = payment_fact(found(vec![intent("canceled"), second.clone(), intent("processing")], false));
    assert_eq!(fact.transaction_id.as_deref(), Some("pi_2abc"));
    let other_case = changed(second, "metadata", json!({ "out_trade_no": "order-1" }));
    assert_eq!(code(found(vec![other_case.clone()], false)), ("not found", "NO_SEARCH_RESULT".into()));
    assert_eq!(code(found(vec![other_case], true)).0, "unknown");
    assert_eq!(code(found(vec![], false)).0, "not found");
}

#[test]
fn closing() {
    let ask = |reference| api().close_payment(&payment_ref(reference), at(0)).expect("a request");
    assert_eq!(ask("cs_test_1").url, "https://api.stripe.com/v1/checkout/sessions/cs_test_1/expire");
    assert_eq!(ask("pi_1abc").url, "https://api.stripe.com/v1/payment_intents/pi_1abc/cancel");
    assert_eq!(header(&ask("pi_1abc"), "idempotency-key"), "", "an old answer must not be repeated");
    let closed = |status: u16, body: &Value| {
        let read = |a: &Response<'_>| api().payment_closed(&payment_ref("pi_1abc"), a);
        code(answered(status, &HeaderMap::new(), &body.to_string(), read))
    };
    assert_eq!(closed(200, &intent("canceled")).0, "answered");
    assert_eq!(closed(200, &intent("succeeded")), ("unknown", "NOT_CLOSED".into()));
    assert_eq!(closed(200, &changed(intent("canceled"), "id", json!("pi_2"))).1, "ANSWER_FOR_ANOTHER");
    let error = json!({ "error": { "type": "invalid_request_error", "code": "payment_intent_unexpected_state" } });
    assert_eq!(closed(400, &error), ("refused", "payment_intent_unexpected_state".into()));
}

#[test]
fn a_refund_carries_its_numbers_and_its_key() {
    let request = api().refund(&ask_refund(), at(0)).expect("a request");
    assert_eq!(header(&request, "idempotency-key"), "paystate-refund-R-1");
    for (name, value) in [
        ("payment_intent", "pi_1abc"),
        ("amount", "30"),
        ("metadata[out_refund_no]", "R-1"),
        ("metadata[out_trade_no]", "ORDER-1"),
        ("metadata[reason]", "late"),
    ] {
        assert_eq!(body_field(&request, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(api().refund(&ask_refund(), at(1000 * HOUR)).as_ref(), Ok(&request));
    let of_charge = Refund { transaction_id: "ch_1", ..ask_refund() };
    let by_charge = api().refund(&of_charge, at(0)).expect("a request");
    assert_eq!(body_field(&by_charge, "charge").as_deref(), Some("ch_1"));
    assert!(matches!(
        refund_answer(&of_charge, &json!({ "data": [refund("pending")], "has_more": false })),
        Reply::Answered(_)
    ));
}

#[test]
fn refunds_are_read() {
    for (word, status) in
        [("succeeded", RefundStatus::Succeeded), ("pending", RefundStatus::Pending), ("failed", RefundStatus::Failed)]
    {
        let read = |a: &Response<'_>| api().refunded(&ask_refund(), a);
        let fact = refund_fact(answered(200, &HeaderMap::new(), &refund(word).to_string(), read));
        assert_eq!((fact.status, fact.amount), (status, RefundAmount::Single(euros(30))), "{word}");
        assert_eq!((fact.out_refund_no.as_deref(), fact.refund_id.as_deref()), (Some("R-1"), Some("re_1abc")));
        assert_eq!(fact.transaction_id.as_deref(), Some("pi_1abc"));
    }
}

/// Only a whole list that lacks our number says that there is no such refund.
#[test]
fn refunds_are_found_by_our_number() {
    let url = |refund_id| api().query_refund(&Refund { refund_id, ..ask_refund() }, at(0)).expect("a request").url;
    assert_eq!(url(""), "https://api.stripe.com/v1/refunds?payment_intent=pi_1abc&limit=100");
    assert_eq!(url("re_1abc"), "https://api.stripe.com/v1/refunds/re_1abc");
    let other = changed(refund("succeeded"), "metadata", json!({ "out_refund_no": "R-2" }));
    let list = |data: Vec<Value>, has_more: bool| {
        refund_answer(&ask_refund(), &json!({ "object": "list", "data": data, "has_more": has_more }))
    };
    assert_eq!(refund_fact(list(vec![other.clone(), refund("pending")], true)).out_refund_no.as_deref(), Some("R-1"));
    assert_eq!(code(list(vec![other.clone()], false)), ("not found", "NOT_IN_LIST".into()));
    assert_eq!(code(list(vec![other], true)), ("unknown", "TOO_MANY_FOUND".into()));
    let known = Refund { refund_id: "re_1abc", ..ask_refund() };
    assert_eq!(refund_fact(refund_answer(&known, &refund("succeeded"))).refund_id.as_deref(), Some("re_1abc"));
    let strange = changed(refund("succeeded"), "id", json!("re_2abc"));
    assert_eq!(code(refund_answer(&known, &strange)), ("unknown", "ANSWER_FOR_ANOTHER".into()));
}

/// A refusal that is none leads to a second refund.
#[test]
fn errors_are_refusals_only_when_nothing_can_have_happened() {
    let error =
        |kind: &str, code: &str| json!({ "error": { "type": kind, "code": code, "message": "no" } }).to_string();
    let plain = HeaderMap::new();
    let read = |status: u16, map: &HeaderMap, body: &str| {
        code(answered(status, map, body, |a| api().refunded(&ask_refund(), a)))
    };
    let invalid = error("invalid_request_error", "charge_already_refunded");
    assert_eq!(read(400, &plain, &invalid), ("refused", "charge_already_refunded".into()));
    assert_eq!(read(402, &plain, &error("card_error", "expired_card")).0, "refused");
    assert_eq!(read(400, &headers(&[("stripe-should-retry", "true")]), &invalid).0, "unknown");
    for (status, body) in [
        (400, error("idempotency_error", "x")),
        (409, error("idempotency_error", "idempotency_key_in_use")),
        (409, invalid.clone()),
        (401, error("invalid_request_error", "api_key_expired")),
        (403, error("invalid_request_error", "x")),
        (404, error("invalid_request_error", "resource_missing")),
        (500, error("api_error", "x")),
        (503, invalid.clone()),
        (400, "<html>".into()),
        (302, String::new()),
        (200, "{}".into()),
        (200, "<html>".into()),
    ] {
        assert_eq!(read(status, &plain, &body).0, "unknown", "{status} {body}");
    }
    for (asked, kept) in [("7", 7), ("86400", 600), ("18446744073709551615", 600)] {
        let limited = headers(&[("retry-after", asked)]);
        let body = error("invalid_request_error", "lock_timeout");
        let reply = answered(429, &limited, &body, |a| api().refunded(&ask_refund(), a));
        assert!(matches!(reply, Reply::RateLimited(_, Some(after)) if after.as_secs() == kept), "{asked}: {reply:?}");
    }
    let rude = json!({ "error": { "type": "x", "message": format!("a\u{1b}b\n{}", "c".repeat(300)) } }).to_string();
    let Reply::Unknown(said) = answered(500, &plain, &rude, |a| api().refunded(&ask_refund(), a)) else {
        panic!("unknown")
    };
    assert_eq!(said.detail, format!("ab{}", "c".repeat(198)));
    assert_eq!(read(429, &plain, "slow down").0, "rate limited");
    let asked = answered(400, &plain, &invalid, |a| api().payment_answer(&payment_ref("pi_1abc"), a));
    assert_eq!(code(asked).0, "unknown", "a question cannot be refused");
    let asked = answered(404, &plain, &invalid, |a| api().refund_answer(&ask_refund(), a));
    assert_eq!(code(asked).0, "unknown", "a wrong key does not prove that there is no refund");
}

#[test]
fn equal_bodies_about_two_payments_are_two_answers() {
    let body = json!({ "data": [], "x": 1 }).to_string();
    let fact = payment_fact(payment_answer("pi_1abc", &intent("succeeded")));
    let hash = |number| {
        super::answer::notice(&api(), "k", number, body.as_bytes(), Fact::Payment(fact.clone()))
            .expect("a notice")
            .content_sha256
    };
    assert_ne!(hash("ORDER-1"), hash("ORDER-2"));
    assert_eq!(hash("ORDER-1"), hash("ORDER-1"));
}

const DAY: Day = Day { year: 2026, month: 11, day: 21 };

fn transaction(id: &str) -> Value {
    json!({
        "id": id, "object": "balance_transaction", "type": "charge", "amount": 1230, "fee": 48, "currency": "eur",
        "created": NOW - 24 * HOUR, "source": {
            "id": "ch_1", "object": "charge", "amount": 1230, "currency": "eur", "payment_intent": "pi_1abc",
            "metadata": { "out_trade_no": "ORDER-1" },
        },
    })
}

#[test]
fn statements_are_read_page_by_page() {
    let first = api().statement(DAY, at(0)).expect("a request");
    let (path, query) = first.url.split_once('?').expect("a query");
    assert_eq!(path, "https://api.stripe.com/v1/balance_transactions");
    // 2026-11-21 00:00 UTC is 26 hours before 2026-11-22 10:00 in Beijing.
    let range = [("created[gte]", NOW - 26 * HOUR), ("created[lt]", NOW - 2 * HOUR)];
    for (name, value) in range {
        assert!(fields(query).contains(&(name.to_owned(), value.to_string())), "{query}");
    }
    assert!(api().statement(Day { day: 22, ..DAY }, at(0)).is_err(), "not over yet");
    let page =
        |body: Value| answered(200, &HeaderMap::new(), &body.to_string(), |a| api().statement_next(DAY, a, at(0)));
    let payout = changed(changed(transaction("txn_2"), "type", json!("payout")), "source", json!("po_1"));
    let body = json!({ "data": [transaction("txn_1"), payout], "has_more": true });
    let read = answer(page(body));
    let StatementNext::Page(lines, Some(next)) = &read else { panic!("{read:?}") };
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.kind, line.amount, line.fee_minor), (LineKind::Payment, euros(1230), 48));
    assert_eq!((line.out_trade_no.as_str(), line.transaction_id.as_str()), ("ORDER-1", "pi_1abc"));
    assert_eq!(next.url, format!("{}&starting_after=txn_2", first.url));
    let empty = answer(page(json!({ "data": [], "has_more": false })));
    assert_eq!(empty, StatementNext::Page(Vec::new(), None));
    for damaged in [
        json!({ "data": [], "has_more": true }),
        json!({ "data": [{ "id": "txn_1" }], "has_more": false }),
        json!({ "data": [transaction("../x")], "has_more": true }),
        json!({ "data": [transaction("txn_1")] }),
    ] {
        assert_eq!(code(page(damaged.clone())).0, "unknown", "{damaged}");
    }
}

#[test]
fn keys_of_another_kind_or_mode_are_refused() {
    let strange = StripeApiSettings { base_url: None, secret_key: KEY.into() };
    let strange = StripeApi::new(platform(false, Some("acct_1\n")), strange).expect_err("problems");
    assert_eq!(strange[0].field, "account", "never one's own instead of the connected one");
    let problems = |key: &str, livemode| {
        let settings = StripeApiSettings { base_url: None, secret_key: key.into() };
        StripeApi::new(platform(livemode, None), settings).err().map_or(0, |problems| problems.len())
    };
    assert_eq!((problems(KEY, false), problems(KEY, true)), (0, 1));
    assert_eq!(problems("rk_live_k7Qe0aXzT41mPp9kRvC2uJsL", true), 0);
    for key in [
        "",
        "sk_test_",
        "sk_test_...",
        "pk_test_k7Qe0aXzT41m",
        "whsec_k7Qe0aXzT41m",
        "k7Qe0aXzT41mPp9",
        "sk_test_a b c d e f g h",
    ] {
        assert_eq!(problems(key, false), 1, "{key}");
    }
    let settings = StripeApiSettings { base_url: Some("x".into()), secret_key: String::new() };
    let fields: Vec<_> =
        StripeApi::new(platform(false, None), settings).expect_err("problems").into_iter().map(|p| p.field).collect();
    assert_eq!(fields, ["base_url", "secret_key"]);
}

proptest! {
    #[test]
    fn no_answer_panics(status in 200_u16..600, body in "[ -~]{0,200}", tail in ".{0,50}") {
        let api = api();
        for text in [body.clone(), format!("{{\"id\":\"pi_1abc\",{body}}}"), format!("{{\"error\":{{\"type\":\"{tail}\"}}}}")] {
            let read = |a: &Response<'_>| {
                let refund = api.refund_answer(&ask_refund(), a);
                let payments = ["", "cs_test_1", "pi_1abc"].map(|reference| api.payment_answer(&payment_ref(reference), a));
                (payments, refund, api.statement_next(DAY, a, at(0)))
            };
            let (payments, refund, _) = answered(status, &HeaderMap::new(), &text, read);
            for reply in payments.into_iter().chain([refund]) {
                prop_assert!(matches!(reply, Reply::Unknown(_) | Reply::RateLimited(..)), "{:?}", reply);
            }
        }
    }
}
