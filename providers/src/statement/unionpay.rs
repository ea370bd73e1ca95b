//! UnionPay: a ZIP with fixed-width files: `INN…ZM_…`, what was settled, and `INN…ZME_…`, what went wrong afterwards.
//!
//! Widths count bytes (names in them are GBK), and one blank stands between two fields. The files have neither header nor sums: that they are
//! whole, the archive's lengths and CRCs say. Times are Beijing's, without their year, which is in the member's name.

use std::io::{Read, Seek};

use super::{
    Line, LineKind, Place, StatementError,
    archive::{Archive, Member},
    rows::Rows,
};
use crate::{Currency, Instant, Money, time};

const ZM: [usize; 42] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
];
const ZME: [usize; 22] = [3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135];

/// Places of the fields that are read, counted from 0.
mod field {
    pub(super) const CODE: usize = 0;
    pub(super) const TRACE_NO: usize = 3;
    pub(super) const TRACE_TIME: usize = 4;
    pub(super) const AMOUNT: usize = 6;
    pub(super) const QUERY_ID: usize = 9;
    pub(super) const ORDER_ID: usize = 11;
    pub(super) const FEE: usize = 15;
    pub(super) const TXN_TYPE: usize = 19;
    pub(super) const ORIGINAL_QUERY_ID: usize = 26;
    pub(super) const ORIGINAL_ORDER_ID: usize = 40;
}

pub(super) struct Files<R> {
    now: Now<R>,
    /// Members to be read, the last one first.
    todo: Vec<usize>,
    /// Lines of the members before this one.
    before: u64,
}

enum Now<R> {
    Between(Archive<R>),
    In(Box<Rows<Member<R>>>, Layout, MadeOn),
    Nowhere,
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Settled,
    Exceptions,
}

/// Year and month in the member's name.
#[derive(Clone, Copy)]
struct MadeOn {
    year: u16,
    month: u8,
}

impl<R: Read + Seek> Files<R> {
    pub(super) fn open(input: R) -> Result<Self, StatementError> {
        let archive = Archive::open(input)?;
        let layouts: Vec<_> = archive.entries.iter().map(|entry| layout(&entry.name)).collect();
        if !layouts.contains(&Some(Layout::Settled)) {
            return Err(StatementError::other(Place::default(), "the ZIP holds no file INN…ZM_…"));
        }
        let todo = (0..layouts.len()).rev().filter(|index| layouts[*index].is_some()).collect();
        Ok(Self { now: Now::Between(archive), todo, before: 0 })
    }

    pub(super) fn next_line(&mut self) -> Result<Option<Line>, StatementError> {
        loop {
            match std::mem::replace(&mut self.now, Now::Nowhere) {
                Now::Between(archive) => match self.todo.pop() {
                    Some(index) => self.now = enter(archive.member(index)?)?,
                    None => return Ok(None),
                },
                Now::In(mut rows, layout, made_on) => {
                    if rows.advance()? {
                        let line = line(&rows, layout, made_on)?;
                        let number = self.before + rows.number();
                        self.now = Now::In(rows, layout, made_on);
                        if let Some(line) = line {
                            return Ok(Some(Line { number, ..line }));
                        }
                    } else {
                        self.before += rows.number() - 1;
                        self.now = Now::Between(rows.into_input().close());
                    }
                }
                Now::Nowhere => return Ok(None),
            }
        }
    }
}

/// Whether an archive with such a member is UnionPay's.
pub(super) fn is_member(name: &str) -> bool {
    layout(name) == Some(Layout::Settled)
}

fn layout(name: &str) -> Option<Layout> {
    match (name.contains("ZM_"), name.contains("ZME_")) {
        (true, _) => Some(Layout::Settled),
        (false, true) => Some(Layout::Exceptions),
        (false, false) => None,
    }
}

fn enter<R: Read>(member: Member<R>) -> Result<Now<R>, StatementError> {
    let name = member.name().to_owned();
    let rows = Rows::new(member, &name);
    match (layout(&name), made_on(&name)) {
        (Some(layout), Some(made_on)) => Ok(Now::In(Box::new(rows), layout, made_on)),
        (None, _) | (_, None) => Err(rows.other("its name does not begin with INN and a date")),
    }
}

/// `INN261122…`.
fn made_on(name: &str) -> Option<MadeOn> {
    let digits = name.strip_prefix("INN")?.get(..4)?;
    let (year, month) = digits.split_at_checked(2)?;
    Some(MadeOn { year: 2000 + year.parse::<u16>().ok()?, month: month.parse().ok()? })
}

fn line<R: Read>(rows: &Rows<R>, layout: Layout, made_on: MadeOn) -> Result<Option<Line>, StatementError> {
    match layout {
        Layout::Settled => Fields::cut(rows, &ZM)?.settled(made_on),
        Layout::Exceptions => Fields::cut(rows, &ZME)?.exception().map(Some),
    }
}

/// One row, cut.
struct Fields<'a, R> {
    rows: &'a Rows<R>,
    cut: Vec<&'a [u8]>,
}

impl<'a, R: Read> Fields<'a, R> {
    /// The last field has a byte more in some files.
    fn cut(rows: &'a Rows<R>, widths: &[usize]) -> Result<Self, StatementError> {
        let mut rest = rows.row();
        let mut cut = Vec::with_capacity(widths.len());
        let (last, firsts) = widths.split_last().unwrap_or((&0, &[]));
        for (index, width) in firsts.iter().enumerate() {
            let whole = rest.split_at_checked(*width).and_then(|(field, rest)| Some((field, rest.strip_prefix(b" ")?)));
            let Some((field, after)) = whole else {
                return Err(rows.damaged(format!("field {} is not {width} bytes and a blank", index + 1)));
            };
            cut.push(field);
            rest = after;
        }
        if rest.len() != *last && rest.len() != last + 1 {
            return Err(rows.damaged(format!("field {} is not {last} bytes", widths.len())));
        }
        cut.push(rest);
        Ok(Self { rows, cut })
    }

    /// `None` for what only reserves money.
    fn settled(&self, made_on: MadeOn) -> Result<Option<Line>, StatementError> {
        let kind = match self.text(field::TXN_TYPE)? {
            "01" | "03" => LineKind::Payment,
            "04" | "31" | "33" => LineKind::Refund,
            "02" | "32" => return Ok(None),
            other => return Err(self.rows.damaged(format!("txnType {other:?} is none that is known"))),
        };
        let own = (self.id(field::ORDER_ID)?, self.id(field::QUERY_ID)?);
        let ((out_trade_no, transaction_id), (out_refund_no, refund_id)) = match kind {
            LineKind::Payment => (own, Default::default()),
            LineKind::Refund => ((self.id(field::ORIGINAL_ORDER_ID)?, self.id(field::ORIGINAL_QUERY_ID)?), own),
        };
        Ok(Some(Line {
            number: self.rows.number(),
            kind,
            out_trade_no,
            transaction_id,
            out_refund_no,
            refund_id,
            amount: self.amount()?,
            fee_minor: self.fee()?,
            occurred_at: Some(self.occurred_at(made_on)?),
        }))
    }

    /// Money that was taken back after settlement. The file names the payment only by its trace, which nobody here
    /// keeps: such a line is there for a person. So is its time that of the payment, not of what happened now.
    fn exception(&self) -> Result<Line, StatementError> {
        let trace = [self.text(field::CODE)?, self.text(field::TRACE_NO)?, self.text(field::TRACE_TIME)?].join("-");
        Ok(Line {
            number: self.rows.number(),
            kind: LineKind::Refund,
            out_trade_no: String::new(),
            transaction_id: String::new(),
            out_refund_no: String::new(),
            refund_id: self.rows.id(&trace, "code and trace")?,
            amount: self.amount()?,
            fee_minor: 0,
            occurred_at: None,
        })
    }

    fn text(&self, index: usize) -> Result<&'a str, StatementError> {
        let text = self.cut.get(index).and_then(|field| std::str::from_utf8(field).ok()).map(str::trim);
        text.ok_or_else(|| self.rows.damaged(format!("field {} is not text", index + 1)))
    }

    fn id(&self, index: usize) -> Result<String, StatementError> {
        self.rows.id(self.text(index)?, "a number")
    }

    fn amount(&self) -> Result<Money, StatementError> {
        Ok(Money { minor: self.fen(self.text(field::AMOUNT)?)?, currency: Currency::CNY })
    }

    /// `D` for what the merchant owes, `C` for what it gets back.
    fn fee(&self) -> Result<i64, StatementError> {
        match self.text(field::FEE)?.split_at_checked(1) {
            Some(("D", fen)) => self.fen(fen),
            Some(("C", fen)) => Ok(-self.fen(fen)?),
            Some(_) | None => Err(self.rows.damaged("the fee begins with neither D nor C")),
        }
    }

    /// Digits with zeros before them.
    fn fen(&self, text: &str) -> Result<i64, StatementError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let fen = digits.then(|| text.parse().ok()).flatten();
        fen.ok_or_else(|| self.rows.damaged(format!("{text:?} is not an amount in fen")))
    }

    /// What happened in December stands in files of January too.
    fn occurred_at(&self, made_on: MadeOn) -> Result<Instant, StatementError> {
        let trace_time = self.text(field::TRACE_TIME)?;
        let of_last_year = made_on.month == 1 && trace_time.starts_with("12");
        let text = format!("{:04}{trace_time}", made_on.year - u16::from(of_last_year));
        time::parse_beijing_compact(&text).map_err(|rejection| self.rows.damaged(rejection.detail))
    }
}
