//! Alipay: notices, a return, gateway answers, and where in an answer the signed text lies.

use std::path::Path;

use aws_lc_rs::{encoding::AsDer as _, rand::SystemRandom, rsa, signature::KeyPair as _, signature::RSA_PKCS1_SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use paystate_providers::{
    Fact, Instant, PaymentStatus, Platform, RsaPublicKey,
    alipay::{Alipay, AlipayKey, AlipaySettings},
    money::parse_yuan,
};
use serde_json::Value;

use super::{
    alipay_calls,
    support::{Verdict, callback, form, text, valid},
};

pub(crate) fn run(name: &str, vector: &Value, _root: &Path) -> Verdict {
    if name == "cert_sn_vectors.json" {
        return certificate(vector);
    }
    if name == "derived_resp_extraction_cases.json" {
        return extraction(vector);
    }
    if name.ends_with("_rule_must_fail.json") {
        return wrong_rule(vector);
    }
    let by_key = judge(vector, AlipayKey::PublicKey(text(vector, "public_key_pem").to_owned()));
    match vector["cert_pem_chain"].as_str() {
        Some(chain) => by_key.and(|| judge(vector, AlipayKey::Certificate(chain.to_owned()))),
        None => by_key,
    }
}

fn judge(vector: &Value, key: AlipayKey) -> Verdict {
    if vector["response_node"].is_string() {
        let method = text(vector, "response_node").trim_end_matches("_response").to_owned();
        return response(vector, account("1", None, key), &method);
    }
    let params = &vector["params"];
    let account = account(text(params, "app_id"), params["seller_id"].as_str(), key);
    match vector["raw_query"].as_str() {
        Some(query) => Verdict::compare(vector, account.verify_return(query)),
        None => notice(vector, &account),
    }
}

fn account(app_id: &str, seller_id: Option<&str>, key: AlipayKey) -> Alipay {
    let seller_id = seller_id.map(ToOwned::to_owned);
    let settings = AlipaySettings { app_id: app_id.to_owned(), seller_id, key, previous_key: None };
    Alipay::new(settings).expect("usable settings")
}

fn notice(vector: &Value, account: &Alipay) -> Verdict {
    let body = form(vector);
    let headers = HeaderMap::new();
    let callback = callback(&headers, body.as_bytes(), Instant::from_seconds(0));
    let verdict = Verdict::compare(vector, account.verify(&callback));
    if valid(vector) {
        verdict.and(|| facts(vector, account.notify(&callback).expect("a notice").facts))
    } else {
        verdict
    }
}

fn facts(vector: &Value, facts: Vec<Fact>) -> Verdict {
    let params = &vector["params"];
    if text(params, "notify_type") != "trade_status_sync" {
        return Verdict::check(facts.is_empty(), "not about a trade");
    }
    let [Fact::Payment(payment)] = &facts[..] else {
        return Verdict::Wrong(format!("{facts:?}"));
    };
    let agrees = payment.status == PaymentStatus::Succeeded
        && payment.out_trade_no.as_deref() == params["out_trade_no"].as_str()
        && payment.transaction_id.as_deref() == params["trade_no"].as_str()
        && Ok(payment.amount.minor) == parse_yuan(text(params, "total_amount"))
        && payment.occurred_at.is_some();
    Verdict::check(agrees, format!("paid {} {}", payment.amount.minor, payment.amount.currency))
}

fn response(vector: &Value, account: Alipay, method: &str) -> Verdict {
    let (node, signed) = (text(vector, "response_node"), text(vector, "signed_substring"));
    let given = vector["raw_body"].as_str().or_else(|| vector["raw_body_reconstructed"].as_str());
    let rebuilt = || format!(r#"{{"{node}":{signed},"sign":"{}"}}"#, text(vector, "sign"));
    let body = given.map_or_else(rebuilt, ToOwned::to_owned);
    let result = account.verify_response(method, body.as_bytes()).map(|signed| signed.bytes.to_owned());
    let same = result.as_ref().is_ok_and(|node| *node == signed.as_bytes());
    let verdict = Verdict::compare(vector, result);
    if !valid(vector) {
        return verdict;
    }
    verdict
        .and(|| Verdict::check(same, "the signed node"))
        .and(|| alipay_calls::meaning(method, &body, signed, account))
}

/// The files hold no signature, so each case is signed here with a fresh key.
fn extraction(vector: &Value) -> Verdict {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let spki = pair.public_key().as_der().expect("its public half");
    let account = account("1", None, AlipayKey::PublicKey(STANDARD.encode(spki.as_ref())));
    let sign = |message: &str| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("a signature");
        STANDARD.encode(signature)
    };
    let found = |case: &Value| {
        let signed = text(case, "signed_substring");
        let body = text(case, "raw_body").replace("BASE64", &sign(signed));
        account.verify_response("alipay.x", body.as_bytes()).map(|node| node.bytes) == Ok(signed.as_bytes())
    };
    let cases = vector["cases"].as_array().expect("cases");
    Verdict::check(cases.iter().all(found), format!("{} cases, signed here", cases.len()))
}

/// The file's own string was made by the other rule.
fn wrong_rule(vector: &Value) -> Verdict {
    let key = RsaPublicKey::parse(text(vector, "public_key_pem")).expect("a key");
    let sign = text(&vector["params"], "sign");
    let verifies = key.verify_base64(text(vector, "string_to_sign").as_bytes(), sign.as_bytes());
    Verdict::check(!verifies, "the other rule's string does not verify")
}

/// The serial number is for requests; that the certificate is usable is for callbacks.
fn certificate(vector: &Value) -> Verdict {
    let chain = text(vector, "alipay_cert_pem_chain").to_owned();
    let settings =
        AlipaySettings { app_id: "1".into(), seller_id: None, key: AlipayKey::Certificate(chain), previous_key: None };
    Verdict::check(Alipay::new(settings).is_ok(), "the certificate is usable; serial numbers are for requests")
}
