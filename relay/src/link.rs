//! One connection to RabbitMQ, with one channel in confirm mode and the exchange in place.
//!
//! Contract: a link is good until something on it fails; then it is thrown away, and what was not confirmed on it is
//! published again on the next.

use std::{pin::pin, time::Duration};

use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ConnectionStatus, ExchangeKind, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions},
    runtime::default_runtime,
    types::FieldTable,
};
use tokio::time::{Instant, timeout_at};

use crate::{Address, Message};

/// From the first packet until the exchange is declared.
const CONNECT: Duration = Duration::from_secs(10);
/// From the first message of a round to the last confirm. RabbitMQ syncs to disk before it confirms.
const CONFIRM: Duration = Duration::from_secs(30);

/// Why a link failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Lost(#[from] lapin::Error),
    #[error("no answer in time; RabbitMQ, or the way to it, is stuck")]
    Silent,
}

/// What became of some messages.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'m> {
    /// Those that are not confirmed, in their order. The broker may have some of them all the same.
    pub(crate) unconfirmed: Vec<&'m Message>,
    /// How many of these the broker refused, as it does when a queue is full.
    pub(crate) refused: u64,
    /// How many of the others went to no queue.
    pub(crate) unroutable: u64,
    /// Why the link can no longer be used.
    pub(crate) trouble: Option<Trouble>,
}

#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    channel: Channel,
    exchange: String,
}

/// Until when the messages of a round are waited for.
struct Patience {
    end: Instant,
    was_blocked: bool,
}

impl Link {
    pub(crate) async fn open(address: &Address) -> Result<Self, Trouble> {
        in_time(Instant::now() + CONNECT, Self::connect(address)).await
    }

    async fn connect(address: &Address) -> Result<Self, lapin::Error> {
        let name = ConnectionProperties::default().with_connection_name("paystate relay".into());
        let (uri, tls) = (address.uri.clone(), address.tls.clone());
        let connection = Connection::connect_uri_with_config(uri, name, tls, default_runtime()?).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let exchange = address.exchange.clone();
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let topic = ExchangeKind::Topic;
        channel.exchange_declare(exchange.as_str().into(), topic, durable, FieldTable::default()).await?;
        Ok(Self { connection, channel, exchange })
    }

    /// Its state, even after it is gone.
    pub(crate) fn status(&self) -> ConnectionStatus {
        self.connection.status().clone()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes in the order given, then waits for what the broker says of each.
    pub(crate) async fn publish<'m>(&self, messages: &[&'m Message]) -> Outcome<'m> {
        let mut patience = Patience { end: Instant::now() + CONFIRM, was_blocked: false };
        let mut under_way = Vec::with_capacity(messages.len());
        for message in messages {
            under_way.push((*message, self.unless_silent(&mut patience, self.send(message)).await));
        }
        let mut outcome = Outcome::default();
        for (message, sent) in under_way {
            let confirmed = match sent {
                Ok(confirm) => self.unless_silent(&mut patience, confirm).await,
                Err(trouble) => Err(trouble),
            };
            outcome.note(message, confirmed);
        }
        outcome
    }

    /// Waits for work until the time is over, and longer for as long as RabbitMQ says that it accepts nothing: then it
    /// reads nothing either, not even a goodbye, and any connection that replaced this one would be stuck beside it. If
    /// the peer is gone, the heartbeat finds out.
    async fn unless_silent<T>(
        &self,
        patience: &mut Patience,
        work: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Trouble> {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout_at(patience.end, work.as_mut()).await {
                return Ok(done?);
            }
            let is_blocked = self.connection.status().blocked();
            if !is_blocked && !patience.was_blocked {
                return Err(Trouble::Silent);
            }
            if is_blocked {
                tracing::warn!("RabbitMQ is out of memory or disk, and takes nothing in until it has some");
            }
            // Once it accepts something again, the whole time begins anew.
            *patience = Patience { end: Instant::now() + CONFIRM, was_blocked: is_blocked };
        }
    }

    async fn send(&self, message: &Message) -> lapin::Result<PublisherConfirm> {
        // Mandatory, so that we hear of messages that go to no queue.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (self.exchange.as_str().into(), message.routing_key.as_str().into());
        self.channel.basic_publish(exchange, key, options, &message.body, message.properties.clone()).await
    }

    /// Says goodbye, so that RabbitMQ does not log a lost connection. Nothing can be lost any more.
    pub(crate) async fn close(&self) {
        let _ = in_time(Instant::now() + CONNECT, self.connection.close(200, "the relay stops".into())).await;
    }
}

impl<'m> Outcome<'m> {
    fn note(&mut self, message: &'m Message, confirmed: Result<Confirmation, Trouble>) {
        match confirmed {
            Ok(Confirmation::Ack(returned)) => self.unroutable += u64::from(returned.is_some()),
            Ok(Confirmation::Nack(_)) => {
                self.refused += 1;
                self.unconfirmed.push(message);
            }
            // The channel is in confirm mode, so nobody promised anything.
            Ok(Confirmation::NotRequested) => self.unconfirmed.push(message),
            Err(trouble) => {
                self.trouble = Some(trouble);
                self.unconfirmed.push(message);
            }
        }
    }
}

async fn in_time<T>(deadline: Instant, work: impl Future<Output = lapin::Result<T>>) -> Result<T, Trouble> {
    Ok(timeout_at(deadline, work).await.map_err(|_| Trouble::Silent)??)
}
