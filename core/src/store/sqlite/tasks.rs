//! Tasks on SQLite. Each change is one short statement, because there is only one writer.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use sqlx::{Row as _, SqlitePool};
use uuid::Uuid;

use super::{failed, json};
use crate::{
    order::{AccountName, OrderId, OutTradeNo, TaskKey, TaskKind, Timestamp},
    store::{NewTask, Overdue, Rate, StoreError, Task, Tasks, Waiting, codec, tasks::SLICE},
};

macro_rules! take {
    ($picked:literal) => {
        concat!(
            "UPDATE task SET lease = ?1, leased_until = ?2, again_at = NULL WHERE (kind, subject) IN (",
            $picked,
            ") RETURNING kind, subject, account, order_id, due_at, attempt, note"
        )
    };
}

const CLAIM: &str = take!(
    "SELECT kind, subject FROM task WHERE kind IN (SELECT value FROM json_each(?4)) AND due_at <= ?3 \
       AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until - 600000000 > ?3) ORDER BY due_at LIMIT ?5"
);
const CLAIM_OF: &str = take!(
    "SELECT kind, subject FROM task WHERE (kind, subject) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?4)) AND due_at <= ?3 \
       AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until - 600000000 > ?3) ORDER BY due_at LIMIT ?5"
);
const WAITING: &str = "\
    SELECT kind, subject, order_id, due_at FROM task WHERE account = ?1 AND kind = ?2 AND due_at > ?5 AND due_at <= ?3 \
      AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until - 600000000 > ?3) ORDER BY due_at LIMIT ?4";

/// While somebody works on a task, `again_at` keeps when it is wanted again until that work ends.
const HURRY: &str = "\
    UPDATE task SET hurried_at = ?1, due_at = iif(lease IS NULL, min(due_at, ?4), due_at), \
      again_at = iif(lease IS NULL, NULL, min(coalesce(again_at, ?4), ?4)) \
    WHERE kind = 'PAYMENT' AND subject IN (SELECT value FROM json_each(?3)) \
      AND (hurried_at IS NULL OR hurried_at <= ?2) AND (due_at > ?4 OR lease IS NOT NULL)";
const HURRY_ACCOUNT: &str = "\
    UPDATE task SET hurried_at = ?1, due_at = ?1 + abs(random() % ?4) WHERE (kind, subject) IN (\
      SELECT kind, subject FROM task WHERE account = ?3 AND kind = 'PAYMENT' AND lease IS NULL AND due_at > ?1 + ?4 \
        AND (hurried_at IS NULL OR hurried_at <= ?2) LIMIT ?5)";

/// Up to when the budget is taken, as seen at ?2. A clock that was more than a minute ahead took more than there was:
/// that counts as nothing.
macro_rules! taken {
    () => {
        "iif(taken_until > ?2 + ?4 + 60000000, ?2, max(taken_until, ?2))"
    };
}

/// ?2 is now, ?3 what one question takes, ?4 what may be taken at once, ?5 how many are wanted. Each expression refers
/// to the row as it was before.
const BUDGET: &str = concat!(
    "INSERT INTO budget (account, taken_until, granted) VALUES (?1, ?2 + ?3 * min(?5, ?4 / ?3), min(?5, ?4 / ?3)) \
     ON CONFLICT (account) DO UPDATE SET taken_until = ",
    taken!(),
    " + ?3 * max(0, min(?5, (?2 + ?4 - ",
    taken!(),
    ") / ?3)), granted = max(0, min(?5, (?2 + ?4 - ",
    taken!(),
    ") / ?3)) RETURNING granted"
);

/// From account to account by the index, however many tasks each has.
const ACCOUNTS_DUE: &str = "\
    WITH RECURSIVE known (account) AS (SELECT min(account) FROM task \
      UNION ALL SELECT (SELECT min(account) FROM task WHERE account > known.account) FROM known WHERE account IS NOT NULL) \
    SELECT account FROM known WHERE account IS NOT NULL \
      AND (EXISTS (SELECT 1 FROM task WHERE task.account = known.account AND kind = 'PAYMENT' AND due_at <= ?1) \
        OR EXISTS (SELECT 1 FROM task WHERE task.account = known.account AND kind = 'REFUND' AND due_at <= ?1))";

const OVERDUE: &str = "SELECT count(*) AS count, min(due_at) AS oldest FROM task \
    WHERE kind IN (SELECT value FROM json_each(?1)) AND due_at < ?2 AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until - 600000000 > ?3)";

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

pub(super) struct SqliteTasks {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl SqliteTasks {
    /// Runs a statement of [`take!`]; answers in the order of the due times.
    async fn take(&self, lease: Uuid, query: Query<'_>) -> Result<Vec<Task>, StoreError> {
        let rows = query.fetch_all(&self.writer).await.map_err(failed)?;
        let mut tasks = rows.iter().map(|row| codec::task(row, lease)).collect::<Result<Vec<_>, _>>()?;
        tasks.sort_unstable_by(|a, b| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
        Ok(tasks)
    }

    async fn changed(&self, query: Query<'_>) -> Result<u64, StoreError> {
        Ok(query.execute(&self.writer).await.map_err(failed)?.rows_affected())
    }
}

fn kinds_of(kinds: &[TaskKind]) -> String {
    json(kinds.iter().map(|kind| kind.as_str()))
}

#[async_trait]
impl Tasks for SqliteTasks {
    async fn claim(
        &self,
        kinds: &[TaskKind],
        limit: u32,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Vec<Task>, StoreError> {
        let lease = Uuid::now_v7();
        let query = sqlx::query(CLAIM)
            .bind(lease.to_string())
            .bind(now.after(lease_for).0)
            .bind(now.0)
            .bind(kinds_of(kinds))
            .bind(i64::from(limit));
        self.take(lease, query).await
    }

    async fn waiting(
        &self,
        account: &AccountName,
        kind: TaskKind,
        after: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, StoreError> {
        let query = sqlx::query(WAITING)
            .bind(account.as_str())
            .bind(kind.as_str())
            .bind(now.0)
            .bind(i64::from(limit))
            .bind(after.0);
        query.fetch_all(&self.readers).await.map_err(failed)?.iter().map(codec::waiting).collect()
    }

    async fn claim_of(
        &self,
        keys: &[&TaskKey],
        limit: u32,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Vec<Task>, StoreError> {
        let lease = Uuid::now_v7();
        let query = sqlx::query(CLAIM_OF)
            .bind(lease.to_string())
            .bind(now.after(lease_for).0)
            .bind(now.0)
            .bind(json(keys.iter().map(|key| vec![key.kind.as_str(), key.subject.as_str()])))
            .bind(i64::from(limit));
        self.take(lease, query).await
    }

    async fn due(&self, key: &TaskKey) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT due_at FROM task WHERE kind = ?1 AND subject = ?2")
            .bind(key.kind.as_str())
            .bind(key.subject.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        Ok(row.map(|row| Timestamp(row.get(0))))
    }

    async fn put_off(&self, task: &Task, due_at: Timestamp, attempt: u32, note: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE task SET due_at = min(?4, coalesce(again_at, ?4)), attempt = ?5, note = ?6, lease = NULL, \
             leased_until = NULL, again_at = NULL WHERE kind = ?1 AND subject = ?2 AND lease = ?3",
        )
        .bind(task.key.kind.as_str())
        .bind(task.key.subject.as_str())
        .bind(task.lease.to_string())
        .bind(due_at.0)
        .bind(i64::from(attempt))
        .bind(note);
        Ok(self.changed(query).await? > 0)
    }

    async fn done(&self, tasks: &[Task]) -> Result<u64, StoreError> {
        let keys =
            tasks.iter().map(|t| serde_json::json!([t.key.kind.as_str(), t.key.subject.as_str(), t.lease.to_string()]));
        let keys = serde_json::Value::from_iter(keys).to_string();
        let over = sqlx::query(
            "DELETE FROM task WHERE again_at IS NULL AND (kind, subject, lease) IN \
             (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))",
        );
        let over = self.changed(over.bind(&keys)).await?;
        if usize::try_from(over) == Ok(tasks.len()) {
            return Ok(over);
        }
        let again = sqlx::query(
            "UPDATE task SET due_at = again_at, attempt = 0, note = '', lease = NULL, leased_until = NULL, again_at = NULL \
             WHERE again_at IS NOT NULL AND (kind, subject, lease) IN \
             (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))",
        );
        Ok(over + self.changed(again.bind(&keys)).await?)
    }

    async fn hurry(
        &self,
        payments: &[OutTradeNo],
        due_at: Timestamp,
        not_since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query(HURRY)
            .bind(now.0)
            .bind(not_since.0)
            .bind(json(payments.iter().map(OutTradeNo::as_str)))
            .bind(due_at.0);
        self.changed(query).await
    }

    async fn hurry_account(
        &self,
        account: &AccountName,
        within: Duration,
        not_since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let query = sqlx::query(HURRY_ACCOUNT)
                .bind(now.0)
                .bind(not_since.0)
                .bind(account.as_str())
                .bind(i64::try_from(within.as_micros()).unwrap_or(i64::MAX))
                .bind(i64::from(SLICE));
            let hurried = self.changed(query).await?;
            all += hurried;
            if hurried < u64::from(SLICE) {
                return Ok(all);
            }
        }
    }

    async fn accounts_due(&self, now: Timestamp) -> Result<Vec<AccountName>, StoreError> {
        let found = sqlx::query(ACCOUNTS_DUE).bind(now.0).fetch_all(&self.readers).await.map_err(failed)?;
        found.iter().map(|row| codec::parse(row.get(0), AccountName::parse)).collect()
    }

    async fn overdue(&self, before: Timestamp, now: Timestamp) -> Result<Overdue, StoreError> {
        let query = sqlx::query(OVERDUE).bind(kinds_of(&TaskKind::ALL)).bind(before.0).bind(now.0);
        codec::overdue(&query.fetch_one(&self.readers).await.map_err(failed)?)
    }

    async fn budget(&self, account: &AccountName, rate: Rate, want: u32, now: Timestamp) -> Result<u32, StoreError> {
        let query = sqlx::query(BUDGET)
            .bind(account.as_str())
            .bind(now.0)
            .bind(rate.interval())
            .bind(rate.depth())
            .bind(i64::from(want));
        codec::granted(&query.fetch_one(&self.writer).await.map_err(failed)?)
    }

    async fn add_missing(&self, tasks: &[NewTask]) -> Result<u64, StoreError> {
        let rows = tasks.iter().map(|t| {
            let (account, order_id) =
                (t.account.as_ref().map(AccountName::as_str), t.order_id.as_ref().map(OrderId::as_str));
            serde_json::json!([t.key.kind.as_str(), t.key.subject.as_str(), account, order_id, t.due_at.0])
        });
        let query = sqlx::query(
            "INSERT INTO task (kind, subject, account, order_id, due_at) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true \
             ON CONFLICT (kind, subject) DO NOTHING",
        );
        self.changed(query.bind(serde_json::Value::from_iter(rows).to_string())).await
    }

    async fn adopted(&self, of: &[&str]) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let forget = sqlx::query("DELETE FROM adopted WHERE account NOT IN (SELECT value FROM json_each(?1))");
        self.changed(forget.bind(json(of.iter().copied()))).await?;
        let rows = sqlx::query("SELECT account, at FROM adopted").fetch_all(&self.writer).await.map_err(failed)?;
        Ok(rows.iter().map(|row| (row.get(0), Timestamp(row.get(1)))).collect())
    }

    async fn note_adopted(&self, names: &[&str], at: Timestamp) -> Result<(), StoreError> {
        let query =
            sqlx::query("INSERT INTO adopted SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING");
        self.changed(query.bind(json(names.iter().copied())).bind(at.0)).await.map(drop)
    }
}
