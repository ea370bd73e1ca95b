//! Hands the log of events on to RabbitMQ, for services that live on a broker.
//!
//! Contract:
//! - every event is published **at least once**, and the events of one order in their order: a consumer that takes the
//!   first delivery of each `event_id` sees 1, 2, 3 … without a gap;
//! - [`Publisher::publish`] returns only when the broker has confirmed every message, however often it has to connect
//!   again for that; so a caller that moves its position afterwards loses nothing;
//! - the position is kept at the core, as that of a durable subscription. Nothing is kept here.
//!
//! The way of an event: [`Relay`] reads a batch of the subscription -> [`Messages`] serialises it -> `rounds` splits
//! the batch so that no two messages of one order are under way together -> [`Publisher`] -> `link`, one connection
//! with one channel in confirm mode.

mod address;
mod health;
mod link;
mod message;
mod publisher;
mod relay;
mod rounds;
mod subscription;

pub use address::{Address, SettingProblem, Settings};
pub use health::{Health, NotReady};
pub use message::{Format, Message, Messages, Unwritable};
pub use publisher::Publisher;
pub use relay::{Relay, RelayError};
