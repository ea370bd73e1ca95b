//! Exchanges with platforms: what was asked, what was answered, and how long it took. A record for people: nothing is decided
//! by it, so it is not part of any unit.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    order::{AccountName, OrderId, OutRefundNo, OutTradeNo, Timestamp},
    seal::Sealed,
};

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExchangeOutcome {
    /// The platform answered, and the answer is verified.
    Answered,
    /// The platform knows no such payment or refund.
    NotFound,
    /// Refused for good.
    Refused,
    /// Nobody knows whether it had an effect.
    Unknown,
    /// The platform asked for patience.
    RateLimited,
    /// Nothing was sent.
    NotSent,
}

impl ExchangeOutcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Answered, Self::NotFound, Self::Refused, Self::Unknown, Self::RateLimited, Self::NotSent];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ANSWERED",
            Self::NotFound => "NOT_FOUND",
            Self::Refused => "REFUSED",
            Self::Unknown => "UNKNOWN",
            Self::RateLimited => "RATE_LIMITED",
            Self::NotSent => "NOT_SENT",
        }
    }

    /// Reads [`ExchangeOutcome::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.as_str() == text)
    }
}

/// One request to a platform and its answer, as it is listed; its bytes stay sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// A UUID of version 7, so that ids are in the order of time.
    pub id: String,
    /// Platform.
    pub provider: String,
    /// Account.
    pub account: AccountName,
    /// What it was for, e.g. `QueryPayment`.
    pub operation: String,
    /// The order that it was about, where there is one.
    pub order_id: Option<OrderId>,
    /// The payment's number.
    pub out_trade_no: Option<OutTradeNo>,
    /// The refund's number.
    pub out_refund_no: Option<OutRefundNo>,
    /// When the request was sent.
    pub started_at: Timestamp,
    /// Microseconds from there to the end of the answer, or to giving up.
    pub duration_us: i64,
    /// HTTP status of the answer; 0 when none came.
    pub http_status: u16,
    /// How it ended.
    pub outcome: ExchangeOutcome,
    /// The platform's code, or the edge's.
    pub code: String,
    /// HTTP method and URL without its query.
    pub target: String,
}

/// An exchange with what was sent and received, sealed at `exchange/{id}`.
#[derive(Debug, Clone)]
pub struct ExchangeRow {
    /// What may be listed.
    pub exchange: Exchange,
    /// Request and response.
    pub sealed: Sealed,
}

/// The exchanges of a database. Retention drops those of old months with the messages.
#[async_trait]
pub trait Exchanges: Send + Sync + 'static {
    /// Stores exchanges; those that are there already are left as they are.
    async fn record(&self, rows: &[ExchangeRow]) -> Result<(), StoreError>;
    /// The newest `limit` exchanges about an order, oldest first.
    async fn of_order(&self, order_id: &OrderId, limit: u32) -> Result<Vec<Exchange>, StoreError>;
}
