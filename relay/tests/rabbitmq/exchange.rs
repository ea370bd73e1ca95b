//! An exchange of one test's own on a real RabbitMQ, somebody who looks at it, and events for it.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::{
    Channel, Connection, ConnectionProperties, Consumer,
    options::{
        BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use paystate_proto::v1::{Event, EventKind, OrderState};
use paystate_relay::{Address, Format, Message, Messages, Settings};
use prost::Message as _;
use tokio::time::timeout;

/// Longest wait for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn url() -> String {
    std::env::var("PAYSTATE_TEST_RABBITMQ")
        .expect("PAYSTATE_TEST_RABBITMQ is not set: run tests/run, or tests/with-servers cargo test …")
}

/// An exchange of one test's own, and somebody who looks at it.
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    connection: Connection,
}

impl Exchange {
    pub(crate) async fn new() -> Self {
        let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let name = format!("test.{:x}", rand::random::<u64>());
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let topic = lapin::ExchangeKind::Topic;
        channel.exchange_declare(name.as_str().into(), topic, durable, FieldTable::default()).await.unwrap();
        Self { name, channel, connection }
    }

    pub(crate) async fn another_channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// The user and password of the URL's, which a configuration has apart.
    pub(crate) fn address(&self) -> Address {
        let url = url();
        let (user, host) =
            url.strip_prefix("amqp://").and_then(|rest| rest.split_once('@')).expect("amqp://user:password@…");
        let (user, password) = user.split_once(':').unwrap();
        let settings = Settings {
            url: format!("amqp://{user}@{host}"),
            password: Some(password.into()),
            tls_ca: None,
            exchange: self.name.clone(),
            allow_plaintext: true,
        };
        settings.check().unwrap()
    }

    /// A queue of its own, with what it takes.
    pub(crate) async fn queue(&self, key: &str, arguments: FieldTable) -> String {
        let exclusive = QueueDeclareOptions { exclusive: true, ..Default::default() };
        let queue = self.channel.queue_declare("".into(), exclusive, arguments).await.unwrap();
        let (name, key) = (queue.name().clone(), key.into());
        let bind = QueueBindOptions::default();
        self.channel
            .queue_bind(name.clone(), self.name.as_str().into(), key, bind, FieldTable::default())
            .await
            .unwrap();
        name.to_string()
    }

    pub(crate) async fn consume(&self, queue: &str) -> Consumer {
        let options = BasicConsumeOptions::default();
        self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap()
    }

    pub(crate) async fn delete(self) {
        self.channel.exchange_delete(self.name.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    }
}

pub(crate) async fn next(consumer: &mut Consumer) -> Event {
    let delivery = timeout(SOON, consumer.next()).await.expect("a message comes").unwrap().unwrap();
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    Event::decode(&*delivery.data).unwrap()
}

pub(crate) fn event(revision: i64, order_id: &str, sequence: i64, to_state: OrderState) -> Event {
    Event {
        revision,
        event_id: format!("{order_id}-{sequence}"),
        order_id: order_id.into(),
        sequence,
        kind: EventKind::PaymentSucceeded.into(),
        to_state: to_state.into(),
        ..Default::default()
    }
}

pub(crate) fn messages(events: &[Event]) -> Vec<Message> {
    let messages = Messages::new(Format::Protobuf).unwrap();
    events.iter().map(|event| messages.message("log", event).unwrap()).collect()
}
