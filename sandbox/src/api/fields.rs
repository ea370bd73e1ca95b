//! Form fields as they arrive: percent-decoded once, no name twice but those of lists (`expand[]`).

use std::collections::BTreeMap;

/// Fields by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` texts, one after another. `None`: not UTF-8, broken escapes, or a name
    /// that comes twice.
    pub(super) fn read(texts: &[&[u8]]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for pair in texts.iter().flat_map(|text| text.split(|b| *b == b'&')).filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = (pair.get(..split)?, pair.get(split + 1..).unwrap_or_default());
            let mut name = decode(name)?;
            if name.ends_with("[]") {
                // Each element under a name of its own, in order.
                name.push_str(&format!("{:04}", fields.len()));
            }
            if fields.insert(name, decode(value)?).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// The value, empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The value, if it is not empty.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name).to_owned()).filter(|value| !value.is_empty())
    }

    /// The fields whose names begin so, names unchanged.
    pub(super) fn beginning(&self, prefix: &str) -> impl Iterator<Item = (&String, &String)> {
        let (from, prefix) = (prefix.to_owned(), prefix.to_owned());
        self.0.range(from..).take_while(move |(name, _)| name.starts_with(&prefix))
    }

    /// `k=v&k=v` in byte order of the names, empty values and `except` left out: what Alipay and UnionPay sign.
    pub(super) fn signed_text(&self, except: &str) -> String {
        let signed = self.0.iter().filter(|(name, value)| *name != except && !value.is_empty());
        signed.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => digit(*rest.next()?)? * 16 + digit(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(out).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_once_and_never_come_twice() {
        let fields = Fields::read(&[b"a=1%2B1+%253D&b=", b"c[d]=%E6%88%90"]).expect("fields");
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c[d]")), ("1+1 %3D", "", "成"));
        assert_eq!(fields.signed_text("c[d]"), "a=1+1 %3D");
        assert_eq!(fields.beginning("c[").count(), 1);
        assert_eq!(Fields::read(&[b"l[]=2&l[]=1"]).expect("a list").beginning("l[").count(), 2);
        assert!(Fields::read(&[b"a=1", b"a=2"]).is_none());
        assert!(Fields::read(&[b"a=%4"]).is_none());
        assert!(Fields::read(&[b"a=%ff"]).is_none());
    }
}
