//! From the contract's requests to the platforms' questions, and back. Pure.
//!
//! What a question lacks is reported as [`NotSent`]: nothing was sent, and repeating it here will not help.

use paystate_proto::v1;
use paystate_providers::{
    Currency, Instant, Money,
    api::{Action, Initiate, InitiateMethod, PaymentRef, Refund, Unable},
    statement::{Day, Line, LineKind},
};
use prost_types::Timestamp;

use crate::convert;

/// That nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotSent {
    pub(crate) why: Why,
    /// For people.
    pub(crate) detail: String,
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// This edge has no keys for calls of the account.
    NoApi,
    /// This edge does not have the account.
    AccountUnknown,
    /// The platform has no such operation.
    NoSuchOperation,
    /// The question cannot be put to this platform.
    BadInput,
}

impl Why {
    /// Stable name, for people and logs.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NoApi => "NO_API",
            Self::AccountUnknown => "ACCOUNT_UNKNOWN",
            Self::NoSuchOperation => "NO_SUCH_OPERATION",
            Self::BadInput => "BAD_INPUT",
        }
    }

    /// The outcome by which the core decides.
    fn outcome(self) -> v1::PlatformOutcome {
        match self {
            Self::NoApi | Self::AccountUnknown => v1::PlatformOutcome::NotSent,
            Self::NoSuchOperation => v1::PlatformOutcome::NoSuchOperation,
            Self::BadInput => v1::PlatformOutcome::BadInput,
        }
    }
}

impl NotSent {
    pub(crate) fn new(why: Why, detail: &str) -> Self {
        Self { why, detail: detail.to_owned() }
    }

    fn bad(field: &str, problem: impl std::fmt::Display) -> Self {
        Self { why: Why::BadInput, detail: format!("{field}: {problem}") }
    }
}

impl From<Unable> for NotSent {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::NoSuchOperation(what) => Self::new(Why::NoSuchOperation, what),
            Unable::BadInput { field, problem } => Self::bad(field, problem),
        }
    }
}

impl From<NotSent> for v1::PlatformAnswer {
    fn from(NotSent { why, detail }: NotSent) -> Self {
        Self { outcome: why.outcome().into(), code: why.code().to_owned(), detail, ..Self::default() }
    }
}

pub(crate) fn initiate(ask: &v1::InitiateRequest) -> Result<Initiate<'_>, NotSent> {
    Ok(Initiate {
        method: method(ask.method())?,
        out_trade_no: required("out_trade_no", &ask.out_trade_no)?,
        amount: money("amount", ask.amount.as_ref())?,
        description: &ask.description,
        started_at: instant("start_time", ask.start_time.as_ref())?,
        expires_at: ask.expire_time.as_ref().map(|time| instant("expire_time", Some(time))).transpose()?,
        payer_id: &ask.payer_id,
        client_ip: &ask.client_ip,
        return_url: &ask.return_url,
    })
}

pub(crate) fn query_payment(ask: &v1::QueryPaymentRequest) -> Result<PaymentRef<'_>, NotSent> {
    Ok(PaymentRef {
        out_trade_no: required("out_trade_no", &ask.out_trade_no)?,
        started_at: ask.start_time.as_ref().map(|time| instant("start_time", Some(time))).transpose()?,
        expires_at: ask.expire_time.as_ref().map(|time| instant("expire_time", Some(time))).transpose()?,
        reference: &ask.platform_reference,
        amount: money("amount", ask.amount.as_ref())?,
    })
}

/// Closing names a payment by number or reference alone, and no fact comes of it, so any amount will do.
pub(crate) fn close_payment(ask: &v1::ClosePaymentRequest) -> Result<PaymentRef<'_>, NotSent> {
    Ok(PaymentRef {
        out_trade_no: required("out_trade_no", &ask.out_trade_no)?,
        started_at: None,
        expires_at: None,
        reference: &ask.platform_reference,
        amount: Money { minor: 0, currency: Currency::CNY },
    })
}

pub(crate) fn refund(ask: &v1::RefundRequest) -> Result<Refund<'_>, NotSent> {
    Ok(Refund {
        out_trade_no: &ask.out_trade_no,
        transaction_id: &ask.transaction_id,
        out_refund_no: required("out_refund_no", &ask.out_refund_no)?,
        refund_id: "",
        amount: money("amount", ask.amount.as_ref())?,
        paid: money("paid_amount", ask.paid_amount.as_ref())?,
        reason: &ask.reason,
        paid_at: ask.pay_time.as_ref().map(|time| instant("pay_time", Some(time))).transpose()?,
        started_at: instant("start_time", ask.start_time.as_ref())?,
    })
}

/// A question needs neither a reason nor the amount that was paid; the refund's own amount stands in for that.
pub(crate) fn query_refund(ask: &v1::QueryRefundRequest) -> Result<Refund<'_>, NotSent> {
    let amount = money("amount", ask.amount.as_ref())?;
    Ok(Refund {
        out_trade_no: &ask.out_trade_no,
        transaction_id: &ask.transaction_id,
        out_refund_no: &ask.out_refund_no,
        refund_id: &ask.refund_id,
        amount,
        paid: amount,
        reason: "",
        paid_at: None,
        started_at: instant("start_time", ask.start_time.as_ref())?,
    })
}

/// A calendar day, `2026-11-22`.
pub(crate) fn day(text: &str) -> Result<Day, NotSent> {
    let date: jiff::civil::Date = text.parse().map_err(|_| NotSent::bad("date", "is no date; write 2026-11-22"))?;
    Ok(Day { year: date.year(), month: date.month(), day: date.day() })
}

pub(crate) fn action(action: Action) -> v1::initiate_response::Action {
    match action {
        Action::RedirectUrl(url) => v1::initiate_response::Action::RedirectUrl(url),
        Action::HtmlForm(form) => v1::initiate_response::Action::HtmlForm(form),
        Action::QrText(text) => v1::initiate_response::Action::QrText(text),
        Action::SignedParameters(parameters) => {
            let values = parameters.into_iter().collect();
            v1::initiate_response::Action::SignedParameters(v1::SignedParameters { values })
        }
    }
}

pub(crate) fn statement_line(line: Line) -> v1::StatementLine {
    let Line { number, kind, out_trade_no, transaction_id, out_refund_no, refund_id, amount, fee_minor, occurred_at } =
        line;
    v1::StatementLine {
        number: i64::try_from(number).unwrap_or(i64::MAX),
        out_trade_no,
        transaction_id,
        out_refund_no,
        refund_id,
        amount: Some(convert::money(amount)),
        fee_minor,
        occur_time: occurred_at.map(convert::timestamp),
        kind: match kind {
            LineKind::Payment => v1::StatementLineKind::Payment.into(),
            LineKind::Refund => v1::StatementLineKind::Refund.into(),
        },
    }
}

fn method(method: v1::PaymentMethod) -> Result<InitiateMethod, NotSent> {
    use v1::PaymentMethod as M;
    match method {
        M::AlipayPage => Ok(InitiateMethod::AlipayPage),
        M::AlipayWap => Ok(InitiateMethod::AlipayWap),
        M::AlipayApp => Ok(InitiateMethod::AlipayApp),
        M::AlipayPrecreate => Ok(InitiateMethod::AlipayPrecreate),
        M::WechatpayNative => Ok(InitiateMethod::WechatPayNative),
        M::WechatpayJsapi => Ok(InitiateMethod::WechatPayJsapi),
        M::WechatpayApp => Ok(InitiateMethod::WechatPayApp),
        M::WechatpayH5 => Ok(InitiateMethod::WechatPayH5),
        M::UnionpayGateway => Ok(InitiateMethod::UnionPayGateway),
        M::StripeCheckout => Ok(InitiateMethod::StripeCheckout),
        M::StripePaymentIntent => Ok(InitiateMethod::StripePaymentIntent),
        M::External | M::Unspecified => Err(NotSent::bad("method", "is none that can be begun at a platform")),
    }
}

fn required<'a>(field: &str, text: &'a str) -> Result<&'a str, NotSent> {
    if text.is_empty() { Err(NotSent::bad(field, "is missing")) } else { Ok(text) }
}

fn money(field: &str, money: Option<&v1::Money>) -> Result<Money, NotSent> {
    let money = money.ok_or_else(|| NotSent::bad(field, "is missing"))?;
    if money.amount_minor < 0 {
        return Err(NotSent::bad(field, "is negative"));
    }
    let currency = Currency::parse(&money.currency).map_err(|rejection| NotSent::bad(field, rejection.detail))?;
    Ok(Money { minor: money.amount_minor, currency })
}

fn instant(field: &str, time: Option<&Timestamp>) -> Result<Instant, NotSent> {
    let time = time.ok_or_else(|| NotSent::bad(field, "is missing"))?;
    let micros = time.seconds.checked_mul(1_000_000).and_then(|m| m.checked_add(i64::from(time.nanos / 1000)));
    micros.map(Instant::from_micros).ok_or_else(|| NotSent::bad(field, "is out of range"))
}
