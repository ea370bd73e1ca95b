//! Signed decimals of statements, exactly. Callbacks are read more strictly ([`crate::money`]): statements write a
//! minus for what goes back, five decimals for fees, and `"45.0"` for a count.

/// Parses an optional minus, digits, and at most `scale` decimals, into units of `10^-scale`. `None` for anything else:
/// exponents, blanks, other digits than ASCII, more decimals, values over `i64`.
pub(super) fn decimal(text: &str, scale: usize) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || digits.ends_with('.') || part.len() > scale || !plain(whole) || !plain(part) {
        return None;
    }
    let units: i64 = format!("{whole}{part:0<scale$}").parse().ok()?;
    units.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, scale, units) in [
            ("0.01", 2, 1),
            ("-12.30", 2, -1230),
            ("7", 2, 700),
            ("45.0", 1, 450),
            ("-0.01000", 5, -1000),
            ("92233720368547758.07", 2, i64::MAX),
        ] {
            assert_eq!(decimal(text, scale), Some(units), "{text}");
        }
        for text in ["", "-", ".5", "1.", "1.000", "+1", "1e2", " 1", "1 ", "１", "--1", "1.-1", "92233720368547758.08"]
        {
            assert_eq!(decimal(text, 2), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(units in any::<i32>()) {
            let sign = if units < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", units.unsigned_abs() / 100, units.unsigned_abs() % 100);
            prop_assert_eq!(decimal(&text, 2), Some(i64::from(units)));
        }
    }
}
