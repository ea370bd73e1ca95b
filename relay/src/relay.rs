//! From a durable subscription to the exchange, until told to stop.

use std::{convert::Infallible, sync::Arc, time::Duration};

use paystate_client::{Channel, FollowError, Refusal, Subscriber, SubscriptionHandler, Unhandled, v1};
use tokio::{
    pin, select,
    sync::{Mutex, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Address, Format, Health, Messages, Publisher, Unwritable, subscription};

/// How long the batch that is under way may still take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// From the broker's last confirm until the core knows of it. If that takes longer, the batch comes again.
const ACKNOWLEDGE: Duration = Duration::from_millis(500);

/// How often the connection is checked while nothing is published.
const LOOK: Duration = Duration::from_secs(5);

/// What a relay is made of.
#[derive(Debug)]
pub struct Relay {
    /// The way to the cores.
    pub core: Channel,
    /// The durable subscription that keeps the position. It is made when it is missing, from the earliest event.
    pub subscription: String,
    /// The way to the exchange.
    pub address: Address,
    /// How bodies are written.
    pub format: Format,
    /// Told of both sides.
    pub health: Health,
}

/// Why a relay has ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The subscription cannot be read or made.
    #[error("subscription {name:?}: {refusal}")]
    Subscription {
        /// Its name.
        name: String,
        /// What the core said.
        refusal: Box<Refusal>,
    },
    /// The core refuses, what it sends is out of order, or an event cannot be written.
    #[error("{0}")]
    Follow(#[from] FollowError<Unwritable>),
}

impl Relay {
    /// Hands on until `stop`. Then the batch that is under way is finished and acknowledged, for up to 10 s.
    ///
    /// It waits for core and broker for as long as it takes, also at the start.
    ///
    /// # Errors
    /// [`RelayError`]: something that a person must mend.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RelayError> {
        let messages = Messages::new(self.format).map_err(FollowError::Handler)?;
        let publisher = Arc::new(Mutex::new(Publisher::new(self.address, self.health.clone())));
        let (busy, mut at_work) = watch::channel(false);
        let hand_on = HandOn { publisher: publisher.clone(), messages, log_id: String::new(), busy };
        let ended = {
            let follow = follow(&self.core, &self.subscription, hand_on);
            pin!(follow);
            select! {
                ended = &mut follow => Some(ended),
                never = subscription::watch(&self.core, &self.subscription, &self.health) => match never {},
                never = stay_connected(&publisher) => match never {},
                () = stop.cancelled() => {
                    let at_rest = async {
                        // The sender lives as long as what follows.
                        let _ = at_work.wait_for(|busy| !busy).await;
                        sleep(ACKNOWLEDGE).await;
                    };
                    let drained = async { select! { _ = &mut follow => {}, () = at_rest => {} } };
                    let _ = timeout(DRAIN, drained).await;
                    None
                }
            }
        };
        publisher.lock().await.close().await;
        ended.unwrap_or(Ok(()))
    }
}

async fn follow(core: &Channel, name: &str, mut hand_on: HandOn) -> Result<(), RelayError> {
    let ensured = subscription::ensure(core, name).await;
    ensured.map_err(|refusal| RelayError::Subscription { name: name.to_owned(), refusal: Box::new(refusal) })?;
    Ok(Subscriber::new(core.clone(), name).run(&mut hand_on).await?)
}

/// Connects at the start, and again in quiet times, when nothing else would notice that a connection is missing.
async fn stay_connected(publisher: &Mutex<Publisher>) -> Infallible {
    loop {
        publisher.lock().await.publish(&[]).await;
        sleep(LOOK).await;
    }
}

/// Publishes each batch.
struct HandOn {
    publisher: Arc<Mutex<Publisher>>,
    messages: Messages,
    /// The id of the log that the open stream reads.
    log_id: String,
    /// Whether a batch is under way.
    busy: watch::Sender<bool>,
}

impl SubscriptionHandler for HandOn {
    type Error = Unwritable;

    async fn opened(&mut self, opened: &v1::Opened) {
        self.log_id.clone_from(&opened.log_id);
    }

    async fn handle(&mut self, batch: v1::Batch) -> Result<(), Unhandled<Unwritable>> {
        let written: Result<Vec<_>, _> =
            batch.events.iter().map(|event| self.messages.message(&self.log_id, event)).collect();
        let written = written?;
        self.busy.send_replace(true);
        self.publisher.lock().await.publish(&written).await;
        self.busy.send_replace(false);
        Ok(())
    }
}
