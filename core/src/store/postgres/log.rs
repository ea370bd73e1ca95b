//! The log on PostgreSQL, on connections of its own, so that a slow reader starves neither units nor queries.
//!
//! Announcements are NOTIFY, each in a transaction of its own and never in a unit: NOTIFY makes the commits that use it
//! wait for each other.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Executor as _, PgPool, Row as _, postgres::PgListener};
use tokio::time::timeout;

use super::{PATIENCE, failed, lease::Lease};
use crate::{
    order::Timestamp,
    store::{
        StoreError, codec,
        log::{Announcements, EventLog, LogId, LogPage, LogState, Search},
    },
};

/// After this long a silence we ask whether the server is still there: one that vanished says nothing.
const SILENCE: Duration = Duration::from_secs(15);

/// What cores say to each other.
const CHANNEL: &str = "paystate_log";

const STATE: &str = "SELECT log_id::text AS log_id, head, oldest FROM log";
const AFTER: &str = "SELECT log.log_id::text AS log_id, log.head, log.oldest, e.* FROM log \
     LEFT JOIN LATERAL (SELECT * FROM order_event WHERE revision > $1 ORDER BY revision LIMIT $2) e ON true \
     ORDER BY e.revision";

const FIRST_AT: &str = "SELECT revision FROM order_event WHERE revision > $1 AND at >= $2 ORDER BY revision LIMIT 1";

/// What a database has and its restored dump has not: the identity of the server, of the database and of the table.
const HOME: &str = "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), \
     (SELECT oid FROM pg_database WHERE datname = current_database()), 'log'::regclass::oid) AS home, home AS known FROM log";

/// Gives a log a new id if it is not where it was: it was restored or copied, and goes another way from here.
pub(super) async fn settle(pool: &PgPool) -> Result<(), StoreError> {
    let row = sqlx::query(HOME).fetch_one(pool).await.map_err(failed)?;
    let (home, known): (String, Option<String>) = (row.get("home"), row.get("known"));
    if known.as_deref() == Some(&home) {
        return Ok(());
    }
    // Two cores may start at once; the second one finds it done.
    let moved = sqlx::query(
        "UPDATE log SET home = $1, log_id = CASE WHEN home IS NULL THEN log_id ELSE gen_random_uuid() END \
         WHERE home IS DISTINCT FROM $1",
    );
    let moved = moved.bind(&home).execute(pool).await.map_err(failed)?.rows_affected();
    if moved > 0 && known.is_some() {
        tracing::warn!(
            "this database was restored or copied: its log has a new id, and earlier resume tokens are refused"
        );
    }
    Ok(())
}

/// Gives the log a new id because an operator says that it is another one.
pub(super) async fn renew(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query("UPDATE log SET log_id = gen_random_uuid()").execute(pool).await.map(drop).map_err(failed)
}

pub(super) struct PostgresLog {
    pool: PgPool,
    /// Says which announcements are ours.
    own: String,
}

impl PostgresLog {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, own: uuid::Uuid::now_v7().to_string() }
    }

    /// Readers come and go in the middle of a query, so a connection is reused only after its answer has arrived.
    async fn connection(&self) -> Result<Lease, StoreError> {
        Lease::from(&self.pool).await.map_err(failed)
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn state(&self) -> Result<LogState, StoreError> {
        let mut one = self.connection().await?;
        let row = sqlx::query(STATE).fetch_one(&mut *one).await.map_err(failed)?;
        one.end();
        codec::log_state(&row)
    }

    async fn after(&self, revision: i64, limit: u32) -> Result<LogPage, StoreError> {
        let mut one = self.connection().await?;
        let rows = sqlx::query(AFTER).bind(revision).bind(i64::from(limit)).fetch_all(&mut *one);
        let rows = rows.await.map_err(failed)?;
        one.end();
        codec::log_page(&rows)
    }

    async fn first_at(&self, time: Timestamp) -> Result<i64, StoreError> {
        let state = self.state().await?;
        let mut one = self.connection().await?;
        let mut search = Search::new(state, time);
        while let Some(revision) = search.wanted() {
            let at = sqlx::query("SELECT at FROM order_event WHERE revision = $1").bind(revision);
            let at = at.fetch_optional(&mut *one).await.map_err(failed)?;
            search.tell(revision, at.map(|row| row.get(0)));
        }
        let first = sqlx::query(FIRST_AT).bind(search.found()).bind(time.0);
        let first = first.fetch_optional(&mut *one).await.map_err(failed)?;
        one.end();
        Ok(first.map_or(state.head + 1, |row| row.get(0)))
    }

    async fn set_back(&self, seen: LogId, revision: Option<i64>) -> Result<bool, StoreError> {
        let mut one = self.connection().await?;
        let renew = sqlx::query("UPDATE log SET log_id = gen_random_uuid() WHERE log_id = $1 AND head < $2");
        let renewed = renew.bind(seen.0).bind(revision.unwrap_or(i64::MAX)).execute(&mut *one).await.map_err(failed)?;
        one.end();
        Ok(renewed.rows_affected() > 0)
    }

    async fn announce(&self) -> Result<(), StoreError> {
        let mut one = self.connection().await?;
        let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(&self.own);
        notify.execute(&mut *one).await.map_err(failed)?;
        one.end();
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Announcements>, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        Ok(Box::new(Ears { listener, own: self.own.clone() }))
    }
}

struct Ears {
    listener: PgListener,
    own: String,
}

#[async_trait]
impl Announcements for Ears {
    async fn heard(&mut self) -> Result<(), StoreError> {
        loop {
            match timeout(SILENCE, self.listener.try_recv()).await {
                Ok(Ok(Some(said))) if said.payload() == self.own => {}
                // While there was no connection, something may have been announced.
                Ok(Ok(Some(_) | None)) => return Ok(()),
                Ok(Err(error)) => return Err(failed(error)),
                Err(_) => match timeout(PATIENCE, self.listener.execute("SELECT 1")).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(failed(error)),
                    Err(_) => return Err(StoreError::Unavailable("the server does not answer".into())),
                },
            }
        }
    }
}
