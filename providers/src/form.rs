//! The one parser of `application/x-www-form-urlencoded` bodies, shared by verifying and reading.
//!
//! Contract: values are percent-decoded exactly once, to bytes, because signatures are over bytes; `+`
//! is a space. Whatever two parsers could read differently is refused: a key that appears twice (also
//! in other case or escaped), `k[]`, a broken escape, a pair without `=`.
//!
//! Alipay and UnionPay sign `k=v&k=v` without escaping, so `{a: "1&b=2"}` and `{a: "1", b: "2"}` sign
//! alike. A field can only be forged that way if its true copy, or another field's, ends up inside some
//! value; [`Form::refuse_hidden`] refuses values in which a field of the platform hides.

use std::collections::HashSet;

use crate::{Reason, Rejection, ident};

/// Larger callbacks are refused unread; genuine ones are a few KiB.
pub(crate) const MAX_BODY: usize = 64 * 1024;
const MAX_PAIRS: usize = 128;
const MAX_KEY: usize = 64;

/// A form, in the order in which it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pairs: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// Parses a body (or a query string).
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Rejection> {
        check_size(body)?;
        if body.is_empty() {
            return Self::from_pairs(Vec::new());
        }
        let pairs = body.split(|b| *b == b'&').take(MAX_PAIRS + 1).map(pair).collect::<Result<_, _>>()?;
        Self::from_pairs(pairs)
    }

    /// Takes pairs that were decoded elsewhere and applies the same rules to their keys.
    pub(crate) fn from_pairs(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, Rejection> {
        if pairs.len() > MAX_PAIRS {
            return Err(malformed(format!("more than {MAX_PAIRS} fields")));
        }
        let mut seen = HashSet::with_capacity(pairs.len());
        let mut checked = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = checked_key(key)?;
            if !seen.insert(key.to_ascii_lowercase()) {
                return Err(malformed(format!("field {key} appears twice")));
            }
            checked.push((key, value));
        }
        Ok(Self { pairs: checked })
    }

    /// A field's bytes. An empty value counts as missing, because it is not signed.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_slice()).filter(|v| !v.is_empty())
    }

    /// A field that we read as text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, Rejection> {
        self.get(key)
            .map(|value| std::str::from_utf8(value).map_err(|_| malformed(format!("field {key} is not UTF-8"))))
            .transpose()
    }

    /// A text field that must be there.
    pub(crate) fn need(&self, key: &str) -> Result<&str, Rejection> {
        self.text(key)?.ok_or_else(|| malformed(format!("field {key} is missing")))
    }

    /// A field that becomes an identifier, if it is there.
    pub(crate) fn id(&self, key: &str) -> Result<Option<String>, Rejection> {
        ident::optional_id(self.text(key)?, key)
    }

    /// An identifier that must be there.
    pub(crate) fn need_id(&self, key: &str) -> Result<String, Rejection> {
        ident::id(self.need(key)?, key)
    }

    /// Whether any value is empty, in which case the two readings of "all fields" differ.
    pub(crate) fn has_empty(&self) -> bool {
        self.pairs.iter().any(|(_, value)| value.is_empty())
    }

    /// `k=v&k=v` sorted by key in byte order, without the `except`ed keys; raw values.
    pub(crate) fn canonical(&self, except: &[&str], keep_empty: bool) -> Vec<u8> {
        let mut signed: Vec<_> = self
            .pairs
            .iter()
            .filter(|(key, value)| !except.contains(&key.as_str()) && (keep_empty || !value.is_empty()))
            .collect();
        signed.sort_unstable();
        let pairs = signed.into_iter().map(|(key, value)| [key.as_bytes(), b"=", value].concat());
        pairs.collect::<Vec<_>>().join(&b'&')
    }

    /// Refuses a value that contains `&name=` for one of `names`; see the module's header.
    pub(crate) fn refuse_hidden(&self, names: &[&str]) -> Result<(), Rejection> {
        for (key, value) in &self.pairs {
            for piece in value.split(|b| *b == b'&').skip(1) {
                let name = piece.split(|b| *b == b'=').next().unwrap_or_default();
                if name.len() < piece.len() && names.iter().any(|n| n.as_bytes() == name) {
                    return Err(malformed(format!("another field hides in the value of {key}")));
                }
            }
        }
        Ok(())
    }
}

/// Refuses a body over [`MAX_BODY`].
pub(crate) fn check_size(body: &[u8]) -> Result<(), Rejection> {
    if body.len() > MAX_BODY {
        return Err(Rejection::new(Reason::TooLarge, format!("{} bytes, more than {MAX_BODY}", body.len())));
    }
    Ok(())
}

fn pair(raw: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Rejection> {
    let equals = raw.iter().position(|b| *b == b'=').ok_or_else(|| malformed("a form pair has no '='"))?;
    let (key, value) = raw.split_at(equals);
    Ok((decode(key)?, decode(value.get(1..).unwrap_or_default())?))
}

fn decode(raw: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => escaped(bytes.next(), bytes.next()).ok_or_else(|| malformed("a broken percent escape"))?,
            other => *other,
        });
    }
    Ok(out)
}

fn escaped(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high?)? << 4 | digit(low?)?)
}

/// Field names of both platforms are letters, digits and underscores; `-` and `.` are harmless.
fn checked_key(key: Vec<u8>) -> Result<String, Rejection> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !(1..=MAX_KEY).contains(&key.len()) || !key.iter().all(plain) {
        return Err(malformed("a field name is empty, too long or not plain ASCII"));
    }
    String::from_utf8(key).map_err(|_| malformed("a field name is not ASCII"))
}

fn malformed(detail: impl Into<String>) -> Rejection {
    Rejection::new(Reason::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::encode_form;

    fn reason(body: &str) -> Option<Reason> {
        Form::parse(body.as_bytes()).err().map(|r| r.reason)
    }

    #[test]
    fn decodes_exactly_once_to_bytes() {
        let form = Form::parse(b"a=1+2%2B3&b=%2541&c=%ff%00&d=x=y&e=").expect("a form");
        assert_eq!(form.get("a"), Some(&b"1 2+3"[..]));
        assert_eq!(form.get("b"), Some(&b"%41"[..]));
        assert_eq!(form.get("c"), Some(&b"\xff\x00"[..]));
        assert_eq!(form.get("d"), Some(&b"x=y"[..]));
        assert_eq!(form.get("e"), None, "empty is missing");
        assert_eq!(form.text("c").map_err(|r| r.reason), Err(Reason::Malformed));
        assert_eq!(form.canonical(&["a", "b", "c"], false), b"d=x=y");
        assert_eq!(form.canonical(&["a", "b", "c"], true), b"d=x=y&e=");
    }

    /// A9: pollution in all its spellings.
    #[test]
    fn ambiguous_forms_are_refused() {
        for body in [
            "k=1&k=2",
            "k=1&K=2",
            "k=1&%6b=2",
            "k=1&%4B=2",
            "k[]=1",
            "k%5B%5D=1",
            "=1",
            "k=1&",
            "&k=1",
            "k=1&&l=2",
            "k",
            "k=%",
            "k=%4",
            "k=%zz",
            "k=%+1",
            "a+b=1",
            "a%3Db=1",
            "a%26b=1",
            "k%00=1",
            "é=1",
        ] {
            assert_eq!(reason(body), Some(Reason::Malformed), "{body}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let many = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("&");
        assert_eq!(reason(&many(128)), None);
        assert_eq!(reason(&many(129)), Some(Reason::Malformed));
        assert_eq!(reason(&format!("k={}", "v".repeat(MAX_BODY - 2))), None);
        assert_eq!(reason(&format!("k={}", "v".repeat(MAX_BODY - 1))), Some(Reason::TooLarge));
        assert_eq!(reason(&format!("{}=v", "k".repeat(65))), Some(Reason::Malformed));
    }

    /// A10: the two readings of one signed string; the second is refused.
    #[test]
    fn a_field_must_not_hide_in_a_value() {
        let honest = Form::parse(b"a=1&b=2").expect("a form");
        let resplit = Form::parse(b"a=1%26b%3D2").expect("a form");
        assert_eq!(honest.canonical(&[], false), resplit.canonical(&[], false));
        assert_eq!(honest.refuse_hidden(&["a", "b"]), Ok(()));
        assert_eq!(resplit.refuse_hidden(&["a", "b"]).map_err(|r| r.reason), Err(Reason::Malformed));
        let free_text = Form::parse(b"a=x%26y%3D1+%26b").expect("a form");
        assert_eq!(free_text.refuse_hidden(&["a", "b"]), Ok(()), "an unknown name and no '='");
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Form::parse(&body);
        }

        #[test]
        fn round_trip(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let pairs: Vec<(String, Vec<u8>)> =
                values.into_iter().enumerate().map(|(i, v)| (format!("key_{i}"), v)).collect();
            let form = Form::parse(&encode_form(&pairs));
            prop_assert_eq!(form, Ok(Form { pairs }));
        }
    }
}
