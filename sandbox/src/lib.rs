//! Stand-in payment platforms: Alipay, WeChat Pay v3, UnionPay 5.1.0 and Stripe.
//!
//! They hold keys of their own, sign notices in the real wire formats, repeat them on the real retry
//! ladders (faster by a factor) until the right acknowledgement, and can duplicate, reorder, delay, lose,
//! tamper and forge. Merchants call them by the platforms' own APIs, and they misbehave there on demand. They know
//! the platforms' side only: no order, no edge, no core.
//!
//! - [`keyring`]: keys, and what a merchant gets from each console;
//! - `api/`: what merchants call; [`Fault`] is how that goes wrong;
//! - [`statement`]: a day's settlement files;
//! - `platform/`: the bytes of notices and of attacks;
//! - `book/`: ledger and journal; what was written survives `kill -9`;
//! - `delivery/`: from a recorded notice to its acknowledgement;
//! - [`press`]: callbacks signed beforehand, for load tests;
//! - [`Sandbox`]: all of it as one object; [`serve`]: the same for a person with curl.

mod api;
mod attack;
mod book;
mod calls;
mod control;
mod delivery;
mod error;
mod fault;
pub mod keyring;
mod ledger;
mod payer;
mod platform;
pub mod press;
mod provider_name;
mod request;
mod sandbox;
mod settings;
mod stamp;
pub mod statement;

pub use self::{
    attack::{Attack, AttackKind, AttackOutcome},
    control::serve,
    error::SandboxError,
    fault::{Fault, FaultKind, Lie, Operation},
    keyring::{ApiAddress, Keyring},
    ledger::{Checkout, Counters, Effect, EffectKind, Ledger, NoticeEntry, Refund, Trade, TradeStatus},
    request::{Callbacks, CheckoutPayment, CloseRequest, DeliveryPlan, PayRequest, RefundRequest},
    sandbox::Sandbox,
    settings::Settings,
    stamp::Stamp,
};
