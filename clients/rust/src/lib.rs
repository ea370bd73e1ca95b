//! For services of the shop: the way to paystate's cores, and readers of its events that lose and repeat nothing.
//!
//! paystate keeps the payment state of orders true. A service asks and commands it through the generated clients in
//! [`v1`], and learns of changes by following the log of events.
//!
//! | you want to | use |
//! |---|---|
//! | reach a core, or several: plaintext on loopback, TLS, mTLS | [`Connect`] |
//! | ask and command: CreateOrder, GetOrder, WatchOrder … | [`v1::order_service_client::OrderServiceClient`] over a [`Channel`] |
//! | apply each payment **exactly once** to a database of your own | [`Follower`], a [`Handler`] |
//! | do something for each payment **at least once**, without a database | [`Subscriber`], a [`SubscriptionHandler`] |
//! | tell errors apart | [`Refusal`], [`FollowError`] |
//!
//! ```no_run
//! use paystate_client::{Connect, Refusal, v1};
//! use v1::order_service_client::OrderServiceClient;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = Connect::to("http://127.0.0.1:50051").lazy()?;
//! let mut orders = OrderServiceClient::new(channel);
//! let order = orders.get_order(v1::GetOrderRequest { order_id: "A1".into() }).await;
//! let order = order.map_err(Refusal::from)?.into_inner().order;
//! # Ok(()) }
//! ```
//!
//! # Which reader
//!
//! Every event has a revision: its place in one log, without gaps, in commit order. A reader sees every event that its
//! filter wants, in order, and can prove it: each batch begins where the one before ended.
//!
//! A **[`Follower`]** keeps its position itself, in the transaction of its effects. That is what makes the effects
//! exactly once, and it is right for whoever has a database: stock, coupons, a search index. A **[`Subscriber`]** lets
//! the core keep the position. It is right for effects outside of any database, such as mails, and brings along a
//! backlog that operators can see, and a place for events that cannot be handled.
//!
//! # What is tried again
//!
//! A [`Channel`] tries reads again while a core is away, and everything that surely reached no core. A write whose
//! answer was lost is not repeated: whether that is safe only you know. CreateOrder and StartPayment are safe to repeat
//! with the same `request_id`.
//!
//! Two runnable examples are in the folder `examples`: `inventory` and `order`.

mod backoff;
mod chain;
mod channel;
mod connect;
mod error;
mod events;
mod follower;
mod pause;
mod start;
mod subscriber;

pub use paystate_proto::v1;

pub use self::{
    backoff::Backoff,
    chain::ChainBroken,
    channel::Channel,
    connect::{Connect, ConnectError},
    error::Refusal,
    follower::{FollowError, Follower, Handler},
    start::Start,
    subscriber::{Subscriber, SubscriptionHandler, Unhandled},
};
