//! The example in `examples/consumer` does what its README says.

use std::{path::PathBuf, process::Stdio, time::Duration};

use lapin::{
    Channel, Queue,
    message::BasicGetMessage,
    options::{BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use paystate_proto::v1::{Event, Order, OrderState};
use paystate_relay::{Health, Publisher};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::exchange::{Exchange, SOON, event, messages, url};

/// Between two looks at something that should happen soon.
const A_MOMENT: Duration = Duration::from_millis(50);
const ATTEMPTS: i64 = 3;

/// The example, with a queue of its own. Cargo builds the examples of a package before its tests.
struct Service {
    exchange: Exchange,
    queue: String,
    home: TempDir,
}

impl Service {
    async fn new() -> Self {
        let exchange = Exchange::new().await;
        Self { queue: format!("{}.stock", exchange.name), exchange, home: tempfile::tempdir().unwrap() }
    }

    fn command(&self) -> Command {
        let deps = std::env::current_exe().unwrap();
        let mut command = Command::new(deps.parent().unwrap().parent().unwrap().join("examples/consumer"));
        command.args(["--rabbitmq", &url(), "--exchange", &self.exchange.name, "--queue", &self.queue]);
        command.args(["--attempts", &ATTEMPTS.to_string(), "--delay-ms", "100", "--database"]).arg(self.database());
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("stock.db")
    }

    /// Starts it; it is ready when it consumes. Its queue is there some time before that, and not bound yet.
    async fn start(&self) -> Child {
        let child =
            self.command().spawn().expect("the example; cargo builds it unless it is told to build one test only");
        let consumes = async || self.look("").await.is_some_and(|queue| queue.consumer_count() > 0);
        self.until("its consumer", consumes).await;
        child
    }

    async fn report(&self) -> Value {
        let output = self.command().arg("--report").output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// One of its queues, if that is there.
    async fn look(&self, suffix: &str) -> Option<Queue> {
        // Asking for a queue that is missing costs the channel.
        let channel = self.exchange.another_channel().await;
        let name = format!("{}{suffix}", self.queue);
        let look = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(name.as_str().into(), look, FieldTable::default()).await.ok()
    }

    /// How many messages wait in one of its queues, if that is there.
    async fn count(&self, suffix: &str) -> Option<u32> {
        Some(self.look(suffix).await?.message_count())
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            while !is_so().await {
                sleep(A_MOMENT).await;
            }
        };
        timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what} does not come"));
    }

    async fn publish(&self, events: &[Event]) {
        let mut publisher = Publisher::new(self.exchange.address(), Health::default());
        timeout(SOON, publisher.publish(&messages(events))).await.expect("all are confirmed");
        publisher.close().await;
    }

    async fn dead(&self) -> BasicGetMessage {
        let queue = format!("{}.dead", self.queue);
        let message = self.exchange.channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: true });
        message.await.unwrap().expect("a dead letter")
    }

    async fn delete(self) {
        for suffix in ["", ".retry", ".dead"] {
            delete(&self.exchange.channel, &format!("{}{suffix}", self.queue)).await;
        }
        self.exchange.delete().await;
    }
}

async fn delete(channel: &Channel, queue: &str) {
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
}

/// The order of `id` is paid, or all of its money goes back.
fn turn(id: &str, sequence: i64, to: OrderState, description: &str) -> Event {
    let from = if to == OrderState::Paid { OrderState::Pending } else { OrderState::Paid };
    let order = Order { order_id: id.into(), description: description.into(), ..Default::default() };
    Event { from_state: from.into(), order: Some(order), ..event(sequence, id, sequence, to) }
}

#[tokio::test]
async fn poison_is_tried_a_few_times_and_put_aside_and_the_rest_takes_effect_once() {
    let service = Service::new().await;
    let mut consumer = service.start().await;
    let events = [
        turn("a", 3, OrderState::Paid, "mug x2"),
        turn("poison", 3, OrderState::Paid, "what is this"),
        turn("a", 4, OrderState::Refunded, "mug x2"),
        turn("b", 3, OrderState::Paid, "mug x1"),
    ];
    service.publish(&events).await;
    // Everything but the poison comes again, as after a relay that was killed.
    service.publish(&[events[0].clone(), events[2].clone(), events[3].clone()]).await;

    service.until("a dead letter", async || service.count(".dead").await == Some(1)).await;
    service.until("the rest", async || service.count("").await == Some(0)).await;
    consumer.kill().await.unwrap();
    assert_eq!(service.report().await, json!({"applied": {"a": 1, "b": 1}, "returned": {"a": 1}}));

    let dead = service.dead().await;
    let (properties, body) = (&dead.delivery.properties, &dead.delivery.data);
    assert_eq!(*body, messages(&events)[1].body);
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "poison-3");
    let headers = properties.headers().as_ref().unwrap().inner();
    assert_eq!(headers["error"], AMQPValue::LongString("\"what is this\" is not SKU xQUANTITY".into()));
    // The last try was not rejected but buried.
    let AMQPValue::FieldArray(deaths) = &headers["x-death"] else { panic!("{headers:?}") };
    let rejections = deaths.as_slice().iter().filter_map(|death| {
        let AMQPValue::FieldTable(death) = death else { panic!("{death:?}") };
        let is_rejection = death.inner()["reason"] == AMQPValue::LongString("rejected".into());
        is_rejection.then(|| death.inner()["count"].clone())
    });
    assert_eq!(rejections.collect::<Vec<_>>(), [AMQPValue::LongLongInt(ATTEMPTS - 1)]);
    assert_eq!((service.count("").await, service.count(".retry").await), (Some(0), Some(0)));
    service.delete().await;
}

#[tokio::test]
async fn a_consumer_that_is_killed_applies_each_event_once() {
    const ORDERS: usize = 600;
    const KILLS: usize = 4;
    let service = Service::new().await;
    let mut consumer = service.start().await;
    let orders: Vec<_> = (0..ORDERS).map(|n| format!("o{n}")).collect();
    let paid: Vec<_> = orders.iter().map(|id| turn(id, 3, OrderState::Paid, "mug x1")).collect();
    let applied = async || service.report().await["applied"].as_object().map_or(0, serde_json::Map::len);
    for (n, some) in paid.chunks(ORDERS / KILLS).enumerate() {
        service.publish(some).await;
        // Killed in the middle of it.
        service.until("some effects", async || applied().await > n * ORDERS / KILLS).await;
        consumer.kill().await.unwrap();
        consumer = service.start().await;
    }
    service.until("all effects", async || applied().await == ORDERS).await;
    service.until("all acknowledgements", async || service.count("").await == Some(0)).await;
    consumer.kill().await.unwrap();
    let report = service.report().await;
    assert!(report["applied"].as_object().unwrap().values().all(|times| *times == json!(1)), "{report}");
    assert_eq!((service.count(".dead").await, service.count(".retry").await), (Some(0), Some(0)));
    service.delete().await;
}

#[tokio::test]
async fn what_killed_its_consumers_is_put_aside_and_what_came_behind_it_is_not() {
    const DEADLY: usize = 20;
    let service = Service::new().await;
    let mut consumer = service.start().await;
    consumer.kill().await.unwrap();
    let paid = ["killer", "b", "c"].map(|id| turn(id, 3, OrderState::Paid, "mug x1"));
    service.publish(&paid).await;
    for _ in 0..DEADLY {
        // A consumer that is given all three, and ends before it has answered.
        let channel = service.exchange.another_channel().await;
        for _ in &paid {
            let queue = service.queue.as_str().into();
            assert!(channel.basic_get(queue, BasicGetOptions::default()).await.unwrap().is_some());
        }
        channel.close(200, "died".into()).await.unwrap();
        service.until("what it held", async || service.count("").await == Some(3)).await;
    }
    consumer = service.start().await;
    service.until("the others", async || service.report().await["applied"] == json!({"b": 1, "c": 1})).await;
    let dead = service.dead().await;
    assert_eq!(dead.delivery.properties.message_id().as_ref().unwrap().as_str(), "killer-3");
    service.until("all acknowledgements", async || service.count("").await == Some(0)).await;
    consumer.kill().await.unwrap();
    service.delete().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_waited_for_with_the_message_in_hand() {
    /// Longer than SQLite itself waits for a lock, and then as long as a new connection took.
    const LOCKED: Duration = Duration::from_secs(8);
    let service = Service::new().await;
    let mut consumer = service.start().await;
    let file = format!("sqlite:{}", service.database().display());
    let mut other = SqliteConnection::connect(&file).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    service.publish(&[turn("a", 3, OrderState::Paid, "mug x1")]).await;
    let end = Instant::now() + LOCKED;
    while Instant::now() < end {
        let queue = service.look("").await.unwrap();
        assert_eq!(queue.consumer_count(), 1, "it gave the message back, which counts against it");
        sleep(A_MOMENT).await;
    }
    assert_eq!(service.report().await["applied"], json!({}), "it was not locked, so nothing is proved");
    other.execute("ROLLBACK").await.unwrap();
    service.until("the effect", async || service.report().await["applied"] == json!({"a": 1})).await;
    assert_eq!((service.count(".dead").await, service.count(".retry").await), (Some(0), Some(0)));
    consumer.kill().await.unwrap();
    service.delete().await;
}
