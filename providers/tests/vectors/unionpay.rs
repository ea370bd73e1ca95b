//! UnionPay: notices and answers, against the test gateway's public authority.

use std::{path::Path, sync::Arc};

use http::{HeaderMap, StatusCode};
use paystate_providers::{
    Currency, Fact, Instant, Money, Notice, Payer, PaymentStatus, Platform, Reason, RefundAmount, RefundStatus,
    api::{PaymentRef, PlatformApi, Refund, Reply, Response},
    money::parse_integer,
    time::parse_beijing_compact,
    unionpay::{UnionPay, UnionPayApi, UnionPayApiSettings, UnionPayEnvironment, UnionPaySettings},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;

use super::support::{Verdict, callback, form, params, read, text, valid};

pub(crate) fn run(name: &str, vector: &Value, root: &Path) -> Verdict {
    let chain = read(&root.join("unionpay/test_ca_chain.json"));
    if text(vector, "kind") == "CA chain" {
        let built = account(vector, "777290058110048");
        return Verdict::check(built.is_ok(), "the chain is accepted");
    }
    let account = account(&chain, text(&vector["params"], "merId")).expect("usable settings");
    let now = parse_beijing_compact(text(&vector["params"], "txnTime")).expect("txnTime");
    let answer = ["resp", "query"].iter().any(|word| name.contains(word)) && !name.contains("respCode");
    let result = if answer {
        account.verify_response(answer_body(vector).as_bytes(), now).map(drop)
    } else {
        account.verify(&callback(&HeaderMap::new(), form(vector).as_bytes(), now)).map(drop)
    };
    if name.starts_with("v500_") {
        let refused = result.is_err_and(|r| r.reason == Reason::AlgorithmNotAllowed);
        return Verdict::check(refused, "another version than the pinned one, refused as such");
    }
    if name.starts_with("forged_") {
        let refused = result.is_err_and(|r| r.reason == Reason::CertificateInvalid);
        return Verdict::check(refused, "refused for its certificate");
    }
    let verdict = Verdict::compare(vector, result);
    match (valid(vector), answer) {
        (true, true) => verdict.and(|| meaning(account, vector, now)),
        (true, false) => verdict.and(|| facts(&account, vector, now)),
        (false, _) => verdict,
    }
}

fn account(chain: &Value, mer_id: &str) -> Result<UnionPay, Vec<paystate_providers::SettingProblem>> {
    UnionPay::new(UnionPaySettings {
        mer_id: mer_id.to_owned(),
        root_cert: text(chain, "root_pem").to_owned(),
        middle_certs: vec![text(chain, "middle_pem").to_owned()],
        environment: UnionPayEnvironment::Test,
    })
}

/// The answer as it arrived, or its fields joined as answers are.
fn answer_body(vector: &Value) -> String {
    match vector["raw_body"].as_str() {
        Some(raw) => raw.to_owned(),
        None => params(vector).map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&"),
    }
}

fn facts(account: &UnionPay, vector: &Value, now: Instant) -> Verdict {
    let expected = |key| Some(text(&vector["params"], key));
    let notice = account.notify(&callback(&HeaderMap::new(), form(vector).as_bytes(), now)).expect("a notice");
    let [Fact::Payment(payment)] = &notice.facts[..] else {
        return Verdict::Wrong(format!("{notice:?}"));
    };
    let masked = expected("accNo").filter(|number| !number.is_empty() && number.len() < 32);
    let agrees = payment.status == PaymentStatus::Succeeded
        && payment.out_trade_no.as_deref() == expected("orderId")
        && payment.transaction_id.as_deref() == expected("queryId")
        && Ok(payment.amount.minor) == parse_integer(text(&vector["params"], "txnAmt"))
        && payment.occurred_at == Some(now)
        && payment.payer.as_ref().map(Payer::expose) == masked;
    Verdict::check(agrees, format!("paid {} {}", payment.amount.minor, payment.amount.currency))
}

/// What an answer means to whoever asked.
fn meaning(account: UnionPay, vector: &Value, now: Instant) -> Verdict {
    let field = |key| text(&vector["params"], key);
    let amount = Money { minor: parse_integer(field("txnAmt")).unwrap_or(1), currency: Currency::CNY };
    let payment =
        PaymentRef { out_trade_no: field("orderId"), started_at: Some(now), expires_at: None, reference: "", amount };
    let refund = Refund {
        out_trade_no: "",
        transaction_id: field("origQryId"),
        out_refund_no: field("orderId"),
        refund_id: "",
        amount,
        paid: amount,
        reason: "",
        paid_at: None,
        started_at: now,
    };
    let (api, body, headers) = (caller(account), answer_body(vector), HeaderMap::new());
    let answer = Response { status: StatusCode::OK, headers: &headers, body: body.as_bytes(), received_at: now };
    let agrees = match (field("txnType"), field("respCode"), field("origRespCode")) {
        ("00", "34", _) => matches!(api.payment_answer(&payment, &answer), Reply::NotFound(_)),
        ("01", "00", "00") => paid(api.payment_answer(&payment, &answer), PaymentStatus::Succeeded, amount),
        ("01", "00", "05") => paid(api.payment_answer(&payment, &answer), PaymentStatus::Pending, amount),
        ("04" | "31", "00", "") => under_way(api.refunded(&refund, &answer), amount),
        other => return Verdict::Wrong(format!("no rule for {other:?}")),
    };
    let of_another = PaymentRef { out_trade_no: "ANOTHER1", ..payment };
    let unknown = matches!(api.payment_answer(&of_another, &answer), Reply::Unknown(_));
    Verdict::check(agrees && unknown, "means what it should, and nothing to others")
}

fn paid(reply: Reply<Option<Notice>>, status: PaymentStatus, amount: Money) -> bool {
    let Reply::Answered(Some(notice)) = reply else { return false };
    matches!(&notice.facts[..], [Fact::Payment(fact)] if fact.status == status && fact.amount == amount)
}

fn under_way(reply: Reply<Option<Notice>>, amount: Money) -> bool {
    let Reply::Answered(Some(notice)) = reply else { return false };
    let [Fact::Refund(fact)] = &notice.facts[..] else { return false };
    fact.status == RefundStatus::Pending && fact.amount == RefundAmount::Single(amount) && fact.refund_id.is_some()
}

/// A caller with any key: only answers are read with it.
fn caller(account: UnionPay) -> UnionPayApi {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let certificate = CertificateParams::default().self_signed(&pair).expect("signed").pem();
    let settings = UnionPayApiSettings {
        base_url: None,
        file_url: None,
        notify_url: Some("https://shop.example/notify".to_owned()),
        certificate,
        private_key: pair.serialize_pem(),
    };
    UnionPayApi::new(Arc::new(account), settings).expect("usable settings")
}
