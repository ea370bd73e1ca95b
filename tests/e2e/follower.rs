//! The inventory service of clients/rust, killed at random while two cores write to one PostgreSQL: each effect is there
//! exactly once, and the position is the end of an unbroken chain.
//!
//! The whole size, some minutes in a debug build:
//!
//!     PAYSTATE_TEST_ORDERS=20000 PAYSTATE_TEST_KILLS=100 cargo test --workspace --test e2e follower

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1;
use rand::RngExt as _;
use serde_json::json;
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{
    cluster::{ACCOUNTS, Cluster},
    servers::{Postgres, psql},
    support::{A_MOMENT, Shop},
};

/// Orders that are on their way at once.
const AT_ONCE: usize = 16;
/// Every so many-th order is refunded.
const REFUNDED: usize = 10;
const AMOUNT: i64 = 1_999;
/// What follows the last order: its callbacks, its refund, and the last life of the consumer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the consumer must have done, as the core's journal says it, and what it did. A line for each effect.
const EXPECTED: &str = "
    SELECT concat_ws(' ', revision, order_id, CASE WHEN to_state = 'PAID' THEN -2 ELSE 2 END) FROM order_event
    WHERE (coalesce(from_state, '') IN ('PAID', 'PARTIALLY_REFUNDED')) <> (to_state IN ('PAID', 'PARTIALLY_REFUNDED'))
    ORDER BY revision";
const DONE: &str = "SELECT concat_ws(' ', revision, order_id, quantity) FROM movement ORDER BY revision";

/// How many of something; the environment says how many more it may be.
fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |n| n.parse().unwrap_or_else(|e| panic!("{variable}={n}: {e}")))
}

/// The example of clients/rust, where cargo builds it.
fn example() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_paystate")).with_file_name("examples").join("inventory");
    assert!(built.is_file(), "{built:?} is missing: cargo build --workspace --examples");
    built
}

/// Creates an order for two mugs, has it paid, and refunds every tenth one.
async fn trade(cluster: &Cluster, n: usize) {
    let (order_id, account, number) = (format!("o{n}"), ACCOUNTS[n % ACCOUNTS.len()], format!("FOLLOW{n:08}"));
    let sell = async |mut shop: Shop| {
        let order = v1::CreateOrderRequest {
            order_id: order_id.clone(),
            amount: Some(v1::Money { amount_minor: AMOUNT, currency: "CNY".into() }),
            description: "mug x2".into(),
            request_id: format!("create-{order_id}"),
            ..Default::default()
        };
        shop.orders.create_order(order).await?;
        shop.start(&order_id, account, &number).await
    };
    cluster.insist(n, sell).await;
    let pay = json!({"account": account, "out_trade_no": number, "amount_minor": AMOUNT, "copies": 2});
    cluster.pay(&pay).await;
    if n.is_multiple_of(REFUNDED) {
        let back = format!("R{number}");
        let refund = json!({"account": account, "out_trade_no": number, "out_refund_no": back, "amount_minor": AMOUNT});
        cluster.refund(&refund).await;
    }
}

/// One life of the consumer.
fn consumer(cluster: &Cluster, database: &str) -> Child {
    let mut command = Command::new(example());
    for core in &cluster.cores {
        command.arg("--core").arg(format!("http://{}", core.address("core")));
    }
    command.args(["--database", database]).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lets the consumer live for a random part of `at_most`.
async fn one_life(cluster: &Cluster, database: &str, at_most: Duration) {
    let mut consumer = consumer(cluster, database);
    sleep(rand::rng().random_range(Duration::ZERO..=at_most)).await;
    assert_eq!(consumer.try_wait().unwrap(), None, "it lives until it is killed");
    consumer.kill().await.unwrap();
}

async fn number(database: &str, statement: &str) -> i64 {
    psql(database, &[statement]).await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_service_that_is_killed_at_random_applies_each_effect_exactly_once() {
    let (orders, kills) = (size("PAYSTATE_TEST_ORDERS", 2_000), size("PAYSTATE_TEST_KILLS", 15));
    let postgres = Postgres::start().await;
    psql(&postgres.url(), &["CREATE DATABASE inventory"]).await.unwrap();
    let (core, inventory) = (postgres.url(), postgres.url().replace("/postgres?", "/inventory?"));
    let cluster = Cluster::start(&core, &[], 2).await;
    // The tables, so that there is something to look at whenever the first life ends.
    let report = Command::new(example()).args(["--database", &inventory, "--report"]).output().await.unwrap();
    assert!(report.status.success(), "{report:?}");

    let (mut last_took, mut position, mut moved) = (Duration::from_secs(1), 0, 0);
    for life in 0..kills {
        let part: Range<usize> = orders * life / kills..orders * (life + 1) / kills;
        let begin = Instant::now();
        let traffic = stream::iter(part).for_each_concurrent(AT_ONCE, |n| trade(&cluster, n));
        tokio::join!(traffic, one_life(&cluster, &inventory, last_took));
        last_took = begin.elapsed();
        let now = number(&inventory, "SELECT revision FROM position").await;
        moved += usize::from(now > position);
        position = now;
    }
    assert!(moved * 2 >= kills, "only {moved} of {kills} lives did anything, which proves little");

    // One more life, until everything has happened and the consumer knows of it.
    let _last = consumer(&cluster, &inventory);
    let refunded = orders.div_ceil(REFUNDED);
    let settled = format!(
        "SELECT (count(*) = {orders} AND count(*) FILTER (WHERE state = 'REFUNDED') = {refunded}
                 AND count(*) FILTER (WHERE state = 'PAID') = {orders} - {refunded})::int FROM orders"
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        // In this order: once all is settled the head stays, and the consumer is never ahead of it.
        let is_settled = number(&core, &settled).await == 1;
        let followed = number(&inventory, "SELECT revision FROM position").await;
        let head = number(&core, "SELECT head FROM log").await;
        assert!(followed <= head, "{followed} of {head}");
        if is_settled && followed == head {
            break;
        }
        assert!(Instant::now() < deadline, "followed {followed} of {head}");
        sleep(A_MOMENT).await;
    }

    let (expected, done) = (psql(&core, &[EXPECTED]).await.unwrap(), psql(&inventory, &[DONE]).await.unwrap());
    let differ = expected.lines().zip(done.lines()).find(|(expected, done)| expected != done);
    assert_eq!(differ, None, "as it must be, and as it is");
    assert_eq!(expected.lines().count(), done.lines().count());
    // Those refunds that overtook their payment took nothing, and gave nothing back.
    let deducted = done.lines().filter(|line| line.ends_with(" -2")).count();
    assert!((orders - refunded..=orders).contains(&deducted), "{deducted} of {orders}");
    let mugs = number(&inventory, "SELECT quantity FROM stock WHERE sku = 'mug'").await;
    assert_eq!(mugs, -2 * i64::try_from(orders - refunded).unwrap());
    cluster.assert_sound().await;
    cluster.terminate().await;
}
