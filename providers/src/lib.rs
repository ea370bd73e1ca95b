//! What each payment platform speaks: bytes in, facts out.
//!
//! Contract: every function here is pure. No socket, no clock, no file: the time of receipt comes in
//! with the [`Callback`], keys come in parsed. What was verified is what is used: the verifier hands
//! on the very fields it checked, and nothing parses the body a second time.
//!
//! A platform is one folder:
//! - its `mod.rs`: the account's pinned settings and keys, nothing that a message may choose, and how callbacks are answered;
//! - `signature`, and `notify` or `events`: verify a callback, then read facts out of what was verified;
//! - `api`: build and sign a call to the platform, verify and read its answer.
//!
//! One file in [`statement`] says how its statements are read.
//!
//! What is new with a platform besides: a line in [`registry`] and each `match` on [`Provider`], which does not compile without it;
//! its methods in the contract; its settings in the configuration.

pub mod alipay;
pub mod api;
mod bill_day;
mod callback;
mod crypto;
mod encode;
mod fact;
mod failure;
mod form;
mod headers;
mod ident;
pub mod money;
pub mod registry;
mod rejection;
mod settings;
pub mod statement;
pub mod stripe;
#[cfg(test)]
mod testing;
pub mod time;
pub mod unionpay;
pub mod wechatpay;

pub use callback::{Ack, Callback, Notice, Outcome, Platform};
pub use crypto::{KeyError, RsaPrivateKey, RsaPublicKey};
pub use fact::{Fact, Payer, PaymentFact, PaymentStatus, RefundAmount, RefundFact, RefundStatus};
pub use money::{Currency, Money};
pub use registry::Provider;
pub use rejection::{Reason, Rejection};
pub use settings::SettingProblem;
pub use time::Instant;
