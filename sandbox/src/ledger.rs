//! What the platforms know to be true: trades, refunds, and how each notice fared.

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::{provider_name, stamp::Stamp};

/// Where a trade stands at its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeStatus {
    /// Paid; perhaps refunded in part.
    Paid,
    /// Paid, and all of it given back.
    Refunded,
    /// Closed without payment.
    Closed,
}

/// One transaction at a platform. An order that was paid twice has two of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The platform.
    #[serde(with = "provider_name")]
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// The platform's number.
    pub transaction_id: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// ISO 4217 letters, upper case.
    pub currency: String,
    /// Where it stands.
    pub status: TradeStatus,
    /// How much was given back, in minor units.
    pub refunded_minor: i64,
    /// When it was paid or closed; unique.
    pub at: Stamp,
}

/// Money given back on a trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The platform.
    #[serde(with = "provider_name")]
    pub provider: Provider,
    /// The shop's number of the trade.
    pub out_trade_no: String,
    /// The platform's number of the trade.
    pub transaction_id: String,
    /// The shop's number of the refund.
    pub out_refund_no: String,
    /// The platform's number of the refund.
    pub refund_id: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// When it was made; unique.
    pub at: Stamp,
}

/// One notice and how its delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeEntry {
    /// The sandbox's own number of the notice.
    pub id: String,
    /// The platform.
    #[serde(with = "provider_name")]
    pub provider: Provider,
    /// The shop's number of the trade.
    pub out_trade_no: String,
    /// The platform's word for what happened, e.g. `TRADE_SUCCESS`.
    pub kind: String,
    /// SHA-256 of the body, lower-case hex. Every attempt and every copy sends these very bytes.
    pub body_sha256: String,
    /// Sends that went out, duplicates included.
    pub sent: u32,
    /// Sends that were lost on the wire on purpose.
    pub dropped: u32,
    /// Whether the right acknowledgement has come.
    pub acked: bool,
    /// Whether the platform gave up after its last retry.
    pub exhausted: bool,
}

/// A snapshot of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// All transactions, oldest first.
    pub trades: Vec<Trade>,
    /// All refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// All notices, oldest first.
    pub notices: Vec<NoticeEntry>,
}

/// What one platform has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Notices that the platform wants to deliver.
    pub notices: u64,
    /// Sends that went out, first tries, retries and duplicates alike.
    pub sent: u64,
    /// Notices whose right acknowledgement has come.
    pub acknowledged: u64,
    /// Sends that were deliberate duplicates.
    pub duplicates_sent: u64,
    /// Sends that were lost on the wire on purpose.
    pub dropped: u64,
    /// Sends that were answered wrongly or not at all.
    pub failed_attempts: u64,
    /// Notices given up after the last retry.
    pub exhausted: u64,
    /// Attacks that got an answer.
    pub attacks_sent: u64,
    /// Attacks that were answered with anything but an acknowledgement.
    pub attacks_refused: u64,
    /// Attacks that were acknowledged. Must stay zero.
    pub attacks_accepted: u64,
}
