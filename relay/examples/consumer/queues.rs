//! The three queues, and how a message wanders between them.
//!
//! QUEUE ──rejected──▶ QUEUE.retry ──after the delay──▶ QUEUE ──after the last try──▶ QUEUE.dead
//!
//! RabbitMQ counts how often it moved a message (`x-death`), so no count is lost with a consumer.

use std::time::Duration;

use lapin::{
    Channel, Connection, ExchangeKind,
    message::Delivery,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, LongString},
};
use tokio::time::timeout;

use crate::{Error, Options};

/// No limit, in every version: RabbitMQ would move what it delivered too often into QUEUE.retry without a rejection, and refuse
/// to move it back from there, because that is a cycle.
const DELIVERY_LIMIT: i32 = i32::MAX;
/// For a burial, up to its confirmation.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Queues {
    /// Nobody consumes on it: see `bury`.
    publisher: Connection,
    /// On that connection, in confirm mode.
    channel: Channel,
    queue: String,
    pub(crate) attempts: i64,
}

impl Queues {
    /// Makes what is missing. Queues that are there with other arguments are an error: delete them, or take other names.
    pub(crate) async fn declare(
        channel: &Channel,
        publisher: Connection,
        options: &Options,
    ) -> Result<Self, lapin::Error> {
        let Options { exchange, queue, key, .. } = options;
        let (retry, dead) = (format!("{queue}.retry"), format!("{queue}.dead"));
        // The same as the relay declares: whoever comes first makes it.
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (name, topic) = (exchange.as_str().into(), ExchangeKind::Topic);
        channel.exchange_declare(name, topic, durable, FieldTable::default()).await?;

        let mut work = onwards(&retry);
        work.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        let mut wait = onwards(queue);
        wait.insert("x-message-ttl".into(), AMQPValue::LongInt(options.delay_ms));
        for (name, arguments) in [(queue, work), (&retry, wait), (&dead, quorum())] {
            channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await?;
        }
        let (name, exchange, key) = (queue.as_str().into(), exchange.as_str().into(), key.as_str().into());
        channel.queue_bind(name, exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
        let channel = publisher.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { publisher, channel, queue: queue.clone(), attempts: options.attempts })
    }

    /// Which try this is; 1 for the first.
    pub(crate) fn attempt(&self, delivery: &Delivery) -> i64 {
        let headers = delivery.properties.headers().as_ref();
        let Some(AMQPValue::FieldArray(deaths)) = headers.and_then(|headers| headers.inner().get("x-death")) else {
            return 1;
        };
        let counts = deaths.as_slice().iter().filter_map(|death| {
            let AMQPValue::FieldTable(death) = death else { return None };
            if is(death, "queue", &self.queue) { count(death) } else { None }
        });
        1 + counts.sum::<i64>()
    }

    /// How often it was delivered before, and neither acknowledged nor rejected. RabbitMQ counts it.
    pub(crate) fn unanswered(&self, delivery: &Delivery) -> i64 {
        let headers = delivery.properties.headers().as_ref();
        match headers.and_then(|headers| headers.inner().get("x-delivery-count")) {
            Some(AMQPValue::LongLongInt(count)) => *count,
            Some(AMQPValue::LongInt(count)) => i64::from(*count),
            Some(AMQPValue::LongUInt(count)) => i64::from(*count),
            _ => 0,
        }
    }

    /// Puts it into QUEUE.dead, with what is wrong with it, and returns when RabbitMQ has it there. `false` when RabbitMQ
    /// takes in nothing now: it may be there later all the same.
    ///
    /// A RabbitMQ that runs out of memory or disk stops reading from each connection that publishes, and so reads no
    /// acknowledgement from there either. One burial on the connection that consumes would stop the very consumer that
    /// makes room, for ever. So burials have a connection of their own, and a bounded time.
    pub(crate) async fn bury(&self, delivery: &Delivery, why: &str) -> Result<bool, Error> {
        // What is published now would pile up here.
        if self.publisher.status().blocked() {
            return Ok(false);
        }
        let mut headers = delivery.properties.headers().clone().unwrap_or_default();
        headers.insert("error".into(), AMQPValue::LongString(LongString::from(why)));
        let properties = delivery.properties.clone().with_headers(headers);
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let dead = format!("{}.dead", self.queue).into();
        let publish = async {
            let confirm = self.channel.basic_publish("".into(), dead, mandatory, &delivery.data, properties).await?;
            confirm.await
        };
        match timeout(PATIENCE, publish).await {
            Ok(confirmation) => {
                let confirmation = confirmation?;
                if confirmation.is_ack() && confirmation.take_message().is_none() {
                    Ok(true)
                } else {
                    Err("RabbitMQ has not taken a message into the dead-letter queue".into())
                }
            }
            Err(_) if self.publisher.status().blocked() => Ok(false),
            // The connection is stuck, so there must be another.
            Err(_) => Err("RabbitMQ says nothing of a message for the dead-letter queue".into()),
        }
    }
}

/// Replicated where there is a cluster, and synced to disk.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

/// What leaves this queue other than by an acknowledgement goes into another, and is kept here until it is there.
fn onwards(queue: &str) -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(queue));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn is(death: &FieldTable, field: &str, value: &str) -> bool {
    matches!(death.inner().get(field), Some(AMQPValue::LongString(text)) if text.as_bytes() == value.as_bytes())
}

fn count(death: &FieldTable) -> Option<i64> {
    let Some(AMQPValue::LongLongInt(count)) = death.inner().get("count") else { return None };
    Some(*count)
}
