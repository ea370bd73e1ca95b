//! The invariants that the database can show, each as the rows that break it.

use sqlx::{Row as _, SqlitePool};

use super::{codec, failed};
use crate::{
    order::{Order, moves},
    store::{AuditResult, StoreError},
};

/// At most this many broken rows are named for each invariant.
const SHOWN: usize = 20;

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
        "I7",
        "an order of the paid family is paid exactly, in its own currency, by booked money",
        "SELECT o.order_id FROM orders o WHERE o.state IN ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED') AND NOT EXISTS (\
         SELECT 1 FROM payment_txn t WHERE t.order_id = o.order_id AND t.kind = 'PAYMENT' \
         AND t.amount_minor = o.amount_minor AND t.currency = o.currency)",
    ),
    (
        "I8",
        "0 <= refunded <= paid",
        "SELECT order_id FROM orders WHERE NOT (0 <= refunded_minor AND refunded_minor <= paid_minor)",
    ),
    (
        "I17",
        "the log has every event once, without a gap, up to its head",
        "SELECT 'head ' || head || ', events ' || n || ', last ' || last FROM log, \
         (SELECT count(*) AS n, coalesce(max(revision), 0) AS last FROM order_event) \
         WHERE n <> head OR last <> head",
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
        "I30",
        "all booked money rests on a stored, verified message",
        "SELECT t.transaction_id FROM payment_txn t LEFT JOIN observation o ON o.fact_key = t.fact_key \
         LEFT JOIN notification n ON n.notification_id = o.notification_id WHERE n.notification_id IS NULL",
    ),
];

pub(super) async fn run(db: &SqlitePool) -> Result<Vec<AuditResult>, StoreError> {
    let mut results = Vec::new();
    for (name, statement, sql) in BY_STATEMENT {
        let rows = sqlx::query(*sql).fetch_all(db).await.map_err(failed)?;
        let violations = rows.iter().take(SHOWN).map(|r| r.get::<String, _>(0)).collect();
        results.push(AuditResult { name, statement, violations });
    }
    results.extend(journals(db).await?);
    results.sort_by_key(|r| r.name[1..].parse::<u32>().unwrap_or(u32::MAX));
    Ok(results)
}

/// I4, I6 and I9 need the documents.
async fn journals(db: &SqlitePool) -> Result<Vec<AuditResult>, StoreError> {
    let result = |name, statement| AuditResult { name, statement, violations: Vec::new() };
    let mut legal =
        result("I4", "every step of every journal is in the table of moves, and each begins where the last one ended");
    let mut fold = result("I6", "the order is what its last event says, and its columns are what its document says");
    let mut bound = result("I9", "credited money came through the account on which the payment was begun");

    let mut last_order = String::new();
    loop {
        let rows = sqlx::query(
            "SELECT o.order_id, o.version, o.state, o.paid_minor, o.refunded_minor, o.amount_minor, o.currency, o.doc \
             FROM orders o WHERE o.order_id > ?1 ORDER BY o.order_id LIMIT 500",
        )
        .bind(&last_order)
        .fetch_all(db)
        .await
        .map_err(failed)?;
        let Some(end) = rows.last() else { break };
        last_order = codec::column(end, "order_id")?;
        for row in &rows {
            let id: String = codec::column(row, "order_id")?;
            let doc: String = codec::column(row, "doc")?;
            let order: Order = codec::read_document(&doc)?;
            let columns_agree = order.version == codec::column::<i64>(row, "version")?
                && order.state().as_str() == codec::column::<String>(row, "state")?
                && order.paid().minor() == codec::column::<i64>(row, "paid_minor")?
                && order.refunded().minor() == codec::column::<i64>(row, "refunded_minor")?
                && order.amount.minor() == codec::column::<i64>(row, "amount_minor")?
                && order.amount.currency().as_str() == codec::column::<String>(row, "currency")?;
            let events = sqlx::query("SELECT * FROM order_event WHERE order_id = ?1 ORDER BY seq")
                .bind(&id)
                .fetch_all(db)
                .await
                .map_err(failed)?;
            let mut place = (0, String::new());
            let mut state = None;
            for event in &events {
                let event = codec::event(event)?;
                place = (event.event.after.version, codec::document(&event.event.after)?);
                let to = event.event.after.state();
                if event.event.from != state || !moves::allowed(state, event.event.kind, to) {
                    legal.violations.push(event.event_id());
                }
                state = Some(to);
            }
            if !columns_agree || place != (order.version, doc) {
                fold.violations.push(id.clone());
            }
            let credited_elsewhere = order
                .credited()
                .is_some_and(|t| !order.payments.iter().any(|p| p.account == t.account && p.transactions.contains(t)));
            if credited_elsewhere {
                bound.violations.push(id);
            }
        }
    }
    for result in [&mut legal, &mut fold, &mut bound] {
        result.violations.truncate(SHOWN);
    }
    Ok(vec![legal, fold, bound])
}
