//! Reconciliations on PostgreSQL: short statements on the connections of tasks, the record of a day on its own.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::{PgPool, postgres::PgRow};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    failed,
    lease::{Lease, changed, rows},
    write::column,
};
use crate::{
    order::{AccountName, CaseId, Timestamp},
    store::{
        Booking, Bookings, Carried, Difference, MoneyKey, Reconciliation, ReconciliationId, Reconciliations, Run,
        StoreError, Tally, codec,
        reconciliations::{EARLY, PAGE, SLICE, booked},
    },
};

const BEGIN: &str = "\
    INSERT INTO reconciliation (account, date, state, detail, tally, started_at, lease, leased_until) \
    VALUES ($1, $2, 'RUNNING', '', $3, $4, $5, $6) \
    ON CONFLICT (account, date) DO UPDATE SET state = 'RUNNING', detail = '', tally = excluded.tally, \
      started_at = excluded.started_at, ended_at = NULL, lease = excluded.lease, leased_until = excluded.leased_until \
    WHERE reconciliation.leased_until IS NULL OR reconciliation.leased_until <= $4";

const BOOKINGS: &str = booked!(
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS wanted (transaction_id, account, provider, kind) \
     JOIN payment_txn t USING (transaction_id, account, provider, kind) JOIN observation o USING (fact_key)"
);

/// The facts of a while, and what each of them booked, under the number that a booking has. A running total
/// may book under its own number or, for a refund that we asked for, under the refund's. Facts are found by when their
/// messages arrived: ids begin with the time, so this needs no index that callbacks would pay for.
const BOOKED: &str = booked!(
    "FROM observation o JOIN payment_txn t ON t.fact_key = o.fact_key AND t.account = o.account AND t.provider = o.provider \
       AND t.kind = o.kind AND t.transaction_id IN (CASE WHEN o.kind = 'PAYMENT' THEN o.transaction_id \
         WHEN o.cumulative THEN coalesce(o.transaction_id, o.out_trade_no) || '/total/' || o.amount_minor \
         ELSE coalesce(o.refund_id, o.out_refund_no) END, CASE WHEN o.cumulative THEN o.out_refund_no END) \
     WHERE o.notification_id >= $1 AND o.account = $2 AND o.status = 'SUCCEEDED' \
       AND coalesce(o.occurred_at, o.recorded_at) >= $3 AND coalesce(o.occurred_at, o.recorded_at) < $4"
);

pub(super) struct PostgresReconciliations {
    pub(super) pool: PgPool,
    /// Connections for long reads: a day's record holds one until it is read to its end.
    pub(super) streams: PgPool,
}

/// The smallest id of a message that arrived at a moment.
fn first_id(at: Timestamp) -> Uuid {
    let milliseconds = u128::try_from(at.0 / 1000).unwrap_or_default();
    Uuid::from_u128(milliseconds << 80)
}

impl PostgresReconciliations {
    /// The run that is the last one, and the run whose findings stand.
    async fn runs(&self, id: &ReconciliationId) -> Result<(Option<Uuid>, Option<Uuid>), StoreError> {
        let query = sqlx::query("SELECT lease, result FROM reconciliation WHERE account = $1 AND date = $2")
            .bind(id.account.as_str())
            .bind(id.date.as_str());
        let row = rows(&self.pool, query).await?.pop();
        Ok(row.map_or((None, None), |row| (sqlx::Row::get(&row, 0), sqlx::Row::get(&row, 1))))
    }

    /// Removes what a run found that no longer stands, or never did.
    async fn forget(&self, run: Uuid) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM difference WHERE run = $1 AND seq < (SELECT min(seq) + $2 FROM difference WHERE run = $1)",
            "DELETE FROM carried WHERE run = $1 AND seq < (SELECT min(seq) + $2 FROM carried WHERE run = $1)",
        ] {
            while changed(&self.pool, sqlx::query(sql).bind(run).bind(SLICE)).await? > 0 {}
        }
        Ok(())
    }

    /// What a run has found, after a place.
    async fn page(&self, sql: &'static str, run: Uuid, after: i64, limit: u32) -> Result<Vec<PgRow>, StoreError> {
        rows(&self.pool, sqlx::query(sql).bind(run).bind(after).bind(i64::from(limit))).await
    }
}

const DIFFERENCES: &str = "SELECT doc FROM difference WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const OPEN_CASES: &str =
    "SELECT case_id FROM cases WHERE case_id > $1 AND case_id < $2 AND open ORDER BY case_id LIMIT $3";
const CARRIED: &str = "SELECT doc FROM carried WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";

#[async_trait]
impl Reconciliations for PostgresReconciliations {
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
            .bind(lease)
            .bind(now.after(lease_for).0);
        if changed(&self.pool, query).await? == 0 {
            return Ok(None);
        }
        // The run before may have ended well since it was looked at: then it is the result now.
        let (_, now_result) = self.runs(id).await?;
        if let Some(dead) = last.filter(|_| last != result && last != now_result) {
            self.forget(dead).await?;
        }
        Ok(Some(Run { id: id.clone(), lease }))
    }

    async fn tell(&self, run: &Run, tally: &Tally, detail: &str, until: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE reconciliation SET tally = $4, detail = $5, leased_until = $6 \
             WHERE account = $1 AND date = $2 AND lease = $3 AND state = 'RUNNING'",
        )
        .bind(run.id.account.as_str())
        .bind(run.id.date.as_str())
        .bind(run.lease)
        .bind(codec::document(tally)?)
        .bind(detail)
        .bind(until.0);
        Ok(changed(&self.pool, query).await? > 0)
    }

    async fn write_differences(&self, run: &Run, differences: &[Difference]) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO difference (run, seq, healed, case_id, doc) \
             SELECT $1, * FROM unnest($2::bigint[], $3::boolean[], $4::text[], $5::text[]) \
             ON CONFLICT (run, seq) DO UPDATE SET healed = excluded.healed, case_id = excluded.case_id, doc = excluded.doc",
        )
        .bind(run.lease)
        .bind(column(differences, |d| d.seq))
        .bind(column(differences, |d| d.healed))
        .bind(column(differences, |d| d.case_id.as_ref().map(CaseId::as_str)))
        .bind(differences.iter().map(codec::document).collect::<Result<Vec<_>, _>>()?);
        changed(&self.pool, query).await.map(drop)
    }

    async fn open_cases(&self, after: &CaseId, end: &CaseId, limit: u32) -> Result<Vec<CaseId>, StoreError> {
        let query = sqlx::query(OPEN_CASES).bind(after.as_str()).bind(end.as_str()).bind(i64::from(limit));
        rows(&self.pool, query).await?.iter().map(codec::case_id).collect()
    }

    async fn found(&self, run: &Run, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        codec::documents(&self.page(DIFFERENCES, run.lease, after, limit).await?)
    }

    async fn carry(&self, run: &Run, carried: &[Carried]) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO carried (run, seq, doc) SELECT $1, * FROM unnest($2::bigint[], $3::text[]) \
             ON CONFLICT (run, seq) DO UPDATE SET doc = excluded.doc",
        )
        .bind(run.lease)
        .bind(column(carried, |c| c.seq))
        .bind(carried.iter().map(codec::document).collect::<Result<Vec<_>, _>>()?);
        changed(&self.pool, query).await.map(drop)
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
            "UPDATE reconciliation SET state = CASE WHEN $4 THEN 'DONE' ELSE 'FAILED' END, \
               result = CASE WHEN $4 THEN lease ELSE result END, detail = $5, tally = $6, ended_at = $7, leased_until = NULL \
             WHERE account = $1 AND date = $2 AND lease = $3 AND state = 'RUNNING'",
        )
        .bind(run.id.account.as_str())
        .bind(run.id.date.as_str())
        .bind(run.lease)
        .bind(result.is_ok())
        .bind(result.err().unwrap_or_default())
        .bind(codec::document(tally)?)
        .bind(now.0);
        if changed(&self.pool, query).await? == 0 {
            return Ok(false);
        }
        // What a failed run found stays until the next one begins.
        if let (Ok(()), Some(stood)) = (result, stood) {
            // The result stands already, whatever becomes of the one before.
            if let Err(error) = self.forget(stood).await {
                tracing::warn!(reconciliation = %run.id, %error, "what an earlier run found was not removed");
            }
        }
        Ok(true)
    }

    async fn latest(&self) -> Result<BTreeMap<AccountName, String>, StoreError> {
        let query = "SELECT account, max(date) AS date FROM reconciliation WHERE result IS NOT NULL GROUP BY account";
        codec::days(&rows(&self.pool, sqlx::query(query)).await?)
    }

    async fn get(&self, id: &ReconciliationId) -> Result<Option<Reconciliation>, StoreError> {
        let query = sqlx::query(
            "SELECT account, date, state, detail, tally, started_at, ended_at, leased_until FROM reconciliation \
             WHERE account = $1 AND date = $2",
        )
        .bind(id.account.as_str())
        .bind(id.date.as_str());
        rows(&self.pool, query).await?.first().map(codec::reconciliation).transpose()
    }

    async fn differences(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        let Some(run) = self.runs(id).await?.1 else { return Ok(Vec::new()) };
        codec::documents(&self.page(DIFFERENCES, run, after, limit).await?)
    }

    async fn carried(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Carried>, StoreError> {
        let Some(run) = self.runs(id).await?.1 else { return Ok(Vec::new()) };
        codec::documents(&self.page(CARRIED, run, after, limit).await?)
    }

    async fn bookings(&self, keys: &[MoneyKey]) -> Result<Vec<Booking>, StoreError> {
        let query = sqlx::query(BOOKINGS)
            .bind(column(keys, |k| k.number.as_str()))
            .bind(column(keys, |k| k.account.as_str()))
            .bind(column(keys, |k| k.provider.as_str()))
            .bind(column(keys, |k| k.kind.as_str()));
        rows(&self.pool, query).await?.iter().map(codec::booking).collect()
    }

    async fn booked_between(
        &self,
        account: &AccountName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Bookings, StoreError> {
        let connection = Lease::from(&self.streams).await.map_err(failed)?;
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

/// Reads a day's record into pages until its end, or until the reader leaves: then the connection is closed together
/// with the query on it.
async fn stream(
    mut connection: Lease,
    account: &AccountName,
    from: Timestamp,
    to: Timestamp,
    pages: &mpsc::Sender<Result<Vec<Booking>, StoreError>>,
) -> Result<(), StoreError> {
    let arrived = first_id(Timestamp(from.0.saturating_sub(EARLY)));
    let query = sqlx::query(BOOKED).bind(arrived).bind(account.as_str()).bind(from.0).bind(to.0);
    let mut found = query.fetch(&mut *connection).map_err(failed);
    let mut page = Vec::with_capacity(PAGE);
    while let Some(row) = found.try_next().await? {
        page.push(codec::booking(&row)?);
        if page.len() == PAGE && pages.send(Ok(std::mem::replace(&mut page, Vec::with_capacity(PAGE)))).await.is_err() {
            return Ok(());
        }
    }
    drop(found);
    connection.end();
    if !page.is_empty() {
        let _ = pages.send(Ok(page)).await;
    }
    Ok(())
}
