//! Following events from a position that the caller keeps.

use std::{convert::Infallible, future::Future};

use paystate_proto::v1::{self, position::At};

use crate::{
    Channel, Refusal, Start,
    chain::ChainBroken,
    events::{End, Events},
    pause::Pause,
};

/// Why a [`Follower`] or a [`Subscriber`](crate::Subscriber) has ended. `E` is the handler's own error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError<E = Infallible> {
    /// The handler failed. What it had not committed will be delivered again by the next `run`.
    #[error("the handler failed: {0}")]
    Handler(E),
    /// The core refuses, and would refuse again. Its `reason` says why:
    ///
    /// | reason | means |
    /// |---|---|
    /// | `LOG_ID_CHANGED` | the token is of another log: the core's database was restored or replaced. Compare what you derived with GetOrder, then begin again |
    /// | `EVENTS_COMPACTED` | what follows the position is no longer kept; see [`Refusal::oldest_revision`] |
    /// | `RESUME_TOKEN_FILTER_CHANGED` | the token belongs to another filter |
    /// | `RESUME_TOKEN_MALFORMED` | it is no token |
    /// | `REVISION_AHEAD` | the log is shorter than that |
    /// | `ROLE_REQUIRED`, `IDENTITY_MISSING` | the certificate gives no right to this |
    #[error("the core refuses: {0}")]
    Refused(Refusal),
    /// Something is missing or out of order; nothing of it was handed on.
    #[error("{0}")]
    ChainBroken(ChainBroken),
}

/// Applies events and keeps the position, both in one transaction of its own database.
///
/// Methods may be written as `async fn`.
pub trait Handler: Send {
    /// What can go wrong in its database.
    type Error: Send;

    /// The `resume_token` that was stored last; none before the first batch. Asked once, at the beginning of
    /// [`Follower::run`].
    fn position(&mut self) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Applies a batch: the effects of its events, and its `resume_token` in place of the one before, **in one
    /// transaction**. Returning `Ok` says that it is committed.
    ///
    /// First of all in that transaction compare the stored revision with `after_revision`, and fail if they differ: then
    /// another process of yours has gone on meanwhile, or a transaction of this one that was thought to be lost did
    /// commit.
    ///
    /// `events` may be empty: a place up to which nothing matches the filter. Store its token like any other.
    fn handle(&mut self, batch: v1::Batch) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Follows the log of events from a position that a [`Handler`] keeps in its own database.
///
/// Since effects and position are committed together, each effect happens **exactly once** for each stored position,
/// whatever dies, and whenever.
///
/// - It connects again for ever, with waits of up to 10 s, when the core is not there, goes away or says nothing for
///   30 s, and goes on after the last batch that the handler has returned from.
/// - It checks that every batch begins where the one before ended, also over reconnects, and that the log is the same.
/// - It hands on one batch at a time, up to 256 events. A handler that is slow slows nobody else, except for calls over
///   the same connection: give each follower a [`Channel`] of its own making, not a clone.
///
/// ```no_run
/// use paystate_client::{Connect, Follower, Handler, v1};
///
/// /// Counts payments, in memory: a real one keeps count and token in one transaction of a database.
/// #[derive(Default)]
/// struct Counter {
///     paid: usize,
///     token: Option<String>,
/// }
///
/// impl Handler for Counter {
///     type Error = std::convert::Infallible;
///
///     async fn position(&mut self) -> Result<Option<String>, Self::Error> {
///         Ok(self.token.clone())
///     }
///
///     async fn handle(&mut self, batch: v1::Batch) -> Result<(), Self::Error> {
///         self.paid += batch.events.iter().filter(|e| e.kind() == v1::EventKind::PaymentSucceeded).count();
///         self.token = Some(batch.resume_token);
///         Ok(())
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let channel = Connect::to("http://127.0.0.1:50051").lazy()?;
/// let mut counter = Counter::default();
/// tokio::select! {
///     ended = Follower::new(channel).run(&mut counter) => ended?,
///     _ = tokio::signal::ctrl_c() => {} // A batch that was not committed comes again.
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "`run` follows"]
pub struct Follower {
    channel: Channel,
    filter: v1::EventFilter,
    start: Start,
    until_head: bool,
}

impl Follower {
    /// Follows everything, from the earliest event.
    pub fn new(channel: Channel) -> Self {
        Self { channel, filter: v1::EventFilter::default(), start: Start::default(), until_head: false }
    }

    /// Only these events. A position that was stored under another filter is refused
    /// (`RESUME_TOKEN_FILTER_CHANGED`): what the new one would have shown before it is missing.
    pub fn filter(mut self, filter: v1::EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Where to begin while the handler has no position. With [`Start::Latest`] and [`Start::Time`] the place is found
    /// once and then kept over reconnects; the first batch stores it, also without an event.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Ends when the head of the log is reached.
    pub fn until_head(mut self) -> Self {
        self.until_head = true;
        self
    }

    /// Follows until the handler fails, the core refuses, or the chain is broken; with
    /// [`until_head`](Self::until_head) until the head is reached, the only way in which it returns `Ok`.
    ///
    /// To stop, drop the future: that cancels the handler where it awaits, and what it has not committed is delivered
    /// again by the next `run`.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn run<H: Handler>(self, handler: &mut H) -> Result<(), FollowError<H::Error>> {
        let token = handler.position().await.map_err(FollowError::Handler)?;
        let mut place = Place::new(token, self.start);
        let mut pause = Pause::default();
        loop {
            match self.follow(&mut place, handler, &mut pause).await? {
                End::Head => return Ok(()),
                End::Refused(refusal) => return Err(FollowError::Refused(refusal)),
                End::Broken(broken) => return Err(FollowError::ChainBroken(broken)),
                End::Lost(why) => pause.after(&why).await,
            }
        }
    }

    /// One stream, up to its end.
    async fn follow<H: Handler>(
        &self,
        place: &mut Place,
        handler: &mut H,
        pause: &mut Pause,
    ) -> Result<End, FollowError<H::Error>> {
        let request = v1::StreamEventsRequest {
            position: Some(place.position.clone()),
            filter: Some(self.filter.clone()),
            stop_at_head: self.until_head,
            ..Default::default()
        };
        let mut events = match Events::open(&self.channel, request).await {
            Ok((opened, events)) => match place.open(opened) {
                Ok(()) => events,
                Err(broken) => return Ok(End::Broken(broken)),
            },
            Err(end) => return Ok(end),
        };
        loop {
            let batch = match events.next().await {
                Ok(batch) => batch,
                Err(end) => return Ok(end),
            };
            pause.reset();
            if place.is_new(&batch) {
                let (up_to, token) = (batch.up_to_revision, batch.resume_token.clone());
                handler.handle(batch).await.map_err(FollowError::Handler)?;
                place.advance(up_to, token);
            }
        }
    }
}

/// From where a stream is opened (again).
#[derive(Debug)]
struct Place {
    position: v1::Position,
    /// Of that position; unknown before the first stream.
    revision: Option<i64>,
    log_id: Option<String>,
}

impl Place {
    fn new(token: Option<String>, start: Start) -> Self {
        let position = token.map_or_else(|| start.into(), |token| v1::Position { at: Some(At::ResumeToken(token)) });
        Self { position, revision: None, log_id: None }
    }

    fn has_token(&self) -> bool {
        matches!(self.position.at, Some(At::ResumeToken(_)))
    }

    /// A stream begins; it must go on where we are.
    fn open(&mut self, opened: v1::Opened) -> Result<(), ChainBroken> {
        let v1::Opened { log_id: found, after_revision, .. } = opened;
        if let Some(expected) = self.log_id.clone().filter(|expected| *expected != found) {
            return Err(ChainBroken::OtherLog { expected, found });
        }
        if let Some(expected) = self.revision.filter(|expected| *expected != after_revision) {
            return Err(ChainBroken::Gap { expected, found: after_revision });
        }
        (self.log_id, self.revision) = (Some(found), Some(after_revision));
        if !self.has_token() {
            // "Latest" must not be a later place after a reconnect.
            self.position = Start::After(after_revision).into();
        }
        Ok(())
    }

    /// Whether the handler has something to store: not for a sign of life at the place where it is.
    fn is_new(&self, batch: &v1::Batch) -> bool {
        batch.up_to_revision > batch.after_revision || !self.has_token()
    }

    fn advance(&mut self, revision: i64, token: String) {
        self.revision = Some(revision);
        self.position = v1::Position { at: Some(At::ResumeToken(token)) };
    }
}
