//! The guard: cheap answers to "was this seen before?" and "is somebody at this order?", shared by all cores,
//! so that duplicates and races do not occupy the database.
//!
//! Contract, the same for every guard and tested by one suite (`conformance.rs`):
//! - A guard may forget, lie, be slow or be gone; throughput suffers, money never does. It decides nothing:
//!   [`Claim::Done`] is a hint that the caller confirms in the store before it believes it, everything else
//!   goes on to the store, and so does what did not get its lock.
//! - A key becomes done only after its transaction has committed, so a crash in between can never make a
//!   lost callback look like a duplicate.
//! - A batch enters under a [`Token`] of its own and leaves under it: one round trip each. Nobody ends the
//!   claim or lock of another token, and what nobody ends, ends by itself ([`Limits`]).

#[cfg(test)]
pub mod conformance;
mod local;
pub mod redis;

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    order::{OrderId, OutTradeNo},
    store::NoticeKey,
};
pub use local::LocalGuard;
pub use redis::RedisGuard;

/// What a guard believes of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Never seen; now ours. Also the answer of a guard that cannot know.
    New,
    /// Somebody is working on it, perhaps this very batch.
    InFlight,
    /// Stored before; the same answer as then is due.
    Done,
}

/// Whose claims and locks they are: 128 random bits in hex, new for each batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    const HEX_DIGITS: usize = 32;

    /// A token that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        let mut bits = [0_u8; Self::HEX_DIGITS / 2];
        // Without randomness two batches look like one: they then do not wait for each other, and the
        // store still tells them apart.
        if aws_lc_rs::rand::fill(&mut bits).is_err() {
            tracing::error!("the system gives no randomness");
        }
        Self(hex::encode(bits))
    }

    /// Reads [`Token::as_str`] back, from whoever says that it is one.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(bytes).ok()?;
        (text.len() == Self::HEX_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(Self(text))
    }

    /// The token: 32 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an input names before the database is asked. Two inputs that name the same thing are about the same order; the
/// converse does not hold, which is one more reason why a lock decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockName(String);

impl LockName {
    /// An order, as commands name it.
    #[must_use]
    pub fn order(id: &OrderId) -> Self {
        Self(format!("order/{id}"))
    }

    /// A payment, as callbacks name it. Its number is unique over all accounts, as it is in the store.
    #[must_use]
    pub fn payment(number: &OutTradeNo) -> Self {
        Self(format!("payment/{number}"))
    }

    /// The name: what kind of thing, `/`, and its id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a guard answers to those who enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// One for each notification, in the same order.
    pub claims: Vec<Claim>,
    /// One for each lock, in the same order: whether it is held by this token now. A guard that cannot know
    /// says yes.
    pub held: Vec<bool>,
}

impl Entry {
    /// The answer of a guard that knows nothing: go on.
    #[must_use]
    pub fn unknown(notices: usize, locks: usize) -> Self {
        Self { claims: vec![Claim::New; notices], held: vec![true; locks] }
    }
}

/// What a guard stands on outside of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// Its name, e.g. `redis`.
    pub name: &'static str,
    /// Whether it helps now. If not, the service goes on without it.
    pub well: bool,
}

/// How long entries last, and how long a round trip may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A round trip that takes longer counts as failed; what it did is unknown. Default 20 ms.
    pub command: Duration,
    /// How long a claim lasts whose batch never left. Default 10 s.
    pub claim: Duration,
    /// How long a lock lasts whose batch never left. Longer than a transaction usually takes, shorter than a platform
    /// waits. Default 5 s.
    pub lock: Duration,
    /// How long it is remembered that a notification is stored. Longer than the ladders of Alipay and WeChat Pay.
    /// Default 26 h.
    pub done: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command: Duration::from_millis(20),
            claim: Duration::from_secs(10),
            lock: Duration::from_secs(5),
            done: Duration::from_secs(26 * 60 * 60),
        }
    }
}

/// A memory of notifications and locks, shared by all who commit.
#[async_trait]
pub trait Guard: Send + Sync + 'static {
    /// Claims notifications and takes locks. Entering again under the same token is harmless: what it holds
    /// it keeps, what was busy is tried again.
    async fn enter(&self, token: &Token, notices: &[&NoticeKey], locks: &[&LockName]) -> Entry;
    /// Ends what was entered: `done` after their commit; claims that were `released` because nothing was
    /// stored, and `locks`, where they are this token's.
    async fn leave(&self, token: &Token, done: &[&NoticeKey], released: &[&NoticeKey], locks: &[&LockName]);
    /// What it stands on; nothing for a guard of this process alone.
    fn backend(&self) -> Option<Backend>;
}
