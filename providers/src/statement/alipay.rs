//! Alipay: a ZIP with one CSV in GBK for the business details (业务明细) and one that sums it up (汇总), which is not read.
//!
//! Around the details stand lines with `#`: a title and the dates before, the end mark and the sums after. Without the end mark and
//! sums that agree, the details are not whole. Times are Beijing's.

use std::io::{Read, Seek};

use encoding_rs::GBK;

use super::{
    Line, LineKind, Place, StatementError,
    archive::{Archive, Member},
    decimal::decimal,
    rows::{Rows, columns},
};
use crate::{Currency, Money, time};

/// Kind, numbers, time, amounts, fee: the columns that are read, by name.
const COLUMNS: [&str; 8] =
    ["业务类型", "支付宝交易号", "商户订单号", "退款批次号/请求号", "完成时间", "订单金额", "商家实收", "服务费"];
const END: &str = "业务明细列表结束";
const PAYMENTS: &str = "#交易合计";
const REFUNDS: &str = "#退款合计";

pub(super) struct Details<R> {
    rows: Rows<Member<R>>,
    columns: [usize; COLUMNS.len()],
    width: usize,
    payments: Sum,
    refunds: Sum,
    end: End,
}

/// What was read so far: how many, and how much the merchant received or gave back.
#[derive(Default)]
struct Sum {
    count: i64,
    received: i64,
}

/// What of the end has been seen.
#[derive(PartialEq)]
enum End {
    NotYet,
    Marked,
    Summed,
}

impl<R: Read + Seek> Details<R> {
    pub(super) fn open(input: R) -> Result<Self, StatementError> {
        let archive = Archive::open(input)?;
        let details = |name: &str| name.to_ascii_lowercase().ends_with(".csv") && !name.contains("汇总");
        let mut found = (0..archive.entries.len()).filter(|index| details(&archive.entries[*index].name));
        let (Some(index), None) = (found.next(), found.next()) else {
            return Err(StatementError::other(Place::default(), "the ZIP does not hold one CSV of business details"));
        };
        let member = archive.member(index)?;
        let name = member.name().to_owned();
        Self::read_header(Rows::new(member, &name))
    }

    fn read_header(mut rows: Rows<Member<R>>) -> Result<Self, StatementError> {
        loop {
            if !rows.advance()? {
                return Err(rows.other("it has no header line"));
            }
            let text = text(&rows)?;
            if text.starts_with('#') || text.trim().is_empty() {
                continue;
            }
            let header: Vec<_> = text.split(',').map(|cell| unit(cell.trim())).collect();
            let columns = columns(&header, COLUMNS).map_err(|problem| rows.other(problem))?;
            let (payments, refunds) = (Sum::default(), Sum::default());
            return Ok(Self { rows, columns, width: header.len(), payments, refunds, end: End::NotYet });
        }
    }
}

impl<R: Read> Details<R> {
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, StatementError> {
        while self.rows.advance()? {
            let text = text(&self.rows)?;
            if let Some(comment) = text.starts_with('#').then_some(text.trim_end()) {
                self.comment(comment)?;
            } else if self.end != End::NotYet && !text.trim().is_empty() {
                return Err(self.rows.damaged("details after their end"));
            } else if !text.trim().is_empty() {
                return self.line(&text).map(Some);
            }
        }
        match self.end {
            End::Summed => Ok(None),
            End::NotYet => Err(self.rows.damaged(format!("the file ends without the mark {END}"))),
            End::Marked => Err(self.rows.damaged(format!("the file ends without {PAYMENTS}"))),
        }
    }

    fn comment(&mut self, text: &str) -> Result<(), StatementError> {
        if text.contains(END) {
            self.end = End::Marked;
        } else if text.starts_with(PAYMENTS) {
            self.agree(text, &self.payments)?;
            self.end = End::Summed;
        } else if text.starts_with(REFUNDS) {
            self.agree(text, &self.refunds)?;
        }
        Ok(())
    }

    /// `#交易合计：2笔，商家实收共3.00元，…`. The sign of what was given back differs between files.
    fn agree(&self, text: &str, sum: &Sum) -> Result<(), StatementError> {
        let count = between(text, "：", "笔").and_then(|count| decimal(count, 0));
        let received = between(text, "共", "元").and_then(|received| decimal(received, 2));
        if count == Some(sum.count) && received.map(i64::abs) == Some(sum.received.abs()) {
            return Ok(());
        }
        let problem = format!("{text:?} does not agree with {} lines of together {} fen", sum.count, sum.received);
        Err(self.rows.damaged(problem))
    }

    fn line(&mut self, text: &str) -> Result<Line, StatementError> {
        let cells = self.cells(text)?;
        let [kind, transaction, order, refund, time, amount, received, fee] =
            self.columns.map(|column| cells[column].trim());
        let fen = |cell: &str, column: &str| {
            decimal(cell, 2).ok_or_else(|| self.rows.damaged(format!("{column} {cell:?} is not an amount")))
        };
        let (kind, out_refund_no) = match kind {
            "交易" => (LineKind::Payment, String::new()),
            "退款" => (LineKind::Refund, self.rows.id(refund, "退款批次号/请求号")?),
            other => return Err(self.rows.damaged(format!("业务类型 {other:?} is none that is known"))),
        };
        let (minor, received) = (fen(amount, "订单金额")?.abs(), fen(received, "商家实收")?);
        let line = Line {
            number: self.rows.number(),
            kind,
            out_trade_no: self.rows.id(order, "商户订单号")?,
            transaction_id: self.rows.id(transaction, "支付宝交易号")?,
            out_refund_no,
            refund_id: String::new(),
            amount: Money { minor, currency: Currency::CNY },
            // The column says what the fee did to the merchant's balance.
            fee_minor: -fen(fee, "服务费")?,
            occurred_at: Some(time::parse_beijing(time).map_err(|r| self.rows.damaged(r.detail))?),
        };
        let sum = match kind {
            LineKind::Payment => &mut self.payments,
            LineKind::Refund => &mut self.refunds,
        };
        sum.count += 1;
        sum.received = sum.received.saturating_add(received);
        Ok(line)
    }

    /// Most cells end with a tab. Names of goods may have commas in them, so where the count is off only
    /// commas after a tab count.
    fn cells<'a>(&self, text: &'a str) -> Result<Vec<&'a str>, StatementError> {
        let plain: Vec<_> = text.split(',').collect();
        let tabbed = || text.split("\t,").collect::<Vec<_>>();
        let fits = |cells: &Vec<&str>| cells.len() == self.width;
        let found = Some(plain).filter(fits).or_else(|| Some(tabbed()).filter(fits));
        found.ok_or_else(|| self.rows.damaged(format!("the line does not have {} cells", self.width)))
    }
}

fn text<R: Read>(rows: &Rows<R>) -> Result<String, StatementError> {
    let (text, bad) = GBK.decode_without_bom_handling(rows.row());
    if bad { Err(rows.damaged("the line is not GBK")) } else { Ok(text.into_owned()) }
}

/// A column's name without its unit.
fn unit(name: &str) -> &str {
    name.strip_suffix("（元）").unwrap_or(name)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner.trim())
}
