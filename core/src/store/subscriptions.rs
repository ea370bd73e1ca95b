//! Durable subscriptions, in a place where every core finds them.
//!
//! Contract, the same for every database and tested with that of [`Store`](super::Store):
//! - A subscription is written as a whole, and only over the version that was read: the second writer gets
//!   [`StoreError::Conflict`] and decides again.
//! - How far a lease was sent, which only grows, and whether its stream is alive are kept beside the version: they
//!   change with each batch, and make nobody decide again.
//! - Nothing here waits for a unit of the log, or makes one wait.

use async_trait::async_trait;

use super::{Cursor, EventRow, Page, StoreError};
use crate::{
    order::{OrderId, RequestId, SubscriptionName, Timestamp},
    subscription::{Delivery, Subscription},
};

/// How many revisions after the confirmed one are counted for a backlog; more would make the answer slow when it is
/// needed most.
pub const BACKLOG_REVISIONS: i64 = 100_000;

/// How a subscription was asked for, so that a repeated request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// The idempotency key.
    pub id: RequestId,
    /// Hash of what was asked for.
    pub fingerprint: String,
}

/// What a subscription has yet to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many events; counted within [`BACKLOG_REVISIONS`].
    pub count: i64,
    /// When the oldest of them was decided.
    pub oldest: Option<Timestamp>,
}

/// What stands in the way of a new subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// The subscription that has this name, or was made by this request.
    pub subscription: Subscription,
    /// The request that made it.
    pub request: Option<SubscriptionRequest>,
}

/// The subscriptions of a database.
#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    /// Stores a new subscription; `None` if it was stored, otherwise the one that has its name, or was made by its
    /// request.
    async fn create(
        &self,
        new: &Subscription,
        request: Option<&SubscriptionRequest>,
    ) -> Result<Option<Existing>, StoreError>;
    /// Reads one.
    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>, StoreError>;
    /// Lists them by name.
    async fn list(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Subscription>, StoreError>;
    /// Writes one over the version that it was read with.
    async fn update(&self, changed: &Subscription) -> Result<(), StoreError>;
    /// Removes one; answers whether it was there.
    async fn delete(&self, name: &SubscriptionName) -> Result<bool, StoreError>;
    /// Notes for a delivery that everything up to a revision is about to be sent, and when it counts as failed; answers
    /// whether its lease is still the one that counts.
    async fn note(&self, name: &SubscriptionName, delivery: Delivery) -> Result<bool, StoreError>;
    /// What a subscription has yet to be sent; what is put aside does not count.
    async fn backlog(&self, subscription: &Subscription) -> Result<Backlog, StoreError>;
    /// What is put aside for a subscription, parked or held, oldest first.
    async fn aside(
        &self,
        subscription: &Subscription,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<EventRow>, StoreError>;
    /// How many events that are.
    async fn aside_count(&self, subscription: &Subscription) -> Result<i64, StoreError>;
    /// An event of an order's journal.
    async fn event(&self, order_id: &OrderId, sequence: i64) -> Result<Option<EventRow>, StoreError>;
}
