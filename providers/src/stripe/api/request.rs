//! Requests: form-encoded, with the key, the pinned version and what recognises a repetition.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::StripeApi;
use crate::{
    Money,
    api::{Request, Unable},
    encode, ident,
    stripe::amount::to_stripe,
};

/// The version whose objects we read (docs.stripe.com/api/versioning).
const VERSION: HeaderValue = HeaderValue::from_static("2024-06-20");

/// Names and values of a form or query.
pub(super) type Fields<'a> = Vec<(&'static str, &'a str)>;

/// Stripe's name for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// The answer that would have named it never came.
    Unknown,
    Session(&'a str),
    Intent(&'a str),
}

impl<'a> Reference<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Unable> {
        match text.split('_').next() {
            Some("") | None => Ok(Self::Unknown),
            Some("cs") if plain(text) => Ok(Self::Session(text)),
            Some("pi") if plain(text) => Ok(Self::Intent(text)),
            Some(_) => Err(bad("platform_reference", "it names neither a Checkout Session nor a PaymentIntent")),
        }
    }
}

impl StripeApi {
    pub(super) fn get(&self, path: &str, query: Fields<'_>) -> Request {
        let mut url = format!("{}{path}", self.base_url);
        if !query.is_empty() {
            url = format!("{url}?{}", encode::form(&query));
        }
        Request { method: Method::GET, url, headers: self.headers(), body: Vec::new() }
    }

    pub(super) fn post(&self, path: &str, fields: Fields<'_>) -> Request {
        let mut headers = self.headers();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let (url, body) = (format!("{}{path}", self.base_url), encode::form(&fields).into_bytes());
        Request { method: Method::POST, url, headers, body }
    }

    /// A POST that has one effect however often it is sent, for 24 hours.
    pub(super) fn post_once(&self, path: &str, fields: Fields<'_>, key: &str) -> Result<Request, Unable> {
        let key = HeaderValue::from_str(key).map_err(|_| bad("request", "its number is not plain ASCII"))?;
        let mut request = self.post(path, fields);
        request.headers.insert(HeaderName::from_static("idempotency-key"), key);
        Ok(request)
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        headers.insert(HeaderName::from_static("stripe-version"), VERSION);
        if let Some(account) = &self.account {
            headers.insert(HeaderName::from_static("stripe-account"), account.clone());
        }
        headers
    }
}

/// An amount in Stripe's units.
pub(super) fn units(amount: Money) -> Result<String, Unable> {
    let problem = "Stripe has no such amount; of this currency it takes whole units only";
    to_stripe(amount).map(|units| units.to_string()).ok_or_else(|| bad("amount", problem))
}

/// A number of ours.
pub(super) fn number<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Unable> {
    check_number(text).map(|()| text).map_err(|problem| bad(field, problem))
}

/// Which numbers can be found at Stripe: visible ASCII, and nothing that would end a quoted text in a search.
pub(crate) fn check_number(text: &str) -> Result<(), &'static str> {
    let fits = ident::claimed(text).is_some() && !text.contains(['"', '\'', '\\']);
    if fits { Ok(()) } else { Err("it must be 1 to 64 visible ASCII characters without quotes and backslashes") }
}

/// An id of Stripe's, which becomes part of a path.
pub(super) fn plain(id: &str) -> bool {
    (4..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Unable {
    Unable::BadInput { field, problem: problem.into() }
}
