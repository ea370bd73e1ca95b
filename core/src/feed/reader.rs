//! One reader of the log: stretch after stretch, from a revision on.
//!
//! Contract: stretches follow each other without a gap, also under a predicate, and each is bounded. A reader holds at
//! most one page of the log; while it is not asked, it gets nothing and costs nothing else. All methods may be
//! cancelled half-way.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Feed, FeedError, Page, Place,
    ring::{Ahead, Ring},
};
use crate::store::{EventRow, LogEntry, LogId, StoreError};

/// Events of one stretch at most.
pub const STRETCH_EVENTS: usize = 256;
/// About how many bytes a stretch has at most; a single event may have more.
pub const STRETCH_BYTES: usize = 1024 * 1024;

type Predicate = Box<dyn Fn(&EventRow) -> bool + Send + Sync>;

/// A part of the log, and what was wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Begins after this revision.
    pub after: i64,
    /// Everything up to here was looked at.
    pub up_to: i64,
    /// Those that were wanted.
    pub events: Vec<Arc<LogEntry>>,
}

impl Stretch {
    /// The same, as one stretch for each event. The last one reaches as far as the whole.
    pub(super) fn singled(self) -> impl Iterator<Item = Self> {
        let Self { mut after, up_to, events } = self;
        let last = events.len().saturating_sub(1);
        events.into_iter().enumerate().map(move |(n, event)| {
            let end = if n == last { up_to } else { event.row.revision };
            Self { after: std::mem::replace(&mut after, end), up_to: end, events: vec![event] }
        })
    }
}

/// Reads the log on from a place.
pub struct Reader {
    feed: Feed,
    ring: watch::Receiver<Ring>,
    breaks: u64,
    log_id: LogId,
    position: i64,
    wants: Predicate,
    /// What was read from the store and not handed out yet; follows `position`.
    page: VecDeque<Arc<LogEntry>>,
    /// The page that is being read from the store. A task of its own, so that a reader that is cancelled half-way loses
    /// neither its turn nor the page, and one that is never asked again holds no turn.
    loading: Option<AbortOnDropHandle<Result<Page, FeedError>>>,
}

impl Reader {
    pub(super) fn new(feed: Feed, ring: watch::Receiver<Ring>, place: &Place, wants: Predicate) -> Self {
        let breaks = ring.borrow().breaks;
        Self {
            feed,
            ring,
            breaks,
            log_id: place.log_id,
            position: place.after,
            wants,
            page: VecDeque::new(),
            loading: None,
        }
    }

    /// Everything up to here was handed out.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next stretch; `None` when there is nothing more at present.
    ///
    /// # Errors
    /// [`FeedError`]. After [`FeedError::Store`] it may be asked again.
    pub async fn next(&mut self) -> Result<Option<Stretch>, FeedError> {
        if self.page.is_empty() {
            self.page = match self.ahead()? {
                Ahead::Events(events) => events.into(),
                Ahead::Nothing => return Ok(None),
                Ahead::Unknown => self.load().await?,
            };
        }
        Ok(self.take())
    }

    /// What comes next in the store.
    async fn load(&mut self) -> Result<Page, FeedError> {
        let (feed, log_id, position) = (&self.feed, self.log_id, self.position);
        let loading = self.loading.get_or_insert_with(|| {
            let feed = feed.clone();
            AbortOnDropHandle::new(tokio::spawn(async move { feed.page(log_id, position).await }))
        });
        let loaded = loading.await;
        self.loading = None;
        loaded.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("reading the log: {error}")).into()))
    }

    /// Returns when [`Self::next`] has something to say.
    pub async fn grown(&mut self) {
        let (position, breaks) = (self.position, self.breaks);
        // It cannot fail: the sender is in the feed that we hold.
        let _ = self.ring.wait_for(|ring| ring.end() > position || ring.breaks != breaks).await;
    }

    /// Whether the log could not be read lately.
    pub(super) fn is_failing(&self) -> bool {
        self.ring.borrow().failing
    }

    fn ahead(&self) -> Result<Ahead, FeedError> {
        let ring = self.ring.borrow();
        match ring.log_id() {
            Some(now) if now != self.log_id || ring.breaks != self.breaks => Err(FeedError::LogChanged { now }),
            Some(_) | None => Ok(ring.after(self.position, STRETCH_EVENTS)),
        }
    }

    fn take(&mut self) -> Option<Stretch> {
        let (after, mut bytes, mut events) = (self.position, 0, Vec::new());
        while let Some(entry) = self.page.pop_front_if(|entry| bytes == 0 || bytes + entry.bytes <= STRETCH_BYTES) {
            self.position = entry.row.revision;
            if (self.wants)(&entry.row) {
                bytes += entry.bytes;
                events.push(entry);
            }
        }
        (self.position > after).then_some(Stretch { after, up_to: self.position, events })
    }
}
