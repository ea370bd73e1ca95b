//! Publishes until it is confirmed.

use std::{fmt, sync::Arc};

use metrics::counter;
use paystate_client::Backoff;
use tokio::time::sleep;

use crate::{
    Address, Health, Message,
    link::{Link, Outcome},
    rounds::rounds,
};

/// The way to one exchange. It connects by itself, and again for as long as it takes.
pub struct Publisher {
    address: Address,
    health: Health,
    link: Option<Arc<Link>>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Connects when it is first used. `health` learns of its connections.
    #[must_use]
    pub fn new(address: Address, health: Health) -> Self {
        Self { address, health, link: None }
    }

    /// Returns when the broker has confirmed all messages; without any, when there is a connection, so that a lost one
    /// is mended before it is needed. If it is dropped before that, some may have been published.
    pub async fn publish(&mut self, messages: &[Message]) {
        self.link().await;
        for round in rounds(messages) {
            self.confirm(round).await;
        }
    }

    /// Says goodbye to the broker.
    pub async fn close(&mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// Publishes what is not confirmed, again and again. The order within each order is safe: there is one message of
    /// it here, and the next follows only after this.
    async fn confirm(&mut self, mut unconfirmed: Vec<&Message>) {
        let mut backoff = Backoff::default();
        while !unconfirmed.is_empty() {
            let link = self.link().await;
            let outcome = link.publish(&unconfirmed).await;
            count(unconfirmed.len(), &outcome);
            if outcome.unconfirmed.len() < unconfirmed.len() {
                backoff.reset();
            }
            if let Some(trouble) = &outcome.trouble {
                tracing::warn!(%trouble, unconfirmed = outcome.unconfirmed.len(), "RabbitMQ is lost");
                self.link = None;
            }
            if outcome.refused > 0 {
                tracing::warn!(refused = outcome.refused, "RabbitMQ refuses messages; is a queue full?");
            }
            unconfirmed = outcome.unconfirmed;
            if !unconfirmed.is_empty() {
                sleep(backoff.wait()).await;
            }
        }
    }

    /// The link that is up, or a new one.
    async fn link(&mut self) -> Arc<Link> {
        let mut backoff = Backoff::default();
        let mut failures = 0_u64;
        loop {
            if let Some(link) = self.link.as_ref().filter(|link| link.is_up()) {
                return link.clone();
            }
            match Link::open(&self.address).await {
                Ok(link) => {
                    tracing::info!(rabbitmq = %self.address, failures, "connected");
                    counter!("paystate_relay_connections_total", "outcome" => "made").increment(1);
                    self.health.linked(link.status());
                    self.link = Some(Arc::new(link));
                }
                Err(trouble) => {
                    counter!("paystate_relay_connections_total", "outcome" => "failed").increment(1);
                    // Warn once; the rest is for debugging.
                    if failures == 0 {
                        tracing::warn!(rabbitmq = %self.address, %trouble, "cannot connect; trying again");
                    } else {
                        tracing::debug!(rabbitmq = %self.address, %trouble, failures, "cannot connect");
                    }
                    failures += 1;
                    sleep(backoff.wait()).await;
                }
            }
        }
    }
}

fn count(published: usize, outcome: &Outcome<'_>) {
    let confirmed = published.saturating_sub(outcome.unconfirmed.len());
    let outcomes = [
        ("confirmed", confirmed as u64),
        ("refused", outcome.refused),
        ("unroutable", outcome.unroutable),
        ("unconfirmed", (outcome.unconfirmed.len() as u64).saturating_sub(outcome.refused)),
    ];
    for (name, n) in outcomes {
        counter!("paystate_relay_messages_total", "outcome" => name).increment(n);
    }
}
