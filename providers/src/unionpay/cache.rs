//! Certificates that have already proved themselves, by their exact text.
//!
//! Only memory: with or without it every answer is the same. A certificate gets in after it has also
//! verified a message, so nobody but UnionPay can fill the cache. Validity is not part of an entry; it is
//! checked at every use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chain::Leaf;

/// UnionPay signs with one certificate at a time, and with two around a change.
const CAPACITY: usize = 16;

type Entries = Vec<(Box<[u8]>, Arc<Leaf>)>;

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Entries>);

impl Cache {
    pub(super) fn get(&self, pem: &[u8]) -> Option<Arc<Leaf>> {
        self.entries().iter().find(|(known, _)| **known == *pem).map(|(_, leaf)| Arc::clone(leaf))
    }

    /// Keeps an entry; the oldest makes room.
    pub(super) fn insert(&self, pem: &[u8], leaf: Arc<Leaf>) {
        let mut entries = self.entries();
        if entries.iter().any(|(known, _)| **known == *pem) {
            return;
        }
        if entries.len() >= CAPACITY {
            entries.remove(0);
        }
        entries.push((pem.into(), leaf));
    }

    /// No entry is ever half written, so a panic elsewhere does not spoil them.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries().len()
    }
}
