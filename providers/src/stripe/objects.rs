//! The members that we read of Stripe's objects. Structs, not maps: serde refuses a repeated member.

use serde::Deserialize;

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
    /// `payment`, `subscription` or `setup`.
    pub(super) mode: Option<String>,
    pub(super) payment_status: String,
    pub(super) payment_intent: Option<String>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) client_reference_id: Option<String>,
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
    pub(super) metadata: Option<Metadata>,
}
