//! The guard: cheap answers to "was this seen before?", so that duplicates do not occupy the database.
//!
//! Contract: a guard may forget, lie, be slow or be gone; throughput suffers, money never does.
//! - It decides nothing. [`Claim::Done`] is a hint that the caller confirms in the store before it
//!   believes it; [`Claim::InFlight`] and [`Claim::New`] both go on to the store.
//! - A key becomes done only after its transaction has committed, so a crash in between can never make a
//!   lost callback look like a duplicate.

mod local;

use async_trait::async_trait;

use crate::store::NoticeKey;
pub use local::LocalGuard;

/// What a guard believes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Never seen; now ours.
    New,
    /// Somebody is at it.
    InFlight,
    /// Stored before.
    Done,
}

/// A memory of notifications, shared by all who commit.
#[async_trait]
pub trait Guard: Send + Sync + 'static {
    /// Claims keys, in one round trip. One answer for each, in the same order.
    async fn claim(&self, keys: &[NoticeKey]) -> Vec<Claim>;
    /// Ends claims: `done` after their commit, `released` when nothing was stored.
    async fn settle(&self, done: &[NoticeKey], released: &[NoticeKey]);
}
