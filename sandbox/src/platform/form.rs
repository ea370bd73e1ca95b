//! The forms that Alipay and UnionPay send: sorted fields, the string they sign, the bytes they send.

use std::collections::BTreeMap;

/// Fields by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(BTreeMap<&'static str, String>);

impl Form {
    /// The form with one more, or another, field.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// The form with several more fields.
    pub(super) fn with_all<const N: usize>(mut self, fields: [(&'static str, &str); N]) -> Self {
        self.0.extend(fields.map(|(name, value)| (name, value.to_owned())));
        self
    }

    /// The form without a field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// `k=v&k=v` in byte order of the names, raw values, empty ones and `except` left out.
    pub(super) fn string_to_sign(&self, except: &[&str]) -> String {
        let signed = self.0.iter().filter(|(name, value)| !except.contains(name) && !value.is_empty());
        signed.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// `application/x-www-form-urlencoded`.
    pub(super) fn encode(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_raw_and_sends_escaped() {
        let form = Form::default().with("b", "1+1 =2").with("a", "成").with("empty", "").with("sign", "x");
        assert_eq!(form.string_to_sign(&["sign"]), "a=成&b=1+1 =2");
        assert_eq!(form.encode(), "a=%E6%88%90&b=1%2B1+%3D2&empty=&sign=x");
    }
}
