//! Statements: what a platform settled on one day, in the platform's own file format, out of its ledger.
//!
//! Contract: writers stream; memory does not grow with the file. A stand-in makes a day's statement at any time, the
//! present day included; real platforms make it on the next morning ([`crate::FaultKind::NotReady`] plays that).

mod alipay;
mod stripe;
mod unionpay;
mod wechatpay;
mod zip;

use std::{collections::HashMap, fmt};

use jiff::{civil, tz::Offset};
use paystate_providers::Provider;

pub use self::{
    alipay::write as alipay, stripe::write as stripe, unionpay::write as unionpay, wechatpay::write as wechatpay,
};
pub(crate) use self::{stripe::object as stripe_object, unionpay::settle_date};
use crate::{Ledger, Refund, Stamp, Trade, TradeStatus};

/// A calendar day in the platform's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

impl Date {
    /// A day; `None` if there is no such day.
    #[must_use]
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        civil::Date::new(year, month, day).ok().map(Self)
    }

    /// Reads `2026-11-22`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        civil::Date::strptime("%Y-%m-%d", text).ok().map(Self)
    }

    /// The last day that is called so, e.g. `1122`, and is not later than tomorrow.
    pub(crate) fn latest(month_and_day: &str) -> Option<Self> {
        let tomorrow = Stamp::now().plus_seconds(86_400).beijing_day();
        let (month, day) = month_and_day.split_at_checked(2)?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        let in_year = |year| Self::new(year, month, day).filter(|date| date.0 <= tomorrow);
        in_year(tomorrow.year()).or_else(|| in_year(tomorrow.year() - 1))
    }

    /// From the first second of the platform's day to the first of the next, since the Unix epoch.
    fn seconds(self, provider: Provider) -> Option<(i64, i64)> {
        let offset = match provider {
            Provider::Alipay | Provider::WechatPay => Offset::constant(8),
            // UnionPay's settlement day ends at 23:00 in Beijing.
            Provider::UnionPay => Offset::constant(9),
            Provider::Stripe => Offset::UTC,
        };
        let start = offset.to_timestamp(self.0.to_datetime(civil::Time::midnight())).ok()?.as_second();
        Some((start, start + 86_400))
    }

    pub(super) fn text(self, format: &str) -> String {
        self.0.strftime(format).to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y-%m-%d").fmt(f)
    }
}

/// One movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What moved it.
    pub kind: LineKind,
    /// The shop's number of the payment.
    pub out_trade_no: String,
    /// The platform's number of the payment.
    pub transaction_id: String,
    /// The shop's number of the refund; empty for payments.
    pub out_refund_no: String,
    /// The platform's number of the refund; empty for payments.
    pub refund_id: String,
    /// How much moved, in minor units; never negative.
    pub amount_minor: i64,
    /// What was paid, in minor units.
    pub paid_minor: i64,
    /// What the platform keeps, in minor units; negative when it gives a fee back.
    pub fee_minor: i64,
    /// ISO 4217 letters, upper case.
    pub currency: String,
    /// When it was paid.
    pub paid_at: Stamp,
    /// When the money moved.
    pub at: Stamp,
}

/// What is wrong in a statement on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blemish {
    /// The line is left out.
    Missing,
    /// The line says another amount, in minor units.
    Amount(i64),
    /// The line says another fee, in minor units.
    Fee(i64),
}

/// What moved money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// A payer paid.
    Payment,
    /// The shop gave it back.
    Refund,
    /// The shop took the payment back on the same day (UnionPay).
    Void,
}

/// What moved at a platform on a day, oldest first.
pub(crate) fn lines(ledger: &Ledger, provider: Provider, day: Date) -> Vec<Line> {
    day.seconds(provider).map_or_else(Vec::new, |(from, to)| lines_between(ledger, provider, from, to))
}

/// What moved at a platform from `from` on and before `to`, in seconds since the Unix epoch, oldest first.
pub(crate) fn lines_between(ledger: &Ledger, provider: Provider, from: i64, to: i64) -> Vec<Line> {
    let inside = |at: Stamp| (from..to).contains(&at.seconds());
    let trades: HashMap<&str, &Trade> = ledger
        .trades
        .iter()
        .filter(|trade| trade.provider == provider && trade.status != TradeStatus::Closed)
        .map(|trade| (trade.transaction_id.as_str(), trade))
        .collect();
    let paid = trades.values().filter(|trade| inside(trade.at)).map(|trade| payment(trade));
    let back = ledger.refunds.iter().filter(|refund| refund.provider == provider && inside(refund.at));
    let back = back.filter_map(|refund| Some(refunded(refund, trades.get(refund.transaction_id.as_str())?)));
    let mut lines: Vec<_> = paid.chain(back).collect();
    lines.sort_by_key(|line| line.at);
    lines
}

fn payment(trade: &Trade) -> Line {
    Line {
        kind: LineKind::Payment,
        out_trade_no: trade.out_trade_no.clone(),
        transaction_id: trade.transaction_id.clone(),
        out_refund_no: String::new(),
        refund_id: String::new(),
        amount_minor: trade.amount_minor,
        paid_minor: trade.amount_minor,
        fee_minor: fee(trade.provider, trade.amount_minor),
        currency: trade.currency.clone(),
        paid_at: trade.at,
        at: trade.at,
    }
}

fn refunded(refund: &Refund, trade: &Trade) -> Line {
    // Stripe keeps its fee.
    let fee_back = if refund.provider == Provider::Stripe { 0 } else { fee(refund.provider, refund.amount_minor) };
    Line {
        kind: if refund.void { LineKind::Void } else { LineKind::Refund },
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        amount_minor: refund.amount_minor,
        fee_minor: -fee_back,
        at: refund.at,
        ..payment(trade)
    }
}

/// 0.6 percent; Stripe 2.9 percent and 30.
fn fee(provider: Provider, amount_minor: i64) -> i64 {
    match provider {
        Provider::Alipay | Provider::WechatPay | Provider::UnionPay => (amount_minor.saturating_mul(6) + 500) / 1000,
        Provider::Stripe => (amount_minor.saturating_mul(29) + 500) / 1000 + 30,
    }
}

/// Yuan with two decimals and a sign.
fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// What each format's GBK files are encoded with.
fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_platforms_day() {
        let day = Date::parse("2026-11-22").expect("a day");
        assert_eq!(day.to_string(), "2026-11-22");
        let midnight = 1_795_276_800;
        assert_eq!(day.seconds(Provider::Alipay), Some((midnight, midnight + 86_400)));
        assert_eq!(day.seconds(Provider::UnionPay), Some((midnight - 3_600, midnight + 82_800)));
        assert_eq!(day.seconds(Provider::Stripe), Some((midnight + 28_800, midnight + 115_200)));
        assert_eq!(Date::parse("2026-02-30"), None);
        assert_eq!(Date::latest("0230"), None);
        assert!(Date::latest("0101").is_some());
    }

    #[test]
    fn money_is_written_with_its_sign() {
        assert_eq!((yuan(-5), yuan(5), yuan(12_345)), ("-0.05".to_owned(), "0.05".to_owned(), "123.45".to_owned()));
        assert_eq!((fee(Provider::WechatPay, 476_800), fee(Provider::Stripe, 1_000)), (2_861, 59));
    }
}
