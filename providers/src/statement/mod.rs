//! Statements: what a platform settled on one day of an account, line by line.
//!
//! Contract: a file is read as a stream; memory does not grow with it. What does not read as the platform's format
//! says is an error that names the place. Hashes, lengths and sums stand at the end: so an error condemns every line
//! before it too, and a file that is cut short is an error, never a short good one.

mod alipay;
mod archive;
mod decimal;
mod error;
mod json;
mod plain;
mod rows;
mod stripe;
#[cfg(test)]
mod tests;
mod unionpay;
mod wechatpay;

use std::{
    io::{Read, Seek},
    iter::FusedIterator,
};

pub use self::error::{Place, StatementError};
pub use self::stripe::line as stripe_line;
use crate::{Instant, Money};

/// No statement has more plain bytes than this: 4 GiB, some ten million lines.
const MAX_PLAIN: u64 = 4 << 30;

/// A calendar day in the platform's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day {
    /// Year, e.g. 2026.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: i8,
    /// Day of the month, 1 to 31.
    pub day: i8,
}

/// How a statement's bytes are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFormat {
    /// A ZIP of CSV files in GBK.
    AlipayZip,
    /// CSV in UTF-8, plain or gzipped; with the hash of the plain bytes that the platform announced.
    WechatPayCsv {
        /// Lower-case hex; `None` for a file that a person brought.
        sha1: Option<String>,
    },
    /// A ZIP of fixed-width files in GBK (ZM: payments, ZME: what went wrong).
    UnionPayZip,
    /// A JSON list of balance transactions, or pages of one.
    StripeJson,
}

/// Whether money came or went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineKind {
    /// It came.
    Payment,
    /// It went back.
    Refund,
}

/// One movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Place in the file, starting at 1.
    pub number: u64,
    /// Came or went back.
    pub kind: LineKind,
    /// The shop's number of the payment; empty if the line has none.
    pub out_trade_no: String,
    /// The platform's number of the payment; empty if the line has none.
    pub transaction_id: String,
    /// The shop's number of the refund; empty for payments.
    pub out_refund_no: String,
    /// The platform's number of the refund; empty for payments.
    pub refund_id: String,
    /// How much; never negative.
    pub amount: Money,
    /// The platform's fee in minor units of the same currency; negative when it is given back.
    pub fee_minor: i64,
    /// When, by the platform's clock.
    pub occurred_at: Option<Instant>,
}

/// Opens a statement.
///
/// # Errors
/// [`StatementError`] if it is not of that format, or cannot be read.
pub fn read<R: Read + Seek>(format: &FileFormat, input: R) -> Result<Lines<R>, StatementError> {
    Ok(Lines(Some(match format {
        FileFormat::AlipayZip => Reader::Alipay(alipay::Details::open(input)?),
        FileFormat::WechatPayCsv { sha1 } => Reader::WechatPay(wechatpay::Bill::open(input, sha1.clone())?),
        FileFormat::UnionPayZip => Reader::UnionPay(unionpay::Files::open(input)?),
        FileFormat::StripeJson => Reader::Stripe(stripe::Transactions::open(input)),
    })))
}

/// The lines of a statement, in file order. Ends after the first error, which condemns the lines before it as well.
pub struct Lines<R>(Option<Reader<R>>);

enum Reader<R> {
    Alipay(alipay::Details<R>),
    WechatPay(wechatpay::Bill<R>),
    UnionPay(unionpay::Files<R>),
    Stripe(stripe::Transactions<R>),
}

impl<R: Read + Seek> Iterator for Lines<R> {
    type Item = Result<Line, StatementError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.0.as_mut()? {
            Reader::Alipay(details) => details.next_line(),
            Reader::WechatPay(bill) => bill.next_line(),
            Reader::UnionPay(files) => files.next_line(),
            Reader::Stripe(transactions) => transactions.next_line(),
        };
        if !matches!(next, Ok(Some(_))) {
            self.0 = None;
        }
        next.transpose()
    }
}

impl<R: Read + Seek> FusedIterator for Lines<R> {}

impl FileFormat {
    /// Tells from a file that a person brought how it is to be read, and goes back to its beginning. No hash is known then.
    ///
    /// # Errors
    /// [`StatementError`] if it is none of the formats, or cannot be read.
    pub fn guess(input: &mut (impl Read + Seek)) -> Result<Self, StatementError> {
        let mut head = Vec::new();
        let io = |error| StatementError::reading(Place::default(), error);
        input.rewind().and_then(|()| input.by_ref().take(16).read_to_end(&mut head)).map_err(io)?;
        input.rewind().map_err(io)?;
        let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
        match text {
            [b'P', b'K', ..] => Self::of_archive(input),
            [0x1f, 0x8b, ..] => Ok(Self::WechatPayCsv { sha1: None }),
            _ if text.starts_with("交易时间".as_bytes()) => Ok(Self::WechatPayCsv { sha1: None }),
            _ if matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) => Ok(Self::StripeJson),
            _ => Err(StatementError::other(Place::default(), "this is no statement of a platform that is known here")),
        }
    }

    fn of_archive(input: &mut (impl Read + Seek)) -> Result<Self, StatementError> {
        let of_unionpay =
            archive::Archive::open(&mut *input)?.entries.iter().any(|entry| unionpay::is_member(&entry.name));
        input.rewind().map_err(|error| StatementError::reading(Place::default(), error))?;
        Ok(if of_unionpay { Self::UnionPayZip } else { Self::AlipayZip })
    }
}
