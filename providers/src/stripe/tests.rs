use aws_lc_rs::hmac;
use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::{
    Currency, Fact, Instant, Money, PaymentStatus, Reason, RefundAmount, RefundStatus,
    testing::{callback, flip, headers},
};

const NOW: i64 = 1_795_312_800;
const SECRET: &str = "whsec_k7Qe0aXzT41mPp9kRvC2uJsL";
const NEW_SECRET: &str = "whsec_Zs8Kd2LmQ0xVbN5tYhGjR3eW";

fn account() -> Stripe {
    Stripe::new(StripeSettings {
        signing_secrets: vec![SECRET.into(), NEW_SECRET.into()],
        livemode: false,
        account: None,
    })
    .expect("good settings")
}

fn v1(secret: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, &[at.to_string().as_bytes(), b".", body].concat()))
}

fn with_header(value: &str) -> HeaderMap {
    headers(&[("Stripe-Signature", value)])
}

fn signed_at(body: &[u8], at: i64) -> HeaderMap {
    with_header(&format!("t={at},v1={}", v1(SECRET, at, body)))
}

fn notify_with(map: &HeaderMap, body: &[u8]) -> Result<Notice, Rejection> {
    account().notify(&callback(map, body, NOW))
}

fn notify(body: &str) -> Result<Notice, Rejection> {
    notify_with(&signed_at(body.as_bytes(), NOW), body.as_bytes())
}

fn reason<T>(result: Result<T, Rejection>) -> Option<Reason> {
    result.err().map(|r| r.reason)
}

fn event(kind: &str, object: &str) -> String {
    format!(
        r#"{{"id":"evt_1","object":"event","api_version":"2099-01-01","created":{NOW},"livemode":false,"type":"{kind}","data":{{"object":{object}}}}}"#
    )
}

const INTENT: &str = r#"{"id":"pi_1","object":"payment_intent","amount":1230,"amount_received":1200,"currency":"eur","metadata":{"out_trade_no":"ORDER-1"}}"#;
const CHARGE: &str = r#"{"id":"ch_1","payment_intent":null,"captured":true,"amount":1230,"amount_captured":1200,"currency":"jpy","metadata":{}}"#;
const SESSION: &str = r#"{"id":"cs_1","mode":"payment","payment_status":"paid","payment_intent":"pi_1","amount_total":1230,"currency":"usd","client_reference_id":"ORDER-9","metadata":{"out_trade_no":"ORDER-1"}}"#;
const REFUND: &str = r#"{"id":"re_1","payment_intent":"pi_1","charge":"ch_1","amount":30,"currency":"usd","status":"succeeded","metadata":{"out_refund_no":"R-1"}}"#;

fn money(minor: i64, currency: &str) -> Money {
    Money { minor, currency: Currency::parse(currency).expect("a currency") }
}

fn payment(kind: &str, object: &str) -> Option<crate::PaymentFact> {
    match notify(&event(kind, object)).expect("genuine").facts.pop() {
        Some(Fact::Payment(payment)) => Some(payment),
        Some(Fact::Refund(refund)) => panic!("{refund:?}"),
        None => None,
    }
}

#[test]
fn payment_intents() {
    for (kind, status, minor) in [
        ("payment_intent.created", PaymentStatus::Pending, 1230),
        ("payment_intent.processing", PaymentStatus::Pending, 1230),
        ("payment_intent.requires_action", PaymentStatus::Pending, 1230),
        ("payment_intent.payment_failed", PaymentStatus::Failed, 1230),
        ("payment_intent.canceled", PaymentStatus::Closed, 1230),
        ("payment_intent.succeeded", PaymentStatus::Succeeded, 1200),
    ] {
        let fact = payment(kind, INTENT).expect("a payment");
        assert_eq!((fact.status, fact.amount), (status, money(minor, "EUR")), "{kind}");
        assert_eq!(fact.out_trade_no.as_deref(), Some("ORDER-1"));
        assert_eq!(fact.transaction_id.as_deref(), Some("pi_1"));
        assert_eq!(fact.occurred_at, Some(Instant::from_seconds(NOW)));
    }
    assert_eq!(payment("payment_intent.amount_capturable_updated", INTENT), None);
}

#[test]
fn charges() {
    for kind in ["charge.succeeded", "charge.captured", "charge.refunded"] {
        let fact = payment(kind, CHARGE).expect("a payment");
        assert_eq!((fact.status, fact.amount), (PaymentStatus::Succeeded, money(1200, "JPY")));
        assert_eq!(fact.transaction_id.as_deref(), Some("ch_1"));
        assert_eq!(payment(kind, &CHARGE.replace("true", "false")), None, "only reserved");
    }
    let intent = payment("charge.succeeded", &CHARGE.replace("null", "\"pi_1\"")).expect("a payment");
    assert_eq!(intent.transaction_id.as_deref(), Some("pi_1"));
}

/// What is genuine and merely not about a payment of ours must not be refused for ever.
#[test]
fn genuine_events_of_other_kinds_are_taken() {
    let balance = REFUND.replace("\"pi_1\"", "null").replace("\"ch_1\"", "null");
    assert_eq!(notify(&event("refund.created", &balance)).expect("genuine").facts, []);
    let undecided = REFUND.replace("\"succeeded\"", "null");
    match notify(&event("refund.updated", &undecided)).expect("genuine").facts.as_slice() {
        [Fact::Refund(refund)] => assert_eq!(refund.status, crate::RefundStatus::Pending),
        other => panic!("{other:?}"),
    }
}

#[test]
fn checkout_sessions() {
    let paid = payment("checkout.session.completed", SESSION).expect("a payment");
    assert_eq!((paid.status, paid.amount), (PaymentStatus::Succeeded, money(1230, "USD")));
    assert_eq!((paid.out_trade_no.as_deref(), paid.transaction_id.as_deref()), (Some("ORDER-1"), Some("pi_1")));
    let unpaid = SESSION.replace(r#""paid""#, r#""unpaid""#);
    for (kind, status) in [
        ("checkout.session.completed", PaymentStatus::Pending),
        ("checkout.session.async_payment_succeeded", PaymentStatus::Succeeded),
        ("checkout.session.async_payment_failed", PaymentStatus::Failed),
        ("checkout.session.expired", PaymentStatus::Closed),
    ] {
        assert_eq!(payment(kind, &unpaid).map(|p| p.status), Some(status), "{kind}");
    }
    // In Payment Links and pricing tables the payer sets `client_reference_id`.
    let nameless = SESSION.replace(r#"{"out_trade_no":"ORDER-1"}"#, "{}");
    let paid = payment("checkout.session.completed", &nameless).expect("a payment");
    assert_eq!((paid.out_trade_no, paid.transaction_id.as_deref()), (None, Some("pi_1")), "the payer named the order");
    let left = nameless.replace("\"pi_1\"", "null");
    assert_eq!(payment("checkout.session.expired", &left), None, "nothing happened that an order should know");
    for other in [
        SESSION.replace(r#""payment","#, r#""subscription","#),
        SESSION.replace(r#""paid""#, r#""no_payment_required""#),
        SESSION.replace("\"pi_1\"", "null").replace("\"ORDER-1\"", "null"),
    ] {
        assert_eq!(payment("checkout.session.completed", &other), None);
    }
}

#[test]
fn refunds() {
    for (status, meaning) in [
        ("succeeded", RefundStatus::Succeeded),
        ("pending", RefundStatus::Pending),
        ("requires_action", RefundStatus::Pending),
        ("failed", RefundStatus::Failed),
        ("canceled", RefundStatus::Failed),
    ] {
        for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
            let facts = notify(&event(kind, &REFUND.replace("succeeded", status))).expect("genuine").facts;
            let [Fact::Refund(fact)] = &facts[..] else { panic!("{facts:?}") };
            assert_eq!((fact.status, fact.amount), (meaning, RefundAmount::Single(money(30, "USD"))));
            assert_eq!((fact.refund_id.as_deref(), fact.out_refund_no.as_deref()), (Some("re_1"), Some("R-1")));
            assert_eq!(fact.transaction_id.as_deref(), Some("pi_1"));
        }
    }
}

#[test]
fn untracked_events_are_genuine_and_empty() {
    for kind in ["customer.created", "invoice.paid", "charge.dispute.created", "v2.core.event", "payout.paid"] {
        assert_eq!(notify(&event(kind, "[1,2]")).map(|n| n.facts), Ok(vec![]), "{kind}");
    }
}

/// A1.
#[test]
fn forged_signatures_are_refused() {
    let body = event("payment_intent.succeeded", INTENT);
    let good = v1(SECRET, NOW, body.as_bytes());
    let refused = |header: &str| reason(notify_with(&with_header(header), body.as_bytes()));
    assert_eq!(reason(notify_with(&headers(&[]), body.as_bytes())), Some(Reason::SignatureMissing));
    assert_eq!(refused(""), Some(Reason::SignatureMissing));
    assert_eq!(refused(&format!("t={NOW},v0={good}")), Some(Reason::SignatureMissing), "A4: v0 alone");
    for v1 in ["", "00", &good[..62], &good.to_uppercase(), &v1("whsec_other", NOW, body.as_bytes())] {
        assert_eq!(refused(&format!("t={NOW},v1={v1}")), Some(Reason::SignatureInvalid), "{v1}");
    }
    for header in [format!("v1={good}"), format!("t={NOW},t={NOW},v1={good}"), format!("v1,t={NOW}"), "x".into()] {
        assert_eq!(refused(&header), Some(Reason::Malformed), "{header}");
    }
    for t in ["", "1e9", "-1", "+1795312800"] {
        assert_eq!(refused(&format!("t={t},v1={good}")), Some(Reason::Malformed), "{t}");
    }
    assert_eq!(refused(&format!("t={NOW}{}", ",v1=00".repeat(17))), Some(Reason::Malformed));
    let twice = headers(&[("stripe-signature", &format!("t={NOW},v1={good}")), ("stripe-signature", "t=1,v1=00")]);
    assert_eq!(reason(notify_with(&twice, body.as_bytes())), Some(Reason::Malformed));
    assert_eq!(refused(&format!("t={NOW},v1={good}")), None);
}

/// A5: both sides, the edge itself is inside.
#[test]
fn only_fresh_messages_count() {
    let body = event("payment_intent.succeeded", INTENT);
    for (offset, expected) in [(300, None), (-300, None), (301, Some(Reason::Stale)), (-301, Some(Reason::Stale))] {
        let map = signed_at(body.as_bytes(), NOW + offset);
        assert_eq!(reason(notify_with(&map, body.as_bytes())), expected, "{offset}");
    }
}

/// A24: a secret being rolled, in either order, and beside rubbish.
#[test]
fn secrets_roll() {
    let body = event("payment_intent.succeeded", INTENT);
    let (old, new) = (v1(SECRET, NOW, body.as_bytes()), v1(NEW_SECRET, NOW, body.as_bytes()));
    let junk = "0".repeat(64);
    let id = |header: String| notify_with(&with_header(&header), body.as_bytes()).map(|n| n.key_id).expect("genuine");
    let old_id = id(format!("t={NOW},v1={old},v1={junk},v0={junk}"));
    assert_eq!(old_id, id(format!("t={NOW},v1=bad_signature, v1={old}")));
    assert_ne!(old_id, id(format!("t={NOW},v1={junk},v1={new}")));
}

/// A6, A8, A9.
#[test]
fn genuine_but_not_ours_or_not_exact() {
    let body = event("payment_intent.succeeded", INTENT);
    for (from, to, expected) in [
        (r#""livemode":false"#, r#""livemode":true"#, Reason::WrongAccount),
        (r#""livemode":false,"#, "", Reason::Unsupported),
        (r#""id":"evt_1""#, r#""id":"evt_1","account":"acct_1""#, Reason::WrongAccount),
        (r#""id":"evt_1""#, r#""id":"evt_1","id":"evt_2""#, Reason::Unsupported),
        (r#""amount":1230"#, r#""amount":1230,"amount":1"#, Reason::Unsupported),
        (r#""amount_received":1200,"#, "", Reason::Unsupported),
        ("1200", "12.5", Reason::Unsupported),
        ("1200", "-1", Reason::BadAmount),
        ("1200", "9223372036854775808", Reason::Unsupported),
        ("\"eur\"", "\"euro\"", Reason::BadAmount),
        ("ORDER-1", "ORDER 1", Reason::Unsupported),
        ("\"pi_1\"", "\"\"", Reason::Unsupported),
        ("\"evt_1\"", "\"evt\\n1\"", Reason::Unsupported),
    ] {
        let changed = body.replace(from, to);
        assert_ne!(changed, body, "{from}");
        assert_eq!(reason(notify(&changed)), Some(expected), "{to}");
    }
    let connected =
        StripeSettings { signing_secrets: vec![SECRET.into()], livemode: false, account: Some("acct_1".into()) };
    let connected = Stripe::new(connected).expect("good settings");
    let own = connected.notify(&callback(&signed_at(body.as_bytes(), NOW), body.as_bytes(), NOW));
    assert_eq!(reason(own), Some(Reason::WrongAccount));
}

/// A16, and the bound on size.
#[test]
fn deep_and_large_bodies_are_refused() {
    for body in ["[".repeat(60_000), event("payment_intent.succeeded", &"[".repeat(60_000))] {
        assert_eq!(reason(notify(&body)), Some(Reason::Unsupported));
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(notify(&event("customer.created", &deep)).map(|n| n.facts), Ok(vec![]));
    assert_eq!(reason(notify(&event("payment_intent.succeeded", &deep))), Some(Reason::Unsupported));
    assert_eq!(reason(notify(&" ".repeat(70_000))), Some(Reason::TooLarge));
}

/// A2.
#[test]
fn weak_secrets_are_refused() {
    let problems = |secrets: &[&str]| {
        let signing_secrets = secrets.iter().map(|s| (*s).to_owned()).collect();
        Stripe::new(StripeSettings { signing_secrets, livemode: true, account: None }).err().map_or(0, |p| p.len())
    };
    for secret in [
        "",
        " ",
        "whsec_",
        "whsec_...",
        "changeme",
        "secret",
        "whsec_abc",
        " whsec_k7Qe0aXzT41mPp9k",
        "sk_live_k7Qe0aXzT41m",
    ] {
        assert_eq!(problems(&[secret]), 1, "{secret:?}");
    }
    assert_eq!(problems(&["webhook_secret"]), 0);
    assert_eq!(problems(&[]), 1);
    assert_eq!(problems(&[SECRET, NEW_SECRET, SECRET]), 1);
    assert_eq!(problems(&["", "whsec_"]), 2);
    assert!(!format!("{:?}", account()).contains("k7Qe0"));
}

#[test]
fn acknowledgements_and_claims() {
    assert_eq!(account().ack(Outcome::Accepted).status, StatusCode::OK);
    assert_eq!(account().ack(Outcome::Refused).status, StatusCode::BAD_REQUEST);
    assert_eq!(account().ack(Outcome::Unavailable).status, StatusCode::SERVICE_UNAVAILABLE);
    let claim = |body: &str| account().claimed_out_trade_no(body.as_bytes());
    assert_eq!(claim(&event("x", INTENT)).as_deref(), Some("ORDER-1"));
    assert_eq!(claim(&event("x", SESSION)).as_deref(), Some("ORDER-1"));
    assert_eq!(claim("{}"), None);
}

proptest! {
    #[test]
    fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..200), header in "[ -~]{0,80}", object in ".{0,80}") {
        let _ = notify_with(&with_header(&header), &body);
        let _ = notify_with(&signed_at(&body, NOW), &body);
        let _ = notify(&event("payment_intent.succeeded", &object));
        let _ = account().claimed_out_trade_no(&body);
    }

    #[test]
    fn one_flipped_bit_is_refused(position in 0_usize..2000, bit in 0_u8..8) {
        let body = event("payment_intent.succeeded", INTENT).into_bytes();
        let map = signed_at(&body, NOW);
        prop_assert!(notify_with(&map, &flip(&body, position, bit)).is_err());
        let header = flip(map["stripe-signature"].as_bytes(), position, bit);
        if let Ok(value) = http::HeaderValue::from_bytes(&header) {
            let mut map = map;
            map.insert("stripe-signature", value);
            prop_assert!(notify_with(&map, &body).is_err());
        }
    }
}
