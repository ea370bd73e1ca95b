//! UnionPay: notices and answers, against the test gateway's public authority.

use std::path::Path;

use http::HeaderMap;
use paystate_providers::{
    Fact, Instant, Payer, PaymentStatus, Platform, Reason,
    money::parse_integer,
    time::parse_beijing_compact,
    unionpay::{UnionPay, UnionPayEnvironment, UnionPaySettings},
};
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
    if answer || !valid(vector) { verdict } else { verdict.and(|| facts(&account, vector, now)) }
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
