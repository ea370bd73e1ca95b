//! The members that we read of Stripe's objects. Structs, not maps: serde refuses a repeated member.

use serde::{Deserialize, de::IgnoredAny};

/// An object that another one points at: its id or, in answers to questions that ask for it, the object itself.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Ref<T> {
    Id(String),
    Object(Box<T>),
}

impl Ref<PaymentIntent> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(intent) => &intent.id,
        }
    }
}

#[derive(Deserialize, Default)]
pub(super) struct Metadata {
    /// The shop's number of the payment attempt, set by the shop.
    pub(super) out_trade_no: Option<String>,
    /// The shop's number of the refund, set by the shop.
    pub(super) out_refund_no: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) metadata: Option<Metadata>,
    pub(super) status: Option<String>,
    pub(super) livemode: Option<bool>,
    pub(super) created: Option<i64>,
    pub(super) canceled_at: Option<i64>,
    /// The charge that succeeded, or the last one that failed.
    pub(super) latest_charge: Option<Ref<ChargeTime>>,
    /// Whether the last try failed.
    pub(super) last_payment_error: Option<IgnoredAny>,
    /// Lets a browser pay, and nothing else.
    pub(super) client_secret: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ChargeTime {
    pub(super) created: i64,
}

#[derive(Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) payment_intent: Option<String>,
    pub(super) captured: bool,
    pub(super) amount_captured: i64,
    pub(super) currency: String,
    pub(super) metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(super) struct Session {
    pub(super) id: Option<String>,
    /// `open`, `complete` or `expired`.
    pub(super) status: Option<String>,
    pub(super) livemode: Option<bool>,
    /// Where the payer goes; null once the session is over.
    pub(super) url: Option<String>,
    /// `payment`, `subscription` or `setup`.
    pub(super) mode: Option<String>,
    pub(super) payment_status: String,
    pub(super) payment_intent: Option<Ref<PaymentIntent>>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment_intent: Option<String>,
    pub(super) charge: Option<String>,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: Option<String>,
    pub(super) created: Option<i64>,
    pub(super) metadata: Option<Metadata>,
}
