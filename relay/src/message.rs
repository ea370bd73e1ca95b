//! What an event looks like on the broker.

use std::fmt;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, LongString},
};
use paystate_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{Event, EventKind, OrderState},
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// The contract's name of what a body holds.
const TYPE: &str = "paystate.v1.Event";
/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// How bodies are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// `application/protobuf`: the message `paystate.v1.Event`.
    #[default]
    Protobuf,
    /// `application/json`: the same in Protobuf's JSON mapping.
    Json,
}

/// One event, ready to be published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// `order.<state after it>.<kind>`, for example `order.paid.payment_succeeded`.
    pub routing_key: String,
    /// Whose journal it is of.
    pub order_id: String,
    /// The event, as the content type says.
    pub body: Vec<u8>,
    /// Persistent; message id, type, time and headers say what the event is, so that a consumer may decide without
    /// reading the body.
    pub properties: BasicProperties,
}

/// Writes events as messages.
pub struct Messages {
    format: Format,
    descriptor: MessageDescriptor,
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("format", &self.format).finish_non_exhaustive()
    }
}

/// The built-in contract cannot be read, or an event does not follow it.
#[derive(Debug, thiserror::Error)]
#[error("cannot write events: {0}")]
pub struct Unwritable(String);

impl Messages {
    /// For bodies of this format.
    ///
    /// # Errors
    /// [`Unwritable`]: the built-in contract cannot be read.
    pub fn new(format: Format) -> Result<Self, Unwritable> {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|e| Unwritable(e.to_string()))?;
        let descriptor = pool.get_message_by_name(TYPE).ok_or_else(|| Unwritable(format!("there is no {TYPE}")))?;
        Ok(Self { format, descriptor })
    }

    /// The message of an event of the log `log_id`.
    ///
    /// # Errors
    /// [`Unwritable`]: it cannot be written as JSON.
    pub fn message(&self, log_id: &str, event: &Event) -> Result<Message, Unwritable> {
        let (content_type, body) = match self.format {
            Format::Protobuf => ("application/protobuf", event.encode_to_vec()),
            Format::Json => ("application/json", self.json(event)?),
        };
        let seconds = event.event_time.as_ref().map_or(0, |time| time.seconds);
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(event.event_id.as_str().into())
            .with_content_type(content_type.into())
            .with_type(TYPE.into())
            .with_app_id("paystate".into())
            .with_timestamp(u64::try_from(seconds).unwrap_or_default())
            .with_headers(headers(log_id, event));
        let (routing_key, order_id) = (routing_key(event), event.order_id.clone());
        Ok(Message { routing_key, order_id, body, properties })
    }

    fn json(&self, event: &Event) -> Result<Vec<u8>, Unwritable> {
        let mut message = DynamicMessage::new(self.descriptor.clone());
        message.transcode_from(event).map_err(|e| Unwritable(e.to_string()))?;
        serde_json::to_vec(&message).map_err(|e| Unwritable(e.to_string()))
    }
}

fn headers(log_id: &str, event: &Event) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    let mut headers = FieldTable::default();
    headers.insert("log_id".into(), text(log_id));
    headers.insert("order_id".into(), text(&event.order_id));
    headers.insert("revision".into(), AMQPValue::LongLongInt(event.revision));
    headers.insert("sequence".into(), AMQPValue::LongLongInt(event.sequence));
    headers
}

/// A state or kind that this version does not know is `unspecified` here; the body has it as it is.
fn routing_key(event: &Event) -> String {
    let state = word(event.to_state().as_str_name(), OrderState::Unspecified.as_str_name());
    let kind = word(event.kind().as_str_name(), EventKind::Unspecified.as_str_name());
    format!("order.{state}.{kind}")
}

/// The name of a value without its enum's, in lower case. `unspecified` is the name of the enum's zero.
fn word(name: &str, unspecified: &str) -> String {
    let prefix = unspecified.trim_end_matches("UNSPECIFIED");
    name.trim_start_matches(prefix).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use paystate_proto::v1::{Money, Order};
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Event {
        Event {
            revision: 7,
            event_id: "e-7".into(),
            order_id: "o-1".into(),
            sequence: 3,
            kind: EventKind::PaymentSucceeded.into(),
            from_state: OrderState::Pending.into(),
            to_state: OrderState::PartiallyRefunded.into(),
            event_time: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            order: Some(Order {
                order_id: "o-1".into(),
                amount: Some(Money { amount_minor: 1999, currency: "CNY".into() }),
                ..Order::default()
            }),
            opened_case_ids: vec!["c".into()],
        }
    }

    fn written(format: Format) -> Message {
        Messages::new(format).unwrap().message("log-1", &event()).unwrap()
    }

    #[test]
    fn the_routing_key_is_the_state_and_the_kind() {
        assert_eq!(written(Format::Protobuf).routing_key, "order.partially_refunded.payment_succeeded");
        let unknown = Event { kind: 4_000, to_state: -1, ..event() };
        assert_eq!(routing_key(&unknown), "order.unspecified.unspecified");
    }

    #[test]
    fn properties_say_what_it_is() {
        let message = written(Format::Protobuf);
        let properties = &message.properties;
        let text = |text: &Option<lapin::types::ShortString>| text.as_ref().unwrap().as_str().to_owned();
        assert_eq!(text(properties.message_id()), "e-7");
        assert_eq!(text(properties.content_type()), "application/protobuf");
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(*properties.timestamp(), Some(1_767_323_045));
        let headers = properties.headers().as_ref().unwrap().inner();
        assert_eq!(headers["revision"], AMQPValue::LongLongInt(7));
        assert_eq!(headers["sequence"], AMQPValue::LongLongInt(3));
        assert_eq!(headers["order_id"], AMQPValue::LongString("o-1".into()));
        assert_eq!(headers["log_id"], AMQPValue::LongString("log-1".into()));
        assert_eq!(message.order_id, "o-1");
    }

    #[test]
    fn both_formats_hold_the_whole_event() {
        assert_eq!(Event::decode(&*written(Format::Protobuf).body).unwrap(), event());
        let json: Value = serde_json::from_slice(&written(Format::Json).body).unwrap();
        assert_eq!(json["revision"], json!("7"));
        assert_eq!(json["toState"], json!("ORDER_STATE_PARTIALLY_REFUNDED"));
        assert_eq!(json["eventTime"], json!("2026-01-02T03:04:05Z"));
        assert_eq!(json["order"]["amount"], json!({"amountMinor": "1999", "currency": "CNY"}));
    }
}
