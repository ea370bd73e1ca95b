//! What the database and the core say of themselves: transactions, rows in one, WAL.

use std::{net::SocketAddr, str::FromStr as _, time::Duration};

use serde::Serialize;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    process::{self, Group},
    stats::float,
};

/// PostgreSQL's backends report their counts this long after they became idle, at the latest.
const SETTLED: Duration = Duration::from_secs(11);
/// A metrics page that takes longer is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counters that only grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    /// The cores' transactions for callbacks and commands, and the inputs in them.
    pub(super) commits: u64,
    pub(super) inputs: u64,
    pub(super) postgres: Option<Postgres>,
}

/// PostgreSQL's own counters. Those that this server does not have stay absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Postgres {
    transactions: i64,
    rollbacks: i64,
    deadlocks: i64,
    wal_bytes: Option<i64>,
    wal_syncs: Option<i64>,
    statements: Option<i64>,
}

/// What a run made the database do.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Work {
    /// Transactions of group commit, and inputs in one of them on average.
    pub(super) commits: u64,
    pub(super) inputs_per_commit: f64,
    pub(super) commits_per_callback: f64,
    pub(super) postgres: Option<PostgresWork>,
}

/// What a run made PostgreSQL do, reads included.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PostgresWork {
    pub(super) transactions: i64,
    pub(super) rollbacks: i64,
    pub(super) deadlocks: i64,
    pub(super) wal_bytes_per_callback: Option<f64>,
    pub(super) wal_syncs_per_callback: Option<f64>,
    /// Only where pg_stat_statements is installed.
    pub(super) statements_per_callback: Option<f64>,
}

/// Reads counters.
pub(super) struct Gauge {
    postgres: Option<PgConnection>,
    /// The server's processes, where it runs on this machine.
    pub(super) group: Option<Group>,
}

/// Options of a PostgreSQL database; `None` for another one.
pub(super) fn postgres(url: &str) -> Result<Option<PgConnectOptions>, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Ok(None);
    }
    let options = PgConnectOptions::from_str(url).map_err(|e| format!("--database: {e}"))?;
    Ok(Some(options.disable_statement_logging()))
}

impl Gauge {
    pub(super) async fn open(database: &str) -> Result<Self, String> {
        let Some(options) = postgres(database)? else { return Ok(Self { postgres: None, group: None }) };
        let mut connection = PgConnection::connect_with(&options).await.map_err(|e| format!("--database: {e}"))?;
        let backend: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.map_err(failed)?;
        // Its number means something here only if it is one of our kernel's PostgreSQL processes.
        let backend = u32::try_from(backend).ok().filter(|pid| process::is(*pid, "postgres"));
        let group = backend.and_then(process::parent).map(|server| Group::families("postgres", vec![server]));
        Ok(Self { postgres: Some(connection), group })
    }

    pub(super) async fn read(&mut self, cores: &[SocketAddr], settle: bool) -> Result<Counters, String> {
        let mut counters = Counters::default();
        for core in cores {
            let page = page(*core).await.map_err(|e| format!("metrics of the core at {core}: {e}"))?;
            counters.commits += metric(&page, "paystate_commit_batch_size_count");
            counters.inputs += metric(&page, "paystate_commit_batch_size_sum");
        }
        if let Some(connection) = &mut self.postgres {
            if settle {
                tokio::time::sleep(SETTLED).await;
            }
            counters.postgres = Some(read(connection).await.map_err(failed)?);
        }
        Ok(counters)
    }
}

fn failed(error: sqlx::Error) -> String {
    format!("cannot read PostgreSQL's counters: {error}")
}

/// Through JSON, because the columns of pg_stat_wal differ from version to version.
const COUNTERS: &str = "SELECT d.xact_commit, d.xact_rollback, d.deadlocks, \
     (to_jsonb(w)->>'wal_bytes')::numeric::bigint, (to_jsonb(w)->>'wal_sync')::bigint \
     FROM pg_stat_database d CROSS JOIN pg_stat_wal w WHERE d.datname = current_database()";
const STATEMENTS: &str = "SELECT sum(s.calls)::bigint FROM pg_stat_statements s \
     JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()";
const HAS_STATEMENTS: &str = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')";

async fn read(connection: &mut PgConnection) -> Result<Postgres, sqlx::Error> {
    type Row = (i64, i64, i64, Option<i64>, Option<i64>);
    let (transactions, rollbacks, deadlocks, wal_bytes, wal_syncs): Row =
        sqlx::query_as(COUNTERS).fetch_one(&mut *connection).await?;
    let has_statements: bool = sqlx::query_scalar(HAS_STATEMENTS).fetch_one(&mut *connection).await?;
    let statements =
        if has_statements { sqlx::query_scalar(STATEMENTS).fetch_one(&mut *connection).await? } else { None };
    Ok(Postgres { transactions, rollbacks, deadlocks, wal_bytes, wal_syncs, statements })
}

/// The text of a metrics page.
async fn page(core: SocketAddr) -> std::io::Result<String> {
    let get = async {
        let mut stream = TcpStream::connect(core).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    };
    timeout(PATIENCE, get).await?
}

/// A whole number without labels; 0 when it was never counted.
fn metric(page: &str, name: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|v| v.trim().parse().ok()).unwrap_or(0)
}

impl Work {
    /// The difference between two readings, over callbacks that were sent meanwhile.
    pub(super) fn between(before: &Counters, after: &Counters, callbacks: f64) -> Self {
        let (commits, inputs) = (after.commits - before.commits, after.inputs - before.inputs);
        let per_callback =
            |n: Option<i64>, m: Option<i64>| Some(float(u64::try_from(n?.saturating_sub(m?)).ok()?) / callbacks);
        let postgres = after.postgres.zip(before.postgres).map(|(after, before)| PostgresWork {
            transactions: after.transactions - before.transactions,
            rollbacks: after.rollbacks - before.rollbacks,
            deadlocks: after.deadlocks - before.deadlocks,
            wal_bytes_per_callback: per_callback(after.wal_bytes, before.wal_bytes),
            wal_syncs_per_callback: per_callback(after.wal_syncs, before.wal_syncs),
            statements_per_callback: per_callback(after.statements, before.statements),
        });
        Self {
            commits,
            inputs_per_commit: float(inputs) / float(commits.max(1)),
            commits_per_callback: float(commits) / callbacks,
            postgres,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let page = "# TYPE a summary\na_sum_more 1\na_sum 42\na_count{x=\"1\"} 3\n";
        assert_eq!((metric(page, "a_sum"), metric(page, "a_count"), metric(page, "b")), (42, 0, 0));
    }

    #[test]
    fn work_is_a_difference_per_callback() {
        let postgres = |n: i64| {
            let (wal_bytes, wal_syncs) = (Some(n * 1000), Some(n));
            Some(Postgres { transactions: n, rollbacks: 0, deadlocks: 1, wal_bytes, wal_syncs, statements: None })
        };
        let before = Counters { commits: 10, inputs: 100, postgres: postgres(50) };
        let after = Counters { commits: 20, inputs: 500, postgres: postgres(150) };
        let work = Work::between(&before, &after, 200.0);
        assert_eq!((work.commits, work.inputs_per_commit, work.commits_per_callback), (10, 40.0, 0.05));
        let postgres = work.postgres.unwrap();
        assert_eq!((postgres.transactions, postgres.deadlocks), (100, 0));
        assert_eq!((postgres.wal_bytes_per_callback, postgres.wal_syncs_per_callback), (Some(500.0), Some(0.5)));
        assert_eq!(postgres.statements_per_callback, None);
    }
}
