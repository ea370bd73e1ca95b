//! What the platforms know to be true: checkouts, trades, refunds, and how each notice fared.

use std::collections::BTreeMap;

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::{provider_name, stamp::Stamp};

/// A payment that the merchant asked for by the platform's API, and that a payer may make.
///
/// Its [`Trade`], once there is one, has the same `transaction_id`: no trade, no end yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// The platform.
    #[serde(with = "provider_name")]
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// What the platform tells this request from others by: Alipay and WeChat Pay the shop's number, UnionPay that and
    /// `txnTime`, Stripe an id of its own.
    pub handle: String,
    /// The platform's number of the trade that this becomes.
    pub transaction_id: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// ISO 4217 letters, upper case.
    pub currency: String,
    /// Where notices go; the edge's own path if the platform takes none per request.
    pub notify_url: Option<String>,
    /// When the platform stops taking payment.
    pub expires_at: Option<Stamp>,
    /// What a repetition under the same number must repeat.
    pub terms: String,
    /// Whether the platform knows the trade yet: Alipay's QR code has none before it was scanned.
    pub visible: bool,
    /// What the platform gives back as it was given: Stripe's metadata, by the names of their form fields.
    pub echo: BTreeMap<String, String>,
    /// When the request was made by the merchant's clock where that is part of its name, otherwise by ours.
    pub started_at: Stamp,
    /// When it was opened; unique.
    pub at: Stamp,
}

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
    /// When the merchant asked for it, for those that were asked for.
    #[serde(default)]
    pub started_at: Option<Stamp>,
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
    /// When the merchant asked for it by its own clock, where that is part of its name (UnionPay).
    #[serde(default)]
    pub started_at: Option<Stamp>,
    /// UnionPay: taken back on the day itself instead of refunded.
    #[serde(default)]
    pub void: bool,
    /// What the platform gives back as it was given: Stripe's metadata, by the names of their form fields.
    #[serde(default)]
    pub echo: BTreeMap<String, String>,
    /// When it was made; unique.
    pub at: Stamp,
}

/// What happened to money under one of the shop's numbers. More than one effect is one too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The platform.
    #[serde(with = "provider_name")]
    pub provider: Provider,
    /// Taken or given back.
    pub kind: EffectKind,
    /// `out_trade_no` or `out_refund_no`.
    pub number: String,
    /// How many times.
    pub count: u32,
    /// All together, in minor units.
    pub amount_minor: i64,
}

/// What an effect does to money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// It was taken from a payer.
    Payment,
    /// It was given back.
    Refund,
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
    /// All payments that merchants asked for, oldest first.
    pub checkouts: Vec<Checkout>,
    /// All transactions, oldest first.
    pub trades: Vec<Trade>,
    /// All refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// All notices, oldest first.
    pub notices: Vec<NoticeEntry>,
}

impl Ledger {
    /// Every effect on money, counted by the shop's number.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let paid = self.trades.iter().filter(|trade| trade.status != TradeStatus::Closed);
        let paid = paid.map(|t| (t.provider, EffectKind::Payment, &t.out_trade_no, t.amount_minor));
        let refunded = self.refunds.iter().map(|r| (r.provider, EffectKind::Refund, &r.out_refund_no, r.amount_minor));
        let mut counted: BTreeMap<_, (u32, i64)> = BTreeMap::new();
        for (provider, kind, number, amount_minor) in paid.chain(refunded) {
            let (count, sum) = counted.entry((provider, kind, number)).or_default();
            *count += 1;
            *sum = sum.saturating_add(amount_minor);
        }
        let effect = |((provider, kind, number), (count, amount_minor)): ((_, _, &String), _)| Effect {
            provider,
            kind,
            number: number.clone(),
            count,
            amount_minor,
        };
        counted.into_iter().map(effect).collect()
    }
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
