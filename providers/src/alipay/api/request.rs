//! Parameters of a request and their signature (opendocs.alipay.com 02kf5m).
//!
//! Signed is `k=v&k=v` of all parameters but `sign`, sorted by name, without empty values, before any escaping.
//! `charset` travels in the URL: from a body the gateway would read it too late.

use http::{
    HeaderMap, Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde_json::{Map, Value};

use super::AlipayApi;
use crate::{
    Instant,
    api::{Request, Unable},
    encode,
    time::format_beijing,
};

const BIZ_CONTENT: &str = "biz_content";

/// Parameters by name.
pub(super) type Params = Vec<(&'static str, String)>;

/// What an operation asks for. Empty texts are left out.
pub(super) fn biz<const N: usize>(fields: [(&str, &str); N]) -> Map<String, Value> {
    let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

impl AlipayApi {
    /// A call of `method`: common parameters in the URL, the operation's in the body.
    pub(super) fn call(&self, method: &str, biz: Map<String, Value>, at: Instant) -> Result<Request, Unable> {
        self.post(self.signed(method, biz, Vec::new(), at)?)
    }

    /// [`Self::call`] for operations about which Alipay sends notices.
    pub(super) fn call_with_notices(
        &self,
        method: &str,
        biz: Map<String, Value>,
        at: Instant,
    ) -> Result<Request, Unable> {
        self.post(self.signed(method, biz, vec![("notify_url", self.notify_url.clone())], at)?)
    }

    fn post(&self, params: Params) -> Result<Request, Unable> {
        let (body, query): (Params, Params) = params.into_iter().partition(|(name, _)| *name == BIZ_CONTENT);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Request { method: Method::POST, url: self.url(&query), headers, body: encode::form(&body).into_bytes() })
    }

    /// The gateway's address with these parameters.
    pub(super) fn url(&self, params: &Params) -> String {
        format!("{}?{}", self.base_url, encode::form(params))
    }

    /// All parameters, sorted, `sign` last.
    pub(super) fn signed(
        &self,
        method: &str,
        biz: Map<String, Value>,
        more: Params,
        at: Instant,
    ) -> Result<Params, Unable> {
        let mut params = vec![
            ("app_id", self.platform.app_id.clone()),
            (BIZ_CONTENT, Value::Object(biz).to_string()),
            ("charset", "utf-8".to_owned()),
            ("format", "JSON".to_owned()),
            ("method", method.to_owned()),
            ("sign_type", "RSA2".to_owned()),
            ("timestamp", beijing("at", at)?),
            ("version", "1.0".to_owned()),
        ];
        params.extend(more);
        params.retain(|(_, value)| !value.is_empty());
        params.sort_unstable();
        let text: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sign = self.key.sign_sha256(text.join("&").as_bytes());
        params.push(("sign", sign.ok_or_else(|| bad("private_key", "it does not sign"))?));
        Ok(params)
    }
}

/// Beijing time without a zone, as Alipay writes it.
pub(super) fn beijing(field: &'static str, at: Instant) -> Result<String, Unable> {
    format_beijing(at).ok_or_else(|| bad(field, "it is beyond the year 9999"))
}

pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Unable {
    Unable::BadInput { field, problem: problem.into() }
}
