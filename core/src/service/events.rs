//! StreamEvents: the log from a position on, in batches that chain.
//!
//! A stream holds one message at a time: the next one is made when the transport has room for it. So a client that does
//! not read costs one batch, and nobody else anything.

use std::pin::Pin;

use futures_util::{Stream, stream};
use paystate_proto::v1::{self, stream_events_response::Message};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{Core, convert, error, error::Violations, now, subscription};
use crate::{
    feed::{Deliveries, Follow, Place, Position, Step, Token},
    order::{EventFilter, OrderId, SubscriptionName},
};

/// Streams of a core at once.
pub(super) const MAX_STREAMS: usize = 1_024;

pub(super) type StreamEventsStream = Pin<Box<dyn Stream<Item = Result<v1::StreamEventsResponse, Status>> + Send>>;

/// Reads a filter; none is one that wants everything.
pub(super) fn read_filter(v: &mut Violations, filter: Option<&v1::EventFilter>) -> EventFilter {
    let Some(filter) = filter else { return EventFilter::default() };
    let kinds = filter.kinds.iter().filter_map(|k| v.take("filter.kinds", convert::read_event_kind(*k))).collect();
    let states = filter.to_states.iter().filter_map(|s| v.take("filter.to_states", convert::read_state(*s))).collect();
    let order_id = match filter.order_id.as_str() {
        "" => None,
        id => v.take("filter.order_id", OrderId::parse(id)),
    };
    EventFilter { kinds, to_states: states, order_id }
}

/// Reads a position; an absent one is the earliest. A malformed token is refused with a reason of its own.
pub(super) fn read_position(v: &mut Violations, position: Option<&v1::Position>) -> Result<Option<Position>, Status> {
    use v1::position::At;
    let Some(at) = position.and_then(|p| p.at.as_ref()) else { return Ok(Some(Position::Earliest)) };
    Ok(match at {
        At::Earliest(true) => Some(Position::Earliest),
        At::Latest(true) => Some(Position::Latest),
        At::Earliest(false) => v.take("position.earliest", Err("must be true, or absent")),
        At::Latest(false) => v.take("position.latest", Err("must be true, or absent")),
        At::AfterRevision(revision) if *revision < 0 => v.take("position.after_revision", Err("must not be negative")),
        At::AfterRevision(revision) => Some(Position::After(*revision)),
        At::Time(time) => v.take("position.time", convert::read_time(time)).map(Position::Time),
        At::ResumeToken(text) => Some(Position::Token(Token::parse(text).map_err(error::feed)?)),
    })
}

impl Core {
    /// Opens a stream that keeps no position here.
    pub(super) async fn follow_events(&self, request: v1::StreamEventsRequest) -> Result<StreamEventsStream, Status> {
        let mut v = Violations::default();
        let filter = read_filter(&mut v, request.filter.as_ref());
        let position = read_position(&mut v, request.position.as_ref())?;
        let position = v.finish(position)?;
        let stream = self.open_stream()?;
        let place = self.feed.locate(position, &filter).await.map_err(error::feed)?;
        let fingerprint = filter.fingerprint();
        let reader = self.feed.reader(&place, move |row| filter.wants(&row.event));
        let source = Source::Own(Follow::new(reader, request.stop_at_head.then_some(place.head)));
        let closing = self.closing.clone();
        let events =
            Events { source, place, fingerprint, lease: String::new(), closing, stage: Stage::Opening, _open: stream };
        Ok(events.stream())
    }

    /// Opens the stream of a durable subscription; ends the one before.
    pub(super) async fn deliver_events(&self, request: &v1::StreamEventsRequest) -> Result<StreamEventsStream, Status> {
        let mut v = Violations::default();
        let name = v.take("subscription", SubscriptionName::parse(request.subscription.as_str()));
        if request.position.is_some() {
            v.add("position", "the subscription has one of its own; SeekSubscription moves it");
        }
        if request.filter.is_some() {
            v.add("filter", "the subscription has one of its own; UpdateSubscription changes it");
        }
        let name = v.finish(name)?;
        let stream = self.open_stream()?;
        let deliveries = self.durable.open(&name, request.stop_at_head, now()).await;
        let deliveries = deliveries.map_err(subscription::cut_off)?;
        let place = *deliveries.place();
        let fingerprint = deliveries.subscription().filter.fingerprint();
        let (lease, source) = (deliveries.lease().to_string(), Source::Durable(Box::new(deliveries)));
        let closing = self.closing.clone();
        Ok(Events { source, place, fingerprint, lease, closing, stage: Stage::Opening, _open: stream }.stream())
    }

    /// Takes one of the places for streams.
    pub(super) fn open_stream(&self) -> Result<OpenStream, Status> {
        let place = self.streams.clone().try_acquire_owned().map_err(|_| {
            let message = format!("this core serves {MAX_STREAMS} streams already; try another one, or later");
            error::status(Code::ResourceExhausted, "TOO_MANY_STREAMS", &message)
        })?;
        metrics::gauge!("paystate_feed_streams").increment(1.0);
        Ok(OpenStream(place))
    }
}

/// A stream that is open, for as long as it is kept.
pub(super) struct OpenStream(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!("paystate_feed_streams").decrement(1.0);
    }
}

/// Whose place it is.
enum Source {
    /// The client's own.
    Own(Follow),
    /// A subscription's.
    Durable(Box<Deliveries>),
}

impl Source {
    async fn next(&mut self) -> Result<Option<Step>, Status> {
        match self {
            Self::Own(follow) => follow.next().await.map_err(error::feed),
            Self::Durable(deliveries) => deliveries.next().await.map_err(subscription::cut_off),
        }
    }
}

struct Events {
    source: Source,
    place: Place,
    fingerprint: [u8; 8],
    /// Empty where nobody needs one.
    lease: String,
    closing: CancellationToken,
    stage: Stage,
    _open: OpenStream,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Following,
    Ended,
}

impl Events {
    fn stream(self) -> StreamEventsStream {
        Box::pin(stream::unfold(self, |mut events| async move {
            let message = events.next().await?;
            Some((message.map(|message| v1::StreamEventsResponse { message: Some(message) }), events))
        }))
    }

    async fn next(&mut self) -> Option<Result<Message, Status>> {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Following;
                return Some(Ok(opened(&self.place, std::mem::take(&mut self.lease))));
            }
            Stage::Following => {}
            Stage::Ended => return None,
        }
        let step = tokio::select! {
            step = self.source.next() => step,
            () = self.closing.cancelled() => {
                self.stage = Stage::Ended;
                return Some(Ok(going_away("the core is stopping")));
            }
        };
        match step {
            Ok(Some(step)) => Some(Ok(self.message(&step))),
            Ok(None) => None,
            Err(why) => {
                self.stage = Stage::Ended;
                Some(Err(why))
            }
        }
    }

    fn message(&self, step: &Step) -> Message {
        let token = |revision| Token { log_id: self.place.log_id, revision, fingerprint: self.fingerprint };
        message(step, token)
    }
}

/// Begins a stream.
pub(super) fn opened(place: &Place, lease: String) -> Message {
    Message::Opened(v1::Opened { log_id: place.log_id.to_string(), after_revision: place.after, lease })
}

/// Ends a stream whose client shall come back.
pub(super) fn going_away(reason: &str) -> Message {
    Message::GoingAway(v1::GoingAway { reason: reason.to_owned() })
}

/// What a client is sent, with the token to go on from there.
pub(super) fn message(step: &Step, token: impl Fn(i64) -> Token) -> Message {
    match step {
        Step::Batch(batch) => {
            metrics::counter!("paystate_feed_batches_total").increment(1);
            metrics::counter!("paystate_feed_events_total")
                .increment(batch.events.len().try_into().unwrap_or(u64::MAX));
            Message::Batch(v1::Batch {
                after_revision: batch.after,
                up_to_revision: batch.up_to,
                events: batch.events.iter().map(|entry| convert::whole_event(&entry.row)).collect(),
                resume_token: token(batch.up_to).to_string(),
            })
        }
        Step::Progress { up_to } => {
            Message::Progress(v1::Progress { up_to_revision: *up_to, resume_token: token(*up_to).to_string() })
        }
    }
}
