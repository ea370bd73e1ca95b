//! UnionPay's settlement files: a zip with ZM (what was settled) and ZME (what went wrong), fixed widths in bytes, GBK.

use std::io::{self, Write};

use super::{Date, Line, LineKind, gbk, zip::Zip};
use crate::{Stamp, keyring::UNIONPAY_MER_ID};

/// The widths of ZM's fields; a blank stands between two.
const WIDTHS: [usize; 42] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
];

/// The settlement day, month and day only; it ends at 23:00.
pub(crate) fn settle_date(at: Stamp) -> String {
    at.plus_seconds(3_600).text("%m%d")
}

/// Writes the zip of a settlement day.
///
/// # Errors
/// When `out` does not take it, or it grows beyond 4 GiB.
pub fn write<'a>(day: Date, lines: impl IntoIterator<Item = &'a Line>, out: impl Write) -> io::Result<()> {
    let day = day.text("%y%m%d");
    let mut zip = Zip::new(out);
    zip.member(format!("INN{day}88ZM_{UNIONPAY_MER_ID}").as_bytes(), |file| {
        lines.into_iter().try_for_each(|line| file.write_all(&row(line)))
    })?;
    zip.member(format!("INN{day}88ZME_{UNIONPAY_MER_ID}").as_bytes(), |_| Ok(()))?;
    zip.finish()
}

fn row(line: &Line) -> Vec<u8> {
    let is_payment = line.kind == LineKind::Payment;
    let (code, kind, subtype) = match line.kind {
        LineKind::Payment => ("S56", "01", "01"),
        LineKind::Refund => ("S30", "04", "00"),
        LineKind::Void => ("S31", "31", "00"),
    };
    let of = |payment: &str, other: &str| if is_payment { payment } else { other }.to_owned();
    // The merchant pays fees (D) and gets money (C); for refunds it is the other way.
    let (debit, credit) = if is_payment { ("D", "C") } else { ("C", "D") };
    let fee = line.fee_minor.abs();
    let trace = |at: Stamp| format!("{:06}", at.micros().rem_euclid(1_000_000));
    let net = line.amount_minor.saturating_sub(fee);
    let mut fields: [String; 42] = std::array::from_fn(|_| String::new());
    let filled = [
        (1, code.to_owned()),
        (2, "88022900".to_owned()),
        (3, "00049993".to_owned()),
        (4, trace(line.at)),
        (5, line.at.text("%m%d%H%M%S")),
        (6, "622609******0048".to_owned()),
        (7, format!("{:012}", line.amount_minor)),
        (8, "4899".to_owned()),
        (9, "07".to_owned()),
        (10, of(&line.transaction_id, &line.refund_id)),
        (12, of(&line.out_trade_no, &line.out_refund_no)),
        (13, "01".to_owned()),
        (14, of("000000", &trace(line.paid_at))),
        (15, of("0000000000", &line.paid_at.text("%m%d%H%M%S"))),
        (16, format!("{debit}{fee:012}")),
        (17, format!("{credit}{net:012}")),
        (18, "0001".to_owned()),
        (20, kind.to_owned()),
        (21, subtype.to_owned()),
        (22, "000201".to_owned()),
        (27, of("", &line.transaction_id)),
        (28, UNIONPAY_MER_ID.to_owned()),
        (33, format!("{credit}{net:012}")),
        (41, of("", &line.out_trade_no)),
    ];
    for (number, text) in filled {
        if let Some(field) = fields.get_mut(number - 1) {
            *field = text;
        }
    }
    let padded = |(text, width): (&String, &usize)| {
        let mut bytes = gbk(text);
        bytes.resize(*width, b' ');
        bytes
    };
    let mut row = fields.iter().zip(&WIDTHS).map(padded).collect::<Vec<_>>().join(&b' ');
    row.extend_from_slice(b"\r\n");
    row
}
