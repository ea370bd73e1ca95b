//! The relay, while everything around it breaks: each event arrives at RabbitMQ at least once, in order per order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use lapin::{
    Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use paystate_proto::v1::{
    self, Event, StreamEventsResponse, order_service_client::OrderServiceClient, stream_events_response::Message,
    subscription_service_client::SubscriptionServiceClient,
};
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{sync::watch, time::sleep};
use tonic::transport::Channel;

use crate::{
    proxy::{Fault, Proxy, Upstream},
    servers::RabbitMq,
    support::{Process, home, http, quiet_address, until},
};

/// From one order to the next.
const PACE: Duration = Duration::from_millis(15);
/// Between two faults.
const CALM: Duration = Duration::from_millis(400);
/// Cuts of the connection, each somewhere in the middle of what the relay says.
const CUTS: usize = 8;

/// A relay between a core and a RabbitMQ.
async fn start_relay(data: &Path, core: &str, rabbitmq: SocketAddr) -> Process {
    start_with(data, core, &format!("url = \"amqp://{rabbitmq}\"")).await
}

/// The same with lines of `[relay.rabbitmq]`.
async fn start_with(data: &Path, core: &str, rabbitmq: &str) -> Process {
    let config = data.join("relay.toml");
    let relay = format!("[relay]\ncore = \"http://{core}\"\nmetrics_listen = \"127.0.0.1:0\"\n");
    fs::write(&config, format!("{relay}[relay.rabbitmq]\n{rabbitmq}\n")).unwrap();
    Process::role("relay", &config, &[("PAYSTATE_LOG", "off")], "relay metrics").await
}

async fn ready(relay: &Process) -> String {
    let (status, body) = crate::support::http_status(relay.address("relay metrics"), "GET /readyz").await;
    format!("{status} {}", body.trim_end())
}

/// A counter of the relay's, summed over its labels that hold `label`.
async fn counted(relay: &Process, name: &str, label: &str) -> u64 {
    let page = http(relay.address("relay metrics"), "GET /metrics").await;
    let lines = page.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// A queue that takes everything and outlasts RabbitMQ, made before there is a relay.
async fn all_events(rabbitmq: &RabbitMq) {
    let connection = connect(rabbitmq).await;
    let channel = connection.create_channel().await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (exchange, topic) = ("paystate.events", lapin::ExchangeKind::Topic);
    channel.exchange_declare(exchange.into(), topic, durable, FieldTable::default()).await.unwrap();
    channel.queue_declare("all".into(), QueueDeclareOptions::durable(), FieldTable::default()).await.unwrap();
    let bind = QueueBindOptions::default();
    channel.queue_bind("all".into(), exchange.into(), "order.#".into(), bind, FieldTable::default()).await.unwrap();
}

async fn connect(rabbitmq: &RabbitMq) -> Connection {
    let url = format!("amqp://{}", rabbitmq.address());
    Connection::connect(&url, ConnectionProperties::default()).await.unwrap()
}

/// Takes out all that is in the queue, in its order.
async fn take_all(rabbitmq: &RabbitMq) -> Vec<BasicGetMessage> {
    let connection = connect(rabbitmq).await;
    let channel = connection.create_channel().await.unwrap();
    let mut messages = Vec::new();
    while let Some(message) = channel.basic_get("all".into(), BasicGetOptions { no_ack: true }).await.unwrap() {
        messages.push(message);
    }
    messages
}

/// Sells and closes orders until told to stop; a closed order has several events close to each other.
async fn trade(channel: Channel, mut stop: watch::Receiver<bool>) {
    let mut shop = crate::support::Shop::over(channel.clone());
    let mut orders = OrderServiceClient::new(channel);
    for n in 0.. {
        if stop.has_changed().unwrap() {
            stop.borrow_and_update();
            return;
        }
        let order_id = format!("o{n}");
        shop.sell(&order_id, "alipay", &format!("RELAY{n:06}"), 100).await.unwrap();
        let close = v1::CloseOrderRequest { order_id, ..Default::default() };
        orders.close_order(close).await.unwrap();
        sleep(PACE).await;
    }
}

/// The log as the core has it, and its id.
async fn log(channel: Channel) -> (String, Vec<Event>) {
    let request = v1::StreamEventsRequest { stop_at_head: true, ..Default::default() };
    let mut stream = SubscriptionServiceClient::new(channel).stream_events(request).await.unwrap().into_inner();
    let (mut log_id, mut events) = (String::new(), Vec::new());
    while let Some(StreamEventsResponse { message }) = stream.message().await.unwrap() {
        match message.unwrap() {
            Message::Opened(opened) => log_id = opened.log_id,
            Message::Batch(batch) => events.extend(batch.events),
            Message::Progress(_) | Message::GoingAway(_) => {}
        }
    }
    (log_id, events)
}

/// At least once, in order per order, and each as it is in the log.
fn assert_complete(messages: &[BasicGetMessage], log_id: &str, log: &[Event]) {
    let log: BTreeMap<&str, &Event> = log.iter().map(|event| (event.event_id.as_str(), event)).collect();
    let mut seen = BTreeSet::new();
    let mut sequences: BTreeMap<String, i64> = BTreeMap::new();
    for message in messages {
        let (delivery, event) = (&message.delivery, Event::decode(&*message.delivery.data).unwrap());
        let headers = delivery.properties.headers().as_ref().unwrap().inner();
        assert_eq!(delivery.properties.message_id().as_ref().unwrap().as_str(), event.event_id);
        assert_eq!(headers["log_id"], AMQPValue::LongString(log_id.into()));
        assert_eq!(headers["revision"], AMQPValue::LongLongInt(event.revision));
        assert_eq!(log.get(event.event_id.as_str()), Some(&&event));
        if seen.insert(event.event_id.clone()) {
            let last = sequences.insert(event.order_id.clone(), event.sequence).unwrap_or(0);
            assert_eq!(event.sequence, last + 1, "{event:?}");
        }
    }
    let missing: Vec<_> = log.keys().filter(|id| !seen.contains(**id)).collect();
    assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_every_event_arrives_in_order_per_order() {
    let (_dir, data) = home().await;
    let core_address = quiet_address().to_string();
    let mut rabbitmq = RabbitMq::new();
    let proxy = Proxy::start(Upstream::Tcp(rabbitmq.address())).await;

    // The relay is up before anything else is, and waits.
    let mut relay = start_relay(&data, &core_address, proxy.address()).await;
    assert_eq!(ready(&relay).await, "503 no connection to RabbitMQ");
    let config = data.join("paystate.toml");
    let core = Process::role("core", &config, &[("PAYSTATE__CORE__LISTEN", &core_address)], "core metrics").await;
    rabbitmq.start().await;
    all_events(&rabbitmq).await;
    let channel = Channel::from_shared(format!("http://{core_address}")).unwrap().connect().await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let trading = tokio::spawn(trade(channel.clone(), stopped));
    until("a relay that is ready", async || ready(&relay).await == "200 ok").await;

    for cut in 0..CUTS {
        let connections = counted(&relay, "paystate_relay_connections_total", "made").await;
        proxy.set(Fault::CutAfter(1_000 + 937 * cut));
        until("another connection", async || {
            counted(&relay, "paystate_relay_connections_total", "made").await > connections
        })
        .await;
    }
    proxy.set(Fault::Cut);
    until("a relay that knows", async || ready(&relay).await != "200 ok").await;
    proxy.set(Fault::None);
    for n in 0..4 {
        until("a relay that is ready", async || ready(&relay).await == "200 ok").await;
        sleep(CALM).await;
        match n {
            0 => rabbitmq.stop().await,
            1 | 3 => rabbitmq.kill().await,
            _ => {
                relay.kill().await;
                relay = start_relay(&data, &core_address, proxy.address()).await;
                continue;
            }
        }
        sleep(CALM).await;
        rabbitmq.start().await;
    }
    stop.send_replace(true);
    trading.await.unwrap();

    let (log_id, log) = log(channel.clone()).await;
    let head = log.last().unwrap().revision;
    let mut subscriptions = SubscriptionServiceClient::new(channel);
    until("the last event", async || {
        let request = v1::GetSubscriptionRequest { name: "rabbitmq".into() };
        let read = subscriptions.clone().get_subscription(request).await.unwrap().into_inner();
        read.subscription.unwrap().acknowledged_revision >= head
    })
    .await;
    let request = v1::GetSubscriptionRequest { name: "rabbitmq".into() };
    let subscription = subscriptions.get_subscription(request).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!((subscription.backlog_count, subscription.parked_count), (0, 0));
    assert!(counted(&relay, "paystate_relay_messages_total", "confirmed").await > 0);
    assert!(relay.terminate().await);
    assert!(core.terminate().await);

    let messages = take_all(&rabbitmq).await;
    assert_complete(&messages, &log_id, &log);
    assert!(log.len() > 300, "{} events are too few to prove anything", log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_told_to_stop_leaves_nothing_that_comes_twice() {
    const ORDERS: usize = 12;
    let (_dir, data) = home().await;
    let config = data.join("paystate.toml");
    let core = Process::role("core", &config, &[], "core metrics").await;
    let core_address = core.address("core").to_string();
    let mut rabbitmq = RabbitMq::new();
    rabbitmq.start().await;
    all_events(&rabbitmq).await;
    let mut shop = core.shop().await;
    for n in 0..ORDERS {
        // Stopped and started again in the middle of it, with something to do each time.
        let relay = start_relay(&data, &core_address, rabbitmq.address()).await;
        shop.sell(&format!("o{n}"), "alipay", &format!("STOP{n:06}"), 100).await.unwrap();
        if n % 4 == 3 {
            until("a relay that is ready", async || ready(&relay).await == "200 ok").await;
        }
        assert!(relay.terminate().await);
    }
    let relay = start_relay(&data, &core_address, rabbitmq.address()).await;
    let channel = Channel::from_shared(format!("http://{core_address}")).unwrap().connect().await.unwrap();
    let (log_id, log) = log(channel).await;
    let last = async || counted(&relay, "paystate_relay_acknowledged_revision", "").await;
    until("the last event", async || last().await == 2 * ORDERS as u64).await;
    assert!(relay.terminate().await);
    let messages = take_all(&rabbitmq).await;
    assert_complete(&messages, &log_id, &log);
    assert_eq!(messages.len(), log.len(), "none came twice");
    assert!(core.terminate().await);
}

/// An authority and a certificate of it for `localhost`, as files of RabbitMQ's.
fn certify(directory: &Path) {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    fs::write(directory.join("ca.crt"), ca.pem()).unwrap();
    fs::write(directory.join("server.crt"), certificate.pem()).unwrap();
    fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_whom_the_authority_vouches_for_and_nobody_else() {
    let (_dir, data) = home().await;
    let core = Process::role("core", &data.join("paystate.toml"), &[], "core metrics").await;
    let core_address = core.address("core").to_string();
    let (mut rabbitmq, tls) = (RabbitMq::new(), quiet_address());
    certify(&rabbitmq.data());
    let more = ["cacert", "cert", "key"].into_iter().zip(["ca.crt", "server.crt", "server.key"]);
    let more =
        more.map(|(option, file)| format!("ssl_options.{option}file = {}", rabbitmq.data().join(file).display()));
    let more = more.chain([format!("listeners.ssl.default = {tls}")]).collect::<Vec<_>>().join("\n");
    fs::write(rabbitmq.data().join("more.conf"), more + "\n").unwrap();
    rabbitmq.start().await;

    fs::write(data.join("password.txt"), "guest\n").unwrap();
    let lines = |ca: &Path| {
        let (port, ca) = (tls.port(), ca.display());
        format!(
            "url = \"amqps://guest@localhost:{port}\"\npassword = {{ file = \"password.txt\" }}\ntls_ca = {{ file = \"{ca}\" }}"
        )
    };
    // Nothing has happened yet, and it is ready all the same.
    let relay = start_with(&data, &core_address, &lines(&rabbitmq.data().join("ca.crt"))).await;
    until("a relay that is ready", async || ready(&relay).await == "200 ok").await;
    assert!(relay.terminate().await);

    certify(&data);
    let relay = start_with(&data, &core_address, &lines(&data.join("ca.crt"))).await;
    let failed = async || counted(&relay, "paystate_relay_connections_total", "failed").await;
    until("a refused handshake", async || failed().await > 0).await;
    assert_eq!(ready(&relay).await, "503 no connection to RabbitMQ");
    assert!(relay.terminate().await);
    assert!(core.terminate().await);
}

/// A RabbitMQ that is out of memory reads nothing more from who has published, not even a goodbye: whoever comes back to it
/// on another connection leaves one behind each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_rabbitmq_out_of_memory_is_waited_for_on_one_connection() {
    /// Longer than a relay waits for a confirm of a RabbitMQ that is well.
    const LONG: Duration = Duration::from_secs(36);
    let (_dir, data) = home().await;
    let core = Process::role("core", &data.join("paystate.toml"), &[], "core metrics").await;
    let core_address = core.address("core").to_string();
    let mut rabbitmq = RabbitMq::new();
    let more = rabbitmq.data().join("more.conf");
    fs::write(&more, "vm_memory_high_watermark.absolute = 1KB\n").unwrap();
    rabbitmq.start().await;
    all_events(&rabbitmq).await;
    let relay = start_relay(&data, &core_address, rabbitmq.address()).await;
    core.shop().await.sell("o1", "alipay", "ALARM00001", 100).await.unwrap();
    let says = "503 RabbitMQ takes nothing in: it is out of memory or disk";
    until("an alarm that is noticed", async || ready(&relay).await == says).await;
    sleep(LONG).await;
    assert_eq!(counted(&relay, "paystate_relay_connections_total", "").await, 1, "it came back beside itself");
    rabbitmq.stop().await;
    fs::remove_file(more).unwrap();
    rabbitmq.start().await;
    let last = async || counted(&relay, "paystate_relay_acknowledged_revision", "").await;
    until("the events", async || last().await == 2).await;
    assert_eq!(take_all(&rabbitmq).await.len(), 2);
    assert!(relay.terminate().await && core.terminate().await);
}
