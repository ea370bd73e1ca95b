//! Durable subscriptions on SQLite.

use async_trait::async_trait;
use sqlx::{Row as _, SqlitePool};

use super::{failed, json};
use crate::{
    order::{EventFilter, EventKind, OrderId, State, SubscriptionName},
    store::{
        Backlog, Cursor, EventRow, Existing, Page, StoreError, SubscriptionRequest, Subscriptions, codec,
        subscriptions::BACKLOG_REVISIONS,
    },
    subscription::{Delivery, Subscription},
};

const EXISTING: &str =
    "SELECT * FROM subscription WHERE name = ?1 OR request_id = ?2 ORDER BY request_id IS ?2 DESC LIMIT 1";

/// Begins each question about events: what the filter wants, and orders from a revision on.
const BACKLOG: &str = "\
    WITH held (order_id, revision) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?4)), \
      again (order_id, revision) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?5)) \
    SELECT count(*) AS count, min(at) AS oldest FROM (\
      SELECT revision, at, order_id, kind, to_state FROM order_event WHERE revision > ?6 AND revision <= ?6 + ?7 \
      UNION ALL SELECT e.revision, e.at, e.order_id, e.kind, e.to_state FROM again a JOIN order_event e ON e.order_id = a.order_id AND e.revision BETWEEN a.revision AND ?6) e \
    LEFT JOIN held h ON h.order_id = e.order_id \
    WHERE (h.revision IS NULL OR e.revision < h.revision) \
      AND (?1 = '[]' OR e.kind IN (SELECT value FROM json_each(?1))) \
      AND (?2 = '[]' OR e.to_state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR e.order_id = ?3)";

/// What was parked is listed whatever the filter wants by now; what is held behind it, when it is wanted.
macro_rules! aside {
    ($select:literal, $rest:literal) => {
        concat!(
            "WITH held (order_id, revision) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?4)) SELECT ",
            $select,
            " FROM held h JOIN order_event e ON e.order_id = h.order_id AND e.revision >= h.revision \
              WHERE (e.revision = h.revision OR (\
                (?1 = '[]' OR e.kind IN (SELECT value FROM json_each(?1))) \
                AND (?2 = '[]' OR e.to_state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR e.order_id = ?3))) ",
            $rest
        )
    };
}

const ASIDE: &str = aside!("e.*", "AND e.revision > ?5 ORDER BY e.revision LIMIT ?6");
const ASIDE_COUNT: &str = aside!("count(*)", "");

pub(super) struct SqliteSubscriptions {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

/// Orders and revisions as the JSON array that the statements take.
fn marks<'a>(marks: impl Iterator<Item = (&'a OrderId, i64)>) -> String {
    serde_json::Value::from_iter(marks.map(|(id, revision)| serde_json::json!([id, revision]))).to_string()
}

fn parked(subscription: &Subscription) -> String {
    marks(subscription.parked.iter().map(|(id, parked)| (id, parked.revision)))
}

/// The parameters ?1 to ?3 of a statement.
fn filtered<'q>(
    sql: &'static str,
    filter: &'q EventFilter,
) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(sql)
        .bind(json(filter.kinds.iter().map(|kind: &EventKind| kind.as_str())))
        .bind(json(filter.to_states.iter().map(|state: &State| state.as_str())))
        .bind(filter.order_id.as_ref().map(OrderId::as_str))
}

#[async_trait]
impl Subscriptions for SqliteSubscriptions {
    async fn create(
        &self,
        new: &Subscription,
        request: Option<&SubscriptionRequest>,
    ) -> Result<Option<Existing>, StoreError> {
        let stored = Subscription { version: 1, ..new.clone() };
        let inserted = sqlx::query(
            "INSERT INTO subscription (name, version, request_id, fingerprint, sent, doc) VALUES (?1, 1, ?2, ?3, 0, ?4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(new.name.as_str())
        .bind(request.map(|r| r.id.as_str()))
        .bind(request.map(|r| r.fingerprint.as_str()))
        .bind(codec::document(&stored)?)
        .execute(&self.writer)
        .await
        .map_err(failed)?;
        if inserted.rows_affected() > 0 {
            return Ok(None);
        }
        let existing = sqlx::query(EXISTING).bind(new.name.as_str()).bind(request.map(|r| r.id.as_str()));
        let row = existing.fetch_optional(&self.writer).await.map_err(failed)?;
        let row = row.ok_or_else(|| StoreError::Conflict(format!("subscription {}", new.name)))?;
        codec::existing_subscription(&row).map(Some)
    }

    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>, StoreError> {
        let row = sqlx::query("SELECT * FROM subscription WHERE name = ?1").bind(name.as_str());
        row.fetch_optional(&self.readers).await.map_err(failed)?.as_ref().map(codec::subscription).transpose()
    }

    async fn list(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Subscription>, StoreError> {
        let rows = sqlx::query("SELECT * FROM subscription WHERE name > ?1 ORDER BY name LIMIT ?2")
            .bind(after.map_or("", |c| c.id.as_str()))
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let rows = rows.iter().map(codec::subscription).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, limit, |s| Cursor { at: 0, id: s.name.to_string() }))
    }

    async fn update(&self, changed: &Subscription) -> Result<(), StoreError> {
        let stored = Subscription { version: changed.version + 1, ..changed.clone() };
        let updated = sqlx::query(
            "UPDATE subscription SET version = version + 1, doc = ?3, lease = ?4, \
               sent = iif(lease IS ?4, max(sent, ?5), ?5), fails_at = iif(lease IS ?4, fails_at, ?6) WHERE name = ?1 AND version = ?2",
        )
        .bind(changed.name.as_str())
        .bind(changed.version)
        .bind(codec::document(&stored)?)
        .bind(changed.delivery.map(|delivery| delivery.lease.to_string()))
        .bind(changed.delivery.map_or(0, |delivery| delivery.sent))
        .bind(changed.delivery.and_then(|delivery| delivery.fails_at).map(|at| at.0))
        .execute(&self.writer)
        .await
        .map_err(failed)?;
        if updated.rows_affected() == 0 {
            return Err(StoreError::Conflict(format!("subscription {}", changed.name)));
        }
        Ok(())
    }

    async fn delete(&self, name: &SubscriptionName) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM subscription WHERE name = ?1").bind(name.as_str());
        Ok(deleted.execute(&self.writer).await.map_err(failed)?.rows_affected() > 0)
    }

    async fn note(&self, name: &SubscriptionName, delivery: Delivery) -> Result<bool, StoreError> {
        let note =
            sqlx::query("UPDATE subscription SET sent = max(sent, ?3), fails_at = ?4 WHERE name = ?1 AND lease = ?2")
                .bind(name.as_str())
                .bind(delivery.lease.to_string())
                .bind(delivery.sent)
                .bind(delivery.fails_at.map(|at| at.0));
        Ok(note.execute(&self.writer).await.map_err(failed)?.rows_affected() > 0)
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Backlog, StoreError> {
        let row = filtered(BACKLOG, &subscription.filter)
            .bind(parked(subscription))
            .bind(marks(subscription.redriven.iter().map(|(id, from)| (id, *from))))
            .bind(subscription.confirmed)
            .bind(BACKLOG_REVISIONS)
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
        codec::backlog(&row)
    }

    async fn aside(
        &self,
        subscription: &Subscription,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<EventRow>, StoreError> {
        let rows = filtered(ASIDE, &subscription.filter)
            .bind(parked(subscription))
            .bind(after.map_or(0, |c| c.at))
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let rows = rows.iter().map(codec::event).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, limit, |e| Cursor { at: e.revision, id: String::new() }))
    }

    async fn aside_count(&self, subscription: &Subscription) -> Result<i64, StoreError> {
        let row = filtered(ASIDE_COUNT, &subscription.filter).bind(parked(subscription));
        Ok(row.fetch_one(&self.readers).await.map_err(failed)?.get(0))
    }

    async fn event(&self, order_id: &OrderId, sequence: i64) -> Result<Option<EventRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM order_event WHERE order_id = ?1 AND seq = ?2")
            .bind(order_id.as_str())
            .bind(sequence)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(codec::event).transpose()
    }
}
