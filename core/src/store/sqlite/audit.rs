//! The invariants that the database can show, each as the rows that break it.

use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::failed;
use crate::store::{
    AuditResult, StoreError,
    audit::{Findings, SHOWN},
    codec,
};

/// Invariants that one statement shows: it returns a text for each row that breaks it.
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
        "SELECT o.order_id FROM orders o LEFT JOIN order_event e ON e.order_id = o.order_id GROUP BY o.order_id \
         HAVING count(e.seq) <> o.version OR min(e.seq) IS NOT 1 OR max(e.seq) IS NOT o.version",
    ),
    (
        "I8",
        "0 <= refunded <= paid",
        "SELECT order_id FROM orders WHERE NOT (0 <= refunded_minor AND refunded_minor <= paid_minor)",
    ),
    (
        "I17",
        "the log has every event once, without a gap, up to its head",
        "SELECT 'head ' || coalesce(head, 'none') || ', events ' || n || ', from ' || first || ' to ' || last FROM \
         (SELECT count(*) AS n, coalesce(min(revision), 1) AS first, coalesce(max(revision), 0) AS last FROM order_event) \
         LEFT JOIN log ON true WHERE n IS NOT head OR last IS NOT head OR first <> 1",
    ),
    (
        "I22",
        "every success that was taken in is booked on its order, or waits for an order to come",
        "SELECT o.fact_key FROM observation o WHERE o.kind = 'PAYMENT' AND o.status = 'SUCCEEDED' \
         AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.fact_key = o.fact_key) \
         AND NOT EXISTS (SELECT 1 FROM payment_txn t WHERE t.provider = o.provider AND t.account = o.account \
         AND t.kind = 'PAYMENT' AND t.transaction_id = o.transaction_id) \
         UNION ALL \
         SELECT o.fact_key || ' waits, and ' || p.out_trade_no || ' is there' \
         FROM parked p JOIN observation o USING (fact_key) JOIN payment ON payment.out_trade_no = p.out_trade_no \
         WHERE o.kind = 'PAYMENT' AND o.status = 'SUCCEEDED' AND NOT EXISTS (SELECT 1 FROM payment_txn t \
         WHERE t.provider = o.provider AND t.account = o.account AND t.kind = 'PAYMENT' AND t.transaction_id = o.transaction_id)",
    ),
    (
        "I24",
        "notifications, observations, booked money and events are append-only",
        "SELECT 'trigger ' || name || ' is missing' FROM (\
         SELECT t.name || '_' || w.word AS name FROM \
         (SELECT 'notification' AS name UNION SELECT 'observation' UNION SELECT 'payment_txn' UNION SELECT 'order_event') t, \
         (SELECT 'keeps' AS word UNION SELECT 'stays') w) \
         WHERE name NOT IN (SELECT name FROM sqlite_master WHERE type = 'trigger')",
    ),
    (
        "I25",
        "no task waits for more than a day for somebody to do it",
        "SELECT kind || ' ' || subject FROM task WHERE due_at < (unixepoch() - 86400) * 1000000 \
         AND (leased_until IS NULL OR leased_until < unixepoch() * 1000000)",
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
        "SELECT t.transaction_id FROM payment_txn t LEFT JOIN observation o ON o.fact_key = t.fact_key \
         LEFT JOIN notification n ON n.notification_id = o.notification_id WHERE n.notification_id IS NULL",
    ),
];

/// All of it in one read transaction: what is written meanwhile is not half seen.
pub(super) async fn run(db: &SqlitePool) -> Result<Vec<AuditResult>, StoreError> {
    let mut tx = db.begin().await.map_err(failed)?;
    let mut results = Vec::new();
    for (name, statement, sql) in BY_STATEMENT {
        let rows = sqlx::query(*sql).fetch_all(&mut *tx).await.map_err(failed)?;
        let violations = rows.iter().take(SHOWN).map(|r| r.get::<String, _>(0)).collect();
        results.push(AuditResult { name, statement, violations });
    }
    let mut found = Findings::default();
    let mut last = String::new();
    loop {
        let rows = sqlx::query("SELECT * FROM orders WHERE order_id > ?1 ORDER BY order_id LIMIT 500")
            .bind(&last)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
        let Some(end) = rows.last() else { break };
        last = codec::column(end, "order_id")?;
        for row in &rows {
            let id: String = codec::column(row, "order_id")?;
            let events = about(&mut tx, "SELECT * FROM order_event WHERE order_id = ?1 ORDER BY seq", &id).await?;
            let booked =
                about(&mut tx, "SELECT * FROM payment_txn WHERE order_id = ?1 AND kind = 'PAYMENT'", &id).await?;
            found.look(row, &events, &booked)?;
        }
    }
    let booked = sqlx::query("SELECT count(*) FROM payment_txn WHERE kind = 'PAYMENT'").fetch_one(&mut *tx).await;
    Ok(found.with(results, booked.map_err(failed)?.get(0)))
}

async fn about(tx: &mut SqliteConnection, sql: &'static str, order_id: &str) -> Result<Vec<SqliteRow>, StoreError> {
    sqlx::query(sql).bind(order_id).fetch_all(tx).await.map_err(failed)
}
