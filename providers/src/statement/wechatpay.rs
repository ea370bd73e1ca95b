//! WeChat Pay: a CSV in UTF-8, all kinds of trades (`bill_type=ALL`), plain or gzipped.
//!
//! Each cell of a row begins with a backtick; names of goods may have commas in them, so cells are parted at a comma with a
//! backtick. At the end stand a second header and one row with count and sums. Without sums that agree, the rows are not
//! whole; a hash may have been announced besides. Times are Beijing's.

use std::io::Read;

use super::{
    Line, LineKind, Place, StatementError,
    decimal::decimal,
    plain::Plain,
    rows::{Rows, columns},
};
use crate::{Currency, Money, time};

/// What is read of a row, by the columns' names.
const COLUMNS: [&str; 11] = [
    "交易时间",
    "微信订单号",
    "商户订单号",
    "交易状态",
    "货币种类",
    "微信退款单号",
    "商户退款单号",
    "退款状态",
    "手续费",
    "订单金额",
    "申请退款金额",
];
/// A column of the bill of refunds alone (`bill_type=REFUND`), which otherwise reads as a whole one: every payment would be missing.
const OF_REFUNDS: &str = "退款申请时间";
/// What is read of the sums, in the order of [`Sums`].
const SUMS: [&str; 4] = ["总交易单数", "订单总金额", "申请退款总金额", "手续费总金额"];
/// Fees have five decimals of a yuan.
const FEE_SCALE: usize = 5;
const FEE_UNITS_PER_FEN: i64 = 1000;

pub(super) struct Bill<R> {
    rows: Rows<Plain<R>>,
    columns: [usize; COLUMNS.len()],
    width: usize,
    sums: Sums,
}

/// Over all rows, whatever they are about.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    count: i64,
    /// In fen.
    paid: i64,
    /// In fen.
    refunded: i64,
    /// In units of [`FEE_SCALE`].
    fees: i64,
}

impl<R: Read> Bill<R> {
    pub(super) fn open(input: R, sha1: Option<String>) -> Result<Self, StatementError> {
        let plain = Plain::open(input, sha1).map_err(|error| StatementError::reading(Place::default(), error))?;
        let mut rows = Rows::new(plain, "");
        if !rows.advance()? {
            return Err(rows.other("it is empty"));
        }
        let header: Vec<_> = text(&rows)?.trim_start_matches('\u{feff}').split(',').map(ToOwned::to_owned).collect();
        let header: Vec<_> = header.iter().map(String::as_str).collect();
        if header.contains(&OF_REFUNDS) {
            return Err(rows.other("it has refunds only: fetch it with bill_type=ALL"));
        }
        let columns = columns(&header, COLUMNS).map_err(|problem| rows.other(problem))?;
        Ok(Self { columns, width: header.len(), rows, sums: Sums::default() })
    }

    pub(super) fn next_line(&mut self) -> Result<Option<Line>, StatementError> {
        while self.rows.advance()? {
            let Some(row) = text(&self.rows)?.strip_prefix('`').map(ToOwned::to_owned) else {
                return self.finish().map(|()| None);
            };
            if let Some(line) = self.line(&row)? {
                return Ok(Some(line));
            }
        }
        Err(self.rows.damaged("the file ends without its sums"))
    }

    /// `None` for a refund that failed: no money moved.
    fn line(&mut self, row: &str) -> Result<Option<Line>, StatementError> {
        let cells: Vec<_> = row.split(",`").collect();
        if cells.len() != self.width {
            return Err(self.rows.damaged(format!("the line has {} cells, not {}", cells.len(), self.width)));
        }
        let [time, transaction, order, state, currency, refund, out_refund, refund_state, fee, amount, refunded] =
            self.columns.map(|column| cells[column]);
        let (amount, refunded) = (self.number(amount, 2)?, self.number(refunded, 2)?);
        let fee = self.number(fee, FEE_SCALE)?;
        self.sums.add(amount, refunded, fee);
        let (kind, minor) = match (state, refund_state) {
            ("SUCCESS", _) => (LineKind::Payment, amount),
            ("REFUND", "SUCCESS" | "PROCESSING") | ("REVOKED", _) => (LineKind::Refund, refunded),
            ("REFUND", "FAIL" | "CHANGE") => return Ok(None),
            (state, refund) => {
                return Err(self.rows.damaged(format!("交易状态 {state:?}, 退款状态 {refund:?}: none that is known")));
            }
        };
        if minor < 0 {
            return Err(self.rows.damaged("the amount is negative"));
        }
        let currency = Currency::parse(currency).map_err(|rejection| self.rows.damaged(rejection.detail))?;
        let of_refund = |id| if kind == LineKind::Refund { self.id(id) } else { Ok(String::new()) };
        Ok(Some(Line {
            number: self.rows.number(),
            kind,
            out_trade_no: self.id(order)?,
            transaction_id: self.id(transaction)?,
            out_refund_no: of_refund(out_refund)?,
            refund_id: of_refund(refund)?,
            amount: Money { minor, currency },
            fee_minor: to_fen(fee),
            occurred_at: Some(time::parse_beijing(time).map_err(|r| self.rows.damaged(r.detail))?),
        }))
    }

    /// The rows have ended: this is the header of the sums, and there is nothing after them.
    fn finish(&mut self) -> Result<(), StatementError> {
        let header = text(&self.rows)?.to_owned();
        let header: Vec<_> = header.split(',').collect();
        let columns = columns(&header, SUMS).map_err(|problem| self.rows.damaged(problem))?;
        if !self.rows.advance()? {
            return Err(self.rows.damaged("the file ends without its sums"));
        }
        let row = text(&self.rows)?.to_owned();
        let cells: Vec<_> = row.trim_start_matches('`').split(",`").collect();
        if cells.len() != header.len() {
            return Err(self.rows.damaged("the sums are not whole"));
        }
        let [count, paid, refunded, fees] = columns.map(|column| cells[column]);
        // A count is written with a decimal, which must be zero.
        let count = count.strip_suffix(".0").unwrap_or(count);
        let told = Sums {
            count: self.number(count, 0)?,
            paid: self.number(paid, 2)?,
            refunded: self.number(refunded, 2)?,
            fees: self.number(fees, FEE_SCALE)?,
        };
        if told != self.sums {
            let problem = format!("the file says {told}, its lines say {}", self.sums);
            return Err(self.rows.damaged(problem));
        }
        while self.rows.advance()? {
            if !self.rows.row().is_empty() {
                return Err(self.rows.damaged("there is more after the sums"));
            }
        }
        Ok(())
    }

    fn number(&self, text: &str, scale: usize) -> Result<i64, StatementError> {
        decimal(text, scale)
            .ok_or_else(|| self.rows.damaged(format!("{text:?} is not a number of at most {scale} decimals")))
    }

    /// `0` stands for none.
    fn id(&self, cell: &str) -> Result<String, StatementError> {
        self.rows.id(if cell == "0" { "" } else { cell }, "a number")
    }
}

impl Sums {
    fn add(&mut self, paid: i64, refunded: i64, fee: i64) {
        self.count += 1;
        self.paid = self.paid.saturating_add(paid);
        self.refunded = self.refunded.saturating_add(refunded);
        self.fees = self.fees.saturating_add(fee);
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, paid, refunded, fees } = self;
        write!(f, "{count} trades, {paid} fen paid, {refunded} fen refunded, fees of {fees} / 1000 fen")
    }
}

/// Rounds half away from zero. Sums are compared before that.
fn to_fen(fee: i64) -> i64 {
    let half = FEE_UNITS_PER_FEN / 2 * fee.signum();
    (fee.saturating_add(half)) / FEE_UNITS_PER_FEN
}

fn text<R: Read>(rows: &Rows<Plain<R>>) -> Result<&str, StatementError> {
    std::str::from_utf8(rows.row()).map_err(|_| rows.damaged("the line is not UTF-8"))
}
