//! Following a durable subscription, whose position the core keeps.

use std::future::Future;

use paystate_proto::v1::{self, subscription_service_client::SubscriptionServiceClient};

use crate::{
    Channel, FollowError,
    events::{End, Events, answer},
    pause::Pause,
};

/// Why a [`SubscriptionHandler`] has not handled a batch. `E` is its own error; `?` makes [`Failed`](Self::Failed) of it.
#[derive(Debug)]
pub enum Unhandled<E> {
    /// This one event can never be handled. It is parked at the core with the reason, where a person finds it; later
    /// events of its order wait behind it, those of other orders go on. The rest of the batch is delivered again.
    Unprocessable {
        /// Which event.
        event_id: String,
        /// Why, for people.
        reason: String,
    },
    /// Something that may pass, or needs a person here: ends [`Subscriber::run`].
    Failed(E),
}

impl<E> From<E> for Unhandled<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// Applies events. The core keeps the position, so one that was applied can be delivered again: **at least once**.
/// Deduplicate on [`event_id`](v1::Event::event_id), or have effects that may happen twice.
pub trait SubscriptionHandler: Send {
    /// What can go wrong.
    type Error: Send;

    /// A stream begins, or begins again. For whoever wants to know of which log the events are.
    fn opened(&mut self, opened: &v1::Opened) -> impl Future<Output = ()> + Send {
        let _ = opened;
        async {}
    }

    /// Applies the events of a batch. Returning `Ok` says that all of it is done, and confirms it.
    ///
    /// `events` may be empty: a place up to which nothing matches the subscription's filter.
    fn handle(&mut self, batch: v1::Batch) -> impl Future<Output = Result<(), Unhandled<Self::Error>>> + Send;
}

/// Follows a durable subscription (see [`CreateSubscription`](v1::CreateSubscriptionRequest)), acknowledging each batch
/// that its handler has handled.
///
/// Reconnects and checks like a [`Follower`](crate::Follower), except that after a reconnect the core says where to go
/// on: after what is confirmed, or where an operator has moved the subscription.
///
/// One reader at a time: a second one takes the subscription over, and the first takes it back. Two that do so before
/// either has got anything acknowledged, in a rolling deploy for example, do it less and less often, with waits of up to
/// 10 s: only an acknowledgement or a parked event makes the waits
/// short again.
///
/// ```no_run
/// use paystate_client::{Connect, Subscriber, SubscriptionHandler, Unhandled, v1};
///
/// struct Mailer;
///
/// impl SubscriptionHandler for Mailer {
///     type Error = std::io::Error;
///
///     async fn handle(&mut self, batch: v1::Batch) -> Result<(), Unhandled<Self::Error>> {
///         for event in batch.events {
///             let Some(order) = event.order else {
///                 return Err(Unhandled::Unprocessable { event_id: event.event_id, reason: "no order in it".into() });
///             };
///             println!("thank you for {}", order.description);
///         }
///         Ok(())
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let channel = Connect::to("http://127.0.0.1:50051").lazy()?;
/// Subscriber::new(channel, "mails").run(&mut Mailer).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "`run` follows"]
pub struct Subscriber {
    channel: Channel,
    subscription: String,
}

impl Subscriber {
    /// Follows the subscription of this name, which must exist.
    pub fn new(channel: Channel, subscription: impl Into<String>) -> Self {
        Self { channel, subscription: subscription.into() }
    }

    /// Follows until the handler fails, the core refuses, or the chain is broken. The error is the only way out; to
    /// stop, drop the future.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn run<H: SubscriptionHandler>(self, handler: &mut H) -> Result<(), FollowError<H::Error>> {
        let mut pause = Pause::default();
        loop {
            match self.follow(handler, &mut pause).await? {
                End::Refused(refusal) => return Err(FollowError::Refused(refusal)),
                End::Broken(broken) => return Err(FollowError::ChainBroken(broken)),
                End::Lost(why) => pause.after(&why).await,
                // Nobody asked for it.
                End::Head => pause.after("the stream ended").await,
            }
        }
    }

    /// One stream, up to its end.
    async fn follow<H: SubscriptionHandler>(
        &self,
        handler: &mut H,
        pause: &mut Pause,
    ) -> Result<End, FollowError<H::Error>> {
        let request = v1::StreamEventsRequest { subscription: self.subscription.clone(), ..Default::default() };
        let (lease, mut events) = match Events::open(&self.channel, request).await {
            Ok((opened, events)) => {
                handler.opened(&opened).await;
                (opened.lease, events)
            }
            Err(end) => return Ok(end),
        };
        loop {
            let batch = match events.next().await {
                Ok(batch) => batch,
                Err(end) => return Ok(end),
            };
            let up_to_revision = batch.up_to_revision;
            if up_to_revision == batch.after_revision {
                // A mere sign of life.
                continue;
            }
            match handler.handle(batch).await {
                Ok(()) => match self.acknowledge(&lease, up_to_revision).await {
                    Ok(()) => pause.reset(),
                    Err(end) => return Ok(end),
                },
                Err(Unhandled::Failed(error)) => return Err(FollowError::Handler(error)),
                Err(Unhandled::Unprocessable { event_id, reason }) => {
                    // What was sent behind the parked event is to be sent anew, without what must wait for it.
                    return Ok(match self.park(&lease, event_id, reason).await {
                        Ok(()) => {
                            pause.reset();
                            End::Lost("an event was parked".to_owned())
                        }
                        Err(end) => end,
                    });
                }
            }
        }
    }

    async fn acknowledge(&self, lease: &str, up_to_revision: i64) -> Result<(), End> {
        let subscription = self.subscription.clone();
        let request = v1::AcknowledgeRequest { subscription, lease: lease.to_owned(), up_to_revision };
        let mut core = SubscriptionServiceClient::new(self.channel.clone());
        answer(core.acknowledge(request)).await.map(drop)
    }

    async fn park(&self, lease: &str, event_id: String, reason: String) -> Result<(), End> {
        let subscription = self.subscription.clone();
        let request = v1::ParkRequest { subscription, lease: lease.to_owned(), event_id, reason };
        let mut core = SubscriptionServiceClient::new(self.channel.clone());
        answer(core.park(request)).await.map(drop)
    }
}
