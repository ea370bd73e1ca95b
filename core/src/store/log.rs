//! The log of all events, for readers that go on from where they were.
//!
//! Contract, the same for every database and tested with that of [`Store`](super::Store):
//! - Revisions are given out without gaps and in commit order. What one call answers comes from one snapshot: whoever
//!   reads on after the last revision that it got has all that was committed, whatever is being written meanwhile.
//! - The log has an id. A database that was restored has another one, because what follows a revision may differ there.
//! - Reading never waits for a unit, and has connections of its own.
//! - An announcement carries nothing and may be lost. A listener therefore looks by itself now and then.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use uuid::Uuid;

use super::{EventRow, StoreError};
use crate::order::Timestamp;

/// How far, in microseconds, the times of events may run against the order of their revisions: cores have clocks of
/// their own, and an input may wait for its commit.
const DISORDER: i64 = 60_000_000;

/// Which log a revision is a place in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub Uuid);

impl LogId {
    /// Reads what a database holds.
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        text.parse().map(Self).map_err(|e| StoreError::Damaged(format!("log id {text:?}: {e}")))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogState {
    /// Which log.
    pub id: LogId,
    /// The last revision; 0 when there is none.
    pub head: i64,
    /// The first revision that retention has left; one more than the head if it has left none.
    pub oldest: i64,
}

/// An event as it is read from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The event.
    pub row: EventRow,
    /// About how many bytes it has.
    pub bytes: usize,
}

/// Consecutive events, and the state of the log when they were read.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// The log at that moment.
    pub state: LogState,
    /// In the order of their revisions.
    pub entries: Vec<Arc<LogEntry>>,
}

/// A log that may be read.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// What there is.
    async fn state(&self) -> Result<LogState, StoreError>;
    /// The first `limit` events after a revision.
    async fn after(&self, revision: i64, limit: u32) -> Result<LogPage, StoreError>;
    /// The revision of the first event at or after a time; one more than the head if there is none. Correct as long as
    /// times run less than a minute against the order of revisions.
    async fn first_at(&self, time: Timestamp) -> Result<i64, StoreError>;
    /// Gives the log a new id because it was set back behind a revision that it had; answers whether it did. Nothing
    /// happens if the log is another one by now, or if `revision` is given and the log reaches it.
    async fn set_back(&self, seen: LogId, revision: Option<i64>) -> Result<bool, StoreError>;
    /// Tells other processes that the log has grown.
    async fn announce(&self) -> Result<(), StoreError>;
    /// Listens to what other processes announce.
    async fn listen(&self) -> Result<Box<dyn Announcements>, StoreError>;
}

/// What other processes announce.
#[async_trait]
pub trait Announcements: Send {
    /// Returns when another process may have made the log grow. After an error, listen anew.
    async fn heard(&mut self) -> Result<(), StoreError>;
}

/// Finds a revision, close to the first match, before which every event is older than a time.
pub(super) struct Search {
    surely_before: i64,
    before: i64,
    not_before: i64,
}

impl Search {
    pub(super) fn new(state: LogState, time: Timestamp) -> Self {
        let surely_before = time.0.saturating_sub(DISORDER);
        Self { surely_before, before: state.oldest - 1, not_before: state.head + 1 }
    }

    /// The revision whose time must be known next.
    pub(super) fn wanted(&self) -> Option<i64> {
        let middle = self.before + (self.not_before - self.before) / 2;
        (middle > self.before).then_some(middle)
    }

    /// Tells the time of the wanted revision; `None` if retention has dropped it meanwhile.
    pub(super) fn tell(&mut self, wanted: i64, at: Option<i64>) {
        if at.is_some_and(|at| at >= self.surely_before) {
            self.not_before = wanted;
        } else {
            self.before = wanted;
        }
    }

    /// The revision that was found.
    pub(super) fn found(&self) -> i64 {
        self.before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As long as the disorder of times stays within bounds, no event at or after the time is passed over.
        #[test]
        fn a_search_passes_over_nothing(
            steps in prop::collection::vec((0..20_000_000_i64, 0..DISORDER), 0..200),
            oldest in 1..50_i64,
            time in -10_000_000..3_000_000_000_i64,
        ) {
            let mut clock = 0;
            let times: Vec<_> = steps.iter().map(|(step, late)| { clock += step; clock - late }).collect();
            let head = oldest - 1 + i64::try_from(times.len()).unwrap();
            let at = |revision: i64| times.get(usize::try_from(revision - oldest).unwrap()).copied();
            let mut search = Search::new(LogState { id: LogId(Uuid::nil()), head, oldest }, Timestamp(time));
            let mut asked = 0;
            while let Some(revision) = search.wanted() {
                prop_assert!((oldest..=head).contains(&revision));
                search.tell(revision, at(revision));
                asked += 1;
            }
            prop_assert!(asked <= 9);
            prop_assert!((oldest..=search.found()).all(|revision| at(revision).unwrap() < time));
        }
    }
}
