//! What a verified notice says about money.

use super::{
    Alipay,
    signature::{TRADE_NOTICE, Verified},
    trade::{Trade, total},
};
use crate::{Fact, Notice, Rejection, form::Form, ident, money::parse_yuan};

impl Alipay {
    pub(super) fn read(&self, verified: &Verified, notify_type: &str) -> Result<Notice, Rejection> {
        let form = verified.form();
        let trade = notify_type == TRADE_NOTICE;
        if trade {
            self.bind_seller(form)?;
        }
        let event_type = if trade { form.need("trade_status")? } else { notify_type };
        Ok(Notice {
            platform_notice_id: form.text("notify_id")?.map(|id| ident::label(id, "notify_id")).transpose()?,
            content_sha256: verified.content_sha256(),
            event_type: ident::label(event_type, "trade_status")?,
            key_id: verified.key_id().to_owned(),
            facts: if trade { trade_facts(form)? } else { Vec::new() },
        })
    }
}

fn trade_facts(form: &Form) -> Result<Vec<Fact>, Rejection> {
    let trade = Trade {
        out_trade_no: form.need("out_trade_no")?,
        trade_no: Some(form.need("trade_no")?),
        status: form.need("trade_status")?,
        total: total(form.need("total_amount")?, form.text("trans_currency")?)?,
        created: form.text("gmt_create")?,
        paid: form.text("gmt_payment")?,
        closed: form.text("gmt_close")?,
        // `"0.00"` also appears on ordinary notices.
        refund_fee: form.text("refund_fee")?.map_or(Ok(0), parse_yuan)?,
        refund_no: form.text("out_biz_no")?,
        refunded: form.text("gmt_refund")?,
        payer: payer(form)?,
    };
    trade.facts()
}

/// Older applications get `buyer_id`, newer ones an open id.
fn payer(form: &Form) -> Result<Option<&str>, Rejection> {
    for key in ["buyer_id", "buyer_open_id", "open_id"] {
        if let Some(text) = form.text(key)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}
