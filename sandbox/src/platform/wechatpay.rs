//! WeChat Pay v3 notices: a JSON envelope around an AES-256-GCM resource, signed in the headers.
//!
//! The envelope is fixed when made; every send signs it again with a fresh time and nonce. Both ways of
//! signing are live at once, as while a merchant migrates: by public key and by platform certificate.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Desk, Draft, Request, Signer};
use crate::{
    AttackKind, Refund, SandboxError, Trade,
    keyring::{RsaKey, WECHAT_APPID, WECHAT_MCHID, WECHAT_PUBLIC_KEY_ID, random},
};

const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";

pub(super) fn paid(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    let body = envelope(desk, "TRANSACTION.SUCCESS", "transaction", "支付成功", &transaction(trade, WECHAT_MCHID))?;
    Ok(vec![Draft { kind: "TRANSACTION.SUCCESS".to_owned(), body, signer: next_signer(desk) }])
}

pub(super) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Result<Vec<Draft>, SandboxError> {
    let resource = json!({
        "mchid": WECHAT_MCHID,
        "out_trade_no": trade.out_trade_no,
        "transaction_id": trade.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": "SUCCESS",
        "success_time": refund.at.rfc3339(),
        "user_received_account": "招商银行信用卡0403",
        "amount": {
            "total": trade.amount_minor,
            "refund": refund.amount_minor,
            "payer_total": trade.amount_minor,
            "payer_refund": refund.amount_minor,
        },
    });
    let body = envelope(desk, "REFUND.SUCCESS", "refund", "退款成功", &resource)?;
    Ok(vec![Draft { kind: "REFUND.SUCCESS".to_owned(), body, signer: next_signer(desk) }])
}

pub(super) fn request(desk: &Desk<'_>, signer: Signer, body: String, sent_at: i64) -> Result<Request, SandboxError> {
    let (key, serial) = match signer {
        Signer::Fixed | Signer::WechatPublicKey => (&desk.keys.wechat_public, WECHAT_PUBLIC_KEY_ID),
        Signer::WechatCertificate => (&desk.keys.wechat_certificate, desk.keys.wechat_serial.as_str()),
    };
    signed(key, serial, sent_at, body)
}

pub(super) fn forge(
    desk: &Desk<'_>,
    kind: AttackKind,
    trade: &Trade,
    now: i64,
) -> Result<Option<Request>, SandboxError> {
    let keys = desk.keys;
    let of = |mchid: &str| envelope(desk, "TRANSACTION.SUCCESS", "transaction", "支付成功", &transaction(trade, mchid));
    let genuine = |body: String, time: i64| signed(&keys.wechat_public, WECHAT_PUBLIC_KEY_ID, time, body);
    let body = of(WECHAT_MCHID)?;
    Ok(Some(match kind {
        AttackKind::ForgedSignature => signed(&keys.stranger, WECHAT_PUBLIC_KEY_ID, now, body)?,
        AttackKind::TamperedAmount => {
            let honest = genuine(body, now)?;
            Request { body: flip_ciphertext(&honest.body), ..honest }
        }
        AttackKind::MissingSignature => {
            let mut request = genuine(body, now)?;
            request.headers.retain(|(name, _)| *name != "wechatpay-signature");
            request
        }
        AttackKind::WrongAlgorithm => {
            genuine(body, now)?.with_header("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3")
        }
        AttackKind::Stale => genuine(body, now - 600)?,
        AttackKind::SignTest => genuine(body, now)?.with_header("wechatpay-signature", &probe()?),
        AttackKind::OtherMerchant => genuine(of("1999000099")?, now)?,
        AttackKind::WrongVersion | AttackKind::SelfSignedCertificate | AttackKind::MerchantCertificate => {
            return Ok(None);
        }
    }))
}

/// Alternates, so that both ways are exercised.
fn next_signer(desk: &Desk<'_>) -> Signer {
    if desk.turns.fetch_xor(true, std::sync::atomic::Ordering::Relaxed) {
        Signer::WechatCertificate
    } else {
        Signer::WechatPublicKey
    }
}

fn signed(key: &RsaKey, serial: &str, time: i64, body: String) -> Result<Request, SandboxError> {
    let nonce = random::text::<32>()?;
    let signature = key.sign(format!("{time}\n{nonce}\n{body}\n").as_bytes())?;
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "Mozilla/4.0".to_owned()),
        ("wechatpay-timestamp", time.to_string()),
        ("wechatpay-nonce", nonce),
        ("wechatpay-serial", serial.to_owned()),
        ("wechatpay-signature", signature),
        ("wechatpay-signature-type", ALGORITHM.to_owned()),
    ];
    Ok(Request { headers, body })
}

fn transaction(trade: &Trade, mchid: &str) -> Value {
    json!({
        "mchid": mchid,
        "appid": WECHAT_APPID,
        "out_trade_no": trade.out_trade_no,
        "transaction_id": trade.transaction_id,
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": trade.at.rfc3339(),
        "payer": { "openid": "oSandbox00000000000000000001" },
        "amount": {
            "total": trade.amount_minor,
            "payer_total": trade.amount_minor,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    })
}

fn envelope(
    desk: &Desk<'_>,
    event_type: &str,
    original_type: &str,
    summary: &str,
    resource: &Value,
) -> Result<String, SandboxError> {
    let nonce = random::text::<12>()?;
    let envelope = json!({
        "id": uuid_like()?,
        "create_time": desk.stamps.next().rfc3339(),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": summary,
        "resource": {
            "original_type": original_type,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": encrypt(&desk.keys.wechat_api_v3_key, &nonce, original_type, &resource.to_string())?,
            "associated_data": original_type,
            "nonce": nonce,
        },
    });
    Ok(envelope.to_string())
}

fn encrypt(api_v3_key: &str, nonce: &str, associated_data: &str, plain: &str) -> Result<String, SandboxError> {
    let failed = |_| SandboxError::Crypto("encrypting a resource");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, api_v3_key.as_bytes()).map_err(failed)?);
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).map_err(failed)?;
    let mut data = plain.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(associated_data), &mut data).map_err(failed)?;
    Ok(STANDARD.encode(data))
}

/// Another first letter of the ciphertext; the JSON around it stays well-formed.
fn flip_ciphertext(body: &str) -> String {
    let mark = r#""ciphertext":""#;
    body.split_once(mark).map_or_else(
        || body.to_owned(),
        |(head, tail)| {
            let other = if tail.starts_with('A') { 'B' } else { 'A' };
            format!("{head}{mark}{other}{}", tail.get(1..).unwrap_or_default())
        },
    )
}

/// Not base64 on purpose, like the real ones: 355 characters.
fn probe() -> Result<String, SandboxError> {
    Ok(format!("WECHATPAY/SIGNTEST/{}", random::text::<336>()?))
}

fn uuid_like() -> Result<String, SandboxError> {
    let hex = hex::encode(random::bytes::<16>()?);
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-"))
}
