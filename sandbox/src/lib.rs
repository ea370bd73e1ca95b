//! Stand-in payment platforms: Alipay, WeChat Pay v3, UnionPay 5.1.0 and Stripe.
//!
//! They hold keys of their own, sign notices in the real wire formats, repeat them on the real retry
//! ladders (faster by a factor) until the right acknowledgement, and can duplicate, reorder, delay, lose,
//! tamper and forge. They know the platforms' side only: no order, no edge, no core.
//!
//! - [`keyring`]: keys, and what a merchant gets from each console;
//! - `platform/`: the bytes of notices and of attacks;
//! - `book/`: ledger and journal; what was written survives `kill -9`;
//! - `delivery/`: from a recorded notice to its acknowledgement;
//! - [`press`]: callbacks signed beforehand, for load tests;
//! - [`Sandbox`]: all of it as one object; [`serve`]: the same for a person with curl.

mod attack;
mod book;
mod control;
mod delivery;
mod error;
pub mod keyring;
mod ledger;
mod platform;
pub mod press;
mod provider_name;
mod request;
mod sandbox;
mod settings;
mod stamp;

pub use self::{
    attack::{Attack, AttackKind, AttackOutcome},
    control::serve,
    error::SandboxError,
    keyring::Keyring,
    ledger::{Counters, Ledger, NoticeEntry, Refund, Trade, TradeStatus},
    request::{CloseRequest, DeliveryPlan, PayRequest, RefundRequest},
    sandbox::Sandbox,
    settings::Settings,
    stamp::Stamp,
};
