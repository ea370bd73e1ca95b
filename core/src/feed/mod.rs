//! The feed: readers see every event, in order, soon after commit.
//!
//! Contract:
//! - A writer rings the [`Bell`] after its commit and waits for nobody.
//! - One task, the tail, reads what is new once for all readers, and keeps the newest stretch in a bounded ring in
//!   memory. It reads only while somebody listens: when the bell rings here, when another core announces something, and
//!   once a second in any case, because announcements may get lost.
//! - A [`Reader`] takes from the ring. What is further back it reads from the store by itself, a few readers at a time,
//!   until it has caught up; so does a reader that falls out of the ring. So a slow reader changes nothing for the
//!   others.
//! - Nothing is skipped: a gap in what was read is an error, never passed over.
//! - When a log becomes another one (restored, or set back), all its readers end with [`FeedError::LogChanged`].
//!
//! [`Follow`] turns a reader into what is sent to a client: batches that chain, and signs of life between them.
//! [`Durable`] does so for readers whose place is kept here.

mod bell;
mod durable;
mod follow;
mod reader;
mod ring;
mod tail;
mod token;
mod vigil;

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use bell::Bell;
pub use durable::{Deliveries, Durable, DurableError, Lag, Redriven, Wanted};
pub use follow::{Follow, Step};
pub use reader::{Reader, STRETCH_BYTES, STRETCH_EVENTS, Stretch};
pub use token::Token;

use crate::{
    order::{EventFilter, Timestamp},
    store::{EventLog, EventRow, LogEntry, LogId, LogPage, LogState, StoreError},
};
use ring::Ring;

/// Readers at the store at once, without the tail and position lookups. The others wait for their turn.
const AT_THE_STORE: usize = 3;
/// Events that are read at once.
const PAGE: u32 = 256;
/// How long to wait for the store: a server that vanished without a word would otherwise hold us until the network
/// gives up.
const PATIENCE: Duration = Duration::from_secs(6);

/// Why a reader does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// What comes next was dropped by retention.
    #[error("events up to revision {} were dropped; the oldest that is left is {oldest}", oldest - 1)]
    Compacted {
        /// The first revision that is left.
        oldest: i64,
    },
    /// There is no such revision yet.
    #[error("the log ends at revision {head}")]
    BeyondHead {
        /// The last revision.
        head: i64,
    },
    /// The log is not the one that it was: a revision of the earlier one means nothing here.
    #[error("the log was restored or replaced; it is {now} now, and what was read of another says nothing about it")]
    LogChanged {
        /// The log that there is.
        now: LogId,
    },
    /// A token was given out under another filter.
    #[error("the resume token belongs to another filter")]
    FilterChanged,
    /// A token that was never given out.
    #[error("is not a resume token of an earlier stream")]
    TokenMalformed,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Before the oldest event that is kept.
    Earliest,
    /// After the newest.
    Latest,
    /// After this revision.
    After(i64),
    /// Before the first event at or after this time.
    Time(Timestamp),
    /// Where an earlier reader was.
    Token(Token),
}

/// A place in the log, found to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which log.
    pub log_id: LogId,
    /// Reading begins after this revision.
    pub after: i64,
    /// The last revision when it was looked up.
    pub head: i64,
}

/// Events that follow each other.
type Page = VecDeque<Arc<LogEntry>>;

/// Gives out readers.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

struct Shared {
    log: Arc<dyn EventLog>,
    ring: watch::Sender<Ring>,
    /// Somebody listens now.
    wanted: Notify,
    /// The log may have grown because another process wrote to it.
    announced: Notify,
    at_the_store: Semaphore,
    /// Position lookups take turns among themselves, so that they do not wait for readers that are catching up.
    locating: Semaphore,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl Feed {
    /// Starts to follow a log, on `tasks` and until `stop`.
    #[must_use]
    pub fn start(log: Arc<dyn EventLog>, bell: &Bell, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            log,
            ring: watch::Sender::new(Ring::default()),
            wanted: Notify::new(),
            announced: Notify::new(),
            at_the_store: Semaphore::new(AT_THE_STORE),
            locating: Semaphore::new(1),
        });
        tasks.spawn(stop.clone().run_until_cancelled_owned(tail::run(shared.clone(), bell.listen())));
        tasks.spawn(stop.clone().run_until_cancelled_owned(tail::announce(shared.log.clone(), bell.listen())));
        Self { shared }
    }

    /// Looks a position up. `filter` must be the one for which a token was given out.
    ///
    /// # Errors
    /// [`FeedError`]: the log has no such place, or not any more.
    pub async fn locate(&self, position: Position, filter: &EventFilter) -> Result<Place, FeedError> {
        // The semaphores are never closed.
        let _turn = self.shared.locating.acquire().await.ok();
        let log = &self.shared.log;
        let state = answered(log.state()).await?;
        let after = match position {
            Position::Earliest => state.oldest - 1,
            Position::Latest => state.head,
            Position::After(revision) => revision,
            Position::Time(time) => answered(log.first_at(time)).await? - 1,
            Position::Token(token) => token.revision_in(&state, filter)?,
        };
        // When seeking by time, dropped events may also have matched.
        let dropped = state.oldest > 1 && position.is_time() && after + 1 == state.oldest;
        if dropped || after < state.oldest - 1 {
            return Err(FeedError::Compacted { oldest: state.oldest });
        }
        if after > state.head && !position.is_time() {
            return Err(FeedError::BeyondHead { head: state.head });
        }
        Ok(Place { log_id: state.id, after, head: state.head })
    }

    /// A reader from a place on; it gets the events for which `wants` is true.
    pub fn reader(&self, place: &Place, wants: impl Fn(&EventRow) -> bool + Send + Sync + 'static) -> Reader {
        // Subscribes first, so that nothing that is committed from now on is missed.
        let ring = self.shared.ring.subscribe();
        self.shared.wanted.notify_one();
        Reader::new(self.clone(), ring, place, Box::new(wants))
    }

    /// What follows a revision, from the store.
    async fn page(&self, log_id: LogId, after: i64) -> Result<Page, FeedError> {
        let _turn = self.shared.at_the_store.acquire().await.ok();
        let page = answered(self.shared.log.after(after, PAGE)).await?;
        judge(&page, log_id, after)?;
        Ok(page.entries.into())
    }
}

/// The store's answer, if it comes in time.
async fn answered<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answered = timeout(PATIENCE, answer).await;
    answered.unwrap_or_else(|_| Err(StoreError::Unavailable("the log did not answer in time".into())))
}

impl Position {
    fn is_time(self) -> bool {
        matches!(self, Self::Time(_))
    }
}

/// Whether a page is what follows a revision of a log, without a gap.
fn judge(page: &LogPage, log_id: LogId, after: i64) -> Result<(), FeedError> {
    let LogState { id, head, oldest } = page.state;
    if id != log_id {
        return Err(FeedError::LogChanged { now: id });
    }
    if head < after {
        return Err(FeedError::BeyondHead { head });
    }
    if oldest > after + 1 {
        return Err(FeedError::Compacted { oldest });
    }
    let follows = (after + 1..=head).zip(&page.entries).all(|(revision, entry)| entry.row.revision == revision);
    let whole = !page.entries.is_empty() || head == after;
    if follows && whole {
        Ok(())
    } else {
        Err(StoreError::Damaged(format!("I17: the log has a gap after revision {after}")).into())
    }
}

#[cfg(test)]
mod tests;
