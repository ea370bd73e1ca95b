//! The newest stretch of the log, in memory, for all readers.
//!
//! Contract: it holds the events that follow `base` without a gap, up to `end`, and lets the oldest go when it is full.
//! It says nothing about what is before `base`: that is in the store.

use std::{collections::VecDeque, sync::Arc};

use crate::store::{LogEntry, LogId};

/// Events that are kept.
const EVENTS: usize = 4_096;
/// About how many bytes of them.
const BYTES: usize = 16 * 1024 * 1024;

/// The newest stretch of the log. It follows a log once [`Ring::begin`] was called.
#[derive(Debug, Default)]
pub(super) struct Ring {
    log_id: Option<LogId>,
    base: i64,
    entries: VecDeque<Arc<LogEntry>>,
    bytes: usize,
    /// Counts how often the log became another one: older readers do not go on.
    pub(super) breaks: u64,
    /// Whether the log could not be read lately.
    pub(super) failing: bool,
}

/// What there is after a position.
pub(super) enum Ahead {
    /// These events.
    Events(Vec<Arc<LogEntry>>),
    /// Nothing that we know of.
    Nothing,
    /// Look into the store.
    Unknown,
}

impl Ring {
    /// Begins to follow a log after a revision.
    pub(super) fn begin(&mut self, log_id: LogId, base: i64) {
        *self = Self { log_id: Some(log_id), base, breaks: self.breaks, ..Self::default() };
    }

    /// Follows no log any more, and lets all events go.
    pub(super) fn forget(&mut self) {
        *self = Self { breaks: self.breaks, ..Self::default() };
    }

    /// Forgets all because the log is not the one that it was.
    pub(super) fn break_off(&mut self) {
        self.forget();
        self.breaks += 1;
    }

    /// Which log it follows.
    pub(super) fn log_id(&self) -> Option<LogId> {
        self.log_id
    }

    /// The last revision that it knows of.
    pub(super) fn end(&self) -> i64 {
        self.base + i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }

    /// The last event that it knows of, where it holds one.
    pub(super) fn last(&self) -> Option<&Arc<LogEntry>> {
        self.entries.back()
    }

    /// Adds what follows `end`.
    pub(super) fn push(&mut self, entries: impl IntoIterator<Item = Arc<LogEntry>>) {
        for entry in entries {
            self.bytes += entry.bytes;
            self.entries.push_back(entry);
        }
        while (self.entries.len() > EVENTS || self.bytes > BYTES)
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.base += 1;
        }
    }

    /// At most `limit` events after `position`.
    pub(super) fn after(&self, position: i64, limit: usize) -> Ahead {
        // A reader ahead of the tail has read the store since; or the log was set back.
        if self.log_id.is_none() || !(self.base..=self.end()).contains(&position) {
            return Ahead::Unknown;
        }
        let skipped = usize::try_from(position - self.base).unwrap_or(usize::MAX);
        let events: Vec<_> = self.entries.iter().skip(skipped).take(limit).cloned().collect();
        if events.is_empty() { Ahead::Nothing } else { Ahead::Events(events) }
    }
}
