//! What each platform says on the wire. Pure but for the clock and the random source: a trade goes in,
//! the bytes of its notices come out.
//!
//! A notice's body is fixed when it is drafted; [`request`] adds what a platform makes anew for each send.

mod alipay;
mod form;
pub(crate) mod stripe;
mod unionpay;
mod wechatpay;

use std::sync::atomic::AtomicBool;

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::{
    AttackKind, Checkout, Refund, SandboxError, Trade,
    keyring::Secrets,
    stamp::{Stamp, Stamps},
};

/// What the platforms write with.
pub(crate) struct Desk<'a> {
    pub(crate) keys: &'a Secrets,
    pub(crate) stamps: &'a Stamps,
    /// Whose turn it is of WeChat Pay's two keys.
    pub(crate) turns: &'a AtomicBool,
}

/// A notice before it has a number.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The platform's word for what happened.
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) signer: Signer,
}

/// Which of a platform's keys signs the sends of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signer {
    /// The platform's only one.
    Fixed,
    WechatPublicKey,
    WechatCertificate,
}

/// One send.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Request {
    /// The request with one header's value replaced.
    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The platform's number for a transaction.
pub(crate) fn transaction_id(provider: Provider, at: Stamp) -> String {
    match provider {
        Provider::Alipay => at.digits28(2200),
        Provider::WechatPay => at.digits28(4200),
        Provider::UnionPay => at.digits21(),
        Provider::Stripe => at.stripe_id("pi"),
    }
}

/// The platform's number for a refund.
pub(crate) fn refund_id(provider: Provider, at: Stamp) -> String {
    match provider {
        Provider::Alipay => at.digits28(2201),
        Provider::WechatPay => at.digits28(5030),
        Provider::UnionPay => at.digits21(),
        Provider::Stripe => at.stripe_id("re"),
    }
}

/// The notices of a payment; `origin` is what it was asked for by, if it was.
pub(crate) fn paid(desk: &Desk<'_>, trade: &Trade, origin: Option<&Checkout>) -> Result<Vec<Draft>, SandboxError> {
    match trade.provider {
        Provider::Alipay => alipay::paid(desk, trade),
        Provider::WechatPay => wechatpay::paid(desk, trade),
        Provider::UnionPay => unionpay::paid(desk, trade),
        Provider::Stripe => Ok(stripe::paid(desk, trade, origin)),
    }
}

/// The notices of a refund; `trade` already counts it.
pub(crate) fn refunded(desk: &Desk<'_>, trade: &Trade, refund: &Refund) -> Result<Vec<Draft>, SandboxError> {
    match trade.provider {
        Provider::Alipay => alipay::refunded(desk, trade, refund),
        Provider::WechatPay => wechatpay::refunded(desk, trade, refund),
        Provider::UnionPay => unionpay::refunded(desk, trade, refund),
        Provider::Stripe => Ok(stripe::refunded(desk, trade, refund)),
    }
}

/// The notices of closing an unpaid trade. WeChat Pay and UnionPay send none.
pub(crate) fn closed(desk: &Desk<'_>, trade: &Trade, origin: Option<&Checkout>) -> Result<Vec<Draft>, SandboxError> {
    match trade.provider {
        Provider::Alipay => alipay::closed(desk, trade),
        Provider::Stripe => Ok(stripe::closed(desk, trade, origin)),
        Provider::WechatPay | Provider::UnionPay => Ok(Vec::new()),
    }
}

/// Where the edge takes a platform's callbacks. The account has the platform's name.
pub(crate) fn callback_path(provider: Provider) -> String {
    format!("/callback/{provider}/{provider}")
}

/// One send of a notice. Platforms that sign each send sign that it happens at `sent_at`, seconds since the
/// Unix epoch.
pub(crate) fn request(
    desk: &Desk<'_>,
    provider: Provider,
    signer: Signer,
    body: String,
    sent_at: i64,
) -> Result<Request, SandboxError> {
    match provider {
        Provider::Alipay => Ok(alipay::request(body)),
        Provider::WechatPay => wechatpay::request(desk, signer, body, sent_at),
        Provider::UnionPay => Ok(unionpay::request(body)),
        Provider::Stripe => stripe::request(desk, body, sent_at),
    }
}

/// A message that must be refused, claiming at `now` (seconds since the Unix epoch) that `trade` was paid.
/// `None` where the platform's protocol has no such weakness.
pub(crate) fn forge(
    desk: &Desk<'_>,
    kind: AttackKind,
    trade: &Trade,
    now: i64,
) -> Result<Option<Request>, SandboxError> {
    match trade.provider {
        Provider::Alipay => alipay::forge(desk, kind, trade),
        Provider::WechatPay => wechatpay::forge(desk, kind, trade, now),
        Provider::UnionPay => unionpay::forge(desk, kind, trade),
        Provider::Stripe => stripe::forge(desk, kind, trade, now),
    }
}

/// Whether an answer stops the retries.
pub(crate) fn acknowledged(provider: Provider, status: u16, body: &[u8]) -> bool {
    match provider {
        Provider::Alipay => status == 200 && body == b"success",
        Provider::WechatPay => matches!(status, 200 | 204),
        Provider::UnionPay => status == 200,
        Provider::Stripe => (200..300).contains(&status),
    }
}

/// The trade for one fen, or for two: what the attacker really paid.
fn other_amount(trade: &Trade) -> Trade {
    Trade { amount_minor: if trade.amount_minor == 1 { 2 } else { 1 }, ..trade.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_answer_stops_the_retries() {
        let cases: [(Provider, u16, &[u8], bool); 13] = [
            (Provider::Alipay, 200, b"success", true),
            (Provider::Alipay, 200, b"\"success\"", false),
            (Provider::Alipay, 200, b"success\n", false),
            (Provider::Alipay, 200, b"", false),
            (Provider::Alipay, 204, b"success", false),
            (Provider::WechatPay, 204, b"", true),
            (Provider::WechatPay, 200, b"{}", true),
            (Provider::WechatPay, 201, b"", false),
            (Provider::UnionPay, 200, b"ok", true),
            (Provider::UnionPay, 204, b"", false),
            (Provider::Stripe, 202, b"", true),
            (Provider::Stripe, 302, b"", false),
            (Provider::Stripe, 500, b"", false),
        ];
        for (provider, status, body, right) in cases {
            assert_eq!(acknowledged(provider, status, body), right, "{provider} {status} {body:?}");
        }
    }
}
