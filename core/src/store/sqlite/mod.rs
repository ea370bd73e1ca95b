//! The store on SQLite: WAL, fsync on every commit, one writer.
//!
//! `BEGIN IMMEDIATE` gives a unit the whole database to itself, which is more than the contract of
//! [`Store`] asks for. Readers have their own connections and never wait for the writer.

mod audit;
mod exchanges;
mod log;
mod read;
mod reconciliations;
mod subscriptions;
mod tasks;
mod unit;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    AuditResult, CaseFilter, CaseRow, Cursor, EventLog, EventRow, Exchanges, NoticeKey, NotificationFilter,
    OrderFilter, Page, Reconciliations, RejectionRow, Store, StoreError, StoredNotification, Subscriptions, Tasks,
    Trimming, Unit,
};
use crate::order::{CaseId, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, Timestamp};

/// Readers at once.
const READERS: u32 = 4;
/// Readers of the log at once.
const LOG_READERS: u32 = 5;
/// Records of a day that are read at once, each for as long as a reconciliation reads it. More of them wait.
const STREAMS: u32 = 2;
/// How long a reconciliation waits for others to have read theirs.
const STREAM_PATIENCE: Duration = Duration::from_secs(300);
/// How long a connection waits for the file lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection: each size of batch is a statement of its own.
const STATEMENTS: usize = 512;

/// A store in one file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    log_readers: SqlitePool,
    streams: SqlitePool,
    trimming: Trimming,
}

impl SqliteStore {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be used.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        private(file).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL may lose acknowledged commits when the power fails.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let pool = |max| SqlitePoolOptions::new().max_connections(max).acquire_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        migrator().run(&writer).await.map_err(super::not_migrated)?;
        let options = options.read_only(true);
        let readers = pool(READERS).connect_with(options.clone()).await.map_err(failed)?;
        let log_readers = pool(LOG_READERS).connect_with(options.clone()).await.map_err(failed)?;
        let streams = pool(STREAMS).acquire_timeout(STREAM_PATIENCE).connect_lazy_with(options);
        Ok(Self { writer, readers, log_readers, streams, trimming: Trimming::default() })
    }

    /// Opens a file that must be there, with this version's schema: whoever only looks must neither make nor change it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no such file, or its schema is another one.
    pub async fn open_existing(file: &Path) -> Result<Self, StoreError> {
        let look = SqliteConnectOptions::new().filename(file).read_only(true).disable_statement_logging();
        let mut look = SqliteConnection::connect_with(&look).await.map_err(failed)?;
        let made = sqlx::query("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'");
        let is_made = made.fetch_one(&mut look).await.map_err(failed)?.get::<i64, _>(0) > 0;
        let applied = if is_made {
            let version = sqlx::query("SELECT max(version) FROM _sqlx_migrations WHERE success");
            version.fetch_one(&mut look).await.map_err(failed)?.get(0)
        } else {
            None
        };
        look.close().await.map_err(failed)?;
        super::check_version(applied, &migrator())?;
        Self::open(file).await
    }

    /// Gives the log a new id, so that resume tokens of before are refused: this is another log than it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be written.
    pub async fn renew_log(&self) -> Result<(), StoreError> {
        let renew = sqlx::query("UPDATE log SET log_id = lower(hex(randomblob(16)))");
        renew.execute(&self.writer).await.map(drop).map_err(failed)
    }
}

/// Makes the file when it is missing, for its owner alone; its logs beside it get the same mode.
fn private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

fn migrator() -> Migrator {
    let steps = [
        ("init", include_str!("schema.sql")),
        ("subscriptions", include_str!("schema_2.sql")),
        ("tasks", include_str!("schema_3.sql")),
        ("open cases", include_str!("schema_4.sql")),
        ("two lines", include_str!("schema_5.sql")),
    ];
    let migrations = (1..).zip(steps).map(|(version, (name, sql))| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Sorts the driver's errors: those that mean the data (the input is at fault, and would be again) and those
/// that mean the database (try again).
fn failed(error: sqlx::Error) -> StoreError {
    if let sqlx::Error::Database(db) = &error
        && !is_about_the_file(db.code().as_deref())
    {
        return StoreError::Refused(db.to_string());
    }
    if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. }) {
        return StoreError::Damaged(error.to_string());
    }
    StoreError::Unavailable(error.to_string())
}

/// Result codes that tell of the file, the disk or another process, not of what was to be written.
fn is_about_the_file(code: Option<&str>) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NO_MEMORY: i32 = 7;
    const READ_ONLY: i32 = 8;
    const INTERRUPTED: i32 = 9;
    const IO: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    let of_the_file = [BUSY, LOCKED, NO_MEMORY, READ_ONLY, INTERRUPTED, IO, CORRUPT, FULL, CANNOT_OPEN, PROTOCOL];
    // The low byte is the code, the rest says more precisely what happened.
    code.and_then(|c| c.parse::<i32>().ok()).is_none_or(|c| of_the_file.contains(&(c & 0xff)))
}

/// A list of texts as the JSON array that `json_each` takes.
fn json<T: Into<serde_json::Value>>(values: impl IntoIterator<Item = T>) -> String {
    serde_json::Value::from_iter(values).to_string()
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn Unit>, StoreError> {
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        Ok(Box::new(unit::SqliteUnit::new(tx)))
    }

    async fn stored(&self, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError> {
        let hashes = serde_json::Value::from_iter(keys.iter().map(|k| k.content_sha256.to_string())).to_string();
        let accounts = json(keys.iter().map(|k| k.account.as_str()));
        let providers = json(keys.iter().map(|k| k.provider.as_str()));
        let rows = sqlx::query(read::STORED)
            .bind(providers)
            .bind(accounts)
            .bind(hashes)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let found: BTreeSet<(String, String, String)> = rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect();
        let is_found = |k: &&NoticeKey| {
            found.contains(&(k.provider.to_string(), k.account.to_string(), k.content_sha256.to_string()))
        };
        Ok(keys.iter().filter(is_found).cloned().collect())
    }

    async fn orders(&self, ids: &[OrderId]) -> Result<BTreeMap<OrderId, Order>, StoreError> {
        read::orders(&self.readers, ids).await
    }

    async fn list_orders(
        &self,
        filter: &OrderFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Order>, StoreError> {
        read::list_orders(&self.readers, filter, after, limit).await
    }

    async fn unpaid_orders(
        &self,
        since: Timestamp,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Order>, StoreError> {
        read::unpaid_orders(&self.readers, since, after, limit).await
    }

    async fn order_of(&self, out_trade_no: &OutTradeNo) -> Result<Option<OrderId>, StoreError> {
        read::order_of(&self.readers, out_trade_no).await
    }

    async fn journal(&self, order_id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        read::journal(&self.readers, order_id, limit).await
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<StoredNotification>, StoreError> {
        read::notifications(&self.readers, filter, after, limit).await
    }

    async fn count_open_cases(&self) -> Result<BTreeMap<CaseKind, u64>, StoreError> {
        read::count_open_cases(&self.readers).await
    }

    async fn cases(
        &self,
        filter: &CaseFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CaseRow>, StoreError> {
        read::cases(&self.readers, filter, after, limit).await
    }

    async fn case(&self, id: &CaseId) -> Result<Option<CaseRow>, StoreError> {
        read::case(&self.readers, id).await
    }

    async fn order_of_refund(&self, out_refund_no: &OutRefundNo) -> Result<Option<OrderId>, StoreError> {
        read::order_of_refund(&self.readers, out_refund_no).await
    }

    async fn record_rejections(&self, rows: &[RejectionRow]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        unit::insert_rejections(&mut tx, rows, self.trimming.is_due()).await?;
        tx.commit().await.map_err(failed)
    }

    async fn audit(&self) -> Result<Vec<AuditResult>, StoreError> {
        audit::run(&self.readers).await
    }

    fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(log::SqliteLog { pool: self.log_readers.clone(), writer: self.writer.clone() })
    }

    fn subscriptions(&self) -> Arc<dyn Subscriptions> {
        Arc::new(subscriptions::SqliteSubscriptions { writer: self.writer.clone(), readers: self.readers.clone() })
    }

    fn tasks(&self) -> Arc<dyn Tasks> {
        Arc::new(tasks::SqliteTasks { writer: self.writer.clone(), readers: self.readers.clone() })
    }

    fn exchanges(&self) -> Arc<dyn Exchanges> {
        Arc::new(exchanges::SqliteExchanges { writer: self.writer.clone(), readers: self.readers.clone() })
    }

    fn reconciliations(&self) -> Arc<dyn Reconciliations> {
        let (writer, readers, streams) = (self.writer.clone(), self.readers.clone(), self.streams.clone());
        Arc::new(reconciliations::SqliteReconciliations { writer, readers, streams })
    }

    /// A file does not vanish and come back as another one.
    fn outages(&self) -> u64 {
        0
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT head FROM log").fetch_one(&self.readers).await.map(drop).map_err(failed)
    }

    async fn close(&self) {
        self.streams.close().await;
        self.log_readers.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
