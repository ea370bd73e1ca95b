//! WeChat Pay v3: notices, signed answers, and the operations under them.

use std::{io::Cursor, path::Path, sync::Arc};

use aws_lc_rs::{encoding::AsDer as _, rsa};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use paystate_providers::{
    Currency, Fact, Money, Platform, Reason, RefundAmount, Rejection, RsaPublicKey,
    api::{Action, Initiate, InitiateMethod, PlatformApi, Reply, Response},
    statement::{self, FileFormat, LineKind},
    wechatpay::{ApiV3Key, WechatPay, WechatPayApi, WechatPayApiSettings, WechatPaySettings, WechatPublicKey},
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
            let verdict = Verdict::compare(vector, account.verify_signed(&headers(vector), body, clock(vector)));
            verdict.and(|| code_url(vector, account))
        }
        "notification" => notification(vector),
        "aead" => aead(vector),
        "certificates-response" => certificates(vector),
        "rsa-sign-unit" | "client-paysign" | "request-signing" => rsa(vector),
        "v2-sign" | "v2-notification" | "aes-256-ecb" | "v2-refund-notification" => {
            Verdict::Skipped("API v2 (XML, MD5) is another protocol and not spoken here")
        }
        "trade-bill" => trade_bill(vector),
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

/// The same answer, read as the answer to our call.
fn code_url(vector: &Value, account: WechatPay) -> Verdict {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let settings = WechatPayApiSettings {
        base_url: None,
        notify_url: Some("https://pay.example/notify".into()),
        private_key: STANDARD.encode(pair.as_der().expect("its encoding").as_ref()),
        serial_no: "1D".into(),
    };
    let api = WechatPayApi::new(Arc::new(account), settings).expect("usable settings");
    let ask = Initiate {
        method: InitiateMethod::WechatPayNative,
        out_trade_no: "ORDER-1",
        amount: Money { minor: 1, currency: Currency::CNY },
        description: "x",
        started_at: clock(vector),
        expires_at: None,
        payer_id: "",
        client_ip: "",
        return_url: "",
    };
    let (headers, body) = (headers(vector), text(vector, "body").as_bytes());
    let answer = Response { status: StatusCode::OK, headers: &headers, body, received_at: clock(vector) };
    match api.initiated(&ask, &answer) {
        Reply::Answered(initiated) => {
            let url: Value = serde_json::from_slice(body).expect("JSON");
            let expected = Action::QrText(text(&url, "code_url").to_owned());
            Verdict::check(valid(vector) && initiated.action == expected, "a QR code")
        }
        Reply::Unknown(said) => Verdict::check(!valid(vector), format!("unknown {}", said.code)),
        Reply::NotFound(said) | Reply::Refused(said) | Reply::RateLimited(said, _) => Verdict::Wrong(said.code),
    }
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

fn trade_bill(vector: &Value) -> Verdict {
    let file = STANDARD.decode(text(vector, "body_b64")).expect("Base64");
    let read = |file: &[u8], sha1: &str| {
        let format = FileFormat::WechatPayCsv { sha1: Some(sha1.to_owned()) };
        statement::read(&format, Cursor::new(file.to_vec()))?.collect::<Result<Vec<_>, _>>()
    };
    let hash = text(vector, "hash_value");
    let lines = read(&file, hash).expect("a whole statement");
    let refunds = lines.iter().filter(|line| line.kind == LineKind::Refund).count();
    Verdict::check(lines.len() == 45 && refunds == 14, format!("{} lines, {refunds} of refunds", lines.len()))
        .and(|| Verdict::check(read(&file[..file.len() - 2], hash).is_err(), "two bytes fewer are refused"))
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
