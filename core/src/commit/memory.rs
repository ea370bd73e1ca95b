//! What this core itself has lately seen in the store: notifications of its own commits, and those that the store
//! confirmed. Platforms repeat themselves; most of what comes in a rush is answered from here.
//!
//! Contract: this is knowledge, not a hint, so a duplicate is answered from here without asking anything else. It is
//! learned only after COMMIT or from the store's answer, never from a guard. It is at most [`KEPT`] old, and all of it
//! is forgotten when a connection to the store broke ([`crate::store::Store::outages`]): a standby that takes over may
//! lack the last commits, and then a platform's repetition is what brings them back. Bounded: two generations of
//! [`GENERATION`] keys.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::store::NoticeKey;

/// Keys in each of the two generations; about 150 bytes each.
const GENERATION: usize = 50_000;

/// Entries expire after at most this long. A generation stays young for a third of it, or for up to two thirds while
/// nothing looks here; after that it is old for a third.
const KEPT: Duration = Duration::from_secs(60);

/// Remembers notifications that are stored.
#[derive(Debug)]
pub(super) struct Memory(Mutex<Generations>);

#[derive(Debug)]
struct Generations {
    young: HashSet<NoticeKey>,
    old: HashSet<NoticeKey>,
    /// When `young` was empty.
    begun: Instant,
    epoch: Epoch,
}

/// How often the store was away, by its own count and by ours. What was learned in another epoch is not believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Epoch {
    outages: u64,
    failures: u64,
}

impl Memory {
    pub(super) fn new() -> Self {
        let (young, old) = (HashSet::new(), HashSet::new());
        Self(Mutex::new(Generations { young, old, begun: Instant::now(), epoch: Epoch::default() }))
    }

    /// The epoch in which the store's next answers are learned. `outages` is the store's count.
    pub(super) fn epoch(&self, outages: u64) -> Epoch {
        let mut generations = self.current();
        if generations.epoch.outages != outages {
            generations.epoch.outages = outages;
            generations.clear();
        }
        generations.epoch
    }

    /// Whether the store has it, as far as this core knows.
    pub(super) fn knows(&self, key: &NoticeKey) -> bool {
        let generations = self.current();
        generations.young.contains(key) || generations.old.contains(key)
    }

    /// The store had these in that epoch.
    pub(super) fn learn<'a>(&self, epoch: Epoch, keys: impl IntoIterator<Item = &'a NoticeKey>) {
        let mut generations = self.current();
        if generations.epoch != epoch {
            return;
        }
        for key in keys {
            if generations.young.len() >= GENERATION {
                generations.turn();
            }
            generations.young.insert(key.clone());
        }
    }

    /// The store did not answer.
    pub(super) fn forget(&self) {
        let mut generations = self.current();
        generations.epoch.failures += 1;
        generations.clear();
    }

    /// Without what is too old.
    fn current(&self) -> MutexGuard<'_, Generations> {
        // A panic while holding the lock leaves the sets whole: every change is one insert or a swap.
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = generations.begun.elapsed();
        if age >= KEPT * 2 / 3 {
            generations.clear();
        } else if age >= KEPT / 3 {
            generations.turn();
        }
        generations
    }
}

impl Generations {
    fn turn(&mut self) {
        self.old = mem::take(&mut self.young);
        self.begun = Instant::now();
    }

    fn clear(&mut self) {
        self.turn();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::conformance::notice;

    #[tokio::test(start_paused = true)]
    async fn knowledge_is_never_older_than_it_may_be() {
        // Whenever the lookups happen: the steps add up to the age, and between two of them there is a lookup.
        for steps in [[1, 59], [39, 21], [20, 40], [59, 1], [30, 30], [19, 41]] {
            let memory = Memory::new();
            memory.learn(Epoch::default(), [&notice(1)]);
            assert!(memory.knows(&notice(1)));
            for seconds in steps {
                memory.knows(&notice(2));
                tokio::time::advance(Duration::from_secs(seconds)).await;
            }
            assert!(!memory.knows(&notice(1)), "{steps:?}");
        }
        let memory = Memory::new();
        memory.learn(Epoch::default(), [&notice(1)]);
        tokio::time::advance(KEPT / 3).await;
        assert!(memory.knows(&notice(1)));
    }

    #[tokio::test]
    async fn what_was_said_before_an_outage_is_not_learned_after_it() {
        let memory = Memory::new();
        let before = memory.epoch(0);
        memory.learn(before, [&notice(1)]);
        let after = memory.epoch(1);
        memory.learn(before, [&notice(2)]);
        assert!(!memory.knows(&notice(1)) && !memory.knows(&notice(2)));
        memory.learn(after, [&notice(3)]);
        assert!(memory.knows(&notice(3)));
        memory.forget();
        memory.learn(after, [&notice(4)]);
        assert!(!memory.knows(&notice(3)) && !memory.knows(&notice(4)));
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let memory = Memory::new();
        for n in 0..3 * GENERATION {
            memory.learn(Epoch::default(), [&notice(n)]);
        }
        let generations = memory.current();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
        drop(generations);
        assert!(memory.knows(&notice(3 * GENERATION - 1)) && !memory.knows(&notice(0)));
    }
}
