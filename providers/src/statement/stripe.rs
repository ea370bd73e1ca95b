//! Stripe: balance transactions as its API gives them, with `expand[]=data.source`.
//!
//! A file is a JSON array of them, or pages (`{"object": "list", "data": […], "has_more": …}`), one after the other, of which the
//! last one says that there is no more. Bare lines of JSON are not taken: cut at the end of a line, they would look whole.
//!
//! Only what customers paid and what went back to them is read; payouts, fees and the like are no payments of ours.
//! The numbers are those of callbacks: the payment is its PaymentIntent, and the shop's numbers are in the metadata.
//!
//! Refunds that failed, payments that were taken back and disputes move money under no number of ours, long after the
//! payment. They are lines too, numbered by their balance transaction (`txn_…`), which no record of ours has: so each is a
//! difference that a person sees.

use std::io::{self, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Line, LineKind, Place, StatementError, json::Values};
use crate::{
    Currency, Instant, Money, Reason, Rejection, ident,
    stripe::amount::{of_stripe, rounded_of_stripe},
};

const NOT_EXPANDED: &str = "its source is not expanded: fetch it with expand[]=data.source";

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(default)]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    amount: i64,
    fee: i64,
    currency: String,
    created: i64,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
}

/// What we read of a charge or a refund.
#[derive(Deserialize)]
struct Source {
    id: String,
    amount: i64,
    /// Of a charge: what was taken of it, which is what callbacks report.
    amount_captured: Option<i64>,
    currency: String,
    payment_intent: Option<String>,
    charge: Option<String>,
    metadata: Option<Metadata>,
}

/// What we read of what moved money under no number of ours.
#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    object: String,
    payment_intent: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    out_trade_no: String,
    #[serde(default)]
    out_refund_no: String,
}

/// Reads one balance transaction, which is the `number`th. `None` if it is about no payment.
///
/// # Errors
/// [`StatementError::Damaged`] if it is not as documented.
pub fn line(text: &[u8], number: u64) -> Result<Option<Line>, StatementError> {
    let damaged = |problem: String| StatementError::damaged(Place { member: String::new(), line: number }, problem);
    // serde's text may quote the file, which has payers in it: its position does.
    let unreadable = |error: serde_json::Error| {
        damaged(format!("no balance transaction as documented, at its line {} column {}", error.line(), error.column()))
    };
    let transaction: Transaction<'_> = serde_json::from_slice(text).map_err(unreadable)?;
    let kind = match transaction.kind.as_str() {
        "charge" | "payment" => LineKind::Payment,
        "refund" | "payment_refund" => LineKind::Refund,
        "refund_failure" | "payment_failure_refund" | "payment_reversal" | "adjustment" => {
            let cause: Option<Cause> = match transaction.source.map(RawValue::get) {
                // Stripe's own corrections have no source.
                None => None,
                Some(source) if source.starts_with('{') => Some(serde_json::from_str(source).map_err(unreadable)?),
                Some(_) => return Err(damaged(NOT_EXPANDED.to_owned())),
            };
            let cause = cause.filter(|cause| transaction.kind != "adjustment" || cause.object == "dispute");
            let line = cause.map(|cause| transaction.unnumbered(cause, number)).transpose();
            return line.map_err(|rejection| damaged(rejection.detail));
        }
        _ => return Ok(None),
    };
    let Some(source) = transaction.source.map(RawValue::get).filter(|source| source.starts_with('{')) else {
        return Err(damaged(NOT_EXPANDED.to_owned()));
    };
    if transaction.amount.is_negative() != (kind == LineKind::Refund) {
        return Err(damaged(format!("the sign of {} is not that of a {}", transaction.amount, transaction.kind)));
    }
    let source: Source = serde_json::from_str(source).map_err(unreadable)?;
    let line = source.line(kind, number).map_err(|rejection| damaged(rejection.detail))?;
    // The fee is in the currency of the balance. In another than the payment's it says nothing about the payment.
    let same = line.amount.currency.as_str().eq_ignore_ascii_case(&transaction.currency);
    let fee_minor = if same { rounded_of_stripe(transaction.fee, line.amount.currency) } else { 0 };
    Ok(Some(Line { fee_minor, occurred_at: Some(Instant::from_seconds(transaction.created)), ..line }))
}

impl Transaction<'_> {
    /// A line for money that came back or was taken away by other means than a payment or a refund.
    fn unnumbered(&self, cause: Cause, number: u64) -> Result<Line, Rejection> {
        let optional = |text: &str, what| ident::optional_id(Some(text), what).map(Option::unwrap_or_default);
        let (own, metadata) = (ident::id(&self.id, "id")?, cause.metadata.unwrap_or_default());
        let kind = if self.amount.is_negative() { LineKind::Refund } else { LineKind::Payment };
        let (transaction_id, refund_id) = match kind {
            LineKind::Payment => (own, String::new()),
            LineKind::Refund => (optional(&cause.payment_intent.unwrap_or_default(), "payment_intent")?, own),
        };
        let units = self.amount.checked_abs().ok_or_else(|| Rejection::new(Reason::BadAmount, "no such amount"))?;
        let currency = Currency::parse(&self.currency)?;
        // Of the balance, which need not be what was paid in.
        let amount = Money { minor: rounded_of_stripe(units, currency), currency };
        Ok(Line {
            number,
            kind,
            out_trade_no: optional(&metadata.out_trade_no, "out_trade_no")?,
            transaction_id,
            out_refund_no: String::new(),
            refund_id,
            amount,
            fee_minor: rounded_of_stripe(self.fee, amount.currency),
            occurred_at: Some(Instant::from_seconds(self.created)),
        })
    }
}

impl Source {
    fn line(self, kind: LineKind, number: u64) -> Result<Line, Rejection> {
        let optional = |text: &str, what| ident::optional_id(Some(text), what).map(Option::unwrap_or_default);
        let metadata = self.metadata.unwrap_or_default();
        // A charge without an intent is named by itself.
        let (transaction, refund_id) = match kind {
            LineKind::Payment => (self.payment_intent.unwrap_or(self.id), String::new()),
            LineKind::Refund => (self.payment_intent.or(self.charge).unwrap_or_default(), self.id),
        };
        let out_refund_no = match kind {
            LineKind::Payment => String::new(),
            LineKind::Refund => optional(&metadata.out_refund_no, "out_refund_no")?,
        };
        Ok(Line {
            number,
            kind,
            out_trade_no: optional(&metadata.out_trade_no, "out_trade_no")?,
            transaction_id: optional(&transaction, "payment_intent")?,
            out_refund_no,
            refund_id: optional(&refund_id, "source.id")?,
            amount: of_stripe(self.amount_captured.unwrap_or(self.amount), &self.currency)?,
            fee_minor: 0,
            occurred_at: None,
        })
    }
}

pub(super) struct Transactions<R> {
    values: Values<R>,
    state: State,
    /// What the page that is being read says of pages after it.
    has_more: Option<bool>,
    number: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before a list or after one that was whole. Whether another must follow.
    Between { more: bool },
    /// In a list, bare or of a page; before its first value or not.
    In { page: bool, first: bool },
}

impl<R: Read> Transactions<R> {
    pub(super) fn open(input: R) -> Self {
        Self { values: Values::new(input), state: State::Between { more: true }, has_more: None, number: 0 }
    }

    pub(super) fn next_line(&mut self) -> Result<Option<Line>, StatementError> {
        while let Some(text) = self.next_value().map_err(|error| StatementError::reading(self.place(), error))? {
            self.number += 1;
            if let Some(line) = line(&text, self.number)? {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn next_value(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match self.state {
                State::Between { more } => {
                    if self.values.peek()?.is_none() {
                        return if more { Err(cut_short()) } else { Ok(None) };
                    }
                    self.state = self.enter()?;
                }
                State::In { page, first } => {
                    if self.values.take(b']')? {
                        self.state = State::Between { more: page && self.rest_of_page()? };
                    } else if first || self.values.take(b',')? {
                        self.state = State::In { page, first: false };
                        return self.values.value().map(Some);
                    } else {
                        return Err(cut_short());
                    }
                }
            }
        }
    }

    /// Goes into the next list.
    fn enter(&mut self) -> io::Result<State> {
        let page = !self.values.take(b'[')?;
        if page && !(self.values.take(b'{')? && self.members()?) {
            return Err(damage("neither a list of balance transactions nor a page of one"));
        }
        Ok(State::In { page, first: true })
    }

    /// What follows a page's list: whether another page must follow.
    fn rest_of_page(&mut self) -> io::Result<bool> {
        if self.members()? {
            return Err(damage("a page with two lists"));
        }
        self.has_more.take().ok_or_else(|| damage("a page that does not say whether there is more"))
    }

    /// Reads members of a page up to its list (`true`) or to its end.
    fn members(&mut self) -> io::Result<bool> {
        loop {
            if self.values.take(b'}')? {
                return Ok(false);
            }
            self.values.take(b',')?;
            let name = self.values.value()?;
            if !self.values.take(b':')? {
                return Err(damage("a member without a value"));
            }
            match name.as_slice() {
                b"\"data\"" if self.values.take(b'[')? => return Ok(true),
                b"\"has_more\"" => self.has_more = Some(self.values.value()? != b"false"),
                _ => drop(self.values.value()?),
            }
        }
    }

    fn place(&self) -> Place {
        Place { member: String::new(), line: self.number + 1 }
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the list is cut short")
}

fn damage(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
