//! Durable subscriptions on PostgreSQL, on connections of their own: they write with each batch of each reader, and
//! neither the log nor callbacks have to wait for that.

use async_trait::async_trait;
use sqlx::{PgPool, Row as _, postgres::PgRow};

use super::lease::{Query, changed, one, rows};
use crate::{
    order::{EventFilter, EventKind, OrderId, State, SubscriptionName},
    store::{
        Backlog, Cursor, EventRow, Existing, Page, StoreError, SubscriptionRequest, Subscriptions, codec,
        subscriptions::BACKLOG_REVISIONS,
    },
    subscription::{Delivery, Subscription},
};

/// Begins each statement that reads subscriptions.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT name, version, request_id, fingerprint, lease::text AS lease, sent, fails_at, doc FROM subscription ",
            $rest
        )
    };
}

pub(super) const ALL: &str = select!("ORDER BY name");

const BACKLOG: &str = "\
    SELECT count(*) AS count, min(at) AS oldest FROM (\
      SELECT revision, at, order_id, kind, to_state FROM order_event WHERE revision > $8 AND revision <= $8 + $9 \
      UNION ALL SELECT e.revision, e.at, e.order_id, e.kind, e.to_state \
        FROM unnest($6::text[], $7::bigint[]) AS again (order_id, revision) \
        JOIN order_event e ON e.order_id = again.order_id AND e.revision BETWEEN again.revision AND $8) e \
    LEFT JOIN unnest($4::text[], $5::bigint[]) AS held (order_id, revision) ON held.order_id = e.order_id \
    WHERE (held.revision IS NULL OR e.revision < held.revision) AND ($1::text[] = '{}' OR e.kind = ANY($1)) \
      AND ($2::text[] = '{}' OR e.to_state = ANY($2)) AND ($3::text IS NULL OR e.order_id = $3)";

/// What was parked is listed whatever the filter wants by now; what is held behind it, when it is wanted.
macro_rules! aside {
    ($select:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM unnest($4::text[], $5::bigint[]) AS held (order_id, revision) \
              JOIN order_event e ON e.order_id = held.order_id AND e.revision >= held.revision \
              WHERE (e.revision = held.revision OR (($1::text[] = '{}' OR e.kind = ANY($1)) \
                AND ($2::text[] = '{}' OR e.to_state = ANY($2)) AND ($3::text IS NULL OR e.order_id = $3))) ",
            $rest
        )
    };
}

const ASIDE: &str = aside!("e.*", "AND e.revision > $6 ORDER BY e.revision LIMIT $7");
const ASIDE_COUNT: &str = aside!("count(*)", "");

pub(super) struct PostgresSubscriptions {
    pub(super) pool: PgPool,
    /// For occasional large reads, for which no delivery waits. Not on the log's connections: those make every plan by
    /// key, which is wrong where the parameters decide how much there is to join.
    pub(super) readers: PgPool,
}

/// Callers come and go in the middle of a query, so a connection is reused only after its answer has arrived.
impl PostgresSubscriptions {
    async fn rows(&self, query: Query<'_>) -> Result<Vec<PgRow>, StoreError> {
        rows(&self.pool, query).await
    }

    /// Of a query that always answers, after a while.
    async fn aggregate(&self, query: Query<'_>) -> Result<PgRow, StoreError> {
        one(&self.readers, query).await
    }

    /// Whether it changed anything.
    async fn changes(&self, query: Query<'_>) -> Result<bool, StoreError> {
        Ok(changed(&self.pool, query).await? > 0)
    }
}

/// The parameters $1 to $5 of a statement: what the filter wants, and what is parked.
fn about<'q>(sql: &'static str, subscription: &'q Subscription) -> Query<'q> {
    let EventFilter { kinds, to_states, order_id } = &subscription.filter;
    sqlx::query(sql)
        .bind(kinds.iter().map(|kind: &EventKind| kind.as_str()).collect::<Vec<_>>())
        .bind(to_states.iter().map(|state: &State| state.as_str()).collect::<Vec<_>>())
        .bind(order_id.as_ref().map(OrderId::as_str))
        .bind(subscription.parked.keys().map(OrderId::as_str).collect::<Vec<_>>())
        .bind(subscription.parked.values().map(|parked| parked.revision).collect::<Vec<_>>())
}

#[async_trait]
impl Subscriptions for PostgresSubscriptions {
    async fn create(
        &self,
        new: &Subscription,
        request: Option<&SubscriptionRequest>,
    ) -> Result<Option<Existing>, StoreError> {
        let stored = Subscription { version: 1, ..new.clone() };
        let insert = sqlx::query(
            "INSERT INTO subscription (name, version, request_id, fingerprint, sent, doc) VALUES ($1, 1, $2, $3, 0, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(new.name.as_str())
        .bind(request.map(|r| r.id.as_str()))
        .bind(request.map(|r| r.fingerprint.as_str()))
        .bind(codec::document(&stored)?);
        if self.changes(insert).await? {
            return Ok(None);
        }
        let sql =
            select!("WHERE name = $1 OR request_id = $2 ORDER BY request_id IS NOT DISTINCT FROM $2 DESC LIMIT 1");
        let existing = sqlx::query(sql).bind(new.name.as_str()).bind(request.map(|r| r.id.as_str()));
        let gone = || StoreError::Conflict(format!("subscription {}", new.name));
        codec::existing_subscription(self.rows(existing).await?.first().ok_or_else(gone)?).map(Some)
    }

    async fn get(&self, name: &SubscriptionName) -> Result<Option<Subscription>, StoreError> {
        let query = sqlx::query(select!("WHERE name = $1")).bind(name.as_str());
        self.rows(query).await?.first().map(codec::subscription).transpose()
    }

    async fn list(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<Subscription>, StoreError> {
        let query = sqlx::query(select!("WHERE name > $1 ORDER BY name LIMIT $2"))
            .bind(after.map_or("", |c| c.id.as_str()))
            .bind(i64::from(limit) + 1);
        let rows = self.rows(query).await?.iter().map(codec::subscription).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, limit, |s| Cursor { at: 0, id: s.name.to_string() }))
    }

    async fn update(&self, changed: &Subscription) -> Result<(), StoreError> {
        let stored = Subscription { version: changed.version + 1, ..changed.clone() };
        let update = sqlx::query(
            "UPDATE subscription SET version = version + 1, doc = $3, lease = $4, \
               sent = CASE WHEN lease IS NOT DISTINCT FROM $4 THEN greatest(sent, $5) ELSE $5 END, \
               fails_at = CASE WHEN lease IS NOT DISTINCT FROM $4 THEN fails_at ELSE $6 END \
             WHERE name = $1 AND version = $2",
        )
        .bind(changed.name.as_str())
        .bind(changed.version)
        .bind(codec::document(&stored)?)
        .bind(changed.delivery.map(|delivery| delivery.lease.0))
        .bind(changed.delivery.map_or(0, |delivery| delivery.sent))
        .bind(changed.delivery.and_then(|delivery| delivery.fails_at).map(|at| at.0));
        if self.changes(update).await? {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!("subscription {}", changed.name)))
        }
    }

    async fn delete(&self, name: &SubscriptionName) -> Result<bool, StoreError> {
        self.changes(sqlx::query("DELETE FROM subscription WHERE name = $1").bind(name.as_str())).await
    }

    async fn note(&self, name: &SubscriptionName, delivery: Delivery) -> Result<bool, StoreError> {
        let note = sqlx::query(
            "UPDATE subscription SET sent = greatest(sent, $3), fails_at = $4 WHERE name = $1 AND lease = $2",
        )
        .bind(name.as_str())
        .bind(delivery.lease.0)
        .bind(delivery.sent)
        .bind(delivery.fails_at.map(|at| at.0));
        self.changes(note).await
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Backlog, StoreError> {
        let query = about(BACKLOG, subscription)
            .bind(subscription.redriven.keys().map(OrderId::as_str).collect::<Vec<_>>())
            .bind(subscription.redriven.values().copied().collect::<Vec<_>>())
            .bind(subscription.confirmed)
            .bind(BACKLOG_REVISIONS);
        codec::backlog(&self.aggregate(query).await?)
    }

    async fn aside(
        &self,
        subscription: &Subscription,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<EventRow>, StoreError> {
        let query = about(ASIDE, subscription).bind(after.map_or(0, |c| c.at)).bind(i64::from(limit) + 1);
        let rows = rows(&self.readers, query).await?.iter().map(codec::event).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(rows, limit, |e| Cursor { at: e.revision, id: String::new() }))
    }

    async fn aside_count(&self, subscription: &Subscription) -> Result<i64, StoreError> {
        Ok(self.aggregate(about(ASIDE_COUNT, subscription)).await?.get(0))
    }

    async fn event(&self, order_id: &OrderId, sequence: i64) -> Result<Option<EventRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM order_event WHERE order_id = $1 AND seq = $2");
        let rows = self.rows(query.bind(order_id.as_str()).bind(sequence)).await?;
        rows.first().map(codec::event).transpose()
    }
}
