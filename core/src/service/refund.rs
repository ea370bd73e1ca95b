//! CreateRefund and GetRefund. The refund is stored here; the worker sends it and follows it to its end.

use paystate_proto::v1;
use tonic::{Code, Status};

use super::{
    Core, convert, error,
    error::Violations,
    order::{order_id, request_id, text},
};
use crate::order::{Command, OutRefundNo, OutTradeNo, RequestId};

/// Characters of a refund's number: what every platform takes. The strictest is UnionPay.
const NUMBER: std::ops::RangeInclusive<usize> = 8..=32;
/// Characters of a reason at most, which platforms show to payers. The strictest is WeChat Pay.
const MAX_REASON: usize = 80;

fn refund_number(v: &mut Violations, text: &str) -> Option<OutRefundNo> {
    if !NUMBER.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let (least, most) = (NUMBER.start(), NUMBER.end());
        v.add("out_refund_no", format!("must be {least} to {most} characters of A-Z a-z 0-9"));
        return None;
    }
    v.take("out_refund_no", OutRefundNo::parse(text))
}

fn wanted(request: &v1::CreateRefundRequest) -> Result<(Command, OutRefundNo, Option<RequestId>), Status> {
    let mut v = Violations::default();
    let id = order_id(&mut v, &request.order_id);
    let key = request_id(&mut v, &request.request_id);
    let number = refund_number(&mut v, &request.out_refund_no);
    let amount = convert::read_money(&mut v, "amount", request.amount.as_ref());
    if amount.is_some_and(|a| a.is_zero()) {
        v.add("amount.amount_minor", "must be more than zero");
    }
    text(&mut v, "reason", &request.reason, MAX_REASON);
    let payment = match request.out_trade_no.as_str() {
        "" => Some(None),
        text => v.take("out_trade_no", OutTradeNo::parse(text)).map(Some),
    };
    let all = id.zip(number).zip(amount).zip(payment).zip(key);
    let ((((order_id, out_refund_no), amount), out_trade_no), key) = v.finish(all)?;
    let number = out_refund_no.clone();
    let reason = request.reason.clone();
    let command =
        Command::RequestRefund { order_id, out_trade_no, transaction_id: None, out_refund_no, amount, reason };
    Ok((command, number, key))
}

impl Core {
    pub(super) async fn request_refund(
        &self,
        request: &v1::CreateRefundRequest,
    ) -> Result<v1::CreateRefundResponse, Status> {
        let (command, number, key) = wanted(request)?;
        let order = self.command(command, key).await?;
        self.compensation.nudge();
        Ok(v1::CreateRefundResponse {
            refund: order.requested_refund(&number).map(convert::refund),
            order: Some(convert::order(&order)),
        })
    }

    pub(super) async fn show_refund(&self, request: &v1::GetRefundRequest) -> Result<v1::GetRefundResponse, Status> {
        let mut v = Violations::default();
        let number = refund_number(&mut v, &request.out_refund_no);
        let number = v.finish(number)?;
        let message = format!("no refund {number} was asked for here");
        let not_found = || error::status(Code::NotFound, "REFUND_NOT_FOUND", &message);
        let order_id = self.store.order_of_refund(&number).await.map_err(error::store)?.ok_or_else(not_found)?;
        let order = self.order(&order_id).await?;
        let refund = order.requested_refund(&number).ok_or_else(not_found)?;
        Ok(v1::GetRefundResponse { refund: Some(convert::refund(refund)), order_id: order_id.to_string() })
    }
}
