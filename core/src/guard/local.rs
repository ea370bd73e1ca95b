//! The guard of a single process: a bounded map. When it is full, the oldest half is forgotten.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{Claim, Guard};
use crate::store::NoticeKey;

/// Keys remembered in each of the two generations; about 200 bytes each.
const GENERATION: usize = 50_000;

/// Remembers keys in memory.
#[derive(Debug, Default)]
pub struct LocalGuard {
    known: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<NoticeKey, Claim>,
    old: HashMap<NoticeKey, Claim>,
}

impl Generations {
    fn get(&self, key: &NoticeKey) -> Option<Claim> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn put(&mut self, key: NoticeKey, claim: Claim) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, claim);
    }
}

impl LocalGuard {
    fn known(&self) -> MutexGuard<'_, Generations> {
        // A panic while holding the lock leaves the map whole: every change is one insert or remove.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Guard for LocalGuard {
    async fn claim(&self, keys: &[NoticeKey]) -> Vec<Claim> {
        let mut known = self.known();
        keys.iter()
            .map(|key| {
                known.get(key).unwrap_or_else(|| {
                    known.put(key.clone(), Claim::InFlight);
                    Claim::New
                })
            })
            .collect()
    }

    async fn settle(&self, done: &[NoticeKey], released: &[NoticeKey]) {
        let mut known = self.known();
        for key in done {
            known.put(key.clone(), Claim::Done);
        }
        for key in released {
            known.young.remove(key);
            known.old.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::AccountName;

    fn key(n: usize) -> NoticeKey {
        NoticeKey { provider: "p".into(), account: AccountName::parse("a").unwrap(), content_sha256: n.to_string() }
    }

    #[tokio::test]
    async fn claims_settle_and_are_released() {
        let guard = LocalGuard::default();
        assert_eq!(guard.claim(&[key(1), key(2), key(1)]).await, [Claim::New, Claim::New, Claim::InFlight]);
        guard.settle(&[key(1)], &[key(2)]).await;
        assert_eq!(guard.claim(&[key(1), key(2)]).await, [Claim::Done, Claim::New]);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let guard = LocalGuard::default();
        for n in 0..3 * GENERATION {
            guard.claim(&[key(n)]).await;
        }
        let known = guard.known();
        assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
    }
}
