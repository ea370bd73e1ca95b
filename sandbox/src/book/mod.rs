//! The platforms' book: a state in memory, and the journal that it can be rebuilt from.
//!
//! Contract: [`Book::record`] writes first and applies afterwards. What is in the state is in the file.

mod journal;
mod record;
mod state;

use std::path::Path;

use tokio::sync::watch;

use self::journal::Journal;
pub(crate) use self::{
    record::{AttemptResult, Notice, Record},
    state::{Kept, Pending, State, after_refund},
};
use crate::SandboxError;

/// State and journal together.
#[derive(Debug)]
pub(crate) struct Book {
    journal: Journal,
    state: State,
    pending: watch::Sender<usize>,
}

impl Book {
    /// Opens the journal and replays it.
    pub(crate) fn open(path: &Path) -> Result<Self, SandboxError> {
        let mut state = State::new();
        let journal = Journal::open(path, |record| state.apply(record))?;
        let pending = watch::Sender::new(state.pending().len());
        Ok(Self { journal, state, pending })
    }

    /// What is known.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Watches how many notices are still to be delivered.
    pub(crate) fn watch_pending(&self) -> watch::Receiver<usize> {
        self.pending.subscribe()
    }

    /// Writes, then applies.
    pub(crate) fn record(&mut self, records: Vec<Record>) -> Result<(), SandboxError> {
        self.journal.append(&records)?;
        records.into_iter().for_each(|record| self.state.apply(record));
        self.pending.send_replace(self.state.pending().len());
        Ok(())
    }
}
