//! Alipay's trade notices: a form signed with RSA2, fixed when made, repeated byte for byte.
//!
//! Refunds have no notice of their own: the trade's notice comes again, with the cumulative `refund_fee`
//! (opendocs.alipay.com 00f7nu, 02mse7).

use super::{Desk, Draft, Request, Signer, form::Form};
use crate::{
    AttackKind, Refund, SandboxError, Trade, TradeStatus,
    keyring::{ALIPAY_APP_ID, ALIPAY_SELLER_ID, RsaKey},
};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub(super) fn paid(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    desk.draft("TRADE_SUCCESS", &paid_form(desk, trade))
}

pub(super) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Result<Vec<Draft>, SandboxError> {
    let form = paid_form(desk, trade)
        .with("refund_fee", yuan(trade.refunded_minor))
        .with("send_back_fee", yuan(refund.amount_minor))
        .with("gmt_refund", refund.at.text("%Y-%m-%d %H:%M:%S.%3f"))
        .with("out_biz_no", &refund.out_refund_no);
    match trade.status {
        TradeStatus::Paid | TradeStatus::Closed => desk.draft("TRADE_SUCCESS", &form),
        TradeStatus::Refunded => desk.draft("TRADE_CLOSED", &form.with("gmt_close", refund.at.beijing())),
    }
}

pub(super) fn closed(desk: &Desk<'_>, trade: &Trade) -> Result<Vec<Draft>, SandboxError> {
    desk.draft("TRADE_CLOSED", &trade_form(desk, trade).with("gmt_close", trade.at.beijing()))
}

pub(super) fn request(body: String) -> Request {
    Request { headers: vec![("content-type", CONTENT_TYPE.to_owned())], body }
}

pub(super) fn forge(desk: &Desk<'_>, kind: AttackKind, trade: &Trade) -> Result<Option<Request>, SandboxError> {
    let honest = |trade: &Trade| paid_form(desk, trade).with("trade_status", "TRADE_SUCCESS");
    let keys = desk.keys;
    let form = match kind {
        AttackKind::ForgedSignature => signed(honest(trade), &keys.stranger)?,
        AttackKind::TamperedAmount => {
            signed(honest(&super::other_amount(trade)), &keys.alipay)?.with("total_amount", yuan(trade.amount_minor))
        }
        AttackKind::MissingSignature => signed(honest(trade), &keys.alipay)?.without("sign"),
        // Outside the signed string: the signature stays good, only the label asks for SHA-1.
        AttackKind::WrongAlgorithm => signed(honest(trade), &keys.alipay)?.with("sign_type", "RSA"),
        AttackKind::OtherMerchant => {
            let other = "2021000199900099";
            signed(honest(trade).with("app_id", other).with("auth_app_id", other), &keys.alipay)?
        }
        AttackKind::WrongVersion
        | AttackKind::SelfSignedCertificate
        | AttackKind::MerchantCertificate
        | AttackKind::Stale
        | AttackKind::SignTest => return Ok(None),
    };
    Ok(Some(request(form.encode())))
}

fn signed(form: Form, key: &RsaKey) -> Result<Form, SandboxError> {
    let sign = key.sign(form.string_to_sign(&["sign", "sign_type"]).as_bytes())?;
    Ok(form.with("sign", sign).with("sign_type", "RSA2"))
}

impl Desk<'_> {
    fn draft(&self, status: &str, form: &Form) -> Result<Vec<Draft>, SandboxError> {
        let form = signed(form.clone().with("trade_status", status), &self.keys.alipay)?;
        Ok(vec![Draft { kind: status.to_owned(), body: form.encode(), signer: Signer::Fixed }])
    }
}

fn paid_form(desk: &Desk<'_>, trade: &Trade) -> Form {
    let amount = yuan(trade.amount_minor);
    trade_form(desk, trade)
        .with("gmt_payment", trade.at.beijing())
        .with("receipt_amount", &amount)
        .with("buyer_pay_amount", &amount)
        .with("invoice_amount", &amount)
        .with("point_amount", "0.00")
        .with("fund_bill_list", format!(r#"[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]"#))
}

fn trade_form(desk: &Desk<'_>, trade: &Trade) -> Form {
    let made = desk.stamps.next();
    Form::default()
        .with_all([
            ("notify_type", "trade_status_sync"),
            ("app_id", ALIPAY_APP_ID),
            ("auth_app_id", ALIPAY_APP_ID),
            ("seller_id", ALIPAY_SELLER_ID),
            ("buyer_id", "2088622990000017"),
            ("buyer_logon_id", "159****7734"),
            ("charset", "utf-8"),
            ("version", "1.0"),
            ("subject", "测试商品 A+B (大)"),
            ("out_trade_no", &trade.out_trade_no),
            ("trade_no", &trade.transaction_id),
        ])
        .with("notify_id", format!("{}{:020}", made.text("%Y%m%d"), made.micros()))
        .with("notify_time", made.beijing())
        .with("gmt_create", trade.started_at.unwrap_or(trade.at).beijing())
        .with("total_amount", yuan(trade.amount_minor))
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}
