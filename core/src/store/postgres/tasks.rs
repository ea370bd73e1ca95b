//! Tasks on PostgreSQL, on connections that units do not use: however many tasks there are, callbacks keep theirs.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::{
    lease::{Query, changed, one, rows},
    write::column,
};
use crate::{
    order::{AccountName, OrderId, OutTradeNo, TaskKey, TaskKind, Timestamp},
    store::{NewTask, Overdue, Rate, StoreError, Task, Tasks, Waiting, codec, tasks::SLICE},
};

/// Claims what was picked. What somebody else is claiming at this moment is skipped.
macro_rules! take {
    ($picked:literal) => {
        concat!(
            "WITH picked AS MATERIALIZED (",
            $picked,
            ") UPDATE task SET lease = $1, leased_until = $2, again_at = NULL FROM picked \
             WHERE task.kind = picked.kind AND task.subject = picked.subject \
             RETURNING task.kind, task.subject, account, order_id, due_at, attempt, note"
        )
    };
}

/// The first of each kind, and of those the first: the index keeps the tasks of one kind in order.
const CLAIM: &str = take!(
    "SELECT first.kind, first.subject FROM unnest($4::text[]) AS wanted (kind), LATERAL (\
       SELECT kind, subject, due_at FROM task WHERE task.kind = wanted.kind AND due_at <= $3 \
         AND (leased_until IS NULL OR leased_until <= $3 OR leased_until - 600000000 > $3) ORDER BY due_at LIMIT $5 FOR UPDATE SKIP LOCKED) first \
     ORDER BY first.due_at LIMIT $5"
);
const CLAIM_OF: &str = take!(
    "SELECT kind, subject FROM unnest($4::text[], $6::text[]) AS wanted (kind, subject) JOIN task USING (kind, subject) \
     WHERE due_at <= $3 AND (leased_until IS NULL OR leased_until <= $3 OR leased_until - 600000000 > $3) \
     ORDER BY due_at LIMIT $5 FOR UPDATE OF task SKIP LOCKED"
);
const WAITING: &str = "\
    SELECT kind, subject, order_id, due_at FROM task WHERE account = $1 AND kind = $2 AND due_at > $5 AND due_at <= $3 \
      AND (leased_until IS NULL OR leased_until <= $3 OR leased_until - 600000000 > $3) ORDER BY due_at LIMIT $4";

/// While somebody works on a task, `again_at` keeps when it is wanted again until that work ends.
macro_rules! hurry {
    ($picked:literal) => {
        concat!(
            "WITH picked AS MATERIALIZED (",
            $picked,
            ") UPDATE task SET hurried_at = $1, due_at = CASE WHEN lease IS NULL THEN least(due_at, picked.hurried) ELSE due_at END, \
               again_at = CASE WHEN lease IS NULL THEN NULL ELSE least(again_at, picked.hurried) END FROM picked \
             WHERE task.kind = 'PAYMENT' AND task.subject = picked.subject"
        )
    };
}

/// In key order, as units do.
const HURRY: &str = hurry!(
    "SELECT subject, $4::bigint AS hurried FROM task WHERE kind = 'PAYMENT' AND subject = ANY($3) \
       AND (hurried_at IS NULL OR hurried_at <= $2) AND (due_at > $4 OR lease IS NOT NULL) ORDER BY subject FOR UPDATE"
);
const HURRY_ACCOUNT: &str = hurry!(
    "SELECT subject, $1 + floor(random() * $4)::bigint AS hurried FROM task WHERE account = $3 AND kind = 'PAYMENT' \
       AND due_at > $1 + $4 AND (hurried_at IS NULL OR hurried_at <= $2) LIMIT $5 FOR UPDATE SKIP LOCKED"
);

/// $2 is now, $3 what one question takes, $4 what may be taken at once, $5 how many are wanted. A clock that was more
/// than a minute ahead took more than there was: that counts as nothing. Returns how many were granted; all expressions
/// refer to the row as it was before.
const BUDGET: &str = "\
    INSERT INTO budget (account, taken_until, granted) VALUES ($1, $2 + $3 * least($5, $4 / $3), least($5, $4 / $3)) \
    ON CONFLICT (account) DO UPDATE SET (taken_until, granted) = (\
      SELECT taken + $3 * got, got \
        FROM (SELECT CASE WHEN budget.taken_until > $2 + $4 + 60000000 THEN $2 ELSE greatest(budget.taken_until, $2) END) AS before (taken), \
          LATERAL (SELECT greatest(0, least($5, ($2 + $4 - taken) / $3))) AS given (got)) \
    RETURNING granted";

/// From account to account by the index, however many tasks each has.
const ACCOUNTS_DUE: &str = "\
    WITH RECURSIVE known (account) AS (SELECT min(account) FROM task \
      UNION ALL SELECT (SELECT min(account) FROM task WHERE account > known.account) FROM known WHERE account IS NOT NULL) \
    SELECT account FROM known WHERE account IS NOT NULL \
      AND (EXISTS (SELECT 1 FROM task WHERE task.account = known.account AND kind = 'PAYMENT' AND due_at <= $1) \
        OR EXISTS (SELECT 1 FROM task WHERE task.account = known.account AND kind = 'REFUND' AND due_at <= $1))";

const OVERDUE: &str = "SELECT count(*) AS count, min(due_at) AS oldest FROM task \
    WHERE kind = ANY($1) AND due_at < $2 AND (leased_until IS NULL OR leased_until <= $3 OR leased_until - 600000000 > $3)";

pub(super) struct PostgresTasks {
    pub(super) pool: PgPool,
}

impl PostgresTasks {
    /// Runs a statement of [`take!`]; answers in the order of the due times.
    async fn take(&self, lease: Uuid, query: Query<'_>) -> Result<Vec<Task>, StoreError> {
        let rows = rows(&self.pool, query).await?;
        let mut tasks = rows.iter().map(|row| codec::task(row, lease)).collect::<Result<Vec<_>, _>>()?;
        tasks.sort_unstable_by(|a, b| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
        Ok(tasks)
    }
}

#[async_trait]
impl Tasks for PostgresTasks {
    async fn claim(
        &self,
        kinds: &[TaskKind],
        limit: u32,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Vec<Task>, StoreError> {
        let lease = Uuid::now_v7();
        let query = sqlx::query(CLAIM)
            .bind(lease)
            .bind(now.after(lease_for).0)
            .bind(now.0)
            .bind(column(kinds, |kind| kind.as_str()))
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
        rows(&self.pool, query).await?.iter().map(codec::waiting).collect()
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
            .bind(lease)
            .bind(now.after(lease_for).0)
            .bind(now.0)
            .bind(column(keys, |key| key.kind.as_str()))
            .bind(i64::from(limit))
            .bind(column(keys, |key| key.subject.as_str()));
        self.take(lease, query).await
    }

    async fn due(&self, key: &TaskKey) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query("SELECT due_at FROM task WHERE kind = $1 AND subject = $2")
            .bind(key.kind.as_str())
            .bind(key.subject.as_str());
        Ok(rows(&self.pool, query).await?.first().map(|row| Timestamp(row.get(0))))
    }

    async fn put_off(&self, task: &Task, due_at: Timestamp, attempt: u32, note: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE task SET due_at = least($4, again_at), attempt = $5, note = $6, lease = NULL, leased_until = NULL, \
             again_at = NULL WHERE kind = $1 AND subject = $2 AND lease = $3",
        )
        .bind(task.key.kind.as_str())
        .bind(task.key.subject.as_str())
        .bind(task.lease)
        .bind(due_at.0)
        .bind(i64::from(attempt))
        .bind(note);
        Ok(changed(&self.pool, query).await? > 0)
    }

    async fn done(&self, tasks: &[Task]) -> Result<u64, StoreError> {
        let about = |sql| {
            sqlx::query(sql)
                .bind(column(tasks, |task| task.key.kind.as_str()))
                .bind(column(tasks, |task| task.key.subject.as_str()))
                .bind(column(tasks, |task| task.lease))
        };
        let over = about(
            "DELETE FROM task USING unnest($1::text[], $2::text[], $3::uuid[]) AS over (kind, subject, lease) \
             WHERE task.kind = over.kind AND task.subject = over.subject AND task.lease = over.lease AND again_at IS NULL",
        );
        let over = changed(&self.pool, over).await?;
        if usize::try_from(over) == Ok(tasks.len()) {
            return Ok(over);
        }
        // A statement of its own: it sees what the first one waited for.
        let again = about(
            "UPDATE task SET due_at = again_at, attempt = 0, note = '', lease = NULL, leased_until = NULL, again_at = NULL \
             FROM unnest($1::text[], $2::text[], $3::uuid[]) AS over (kind, subject, lease) \
             WHERE task.kind = over.kind AND task.subject = over.subject AND task.lease = over.lease AND again_at IS NOT NULL",
        );
        Ok(over + changed(&self.pool, again).await?)
    }

    async fn hurry(
        &self,
        payments: &[OutTradeNo],
        due_at: Timestamp,
        not_since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let query =
            sqlx::query(HURRY).bind(now.0).bind(not_since.0).bind(column(payments, OutTradeNo::as_str)).bind(due_at.0);
        changed(&self.pool, query).await
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
            let hurried = changed(&self.pool, query).await?;
            all += hurried;
            if hurried < u64::from(SLICE) {
                return Ok(all);
            }
        }
    }

    async fn accounts_due(&self, now: Timestamp) -> Result<Vec<AccountName>, StoreError> {
        let found = rows(&self.pool, sqlx::query(ACCOUNTS_DUE).bind(now.0)).await?;
        found.iter().map(|row| codec::parse(codec::column(row, "account")?, AccountName::parse)).collect()
    }

    async fn overdue(&self, before: Timestamp, now: Timestamp) -> Result<Overdue, StoreError> {
        let query = sqlx::query(OVERDUE).bind(column(&TaskKind::ALL, |kind| kind.as_str())).bind(before.0).bind(now.0);
        one(&self.pool, query).await.and_then(|row| codec::overdue(&row))
    }

    async fn budget(&self, account: &AccountName, rate: Rate, want: u32, now: Timestamp) -> Result<u32, StoreError> {
        let query = sqlx::query(BUDGET)
            .bind(account.as_str())
            .bind(now.0)
            .bind(rate.interval())
            .bind(rate.depth())
            .bind(i64::from(want));
        one(&self.pool, query).await.and_then(|row| codec::granted(&row))
    }

    async fn add_missing(&self, tasks: &[NewTask]) -> Result<u64, StoreError> {
        // In key order, as units do.
        let mut tasks: Vec<_> = tasks.iter().collect();
        tasks.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let query = sqlx::query(
            "INSERT INTO task (kind, subject, account, order_id, due_at) \
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
             ON CONFLICT (kind, subject) DO NOTHING",
        )
        .bind(column(&tasks, |t| t.key.kind.as_str()))
        .bind(column(&tasks, |t| t.key.subject.as_str()))
        .bind(column(&tasks, |t| t.account.as_ref().map(AccountName::as_str)))
        .bind(column(&tasks, |t| t.order_id.as_ref().map(OrderId::as_str)))
        .bind(column(&tasks, |t| t.due_at.0));
        changed(&self.pool, query).await
    }

    async fn adopted(&self, of: &[&str]) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let forget = sqlx::query("DELETE FROM adopted WHERE account <> ALL($1)").bind(of.to_vec());
        changed(&self.pool, forget).await?;
        let rows = rows(&self.pool, sqlx::query("SELECT account, at FROM adopted")).await?;
        Ok(rows.iter().map(|row| (row.get(0), Timestamp(row.get(1)))).collect())
    }

    async fn note_adopted(&self, names: &[&str], at: Timestamp) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO adopted SELECT name, $2 FROM unnest($1::text[]) AS names (name) ON CONFLICT DO NOTHING",
        )
        .bind(names.to_vec())
        .bind(at.0);
        changed(&self.pool, query).await.map(drop)
    }
}
