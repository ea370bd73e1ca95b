//! The tail: reads what is new once for all readers, and tells other cores what is new here.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{FeedError, PAGE, Shared, answered, bell::Ears, judge};
use crate::store::{EventLog, LogEntry, LogPage, StoreError};

/// Looks after this long even without being told.
const FLOOR: Duration = Duration::from_secs(1);
/// The least time between two looks, and between two announcements: under load one of them serves many commits. After a
/// pause both happen at once.
const GAP: Duration = Duration::from_millis(5);

/// Follows the log whenever somebody listens.
pub(super) async fn run(feed: Arc<Shared>, mut bell: Ears) {
    loop {
        feed.wanted.notified().await;
        tokio::select! {
            () = follow(&feed, &mut bell) => {}
            () = hear(&feed) => {}
        }
        feed.ring.send_modify(super::Ring::forget);
        // A reader that came meanwhile has already asked for us again.
    }
}

/// Follows the log until nobody listens.
async fn follow(feed: &Shared, bell: &mut Ears) {
    while feed.ring.receiver_count() > 0 {
        let looked = Instant::now();
        if let Err(error) = look(feed).await {
            tracing::warn!(%error, "the log cannot be read");
            feed.ring.send_modify(|ring| ring.failing = true);
        }
        sleep_until(looked + GAP).await;
        tokio::select! {
            () = bell.heard() => {}
            () = feed.announced.notified() => {}
            () = sleep(FLOOR) => {}
        }
    }
}

/// Reads up to the head.
async fn look(feed: &Shared) -> Result<(), StoreError> {
    loop {
        let (log_id, end, last) = {
            let ring = feed.ring.borrow();
            (ring.log_id(), ring.end(), ring.last().cloned())
        };
        let Some(log_id) = log_id else {
            begin(feed).await?;
            continue;
        };
        // Reads the last event once more: a log that was set back may by now be as long again.
        let after = end - i64::from(last.is_some());
        let mut page = answered(feed.log.after(after, PAGE)).await?;
        let is_last = page.entries.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        match judge(&page, log_id, after).and_then(|()| goes_on(&mut page, last.as_deref())) {
            Ok(()) => {}
            Err(FeedError::BeyondHead { head }) => {
                let behind = Some(end).filter(|end| head < *end);
                // No reader may go on there with what it was told before, so the log gets a new id, unless it has one
                // already, or has grown up to there while we asked. In that case the next look finds out, by the last
                // event that was read.
                if !answered(feed.log.set_back(log_id, behind)).await? {
                    return Ok(());
                }
                tracing::warn!("the log was set back; its readers are sent away");
                feed.ring.send_modify(super::Ring::break_off);
                continue;
            }
            Err(FeedError::LogChanged { .. }) => {
                tracing::warn!("the log is not the one that it was; its readers are sent away");
                feed.ring.send_modify(super::Ring::break_off);
                continue;
            }
            // Readers find out by themselves what was dropped: those at the head have missed nothing yet.
            Err(FeedError::Compacted { .. }) => {
                feed.ring.send_modify(super::Ring::forget);
                continue;
            }
            Err(FeedError::Store(error)) => return Err(error),
            Err(other @ (FeedError::FilterChanged | FeedError::TokenMalformed)) => {
                return Err(StoreError::Damaged(other.to_string()));
            }
        }
        offer(feed, page);
        if is_last {
            return Ok(());
        }
    }
}

/// Begins to follow the log at its head. The last event is kept from the beginning, so that it can be recognised.
async fn begin(feed: &Shared) -> Result<(), StoreError> {
    let head = answered(feed.log.state()).await?.head;
    let page = answered(feed.log.after((head - 1).max(0), 1)).await?;
    let base = page.entries.first().map_or(page.state.head, |last| last.row.revision - 1);
    feed.ring.send_modify(|ring| {
        ring.begin(page.state.id, base);
        ring.push(page.entries);
    });
    Ok(())
}

/// Takes the event that was read before off the page; an error if it is not there.
fn goes_on(page: &mut LogPage, last: Option<&LogEntry>) -> Result<(), FeedError> {
    let Some(last) = last else { return Ok(()) };
    if page.entries.first().is_none_or(|first| first.row != last.row) {
        return Err(FeedError::BeyondHead { head: page.state.head });
    }
    page.entries.remove(0);
    Ok(())
}

/// Offers a page to all readers.
fn offer(feed: &Shared, page: LogPage) {
    measure(&page);
    feed.ring.send_if_modified(|ring| {
        let news = !page.entries.is_empty() || ring.failing;
        ring.failing = false;
        ring.push(page.entries);
        news
    });
}

fn measure(page: &LogPage) {
    let Some(newest) = page.entries.last() else { return };
    let behind = u32::try_from(page.state.head - newest.row.revision).unwrap_or(u32::MAX);
    metrics::gauge!("paystate_feed_tail_behind").set(f64::from(behind));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let decided = Duration::from_micros(u64::try_from(newest.row.event.at.0).unwrap_or(0));
    metrics::histogram!("paystate_feed_tail_lag_seconds").record(now.saturating_sub(decided).as_secs_f64());
}

/// Listens to other cores until it is cancelled.
async fn hear(feed: &Shared) {
    loop {
        if let Err(error) = listen(feed).await {
            tracing::debug!(%error, "what other cores announce is not heard");
        }
        sleep(FLOOR).await;
    }
}

async fn listen(feed: &Shared) -> Result<(), StoreError> {
    let mut announcements = feed.log.listen().await?;
    loop {
        // Before the first announcement too: something may have been announced before we listened.
        feed.announced.notify_one();
        announcements.heard().await?;
    }
}

/// Tells other cores what is new here. A core that is not told finds out by itself.
pub(super) async fn announce(log: Arc<dyn EventLog>, mut bell: Ears) {
    loop {
        bell.heard().await;
        let announced = Instant::now();
        if let Err(error) = answered(log.announce()).await {
            tracing::debug!(%error, "other cores are not told that the log has grown");
        }
        sleep_until(announced + GAP).await;
    }
}
