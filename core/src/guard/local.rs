//! The guard of a single process: a bounded map. When it is full, the oldest half is forgotten.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{Backend, Claim, Entry, Guard, Limits, LockName, Token};
use crate::store::NoticeKey;

/// Names remembered in each of the two generations; about 250 bytes each.
const GENERATION: usize = 50_000;

/// Remembers names in memory.
#[derive(Debug, Default)]
pub struct LocalGuard {
    limits: Limits,
    known: Mutex<Generations>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Claim(NoticeKey),
    Lock(LockName),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Token(Token),
    Done,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Name, (Holder, Instant)>,
    old: HashMap<Name, (Holder, Instant)>,
}

impl Generations {
    fn holder(&self, name: &Name) -> Option<&Holder> {
        let (holder, until) = self.young.get(name).or_else(|| self.old.get(name))?;
        (*until > Instant::now()).then_some(holder)
    }

    fn put(&mut self, name: Name, holder: Holder, lasts: Duration) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(name, (holder, Instant::now() + lasts));
    }

    /// Takes what nobody holds. Answers with who held it.
    fn take(&mut self, name: Name, token: &Token, lasts: Duration) -> Option<Holder> {
        let holder = self.holder(&name).cloned();
        if holder.is_none() {
            self.put(name, Holder::Token(token.clone()), lasts);
        }
        holder
    }

    fn release(&mut self, name: &Name, token: &Token) {
        if self.holder(name) == Some(&Holder::Token(token.clone())) {
            self.young.remove(name);
            self.old.remove(name);
        }
    }
}

impl LocalGuard {
    /// Remembers for as long as `limits` say.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Generations> {
        // A panic while holding the lock leaves the map whole: every change is one insert or remove.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Guard for LocalGuard {
    async fn enter(&self, token: &Token, notices: &[&NoticeKey], locks: &[&LockName]) -> Entry {
        let mut known = self.known();
        let claim = |notice: &&NoticeKey| match known.take(Name::Claim((*notice).clone()), token, self.limits.claim) {
            None => Claim::New,
            Some(Holder::Token(_)) => Claim::InFlight,
            Some(Holder::Done) => Claim::Done,
        };
        let claims = notices.iter().map(claim).collect();
        let hold = |lock: &&LockName| {
            let holder = known.take(Name::Lock((*lock).clone()), token, self.limits.lock);
            holder.is_none_or(|h| h == Holder::Token(token.clone()))
        };
        Entry { claims, held: locks.iter().map(hold).collect() }
    }

    async fn leave(&self, token: &Token, done: &[&NoticeKey], released: &[&NoticeKey], locks: &[&LockName]) {
        let mut known = self.known();
        for notice in done {
            known.put(Name::Claim((*notice).clone()), Holder::Done, self.limits.done);
        }
        let claims = released.iter().map(|notice| Name::Claim((*notice).clone()));
        for name in claims.chain(locks.iter().map(|lock| Name::Lock((*lock).clone()))) {
            known.release(&name, token);
        }
    }

    fn backend(&self) -> Option<Backend> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::conformance::{conformance, notice};

    conformance!(|limits| async move { LocalGuard::new(limits) });

    #[tokio::test]
    async fn memory_is_bounded() {
        let guard = LocalGuard::default();
        let token = Token::random();
        for n in 0..3 * GENERATION {
            guard.enter(&token, &[&notice(n)], &[]).await;
        }
        let known = guard.known();
        assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
    }
}
