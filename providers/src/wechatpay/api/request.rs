//! Signing a request: `METHOD\npath?query\ntimestamp\nnonce\nbody\n` (4012365342).

use http::{
    HeaderMap, Method, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use serde_json::Value;

use super::WechatPayApi;
use crate::{
    Instant,
    api::{Request, Unable},
    crypto::sha256_hex,
};

const AGENT: &str = concat!("paystate/", env!("CARGO_PKG_VERSION"));

impl WechatPayApi {
    /// Asks for `path`, which begins with `/` and is escaped.
    pub(super) fn get(&self, path: &str, at: Instant) -> Result<Request, Unable> {
        self.request(Method::GET, format!("{}{path}", self.base_url), Vec::new(), at)
    }

    /// Sends `body` to `path`.
    pub(super) fn post(&self, path: &str, body: &Value, at: Instant) -> Result<Request, Unable> {
        let body = body.to_string().into_bytes();
        let mut request = self.request(Method::POST, format!("{}{path}", self.base_url), body, at)?;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// A signed request to any address of the API.
    pub(super) fn request(&self, method: Method, url: String, body: Vec<u8>, at: Instant) -> Result<Request, Unable> {
        let uri: Uri = url.parse().map_err(|_| bad("url", "it is not an address"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization(&method, path, &body, at)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        // Answers then come under the public key, not under one of the certificates that end.
        if let Some(id) = self.platform.keys.public_key_id() {
            headers.insert("wechatpay-serial", header(id)?);
        }
        Ok(Request { method, url, headers, body })
    }

    fn authorization(&self, method: &Method, path: &str, body: &[u8], at: Instant) -> Result<HeaderValue, Unable> {
        let nonce = self.nonce(&[method.as_str().as_bytes(), path.as_bytes(), body].join(&b'\n'), at);
        let timestamp = at.seconds();
        let head = format!("{method}\n{path}\n{timestamp}\n{nonce}\n");
        let signature = self.sign(&[head.as_bytes(), body, b"\n"].concat())?;
        let mut value = header(&format!(
            r#"WECHATPAY2-SHA256-RSA2048 mchid="{}",nonce_str="{nonce}",timestamp="{timestamp}",serial_no="{}",signature="{signature}""#,
            self.platform.mchid, self.serial_no,
        ))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// 32 hex digits, another one for another content or another microsecond.
    ///
    /// A nonce must not repeat, but it need not be secret: it travels beside the signature, and PKCS#1 v1.5 does not
    /// need unpredictable input. So it is derived, and the crate stays pure. Only the same request in the same
    /// microsecond has the same one, and every request here may be repeated.
    pub(super) fn nonce(&self, content: &[u8], at: Instant) -> String {
        let seed = format!("{}\n{}\n{}\n", self.platform.mchid, self.serial_no, at.micros());
        sha256_hex(&[seed.as_bytes(), content].concat()).get(..32).unwrap_or_default().to_owned()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<String, Unable> {
        self.key.sign_sha256(message).ok_or_else(|| bad("private_key", "it does not sign"))
    }
}

fn header(text: &str) -> Result<HeaderValue, Unable> {
    HeaderValue::from_str(text).map_err(|_| bad("mchid", "it does not fit into a header"))
}

pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Unable {
    Unable::BadInput { field, problem: problem.into() }
}
