//! The platforms' APIs, as merchants call them. All answer at one origin, under the paths that they have in production.
//!
//! Contract: a request is carried out only if the merchant signed it as the platform demands. Faults strike around
//! that: before it, so that nothing happened, or after it, so that the merchant does not learn what happened. Nothing
//! here is shared with the merchant's side, so that a mistake in one shows against the other.

mod alipay;
mod fields;
mod lens;
mod stripe;
mod ticket;
mod unionpay;
mod wechatpay;

use std::time::Duration;

use http::{HeaderMap, Method};
use paystate_providers::Provider;

use self::lens::Lens;
use crate::{FaultKind, Sandbox, SandboxError};

/// A merchant's or a browser's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// Without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where the caller reached us, for the links in answers.
    fn origin(&self) -> String {
        format!("https://{}", self.header("host").unwrap_or("localhost"))
    }
}

/// What the caller gets.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Answer),
    /// The connection breaks.
    Silence,
}

/// An answer before it becomes HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }
}

/// Answers if the path is one of an API; `None` otherwise.
pub(crate) async fn answer(sandbox: &Sandbox, call: &Call<'_>) -> Option<Outcome> {
    let provider = provider(call)?;
    sandbox.calls().count(provider);
    Some(carry_out(sandbox, provider, call).await.unwrap_or_else(|error| {
        tracing::error!(%provider, %error, "a call could not be carried out");
        Outcome::Answer(internal_error(provider))
    }))
}

fn provider(call: &Call<'_>) -> Option<Provider> {
    match call.path {
        "/gateway.do" | alipay::FILE_PATH => Some(Provider::Alipay),
        path if path.starts_with("/v3/") => Some(Provider::WechatPay),
        path if path.starts_with("/gateway/api/") => Some(Provider::UnionPay),
        // The file host has one path only, the root; on this origin GET / is the control API's help.
        "/" if call.method == Method::POST => Some(Provider::UnionPay),
        path if path.starts_with("/v1/") => Some(Provider::Stripe),
        _ => None,
    }
}

async fn carry_out(sandbox: &Sandbox, provider: Provider, call: &Call<'_>) -> Result<Outcome, SandboxError> {
    let operation = match provider {
        Provider::Alipay => alipay::operation(call),
        Provider::WechatPay => wechatpay::operation(call),
        Provider::UnionPay => unionpay::operation(sandbox, call),
        Provider::Stripe => stripe::operation(call),
    };
    let fault = operation.map_or(Ok(None), |operation| sandbox.faults().strike(provider, operation))?;
    match fault {
        None => effect(sandbox, provider, call, Lens::clear()).await.map(Outcome::Answer),
        Some(FaultKind::TimeoutBefore(hold)) => Ok(silence(hold).await),
        Some(FaultKind::TimeoutAfter(hold)) => {
            effect(sandbox, provider, call, Lens::clear()).await?;
            Ok(silence(hold).await)
        }
        Some(FaultKind::Outage) => Ok(Outcome::Silence),
        Some(FaultKind::ErrorBefore) => Ok(Outcome::Answer(internal_error(provider))),
        Some(FaultKind::ErrorAfter) => {
            effect(sandbox, provider, call, Lens::clear()).await?;
            if provider == Provider::Stripe {
                stripe::remember_failure(sandbox, call)?;
            }
            Ok(Outcome::Answer(internal_error(provider)))
        }
        Some(FaultKind::Unsigned) => {
            effect(sandbox, provider, call, Lens::clear()).await?;
            Ok(Outcome::Answer(unsigned(provider, call)))
        }
        Some(FaultKind::RateLimited) => rate_limited(sandbox, provider, call).map(Outcome::Answer),
        Some(FaultKind::NotReady) => effect(sandbox, provider, call, Lens::not_ready()).await.map(Outcome::Answer),
        Some(FaultKind::Lie(lie, window)) => {
            effect(sandbox, provider, call, Lens::lying(lie, sandbox.clock().minus(window))).await.map(Outcome::Answer)
        }
    }
}

async fn effect(sandbox: &Sandbox, provider: Provider, call: &Call<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    match provider {
        Provider::Alipay => alipay::answer(sandbox, call, lens),
        Provider::WechatPay => wechatpay::answer(sandbox, call, lens),
        Provider::UnionPay => unionpay::answer(sandbox, call, lens),
        Provider::Stripe => stripe::answer(sandbox, call, lens).await,
    }
}

async fn silence(hold: Duration) -> Outcome {
    tokio::time::sleep(hold).await;
    Outcome::Silence
}

/// A fault on the platform's side; nobody signs it.
fn internal_error(provider: Provider) -> Answer {
    match provider {
        Provider::Alipay | Provider::UnionPay => Answer::new(502, "text/html", "<html>502 Bad Gateway</html>"),
        Provider::WechatPay => wechatpay::unsigned_error(500, "SYSTEM_ERROR", "系统异常,请稍后重试"),
        Provider::Stripe => stripe::error(500, "api_error", None, "An unknown error occurred"),
    }
}

/// What anybody on the way could have written: it says "there is no such thing", and proves nothing.
fn unsigned(provider: Provider, call: &Call<'_>) -> Answer {
    match provider {
        Provider::Alipay => alipay::unsigned(call),
        Provider::WechatPay => wechatpay::unsigned_error(404, "ORDER_NOT_EXIST", "订单不存在"),
        Provider::UnionPay => unionpay::unsigned(),
        // Stripe signs no answer: what TLS brought is Stripe's. The nearest thing is a proxy's page.
        Provider::Stripe => Answer::new(404, "text/html", "<html>404 Not Found</html>"),
    }
}

fn rate_limited(sandbox: &Sandbox, provider: Provider, call: &Call<'_>) -> Result<Answer, SandboxError> {
    match provider {
        Provider::Alipay => alipay::rate_limited(sandbox, call),
        Provider::WechatPay => wechatpay::rate_limited(sandbox, call),
        Provider::UnionPay => unionpay::rate_limited(sandbox),
        Provider::Stripe => Ok(stripe::error(429, "invalid_request_error", Some("rate_limit"), "Too many requests")),
    }
}
