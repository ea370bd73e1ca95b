//! Money: integer minor units and an ISO 4217 currency, parsed exactly.
//!
//! No float ever touches an amount. A text that is not the plain decimal that the platform documents
//! (`"1e2"`, `"+1"`, `"01.00"`, full-width digits, three decimals …) is refused, not repaired.

use std::fmt;

use crate::{Reason, Rejection};

/// A currency by its ISO 4217 letters, upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Chinese yuan, the only currency of the three domestic platforms.
    pub const CNY: Self = Self(*b"CNY");

    /// Parses three ASCII letters in either case, as Stripe writes them in lower case.
    ///
    /// # Errors
    /// [`Reason::BadAmount`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        match text.as_bytes() {
            [a, b, c] if text.bytes().all(|x| x.is_ascii_alphabetic()) => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()]))
            }
            _ => Err(Rejection::new(Reason::BadAmount, "currency is not three ASCII letters")),
        }
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A non-negative amount in minor units (fen, cents, yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money {
    /// Minor units; never negative.
    pub minor: i64,
    /// Its currency.
    pub currency: Currency,
}

/// Parses a decimal with exactly the two decimals that the platform documents, e.g. `"12.30"` yuan, or
/// without decimals, e.g. `"12"`, into minor units.
///
/// # Errors
/// [`Reason::BadAmount`] for signs, exponents, blanks, leading zeros, other digits than ASCII, one or
/// three decimals, and values over `i64`.
pub fn parse_yuan(text: &str) -> Result<i64, Rejection> {
    let bad = || Rejection::new(Reason::BadAmount, format!("amount {:?} is not digits with two decimals", clip(text)));
    let (whole, cents) = match text.split_once('.') {
        Some((whole, cents)) if cents.len() == 2 => (whole, cents),
        Some(_) => return Err(bad()),
        None => (text, "00"),
    };
    let whole = parse_integer(whole)?;
    if !cents.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let cents: i64 = cents.parse().map_err(|_| bad())?;
    whole.checked_mul(100).and_then(|w| w.checked_add(cents)).ok_or_else(bad)
}

/// Parses minor units written as plain digits without leading zeros, e.g. UnionPay `txnAmt`.
///
/// # Errors
/// [`Reason::BadAmount`] for anything else and for values over `i64`.
pub fn parse_integer(text: &str) -> Result<i64, Rejection> {
    let bad = || Rejection::new(Reason::BadAmount, format!("amount {:?} is not plain digits", clip(text)));
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if !plain {
        return Err(bad());
    }
    text.parse().map_err(|_| bad())
}

/// Writes fen as yuan with two decimals, e.g. 1230 as `"12.30"`. Amounts are never negative.
pub(crate) fn format_yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn clip(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_is_exact() {
        for (text, minor) in [("0.01", 1), ("12.30", 1230), ("7", 700), ("0.00", 0), ("92233720368547758.07", i64::MAX)]
        {
            assert_eq!(parse_yuan(text), Ok(minor), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for (minor, text) in
            [(0, "0.00"), (1, "0.01"), (10, "0.10"), (1230, "12.30"), (i64::MAX, "92233720368547758.07")]
        {
            assert_eq!(format_yuan(minor), text);
            assert_eq!(parse_yuan(text), Ok(minor));
        }
    }

    #[test]
    fn exotic_numbers_are_refused() {
        for text in [
            "",
            " ",
            "1e2",
            "+1",
            "-1",
            "01.00",
            " 1.00",
            "1.00 ",
            "1.0",
            "1.000",
            ".50",
            "1.",
            "1,00",
            "１.００",
            "NaN",
            "92233720368547758.08",
            "1.0０",
            "0x10",
            "1_000",
            "00",
        ] {
            assert_eq!(parse_yuan(text).map_err(|r| r.reason), Err(Reason::BadAmount), "{text:?}");
        }
    }
}
