//! A service that keeps stock and lives on RabbitMQ: it deducts what an order holds when that is paid, and puts it back
//! when all of the money went back. It shows the consumer's side as it should be done; README.md says why each part is
//! there.
//!
//!     cargo run -p paystate-relay --example consumer -- --rabbitmq amqp://guest:guest@127.0.0.1:5672 --database stock.db
//!
//! Orders say what they contain in their description: `mug x2`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what a person or a script asked for")]

mod queues;
mod stock;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use futures_util::StreamExt as _;
use lapin::{
    Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use paystate_proto::v1::Event;
use prost::Message as _;
use tokio::time::sleep;

use self::{
    queues::Queues,
    stock::{Stock, Trouble},
};

/// Deliveries that RabbitMQ sends ahead of their acknowledgement. Enough to hide the way there and back; few, so that a
/// consumer that hangs holds up few.
const PREFETCH: u16 = 20;
/// Deliveries that were never answered, after which a message is what its consumers died of.
const DEADLY: i64 = 20;
/// Before the next connection, or the next look at the database, after one that was lost.
const PAUSE: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Keeps stock: one deduction for each paid order, however often RabbitMQ delivers.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Options {
    /// `amqp://USER:PASSWORD@HOST:PORT/VHOST`
    #[arg(long, env = "AMQP_URL", default_value = "amqp://guest:guest@127.0.0.1:5672", hide_env_values = true)]
    rabbitmq: String,
    /// The exchange that the relay publishes to.
    #[arg(long, default_value = "paystate.events")]
    exchange: String,
    /// Which events, as a routing key with `*` for one word and `#` for any.
    #[arg(long, default_value = "order.#")]
    key: String,
    /// The queue. Its companions are QUEUE.retry and QUEUE.dead.
    #[arg(long, default_value = "stock")]
    queue: String,
    /// Tries of one message before a person must look at it.
    #[arg(long, default_value_t = 5)]
    attempts: i64,
    /// Between two tries, in milliseconds.
    #[arg(long, default_value_t = 5_000)]
    delay_ms: i32,
    /// A SQLite file, made when missing.
    #[arg(long, default_value = "stock.db")]
    database: String,
    /// Prints what was done so far as JSON, and ends.
    #[arg(long)]
    report: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Error> {
    if options.report {
        println!("{}", Stock::open(&options.database).await?.report().await?);
        return Ok(());
    }
    tokio::select! {
        () = consume_for_ever(&options) => Ok(()),
        // What is not acknowledged is delivered again.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// A connection that is lost is no message's fault: nothing is rejected, and everything comes again.
async fn consume_for_ever(options: &Options) {
    loop {
        if let Err(error) = consume(options).await {
            tracing::warn!(%error, "begins again");
        }
        sleep(PAUSE).await;
    }
}

async fn consume(options: &Options) -> Result<(), Error> {
    // First the database: without it nothing should be delivered.
    let mut stock = Stock::open(&options.database).await?;
    let connection = connect(options, "stock").await?;
    let channel = connection.create_channel().await?;
    // Not the connection that consumes: see `Queues::bury`.
    let publisher = connect(options, "stock, dead letters").await?;
    let queues = Queues::declare(&channel, publisher, options).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let by_hand = BasicConsumeOptions { no_ack: false, ..BasicConsumeOptions::default() };
    let queue = options.queue.as_str().into();
    let mut deliveries = channel.basic_consume(queue, "".into(), by_hand, FieldTable::default()).await?;
    tracing::info!(queue = options.queue, "consuming");
    let mut is_first = true;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        // Deliveries are worked on one after the other, and come back in their order. So the first one is what the consumers before
        // this one died of, if they died of a message; those behind it came back just as often, and are innocent.
        if std::mem::take(&mut is_first) && queues.unanswered(&delivery) >= DEADLY {
            put_aside(&queues, delivery).await?;
        } else {
            take(&mut stock, &queues, options, delivery).await?;
        }
    }
    Err("RabbitMQ has ended the consumer".into())
}

async fn connect(options: &Options, name: &str) -> Result<Connection, lapin::Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connect(&options.rabbitmq, properties).await
}

/// What ended its consumers is not tried once more.
async fn put_aside(queues: &Queues, delivery: Delivery) -> Result<(), Error> {
    let why = format!("{} consumers ended without an answer to it", queues.unanswered(&delivery));
    tracing::error!(why, "given up; a person must look at it");
    while !queues.bury(&delivery, &why).await? {
        sleep(PAUSE).await;
    }
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}

/// Applies an event, as soon as there is a database. To give the delivery back meanwhile would only count against it, and
/// against those behind it.
async fn apply(stock: &mut Stock, options: &Options, event: &Event) -> Result<(), String> {
    loop {
        match stock.apply(event).await {
            Ok(()) => return Ok(()),
            Err(Trouble::Message(why)) => return Err(why),
            Err(Trouble::Database(error)) => tracing::warn!(%error, "waits for the database"),
        }
        sleep(PAUSE).await;
        match Stock::open(&options.database).await {
            Ok(opened) => *stock = opened,
            Err(error) => tracing::warn!(%error, "waits for the database"),
        }
    }
}

/// One delivery, up to its acknowledgement: that is the last thing that happens to it.
async fn take(stock: &mut Stock, queues: &Queues, options: &Options, delivery: Delivery) -> Result<(), Error> {
    let outcome = match Event::decode(&*delivery.data) {
        Ok(event) => apply(stock, options, &event).await,
        Err(error) => Err(format!("is no event: {error}")),
    };
    let again = match outcome {
        Ok(()) => false,
        Err(why) if queues.attempt(&delivery) < queues.attempts => {
            tracing::warn!(why, attempt = queues.attempt(&delivery), "to be tried again");
            true
        }
        Err(why) => {
            tracing::error!(why, "given up; a person must look at it");
            // Tried again while it cannot be buried. Kept here, it would hold up everything behind it.
            !queues.bury(&delivery, &why).await?
        }
    };
    if again {
        // Not "requeue", which would come back at once: it goes through QUEUE.retry.
        delivery.reject(BasicRejectOptions { requeue: false }).await?;
    } else {
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
