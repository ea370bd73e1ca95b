//! The database alone, as fast as it goes row by row: pgbench with the three writes of a callback (the
//! notification, its order, the event), a transaction each.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Serialize;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::process::Command;

use super::database;

/// How many clients are tried; the best counts.
const CLIENTS: [u32; 6] = [1, 4, 8, 16, 32, 64];
/// Seconds of each try.
const SECONDS: u32 = 5;
/// Orders that are updated.
const ORDERS: u32 = 100_000;

const SET_UP: &str = "DROP SCHEMA IF EXISTS paystate_baseline CASCADE;
CREATE SCHEMA paystate_baseline;
CREATE TABLE paystate_baseline.notification (id uuid PRIMARY KEY, body text NOT NULL);
CREATE TABLE paystate_baseline.orders (id bigint PRIMARY KEY, state text NOT NULL, version bigint NOT NULL,
    document text NOT NULL);
CREATE TABLE paystate_baseline.event (revision bigserial PRIMARY KEY, order_id bigint NOT NULL, snapshot text NOT NULL);";
const FILL: &str = "INSERT INTO paystate_baseline.orders
    SELECT id, 'PENDING', 0, repeat('x', 300) FROM generate_series(1, $1::int) id";
const CLEAN_UP: &str = "DROP SCHEMA IF EXISTS paystate_baseline CASCADE";

/// What pgbench reached.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Baseline {
    /// Transactions a second by number of clients.
    pub(super) tries: Vec<(u32, f64)>,
    pub(super) best_per_second: f64,
    /// The best goodput of this command over it.
    pub(super) ratio: f64,
}

/// Runs it on a schema of its own, which is removed again.
pub(super) async fn run(url: &str, goodput: f64) -> Result<Baseline, String> {
    let options = database::postgres(url)?.ok_or_else(|| failed(&"not a database of PostgreSQL"))?;
    let pgbench = find()?;
    let mut connection = PgConnection::connect_with(&options).await.map_err(|e| failed(&e))?;
    connection.execute(SET_UP).await.map_err(|e| failed(&e))?;
    let orders = i32::try_from(ORDERS).unwrap_or(i32::MAX);
    sqlx::query(FILL).bind(orders).execute(&mut connection).await.map_err(|e| failed(&e))?;
    let tries = all(&pgbench, url).await;
    connection.execute(CLEAN_UP).await.map_err(|e| failed(&e))?;
    let tries = tries?;
    let best = tries.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    Ok(Baseline { tries, best_per_second: best, ratio: goodput / best })
}

fn failed(error: &dyn std::fmt::Display) -> String {
    format!("the baseline: {error}")
}

/// The path's pgbench, or Debian's newest, which is not in the path.
fn find() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<_> = std::env::split_paths(&path).map(|dir| dir.join("pgbench")).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|v| v.path().join("bin/pgbench")).collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places.into_iter().find(|p| p.is_file()).ok_or_else(|| "pgbench is not installed".to_owned())
}

/// The writes; a body of about the size of a callback.
fn script() -> String {
    let body = "n".repeat(700);
    let document = "d".repeat(300);
    format!(
        "\\set id random(1, {ORDERS})\n\
         BEGIN;\n\
         INSERT INTO paystate_baseline.notification (id, body) VALUES (gen_random_uuid(), '{body}');\n\
         UPDATE paystate_baseline.orders SET state = 'PAID', version = version + 1, document = '{document}' \
         WHERE id = :id;\n\
         INSERT INTO paystate_baseline.event (order_id, snapshot) VALUES (:id, '{document}');\n\
         COMMIT;\n"
    )
}

async fn all(pgbench: &Path, url: &str) -> Result<Vec<(u32, f64)>, String> {
    let directory = tempfile::tempdir().map_err(|e| failed(&e))?;
    let file = directory.path().join("callback.sql");
    std::fs::write(&file, script()).map_err(|e| failed(&e))?;
    let mut tries = Vec::new();
    for clients in CLIENTS {
        let mut command = Command::new(pgbench);
        command.args(["-n", "-M", "prepared", "-j", "2"]).kill_on_drop(true).stdin(Stdio::null());
        command.args(["-c", &clients.to_string(), "-T", &SECONDS.to_string(), "-f"]).arg(&file).arg(url);
        let output = command.output().await.map_err(|e| failed(&e))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = if output.status.success() { rate(&text) } else { None };
        let rate = rate.ok_or_else(|| failed(&String::from_utf8_lossy(&output.stderr)))?;
        tries.push((clients, rate));
    }
    Ok(tries)
}

/// `tps = 4420.123456 (without initial connection time)`
fn rate(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read() {
        let text = "number of failed transactions: 0\ntps = 4420.5 (without initial connection time)\n";
        assert_eq!(rate(text), Some(4420.5));
        assert_eq!(rate("pgbench: error"), None);
    }

    #[test]
    fn one_transaction_with_three_writes() {
        let script = script();
        let count = |what| script.matches(what).count();
        assert_eq!((count("BEGIN;"), count("COMMIT;"), count("INSERT"), count("UPDATE")), (1, 1, 2, 1));
    }
}
