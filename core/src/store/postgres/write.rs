//! The statements that write, each over arrays. What every callback writes is one statement; what is rare has
//! one each, before it.

use std::{borrow::Cow, collections::HashMap};

use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::failed;
use crate::{
    order::{AccountName, CaseState, Order, OrderId, OutTradeNo, State, TransactionId},
    store::{
        FactKey, KEPT_REJECTIONS, PROVEN_REASONS, RejectionRow, StoreError, Writes,
        codec::{self, FactColumns},
    },
};

/// An array of one column.
pub(super) fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

pub(super) fn id(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|e| StoreError::Refused(format!("{text:?} is not an id: {e}")))
}

/// Writes everything of a unit; the revisions last.
pub(super) async fn all(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    new_orders(tx, writes).await?;
    numbers(tx, writes).await?;
    cases(tx, writes).await?;
    owners(tx, writes).await?;
    tasks(tx, writes).await?;
    sayings(tx, writes).await?;
    parked(tx, writes).await?;
    journal(tx, writes).await
}

/// Notifications that repeat a fact. The one that said it first stands in the fact itself.
async fn sayings(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let first =
        |id: &str, fact: &FactKey| writes.observations.iter().any(|o| o.key == *fact && o.notification_id == id);
    let repeats: Vec<_> = writes.sayings.iter().filter(|(id, fact)| !first(id, fact)).collect();
    if repeats.is_empty() {
        return Ok(());
    }
    // One message may say a thing twice.
    sqlx::query(
        "INSERT INTO notification_fact (fact_key, notification_id) SELECT * FROM unnest($1::bytea[], $2::uuid[]) \
         ON CONFLICT DO NOTHING",
    )
    .bind(column(&repeats, |(_, fact)| fact.0.as_bytes()))
    .bind(repeats.iter().map(|(notification, _)| id(notification)).collect::<Result<Vec<_>, _>>()?)
    .execute(tx)
    .await
    .map(drop)
    .map_err(failed)
}

async fn parked(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows = writes.newly_parked();
    if !rows.is_empty() {
        let facts: Vec<FactColumns<'_>> = column(&rows, |r| codec::columns(&r.observation.fact));
        sqlx::query(
            "INSERT INTO parked (fact_key, provider, account, out_trade_no, transaction_id, refund_number) \
             SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])",
        )
        .bind(column(&rows, |r| r.key.0.as_bytes()))
        .bind(column(&rows, |r| r.provider.as_str()))
        .bind(column(&rows, |r| r.observation.account.as_str()))
        .bind(column(&facts, |f| f.out_trade_no))
        .bind(column(&facts, |f| f.transaction_id))
        .bind(column(&facts, |f| f.refund_id.or(f.out_refund_no)))
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    }
    if !writes.unparked.is_empty() {
        sqlx::query("DELETE FROM parked WHERE fact_key = ANY($1)")
            .bind(column(&writes.unparked, |fact| fact.0.as_bytes()))
            .execute(tx)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Fails when not every row was written: somebody else was first.
fn won(written: u64, wanted: usize) -> Result<(), StoreError> {
    if usize::try_from(written) == Ok(wanted) {
        return Ok(());
    }
    Err(StoreError::Conflict(format!("{written} of {wanted} orders still had the version that was loaded")))
}

async fn new_orders(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows: Vec<_> = writes.orders.iter().filter(|(_, loaded)| *loaded == 0).map(|(order, _)| order).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let written = sqlx::query(
        "INSERT INTO orders (order_id, version, state, amount_minor, currency, paid_minor, refunded_minor, created_at, doc) \
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], \
           $8::bigint[], $9::text[]) ON CONFLICT (order_id) DO NOTHING",
    )
    .bind(column(&rows, |o| o.id.as_str()))
    .bind(column(&rows, |o| o.version))
    .bind(column(&rows, |o| o.state().as_str()))
    .bind(column(&rows, |o| o.amount.minor()))
    .bind(column(&rows, |o| String::from(o.amount.currency())))
    .bind(column(&rows, |o| o.paid().minor()))
    .bind(column(&rows, |o| o.refunded().minor()))
    .bind(column(&rows, |o| o.created_at.0))
    .bind(rows.iter().map(codec::document).collect::<Result<Vec<_>, _>>()?)
    .execute(tx)
    .await
    .map_err(failed)?;
    won(written.rows_affected(), rows.len())
}

/// Whose the payments, refunds and requests are.
async fn numbers(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    if !writes.payments.is_empty() {
        sqlx::query("INSERT INTO payment (out_trade_no, order_id) SELECT * FROM unnest($1::text[], $2::text[])")
            .bind(column(&writes.payments, |(number, _)| number.as_str()))
            .bind(column(&writes.payments, |(_, order_id)| order_id.as_str()))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    if !writes.refunds.is_empty() {
        sqlx::query("INSERT INTO refund (out_refund_no, order_id) SELECT * FROM unnest($1::text[], $2::text[])")
            .bind(column(&writes.refunds, |(number, _)| number.as_str()))
            .bind(column(&writes.refunds, |(_, order_id)| order_id.as_str()))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    if !writes.requests.is_empty() {
        sqlx::query(
            "INSERT INTO request (request_id, fingerprint, order_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
        )
        .bind(column(&writes.requests, |r| r.id.as_str()))
        .bind(column(&writes.requests, |r| r.fingerprint.as_str()))
        .bind(column(&writes.requests, |r| r.order_id.as_ref().map_or("", OrderId::as_str)))
        .execute(tx)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

async fn cases(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows = writes.last_cases();
    if rows.is_empty() {
        return Ok(());
    }
    // `CaseRow::followed_by`, for a row that this unit may not have read.
    sqlx::query(
        "INSERT INTO cases (case_id, kind, open, order_id, account, out_trade_no, transaction_id, expected_minor, \
           expected_currency, observed_minor, observed_currency, summary, notification_id, opened_at, resolution, resolved_at, \
           resolver, reason, evidence, due_at, owner) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
           $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::text[], $16::bigint[], \
           $17::text[], $18::text[], $19::text[], $20::bigint[], $21::text[]) \
         ON CONFLICT (case_id) DO UPDATE SET open = excluded.open, \
           resolution = CASE WHEN cases.resolver <> '' AND excluded.resolver = '' THEN cases.resolution ELSE excluded.resolution END, \
           resolved_at = CASE WHEN cases.resolver <> '' AND excluded.resolver = '' THEN cases.resolved_at ELSE excluded.resolved_at END, \
           reason = CASE WHEN cases.resolver <> '' AND excluded.resolver = '' THEN cases.reason ELSE excluded.reason END, \
           resolver = CASE WHEN excluded.resolver = '' THEN cases.resolver ELSE excluded.resolver END, \
           order_id = coalesce(excluded.order_id, cases.order_id), \
           out_trade_no = CASE WHEN excluded.open THEN coalesce(excluded.out_trade_no, cases.out_trade_no) ELSE cases.out_trade_no END, \
           transaction_id = CASE WHEN excluded.open THEN coalesce(excluded.transaction_id, cases.transaction_id) \
             ELSE cases.transaction_id END, \
           expected_minor = CASE WHEN excluded.open AND NOT cases.open THEN excluded.expected_minor ELSE cases.expected_minor END, \
           expected_currency = CASE WHEN excluded.open AND NOT cases.open THEN excluded.expected_currency \
             ELSE cases.expected_currency END, \
           summary = CASE WHEN excluded.open THEN excluded.summary ELSE cases.summary END, \
           observed_minor = CASE WHEN excluded.open THEN excluded.observed_minor ELSE cases.observed_minor END, \
           observed_currency = CASE WHEN excluded.open THEN excluded.observed_currency ELSE cases.observed_currency END, \
           notification_id = CASE WHEN excluded.open THEN excluded.notification_id ELSE cases.notification_id END, \
           evidence = CASE WHEN excluded.open AND (excluded.evidence <> '' OR NOT cases.open) THEN excluded.evidence \
             ELSE cases.evidence END, \
           opened_at = CASE WHEN excluded.open AND NOT cases.open THEN excluded.opened_at ELSE cases.opened_at END, \
           due_at = CASE WHEN excluded.open AND NOT cases.open THEN excluded.due_at ELSE cases.due_at END, \
           owner = CASE WHEN excluded.open AND NOT cases.open THEN excluded.owner ELSE cases.owner END \
         WHERE cases.resolver = '' OR NOT excluded.open",
    )
    .bind(column(&rows, |r| r.case.id.as_str()))
    .bind(column(&rows, |r| r.case.kind.as_str()))
    .bind(column(&rows, |r| r.case.state == CaseState::Open))
    .bind(column(&rows, |r| r.case.order_id.as_ref().map(OrderId::as_str)))
    .bind(column(&rows, |r| r.case.account.as_str()))
    .bind(column(&rows, |r| r.case.out_trade_no.as_ref().map(OutTradeNo::as_str)))
    .bind(column(&rows, |r| r.case.transaction_id.as_ref().map(TransactionId::as_str)))
    .bind(column(&rows, |r| r.case.expected.map(|m| m.minor())))
    .bind(column(&rows, |r| r.case.expected.map(|m| String::from(m.currency()))))
    .bind(column(&rows, |r| r.case.observed.map(|m| m.minor())))
    .bind(column(&rows, |r| r.case.observed.map(|m| String::from(m.currency()))))
    .bind(column(&rows, |r| r.case.summary.as_str()))
    .bind(column(&rows, |r| r.notification_id.as_str()))
    .bind(column(&rows, |r| r.case.opened_at.0))
    .bind(column(&rows, |r| codec::settled(r.case.state).0))
    .bind(column(&rows, |r| codec::settled(r.case.state).1))
    .bind(column(&rows, |r| codec::settled(r.case.state).2))
    .bind(column(&rows, |r| r.case.reason.as_str()))
    .bind(column(&rows, |r| r.case.evidence.as_str()))
    .bind(column(&rows, |r| r.case.due_at.map(|at| at.0)))
    .bind(column(&rows, |r| r.case.owner.as_str()))
    .execute(tx)
    .await
    .map(drop)
    .map_err(failed)
}

async fn owners(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    for (id, owner) in &writes.owners {
        let assign = sqlx::query("UPDATE cases SET owner = $2 WHERE case_id = $1").bind(id.as_str()).bind(owner);
        assign.execute(&mut *tx).await.map_err(failed)?;
    }
    Ok(())
}

/// Existing tasks become due earlier, never later. While somebody works on one, the new time is noted for the end of
/// that work.
async fn tasks(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows = writes.earliest_tasks();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO task (kind, subject, account, order_id, due_at) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
         ON CONFLICT (kind, subject) DO UPDATE SET \
           due_at = CASE WHEN task.lease IS NULL THEN least(task.due_at, excluded.due_at) ELSE task.due_at END, \
           again_at = CASE WHEN task.lease IS NULL THEN NULL ELSE least(task.again_at, excluded.due_at) END",
    )
    .bind(column(&rows, |t| t.key.kind.as_str()))
    .bind(column(&rows, |t| t.key.subject.as_str()))
    .bind(column(&rows, |t| t.account.as_ref().map(AccountName::as_str)))
    .bind(column(&rows, |t| t.order_id.as_ref().map(OrderId::as_str)))
    .bind(column(&rows, |t| t.due_at.0))
    .execute(tx)
    .await
    .map(drop)
    .map_err(failed)
}

/// What every callback that is news writes, in one statement: facts, changed orders, money, events. Each order is
/// written where its version is still the one that was loaded.
///
/// The head row comes last: from there to the end of the commit every other writer waits. Its sub-selects make
/// it wait until the rest is written, and leave the log alone when an order was not.
const JOURNAL: &str = "\
    WITH observed AS ( \
      INSERT INTO observation (fact_key, notification_id, provider, account, kind, out_trade_no, transaction_id, out_refund_no, \
        refund_id, status, amount_minor, currency, cumulative, occurred_at, recorded_at, masked_payer, seal_key_id, sealed_payer) \
      SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
        $9::text[], $10::text[], $11::bigint[], $12::text[], $13::boolean[], $14::bigint[], $15::bigint[], $16::text[], \
        $17::text[], $18::bytea[]) \
      RETURNING 1), \
    changed AS ( \
      UPDATE orders SET version = new.version, state = new.state, paid_minor = new.paid, refunded_minor = new.refunded, \
        doc = new.doc \
      FROM unnest($19::text[], $20::bigint[], $21::bigint[], $22::text[], $23::bigint[], $24::bigint[], $25::text[]) \
        AS new (order_id, loaded, version, state, paid, refunded, doc) \
      WHERE orders.order_id = new.order_id AND orders.version = new.loaded \
      RETURNING 1), \
    booked AS ( \
      INSERT INTO payment_txn (transaction_id, account, provider, kind, order_id, amount_minor, currency, fact_key) \
      SELECT * FROM unnest($26::text[], $27::text[], $28::text[], $29::text[], $30::text[], $31::bigint[], $32::text[], \
        $33::bytea[]) \
      RETURNING 1), \
    log AS ( \
      UPDATE log SET head = head + $34 WHERE id = 1 AND $34 > 0 \
        AND (SELECT count(*) FROM changed) = $43 \
        AND (SELECT count(*) FROM observed) + (SELECT count(*) FROM booked) >= 0 \
      RETURNING head - $34 AS head), \
    appended AS ( \
      INSERT INTO order_event (revision, order_id, seq, kind, from_state, to_state, at, opened_cases, snapshot) \
      SELECT log.head + e.nth, e.order_id, e.seq, e.kind, e.from_state, e.to_state, e.at, e.opened_cases, e.snapshot \
      FROM log, unnest($35::text[], $36::bigint[], $37::text[], $38::text[], $39::text[], $40::bigint[], $41::text[], \
        $42::text[]) WITH ORDINALITY AS e (order_id, seq, kind, from_state, to_state, at, opened_cases, snapshot, nth)) \
    SELECT count(*) FROM changed";

async fn journal(tx: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    let Writes { observations, money, events, .. } = writes;
    let orders: Vec<_> = writes.orders.iter().filter(|(_, loaded)| *loaded > 0).collect();
    if observations.is_empty() && orders.is_empty() && money.is_empty() && events.is_empty() {
        return Ok(());
    }
    let facts: Vec<FactColumns<'_>> = column(observations, |r| codec::columns(&r.observation.fact));
    let snapshots = events.iter().map(|e| codec::document(&e.event.after)).collect::<Result<Vec<_>, _>>()?;
    let changed = sqlx::query(JOURNAL)
        .bind(column(observations, |r| r.key.0.as_bytes()))
        .bind(observations.iter().map(|r| id(&r.notification_id)).collect::<Result<Vec<_>, _>>()?)
        .bind(column(observations, |r| r.provider.as_str()))
        .bind(column(observations, |r| r.observation.account.as_str()))
        .bind(column(&facts, |f| f.kind))
        .bind(column(&facts, |f| f.out_trade_no))
        .bind(column(&facts, |f| f.transaction_id))
        .bind(column(&facts, |f| f.out_refund_no))
        .bind(column(&facts, |f| f.refund_id))
        .bind(column(&facts, |f| f.status))
        .bind(column(&facts, |f| f.amount.minor()))
        .bind(column(&facts, |f| String::from(f.amount.currency())))
        .bind(column(&facts, |f| f.cumulative))
        .bind(column(&facts, |f| f.occurred_at))
        .bind(column(observations, |r| r.recorded_at.0))
        .bind(column(observations, |r| r.masked_payer.as_deref()))
        .bind(column(observations, |r| r.sealed_payer.as_ref().map(|s| s.key_id.as_str())))
        .bind(column(observations, |r| r.sealed_payer.as_ref().map(|s| s.bytes.as_slice())))
        .bind(column(&orders, |(o, _)| o.id.as_str()))
        .bind(column(&orders, |(_, loaded)| *loaded))
        .bind(column(&orders, |(o, _)| o.version))
        .bind(column(&orders, |(o, _)| o.state().as_str()))
        .bind(column(&orders, |(o, _)| o.paid().minor()))
        .bind(column(&orders, |(o, _)| o.refunded().minor()))
        .bind(documents(&orders, writes, &snapshots)?)
        .bind(column(money, |r| r.key.number.as_str()))
        .bind(column(money, |r| r.key.account.as_str()))
        .bind(column(money, |r| r.key.provider.as_str()))
        .bind(column(money, |r| r.key.kind.as_str()))
        .bind(column(money, |r| r.order_id.as_str()))
        .bind(column(money, |r| r.amount.minor()))
        .bind(column(money, |r| String::from(r.amount.currency())))
        .bind(column(money, |r| r.fact.0.as_bytes()))
        .bind(i64::try_from(events.len()).unwrap_or(i64::MAX))
        .bind(column(events, |e| e.order_id.as_str()))
        .bind(column(events, |e| e.event.after.version))
        .bind(column(events, |e| e.event.kind.as_str()))
        .bind(column(events, |e| e.event.from.map(State::as_str)))
        .bind(column(events, |e| e.event.after.state().as_str()))
        .bind(column(events, |e| e.event.at.0))
        .bind(events.iter().map(|e| codec::document(&e.event.opened_cases)).collect::<Result<Vec<_>, _>>()?)
        .bind(column(&snapshots, String::as_str))
        .bind(i64::try_from(orders.len()).unwrap_or(i64::MAX))
        .fetch_one(tx)
        .await
        .map_err(|error| match failed(error) {
            // The orders are locked already, so what is held is something that everybody needs, for example by a commit
            // that is stuck on a slow disk: trying once more is all that can help.
            StoreError::Busy(said) => StoreError::Conflict(said),
            other @ (StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Unavailable(_)
            | StoreError::Damaged(_)) => other,
        })?;
    won(u64::try_from(changed.get::<i64, _>(0)).unwrap_or(0), orders.len())
}

/// What the orders are now, which is what their last events say.
fn documents<'a>(
    orders: &[&(Order, i64)],
    writes: &Writes,
    snapshots: &'a [String],
) -> Result<Vec<Cow<'a, str>>, StoreError> {
    let last: HashMap<&str, &'a str> =
        writes.events.iter().zip(snapshots).map(|(e, snapshot)| (e.order_id.as_str(), snapshot.as_str())).collect();
    let document = |(order, _): &&(Order, i64)| match last.get(order.id.as_str()) {
        Some(snapshot) => Ok(Cow::Borrowed(*snapshot)),
        None => codec::document(order).map(Cow::Owned),
    };
    orders.iter().map(document).collect()
}

/// Stores refused notifications and forgets the oldest: anybody may send what is refused, so it must not fill
/// the disk.
pub(super) async fn rejections(pool: &PgPool, rows: &[RejectionRow], trim: bool) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO rejection (notification_id, provider, account, reason, detail, claimed_out_trade_no, received_at, body_size, \
           body_sha256, remote_address, seal_key_id, sealed) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], \
           $9::text[], $10::text[], $11::text[], $12::bytea[])",
    )
    .bind(rows.iter().map(|r| id(&r.id)).collect::<Result<Vec<_>, _>>()?)
    .bind(column(rows, |r| r.provider.as_str()))
    .bind(column(rows, |r| r.account.as_str()))
    .bind(column(rows, |r| r.reason.as_str()))
    .bind(column(rows, |r| r.detail.as_str()))
    .bind(column(rows, |r| r.claimed_out_trade_no.as_str()))
    .bind(column(rows, |r| r.received_at.0))
    .bind(column(rows, |r| r.body_size))
    .bind(column(rows, |r| r.body_sha256.as_str()))
    .bind(column(rows, |r| r.remote_address.as_str()))
    .bind(column(rows, |r| r.sealed.key_id.as_str()))
    .bind(column(rows, |r| r.sealed.bytes.as_slice()))
    .execute(pool)
    .await
    .map_err(failed)?;
    // Anybody may send what is refused, so it must not fill the disk.
    for proven in [false, true].into_iter().filter(|_| trim) {
        sqlx::query(
            "DELETE FROM rejection WHERE (reason = ANY($2)) = $3 AND notification_id <= \
             (SELECT notification_id FROM rejection WHERE (reason = ANY($2)) = $3 \
               ORDER BY notification_id DESC OFFSET $1 LIMIT 1)",
        )
        .bind(KEPT_REJECTIONS)
        .bind(PROVEN_REASONS)
        .bind(proven)
        .execute(pool)
        .await
        .map_err(failed)?;
    }
    Ok(())
}
