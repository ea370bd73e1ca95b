//! What this core itself has lately seen in the store: notifications of its own commits, and those that the store
//! confirmed. Platforms repeat themselves; most of what comes in a rush is answered from here.
//!
//! Contract: this is knowledge and no hint, so a duplicate is answered by it without a question to anybody. It is learned
//! after COMMIT or from the store's answer alone, never from a guard. It is at most [`KEPT`] old, and all of it is
//! forgotten when the store was away: a standby that takes over may lack the last commits, and a platform's repetition
//! is then what brings them back. Bounded: two generations of [`GENERATION`] keys.

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

/// How old knowledge may be before the store is asked again.
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
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Generations { young: HashSet::new(), old: HashSet::new(), begun: Instant::now() }))
    }

    /// Whether the store has it, as far as this core knows.
    pub(super) fn knows(&self, key: &NoticeKey) -> bool {
        let generations = self.current();
        generations.young.contains(key) || generations.old.contains(key)
    }

    /// The store has these.
    pub(super) fn learn<'a>(&self, keys: impl IntoIterator<Item = &'a NoticeKey>) {
        let mut generations = self.current();
        for key in keys {
            if generations.young.len() >= GENERATION {
                generations.turn();
            }
            generations.young.insert(key.clone());
        }
    }

    /// The store was away.
    pub(super) fn forget(&self) {
        let mut generations = self.current();
        generations.turn();
        generations.turn();
    }

    /// Without what is too old.
    fn current(&self) -> MutexGuard<'_, Generations> {
        // A panic while holding the lock leaves the sets whole: every change is one insert or a swap.
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = generations.begun.elapsed();
        if age >= KEPT / 2 {
            generations.turn();
        }
        if age >= KEPT {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::conformance::notice;

    #[tokio::test(start_paused = true)]
    async fn knowledge_is_never_older_than_it_may_be() {
        let memory = Memory::new();
        let (first, second) = (notice(1), notice(2));
        tokio::time::advance(KEPT / 4).await;
        memory.learn([&first]);
        tokio::time::advance(KEPT / 4).await;
        memory.learn([&second]);
        assert!(memory.knows(&first) && memory.knows(&second));
        tokio::time::advance(KEPT / 2).await;
        assert!(!memory.knows(&first) && memory.knows(&second));
        tokio::time::advance(KEPT).await;
        assert!(!memory.knows(&second));
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let memory = Memory::new();
        for n in 0..3 * GENERATION {
            memory.learn([&notice(n)]);
        }
        let generations = memory.current();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
        drop(generations);
        assert!(memory.knows(&notice(3 * GENERATION - 1)) && !memory.knows(&notice(0)));
    }
}
