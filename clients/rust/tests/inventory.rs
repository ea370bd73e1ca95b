//! The stock of the inventory example: one process at a time, and what an order contains.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should say so at once")]

#[path = "../examples/inventory/stock.rs"]
mod stock;

use paystate_client::{Handler as _, v1};
use serde_json::json;

use self::stock::{Failure, Stock};

/// A file that is gone with the test.
struct Database(std::path::PathBuf);

impl Database {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("paystate-stock-{:x}.db", rand::random::<u64>())))
    }

    async fn open(&self) -> Stock {
        Stock::open(self.0.to_str().unwrap()).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for extension in ["db", "db-wal", "db-shm"] {
            let _ = std::fs::remove_file(self.0.with_extension(extension));
        }
    }
}

/// A batch of one event: an order with these goods is paid.
fn paid(revision: i64, description: &str) -> v1::Batch {
    let order = v1::Order { description: description.to_owned(), ..Default::default() };
    let event = v1::Event {
        revision,
        order_id: description.to_owned(),
        from_state: v1::OrderState::Pending.into(),
        to_state: v1::OrderState::Paid.into(),
        order: Some(order),
        ..Default::default()
    };
    let (events, resume_token) = (vec![event], format!("token-{revision}"));
    v1::Batch { after_revision: revision - 1, up_to_revision: revision, events, resume_token }
}

#[tokio::test]
async fn of_two_processes_one_applies_a_batch() {
    let database = Database::new();
    let (mut one, mut other) = (database.open().await, database.open().await);
    for revision in 1..=4 {
        one.handle(paid(revision, "mug x2")).await.unwrap();
        match other.handle(paid(revision, "mug x2")).await {
            Err(Failure::Overtaken { revision: found }) => assert_eq!(found, revision - 1),
            other => panic!("{other:?}"),
        }
        std::mem::swap(&mut one, &mut other);
    }
    assert_eq!(one.report().await.unwrap(), json!({"applied": {"mug x2": 4}, "returned": {}, "revision": 4}));
    assert_eq!(one.position().await.unwrap().as_deref(), Some("token-4"));
}

#[tokio::test]
async fn an_order_contains_sku_x_quantity_or_nothing_that_is_in_stock() {
    let database = Database::new();
    let mut stock = database.open().await;
    let wrong = [
        "",
        "mug",
        "mug x",
        "mug x0",
        "mug x02",
        "mug x-2",
        "mug x+2",
        "mug x2 blue",
        "blue mug x2",
        "mug  x2",
        " x2",
        "mug x2\n",
        "mug x99999999999999999999",
    ];
    let mut revision = 0;
    for description in ["mug x2", "mug-x x10", "mug x1234567"].into_iter().chain(wrong) {
        revision += 1;
        stock.handle(paid(revision, description)).await.unwrap();
    }
    assert_eq!(stock.report().await.unwrap()["applied"], json!({"mug x2": 1, "mug-x x10": 1, "mug x1234567": 1}));
}
