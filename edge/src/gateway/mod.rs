//! What the core asks of the edge: calls to platforms.
//!
//! Contract:
//! - every question is answered within a limited time, with an outcome; anything but a whole, verified answer of the
//!   platform is UNKNOWN, because only a question can tell whether there was an effect;
//! - a call that was begun is carried out, whether or not the core still waits: cancelling it would not take back what
//!   was sent, only what is known of it;
//! - only what the platform's code has verified leaves as a fact; keys and `Authorization` never leave.
//!
//! The way of a call through the files: `service` -> `operations` (`ask`: in the platforms' words) -> `line` ->
//! `http`, and back. Statements: `statement` -> `download`.

mod ask;
mod download;
mod http;
mod limits;
mod line;
mod observe;
mod operations;
mod server;
mod service;
mod statement;
mod trust;

pub use limits::GatewayLimits;
pub use server::serve_gateway;
pub use service::Gateway;
pub use trust::{TrustError, trust};
