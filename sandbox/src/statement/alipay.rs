//! Alipay's trade bill: a zip of two CSV files in GBK, one line a movement, and a summary.

use std::io::{self, Write};

use super::{Date, Line, LineKind, gbk, yuan, zip::Zip};
use crate::keyring::ALIPAY_SELLER_ID;

const HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

/// Sums of a kind of lines.
#[derive(Default)]
struct Sum {
    count: u64,
    amount: i64,
    fee: i64,
}

/// Writes the zip of a day.
///
/// # Errors
/// When `out` does not take it, or it grows beyond 4 GiB.
pub fn write<'a>(day: Date, lines: impl IntoIterator<Item = &'a Line>, out: impl Write) -> io::Result<()> {
    let name = format!("{ALIPAY_SELLER_ID}0156_{}_业务明细", day.text("%Y%m%d"));
    let (mut paid, mut back) = (Sum::default(), Sum::default());
    let mut zip = Zip::new(out);
    zip.member(&gbk(&format!("{name}.csv")), |csv| {
        head(csv, day, "支付宝业务明细查询", "业务明细列表")?;
        say(csv, HEADER)?;
        for line in lines {
            let sum = if line.kind == LineKind::Payment { &mut paid } else { &mut back };
            sum.count += 1;
            sum.amount = sum.amount.saturating_add(line.amount_minor);
            sum.fee = sum.fee.saturating_sub(line.fee_minor);
            say(csv, &row(line))?;
        }
        say(csv, "#-----------------------------------------业务明细列表结束------------------------------------")?;
        say(csv, &total("交易合计", "商家实收", &paid))?;
        say(csv, &total("退款合计", "商家实收退款", &back))?;
        say(csv, &format!("#导出时间：[{}]", crate::Stamp::now().text("%Y年%m月%d日 %H:%M:%S")))
    })?;
    zip.member(&gbk(&format!("{name}(汇总).csv")), |csv| {
        head(csv, day, "支付宝业务汇总查询", "业务汇总列表")?;
        say(csv, "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,服务费（元）")?;
        let net = yuan(paid.amount - back.amount);
        let fee = yuan(paid.fee + back.fee);
        say(csv, &format!("合计\t,\t,{}\t,{}\t,{net}\t,{net}\t,{fee}\t", paid.count, back.count))?;
        say(csv, "#----------------------------------------业务汇总列表结束-------------------------------------")
    })?;
    zip.finish()
}

fn head(csv: &mut dyn Write, day: Date, title: &str, list: &str) -> io::Result<()> {
    let day = day.text("%Y年%m月%d日");
    say(csv, &format!("#{title}"))?;
    say(csv, &format!("#账号：[{ALIPAY_SELLER_ID}0156]"))?;
    say(csv, &format!("#起始日期：[{day} 00:00:00]   终止日期：[{day} 23:59:59]"))?;
    say(csv, &format!("#-----------------------------------------{list}----------------------------------------"))
}

/// Refunds have a line of their own, with what goes out in the negative. The fee is what the merchant gets of it:
/// negative for payments.
fn row(line: &Line) -> String {
    let (kind, amount) = match line.kind {
        LineKind::Payment => ("交易", yuan(line.amount_minor)),
        LineKind::Refund | LineKind::Void => ("退款", yuan(-line.amount_minor)),
    };
    let (paid_at, at, fee) = (line.paid_at.beijing(), line.at.beijing(), yuan(-line.fee_minor));
    let cells: [&str; 25] = [
        &line.transaction_id,
        &line.out_trade_no,
        kind,
        "测试商品 A+B (大)",
        &paid_at,
        &at,
        "",
        "",
        "",
        "",
        "*三(159****7734)",
        &amount,
        &amount,
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "",
        "0.00",
        "0.00",
        &line.out_refund_no,
        &fee,
        "0.00",
        "",
    ];
    // The tab keeps spreadsheets from reading numbers.
    cells.map(|cell| format!("{cell}\t")).join(",")
}

fn total(name: &str, what: &str, sum: &Sum) -> String {
    let (amount, fee) = (yuan(sum.amount), yuan(sum.fee));
    format!("#{name}：{}笔，{what}共{amount}元，服务费共{fee}元", sum.count)
}

fn say(csv: &mut dyn Write, line: &str) -> io::Result<()> {
    csv.write_all(&gbk(line))?;
    csv.write_all(b"\r\n")
}
