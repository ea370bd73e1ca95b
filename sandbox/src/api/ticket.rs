//! Links to statement files: they name a day, live for half a minute, and cannot be guessed.

use aws_lc_rs::hmac;

use crate::{Stamp, keyring::Secrets, statement::Date};

const LIFE_SECONDS: i64 = 30;

/// A token for the file of a day.
pub(super) fn issue(keys: &Secrets, day: Date) -> String {
    let end = Stamp::now().seconds() + LIFE_SECONDS;
    format!("{day}.{end}.{}", hex::encode(seal(keys, day, end)))
}

/// The day of a token that is ours and still good.
pub(super) fn redeem(keys: &Secrets, token: &str) -> Option<Date> {
    let mut parts = token.split('.');
    let (day, end, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let (day, end) = (Date::parse(day)?, end.parse().ok()?);
    let good = hex::encode(seal(keys, day, end)) == tag && end >= Stamp::now().seconds();
    good.then_some(day)
}

fn seal(keys: &Secrets, day: Date, end: i64) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, keys.stripe_signing_secret.as_bytes());
    hmac::sign(&key, format!("statement {day} {end}").as_bytes())
}
