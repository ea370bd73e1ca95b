//! The log on SQLite. There is one process, so nobody else announces anything.

use async_trait::async_trait;
use sqlx::{Row as _, SqlitePool};

use super::failed;
use crate::{
    order::Timestamp,
    store::{
        StoreError, codec,
        log::{Announcements, EventLog, LogId, LogPage, LogState, Search},
    },
};

/// Nothing is ever dropped from a file.
const STATE: &str = "SELECT log_id, head, 1 AS oldest FROM log";
const AFTER: &str = "SELECT log.log_id, log.head, 1 AS oldest, e.* FROM log \
     LEFT JOIN (SELECT * FROM order_event WHERE revision > ?1 ORDER BY revision LIMIT ?2) e ORDER BY e.revision";

pub(super) struct SqliteLog {
    pub(super) pool: SqlitePool,
    pub(super) writer: SqlitePool,
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn state(&self) -> Result<LogState, StoreError> {
        codec::log_state(&sqlx::query(STATE).fetch_one(&self.pool).await.map_err(failed)?)
    }

    async fn after(&self, revision: i64, limit: u32) -> Result<LogPage, StoreError> {
        let rows = sqlx::query(AFTER).bind(revision).bind(limit).fetch_all(&self.pool).await.map_err(failed)?;
        codec::log_page(&rows)
    }

    async fn first_at(&self, time: Timestamp) -> Result<i64, StoreError> {
        let state = self.state().await?;
        let mut search = Search::new(state, time);
        while let Some(revision) = search.wanted() {
            let at = sqlx::query("SELECT at FROM order_event WHERE revision = ?1").bind(revision);
            let at = at.fetch_optional(&self.pool).await.map_err(failed)?;
            search.tell(revision, at.map(|row| row.get(0)));
        }
        let first =
            sqlx::query("SELECT revision FROM order_event WHERE revision > ?1 AND at >= ?2 ORDER BY revision LIMIT 1")
                .bind(search.found())
                .bind(time.0)
                .fetch_optional(&self.pool)
                .await
                .map_err(failed)?;
        Ok(first.map_or(state.head + 1, |row| row.get(0)))
    }

    async fn set_back(&self, seen: LogId, revision: Option<i64>) -> Result<bool, StoreError> {
        let renew = sqlx::query("UPDATE log SET log_id = lower(hex(randomblob(16))) WHERE log_id = ?1 AND head < ?2")
            .bind(seen.0.simple().to_string())
            .bind(revision.unwrap_or(i64::MAX));
        Ok(renew.execute(&self.writer).await.map_err(failed)?.rows_affected() > 0)
    }

    async fn announce(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Announcements>, StoreError> {
        Ok(Box::new(Silence))
    }
}

struct Silence;

#[async_trait]
impl Announcements for Silence {
    async fn heard(&mut self) -> Result<(), StoreError> {
        std::future::pending().await
    }
}
