//! UnionPay 5.1.0 back notices: a form with the signing certificate in it, repeated byte for byte.
//!
//! The signature is over the lower-case hex of the SHA-256 of the sorted fields, so it hashes twice. A
//! refund is a transaction of its own (`txnType` 04) that points at the payment by `origQryId`.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Desk, Draft, Request, Signer, form::Form};
use crate::{
    AttackKind, Refund, SandboxError, Trade,
    keyring::{RsaKey, UNIONPAY_MER_ID, pem},
    stamp::Stamp,
    statement::settle_date,
};

pub(super) fn paid(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    let form = genuine(desk, pay_form(trade))?;
    Ok(vec![Draft { kind: "01".to_owned(), body: form.encode(), signer: Signer::Fixed }])
}

pub(super) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Result<Vec<Draft>, SandboxError> {
    let kind = if refund.void { "31" } else { "04" };
    let form = transaction(&refund.out_refund_no, &refund.refund_id, refund.amount_minor, refund.at)
        .with_all([("txnType", kind), ("txnSubType", "00"), ("origQryId", &trade.transaction_id)])
        .with("txnTime", refund.started_at.unwrap_or(refund.at).compact());
    let form = genuine(desk, form)?;
    Ok(vec![Draft { kind: kind.to_owned(), body: form.encode(), signer: Signer::Fixed }])
}

pub(super) fn request(body: String) -> Request {
    Request { headers: vec![("content-type", "application/x-www-form-urlencoded;charset=UTF-8".to_owned())], body }
}

pub(super) fn forge(desk: &Desk<'_>, kind: AttackKind, trade: &Trade) -> Result<Option<Request>, SandboxError> {
    let keys = desk.keys;
    let form = match kind {
        AttackKind::ForgedSignature => signed(pay_form(trade), &keys.stranger, &keys.unionpay_pem)?,
        AttackKind::TamperedAmount => {
            genuine(desk, pay_form(&super::other_amount(trade)))?.with("txnAmt", trade.amount_minor.to_string())
        }
        AttackKind::MissingSignature => genuine(desk, pay_form(trade))?.without("signature"),
        AttackKind::WrongAlgorithm => shared_key(pay_form(trade)),
        AttackKind::WrongVersion => genuine(desk, pay_form(trade).with("version", "5.0.0"))?,
        AttackKind::SelfSignedCertificate => signed(pay_form(trade), &keys.stranger, &keys.stranger_pem)?,
        AttackKind::MerchantCertificate => {
            signed(pay_form(trade), &keys.unionpay_merchant, &keys.unionpay_merchant_pem)?
        }
        AttackKind::OtherMerchant => genuine(desk, pay_form(trade).with("merId", "777000000000099"))?,
        AttackKind::Stale | AttackKind::SignTest => return Ok(None),
    };
    Ok(Some(request(form.encode())))
}

fn genuine(desk: &Desk<'_>, form: Form) -> Result<Form, SandboxError> {
    signed(form, &desk.keys.unionpay, &desk.keys.unionpay_pem)
}

fn signed(form: Form, key: &RsaKey, certificate: &str) -> Result<Form, SandboxError> {
    let form = form.with("signMethod", "01").with("signPubKeyCert", pem::with_crlf(certificate));
    let signature = key.sign(sha256_hex(&form.string_to_sign(&["signature"])).as_bytes())?;
    Ok(form.with("signature", signature))
}

/// `signMethod` 11: a hash with a shared secret, which our account never agreed to.
fn shared_key(form: Form) -> Form {
    let form = form.with("signMethod", "11");
    let secret = sha256_hex("guessed secret");
    let signature = sha256_hex(&format!("{}&{secret}", form.string_to_sign(&["signature"])));
    form.with("signature", signature)
}

fn pay_form(trade: &Trade) -> Form {
    transaction(&trade.out_trade_no, &trade.transaction_id, trade.amount_minor, trade.at)
        .with_all([("txnType", "01"), ("txnSubType", "01")])
        .with("txnTime", trade.started_at.unwrap_or(trade.at).compact())
}

fn transaction(order_id: &str, query_id: &str, amount_minor: i64, at: Stamp) -> Form {
    let amount = amount_minor.to_string();
    let trace = format!("{:06}", at.micros().rem_euclid(1_000_000));
    Form::default()
        .with_all([
            ("version", "5.1.0"),
            ("encoding", "UTF-8"),
            ("bizType", "000201"),
            ("accessType", "0"),
            ("merId", UNIONPAY_MER_ID),
            ("orderId", order_id),
            ("queryId", query_id),
            ("respCode", "00"),
            ("respMsg", "成功[0000000]"),
            ("txnAmt", &amount),
            ("currencyCode", "156"),
            ("settleAmt", &amount),
            ("settleCurrencyCode", "156"),
            ("traceNo", &trace),
            ("accNo", "6226********0048"),
            ("payCardType", "01"),
            ("reqReserved", "{shop=1&shelf=2}"),
        ])
        .with("txnTime", at.compact())
        .with("settleDate", settle_date(at))
        .with("traceTime", at.text("%m%d%H%M%S"))
}

fn sha256_hex(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
