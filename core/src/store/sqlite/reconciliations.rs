//! Reconciliations on SQLite. Each change is short; the record of a day is read on connections of its own.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::{Row as _, Sqlite, SqlitePool, pool::PoolConnection};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::failed;
use crate::{
    order::{AccountName, CaseId, Timestamp},
    store::{
        Booking, Bookings, Carried, Difference, MoneyKey, Reconciliation, ReconciliationId, Reconciliations, Run,
        StoreError, Tally, codec,
        reconciliations::{PAGE, SLICE, booked},
    },
};

const BEGIN: &str = "\
    INSERT INTO reconciliation (account, date, state, detail, tally, started_at, lease, leased_until) \
    VALUES (?1, ?2, 'RUNNING', '', ?3, ?4, ?5, ?6) \
    ON CONFLICT (account, date) DO UPDATE SET state = 'RUNNING', detail = '', tally = excluded.tally, \
      started_at = excluded.started_at, ended_at = NULL, lease = excluded.lease, leased_until = excluded.leased_until \
    WHERE leased_until IS NULL OR leased_until <= ?4";

const DIFFERENCES: &str = "SELECT doc FROM difference WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
const OPEN_CASES: &str =
    "SELECT case_id FROM cases WHERE case_id > ?1 AND case_id < ?2 AND open ORDER BY case_id LIMIT ?3";
const CARRIED: &str = "SELECT doc FROM carried WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

const BOOKINGS: &str = booked!(
    "FROM json_each(?1) wanted CROSS JOIN payment_txn t ON t.provider = wanted.value ->> 0 AND t.account = wanted.value ->> 1 \
       AND t.kind = wanted.value ->> 2 AND t.transaction_id = wanted.value ->> 3 JOIN observation o ON o.fact_key = t.fact_key"
);

/// The facts of a while, and what each of them booked, under the number that a booking has. A running total
/// may book under its own number or, for a refund that we asked for, under the refund's.
const BOOKED: &str = booked!(
    "FROM observation o CROSS JOIN payment_txn t ON t.provider = o.provider AND t.account = o.account AND t.kind = o.kind \
       AND t.transaction_id IN (CASE WHEN o.kind = 'PAYMENT' THEN o.transaction_id \
         WHEN o.cumulative THEN coalesce(o.transaction_id, o.out_trade_no) || '/total/' || o.amount_minor \
         ELSE coalesce(o.refund_id, o.out_refund_no) END, CASE WHEN o.cumulative THEN o.out_refund_no END) AND t.fact_key = o.fact_key \
     WHERE coalesce(o.occurred_at, o.recorded_at) >= ?2 AND coalesce(o.occurred_at, o.recorded_at) < ?3 \
       AND o.account = ?1 AND o.status = 'SUCCEEDED'"
);

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

pub(super) struct SqliteReconciliations {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) streams: SqlitePool,
}

impl SqliteReconciliations {
    async fn changed(&self, query: Query<'_>) -> Result<u64, StoreError> {
        Ok(query.execute(&self.writer).await.map_err(failed)?.rows_affected())
    }

    /// The run that is the last one, and the run whose findings stand.
    async fn runs(&self, id: &ReconciliationId) -> Result<(Option<String>, Option<String>), StoreError> {
        let row = sqlx::query("SELECT lease, result FROM reconciliation WHERE account = ?1 AND date = ?2")
            .bind(id.account.as_str())
            .bind(id.date.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        Ok(row.map_or((None, None), |row| (row.get(0), row.get(1))))
    }

    /// Removes what a run found that no longer stands, or never did.
    async fn forget(&self, run: &str) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM difference WHERE run = ?1 AND seq < (SELECT min(seq) + ?2 FROM difference WHERE run = ?1)",
            "DELETE FROM carried WHERE run = ?1 AND seq < (SELECT min(seq) + ?2 FROM carried WHERE run = ?1)",
        ] {
            while self.changed(sqlx::query(sql).bind(run).bind(SLICE)).await? > 0 {}
        }
        Ok(())
    }

    /// What a run has found, after a place.
    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        sql: &'static str,
        run: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<T>, StoreError> {
        let query = sqlx::query(sql).bind(run).bind(after).bind(i64::from(limit));
        codec::documents(&query.fetch_all(&self.readers).await.map_err(failed)?)
    }
}

#[async_trait]
impl Reconciliations for SqliteReconciliations {
    async fn begin(
        &self,
        id: &ReconciliationId,
        now: Timestamp,
        lease_for: Duration,
    ) -> Result<Option<Run>, StoreError> {
        let (last, result) = self.runs(id).await?;
        let lease = Uuid::now_v7();
        let query = sqlx::query(BEGIN)
            .bind(id.account.as_str())
            .bind(id.date.as_str())
            .bind(codec::document(&Tally::default())?)
            .bind(now.0)
            .bind(lease.to_string())
            .bind(now.after(lease_for).0);
        if self.changed(query).await? == 0 {
            return Ok(None);
        }
        // The run before may have ended well since it was looked at: then it is the result now.
        let (_, now_result) = self.runs(id).await?;
        let stands = |last: &String| [&result, &now_result].into_iter().flatten().any(|result| result == last);
        if let Some(dead) = last.as_ref().filter(|last| !stands(last)) {
            self.forget(dead).await?;
        }
        Ok(Some(Run { id: id.clone(), lease }))
    }

    async fn tell(&self, run: &Run, tally: &Tally, detail: &str, until: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE reconciliation SET tally = ?4, detail = ?5, leased_until = ?6 \
             WHERE account = ?1 AND date = ?2 AND lease = ?3 AND state = 'RUNNING'",
        )
        .bind(run.id.account.as_str())
        .bind(run.id.date.as_str())
        .bind(run.lease.to_string())
        .bind(codec::document(tally)?)
        .bind(detail)
        .bind(until.0);
        Ok(self.changed(query).await? > 0)
    }

    async fn write_differences(&self, run: &Run, differences: &[Difference]) -> Result<(), StoreError> {
        let rows = differences.iter().map(|d| Ok(serde_json::json!([d.seq, d.healed, d.case_id, codec::document(d)?])));
        let rows = rows.collect::<Result<serde_json::Value, StoreError>>()?;
        let query = sqlx::query(
            "INSERT INTO difference (run, seq, healed, case_id, doc) \
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2) WHERE true \
             ON CONFLICT (run, seq) DO UPDATE SET healed = excluded.healed, case_id = excluded.case_id, doc = excluded.doc",
        );
        self.changed(query.bind(run.lease.to_string()).bind(rows.to_string())).await.map(drop)
    }

    async fn open_cases(&self, after: &CaseId, end: &CaseId, limit: u32) -> Result<Vec<CaseId>, StoreError> {
        let query = sqlx::query(OPEN_CASES).bind(after.as_str()).bind(end.as_str()).bind(i64::from(limit));
        query.fetch_all(&self.readers).await.map_err(failed)?.iter().map(codec::case_id).collect()
    }

    async fn found(&self, run: &Run, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        self.page(DIFFERENCES, &run.lease.to_string(), after, limit).await
    }

    async fn carry(&self, run: &Run, carried: &[Carried]) -> Result<(), StoreError> {
        let rows = carried.iter().map(|c| Ok(serde_json::json!([c.seq, codec::document(c)?])));
        let rows = rows.collect::<Result<serde_json::Value, StoreError>>()?;
        let query = sqlx::query(
            "INSERT INTO carried (run, seq, doc) SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true \
             ON CONFLICT (run, seq) DO UPDATE SET doc = excluded.doc",
        );
        self.changed(query.bind(run.lease.to_string()).bind(rows.to_string())).await.map(drop)
    }

    async fn end(
        &self,
        run: &Run,
        result: Result<(), &str>,
        tally: &Tally,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (_, stood) = self.runs(&run.id).await?;
        let query = sqlx::query(
            "UPDATE reconciliation SET state = iif(?4, 'DONE', 'FAILED'), result = iif(?4, lease, result), detail = ?5, \
             tally = ?6, ended_at = ?7, leased_until = NULL \
             WHERE account = ?1 AND date = ?2 AND lease = ?3 AND state = 'RUNNING'",
        )
        .bind(run.id.account.as_str())
        .bind(run.id.date.as_str())
        .bind(run.lease.to_string())
        .bind(result.is_ok())
        .bind(result.err().unwrap_or_default())
        .bind(codec::document(tally)?)
        .bind(now.0);
        if self.changed(query).await? == 0 {
            return Ok(false);
        }
        // What a failed run found stays until the next one begins.
        if let (Ok(()), Some(stood)) = (result, stood) {
            // The result stands already, whatever becomes of the one before.
            if let Err(error) = self.forget(&stood).await {
                tracing::warn!(reconciliation = %run.id, %error, "what an earlier run found was not removed");
            }
        }
        Ok(true)
    }

    async fn latest(&self) -> Result<BTreeMap<AccountName, String>, StoreError> {
        let query = "SELECT account, max(date) AS date FROM reconciliation WHERE result IS NOT NULL GROUP BY account";
        codec::days(&sqlx::query(query).fetch_all(&self.readers).await.map_err(failed)?)
    }

    async fn get(&self, id: &ReconciliationId) -> Result<Option<Reconciliation>, StoreError> {
        let row = sqlx::query("SELECT * FROM reconciliation WHERE account = ?1 AND date = ?2")
            .bind(id.account.as_str())
            .bind(id.date.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(codec::reconciliation).transpose()
    }

    async fn differences(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        let Some(run) = self.runs(id).await?.1 else { return Ok(Vec::new()) };
        self.page(DIFFERENCES, &run, after, limit).await
    }

    async fn carried(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Carried>, StoreError> {
        let Some(run) = self.runs(id).await?.1 else { return Ok(Vec::new()) };
        self.page(CARRIED, &run, after, limit).await
    }

    async fn bookings(&self, keys: &[MoneyKey]) -> Result<Vec<Booking>, StoreError> {
        let wanted = keys
            .iter()
            .map(|k| serde_json::json!([k.provider.as_str(), k.account.as_str(), k.kind.as_str(), k.number.as_str()]));
        let wanted = serde_json::Value::from_iter(wanted).to_string();
        let rows = sqlx::query(BOOKINGS).bind(wanted).fetch_all(&self.readers).await.map_err(failed)?;
        rows.iter().map(codec::booking).collect()
    }

    async fn booked_between(
        &self,
        account: &AccountName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Bookings, StoreError> {
        let connection = self.streams.acquire().await.map_err(failed)?;
        let (pages, read) = mpsc::channel(1);
        let account = account.clone();
        tokio::spawn(async move {
            if let Err(error) = stream(connection, &account, from, to, &pages).await {
                // A reader that no longer listens does not want the error.
                let _ = pages.send(Err(error)).await;
            }
        });
        Ok(Bookings(read))
    }
}

/// Reads a day's record into pages until its end, or until the reader leaves.
async fn stream(
    mut connection: PoolConnection<Sqlite>,
    account: &AccountName,
    from: Timestamp,
    to: Timestamp,
    pages: &mpsc::Sender<Result<Vec<Booking>, StoreError>>,
) -> Result<(), StoreError> {
    let query = sqlx::query(BOOKED).bind(account.as_str()).bind(from.0).bind(to.0);
    let mut found = query.fetch(&mut *connection).map_err(failed);
    let mut page = Vec::with_capacity(PAGE);
    while let Some(row) = found.try_next().await? {
        page.push(codec::booking(&row)?);
        if page.len() == PAGE && pages.send(Ok(std::mem::replace(&mut page, Vec::with_capacity(PAGE)))).await.is_err() {
            return Ok(());
        }
    }
    if !page.is_empty() {
        let _ = pages.send(Ok(page)).await;
    }
    Ok(())
}
