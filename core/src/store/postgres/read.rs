//! Questions to the database that change nothing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::{failed, lease::Lease};
use crate::{
    order::{CaseId, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, State, Timestamp, TransactionId},
    store::{
        CaseFilter, CaseRow, Cursor, EventRow, NoticeKey, NotificationFilter, OrderFilter, Page, StoreError,
        StoredNotification, codec,
    },
};

pub(super) async fn stored(db: &PgPool, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError> {
    let mut one = Lease::from(db).await.map_err(failed)?;
    let rows = sqlx::query(
        "SELECT wanted.nth FROM unnest($1::bytea[], $2::text[], $3::text[]) \
           WITH ORDINALITY AS wanted (content_sha256, account, provider, nth) \
         JOIN notice USING (content_sha256, account, provider)",
    )
    .bind(keys.iter().map(|k| k.content_sha256.as_bytes()).collect::<Vec<_>>())
    .bind(keys.iter().map(|k| k.account.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|k| k.provider.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut *one)
    .await
    .map_err(failed)?;
    one.end();
    let nth = rows.iter().filter_map(|r| usize::try_from(r.get::<i64, _>(0)).ok());
    Ok(nth.filter_map(|n| keys.get(n.checked_sub(1)?).cloned()).collect())
}

pub(super) async fn orders(db: &PgPool, ids: &[OrderId]) -> Result<BTreeMap<OrderId, Order>, StoreError> {
    let rows = sqlx::query("SELECT doc FROM orders WHERE order_id = ANY($1)")
        .bind(ids.iter().map(OrderId::as_str).collect::<Vec<_>>())
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

pub(super) async fn list_orders(
    db: &PgPool,
    filter: &OrderFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Order>, StoreError> {
    let (at, id) = after.map_or((i64::MAX, ""), |c| (c.at, c.id.as_str()));
    let rows = sqlx::query(
        "SELECT doc FROM orders WHERE (created_at, order_id) < ($1, $2) AND ($3::text[] = '{}' OR state = ANY($3)) \
         ORDER BY created_at DESC, order_id DESC LIMIT $4",
    )
    .bind(at)
    .bind(id)
    .bind(filter.states.iter().map(|s: &State| s.as_str()).collect::<Vec<_>>())
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
    db: &PgPool,
    since: Timestamp,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Order>, StoreError> {
    let (at, id) = after.map_or((i64::MAX, ""), |c| (c.at, c.id.as_str()));
    let rows = sqlx::query(
        "SELECT created_at, order_id, CASE WHEN state IN ('CREATED', 'PENDING') THEN doc END AS doc FROM orders \
         WHERE (created_at, order_id) < ($1, $2) AND created_at >= $3 ORDER BY created_at DESC, order_id DESC LIMIT $4",
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

pub(super) async fn order_of(db: &PgPool, out_trade_no: &OutTradeNo) -> Result<Option<OrderId>, StoreError> {
    let row = sqlx::query("SELECT order_id FROM payment WHERE out_trade_no = $1")
        .bind(out_trade_no.as_str())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.map(|r| codec::parse(codec::column(&r, "order_id")?, OrderId::parse)).transpose()
}

pub(super) async fn order_of_refund(db: &PgPool, out_refund_no: &OutRefundNo) -> Result<Option<OrderId>, StoreError> {
    let row = sqlx::query("SELECT order_id FROM refund WHERE out_refund_no = $1")
        .bind(out_refund_no.as_str())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.map(|r| codec::parse(codec::column(&r, "order_id")?, OrderId::parse)).transpose()
}

pub(super) async fn count_open_cases(db: &PgPool) -> Result<BTreeMap<CaseKind, u64>, StoreError> {
    let rows = sqlx::query(codec::COUNT_OPEN_CASES).fetch_all(db).await.map_err(failed)?;
    rows.iter().map(codec::open_cases).collect()
}

pub(super) async fn case(db: &PgPool, id: &CaseId) -> Result<Option<CaseRow>, StoreError> {
    let found = sqlx::query("SELECT * FROM cases WHERE case_id = $1").bind(id.as_str()).fetch_optional(db);
    found.await.map_err(failed)?.as_ref().map(codec::case).transpose()
}

pub(super) async fn journal(db: &PgPool, order_id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM (SELECT * FROM order_event WHERE order_id = $1 ORDER BY seq DESC LIMIT $2) newest ORDER BY seq",
    )
    .bind(order_id.as_str())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
    .map_err(failed)?;
    rows.iter().map(codec::event).collect()
}

/// The notifications that say something about numbers or money.
const ABOUT: &str = "\
    WITH about AS (SELECT fact_key FROM observation WHERE out_trade_no = ANY($1) \
      UNION SELECT fact_key FROM payment_txn WHERE transaction_id = ANY($2) \
      UNION SELECT fact_key FROM parked WHERE transaction_id = ANY($2) \
      UNION SELECT fact_key FROM observation WHERE transaction_id = ANY($2) AND (out_trade_no IS NULL OR kind = 'REFUND') \
      UNION SELECT said.fact_key FROM payment_txn JOIN observation booked USING (fact_key) \
        JOIN observation said ON said.out_trade_no = booked.out_trade_no AND said.transaction_id = payment_txn.transaction_id \
        WHERE payment_txn.transaction_id = ANY($2)) \
    SELECT notification_id FROM observation JOIN about USING (fact_key) \
    UNION SELECT notification_id FROM notification_fact JOIN about USING (fact_key)";

/// Accepted and refused ones under the same columns, newest first by their ids, which begin with the time.
/// The numbers of an accepted one come from its facts.
const NOTIFICATIONS: &str = "\
    SELECT * FROM (\
    (SELECT n.notification_id::text AS notification_id, n.provider, n.account, n.source, '' AS reason, '' AS detail, \
        coalesce(o.out_trade_no, '') AS out_trade_no, coalesce(p.order_id, t.order_id, '') AS order_id, n.event_type, \
        n.platform_notice_id, n.key_id, n.received_at, n.body_size, n.body_sha256, \
        coalesce(o.masked_payer, '') AS masked_payer, '' AS remote_address \
      FROM notification n \
      LEFT JOIN LATERAL (SELECT x.* FROM observation x WHERE x.notification_id = n.notification_id \
        UNION ALL SELECT x.* FROM notification_fact f JOIN observation x USING (fact_key) WHERE f.notification_id = n.notification_id \
        ORDER BY kind, fact_key LIMIT 1) o ON true \
      LEFT JOIN payment p ON p.out_trade_no = o.out_trade_no \
      LEFT JOIN payment_txn t ON t.provider = o.provider AND t.account = o.account AND t.kind = 'PAYMENT' \
        AND t.transaction_id = o.transaction_id \
      WHERE ($4::boolean IS NULL OR $4) AND ($3::text IS NULL OR n.account = $3) AND n.notification_id < $1 \
        AND ($7 OR n.notification_id = ANY($6)) \
      ORDER BY n.notification_id DESC LIMIT $2) \
    UNION ALL \
    (SELECT notification_id::text, provider, account, 'CALLBACK', reason, detail, claimed_out_trade_no, '', '', '', '', received_at, \
        body_size, body_sha256, '', remote_address \
      FROM rejection \
      WHERE ($4::boolean IS NULL OR NOT $4) AND ($3::text IS NULL OR account = $3) AND notification_id < $1 \
        AND ($7 OR claimed_out_trade_no = ANY($5)) \
      ORDER BY rejection.notification_id DESC LIMIT $2)) listed \
    ORDER BY notification_id DESC LIMIT $2";

pub(super) async fn notifications(
    db: &PgPool,
    filter: &NotificationFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<StoredNotification>, StoreError> {
    let before = after.map_or(Ok(Uuid::max()), |c| c.id.parse());
    // Asked for first: with the ids at hand the listing looks them up, otherwise it would go through everything.
    let numbers: Vec<_> = filter.out_trade_nos.iter().map(OutTradeNo::as_str).collect();
    let about = sqlx::query(ABOUT)
        .bind(&numbers)
        .bind(filter.transaction_ids.iter().map(TransactionId::as_str).collect::<Vec<_>>())
        .fetch_all(db)
        .await
        .map_err(failed)?;
    let rows = sqlx::query(NOTIFICATIONS)
        .bind(before.map_err(|e| StoreError::Refused(format!("a page begins at an unknown place: {e}")))?)
        .bind(i64::from(limit) + 1)
        .bind(filter.account.as_deref())
        .bind(filter.accepted)
        .bind(&numbers)
        .bind(about.iter().map(|r| r.get::<Uuid, _>(0)).collect::<Vec<_>>())
        .bind(filter.is_about_all())
        .fetch_all(db)
        .await
        .map_err(failed)?;
    let rows = rows.iter().map(codec::notification).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |n| Cursor { at: n.received_at.0, id: n.id.clone() }))
}

pub(super) async fn cases(
    db: &PgPool,
    filter: &CaseFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<CaseRow>, StoreError> {
    let (at, id) = after.map_or((i64::MAX, ""), |c| (c.at, c.id.as_str()));
    let rows = sqlx::query(
        "SELECT * FROM cases WHERE (opened_at, case_id) < ($1, $2) AND ($4::boolean IS NULL OR open = $4) \
         AND ($5::text IS NULL OR kind = $5) AND ($6::text IS NULL OR order_id = $6) \
         ORDER BY opened_at DESC, case_id DESC LIMIT $3",
    )
    .bind(at)
    .bind(id)
    .bind(i64::from(limit) + 1)
    .bind(filter.open)
    .bind(filter.kind.map(CaseKind::as_str))
    .bind(filter.order_id.as_ref().map(OrderId::as_str))
    .fetch_all(db)
    .await
    .map_err(failed)?;
    let rows = rows.iter().map(codec::case).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |c| Cursor { at: c.case.opened_at.0, id: c.case.id.to_string() }))
}
