//! WatchOrder: the order as it is, then again after each change, read from the feed.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use paystate_proto::v1;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{convert, error};
use crate::{
    feed::{FeedError, Follow, Step},
    order::{Order, State},
    store::LogEntry,
};

pub(super) type WatchOrderStream = Pin<Box<dyn Stream<Item = Result<v1::WatchOrderResponse, Status>> + Send>>;

/// Orders that are watched at once at most: each commit wakes all who watch.
pub(super) const MAX_WATCHES: usize = 4_096;

struct Watch {
    follow: Follow,
    until_cancelled: bool,
    closing: CancellationToken,
    progress: Progress,
    /// Read and not sent yet.
    events: VecDeque<Arc<LogEntry>>,
    _open: OwnedSemaphorePermit,
}

enum Progress {
    /// Not sent yet.
    First(Box<Order>),
    /// The last that was sent.
    Sent { version: i64, state: State },
    /// An error was sent; nothing follows.
    Broken,
}

/// Whether nothing more is expected unless somebody acts.
fn is_final(state: State) -> bool {
    match state {
        State::Created | State::Pending => false,
        State::Paid | State::PartiallyRefunded | State::Refunded | State::Closed | State::Abnormal => true,
    }
}

/// The stream. `follow` must have begun before `first` was read, and want nothing but this order.
pub(super) fn stream(
    follow: Follow,
    first: Order,
    until_cancelled: bool,
    closing: CancellationToken,
    open: OwnedSemaphorePermit,
) -> WatchOrderStream {
    let progress = Progress::First(Box::new(first));
    let watch = Watch { follow, until_cancelled, closing, progress, events: VecDeque::new(), _open: open };
    Box::pin(stream::unfold(watch, |mut watch| async move {
        let message = match std::mem::replace(&mut watch.progress, Progress::Broken) {
            Progress::First(order) => Ok(watch.message(&order)),
            Progress::Sent { state, .. } if is_final(state) && !watch.until_cancelled => return None,
            Progress::Sent { version, .. } => match watch.after(version).await {
                Ok(Some(entry)) => Ok(watch.message(&entry.row.event.after)),
                // Ending the stream normally would say that nothing more is expected.
                Ok(None) => {
                    Err(error::status(Code::Unavailable, "GOING_AWAY", "this core stops; watch at another one"))
                }
                Err(why) => Err(error::feed(why)),
            },
            Progress::Broken => return None,
        };
        Some((message, watch))
    }))
}

impl Watch {
    fn message(&mut self, order: &Order) -> v1::WatchOrderResponse {
        self.progress = Progress::Sent { version: order.version, state: order.state() };
        v1::WatchOrderResponse { order: Some(convert::order(order)) }
    }

    /// The first change after `version`; `None` when the server stops.
    async fn after(&mut self, version: i64) -> Result<Option<Arc<LogEntry>>, FeedError> {
        loop {
            while let Some(entry) = self.events.pop_front() {
                if entry.row.event.after.version > version {
                    return Ok(Some(entry));
                }
            }
            let step = tokio::select! {
                step = self.follow.next() => step?,
                () = self.closing.cancelled() => return Ok(None),
            };
            match step {
                Some(Step::Batch(batch)) => self.events = batch.events.into(),
                Some(Step::Progress { .. }) => {}
                None => return Ok(None),
            }
        }
    }
}
