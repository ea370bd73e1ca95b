//! Questions to the database that change nothing.

use std::collections::BTreeMap;

use sqlx::{Row as _, Sqlite, SqliteExecutor, SqlitePool};

use super::{failed, json};
use crate::{
    order::{CaseId, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, State, Timestamp, TransactionId},
    store::{
        CaseFilter, CaseRow, Cursor, EventRow, NotificationFilter, OrderFilter, Page, StoreError, StoredNotification,
        codec,
    },
};

pub(super) const STORED: &str = "SELECT n.provider, n.account, n.content_sha256 FROM notification n \
     WHERE n.provider IN (SELECT value FROM json_each(?1)) AND n.account IN (SELECT value FROM json_each(?2)) \
     AND n.content_sha256 IN (SELECT value FROM json_each(?3))";
pub(super) const PAYMENTS: &str =
    "SELECT out_trade_no, order_id FROM payment WHERE out_trade_no IN (SELECT value FROM json_each(?1))";
pub(super) const MONEY: &str = "SELECT provider, account, kind, transaction_id, order_id FROM payment_txn \
     WHERE transaction_id IN (SELECT value FROM json_each(?1))";
pub(super) const REQUESTS: &str =
    "SELECT request_id, fingerprint, order_id FROM request WHERE request_id IN (SELECT value FROM json_each(?1))";
pub(super) const FACTS: &str = "SELECT fact_key FROM observation WHERE fact_key IN (SELECT value FROM json_each(?1))";
pub(super) const REFUNDS: &str =
    "SELECT out_refund_no, order_id FROM refund WHERE out_refund_no IN (SELECT value FROM json_each(?1))";
pub(super) const CASES: &str = "SELECT * FROM cases WHERE case_id IN (SELECT value FROM json_each(?1))";
pub(super) const PARKED: &str = "SELECT o.* FROM observation o JOIN (\
       SELECT fact_key FROM parked WHERE out_trade_no IN (SELECT value FROM json_each(?1)) \
       UNION SELECT fact_key FROM parked WHERE transaction_id IN (SELECT value FROM json_each(?2)) \
       UNION SELECT fact_key FROM parked WHERE refund_number IN (SELECT value FROM json_each(?3))\
     ) p ON p.fact_key = o.fact_key ORDER BY o.recorded_at, o.fact_key";

pub(super) async fn orders<'e>(
    db: impl SqliteExecutor<'e>,
    ids: &[OrderId],
) -> Result<BTreeMap<OrderId, Order>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query("SELECT doc FROM orders WHERE order_id IN (SELECT value FROM json_each(?1))")
        .bind(json(ids.iter().map(OrderId::as_str)))
        .fetch_all(db)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| {
            let order: Order = codec::read_document(&codec::column::<String>(row, "doc")?)?;
            Ok((order.id.clone(), order))
        })
        .collect()
}

/// The place after which a page begins; without one, before everything.
fn place(after: Option<&Cursor>) -> (i64, String) {
    after.map_or((i64::MAX, String::new()), |c| (c.at, c.id.clone()))
}

pub(super) async fn list_orders(
    db: &SqlitePool,
    filter: &OrderFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Order>, StoreError> {
    let (at, id) = place(after);
    let rows = sqlx::query(
        "SELECT doc FROM orders WHERE (created_at, order_id) < (?1, ?2) \
         AND (?3 = '[]' OR state IN (SELECT value FROM json_each(?3))) ORDER BY created_at DESC, order_id DESC LIMIT ?4",
    )
    .bind(at)
    .bind(id)
    .bind(json(filter.states.iter().map(|s: &State| s.as_str())))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await
    .map_err(failed)?;
    let orders = rows
        .iter()
        .map(|row| codec::read_document::<Order>(&codec::column::<String>(row, "doc")?))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(orders, limit, |o| Cursor { at: o.created_at.0, id: o.id.to_string() }))
}

pub(super) async fn unpaid_orders(
    db: &SqlitePool,
    since: Timestamp,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Order>, StoreError> {
    let (at, id) = place(after);
    let rows = sqlx::query(
        "SELECT created_at, order_id, iif(state IN ('CREATED', 'PENDING'), doc, NULL) AS doc FROM orders \
         WHERE (created_at, order_id) < (?1, ?2) AND created_at >= ?3 ORDER BY created_at DESC, order_id DESC LIMIT ?4",
    )
    .bind(at)
    .bind(id)
    .bind(since.0)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
    .map_err(failed)?;
    codec::sparse(&rows, limit)
}

pub(super) async fn order_of(db: &SqlitePool, out_trade_no: &OutTradeNo) -> Result<Option<OrderId>, StoreError> {
    let row = sqlx::query("SELECT order_id FROM payment WHERE out_trade_no = ?1")
        .bind(out_trade_no.as_str())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.map(|r| OrderId::parse(r.get::<String, _>(0)).map_err(|e| StoreError::Damaged(e.to_string()))).transpose()
}

pub(super) async fn order_of_refund(
    db: &SqlitePool,
    out_refund_no: &OutRefundNo,
) -> Result<Option<OrderId>, StoreError> {
    let row = sqlx::query("SELECT order_id FROM refund WHERE out_refund_no = ?1")
        .bind(out_refund_no.as_str())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.map(|r| codec::parse(r.get(0), OrderId::parse)).transpose()
}

pub(super) async fn count_open_cases(db: &SqlitePool) -> Result<BTreeMap<CaseKind, u64>, StoreError> {
    let rows = sqlx::query(codec::COUNT_OPEN_CASES).fetch_all(db).await.map_err(failed)?;
    rows.iter().map(codec::open_cases).collect()
}

pub(super) async fn case(db: &SqlitePool, id: &CaseId) -> Result<Option<CaseRow>, StoreError> {
    let found = sqlx::query("SELECT * FROM cases WHERE case_id = ?1").bind(id.as_str()).fetch_optional(db);
    found.await.map_err(failed)?.as_ref().map(codec::case).transpose()
}

pub(super) async fn journal(db: &SqlitePool, order_id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM (SELECT * FROM order_event WHERE order_id = ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq",
    )
    .bind(order_id.as_str())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
    .map_err(failed)?;
    rows.iter().map(codec::event).collect()
}

/// Accepted and refused ones under the same columns. The numbers of an accepted one come from its facts.
const NOTIFICATIONS: &str = "\
    SELECT * FROM (SELECT n.notification_id, n.provider, n.account, n.source, '' AS reason, '' AS detail, \
        coalesce(o.out_trade_no, '') AS out_trade_no, coalesce(p.order_id, t.order_id, '') AS order_id, n.event_type, \
        n.platform_notice_id, n.key_id, n.received_at, n.body_size, n.body_sha256, \
        coalesce(o.masked_payer, '') AS masked_payer, '' AS remote_address \
      FROM notification n \
      LEFT JOIN observation o ON o.fact_key = (SELECT f.fact_key FROM notification_fact f JOIN observation x USING (fact_key) \
        WHERE f.notification_id = n.notification_id ORDER BY x.kind, f.fact_key LIMIT 1) \
      LEFT JOIN payment p ON p.out_trade_no = o.out_trade_no \
      LEFT JOIN payment_txn t ON t.provider = o.provider AND t.account = o.account AND t.kind = 'PAYMENT' \
        AND t.transaction_id = o.transaction_id \
      WHERE (?5 IS NULL OR ?5) AND (?4 IS NULL OR n.account = ?4) AND (n.received_at, n.notification_id) < (?1, ?2) \
        AND (?8 OR n.notification_id IN (\
          SELECT f.notification_id FROM observation x JOIN notification_fact f USING (fact_key) \
            WHERE x.out_trade_no IN (SELECT value FROM json_each(?6)) \
          UNION SELECT f.notification_id FROM observation x JOIN notification_fact f USING (fact_key) \
            WHERE x.transaction_id IN (SELECT value FROM json_each(?7)))) \
      ORDER BY n.received_at DESC, n.notification_id DESC LIMIT ?3) \
    UNION ALL \
    SELECT * FROM (SELECT notification_id, provider, account, 'CALLBACK', reason, detail, claimed_out_trade_no, '', '', '', '', received_at, \
        body_size, body_sha256, '', remote_address \
      FROM rejection \
      WHERE (?5 IS NULL OR NOT ?5) AND (?4 IS NULL OR account = ?4) AND (received_at, notification_id) < (?1, ?2) \
        AND (?8 OR claimed_out_trade_no IN (SELECT value FROM json_each(?6))) \
      ORDER BY received_at DESC, notification_id DESC LIMIT ?3) \
    ORDER BY received_at DESC, notification_id DESC LIMIT ?3";

pub(super) async fn notifications(
    db: &SqlitePool,
    filter: &NotificationFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<StoredNotification>, StoreError> {
    let (at, id) = place(after);
    let rows = sqlx::query::<Sqlite>(NOTIFICATIONS)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .bind(filter.account.as_deref())
        .bind(filter.accepted)
        .bind(json(filter.out_trade_nos.iter().map(OutTradeNo::as_str)))
        .bind(json(filter.transaction_ids.iter().map(TransactionId::as_str)))
        .bind(filter.is_about_all())
        .fetch_all(db)
        .await
        .map_err(failed)?;
    let rows = rows.iter().map(codec::notification).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |n| Cursor { at: n.received_at.0, id: n.id.clone() }))
}

pub(super) async fn cases(
    db: &SqlitePool,
    filter: &CaseFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<CaseRow>, StoreError> {
    let (at, id) = place(after);
    let rows = sqlx::query(
        "SELECT * FROM cases WHERE (opened_at, case_id) < (?1, ?2) AND (?4 IS NULL OR open = ?4) \
         AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR order_id = ?6) ORDER BY opened_at DESC, case_id DESC LIMIT ?3",
    )
    .bind(at)
    .bind(id)
    .bind(i64::from(limit) + 1)
    .bind(filter.open)
    .bind(filter.kind.map(crate::order::CaseKind::as_str))
    .bind(filter.order_id.as_ref().map(OrderId::as_str))
    .fetch_all(db)
    .await
    .map_err(failed)?;
    let rows = rows.iter().map(codec::case).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |c| Cursor { at: c.case.opened_at.0, id: c.case.id.to_string() }))
}
