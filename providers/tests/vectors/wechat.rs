//! WeChat Pay v3: notices, signed answers, and the operations under them.

use std::path::Path;

use paystate_providers::{
    Fact, Platform, Reason, RefundAmount, Rejection, RsaPublicKey,
    wechatpay::{ApiV3Key, WechatPay, WechatPaySettings, WechatPublicKey},
};
use serde_json::Value;

use super::support::{Verdict, callback, clock, headers, text, valid};

/// For files whose own key is absent or not one that we accept.
const STAND_IN: &str = "k7Qe0aXzT41mPp9kRvC2uJsLwN8yHdGf";

pub(crate) fn run(_name: &str, vector: &Value, _root: &Path) -> Verdict {
    match text(vector, "kind") {
        "signed-http-response" => {
            let account = account(vector, STAND_IN).expect("usable settings");
            let body = text(vector, "body").as_bytes();
            Verdict::compare(vector, account.verify_signed(&headers(vector), body, clock(vector)))
        }
        "notification" => notification(vector),
        "aead" => aead(vector),
        "certificates-response" => certificates(vector),
        "rsa-sign-unit" | "client-paysign" | "request-signing" => rsa(vector),
        "v2-sign" | "v2-notification" | "aes-256-ecb" | "v2-refund-notification" => {
            Verdict::Skipped("API v2 (XML, MD5) is another protocol and not spoken here")
        }
        "trade-bill" => Verdict::Skipped("statements are read elsewhere"),
        other => Verdict::Wrong(format!("kind {other:?} is not known here")),
    }
}

fn account(vector: &Value, api_v3_key: &str) -> Result<WechatPay, Vec<paystate_providers::SettingProblem>> {
    let key = &vector["key"];
    let inner: Value = serde_json::from_str(text(vector, "expected_plaintext")).unwrap_or_default();
    let public_key =
        WechatPublicKey { id: text(key, "key_id").to_owned(), pem: text(key, "public_key_pem").to_owned() };
    WechatPay::new(WechatPaySettings {
        mchid: inner["mchid"].as_str().unwrap_or("1").to_owned(),
        appids: vec![inner["appid"].as_str().unwrap_or("wx1").to_owned()],
        api_v3_key: api_v3_key.to_owned(),
        previous_api_v3_key: None,
        public_keys: key["public_key_pem"].is_string().then_some(public_key).into_iter().collect(),
        platform_certificates: key["certificate_pem"].as_str().map(ToOwned::to_owned).into_iter().collect(),
    })
}

fn notification(vector: &Value) -> Verdict {
    let api_key = text(&vector["key"], "api_v3_key");
    let strict = api_key.len() == 32;
    let headers = headers(vector);
    let callback = callback(&headers, text(vector, "body").as_bytes(), clock(vector));
    let account = account(vector, if strict { api_key } else { STAND_IN }).expect("usable settings");
    let verdict = Verdict::compare(vector, account.verify(&callback));
    if !strict {
        return verdict.and(|| short_key_is_refused(vector));
    }
    if valid(vector) { verdict.and(|| facts(vector, account.notify(&callback).map(|n| n.facts))) } else { verdict }
}

fn facts(vector: &Value, facts: Result<Vec<Fact>, Rejection>) -> Verdict {
    let inner: Value = serde_json::from_str(text(vector, "expected_plaintext")).expect("a plaintext");
    let same = |value: &Option<String>, key: &str| value.as_deref() == inner[key].as_str();
    let agrees = match facts.as_deref() {
        Ok([Fact::Payment(payment)]) => {
            same(&payment.out_trade_no, "out_trade_no")
                && same(&payment.transaction_id, "transaction_id")
                && Some(payment.amount.minor) == inner["amount"]["total"].as_i64()
        }
        Ok([Fact::Refund(refund)]) => {
            same(&refund.out_refund_no, "out_refund_no")
                && same(&refund.refund_id, "refund_id")
                && matches!(refund.amount, RefundAmount::Single(money) if Some(money.minor) == inner["amount"]["refund"].as_i64())
        }
        Ok(_) | Err(_) => false,
    };
    let detail = match facts.as_deref() {
        Ok([Fact::Payment(payment)]) => format!("payment {:?}", payment.status),
        Ok([Fact::Refund(refund)]) => format!("refund {:?}", refund.status),
        other => format!("{other:?}"),
    };
    Verdict::check(agrees, detail)
}

fn short_key_is_refused(vector: &Value) -> Verdict {
    let problems = account(vector, text(&vector["key"], "api_v3_key")).err().unwrap_or_default();
    Verdict::check(problems.iter().any(|p| p.field == "api_v3_key"), "its 16 byte APIv3 key is refused")
}

fn aead(vector: &Value) -> Verdict {
    let resource = &vector["resource"];
    let Ok(key) = ApiV3Key::new(text(&vector["key"], "api_v3_key")) else {
        return Verdict::check(text(&vector["key"], "api_v3_key").len() == 16, "its 16 byte APIv3 key is refused");
    };
    let opened = key.open(text(resource, "nonce"), text(resource, "associated_data"), text(resource, "ciphertext"));
    match opened {
        Ok(plaintext) if valid(vector) => {
            Verdict::check(plaintext == text(vector, "expected_plaintext").as_bytes(), "opens to the expected text")
        }
        Err(rejection) => {
            Verdict::check(!valid(vector) && rejection.reason == Reason::DecryptionFailed, "does not open")
        }
        Ok(_) => Verdict::Wrong("opens".to_owned()),
    }
}

fn certificates(vector: &Value) -> Verdict {
    let Ok(key) = ApiV3Key::new(text(&vector["key"], "api_v3_key")) else {
        return Verdict::check(text(&vector["key"], "api_v3_key").len() == 16, "its 16 byte APIv3 key is refused");
    };
    let opened = key.open_certificates(text(vector, "body").as_bytes()).expect("certificates");
    let expected = text(vector, "expected_serial");
    Verdict::check(opened.iter().any(|c| c.serial == expected), format!("certificate {expected}"))
}

fn rsa(vector: &Value) -> Verdict {
    let key = &vector["key"];
    let pem = key["public_key_pem"].as_str().unwrap_or_else(|| text(key, "certificate_pem"));
    let part = |name| text(vector, name);
    let message = match vector["message"].as_str() {
        Some(message) => message.to_owned(),
        None => [part("method"), part("path"), part("timestamp"), part("nonce"), part("body"), ""].join("\n"),
    };
    let verifies =
        RsaPublicKey::parse(pem).expect("a key").verify_base64(message.as_bytes(), part("signature").as_bytes());
    Verdict::check(verifies == valid(vector), format!("the RSA operation alone: {verifies}"))
}
