//! A durable reader of the log: what it has confirmed, what was put aside for it, and who may confirm.
//!
//! Contract: pure, like [`crate::order`]. Time, leases and events come in with the call; the caller stores the result
//! with the version compared, and starts over if somebody else was first.
//!
//! What a subscription has yet to see ([`Subscription::delivers`]) follows from three things:
//! - everything that its filter wants after [`Subscription::confirmed`];
//! - except what is *held*: of an order with a parked event, that event and every later one;
//! - and again what was *redriven*: of an order, everything from some revision up to `confirmed`.
//!
//! So nothing is copied when an event is parked. What is held stays in the log, in its order, and is found there
//! again however far the subscription has moved on.
//!
//! Each stream has a lease of its own, and only the newest one counts. A lease also ends when what the stream may send
//! changes (park, redrive, seek, another filter), so no stream has to be told about it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order::{EventFilter, OrderId, SubscriptionName, Timestamp};

#[cfg(test)]
mod tests;

/// After this many microseconds without a sign of life of a stream, its core is taken for dead.
pub const SILENCE: i64 = 30_000_000;

/// Orders with a parked event at most. At this count it is no poison event but a systemic fault, which parking does not
/// mend.
pub const MAX_PARKED: usize = 1_000;

/// A durable, named reader. In its serialised form it is stored, without what changes with each batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its name.
    pub name: SubscriptionName,
    /// Counts its changes; compared on every write. 0 before it is stored.
    pub version: i64,
    /// What it wants.
    pub filter: EventFilter,
    /// After this many failed deliveries an event is parked; 0 for never.
    pub max_attempts: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Everything up to this revision is confirmed, but for what is held or redriven.
    pub confirmed: i64,
    /// The stream that may confirm.
    #[serde(skip)]
    pub delivery: Option<Delivery>,
    /// The result of earlier deliveries.
    pub failures: Failures,
    /// The parked event of an order; everything from there on is held.
    pub parked: BTreeMap<OrderId, Parked>,
    /// From which revision on an order is delivered again.
    pub redriven: BTreeMap<OrderId, i64>,
}

/// Fences a stream: the holder of an older lease confirms nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub Uuid);

impl Lease {
    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// It is no lease.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "is not a lease; Opened, the first message of a stream, has it")
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stream, from its opening until another takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Its lease.
    pub lease: Lease,
    /// Everything up to this revision was sent to it, or is being sent.
    pub sent: i64,
    /// When it counts as failed, if it is not confirmed by then: once its client has gone, or its core has given no
    /// sign of life for [`SILENCE`]. `None` if this side ended it.
    pub fails_at: Option<Timestamp>,
}

/// Deliveries that failed: they ended without a confirmation, and neither because of us nor because another stream took
/// over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Revision of the event that was to blame last.
    pub revision: i64,
    /// How often in a row it was to blame.
    pub count: u32,
    /// Everything up to here was part of a delivery that failed. From then on it is sent one by one, which shows which
    /// event is to blame.
    pub suspect: i64,
}

/// Where an event stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its revision in the log of all orders.
    pub revision: i64,
    /// In whose journal.
    pub order_id: OrderId,
    /// Its number in that journal, starting at 1.
    pub sequence: i64,
}

/// An event that was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its place in the log.
    pub revision: i64,
    /// Its place in the order's journal.
    pub sequence: i64,
    /// Why, for people.
    pub reason: String,
    /// How often it was delivered, the last time included.
    pub attempts: u32,
    /// When it was put aside.
    pub at: Timestamp,
}

/// Why a subscription does not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another stream took over, or the subscription was changed under this one.
    #[error("this lease has ended: another stream took over, or the subscription was changed; open the stream again")]
    LeaseLost,
    /// Confirms what was never sent.
    #[error("cannot confirm revision {asked}: this stream has sent everything up to {sent} and no further")]
    Ahead {
        /// What was to be confirmed.
        asked: i64,
        /// The last revision that was sent, up to which may be confirmed.
        sent: i64,
    },
    /// Parks what this stream has not sent, or what is confirmed already.
    #[error("event {order_id}.{sequence} is not one that this stream has sent and that still waits to be confirmed")]
    NotOutstanding {
        /// Whose event.
        order_id: OrderId,
        /// Which of them.
        sequence: i64,
    },
    /// There is no such event among the parked ones.
    #[error("event {order_id}.{sequence} is not parked; ListParked shows what is")]
    NotParked {
        /// Whose event.
        order_id: OrderId,
        /// Which of them.
        sequence: i64,
    },
    /// The dead letters are full.
    #[error("{MAX_PARKED} orders are parked already; find out why, mend it, and redrive them")]
    TooManyParked,
}

impl Subscription {
    /// A new one, which has yet to see all that comes after `confirmed`.
    #[must_use]
    pub fn new(
        name: SubscriptionName,
        filter: EventFilter,
        max_attempts: u32,
        confirmed: i64,
        created_at: Timestamp,
    ) -> Self {
        Self {
            name,
            version: 0,
            filter,
            max_attempts,
            created_at,
            confirmed,
            delivery: None,
            failures: Failures::default(),
            parked: BTreeMap::new(),
            redriven: BTreeMap::new(),
        }
    }

    /// The revision after which a stream begins: everything up to it is confirmed or held.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.redriven.values().map(|from| from - 1).min().map_or(self.confirmed, |first| first.min(self.confirmed))
    }

    /// Whether an event that the filter wants is yet to be delivered.
    #[must_use]
    pub fn delivers(&self, order_id: &OrderId, revision: i64) -> bool {
        let due = revision > self.confirmed || self.redriven.get(order_id).is_some_and(|from| revision >= *from);
        due && !self.holds(order_id, revision)
    }

    /// Whether an event stands at or behind a parked one of its order.
    #[must_use]
    pub fn holds(&self, order_id: &OrderId, revision: i64) -> bool {
        self.parked.get(order_id).is_some_and(|parked| revision >= parked.revision)
    }

    /// The delivery, if it has failed by now. One that was taken over while it was alive has not: two replicas of a
    /// reader take over from each other, and nothing is wrong with what they read.
    #[must_use]
    pub fn failed(&self, at: Timestamp) -> Option<Delivery> {
        self.delivery.filter(|delivery| delivery.fails_at.is_some_and(|fails_at| fails_at <= at))
    }

    /// Begins a stream under a new lease. `first` is the first wanted event that the previous stream was sent and that
    /// is not confirmed yet, if that delivery has [failed](Self::failed). If the event was sent by itself it is to
    /// blame, and is parked after too many failures; if it was sent with others, all of them become suspect.
    pub fn open(&mut self, lease: Lease, first: Option<Place>, at: Timestamp) {
        if let Some((failed, place)) = self.failed(at).zip(first) {
            if place.revision <= self.failures.suspect {
                self.blame(place, at);
            } else {
                self.failures.suspect = failed.sent;
            }
        }
        let fails_at = Some(Timestamp(at.0.saturating_add(SILENCE)));
        self.delivery = Some(Delivery { lease, sent: self.position(), fails_at });
    }

    fn blame(&mut self, place: Place, at: Timestamp) {
        let count = self.attempts(place.revision) + 1;
        self.failures = Failures { revision: place.revision, count, ..self.failures };
        if self.max_attempts > 0 && count >= self.max_attempts && self.may_park(&place.order_id) {
            self.put_aside(place, format!("not confirmed after {count} deliveries"), count, at);
        }
    }

    /// Notes that the stream is about to send everything up to a revision.
    ///
    /// # Errors
    /// [`Refused::LeaseLost`].
    pub fn send(&mut self, lease: Lease, up_to: i64) -> Result<(), Refused> {
        let delivery = self.held_by(lease)?;
        self.delivery = Some(Delivery { sent: delivery.sent.max(up_to), ..delivery });
        Ok(())
    }

    /// Notes that everything up to a revision has taken effect. An older revision is no error and changes nothing.
    ///
    /// # Errors
    /// [`Refused::LeaseLost`], [`Refused::Ahead`].
    pub fn acknowledge(&mut self, lease: Lease, up_to: i64) -> Result<(), Refused> {
        let sent = self.held_by(lease)?.sent;
        if up_to > sent {
            return Err(Refused::Ahead { asked: up_to, sent });
        }
        self.confirmed = self.confirmed.max(up_to);
        for from in self.redriven.values_mut() {
            *from = (*from).max(up_to + 1);
        }
        self.settle();
        Ok(())
    }

    /// Puts an event aside, and with it all later ones of its order; ends the lease. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Refused::LeaseLost`], [`Refused::NotOutstanding`], [`Refused::TooManyParked`].
    pub fn park(&mut self, lease: Lease, place: Place, reason: String, at: Timestamp) -> Result<(), Refused> {
        if self.parked.get(&place.order_id).is_some_and(|parked| parked.revision == place.revision) {
            return Ok(());
        }
        let sent = self.held_by(lease)?.sent;
        if place.revision > sent || !self.delivers(&place.order_id, place.revision) {
            return Err(Refused::NotOutstanding { order_id: place.order_id, sequence: place.sequence });
        }
        if !self.may_park(&place.order_id) {
            return Err(Refused::TooManyParked);
        }
        let attempts = self.attempts(place.revision) + 1;
        self.put_aside(place, reason, attempts, at);
        self.delivery = None;
        Ok(())
    }

    /// Delivers parked events again, each with everything that is held behind it; ends the lease. An event that is held
    /// stands for the parked one in front of it. What the log no longer has, the events before `oldest`, cannot be
    /// delivered; answers which of the parked events are among those.
    ///
    /// # Errors
    /// [`Refused::NotParked`]; then nothing has changed.
    pub fn redrive(&mut self, events: &[(OrderId, i64)], oldest: i64) -> Result<Vec<(OrderId, i64)>, Refused> {
        for (order_id, sequence) in events {
            if self.parked.get(order_id).is_none_or(|parked| *sequence < parked.sequence) {
                return Err(Refused::NotParked { order_id: order_id.clone(), sequence: *sequence });
            }
        }
        let mut dropped = Vec::new();
        for (order_id, _) in events {
            let Some(parked) = self.parked.remove(order_id) else { continue };
            if parked.revision < oldest {
                dropped.push((order_id.clone(), parked.sequence));
            }
            let left = parked.revision.max(oldest);
            let from = self.redriven.entry(order_id.clone()).or_insert(left);
            *from = (*from).min(left);
        }
        self.settle();
        self.failures = Failures::default();
        self.delivery = None;
        Ok(dropped)
    }

    /// Moves to a revision: everything after it is delivered, whether or not it was before. Ends the lease. What is
    /// parked up to there stays parked, even where the log no longer has it, because what is held behind it may still
    /// be there.
    pub fn seek(&mut self, revision: i64) {
        self.confirmed = revision;
        self.redriven.clear();
        self.parked.retain(|_, parked| parked.revision <= revision);
        self.failures = Failures::default();
        self.delivery = None;
    }

    /// Wants something else from now on. Ends the lease.
    pub fn refilter(&mut self, filter: EventFilter) {
        if self.filter != filter {
            self.filter = filter;
            self.delivery = None;
        }
    }

    fn held_by(&self, lease: Lease) -> Result<Delivery, Refused> {
        self.delivery.filter(|delivery| delivery.lease == lease).ok_or(Refused::LeaseLost)
    }

    /// How many failed deliveries an event is blamed for so far.
    fn attempts(&self, revision: i64) -> u32 {
        if self.failures.revision == revision { self.failures.count } else { 0 }
    }

    fn may_park(&self, order_id: &OrderId) -> bool {
        self.parked.len() < MAX_PARKED || self.parked.contains_key(order_id)
    }

    /// Parks an event. If a later event of the same order was parked before, it is held behind this one from now on.
    fn put_aside(&mut self, place: Place, reason: String, attempts: u32, at: Timestamp) {
        let Place { revision, order_id, sequence } = place;
        self.parked.insert(order_id, Parked { revision, sequence, reason, attempts, at });
        self.settle();
    }

    /// Forgets redriven stretches that are confirmed, or held again.
    fn settle(&mut self) {
        let Self { confirmed, parked, redriven, .. } = self;
        redriven.retain(|order_id, from| {
            *from <= *confirmed && parked.get(order_id).is_none_or(|parked| *from < parked.revision)
        });
    }
}
