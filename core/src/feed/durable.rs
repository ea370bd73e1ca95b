//! Durable subscriptions over the feed: requests are decided by [`crate::subscription`], and the result is stored with
//! the version compared.
//!
//! Contract: any core may be asked, whichever of them has the stream. If somebody else wrote in between, the
//! subscription is read and the request decided again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    Feed, FeedError, Follow, Place, Position, Step, answered,
    vigil::{Pulse, Vigil},
};
use crate::{
    order::{EventFilter, OrderId, RequestId, SubscriptionName, Timestamp},
    store::{Backlog, Cursor, EventRow, Page, StoreError, SubscriptionRequest, Subscriptions},
    subscription::{self, Lease, Refused, Subscription},
};

/// How often a request is decided again. Few ask about one subscription at once.
const TRIES: u32 = 8;
/// How long a stream that has nothing to send may live on after its lease has ended.
const LEASE_CHECK: Duration = Duration::from_secs(1);
/// How long a stream that has something to send waits for the store.
const NOTE_PATIENCE: Duration = Duration::from_secs(5);
/// How long to look for the event that a failed stream is blamed on.
const BLAME_PATIENCE: Duration = Duration::from_secs(5);

/// Why a subscription does not do what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurableError {
    /// There is none of this name.
    #[error("subscription {0} does not exist")]
    NotFound(SubscriptionName),
    /// There is one of this name.
    #[error("subscription {0} exists already; GetSubscription shows it, UpdateSubscription changes it")]
    Exists(SubscriptionName),
    /// The request id was used to make another subscription.
    #[error("request id {0} was used for another subscription")]
    RequestIdReused(RequestId),
    /// The subscription is not in a state for that.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log has no such place, or cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
}

impl From<StoreError> for DurableError {
    fn from(error: StoreError) -> Self {
        Self::Feed(error.into())
    }
}

/// What a new subscription is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: SubscriptionName,
    /// What it wants.
    pub filter: EventFilter,
    /// Where it begins.
    pub position: Position,
    /// An event is parked after this many failed deliveries; 0 for never.
    pub max_attempts: u32,
    /// Who asks, so that a retry is recognised.
    pub request: Option<SubscriptionRequest>,
}

/// How far a subscription is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// What it has yet to be sent.
    pub backlog: Backlog,
    /// How many events are put aside, parked or held.
    pub aside: i64,
}

/// What is delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redriven {
    /// How many events.
    pub count: i64,
    /// Parked events that are not delivered again: the log no longer has them.
    pub dropped: Vec<(OrderId, i64)>,
}

/// The subscriptions.
#[derive(Clone)]
pub struct Durable {
    feed: Feed,
    store: Arc<dyn Subscriptions>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Durable {
    /// Subscriptions to a feed. Notes of how streams end run on `tasks`; once `closing` is cancelled, it is this core
    /// that ends them.
    #[must_use]
    pub fn new(feed: Feed, store: Arc<dyn Subscriptions>, tasks: TaskTracker, closing: CancellationToken) -> Self {
        Self { feed, store, tasks, closing }
    }

    /// Makes one; a repeated request gets the one that it made before.
    ///
    /// # Errors
    /// [`DurableError`]; nothing was made.
    pub async fn create(&self, wanted: Wanted, at: Timestamp) -> Result<Subscription, DurableError> {
        let Wanted { name, filter, position, max_attempts, request } = wanted;
        let place = self.feed.locate(position, &filter).await?;
        let new = Subscription::new(name, filter, max_attempts, place.after, at);
        let Some(existing) = answered(self.store.create(&new, request.as_ref())).await? else {
            return self.get(&new.name).await;
        };
        match (request, existing.request) {
            (Some(asked), Some(known)) if asked == known => Ok(existing.subscription),
            (Some(asked), Some(known)) if asked.id == known.id => Err(DurableError::RequestIdReused(asked.id)),
            (_, _) => Err(DurableError::Exists(new.name)),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`DurableError::NotFound`], [`DurableError::Feed`].
    pub async fn get(&self, name: &SubscriptionName) -> Result<Subscription, DurableError> {
        answered(self.store.get(name)).await?.ok_or_else(|| DurableError::NotFound(name.clone()))
    }

    /// Lists them by name.
    ///
    /// # Errors
    /// [`DurableError::Feed`].
    pub async fn list(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Subscription>, DurableError> {
        Ok(answered(self.store.list(after, limit)).await?)
    }

    /// How far one is behind.
    ///
    /// # Errors
    /// [`DurableError::Feed`].
    pub async fn lag(&self, subscription: &Subscription) -> Result<Lag, DurableError> {
        let backlog = answered(self.store.backlog(subscription)).await?;
        Ok(Lag { backlog, aside: answered(self.store.aside_count(subscription)).await? })
    }

    /// Removes one, and ends its stream.
    ///
    /// # Errors
    /// [`DurableError::NotFound`], [`DurableError::Feed`].
    pub async fn delete(&self, name: &SubscriptionName) -> Result<(), DurableError> {
        if answered(self.store.delete(name)).await? { Ok(()) } else { Err(DurableError::NotFound(name.clone())) }
    }

    /// Changes what one wants, its limit, or both.
    ///
    /// # Errors
    /// [`DurableError::NotFound`], [`DurableError::Feed`].
    pub async fn configure(
        &self,
        name: &SubscriptionName,
        filter: Option<&EventFilter>,
        max_attempts: Option<u32>,
    ) -> Result<Subscription, DurableError> {
        let configured = self.change(name, |s| {
            filter.into_iter().for_each(|filter| s.refilter(filter.clone()));
            s.max_attempts = max_attempts.unwrap_or(s.max_attempts);
            Ok(())
        });
        Ok(configured.await?.0)
    }

    /// Moves one to a position.
    ///
    /// # Errors
    /// [`DurableError::NotFound`], [`DurableError::Feed`].
    pub async fn seek(&self, name: &SubscriptionName, position: Position) -> Result<Subscription, DurableError> {
        let filter = self.get(name).await?.filter;
        let place = self.feed.locate(position, &filter).await?;
        let moved = self.change(name, |s| {
            s.seek(place.after);
            Ok(())
        });
        Ok(moved.await?.0)
    }

    /// Confirms everything up to a revision; answers up to which revision everything is confirmed now.
    ///
    /// # Errors
    /// [`DurableError`]; nothing was confirmed.
    pub async fn acknowledge(&self, name: &SubscriptionName, lease: Lease, up_to: i64) -> Result<i64, DurableError> {
        let confirmed = self.change(name, |s| Ok(s.acknowledge(lease, up_to)?));
        Ok(confirmed.await?.0.position())
    }

    /// Puts an event aside, named by its order and its place in the journal.
    ///
    /// # Errors
    /// [`DurableError`]; nothing was put aside.
    pub async fn park(
        &self,
        name: &SubscriptionName,
        lease: Lease,
        (order_id, sequence): (OrderId, i64),
        reason: &str,
        at: Timestamp,
    ) -> Result<(), DurableError> {
        let event = answered(self.store.event(&order_id, sequence)).await?;
        let parked = self.change(name, |s| {
            let wanted = event.as_ref().filter(|event| s.filter.wants(&event.event));
            let unknown = || Refused::NotOutstanding { order_id: order_id.clone(), sequence };
            Ok(s.park(lease, wanted.map(place_of).ok_or_else(unknown)?, reason.to_owned(), at)?)
        });
        parked.await.map(drop)
    }

    /// Lists what is put aside, parked or held, oldest first.
    ///
    /// # Errors
    /// [`DurableError::NotFound`], [`DurableError::Feed`].
    pub async fn aside(
        &self,
        name: &SubscriptionName,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<(Subscription, Page<EventRow>), DurableError> {
        let subscription = self.get(name).await?;
        let page = answered(self.store.aside(&subscription, after, limit)).await?;
        Ok((subscription, page))
    }

    /// Delivers again what is put aside: for the orders of these events, or for all if there are none.
    ///
    /// # Errors
    /// [`DurableError`]; nothing was changed.
    pub async fn redrive(&self, name: &SubscriptionName, events: &[(OrderId, i64)]) -> Result<Redriven, DurableError> {
        let mut tries = Tries::default();
        loop {
            match self.redrive_once(name, events).await {
                Err(error) if tries.again(&error) => {}
                other => return other,
            }
        }
    }

    async fn redrive_once(&self, name: &SubscriptionName, events: &[(OrderId, i64)]) -> Result<Redriven, DurableError> {
        let before = self.get(name).await?;
        let all = || before.parked.iter().map(|(order_id, parked)| (order_id.clone(), parked.sequence)).collect();
        let chosen: Vec<_> = if events.is_empty() { all() } else { events.to_vec() };
        let mut after = before.clone();
        let oldest = self.feed.locate(Position::Earliest, &after.filter).await?.after + 1;
        let dropped = after.redrive(&chosen, oldest)?;
        // What it has yet to confirm may be gone too: then the caller must decide, by Seek.
        self.feed.locate(Position::After(after.position()), &after.filter).await?;
        let still = Subscription { parked: after.parked.clone(), ..before.clone() };
        let count = answered(self.store.aside_count(&before)).await? - answered(self.store.aside_count(&still)).await?;
        self.write(&before, &after).await?;
        Ok(Redriven { count, dropped })
    }

    /// Opens a stream under a new lease, which ends the one before.
    ///
    /// # Errors
    /// [`DurableError`]; the one before goes on.
    pub async fn open(
        &self,
        name: &SubscriptionName,
        stop_at_head: bool,
        at: Timestamp,
    ) -> Result<Deliveries, DurableError> {
        let mut tries = Tries::default();
        loop {
            match self.open_once(name, stop_at_head, at).await {
                Err(error) if tries.again(&error) => {}
                other => return other,
            }
        }
    }

    async fn open_once(
        &self,
        name: &SubscriptionName,
        stop_at_head: bool,
        at: Timestamp,
    ) -> Result<Deliveries, DurableError> {
        let lease = Lease(Uuid::now_v7());
        let before = self.get(name).await?;
        let first_failed = self.unconfirmed(&before, at).await?;
        let mut subscription = before.clone();
        subscription.open(lease, first_failed, at);
        let (place, reader) = self.reader(&subscription).await?;
        self.write(&before, &subscription).await?;
        let follow = Follow::new(reader, stop_at_head.then_some(place.head));
        let pulse = Arc::new(Pulse::new(self.store.clone(), name.clone(), lease, at));
        let vigil = Some(Vigil::begin(pulse.clone(), &self.tasks, self.closing.clone()));
        let sent = place.after;
        Ok(Deliveries {
            durable: self.clone(),
            subscription,
            lease,
            place,
            sent,
            due: VecDeque::new(),
            follow,
            pulse,
            vigil,
        })
    }

    /// The first event that the last stream was sent and has not confirmed, if that delivery has failed. On a stream
    /// that wants little and confirms no Progress it may be far away: if it is not found soon, no event is blamed,
    /// because a stream that can never be opened would be worse.
    async fn unconfirmed(
        &self,
        subscription: &Subscription,
        at: Timestamp,
    ) -> Result<Option<subscription::Place>, DurableError> {
        let Some(sent) = subscription.failed(at).map(|delivery| delivery.sent) else { return Ok(None) };
        let (place, mut reader) = self.reader(subscription).await?;
        let search = async {
            let mut position = place.after;
            while position < sent {
                let Some(stretch) = reader.next().await? else { break };
                position = stretch.up_to;
                if let Some(entry) = stretch.events.first() {
                    return Ok(Some(place_of(&entry.row)));
                }
            }
            Ok::<_, DurableError>(None)
        };
        let first = timeout(BLAME_PATIENCE, search).await.unwrap_or(Ok(None))?;
        Ok(first.filter(|place| place.revision <= sent))
    }

    async fn reader(&self, subscription: &Subscription) -> Result<(Place, super::Reader), DurableError> {
        let wanted = subscription.clone();
        let place = self.feed.locate(Position::After(subscription.position()), &subscription.filter).await?;
        let wants =
            move |row: &EventRow| wanted.filter.wants(&row.event) && wanted.delivers(&row.order_id, row.revision);
        Ok((place, self.feed.reader(&place, wants)))
    }

    /// Reads, decides and writes; decides again if somebody else was first.
    async fn change<T: Send>(
        &self,
        name: &SubscriptionName,
        decide: impl Fn(&mut Subscription) -> Result<T, DurableError> + Sync,
    ) -> Result<(Subscription, T), DurableError> {
        let mut tries = Tries::default();
        loop {
            let before = self.get(name).await?;
            let mut after = before.clone();
            let answer = decide(&mut after)?;
            match self.write(&before, &after).await {
                Err(error) if tries.again(&error) => {}
                other => return other.map(|()| (after, answer)),
            }
        }
    }

    /// Writes the change, unless there is none.
    async fn write(&self, before: &Subscription, after: &Subscription) -> Result<(), DurableError> {
        if before == after { Ok(()) } else { Ok(answered(self.store.update(after)).await?) }
    }
}

/// Counts how often something was decided.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    /// Whether to decide again: somebody else was first, and there are tries left.
    fn again(&mut self, error: &DurableError) -> bool {
        self.0 += 1;
        self.0 < TRIES && matches!(error, DurableError::Feed(FeedError::Store(StoreError::Conflict(_))))
    }
}

/// Whether it only says that the database is away for a while, which is no reason to end a stream.
fn is_passing(error: &DurableError) -> bool {
    matches!(error, DurableError::Feed(FeedError::Store(StoreError::Unavailable(_) | StoreError::Busy(_))))
}

fn place_of(row: &EventRow) -> subscription::Place {
    subscription::Place { revision: row.revision, order_id: row.order_id.clone(), sequence: row.event.after.version }
}

/// The stream of a subscription: what [`Follow`] sends, for as long as its lease counts.
pub struct Deliveries {
    durable: Durable,
    subscription: Subscription,
    lease: Lease,
    place: Place,
    /// Everything up to here was noted as sent under the lease.
    sent: i64,
    /// What is sent next.
    due: VecDeque<Step>,
    follow: Follow,
    pulse: Arc<Pulse>,
    /// Until the end.
    vigil: Option<Vigil>,
}

impl Deliveries {
    /// The lease, by which the stream is fenced.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease
    }

    /// Where it begins.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The subscription as it was when the stream began; what a stream sends changes only with its lease.
    #[must_use]
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// What is sent next; `None` at the end.
    ///
    /// # Errors
    /// [`DurableError`]; the client comes back.
    pub async fn next(&mut self) -> Result<Option<Step>, DurableError> {
        let step = self.step().await;
        if !matches!(step, Ok(Some(_)))
            && let Some(vigil) = self.vigil.take()
        {
            match step {
                Ok(_) => vigil.end().await,
                Err(_) => vigil.excuse(),
            }
        }
        step
    }

    async fn step(&mut self) -> Result<Option<Step>, DurableError> {
        while self.due.is_empty() {
            tokio::select! {
                step = self.follow.next() => match step? {
                    // A client died handling one of these; sending them singly shows which.
                    Some(Step::Batch(batch)) if batch.after < self.subscription.failures.suspect => self.due = batch.singled().map(Step::Batch).collect(),
                    Some(step) => self.due.push_back(step),
                    None => return Ok(None),
                },
                () = sleep(LEASE_CHECK) => match self.check().await {
                    Err(error) if is_passing(&error) => {}
                    checked => checked?,
                },
            }
        }
        let Some(step) = self.due.pop_front() else { return Ok(None) };
        // Noted before it is sent, so that whatever the client confirms is known, and a crash of ours counts as well.
        // If this core is cut off from the store, its client has other cores to go to.
        let end = Instant::now() + NOTE_PATIENCE;
        loop {
            match self.note(step.up_to()).await {
                Err(error) if is_passing(&error) && Instant::now() < end => sleep(LEASE_CHECK).await,
                noted => return noted.map(|()| Some(step)),
            }
        }
    }

    async fn note(&mut self, up_to: i64) -> Result<(), DurableError> {
        if up_to <= self.sent {
            return self.check().await;
        }
        if answered(self.durable.store.note(&self.subscription.name, self.pulse.sending(up_to))).await? {
            self.sent = up_to;
            return Ok(());
        }
        self.check().await?;
        Err(Refused::LeaseLost.into())
    }

    /// Whether the lease still counts.
    async fn check(&self) -> Result<(), DurableError> {
        let now = self.durable.get(&self.subscription.name).await?;
        let counts = now.delivery.is_some_and(|delivery| delivery.lease == self.lease);
        if counts { Ok(()) } else { Err(Refused::LeaseLost.into()) }
    }
}

#[cfg(test)]
mod tests;
