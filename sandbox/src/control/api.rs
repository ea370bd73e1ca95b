//! The control API's routes: JSON in, JSON out, a plain sentence for what is wrong.

use http::{Method, StatusCode};
use paystate_providers::{Currency, Provider};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::HELP;
use crate::{
    Attack, Callbacks, CheckoutPayment, CloseRequest, DeliveryPlan, Fault, FaultKind, Lie, Operation, PayRequest,
    RefundRequest, Sandbox, SandboxError, statement::Blemish,
};

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

    fn done() -> Self {
        Self::json(StatusCode::OK, &serde_json::json!({ "done": true }))
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayCheckout {
    account: String,
    out_trade_no: String,
    callbacks: Option<Telling>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    account: String,
    out_trade_no: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    account: String,
    callbacks: Telling,
    #[serde(default)]
    delay_ms: u32,
}

/// [`Callbacks`] in JSON.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Telling {
    Sent,
    Never,
    AfterClose,
}

impl Telling {
    fn callbacks(self, delay_ms: u32) -> Callbacks {
        match self {
            Self::Sent => Callbacks::Sent(plan(1, delay_ms, 0)),
            Self::Never => Callbacks::Never,
            Self::AfterClose => Callbacks::AfterClose,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Misbehave {
    account: String,
    operation: Option<Operation>,
    kind: Misbehaviour,
    lie: Option<Lie>,
    #[serde(default)]
    for_ms: u32,
    times: Option<u32>,
    #[serde(default = "hundred")]
    percent: u8,
}

/// [`FaultKind`] in JSON.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Misbehaviour {
    TimeoutBefore,
    TimeoutAfter,
    ErrorBefore,
    ErrorAfter,
    Unsigned,
    RateLimited,
    Outage,
    NotReady,
    Lie,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    account: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoil {
    account: String,
    number: String,
    amount_minor: Option<i64>,
    fee_minor: Option<i64>,
}

fn hundred() -> u8 {
    100
}

fn one() -> u8 {
    1
}

const PATHS: [&str; 15] = [
    "/",
    "/ledger",
    "/effects",
    "/calls",
    "/pay",
    "/refund",
    "/close",
    "/attack",
    "/pay-checkout",
    "/scan",
    "/callbacks",
    "/let-go",
    "/fault",
    "/behave",
    "/blemish",
];

/// Answers one request.
pub(super) async fn answer(sandbox: &Sandbox, method: &Method, path: &str, body: &[u8]) -> Reply {
    let result = match (method.as_str(), path) {
        ("GET", "/") => {
            return Reply { status: StatusCode::OK, content_type: "text/plain; charset=utf-8", body: HELP.to_owned() };
        }
        ("GET", "/ledger") => Ok(Reply::json(StatusCode::OK, &ledger(sandbox))),
        ("GET", "/effects") => Ok(Reply::json(StatusCode::OK, &sandbox.ledger().effects())),
        ("GET", "/calls") => Ok(Reply::json(StatusCode::OK, &calls(sandbox))),
        ("POST", "/pay") => pay(sandbox, body).await,
        ("POST", "/refund") => refund(sandbox, body).await,
        ("POST", "/close") => close(sandbox, body).await,
        ("POST", "/attack") => attack(sandbox, body).await,
        ("POST", "/pay-checkout") => pay_checkout(sandbox, body).await,
        ("POST", "/scan") => scan(sandbox, body).await,
        ("POST", "/callbacks") => callbacks(sandbox, body),
        ("POST", "/let-go") => let_go(sandbox, body),
        ("POST", "/fault") => fault(sandbox, body),
        ("POST", "/behave") => behave(sandbox, body),
        ("POST", "/blemish") => blemish(sandbox, body),
        (_, path) if PATHS.contains(&path) => {
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

async fn pay_checkout(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let PayCheckout { account, out_trade_no, callbacks } = read(body)?;
    let callbacks = callbacks.map(|telling| telling.callbacks(0));
    let payment = CheckoutPayment { provider: provider(&account)?, out_trade_no, callbacks };
    Ok(Reply::json(StatusCode::OK, &sandbox.pay_checkout(payment).await?))
}

async fn scan(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Named { account, out_trade_no } = read(body)?;
    Ok(Reply::json(StatusCode::OK, &sandbox.scan(provider(&account)?, &out_trade_no).await?))
}

fn callbacks(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Tell { account, callbacks, delay_ms } = read(body)?;
    sandbox.set_callbacks(provider(&account)?, callbacks.callbacks(delay_ms));
    Ok(Reply::done())
}

fn let_go(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Named { account, out_trade_no } = read(body)?;
    sandbox.let_go(provider(&account)?, &out_trade_no)?;
    Ok(Reply::done())
}

fn fault(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Misbehave { account, operation, kind, lie, for_ms, times, percent } = read(body)?;
    let time = std::time::Duration::from_millis(for_ms.into());
    let kind = match (kind, lie) {
        (Misbehaviour::TimeoutBefore, _) => FaultKind::TimeoutBefore(time),
        (Misbehaviour::TimeoutAfter, _) => FaultKind::TimeoutAfter(time),
        (Misbehaviour::ErrorBefore, _) => FaultKind::ErrorBefore,
        (Misbehaviour::ErrorAfter, _) => FaultKind::ErrorAfter,
        (Misbehaviour::Unsigned, _) => FaultKind::Unsigned,
        (Misbehaviour::RateLimited, _) => FaultKind::RateLimited,
        (Misbehaviour::Outage, _) => FaultKind::Outage,
        (Misbehaviour::NotReady, _) => FaultKind::NotReady,
        (Misbehaviour::Lie, Some(lie)) => FaultKind::Lie(lie, time),
        (Misbehaviour::Lie, None) => {
            return Err(SandboxError::invalid("lie", "use not_found, pending or closed"));
        }
    };
    sandbox.add_fault(Fault { provider: provider(&account)?, operation, kind, times, percent });
    Ok(Reply::done())
}

fn behave(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Account { account } = read(body)?;
    sandbox.clear_faults(provider(&account)?);
    Ok(Reply::done())
}

fn blemish(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, SandboxError> {
    let Spoil { account, number, amount_minor, fee_minor } = read(body)?;
    let blemish = match (amount_minor, fee_minor) {
        (None, None) => Blemish::Missing,
        (Some(amount), None) => Blemish::Amount(amount),
        (None, Some(fee)) => Blemish::Fee(fee),
        (Some(_), Some(_)) => return Err(SandboxError::invalid("fee_minor", "leave it out beside amount_minor")),
    };
    sandbox.blemish(provider(&account)?, &number, blemish);
    Ok(Reply::done())
}

fn ledger(sandbox: &Sandbox) -> serde_json::Value {
    let counters = sandbox.counters();
    let counters: serde_json::Map<_, _> =
        counters.iter().map(|(provider, c)| (provider.to_string(), serde_json::json!(c))).collect();
    serde_json::json!({ "ledger": sandbox.ledger(), "counters": counters })
}

/// Calls of the platforms' APIs: account, second since the Unix epoch, how many.
fn calls(sandbox: &Sandbox) -> serde_json::Value {
    let calls = sandbox.calls().seen();
    calls.iter().map(|(provider, calls)| (provider.to_string(), serde_json::json!(calls))).collect()
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
        | SandboxError::Statement(_)
        | SandboxError::Tls(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
