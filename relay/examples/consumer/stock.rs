//! Stock, what was done to it, and which events did it: three tables, one transaction an event.

use std::collections::BTreeMap;

use paystate_proto::v1::{Event, OrderState};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

/// A quantity below zero is oversold. `movement` has no key on purpose: an effect that happened twice would show.
const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS movement (order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS handled (event_id TEXT PRIMARY KEY) WITHOUT ROWID",
];

/// Why an event was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It would fail again and again.
    #[error("{0}")]
    Message(String),
    /// Any other would fail too.
    #[error("the database of the stock: {0}")]
    Database(#[from] sqlx::Error),
}

pub(crate) struct Stock(SqliteConnection);

impl Stock {
    /// Opens a SQLite file and makes the tables.
    pub(crate) async fn open(database: &str) -> Result<Self, sqlx::Error> {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{database}?mode=rwc")).await?;
        // So that --report can read while we write.
        connection.execute("PRAGMA journal_mode = WAL").await?;
        for statement in SCHEMA {
            connection.execute(statement).await?;
        }
        Ok(Self(connection))
    }

    /// Applies an event once, however often it is delivered: that it was handled is stored with its effect.
    pub(crate) async fn apply(&mut self, event: &Event) -> Result<(), Trouble> {
        let mut transaction = self.0.begin().await?;
        let new = sqlx::query("INSERT INTO handled VALUES ($1) ON CONFLICT DO NOTHING").bind(&event.event_id);
        if new.execute(&mut *transaction).await?.rows_affected() == 1 {
            effect(&mut transaction, event).await?;
        }
        // Without this, by an error, all of it is rolled back.
        Ok(transaction.commit().await?)
    }

    /// How often stock was deducted and put back for each order.
    pub(crate) async fn report(&mut self) -> Result<Value, sqlx::Error> {
        let mut count = async |statement: &'static str| {
            let rows = sqlx::query_as::<_, (String, i64)>(statement).fetch_all(&mut self.0).await?;
            Ok::<_, sqlx::Error>(rows.into_iter().collect::<BTreeMap<_, _>>())
        };
        let applied = count("SELECT order_id, count(*) FROM movement WHERE quantity < 0 GROUP BY order_id").await?;
        let returned = count("SELECT order_id, count(*) FROM movement WHERE quantity > 0 GROUP BY order_id").await?;
        Ok(json!({"applied": applied, "returned": returned}))
    }
}

/// Whether the shop has money for the goods, so that they are the payer's.
fn holds(state: OrderState) -> bool {
    matches!(state, OrderState::Paid | OrderState::PartiallyRefunded)
}

/// Deducting and putting back are sums: an event that is tried again later than its successor does no harm. Effects that
/// must not be overtaken compare `sequence`, the event's place in its order's journal, with the one that they applied last.
async fn effect(connection: &mut SqliteConnection, event: &Event) -> Result<(), Trouble> {
    let (before, after) = (holds(event.from_state()), holds(event.to_state()));
    if before == after {
        return Ok(());
    }
    let description = event.order.as_ref().map_or("", |order| &order.description);
    let goods = goods(description).ok_or_else(|| Trouble::Message(format!("{description:?} is not SKU xQUANTITY")));
    let (sku, quantity) = goods?;
    let change = if after { -quantity } else { quantity };
    let stock = "INSERT INTO stock VALUES ($1, $2)
                 ON CONFLICT (sku) DO UPDATE SET quantity = stock.quantity + excluded.quantity";
    sqlx::query(stock).bind(sku).bind(change).execute(&mut *connection).await?;
    let movement = sqlx::query("INSERT INTO movement VALUES ($1, $2, $3)");
    movement.bind(&event.order_id).bind(sku).bind(change).execute(connection).await?;
    tracing::info!(event.order_id, event.sequence, sku, change, "stock");
    Ok(())
}

/// What an order contains, as the examples write it into the description: `mug x2`.
fn goods(description: &str) -> Option<(&str, i64)> {
    let (sku, quantity) = description.rsplit_once(" x")?;
    let quantity = quantity.parse().ok().filter(|quantity| *quantity > 0)?;
    Some((sku, quantity))
}
