//! WatchOrder: the order as it is, then again after each change.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use paystate_proto::v1;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{convert, error};
use crate::{
    feed::Wakeups,
    order::{Order, State},
    store::Store,
};

/// Looks again after this long even without a wake-up.
const FLOOR: Duration = Duration::from_secs(5);

pub(super) type WatchOrderStream = Pin<Box<dyn Stream<Item = Result<v1::WatchOrderResponse, Status>> + Send>>;

struct Watch {
    store: Arc<dyn Store>,
    wakeups: Wakeups,
    until_cancelled: bool,
    closing: CancellationToken,
    progress: Progress,
}

enum Progress {
    /// Not sent yet.
    First(Order),
    /// Sent last.
    Sent(Order),
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

/// The stream. `wakeups` must have listened before `first` was read.
pub(super) fn stream(
    store: Arc<dyn Store>,
    wakeups: Wakeups,
    first: Order,
    until_cancelled: bool,
    closing: CancellationToken,
) -> WatchOrderStream {
    let watch = Watch { store, wakeups, until_cancelled, closing, progress: Progress::First(first) };
    Box::pin(stream::unfold(watch, |mut watch| async move {
        let item = match std::mem::replace(&mut watch.progress, Progress::Broken) {
            Progress::First(order) => Ok(order),
            Progress::Sent(order) if is_final(order.state()) && !watch.until_cancelled => return None,
            Progress::Sent(order) => watch.after(&order).await?,
            Progress::Broken => return None,
        };
        let message = item.map(|order| {
            let message = v1::WatchOrderResponse { order: Some(convert::order(&order)) };
            watch.progress = Progress::Sent(order);
            message
        });
        Some((message, watch))
    }))
}

impl Watch {
    /// The order once it is newer than `sent`; `None` when the server stops.
    async fn after(&mut self, sent: &Order) -> Option<Result<Order, Status>> {
        loop {
            tokio::select! {
                () = self.wakeups.changed(&sent.id) => {}
                () = tokio::time::sleep(FLOOR) => {}
                () = self.closing.cancelled() => return None,
            }
            match self.store.orders(std::slice::from_ref(&sent.id)).await {
                Ok(mut found) => match found.remove(&sent.id) {
                    Some(order) if order.version > sent.version => return Some(Ok(order)),
                    Some(_) => {}
                    None => return Some(Err(error::order_not_found(&sent.id))),
                },
                Err(why) => return Some(Err(error::store(why))),
            }
        }
    }
}
