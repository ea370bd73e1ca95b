//! WatchOrder: the order as it is, then again after each change, read from the feed.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use paystate_proto::v1;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{convert, error};
use crate::{
    feed::{FeedError, Follow, Step},
    order::{Order, State},
    store::LogEntry,
};

pub(super) type WatchOrderStream = Pin<Box<dyn Stream<Item = Result<v1::WatchOrderResponse, Status>> + Send>>;

struct Watch {
    follow: Follow,
    until_cancelled: bool,
    closing: CancellationToken,
    progress: Progress,
    /// Read and not sent yet.
    events: VecDeque<Arc<LogEntry>>,
}

enum Progress {
    /// Not sent yet.
    First(Box<Order>),
    /// The last that was sent.
    Sent { version: i64, state: State },
    /// An error was sent; nothing follows.
    Broken,
}

/// Where nothing more is expected without somebody's doing.
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
) -> WatchOrderStream {
    let progress = Progress::First(Box::new(first));
    let watch = Watch { follow, until_cancelled, closing, progress, events: VecDeque::new() };
    Box::pin(stream::unfold(watch, |mut watch| async move {
        let message = match std::mem::replace(&mut watch.progress, Progress::Broken) {
            Progress::First(order) => Ok(watch.message(&order)),
            Progress::Sent { state, .. } if is_final(state) && !watch.until_cancelled => return None,
            Progress::Sent { version, .. } => match watch.after(version).await {
                Ok(entry) => Ok(watch.message(&entry?.row.event.after)),
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
