//! The lines of the journal. One line is one indivisible step: a trade is never stored without its notices.

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::{AttackKind, Checkout, DeliveryPlan, Refund, Trade, platform::Signer, provider_name, stamp::Stamp};

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// A merchant asked for a payment.
    Opened { checkout: Checkout },
    /// The payer's scan made an Alipay checkout a trade.
    Scanned {
        #[serde(with = "provider_name")]
        provider: Provider,
        handle: String,
    },
    /// A trade was paid or closed.
    Traded { trade: Trade, notices: Vec<Notice> },
    /// Money was given back.
    Refunded { refund: Refund, notices: Vec<Notice> },
    /// Notices that had been held back were let go.
    Released { notices: Vec<Notice> },
    /// Stripe keeps the first answer under an idempotency key.
    Answered { key: String, request_sha256: String, status: u16, body: String },
    /// A send ended.
    Attempt {
        notice: String,
        /// Counted from zero; copies share one.
        round: usize,
        /// Whether it was a deliberate duplicate.
        duplicate: bool,
        result: AttemptResult,
        at: Stamp,
    },
    /// The right acknowledgement came.
    Acked { notice: String, at: Stamp },
    /// The last retry failed.
    Exhausted { notice: String, at: Stamp },
    /// An attack was answered.
    Attacked {
        #[serde(with = "provider_name")]
        provider: Provider,
        kind: AttackKind,
        out_trade_no: String,
        status: u16,
        accepted: bool,
        at: Stamp,
    },
}

/// A notice, whole: what is needed to send it again after a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) id: String,
    #[serde(with = "provider_name")]
    pub(crate) provider: Provider,
    pub(crate) out_trade_no: String,
    pub(crate) kind: String,
    pub(crate) signer: Signer,
    pub(crate) plan: DeliveryPlan,
    pub(crate) body: String,
    /// Where it goes; the account's own path at the edge if the merchant named none.
    #[serde(default)]
    pub(crate) url: Option<String>,
    pub(crate) at: Stamp,
}

/// How a send ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AttemptResult {
    /// Lost on the wire on purpose.
    Lost,
    /// The edge answered.
    Answered { status: u16, acknowledged: bool },
    /// No answer.
    Failed { error: String },
}
