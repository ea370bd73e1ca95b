//! What each payment platform speaks: bytes in, facts out.
//!
//! Contract: every function here is pure. No socket, no clock, no file: the time of receipt comes in
//! with the [`Callback`], keys come in parsed. What was verified is what is used: the verifier hands
//! on the very fields it checked, and nothing parses the body a second time.
//!
//! A platform is one folder with the same rooms:
//! - `notify`: verify a callback, then read facts out of what was verified;
//! - `ack`: what success and failure look like on the wire;
//! - `api`: build and sign a call to the platform, verify and read its answer;
//! - the folder's `mod.rs`: the account's pinned settings and keys, and nothing that a message may choose.
//!
//! A new platform is a new folder and one line in [`registry`].

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
