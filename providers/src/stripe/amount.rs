//! Amounts as Stripe writes them. Pure.
//!
//! Ours are minor units of ISO 4217. Stripe's are the same but for three currencies (docs.stripe.com/currencies,
//! "Zero-decimal currencies" and "Special cases"): krónur and Ugandan shillings have no minor unit, and Stripe counts
//! hundredths of them as it did before they lost it; ariary have one, and Stripe counts whole ones.

use crate::{Currency, Money, Reason, Rejection};

/// How many of Stripe's units are how many of ours.
fn ratio(currency: Currency) -> (i64, i64) {
    match currency.as_str() {
        "ISK" | "UGX" => (100, 1),
        "MGA" => (1, 100),
        _ => (1, 1),
    }
}

/// Stripe's number for an amount; `None` if it has none, as for parts of an ariary.
pub(super) fn to_stripe(amount: Money) -> Option<i64> {
    let (stripes, ours) = ratio(amount.currency);
    let units = amount.minor.checked_mul(stripes)?;
    (units % ours == 0).then_some(units / ours)
}

/// The amount that Stripe means by its number and its letters.
///
/// # Errors
/// [`Reason::BadAmount`] for letters that are no currency, and for a number that is negative or no amount of that currency.
pub(crate) fn of_stripe(units: i64, currency: &str) -> Result<Money, Rejection> {
    let bad = |what: &str| Rejection::new(Reason::BadAmount, what);
    if units < 0 {
        return Err(bad("the amount is negative"));
    }
    let currency = Currency::parse(currency)?;
    let (stripes, ours) = ratio(currency);
    let minor = units.checked_mul(ours).filter(|minor| minor % stripes == 0);
    let minor = minor.ok_or_else(|| bad("the currency has no such amount"))? / stripes;
    Ok(Money { minor, currency })
}

/// Units of the balance in minor units, rounded: Stripe also takes and converts parts of what nobody can pay.
pub(crate) fn rounded_of_stripe(units: i64, currency: Currency) -> i64 {
    let (stripes, ours) = ratio(currency);
    units.saturating_mul(ours).saturating_add(stripes / 2).div_euclid(stripes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, currency: &str) -> Money {
        Money { minor, currency: Currency::parse(currency).unwrap() }
    }

    #[test]
    fn most_currencies_are_counted_as_by_iso_4217() {
        for (currency, minor) in [("EUR", 1230), ("JPY", 500), ("KWD", 5120), ("CLP", 7), ("XOF", 1)] {
            assert_eq!(to_stripe(money(minor, currency)), Some(minor));
            assert_eq!(of_stripe(minor, &currency.to_lowercase()), Ok(money(minor, currency)));
        }
    }

    #[test]
    fn kronur_and_ugandan_shillings_are_counted_in_hundredths() {
        for currency in ["ISK", "UGX"] {
            assert_eq!(to_stripe(money(5, currency)), Some(500));
            assert_eq!(of_stripe(500, currency), Ok(money(5, currency)));
            assert_eq!(of_stripe(510, currency).map_err(|r| r.reason), Err(Reason::BadAmount));
        }
    }

    #[test]
    fn ariary_are_counted_in_whole_ones() {
        assert_eq!(to_stripe(money(100_000, "MGA")), Some(1_000));
        assert_eq!(of_stripe(1_000, "mga"), Ok(money(100_000, "MGA")));
        assert_eq!(to_stripe(money(150, "MGA")), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (units, currency) in [(-1, "eur"), (1, "euro"), (i64::MAX, "mga")] {
            assert_eq!(of_stripe(units, currency).map_err(|r| r.reason), Err(Reason::BadAmount), "{units} {currency}");
        }
        assert_eq!(to_stripe(money(i64::MAX, "ISK")), None);
    }

    #[test]
    fn fees_are_rounded() {
        let fee = |units, currency: &str| rounded_of_stripe(units, Currency::parse(currency).unwrap());
        assert_eq!(
            (fee(149, "ISK"), fee(150, "ISK"), fee(-149, "ISK"), fee(37, "EUR"), fee(3, "MGA")),
            (1, 2, -1, 37, 300)
        );
    }

    proptest! {
        #[test]
        fn what_stripe_is_told_reads_the_same(minor in 0..i64::MAX / 100, currency in "ISK|UGX|MGA|EUR|JPY") {
            let amount = money(minor, &currency);
            if let Some(units) = to_stripe(amount) {
                prop_assert_eq!(of_stripe(units, &currency.to_lowercase()), Ok(amount));
            }
        }
    }
}
