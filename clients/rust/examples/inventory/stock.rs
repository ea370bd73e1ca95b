//! Stock, what was done to it, and how far the log was followed: three tables, one transaction a batch.

use std::collections::BTreeMap;

use paystate_client::{
    Handler,
    v1::{Batch, Event, OrderState},
};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _};

/// The same for SQLite and PostgreSQL. A quantity below zero is oversold. `movement` has no key on purpose: an effect that
/// happened twice would show.
const SCHEMA: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS movement (
         order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity BIGINT NOT NULL, revision BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS position (
         one INTEGER PRIMARY KEY CHECK (one = 1), resume_token TEXT NOT NULL, revision BIGINT NOT NULL)",
    "INSERT INTO position VALUES (1, '', 0) ON CONFLICT DO NOTHING",
];

/// Why a batch was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Another process of this service has gone on meanwhile; or one that was killed, whose COMMIT the database carried
    /// out after this process had read the position.
    #[error("the stored position is no longer revision {revision}: another process has gone on")]
    Overtaken { revision: i64 },
    #[error("the database of the stock: {0}")]
    Database(#[from] sqlx::Error),
}

pub(crate) struct Stock(AnyConnection);

impl Stock {
    /// Opens a SQLite file, or PostgreSQL by its URL, and makes the tables.
    pub(crate) async fn open(database: &str) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let mut connection = if database.starts_with("postgres:") {
            AnyConnection::connect(database).await?
        } else {
            let mut connection = AnyConnection::connect(&format!("sqlite:{database}?mode=rwc")).await?;
            // So that --report can read while we write.
            connection.execute("PRAGMA journal_mode = WAL").await?;
            connection
        };
        for statement in SCHEMA {
            connection.execute(statement).await?;
        }
        Ok(Self(connection))
    }

    /// How often stock was deducted and put back for each order.
    pub(crate) async fn report(&mut self) -> Result<Value, sqlx::Error> {
        // One transaction, so that counts and revision belong together.
        let mut transaction = self.0.begin().await?;
        let revision: i64 = sqlx::query_scalar("SELECT revision FROM position").fetch_one(&mut *transaction).await?;
        let mut count = async |statement: &'static str| {
            let rows = sqlx::query_as::<_, (String, i64)>(statement).fetch_all(&mut *transaction).await?;
            Ok::<_, sqlx::Error>(rows.into_iter().collect::<BTreeMap<_, _>>())
        };
        let applied = count("SELECT order_id, count(*) FROM movement WHERE quantity < 0 GROUP BY order_id").await?;
        let returned = count("SELECT order_id, count(*) FROM movement WHERE quantity > 0 GROUP BY order_id").await?;
        Ok(json!({"applied": applied, "returned": returned, "revision": revision}))
    }
}

impl Handler for Stock {
    type Error = Failure;

    async fn position(&mut self) -> Result<Option<String>, Failure> {
        let token: String = sqlx::query_scalar("SELECT resume_token FROM position").fetch_one(&mut self.0).await?;
        Ok(Some(token).filter(|token| !token.is_empty()))
    }

    async fn handle(&mut self, batch: Batch) -> Result<(), Failure> {
        let mut transaction = self.0.begin().await?;
        // First of all the position: it holds up every other process, and says whether this batch is ours to apply.
        let moved = sqlx::query(
            "UPDATE position SET resume_token = $1, revision = $2 WHERE revision = $3 OR resume_token = ''",
        );
        let moved = moved.bind(batch.resume_token).bind(batch.up_to_revision).bind(batch.after_revision);
        if moved.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Err(Failure::Overtaken { revision: batch.after_revision });
        }
        for event in &batch.events {
            apply(&mut transaction, event).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Whether the shop has money for the goods, so that they are the payer's.
fn holds(state: OrderState) -> bool {
    matches!(state, OrderState::Paid | OrderState::PartiallyRefunded)
}

/// The event says by itself what is to be done: no look at what was done before, and nothing is deduplicated. A late
/// payment goes from CLOSED to ABNORMAL, so its refund gives nothing back that was never taken.
async fn apply(connection: &mut AnyConnection, event: &Event) -> Result<(), sqlx::Error> {
    let (before, after) = (holds(event.from_state()), holds(event.to_state()));
    if before == after {
        return Ok(());
    }
    let description = event.order.as_ref().map_or("", |order| &order.description);
    let Some((sku, quantity)) = goods(description) else {
        tracing::warn!(event.order_id, description, "not SKU xQUANTITY: nothing of it is in stock");
        return Ok(());
    };
    let change = if after { -quantity } else { quantity };
    let stock = "INSERT INTO stock VALUES ($1, $2)
                 ON CONFLICT (sku) DO UPDATE SET quantity = stock.quantity + excluded.quantity";
    sqlx::query(stock).bind(sku).bind(change).execute(&mut *connection).await?;
    let movement = sqlx::query("INSERT INTO movement VALUES ($1, $2, $3, $4)");
    movement.bind(&event.order_id).bind(sku).bind(change).bind(event.revision).execute(connection).await?;
    tracing::info!(event.revision, event.order_id, sku, change, "stock");
    Ok(())
}

/// What an order contains, as these examples write it into the description: `mug x2`. In words of a regular expression,
/// `^\S+ x[1-9]\d*$`.
fn goods(description: &str) -> Option<(&str, i64)> {
    let (sku, quantity) = description.split_once(" x")?;
    let is_sku = !sku.is_empty() && !sku.contains(char::is_whitespace);
    let is_quantity = !quantity.starts_with('0') && quantity.bytes().all(|digit| digit.is_ascii_digit());
    // Neither an empty quantity nor one beyond all bounds is a number.
    Some((sku, quantity.parse().ok()?)).filter(|_| is_sku && is_quantity)
}
