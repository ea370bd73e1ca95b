//! A past for the database: callbacks that were taken in before, stored by set-based SQL.
//!
//! Each is a payment through Alipay and has the rows that the core writes for it, with keys as spread out as real ones. Only
//! the newest tenth of the orders has its journal: those of the others are gone as if `paystate retain` had dropped their
//! months, and so is every event from before the fill. `paystate verify` holds over all of it. Sealed bodies are some
//! bytes of nothing where real ones have a kilobyte, and nobody can open them.
//!
//! One transaction: constraints and indexes are taken off, rows are written, and the indexes are built at once. Ten million
//! entries each, at random places, would take hours one by one. A fill that is interrupted leaves nothing behind.

use std::time::Instant;

use paystate_core::order::{
    AccountName, Command, Currency, Event, Fact, Method, Money, Observation, OrderId, OutTradeNo, PaymentFact,
    PaymentStatus, State, Timestamp, TransactionId, decide, observe,
};
use paystate_providers::Provider;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{database, progress, stats::count_of};

/// Tables that are filled, those that others refer to first.
const TABLES: [&str; 7] = ["orders", "payment", "notice", "notification", "observation", "payment_txn", "order_event"];
/// Callbacks of one statement.
const BATCH: i64 = 20_000;
/// One of so many callbacks has its order's journal kept.
const KEPT: i64 = 10;
/// Minor units of every order.
const PRICE: i64 = 100;
/// From one callback to the next, in microseconds; the last one is now.
const APART: i64 = 1_000;

/// What the past of a database is.
#[derive(Debug, Clone, Serialize)]
pub(super) struct History {
    /// Callbacks that are stored before the first run, and those of them that were filled in.
    pub(super) callbacks: u64,
    pub(super) filled: u64,
    pub(super) seconds: f64,
    pub(super) database_bytes: u64,
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("--history: {error}")
}

/// Fills a PostgreSQL database up to `wanted` stored callbacks; what is there counts.
pub(super) async fn fill(url: &str, wanted: u64) -> Result<History, String> {
    let options = database::postgres(url)?.ok_or("--history needs a --database of PostgreSQL")?;
    let mut connection = PgConnection::connect_with(&options).await.map_err(failed)?;
    let begun = Instant::now();
    let there = stored(&mut connection).await?;
    let missing = i64::try_from(wanted.saturating_sub(there)).map_err(failed)?;
    if missing > 0 {
        store(&mut connection, missing).await?;
        // VACUUM too, because PostgreSQL would begin it in the run, and its CPU time would look like the callbacks'.
        let tidy = format!("VACUUM (ANALYZE) {}", TABLES.join(", "));
        connection.execute(AssertSqlSafe(tidy)).await.map_err(failed)?;
    }
    let size = "SELECT pg_database_size(current_database())";
    let size: i64 = sqlx::query_scalar(size).fetch_one(&mut connection).await.map_err(failed)?;
    Ok(History {
        callbacks: there.max(wanted),
        filled: wanted.saturating_sub(there),
        seconds: begun.elapsed().as_secs_f64(),
        database_bytes: u64::try_from(size).unwrap_or(0),
    })
}

async fn stored(connection: &mut PgConnection) -> Result<u64, String> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM notice").fetch_one(connection).await.map_err(failed)?;
    u64::try_from(count).map_err(failed)
}

const SETTINGS: &str = "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'; \
     SET LOCAL maintenance_work_mem = '512MB'; SET LOCAL max_parallel_maintenance_workers = 2";

/// Stores so many callbacks.
async fn store(connection: &mut PgConnection, callbacks: i64) -> Result<(), String> {
    let journal = journal()?;
    let mut tx = connection.begin().await.map_err(failed)?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await.map_err(failed)?;
    let keys = take_off(&mut tx).await?;
    let past = Past::begin(&mut tx, callbacks).await?;
    let progress = progress::bar(u64::try_from(callbacks).unwrap_or(0), "callbacks stored");
    let mut first = 1;
    while first <= callbacks {
        let last = callbacks.min(first + BATCH - 1);
        past.batch(&mut tx, &journal, first, last).await.map_err(failed)?;
        progress.set_position(u64::try_from(last).unwrap_or(0));
        first = last + 1;
    }
    progress.finish_and_clear();
    past.end(&mut tx, &journal, callbacks).await.map_err(failed)?;
    put_on(&mut tx, &keys).await?;
    tx.commit().await.map_err(failed)
}

/// Constraints and indexes, foreign keys first: how each is taken off, and made again. So is the room that pages keep for
/// changes: this past does not change, and ten million orders would take twice the disk.
const KEYS: &str = "\
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), \
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), \
           CASE contype WHEN 'f' THEN 0 ELSE 1 END AS rank \
      FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND conparentid = 0 \
        AND (conrelid = ANY($1::regclass[]) OR confrelid = ANY($1::regclass[])) \
    UNION ALL \
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid), 2 \
      FROM pg_index WHERE indrelid = ANY($1::regclass[]) \
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) \
    UNION ALL \
    SELECT format('ALTER TABLE %s SET (fillfactor = 100)', oid::regclass), \
           format('ALTER TABLE %s SET (%s)', oid::regclass, array_to_string(reloptions, ', ')), 3 \
      FROM pg_class WHERE oid = ANY($1::regclass[]) AND reloptions::text LIKE '%fillfactor=%' \
    ORDER BY rank";

/// Takes off all that would be looked up or written for each row; answers with what makes it again.
async fn take_off(tx: &mut PgConnection) -> Result<Vec<String>, String> {
    let tables = TABLES.map(str::to_owned).to_vec();
    let rows: Vec<(String, String, i32)> =
        sqlx::query_as(KEYS).bind(tables).fetch_all(&mut *tx).await.map_err(failed)?;
    let mut again = Vec::new();
    for (off, on, _) in rows {
        tx.execute(AssertSqlSafe(off)).await.map_err(failed)?;
        again.push(on);
    }
    again.reverse();
    Ok(again)
}

/// Makes them again: foreign keys come last, when what they refer to has its key.
async fn put_on(tx: &mut PgConnection, keys: &[String]) -> Result<(), String> {
    let progress = progress::bar(count_of(keys.len()), "indexes built");
    for key in keys {
        tx.execute(AssertSqlSafe(key.clone())).await.map_err(failed)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

/// Where the past lies, in time and in the log.
struct Past {
    /// In every key, so that no two fills have one in common.
    salt: String,
    /// Of the first callback, in microseconds since the Unix epoch.
    since: i64,
    head: i64,
    /// Callbacks from the first one on whose journals are gone.
    gone: i64,
}

/// All rows of callbacks `$1` to `$2`. `$3` salt, `$4` time of the first, `$5` head of the log, `$6` how many have no journal;
/// `$7` to `$10` the journal of an order; `$11` time between two callbacks; `$12` price.
const ROWS: &str = "\
    WITH made AS MATERIALIZED ( \
      SELECT i, h, 'H' || left(h, 20) AS order_id, right(h, 28) AS transaction_id, $4 + i * $11 AS at, \
        (lpad(to_hex(($4 + i * $11) / 1000), 12, '0') || '7' || left(h, 3) || '8' || substr(h, 4, 15))::uuid AS id, \
        sha256(('notice' || h)::bytea) AS content, sha256(('fact' || h)::bytea) AS fact \
      FROM generate_series($1::bigint, $2::bigint) AS i, LATERAL (SELECT md5($3::text || i) AS h OFFSET 0) AS hash), \
    entries AS (SELECT * FROM unnest($7::text[], $8::text[], $9::text[], $10::text[]) \
      WITH ORDINALITY AS entry (kind, from_state, to_state, doc, seq)), \
    orders AS ( \
      INSERT INTO orders (order_id, version, state, amount_minor, currency, paid_minor, refunded_minor, created_at, doc) \
      SELECT order_id, seq, to_state, $12, 'CNY', $12, 0, at, format(doc, order_id, transaction_id, at) \
      FROM made, (SELECT * FROM entries ORDER BY seq DESC LIMIT 1) AS last), \
    payments AS (INSERT INTO payment (out_trade_no, order_id) SELECT order_id, order_id FROM made), \
    notices AS ( \
      INSERT INTO notice (content_sha256, account, provider, notification_id) \
      SELECT content, 'alipay', 'alipay', id FROM made), \
    notifications AS ( \
      INSERT INTO notification (notification_id, provider, account, body_sha256, source, event_type, platform_notice_id, \
        key_id, received_at, body_size, seal_key_id, sealed) \
      SELECT id, 'alipay', 'alipay', encode(content, 'hex'), 'CALLBACK', 'trade_status_sync', right(h, 16), 'alipay', at, \
        length(fact), 'history', fact FROM made), \
    observations AS ( \
      INSERT INTO observation (fact_key, notification_id, provider, account, kind, out_trade_no, transaction_id, status, \
        amount_minor, currency, cumulative, occurred_at, recorded_at) \
      SELECT fact, id, 'alipay', 'alipay', 'PAYMENT', order_id, transaction_id, 'SUCCEEDED', $12, 'CNY', false, at, at \
      FROM made), \
    money AS ( \
      INSERT INTO payment_txn (transaction_id, account, provider, kind, order_id, amount_minor, currency, fact_key) \
      SELECT transaction_id, 'alipay', 'alipay', 'PAYMENT', order_id, $12, 'CNY', fact FROM made) \
    INSERT INTO order_event (revision, at, order_id, seq, kind, from_state, to_state, opened_cases, snapshot) \
    SELECT $5 + (i - 1) * (SELECT count(*) FROM entries) + seq, at, order_id, seq, kind, from_state, to_state, '[]', \
      format(doc, order_id, transaction_id, at) FROM made, entries WHERE i > $6";

impl Past {
    /// Finds the place for so many callbacks, and prepares their months.
    async fn begin(tx: &mut PgConnection, callbacks: i64) -> Result<Self, String> {
        let now = jiff::Timestamp::now().as_microsecond();
        let since = now - (callbacks + 1) * APART;
        let months = "SELECT prepare_month(to_timestamp($1::double precision / 1000000)), prepare_month(now())";
        tx.execute(sqlx::query(months).bind(since)).await.map_err(failed)?;
        let head = "SELECT head FROM log FOR UPDATE";
        let head = sqlx::query_scalar(head).fetch_one(tx).await.map_err(failed)?;
        Ok(Self { salt: format!("{now}/"), since, head, gone: callbacks / KEPT * (KEPT - 1) })
    }

    async fn batch(&self, tx: &mut PgConnection, journal: &[Entry], first: i64, last: i64) -> Result<(), sqlx::Error> {
        let query = sqlx::query(ROWS).bind(first).bind(last).bind(&self.salt).bind(self.since);
        let query = query.bind(self.head).bind(self.gone);
        let query = query
            .bind(journal.iter().map(|e| e.kind).collect::<Vec<_>>())
            .bind(journal.iter().map(|e| e.from).collect::<Vec<_>>())
            .bind(journal.iter().map(|e| e.to).collect::<Vec<_>>())
            .bind(journal.iter().map(|e| e.doc.as_str()).collect::<Vec<_>>());
        query.bind(APART).bind(PRICE).execute(tx).await.map(drop)
    }

    /// Moves the log on: to its new head, and to the first revision that is there.
    async fn end(&self, tx: &mut PgConnection, journal: &[Entry], callbacks: i64) -> Result<(), sqlx::Error> {
        let entries = i64::try_from(journal.len()).unwrap_or(i64::MAX);
        let log = sqlx::query("UPDATE log SET head = $1, oldest = $2")
            .bind(self.head + callbacks * entries)
            .bind(self.head + self.gone * entries + 1);
        log.execute(tx).await.map(drop)
    }
}

/// One entry of the journal of an order. `doc` is the order after it, for SQL's `format` with the order's id (also the
/// number of its payment), the transaction's id and the time.
struct Entry {
    kind: &'static str,
    from: Option<&'static str>,
    to: &'static str,
    doc: String,
}

/// Stands for the names and the time of an order in its documents.
const ORDER_ID: &str = "ORDER-ID";
const TRANSACTION_ID: &str = "TRANSACTION-ID";
const AT: Timestamp = Timestamp(7_777_777_777_777_777);

/// The journal of an order that is created and paid, as the core itself would write it.
fn journal() -> Result<Vec<Entry>, String> {
    let order_id = OrderId::parse(ORDER_ID).map_err(failed)?;
    let number = OutTradeNo::parse(ORDER_ID).map_err(failed)?;
    let account = AccountName::parse(Provider::Alipay.as_str()).map_err(failed)?;
    let amount = Money::new(PRICE, Currency::parse("CNY").map_err(failed)?).map_err(failed)?;
    let create =
        Command::Create { order_id: order_id.clone(), amount, description: "history".into(), expires_at: None };
    let start = Command::StartPayment {
        order_id,
        out_trade_no: number.clone(),
        account: account.clone(),
        provider: Provider::Alipay.as_str().into(),
        method: Method::External,
        inputs: None,
        expires_at: None,
    };
    let paid = Fact::Payment(PaymentFact {
        out_trade_no: Some(number),
        transaction_id: Some(TransactionId::parse(TRANSACTION_ID).map_err(failed)?),
        status: PaymentStatus::Succeeded,
        amount,
        occurred_at: Some(AT),
    });
    let created = decide(None, None, &create, AT).map_err(failed)?;
    let started = decide(created.order(), None, &start, AT).map_err(failed)?;
    let order = started.order().ok_or("--history: a payment that was begun changed nothing")?;
    let paid = observe(order, &Observation { account, fact: paid }, AT).map_err(failed)?;
    created.events.iter().chain(&started.events).chain(&paid.events).map(entry).collect()
}

fn entry(event: &Event) -> Result<Entry, String> {
    let doc = serde_json::to_string(&event.after).map_err(failed)?;
    let doc = doc.replace(ORDER_ID, "%1$s").replace(TRANSACTION_ID, "%2$s").replace(&AT.0.to_string(), "%3$s");
    Ok(Entry { kind: event.kind.as_str(), from: event.from.map(State::as_str), to: event.after.state().as_str(), doc })
}

#[cfg(test)]
mod tests {
    use paystate_core::order::Order;

    use super::*;

    #[test]
    fn the_journal_is_that_of_a_paid_order() {
        let journal = journal().unwrap();
        let steps: Vec<_> = journal.iter().map(|e| (e.from, e.to)).collect();
        assert_eq!(steps, [(None, "CREATED"), (Some("CREATED"), "PENDING"), (Some("PENDING"), "PAID")]);
        for (entry, version) in journal.iter().zip(1..) {
            let doc = entry.doc.replace("%1$s", "H1").replace("%2$s", "T1").replace("%3$s", "42");
            assert!(!doc.contains('%') && !doc.contains("ID"), "{doc}");
            let order: Order = serde_json::from_str(&doc).unwrap();
            assert_eq!((order.id.as_str(), order.version, order.updated_at.0), ("H1", version, 42));
        }
    }
}
