//! What a reader sends to its client: batches that chain, and signs of life between them.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{FeedError, Reader, Stretch};
use crate::store::{LogEntry, StoreError};

/// The longest time in which nothing is sent.
const QUIET: Duration = Duration::from_secs(5);

/// What is sent next. Each begins where the one before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// At least one event.
    Batch(Stretch),
    /// Everything up to this revision was looked at, and nothing of it was wanted.
    Progress {
        /// The revision.
        up_to: i64,
    },
}

impl Step {
    /// Everything up to here was looked at.
    #[must_use]
    pub fn up_to(&self) -> i64 {
        match self {
            Self::Batch(batch) => batch.up_to,
            Self::Progress { up_to } => *up_to,
        }
    }
}

/// Follows the log as a reader, to its end if there is one.
pub struct Follow {
    reader: Reader,
    /// Ends when everything up to here was looked at.
    until: Option<i64>,
    /// Everything up to here was told.
    told: i64,
    /// When the next sign of life is due.
    due: Instant,
}

impl Follow {
    /// Follows without an end, or until everything up to a revision was looked at.
    #[must_use]
    pub fn new(reader: Reader, until: Option<i64>) -> Self {
        let told = reader.position();
        Self { reader, until, told, due: Instant::now() + QUIET }
    }

    /// What is sent next; `None` at the end. May be given up half-way.
    ///
    /// # Errors
    /// [`FeedError`]; the client comes back, or begins anew.
    pub async fn next(&mut self) -> Result<Option<Step>, FeedError> {
        loop {
            if self.until.is_some_and(|until| self.reader.position() >= until) {
                return Ok((self.reader.position() > self.told).then(|| self.progress()));
            }
            let stretch = tokio::select! {
                biased;
                stretch = self.reader.next() => stretch?,
                // The store is slow, or others have their turn.
                () = sleep_until(self.due) => return self.sign_of_life().map(Some),
            };
            match stretch {
                Some(stretch) if !stretch.events.is_empty() => {
                    return Ok(Some(self.batch(stretch.up_to, stretch.events)));
                }
                Some(_) if Instant::now() < self.due => {}
                Some(_) => return Ok(Some(self.progress())),
                None => {
                    tokio::select! {
                        () = self.reader.grown() => {}
                        () = sleep_until(self.due) => return self.sign_of_life().map(Some),
                    }
                }
            }
        }
    }

    fn batch(&mut self, up_to: i64, events: Vec<Arc<LogEntry>>) -> Step {
        let after = std::mem::replace(&mut self.told, up_to);
        self.due = Instant::now() + QUIET;
        Step::Batch(Stretch { after, up_to, events })
    }

    fn progress(&mut self) -> Step {
        self.told = self.reader.position();
        self.due = Instant::now() + QUIET;
        Step::Progress { up_to: self.told }
    }

    /// A sign of life: says that nothing is new, but only where that is known.
    fn sign_of_life(&mut self) -> Result<Step, FeedError> {
        if self.reader.is_failing() {
            return Err(StoreError::Unavailable("the log cannot be read at present".into()).into());
        }
        Ok(self.progress())
    }
}
