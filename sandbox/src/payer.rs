//! The payer's browser: it opens what the merchant's front end was told to show.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use crate::{
    Sandbox, SandboxError,
    api::{self, Call, Outcome},
};

impl Sandbox {
    /// Opens what a merchant shows: an address, a page with a form that posts itself, or the text for an app's SDK.
    /// What is not of our platforms' APIs (a QR code's text, Stripe's own page) is looked at and left alone.
    ///
    /// # Errors
    /// [`SandboxError::Conflict`] with the platform's page if it refuses.
    pub async fn visit(&self, shown: &str) -> Result<(), SandboxError> {
        let (method, target, body) = match form(shown) {
            Some((action, body)) => (Method::POST, action, body),
            None if shown.starts_with("https://") => (Method::GET, shown.to_owned(), String::new()),
            None if shown.contains("method=alipay.trade.app.pay") => {
                (Method::POST, "https://sandbox/gateway.do".to_owned(), shown.to_owned())
            }
            None => return Ok(()),
        };
        let uri: Uri = target.parse().map_err(|_| SandboxError::invalid("shown", "not an address"))?;
        let (body, headers) = (Bytes::from(body), HeaderMap::new());
        let query = uri.query().unwrap_or_default();
        let call = Call { method: &method, path: uri.path(), query, headers: &headers, body: &body };
        match api::answer(self, &call).await {
            Some(Outcome::Answer(answer)) if answer.status >= 400 || is_refusal(&answer.body) => {
                Err(SandboxError::Conflict(String::from_utf8_lossy(&answer.body).into_owned()))
            }
            Some(Outcome::Answer(_) | Outcome::Silence) | None => Ok(()),
        }
    }
}

/// UnionPay's page begins with its code.
fn is_refusal(page: &[u8]) -> bool {
    let code = page.strip_prefix(b"<html><body>").and_then(|rest| rest.get(..3));
    code.is_some_and(|code| code.ends_with(b" ") && code.first().is_some_and(u8::is_ascii_digit) && code != b"00 ")
}

/// The address and the fields of a page's only form.
fn form(page: &str) -> Option<(String, String)> {
    let tag = element(page, "<form")?.0;
    let action = attribute(tag, "action")?;
    let mut fields = Vec::new();
    let mut rest = page;
    while let Some((tag, after)) = element(rest, "<input") {
        if let (Some(name), Some(value)) = (attribute(tag, "name"), attribute(tag, "value")) {
            fields.push(format!("{}={}", escape(&name), escape(&value)));
        }
        rest = after;
    }
    Some((action, fields.join("&")))
}

/// The first element that begins so, and what follows it.
fn element<'a>(page: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    page.split_once(start)?.1.split_once('>')
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#13;", "\r")];
    let plain = entities.iter().fold(value.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
    Some(plain.replace("&#10;", "\n").replace("&amp;", "&"))
}

fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte))
        } else {
            out.push_str(&format!("%{byte:02X}"))
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let page = r#"<body><form method="post" action="https://x/y?a=1&amp;b=2">
            <input type="hidden" name="n" value="&quot;1&amp;lt;2&quot;"><input type="submit"></form>"#;
        let (action, body) = form(page).expect("a form");
        assert_eq!((action.as_str(), body.as_str()), ("https://x/y?a=1&b=2", "n=%221%26lt%3B2%22"));
        assert!(form("<p>no form</p>").is_none());
        assert!(is_refusal("<html><body>12 重复".as_bytes()) && !is_refusal("<html><body>00 成功".as_bytes()));
    }
}
