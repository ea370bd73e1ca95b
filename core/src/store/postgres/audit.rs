//! The invariants that the database can show, each as the rows that break it. What retention has dropped is
//! not asked for: the log says from which revision on it is whole, the partitions from which month on.

use std::collections::BTreeMap;

use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};

use super::failed;
use crate::{
    order::Order,
    store::{
        AuditResult, StoreError,
        audit::{Findings, SHOWN},
        codec,
    },
};

/// Orders whose documents are compared at a time.
const PAGE: i64 = 500;

/// Invariants that one statement shows: it returns a text for each row that breaks it.
///
/// The server's count of deleted rows says nothing about `notice`: it has in it the rows that claims took back because
/// the same claim came first. That no notice was deleted is seen by the messages that have theirs.
const BY_STATEMENT: &[(&str, &str, &str)] = &[
    (
        "I3",
        "no money is booked twice, and no transaction is credited to more than one order",
        "SELECT provider || '/' || account || '/' || kind || '/' || transaction_id FROM payment_txn \
         GROUP BY provider, account, kind, transaction_id HAVING count(*) > 1",
    ),
    (
        "I5",
        "every journal counts 1, 2, 3 … up to the version of its order",
        "SELECT o.order_id FROM orders o CROSS JOIN log \
         LEFT JOIN order_event e ON e.order_id = o.order_id AND e.revision >= log.oldest GROUP BY o.order_id, log.oldest \
         HAVING max(e.seq) IS DISTINCT FROM o.version AND (log.oldest = 1 OR count(e.seq) > 0) \
           OR count(e.seq) <> max(e.seq) - min(e.seq) + 1 OR (log.oldest = 1 AND min(e.seq) <> 1)",
    ),
    (
        "I8",
        "0 <= refunded <= paid",
        "SELECT order_id FROM orders WHERE NOT (0 <= refunded_minor AND refunded_minor <= paid_minor)",
    ),
    (
        "I17",
        "the log has every event once, without a gap, up to its head",
        "SELECT 'head ' || coalesce(head::text, 'none') || ', oldest ' || coalesce(oldest::text, 'none') || ', events ' || n || \
           ', from ' || first || ' to ' || last FROM \
         (SELECT count(*) AS n, count(DISTINCT e.revision) AS revisions, \
            coalesce(min(e.revision), (SELECT oldest FROM log)) AS first, \
            coalesce(max(e.revision), (SELECT oldest FROM log) - 1) AS last FROM order_event e \
            WHERE e.revision >= coalesce((SELECT oldest FROM log), 1)) found \
         LEFT JOIN log ON true WHERE n IS DISTINCT FROM head - oldest + 1 OR revisions <> n OR last IS DISTINCT FROM head \
           OR first IS DISTINCT FROM oldest",
    ),
    (
        "I22",
        "every success that was taken in is booked on its order, or waits for an order to come",
        "SELECT encode(o.fact_key, 'hex') FROM observation o WHERE o.kind = 'PAYMENT' AND o.status = 'SUCCEEDED' \
         AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.fact_key = o.fact_key) \
         AND NOT EXISTS (SELECT 1 FROM payment_txn t WHERE t.provider = o.provider AND t.account = o.account \
         AND t.kind = 'PAYMENT' AND t.transaction_id = o.transaction_id) \
         UNION ALL \
         SELECT encode(o.fact_key, 'hex') || ' waits, and ' || p.out_trade_no || ' is there' \
         FROM parked p JOIN observation o USING (fact_key) JOIN payment ON payment.out_trade_no = p.out_trade_no \
         WHERE o.kind = 'PAYMENT' AND o.status = 'SUCCEEDED' AND NOT EXISTS (SELECT 1 FROM payment_txn t \
         WHERE t.provider = o.provider AND t.account = o.account AND t.kind = 'PAYMENT' AND t.transaction_id = o.transaction_id)",
    ),
    (
        "I24",
        "notifications, observations, booked money and events are append-only",
        "SELECT 'trigger append_only of ' || name || ' is missing' \
           FROM unnest(ARRAY['notice', 'notification', 'observation', 'payment_txn', 'order_event']) AS name \
           WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid = to_regclass(name) AND tgenabled = 'O') \
         UNION ALL \
         SELECT relname || ': ' || n_tup_upd || ' rows were updated, ' || n_tup_del || ' deleted' FROM pg_stat_user_tables \
           WHERE schemaname = current_schema() AND n_tup_upd + n_tup_del > 0 \
             AND (relname IN ('observation', 'payment_txn') OR relname ~ '^(notification|order_event)_(other|[0-9_]+)$') \
         UNION ALL \
         SELECT 'notice: ' || n_tup_upd || ' rows were updated' FROM pg_stat_user_tables \
           WHERE schemaname = current_schema() AND relname = 'notice' AND n_tup_upd > 0 \
         UNION ALL \
         SELECT 'the notice of notification ' || n.notification_id || ' was deleted' FROM notification n \
           LEFT JOIN notice USING (notification_id, account, provider) WHERE notice.content_sha256 IS NULL",
    ),
    (
        "I25",
        "no task waits for more than a day for somebody to do it",
        "SELECT kind || ' ' || subject FROM task CROSS JOIN (SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now) clock \
         WHERE due_at < now - 86400000000 AND (leased_until IS NULL OR leased_until < now)",
    ),
    (
        "I26",
        "every difference that a reconciliation found is healed or has its case",
        "SELECT r.account || '/' || r.date || ' difference ' || d.seq FROM reconciliation r JOIN difference d ON d.run = r.result \
         WHERE NOT d.healed AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.case_id = d.case_id)",
    ),
    (
        "I30",
        "all booked money rests on a stored, verified message",
        "SELECT t.transaction_id FROM payment_txn t LEFT JOIN observation o USING (fact_key) \
         LEFT JOIN notification n USING (notification_id) \
         WHERE o.fact_key IS NULL OR n.notification_id IS NULL AND ((SELECT oldest FROM log) = 1 \
           OR o.notification_id >= (SELECT notification_id FROM notification ORDER BY notification_id LIMIT 1))",
    ),
];

/// All of it in one snapshot: what is written meanwhile is not half seen.
pub(super) async fn run(db: &PgPool) -> Result<Vec<AuditResult>, StoreError> {
    let mut tx = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await.map_err(failed)?;
    // In the order in which retention takes them: the two wait for each other, not in a circle.
    sqlx::query("LOCK TABLE notification, order_event IN ACCESS SHARE MODE").execute(&mut *tx).await.map_err(failed)?;
    let mut results = Vec::new();
    for (name, statement, sql) in BY_STATEMENT {
        let some = sqlx::AssertSqlSafe(format!("SELECT * FROM ({sql}) AS violations LIMIT {SHOWN}"));
        let rows = sqlx::query(some).fetch_all(&mut *tx).await.map_err(failed)?;
        let violations = rows.iter().map(|r| r.get::<String, _>(0)).collect();
        results.push(AuditResult { name, statement, violations });
    }
    let mut found = Findings::default();
    let mut last = String::new();
    loop {
        let rows = sqlx::query("SELECT * FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2")
            .bind(&last)
            .bind(PAGE)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
        let Some(end) = rows.last() else { break };
        last = codec::column(end, "order_id")?;
        page(&mut tx, &rows, &mut found).await?;
    }
    let booked = sqlx::query("SELECT count(*) FROM payment_txn WHERE kind = 'PAYMENT'").fetch_one(&mut *tx).await;
    Ok(found.with(results, booked.map_err(failed)?.get(0)))
}

async fn page(tx: &mut PgConnection, orders: &[PgRow], found: &mut Findings) -> Result<(), StoreError> {
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    for row in orders {
        let order: Order = codec::read_document(&codec::column::<String>(row, "doc")?)?;
        numbers.extend(order.transactions().map(|t| t.id.to_string()));
        ids.push(order.id.to_string());
    }
    let events = "SELECT * FROM order_event WHERE order_id = ANY($1) AND revision >= (SELECT oldest FROM log) \
                  ORDER BY order_id, seq";
    let booked = "SELECT transaction_id, account, amount_minor, currency, order_id FROM payment_txn \
                  WHERE transaction_id = ANY($1) AND kind = 'PAYMENT'";
    let mut events = by_order(tx, events, &ids).await?;
    let mut booked = by_order(tx, booked, &numbers).await?;
    for row in orders {
        let id: String = codec::column(row, "order_id")?;
        found.look(row, &events.remove(&id).unwrap_or_default(), &booked.remove(&id).unwrap_or_default())?;
    }
    Ok(())
}

async fn by_order(
    tx: &mut PgConnection,
    sql: &'static str,
    keys: &[String],
) -> Result<BTreeMap<String, Vec<PgRow>>, StoreError> {
    let mut rows = BTreeMap::<String, Vec<PgRow>>::new();
    for row in sqlx::query(sql).bind(keys).fetch_all(tx).await.map_err(failed)? {
        rows.entry(codec::column(&row, "order_id")?).or_default().push(row);
    }
    Ok(rows)
}
