//! What every gRPC listener and channel of ours has in common.
//!
//! Contract:
//! - a listener with TLS ends the handshake of every caller without a certificate of its authority, so behind it every
//!   call has a [`Peer`] with verified names;
//! - [`AccessLayer`] is the one place that decides who may call what, from one table of methods; a method
//!   without a rule is never reached;
//! - [`MeterLayer`] counts the calls that were let pass, by how they ended;
//! - [`DeadlineLayer`] answers every call in time, with DEADLINE_EXCEEDED if need be;
//! - nothing here knows what the calls are about.
//!
//! The way of a call: [`incoming`] (handshake, names) -> [`AccessLayer`] -> [`MeterLayer`] -> [`DeadlineLayer`] -> the service.

mod access;
mod channel;
mod deadline;
mod drain;
mod incoming;
mod meter;
mod peer;
mod pem;
mod servers;
mod sparse;
mod status;
pub mod tls;

pub use access::{AccessLayer, Allowed, Callers, Role, Roles, Rule};
pub use channel::channel;
pub use deadline::DeadlineLayer;
pub use drain::bounded;
pub use incoming::{Connection, incoming};
pub use meter::MeterLayer;
pub use peer::Peer;
pub use pem::{TlsError, certificates, ends, private_key};
pub use servers::{Failure, Repeat, Servers};
pub use status::status;
