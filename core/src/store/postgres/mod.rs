//! The store on PostgreSQL: any number of cores share one database.
//!
//! How it keeps the contract of [`Store`]:
//! - READ COMMITTED. Before a unit reads, it takes advisory locks on every key that its inputs name, whether
//!   or not a row stands under it, in one order; then the rows of the orders, in key order. So units wait for
//!   each other and never in a circle.
//! - A claim waits for a unit that has inserted the same notification and not ended yet.
//! - The head row of the log is bumped by the last statement before COMMIT: revisions come in commit order.
//!
//! A unit that takes in callbacks costs five round trips, whatever its size: BEGIN, claims and locks, what is known
//! already, everything that is written, COMMIT. Statements work on arrays. Units have connections of their own;
//! readers, followers of the log, subscriptions, tasks and reconciliations cannot starve them.

mod audit;
mod exchanges;
mod lease;
mod log;
mod read;
mod reconciliations;
mod retention;
mod subscriptions;
mod tasks;
#[cfg(test)]
mod testing;
mod unit;
mod write;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, PgPool, Row as _,
    migrate::{Migration, MigrationType, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    AuditResult, CaseFilter, CaseRow, Cursor, EventLog, EventRow, Exchanges, NoticeKey, NotificationFilter,
    OrderFilter, Page, Reconciliations, RejectionRow, Store, StoreError, StoredNotification, Subscriptions, Tasks,
    Trimming, Unit,
};
use crate::order::{CaseId, CaseKind, Order, OrderId, OutRefundNo, OutTradeNo, Timestamp};
pub use retention::{Retained, Robbing, drop_before};

/// Connections for units (batches under way, and those that waited for a busy order) and for the confirmation of
/// duplicates. A unit that gets none waits for [`PATIENCE`].
const WRITERS: u32 = 12;
/// Connections for everything else.
const READERS: u32 = 8;
/// Connections for the log: one that listens, one that announces, one for what is new, one for whoever looks a position up,
/// and the rest for those who read what was before.
const LOG_READERS: u32 = 7;
/// Connections for durable subscriptions.
const SUBSCRIBERS: u32 = 4;
/// Connections for tasks, exchanges, and the short statements of reconciliations.
const WORKERS: u32 = 4;
/// Connections for the record of a day, each for as long as a reconciliation reads it. More of them wait.
const STREAMS: u32 = 2;
/// How long a reconciliation waits for others to have read theirs.
const STREAM_PATIENCE: Duration = Duration::from_secs(300);
/// A connection that was idle for longer may be forgotten by what is between us and the server.
const IDLE: Duration = Duration::from_secs(60);
/// How long a caller waits for a connection. Less than the edge waits for us, so that it hears why.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the server may take to say that it is there. Less than who asks for it waits, who would otherwise drop the
/// question, and with it what follows from silence.
const PING_PATIENCE: Duration = Duration::from_secs(1);
/// How long a core waits for tables to make a coming month in: it may do so later.
const MONTHS_PATIENCE: Duration = Duration::from_millis(100);
/// The same for `migrate`, which somebody waits for.
const MIGRATE_PATIENCE: Duration = Duration::from_secs(1);
/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;
/// Tries to begin a unit: a restart of the server leaves every pooled connection dead, and none of them has
/// done anything yet.
const BEGIN_TRIES: u32 = WRITERS + 1;

/// What may stand behind the `?` of an address.
const PARAMETERS: [&str; 9] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname", "options"];

/// Where the database is, and how to log in.
#[derive(Debug, Clone)]
pub struct Address(PgConnectOptions);

impl Address {
    /// Reads `postgres://user@host:port/database?sslmode=verify-full&sslrootcert=…`; a directory as `host`
    /// parameter is a unix socket.
    ///
    /// # Errors
    /// What is wrong with it. A password inside is refused: it would stand in logs and process lists.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, String> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or("write \"postgres://user@host:5432/database\"")?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user).unwrap_or_default();
        if user.contains(':') || rest.contains("password=") {
            return Err("has a password in it; name it by database_password = { file = … } or { env = … }".into());
        }
        // The library would ignore others, and show them in a log line.
        let named = rest.split_once('?').map_or("", |(_, named)| named).split('&').filter(|named| !named.is_empty());
        if !named.map(|named| named.split('=').next().unwrap_or_default()).all(|name| PARAMETERS.contains(&name)) {
            return Err(format!("has a parameter that is not known; known are {}", PARAMETERS.join(", ")));
        }
        let options = PgConnectOptions::from_str(url).map_err(|e| format!("is not a PostgreSQL URL: {e}"))?;
        let options =
            options.application_name("paystate").statement_cache_capacity(STATEMENTS).disable_statement_logging();
        Ok(Self(password.iter().fold(options, |options, password| options.password(password))))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.0.get_socket().map_or_else(
            || format!("{}:{}", self.0.get_host(), self.0.get_port()),
            |socket| socket.display().to_string(),
        );
        write!(f, "postgres {place}/{}", self.0.get_database().unwrap_or_default())
    }
}

/// A database that many cores share.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    writers: PgPool,
    readers: PgPool,
    log_readers: PgPool,
    subscribers: PgPool,
    workers: PgPool,
    streams: PgPool,
    outages: Arc<AtomicU64>,
    trimming: Trimming,
    /// When the server that answered last was started, in microseconds; 0 before the first answer.
    server: Arc<AtomicI64>,
}

impl PostgresStore {
    /// Connects. The schema must be there and of this version; see [`migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no such database, or its schema is another one.
    pub async fn open(address: &Address) -> Result<Self, StoreError> {
        let session = [
            // Short enough for a batch to wait once, and then once more for the one input that is held, while the
            // edge still waits for us.
            ("lock_timeout", "1s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("statement_timeout", "5s"),
            // What a unit reads after its locks must be newer than they are, whatever the server's default is.
            ("default_transaction_isolation", "read committed"),
            // Compiling a plan takes a hundred times longer than any of ours runs.
            ("jit", "off"),
        ];
        let options = address.0.clone().options(session);
        // Every statement of a unit reads by key. Plans are made once, while tables are still small, and must
        // stay right when they are large.
        let by_key = [
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ];
        let pool = |max| PgPoolOptions::new().max_connections(max).acquire_timeout(PATIENCE).idle_timeout(IDLE);
        // Testing a connection before each use costs a round trip; `begin` finds out by itself.
        let writers = pool(WRITERS).test_before_acquire(false).connect_with(options.clone().options(by_key));
        let log_readers = pool(LOG_READERS).connect_with(options.clone().options(by_key));
        let workers = pool(WORKERS).connect_with(options.clone().options(by_key));
        // A day's record takes as long as it takes, and as its reader does.
        let slow = options.clone().options(by_key).options([("statement_timeout", "0")]);
        let streams = pool(STREAMS).acquire_timeout(STREAM_PATIENCE).connect_lazy_with(slow);
        let store = Self {
            outages: Arc::default(),
            trimming: Trimming::default(),
            server: Arc::default(),
            workers: workers.await.map_err(failed)?,
            streams,
            writers: writers.await.map_err(failed)?,
            log_readers: log_readers.await.map_err(failed)?,
            subscribers: pool(SUBSCRIBERS).connect_with(options.clone()).await.map_err(failed)?,
            readers: pool(READERS).connect_with(options).await.map_err(failed)?,
        };
        check_schema(&store.readers).await?;
        store.check_durability().await?;
        log::settle(&store.readers).await?;
        if let Some(why) = retention::prepare(&store.readers, MONTHS_PATIENCE).await? {
            tracing::warn!("{why}");
        }
        Ok(store)
    }

    /// The error of a connection that is of no use any more.
    fn broken(&self, error: sqlx::Error) -> StoreError {
        self.count_outage();
        failed(error)
    }

    fn count_outage(&self) {
        self.outages.fetch_add(1, Ordering::AcqRel);
    }

    /// Refuses a server that would forget what it has committed: platforms were told, and do not say it again. Another level
    /// than `on` may be meant, so none is set.
    async fn check_durability(&self) -> Result<(), StoreError> {
        let says = sqlx::query("SELECT current_setting('synchronous_commit'), current_setting('fsync')");
        let says = says.fetch_one(&self.readers).await.map_err(failed)?;
        if says.get::<&str, _>(1) == "off" {
            tracing::warn!("fsync is off: a crash of the server's machine can destroy the database; for tests only");
        }
        if says.get::<&str, _>(0) != "off" {
            return Ok(());
        }
        Err(StoreError::Unavailable(
            "synchronous_commit is off for this role, database or server: a crash would lose what platforms were told is stored; \
             set it on"
                .into(),
        ))
    }
}

/// Refuses a database whose schema is not this version's.
async fn check_schema(pool: &PgPool) -> Result<(), StoreError> {
    let applied = sqlx::query("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(pool);
    let applied: Option<i64> = match applied.await {
        Ok(row) => row.get(0),
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("42P01") => None,
        Err(other) => return Err(failed(other)),
    };
    super::check_version(applied, &migrator())
}

/// Brings the schema up to date and prepares the partitions of the coming months. With `new_log` the log gets a new id, so
/// that resume tokens of before are refused.
///
/// # Errors
/// [`StoreError::Unavailable`] when there is no such database, or it was changed by somebody else; [`StoreError::Busy`]
/// when the schema is up to date and a month could not be prepared.
pub async fn migrate(address: &Address, new_log: bool) -> Result<(), StoreError> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE * 5);
    // Whoever waits for a table in front of callbacks stops them all.
    let options = address.0.clone().options([("lock_timeout", "1s")]);
    let pool = pool.connect_with(options).await.map_err(failed)?;
    migrator().run(&pool).await.map_err(super::not_migrated)?;
    log::settle(&pool).await?;
    if new_log {
        log::renew(&pool).await?;
    }
    let missing = retention::prepare(&pool, MIGRATE_PATIENCE).await?;
    pool.close().await;
    missing.map_or(Ok(()), |why| Err(StoreError::Busy(why)))
}

fn migrator() -> Migrator {
    let steps = [
        ("init", include_str!("schema.sql")),
        ("log home", include_str!("schema_2.sql")),
        ("subscriptions", include_str!("schema_3.sql")),
        ("tasks", include_str!("schema_4.sql")),
        ("open cases", include_str!("schema_5.sql")),
        ("two lines", include_str!("schema_6.sql")),
    ];
    let migrations = (1..).zip(steps).map(|(version, (name, sql))| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Sorts the driver's errors by what the caller can do: decide again, give up on the input, or try later.
fn failed(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(db) = &error else { return StoreError::Unavailable(error.to_string()) };
    let code = db.code().unwrap_or_default().into_owned();
    let said = format!("{} ({code})", db.message());
    match code.get(..2) {
        // Serialisation failure, deadlock.
        Some("40") => StoreError::Conflict(said),
        // Lock not available in time.
        Some("55") => StoreError::Busy(said),
        // The connection, the transaction, resources, an operator, the system: whatever was to be written.
        Some("08" | "25" | "53" | "57" | "58") | None => StoreError::Unavailable(said),
        Some("XX") => StoreError::Damaged(said),
        // Data exception, broken constraint: what was to be written.
        Some(_) => StoreError::Refused(said),
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn prepare_months(&self) -> Result<(), StoreError> {
        match retention::prepare(&self.readers, MONTHS_PATIENCE).await? {
            None => Ok(()),
            Some(why) => Err(StoreError::Busy(why)),
        }
    }

    async fn begin(&self) -> Result<Box<dyn Unit>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = match lease::Lease::from(&self.writers).await {
                Ok(connection) => connection,
                Err(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
                    return Err(StoreError::Unavailable("no connection to the database is free".into()));
                }
                Err(error) => return Err(self.broken(error)),
            };
            match unit::PostgresUnit::begin(connection).await {
                Ok(unit) => return Ok(Box::new(unit)),
                Err(error) if tries >= BEGIN_TRIES => return Err(self.broken(error)),
                Err(error) => {
                    let error = self.broken(error);
                    tracing::debug!(%error, tries, "cannot begin, trying another connection");
                }
            }
        }
    }

    async fn stored(&self, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError> {
        let stored = read::stored(&self.writers, keys).await;
        stored.inspect_err(|_| self.count_outage())
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
        write::rejections(&self.readers, rows, self.trimming.is_due()).await
    }

    async fn audit(&self) -> Result<Vec<AuditResult>, StoreError> {
        audit::run(&self.readers).await
    }

    fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(log::PostgresLog::new(self.log_readers.clone()))
    }

    fn subscriptions(&self) -> Arc<dyn Subscriptions> {
        let (pool, readers) = (self.subscribers.clone(), self.readers.clone());
        Arc::new(subscriptions::PostgresSubscriptions { pool, readers })
    }

    fn tasks(&self) -> Arc<dyn Tasks> {
        Arc::new(tasks::PostgresTasks { pool: self.workers.clone() })
    }

    fn exchanges(&self) -> Arc<dyn Exchanges> {
        Arc::new(exchanges::PostgresExchanges { pool: self.workers.clone() })
    }

    fn reconciliations(&self) -> Arc<dyn Reconciliations> {
        let (pool, streams) = (self.workers.clone(), self.streams.clone());
        Arc::new(reconciliations::PostgresReconciliations { pool, streams })
    }

    /// Over connections that nobody holds for long: whoever reads everything must not make a core look dead. A server
    /// that does not answer in time counts as an outage too; so does another server under the same address, which a pool
    /// finds without an error.
    async fn ping(&self) -> Result<(), StoreError> {
        let look = async {
            let mut one = lease::Lease::from(&self.log_readers).await?;
            let row = sqlx::query("SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint FROM log");
            let started: i64 = row.fetch_one(&mut *one).await?.get(0);
            one.end();
            Ok(started)
        };
        let look = timeout(PING_PATIENCE, look).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        let started = look.map_err(|error| self.broken(error))?;
        let known = self.server.swap(started, Ordering::AcqRel);
        if known != 0 && known != started {
            self.count_outage();
        }
        Ok(())
    }

    fn outages(&self) -> u64 {
        self.outages.load(Ordering::Acquire)
    }

    async fn close(&self) {
        self.streams.close().await;
        self.workers.close().await;
        self.subscribers.close().await;
        self.log_readers.close().await;
        self.readers.close().await;
        self.writers.close().await;
    }
}

#[cfg(test)]
mod tests;
