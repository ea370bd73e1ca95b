//! The guard of several cores: Redis, or anything that speaks its protocol and has `SET … NX GET` (Redis 7.0).
//!
//! Contract: as for every guard, and
//! - one pipeline per batch on entry, one when it leaves, however many callbacks are in it;
//! - nothing waits for Redis longer than [`Limits::command`], and nothing at all while it is known not to
//!   help: the breaker is in `link.rs`;
//! - every reply is checked. What is not the reply of an honest server counts as a failure and is answered
//!   as by a guard that knows nothing.
//!
//! Keys, all of one hash tag, so that in a Cluster a batch is one pipeline to one node:
//!
//! | key | value | lasts |
//! |---|---|---|
//! | `{PREFIX}:claim:PLATFORM/ACCOUNT/SHA256` | the batch's token | 10 s |
//! | the same | `done:DUPLICATE`, the outcome that a repetition is answered with | 26 h |
//! | `{PREFIX}:lock:order/ID`, `{PREFIX}:lock:payment/NUMBER` | the batch's token | 5 s |
//! | `{PREFIX}:probe` | a token | 1 s |

mod address;
mod link;
#[cfg(test)]
pub(crate) mod tests;

use std::{sync::Arc, time::Duration};

use ::redis::{Cmd, Pipeline, RedisResult, Value};
use async_trait::async_trait;
use tokio::task::AbortHandle;

use super::{Backend, Claim, Entry, Guard, Limits, LockName, Token};
use crate::store::NoticeKey;
pub use address::{Address, Kind, SettingProblem, Settings};
use link::{Fault, Link};

/// A claim that is done: how the repetition is answered.
const DONE: &str = "done:DUPLICATE";

/// Deletes the keys that still hold this token, and no others. Sent whole each time: it is shorter than what
/// a server that has forgotten it would cost.
const RELEASE: &str = "local n = 0
for _, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[1] then n = n + redis.call('DEL', key) end
end
return n";

/// How long the key of a probe lasts.
const PROBE_LASTS: Duration = Duration::from_secs(1);

/// Claims and locks in Redis.
#[derive(Debug)]
pub struct RedisGuard {
    link: Arc<Link>,
    limits: Limits,
    /// Keeps the link; ends with the guard.
    keeper: AbortHandle,
}

impl RedisGuard {
    /// Starts a guard. It connects in the background, and connects again whenever it has to: Redis may come
    /// later than we do. Call within a Tokio runtime.
    #[must_use]
    pub fn start(address: Address, limits: Limits) -> Self {
        let link = Arc::new(Link::new(address, limits.command));
        let keeper = tokio::spawn(link.clone().keep()).abort_handle();
        Self { link, limits, keeper }
    }

    fn claim_key(&self, notice: &NoticeKey) -> String {
        let NoticeKey { provider, account, content_sha256 } = notice;
        self.link.key(format_args!("claim:{provider}/{account}/{content_sha256}"))
    }

    fn lock_key(&self, lock: &LockName) -> String {
        self.link.key(format_args!("lock:{}", lock.as_str()))
    }
}

impl Drop for RedisGuard {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

#[async_trait]
impl Guard for RedisGuard {
    async fn enter(&self, token: &Token, notices: &[&NoticeKey], locks: &[&LockName]) -> Entry {
        let unknown = || Entry::unknown(notices.len(), locks.len());
        if self.link.is_down() || notices.is_empty() && locks.is_empty() {
            return unknown();
        }
        let mut pipe = Pipeline::with_capacity(notices.len() + locks.len());
        for notice in notices {
            pipe.add_command(take(&self.claim_key(notice), token, self.limits.claim));
        }
        for lock in locks {
            pipe.add_command(take(&self.lock_key(lock), token, self.limits.lock));
        }
        let read = |replies: Vec<RedisResult<Value>>| {
            let mut first_fault = Ok(());
            let mut holders = replies.into_iter().map(|reply| {
                holder(reply).unwrap_or_else(|fault| {
                    first_fault = std::mem::replace(&mut first_fault, Ok(())).and(Err(fault));
                    Holder::Nobody
                })
            });
            let claims = holders.by_ref().take(notices.len()).map(|h| h.claim()).collect();
            let held = holders.map(|h| h.lets_in(token)).collect();
            (Entry { claims, held }, first_fault)
        };
        self.link.ask(pipe, read).await.unwrap_or_else(unknown)
    }

    async fn leave(&self, token: &Token, done: &[&NoticeKey], released: &[&NoticeKey], locks: &[&LockName]) {
        if self.link.is_down() || done.is_empty() && released.is_empty() && locks.is_empty() {
            return;
        }
        let mut pipe = Pipeline::with_capacity(done.len() + 1);
        for notice in done {
            pipe.add_command(set(&self.claim_key(notice), DONE, self.limits.done));
        }
        let claims = released.iter().map(|notice| self.claim_key(notice));
        let keys: Vec<_> = claims.chain(locks.iter().map(|lock| self.lock_key(lock))).collect();
        if !keys.is_empty() {
            pipe.add_command(release(&keys, token));
        }
        // What the guard does not hear now it learns from the next duplicate, and what is not released expires.
        self.link.ask(pipe, |replies| ((), replies.into_iter().try_for_each(written))).await;
    }

    fn backend(&self) -> Option<Backend> {
        Some(Backend { name: "redis", well: !self.link.is_down() })
    }
}

/// Who holds a key, as Redis told it.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    Token(Token),
    Done,
}

impl Holder {
    fn claim(&self) -> Claim {
        match self {
            Self::Nobody => Claim::New,
            Self::Token(_) => Claim::InFlight,
            Self::Done => Claim::Done,
        }
    }

    /// Whether a lock with this holder is ours. One that is "done" is nonsense, and waiting would not help.
    fn lets_in(&self, token: &Token) -> bool {
        match self {
            Self::Nobody | Self::Done => true,
            Self::Token(holder) => holder == token,
        }
    }
}

/// `SET … NX GET`: takes what nobody holds and answers with who held it.
fn take(key: &str, token: &Token, lasts: Duration) -> Cmd {
    let mut command = set(key, token.as_str(), lasts);
    command.arg("NX").arg("GET");
    command
}

fn set(key: &str, value: &str, lasts: Duration) -> Cmd {
    let mut command = Cmd::with_capacity(7, key.len() + 64);
    command.arg("SET").arg(key).arg(value).arg("PX").arg(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
    command
}

fn release(keys: &[String], token: &Token) -> Cmd {
    let mut command = Cmd::with_capacity(4 + keys.len(), RELEASE.len() + keys.len() * 128);
    command.arg("EVAL").arg(RELEASE).arg(keys.len()).arg(keys).arg(token.as_str());
    command
}

/// Reads the reply to [`take`].
fn holder(reply: RedisResult<Value>) -> Result<Holder, Fault> {
    let reply = reply.map_err(Fault::refused)?;
    if reply == Value::Nil {
        return Ok(Holder::Nobody);
    }
    let Value::BulkString(held) = reply else { return Err(Fault::Nonsense) };
    if held == DONE.as_bytes() {
        return Ok(Holder::Done);
    }
    Token::read(held).map(Holder::Token).ok_or(Fault::Nonsense)
}

/// Reads the reply to [`set`] or [`release`].
fn written(reply: RedisResult<Value>) -> Result<(), Fault> {
    let reply = reply.map_err(Fault::refused)?;
    if matches!(reply, Value::Okay | Value::Int(_)) { Ok(()) } else { Err(Fault::Nonsense) }
}
