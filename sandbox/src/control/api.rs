//! The control API's routes: JSON in, JSON out, a plain sentence for what is wrong.

use http::{Method, StatusCode};
use paystate_providers::{Currency, Provider};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::HELP;
use crate::{Attack, CloseRequest, DeliveryPlan, PayRequest, RefundRequest, Sandbox, SandboxError};

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Reply {
    fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let body = serde_json::to_string_pretty(value).unwrap_or_default();
        Self { status, content_type: "application/json", body: body + "\n" }
    }

    pub(super) fn problem(status: StatusCode, problem: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": problem }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    account: String,
    out_trade_no: String,
    amount_minor: i64,
    currency: Option<String>,
    #[serde(default = "one")]
    copies: u8,
    #[serde(default)]
    delay_ms: u32,
    #[serde(default)]
    drop_first: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveBack {
    account: String,
    out_trade_no: String,
    transaction_id: Option<String>,
    out_refund_no: String,
    amount_minor: i64,
    #[serde(default = "one")]
    copies: u8,
    #[serde(default)]
    delay_ms: u32,
    #[serde(default)]
    drop_first: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strike {
    account: String,
    kind: String,
    out_trade_no: String,
    amount_minor: i64,
}

fn one() -> u8 {
    1
}

/// Answers one request.
pub(super) async fn answer(sandbox: &Sandbox, method: &Method, path: &str, body: &[u8]) -> Reply {
    let result = match (method.as_str(), path) {
        ("GET", "/") => {
            return Reply { status: StatusCode::OK, content_type: "text/plain; charset=utf-8", body: HELP.to_owned() };
        }
        ("GET", "/ledger") => Ok(Reply::json(StatusCode::OK, &ledger(sandbox))),
        ("POST", "/pay") => pay(sandbox, body).await,
        ("POST", "/refund") => refund(sandbox, body).await,
        ("POST", "/close") => close(sandbox, body).await,
        ("POST", "/attack") => attack(sandbox, body).await,
        (_, "/" | "/ledger" | "/pay" | "/refund" | "/close" | "/attack") => {
            return Reply::problem(StatusCode::METHOD_NOT_ALLOWED, "GET / shows how to call this");
        }
        _ => return Reply::problem(StatusCode::NOT_FOUND, "no such path; GET / lists them"),
    };
    result.unwrap_or_else(|error| Reply::problem(status(&error), &error.to_string()))
}

async fn pay(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Pay { account, out_trade_no, amount_minor, currency, copies, delay_ms, drop_first } = read(body)?;
    let request = PayRequest {
        provider: provider(&account)?,
        out_trade_no,
        amount_minor,
        currency: read_currency(currency.as_deref())?,
        plan: plan(copies, delay_ms, drop_first),
    };
    Ok(Reply::json(StatusCode::OK, &sandbox.pay(request).await?))
}

async fn refund(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let request: GiveBack = read(body)?;
    let request = RefundRequest {
        provider: provider(&request.account)?,
        out_trade_no: request.out_trade_no,
        transaction_id: request.transaction_id,
        out_refund_no: request.out_refund_no,
        amount_minor: request.amount_minor,
        plan: plan(request.copies, request.delay_ms, request.drop_first),
    };
    Ok(Reply::json(StatusCode::OK, &sandbox.refund(request).await?))
}

async fn close(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Pay { account, out_trade_no, amount_minor, currency, copies, delay_ms, drop_first } = read(body)?;
    let request = CloseRequest {
        provider: provider(&account)?,
        out_trade_no,
        amount_minor,
        currency: read_currency(currency.as_deref())?,
        plan: plan(copies, delay_ms, drop_first),
    };
    Ok(Reply::json(StatusCode::OK, &sandbox.close(request).await?))
}

async fn attack(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Strike { account, kind, out_trade_no, amount_minor } = read(body)?;
    let attack = Attack { kind: kind.parse()?, provider: provider(&account)?, out_trade_no, amount_minor };
    Ok(Reply::json(StatusCode::OK, &sandbox.attack(attack).await?))
}

fn ledger(sandbox: &Sandbox) -> serde_json::Value {
    let counters = sandbox.counters();
    let counters: serde_json::Map<_, _> =
        counters.iter().map(|(provider, c)| (provider.to_string(), serde_json::json!(c))).collect();
    serde_json::json!({ "ledger": sandbox.ledger(), "counters": counters })
}

/// Names the field that does not fit.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SandboxError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        SandboxError::invalid("body", format!("{place}{}", error.inner()))
    })?;
    json.end().map_err(|error| SandboxError::invalid("body", error.to_string()))?;
    Ok(value)
}

fn provider(account: &str) -> Result<Provider, SandboxError> {
    account.parse().map_err(|_| SandboxError::invalid("account", "use alipay, wechatpay, unionpay or stripe"))
}

fn read_currency(text: Option<&str>) -> Result<Currency, SandboxError> {
    text.map_or(Ok(Currency::CNY), |text| {
        Currency::parse(text).map_err(|_| SandboxError::invalid("currency", "use three letters, e.g. CNY"))
    })
}

fn plan(copies: u8, delay_ms: u32, drop_first: u8) -> DeliveryPlan {
    DeliveryPlan { copies, delay: std::time::Duration::from_millis(delay_ms.into()), drop_first }
}

fn status(error: &SandboxError) -> StatusCode {
    match error {
        SandboxError::Invalid { .. } => StatusCode::BAD_REQUEST,
        SandboxError::NotFound(_) => StatusCode::NOT_FOUND,
        SandboxError::Conflict(_) => StatusCode::CONFLICT,
        SandboxError::Unreachable(_) => StatusCode::BAD_GATEWAY,
        SandboxError::File { .. }
        | SandboxError::Key { .. }
        | SandboxError::Journal { .. }
        | SandboxError::InUse(_)
        | SandboxError::Crypto(_)
        | SandboxError::Certificate(_)
        | SandboxError::Tls(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
