//! The truth: the order state machine, its database, and the gRPC services over it.
//!
//! Rooms, top to bottom; a room uses only rooms below it:
//! - [`service`]: the gRPC rim; protobuf to domain and back, error details, nothing else;
//! - `reconcile`: the platforms' statements and our record, compared both ways;
//! - [`compensate`]: asks platforms about what nobody tells us, and follows what is to be done there to its end;
//! - `intake`: verified messages as the door takes them;
//! - [`commit`]: the one door through which every change goes;
//! - [`feed`]: readers of the log see each event, in order and soon; the door rings its bell;
//! - [`guard`]: cheap hints about duplicates, never believed without the store;
//! - [`store`]: the database, which is the truth;
//! - `wire`, `clock`, `platform`: values of the contract that several rooms read and write, the time, and what differs between
//!   platforms;
//! - [`subscription`]: where a durable reader of the log stands; pure;
//! - [`order`]: the pure domain;
//! - [`seal`]: personal and secret data at rest;
//! - [`sha256`]: hashes as values.

mod clock;
pub mod commit;
pub mod compensate;
pub mod feed;
pub mod guard;
mod intake;
pub mod order;
mod platform;
mod reconcile;
pub mod seal;
pub mod service;
pub mod sha256;
pub mod store;
pub mod subscription;
mod wire;

pub use intake::{Account, Accounts, Calls};
pub use platform::{PlatformRules, StatementDay};
