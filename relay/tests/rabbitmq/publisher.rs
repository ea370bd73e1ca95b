//! What is published arrives, in order per order.

use std::collections::BTreeMap;

use lapin::{
    options::BasicQosOptions,
    types::{AMQPValue, FieldTable},
};
use paystate_proto::v1::OrderState;
use paystate_relay::{Health, NotReady, Publisher};
use tokio::time::timeout;

use crate::exchange::{Exchange, SOON, event, messages, next};

#[tokio::test]
async fn what_is_published_is_routed_and_confirmed() {
    let exchange = Exchange::new().await;
    let paid = exchange.queue("order.paid.*", FieldTable::default()).await;
    let mut consumer = exchange.consume(&paid).await;
    let health = Health::default();
    let mut publisher = Publisher::new(exchange.address(), health.clone());
    health.heard();
    assert_eq!(health.ready(), Err(NotReady::Broker));

    // Nobody wants the first one, and that holds nothing up.
    let events =
        [event(1, "a", 1, OrderState::Created), event(2, "a", 2, OrderState::Paid), event(3, "b", 1, OrderState::Paid)];
    timeout(SOON, publisher.publish(&messages(&events))).await.expect("all are confirmed");
    assert_eq!(health.ready(), Ok(()));
    assert_eq!([next(&mut consumer).await, next(&mut consumer).await], [events[2].clone(), events[1].clone()]);

    publisher.close().await;
    assert_eq!(health.ready(), Err(NotReady::Broker));
    exchange.delete().await;
}

/// A queue that refuses what it has no room for refuses the first message, and takes the second once there is room.
#[tokio::test]
async fn a_full_queue_does_not_turn_events_of_an_order_around() {
    const ORDERS: i64 = 20;
    const EACH: i64 = 5;
    let exchange = Exchange::new().await;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(3));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let queue = exchange.queue("#", full).await;

    let events: Vec<_> =
        (0..ORDERS * EACH).map(|n| event(n + 1, &format!("o{}", n / EACH), n % EACH + 1, OrderState::Paid)).collect();
    let messages = messages(&events);
    let mut publisher = Publisher::new(exchange.address(), Health::default());
    // One at a time, so that there is room for one at a time.
    exchange.channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut consumer = exchange.consume(&queue).await;
    let publish = timeout(SOON, publisher.publish(&messages));
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let read = async {
        for _ in &events {
            let event = next(&mut consumer).await;
            heard.entry(event.order_id).or_default().push(event.sequence);
        }
    };
    let (published, ()) = tokio::join!(publish, read);
    published.expect("all are confirmed");
    assert_eq!(heard.len(), usize::try_from(ORDERS).unwrap());
    for (order, sequences) in heard {
        assert_eq!(sequences, (1..=EACH).collect::<Vec<_>>(), "{order}");
    }
    exchange.delete().await;
}
