//! Writing what is sent: forms, queries and HTML.

/// `k=v&k=v` for a body or a query: every byte but the unreserved ones of RFC 3986 is escaped, a space too.
pub(crate) fn form<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> String {
    let pair = |(key, value): &(K, V)| format!("{}={}", percent(key.as_ref()), percent(value.as_ref()));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// As much of a text for people as fits into `max` bytes of UTF-8, whole characters only.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

/// Escapes one name or value.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b if b.is_ascii_alphanumeric() => out.push(char::from(b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Text for an element or a quoted attribute.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::form::Form;

    #[test]
    fn everything_that_means_something_is_escaped() {
        assert_eq!(form(&[("a[b]", "1 2+3&c=%"), ("d", "茶")]), "a%5Bb%5D=1%202%2B3%26c%3D%25&d=%E8%8C%B6");
        assert_eq!(html(r#"<a href="x" id='y'>&"#), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
    }

    proptest! {
        #[test]
        fn a_form_reads_as_it_was_written(values in proptest::collection::vec(".{1,30}", 1..10)) {
            let pairs: Vec<_> = values.iter().enumerate().map(|(i, v)| (format!("k{i}"), v)).collect();
            let form = Form::parse(form(&pairs).as_bytes()).expect("a form");
            for (key, value) in pairs {
                prop_assert_eq!(form.get(&key), Some(value.as_bytes()));
            }
        }
    }
}
