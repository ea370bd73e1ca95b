//! WeChat Pay's trade bill: CSV in UTF-8, every cell behind a backtick, amounts in yuan.

use std::io::{self, Write};

use super::{Line, LineKind, yuan};
use crate::keyring::{WECHAT_APPID, WECHAT_MCHID};

const HEADER: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,\
商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// Writes the bill of type ALL.
///
/// # Errors
/// When `out` does not take it.
pub fn write<'a>(lines: impl IntoIterator<Item = &'a Line>, mut out: impl Write) -> io::Result<()> {
    let (mut count, mut paid, mut back, mut fee) = (0_u64, 0_i64, 0_i64, 0_i64);
    write!(out, "{HEADER}\r\n")?;
    for line in lines {
        count += 1;
        fee = fee.saturating_add(line.fee_minor);
        match line.kind {
            LineKind::Payment => paid = paid.saturating_add(line.amount_minor),
            LineKind::Refund | LineKind::Void => back = back.saturating_add(line.amount_minor),
        }
        row(line, &mut out)?;
    }
    write!(out, "{SUMMARY}\r\n")?;
    let (paid, back, fee) = (yuan(paid), yuan(back), yuan(fee));
    cells(&[&format!("{count}.0"), &paid, &back, "0.00", &fee, &paid, &back], &mut out)?;
    out.flush()
}

fn row(line: &Line, out: &mut impl Write) -> io::Result<()> {
    let is_refund = line.kind != LineKind::Payment;
    let (at, amount, fee) = (line.at.beijing(), yuan(line.amount_minor), yuan(line.fee_minor));
    let (paid, back) = if is_refund { ("0.00", amount.as_str()) } else { (amount.as_str(), "0.00") };
    let refund = |text: &'static str| if is_refund { text } else { "" };
    cells(
        &[
            &at,
            WECHAT_APPID,
            WECHAT_MCHID,
            "0",
            "",
            &line.transaction_id,
            &line.out_trade_no,
            "oSandbox00000000000000000001",
            "NATIVE",
            if is_refund { "REFUND" } else { "SUCCESS" },
            "OTHERS",
            "CNY",
            paid,
            "0.00",
            if is_refund { &line.refund_id } else { "0" },
            if is_refund { &line.out_refund_no } else { "0" },
            back,
            "0.00",
            refund("ORIGINAL"),
            refund("SUCCESS"),
            "测试商品, A+B (大)",
            "",
            &format!("{fee}000"),
            "0.60%",
            paid,
            back,
            "",
        ],
        out,
    )
}

fn cells(cells: &[&str], out: &mut impl Write) -> io::Result<()> {
    write!(out, "`{}\r\n", cells.join(",`"))
}
