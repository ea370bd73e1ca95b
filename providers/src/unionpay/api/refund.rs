//! Giving money back: a void (消费撤销, `txnType` 31) on the payment's settlement day, a refund (退货, 04) otherwise.
//!
//! Which of the two is decided by the payment's time and the refund's own, never by now, so that a retry sends the
//! same. Both are transactions of their own; status 00 means accepted, and their fate is asked for.

use super::{
    UnionPayApi,
    question::{notice, refund_fact, said},
    request::{about, bad, fen, number, stamp},
};
use crate::{
    Fact, Instant, Notice,
    api::{Refund, Request, Response, Unable},
    failure::Failure,
    unionpay::notify::Fate,
};

const DAY: i64 = 24 * 3600;
/// A settlement day ends at 23:00 in Beijing, which is 15:00 UTC.
const AFTER_CUT: i64 = DAY - 15 * 3600;
/// A void so shortly before the cut might arrive after it.
const MARGIN: i64 = 10 * 60;

impl UnionPayApi {
    pub(super) fn give_back(&self, ask: &Refund<'_>) -> Result<Request, Unable> {
        if ask.transaction_id.is_empty() {
            return Err(bad("transaction_id", "UnionPay needs its own number (queryId) of the payment"));
        }
        let (time, amount) = (stamp("start_time", ask.started_at)?, fen(ask.amount)?);
        let fields = vec![
            ("txnType", if is_void(ask) { "31" } else { "04" }),
            ("txnSubType", "00"),
            ("bizType", "000201"),
            ("channelType", "07"),
            ("orderId", number("out_refund_no", ask.out_refund_no)?),
            ("txnTime", &time),
            ("txnAmt", &amount),
            ("currencyCode", "156"),
            ("origQryId", ask.transaction_id),
            ("backUrl", &self.notify_url),
        ];
        self.post("backTransReq.do", fields)
    }

    /// Accepted: under way. Only codes under which nothing can have happened, now or at an earlier try, refuse it:
    /// 12 (repeated), 35 (wrong state) and 45 (given back already) may be the work of an earlier try; 11 and 30 to 32
    /// are faults of the account, and the refund goes through once they are mended.
    pub(super) fn read_given_back(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        let verified = self.verified(answer)?;
        let form = verified.form();
        about(form, ask.out_refund_no, ask.started_at)?;
        let kind = form.need("txnType")?;
        if kind != "04" && kind != "31" {
            return Err(Failure::for_another("txnType"));
        }
        match form.need("respCode")? {
            "00" => notice(&verified, Fact::Refund(refund_fact(form, Fate::Unknown, ask)?)),
            code @ ("10" | "13" | "14" | "33" | "38" | "39") => Err(Failure::Refused(said(form, code))),
            code => Err(Failure::Unknown(said(form, code))),
        }
    }
}

/// All of a payment, on its settlement day.
fn is_void(ask: &Refund<'_>) -> bool {
    let Some(paid_at) = ask.paid_at else { return false };
    let arrives = Instant::from_seconds(ask.started_at.seconds().saturating_add(MARGIN));
    ask.amount == ask.paid && paid_at <= ask.started_at && settlement_day(paid_at) == settlement_day(arrives)
}

fn settlement_day(at: Instant) -> i64 {
    at.seconds().saturating_add(AFTER_CUT).div_euclid(DAY)
}
