//! The invariants that the database can show, each as the rows that break it.

use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{codec, failed};
use crate::{
    order::{Order, State, Transaction, moves},
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
        "every success that was taken in is booked, or waits for its order",
        "SELECT o.fact_key FROM observation o WHERE o.kind = 'PAYMENT' AND o.status = 'SUCCEEDED' \
         AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.fact_key = o.fact_key) \
         AND NOT EXISTS (SELECT 1 FROM payment_txn t WHERE t.provider = o.provider AND t.account = o.account \
         AND t.kind = 'PAYMENT' AND t.transaction_id = o.transaction_id)",
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

/// All of it in one read transaction: what is written meanwhile is not half seen.
pub(super) async fn run(db: &SqlitePool) -> Result<Vec<AuditResult>, StoreError> {
    let mut tx = db.begin().await.map_err(failed)?;
    let mut results = Vec::new();
    for (name, statement, sql) in BY_STATEMENT {
        let rows = sqlx::query(*sql).fetch_all(&mut *tx).await.map_err(failed)?;
        let violations = rows.iter().take(SHOWN).map(|r| r.get::<String, _>(0)).collect();
        results.push(AuditResult { name, statement, violations });
    }
    results.extend(documents(&mut tx).await?);
    results.sort_by_key(|r| r.name[1..].parse::<u32>().unwrap_or(u32::MAX));
    Ok(results)
}

/// What breaks the invariants that need an order's documents.
struct Findings {
    legal: AuditResult,
    fold: AuditResult,
    exact: AuditResult,
    bound: AuditResult,
}

async fn documents(tx: &mut SqliteConnection) -> Result<Vec<AuditResult>, StoreError> {
    let result = |name, statement| AuditResult { name, statement, violations: Vec::new() };
    let mut found = Findings {
        legal: result(
            "I4",
            "every step of every journal is in the table of moves, and each begins where the last one ended",
        ),
        fold: result("I6", "the order is what its last event says, and its columns are what its document says"),
        exact: result("I7", "an order of the paid family is paid exactly, in its own currency, by booked money"),
        bound: result("I9", "credited money came through the account on which the payment was begun"),
    };
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
            order(tx, row, &mut found).await?;
        }
    }
    let mut all = vec![found.legal, found.fold, found.exact, found.bound];
    for result in &mut all {
        result.violations.truncate(SHOWN);
    }
    Ok(all)
}

async fn order(tx: &mut SqliteConnection, row: &SqliteRow, found: &mut Findings) -> Result<(), StoreError> {
    let id: String = codec::column(row, "order_id")?;
    let doc: String = codec::column(row, "doc")?;
    let order: Order = codec::read_document(&doc)?;

    let events = sqlx::query("SELECT * FROM order_event WHERE order_id = ?1 ORDER BY seq")
        .bind(&id)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let (mut state, mut end) = (None, None);
    for row in &events {
        let (seq, to): (i64, String) = (codec::column(row, "seq")?, codec::column(row, "to_state")?);
        let entry = codec::event(row)?;
        let after = &entry.event.after;
        let legal = entry.event.from == state
            && moves::allowed(state, entry.event.kind, after.state())
            && (seq, to.as_str()) == (after.version, after.state().as_str());
        if !legal {
            found.legal.violations.push(entry.event_id());
        }
        state = Some(after.state());
        end = Some(codec::document(after)?);
    }
    if !columns_agree(row, &order)? || end != Some(doc) {
        found.fold.violations.push(id.clone());
    }

    let booked = sqlx::query("SELECT * FROM payment_txn WHERE order_id = ?1 AND kind = 'PAYMENT'")
        .bind(&id)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let exact = |credited: &Transaction| -> Result<bool, StoreError> {
        for row in &booked {
            let same = codec::column::<String>(row, "transaction_id")? == credited.id.as_str()
                && codec::column::<String>(row, "account")? == credited.account.as_str()
                && codec::column::<i64>(row, "amount_minor")? == order.amount.minor()
                && codec::column::<String>(row, "currency")? == order.amount.currency().as_str();
            if same {
                return Ok(credited.amount == order.amount);
            }
        }
        Ok(false)
    };
    let paid = matches!(
        State::parse(&codec::column::<String>(row, "state")?),
        Some(State::Paid | State::PartiallyRefunded | State::Refunded)
    );
    match order.credited() {
        Some(credited) if !exact(credited)? => found.exact.violations.push(id.clone()),
        None if paid => found.exact.violations.push(id.clone()),
        Some(_) | None => {}
    }
    let at_home = |t: &Transaction| order.payments.iter().any(|p| p.account == t.account && p.transactions.contains(t));
    if order.credited().is_some_and(|t| !at_home(t)) {
        found.bound.violations.push(id);
    }
    Ok(())
}

fn columns_agree(row: &SqliteRow, order: &Order) -> Result<bool, StoreError> {
    Ok(order.version == codec::column::<i64>(row, "version")?
        && order.state().as_str() == codec::column::<String>(row, "state")?
        && order.paid().minor() == codec::column::<i64>(row, "paid_minor")?
        && order.refunded().minor() == codec::column::<i64>(row, "refunded_minor")?
        && order.amount.minor() == codec::column::<i64>(row, "amount_minor")?
        && order.amount.currency().as_str() == codec::column::<String>(row, "currency")?)
}
