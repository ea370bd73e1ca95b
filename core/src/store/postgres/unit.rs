//! One transaction on PostgreSQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::{
    failed,
    lease::Lease,
    write::{self, column},
};
use crate::{
    order::{AccountName, CaseId, Order, OrderId, OutRefundNo, OutTradeNo, RequestId},
    store::{
        Keys, Loaded, MoneyKey, MoneyKind, NoticeKey, NotificationRow, RequestRow, StoreError, Unit, Writes, codec,
    },
};

/// Claims notifications, stores the new ones, and then locks names: the sub-select of `locked` makes it wait
/// until all claims are made, so that units take everything in one order.
const CLAIM: &str = "\
    WITH claimed AS ( \
      INSERT INTO notice (content_sha256, account, provider, notification_id) \
      SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::uuid[]) \
      ON CONFLICT DO NOTHING RETURNING notification_id), \
    stored AS ( \
      INSERT INTO notification (notification_id, provider, account, body_sha256, source, event_type, platform_notice_id, \
        key_id, received_at, body_size, seal_key_id, sealed) \
      SELECT * FROM unnest($4::uuid[], $3::text[], $2::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
        $10::bigint[], $11::bigint[], $12::text[], $13::bytea[]) AS n (id) \
      WHERE id = ANY (ARRAY(SELECT notification_id FROM claimed))), \
    locked AS MATERIALIZED ( \
      SELECT count(pg_advisory_xact_lock(key)) FROM unnest($14::bigint[]) AS key \
      WHERE (SELECT count(*) FROM claimed) >= 0) \
    SELECT claimed.notification_id FROM locked LEFT JOIN claimed ON true";

const LOCK: &str = "SELECT count(pg_advisory_xact_lock(key)) FROM unnest($1::bigint[]) AS key";

/// What stands under the keys, one kind after the other, and the orders that all this leads to.
const LOOK_UP: &str = "\
    WITH found AS MATERIALIZED ( \
      SELECT 'payment' AS what, out_trade_no AS name, order_id, NULL AS provider, NULL AS account, NULL AS kind, NULL AS fingerprint \
        FROM payment WHERE out_trade_no = ANY($1) \
      UNION ALL SELECT 'money', transaction_id, order_id, provider, account, kind, NULL \
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS m (transaction_id, account, provider, kind) \
        JOIN payment_txn USING (transaction_id, account, provider, kind) \
      UNION ALL SELECT 'fact', encode(fact_key, 'hex'), NULL, NULL, NULL, NULL, NULL \
        FROM observation WHERE fact_key = ANY($6) \
      UNION ALL SELECT 'request', request_id, order_id, NULL, NULL, NULL, fingerprint \
        FROM request WHERE request_id = ANY($7) \
      UNION ALL SELECT 'refund', out_refund_no, order_id, NULL, NULL, NULL, NULL \
        FROM refund WHERE out_refund_no = ANY($11) \
      UNION ALL SELECT 'case', case_id, order_id, NULL, NULL, NULL, NULL \
        FROM cases WHERE case_id = ANY($12) \
      UNION ALL SELECT 'parked', encode(fact_key, 'hex'), NULL, NULL, NULL, NULL, NULL \
        FROM parked WHERE out_trade_no = ANY($1) OR transaction_id = ANY($8) OR refund_number = ANY($9)), \
    held AS ( \
      SELECT order_id, doc FROM orders \
      WHERE order_id = ANY ($10::text[] || ARRAY(SELECT order_id FROM found WHERE order_id IS NOT NULL)) \
      ORDER BY order_id FOR NO KEY UPDATE) \
    SELECT what, name, order_id, provider, account, kind, fingerprint FROM found \
    UNION ALL SELECT 'order', doc, order_id, NULL, NULL, NULL, NULL FROM held";

const PARKED: &str = "SELECT encode(fact_key, 'hex') AS fact_key, notification_id::text AS notification_id, provider, account, kind, \
       out_trade_no, transaction_id, out_refund_no, refund_id, status, amount_minor, currency, cumulative, occurred_at \
     FROM observation o WHERE o.fact_key = ANY($1) ORDER BY recorded_at, o.fact_key";

pub(super) struct PostgresUnit {
    tx: Lease,
    /// Names that are locked.
    locked: BTreeSet<i64>,
    /// It waits for others only for a moment.
    brief: bool,
}

impl PostgresUnit {
    pub(super) async fn begin(mut tx: Lease) -> Result<Self, sqlx::Error> {
        tx.execute("BEGIN").await?;
        Ok(Self { tx, locked: BTreeSet::new(), brief: false })
    }

    /// Locks what was not named in the claim. Units that named the same key pass here one after the other, and
    /// the next statement sees what the one before committed.
    async fn lock(&mut self, keys: &Keys) -> Result<(), StoreError> {
        let names: Vec<i64> = lock_keys(keys).difference(&self.locked).copied().collect();
        if names.is_empty() {
            return Ok(());
        }
        self.locked.extend(&names);
        sqlx::query(LOCK).bind(names).execute(&mut *self.tx).await.map(drop).map_err(failed)
    }

    /// Answers with the facts that wait, by their keys.
    async fn look_up(&mut self, keys: &Keys, loaded: &mut Loaded) -> Result<Vec<Vec<u8>>, StoreError> {
        let money: Vec<&MoneyKey> = keys.money.iter().collect();
        let numbers = |kind: MoneyKind| -> Vec<&str> {
            money.iter().filter(|k| k.kind == kind).map(|k| k.number.as_str()).collect()
        };
        let rows = sqlx::query(LOOK_UP)
            .bind(keys.payments.iter().map(OutTradeNo::as_str).collect::<Vec<_>>())
            .bind(column(&money, |k| k.number.as_str()))
            .bind(column(&money, |k| k.account.as_str()))
            .bind(column(&money, |k| k.provider.as_str()))
            .bind(column(&money, |k| k.kind.as_str()))
            .bind(keys.facts.iter().map(|k| k.0.as_bytes()).collect::<Vec<_>>())
            .bind(keys.requests.iter().map(RequestId::as_str).collect::<Vec<_>>())
            .bind(numbers(MoneyKind::Payment))
            .bind(numbers(MoneyKind::Refund))
            .bind(keys.orders.iter().map(OrderId::as_str).collect::<Vec<_>>())
            .bind(keys.refunds.iter().map(OutRefundNo::as_str).collect::<Vec<_>>())
            .bind(keys.cases.iter().map(CaseId::as_str).collect::<Vec<_>>())
            .fetch_all(&mut *self.tx)
            .await
            .map_err(failed)?;
        let mut parked = Vec::new();
        for row in &rows {
            let (what, name): (&str, String) = (row.get(0), row.get(1));
            let order_id = || codec::parse(codec::column(row, "order_id")?, OrderId::parse);
            match what {
                "payment" => {
                    loaded.payments.insert(codec::parse(name, OutTradeNo::parse)?, order_id()?);
                }
                "money" => {
                    let key = MoneyKey {
                        provider: codec::column(row, "provider")?,
                        account: codec::parse(codec::column(row, "account")?, AccountName::parse)?,
                        kind: codec::parse(codec::column(row, "kind")?, |kind: String| {
                            MoneyKind::parse(&kind).ok_or("not a kind of money")
                        })?,
                        number: name.into(),
                    };
                    loaded.money.insert(key, order_id()?);
                }
                "fact" => {
                    loaded.facts.insert(codec::fact_key(&name)?);
                }
                "refund" => {
                    loaded.refunds.insert(codec::parse(name, OutRefundNo::parse)?, order_id()?);
                }
                // Read below, once its order is held: what it says now may be older.
                "case" => {}
                "request" => {
                    let id = codec::parse(name, RequestId::parse)?;
                    let fingerprint = codec::column(row, "fingerprint")?;
                    loaded.requests.insert(id.clone(), RequestRow { id, fingerprint, order_id: order_id().ok() });
                }
                "order" => {
                    let order: Order = codec::read_document(&name)?;
                    loaded.orders.insert(order.id.clone(), order);
                }
                _ => parked.push(codec::fact_key(&name)?.0.as_bytes().to_vec()),
            }
        }
        Ok(parked)
    }
}

impl PostgresUnit {
    /// Reads cases, now that their orders are held.
    async fn cases(&mut self, keys: &Keys, loaded: &mut Loaded) -> Result<(), StoreError> {
        if keys.cases.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = keys.cases.iter().map(CaseId::as_str).collect();
        let rows = sqlx::query("SELECT * FROM cases WHERE case_id = ANY($1)").bind(ids).fetch_all(&mut *self.tx);
        for row in &rows.await.map_err(failed)? {
            let row = codec::case(row)?;
            if row.case.order_id.as_ref().is_some_and(|order| !loaded.orders.contains_key(order)) {
                return Err(StoreError::Conflict(format!("case {} has found its order", row.case.id)));
            }
            loaded.cases.insert(row.case.id.clone(), row);
        }
        Ok(())
    }
}

/// Names under which there may be no row yet, in the order in which they are locked.
fn lock_keys(keys: &Keys) -> BTreeSet<i64> {
    (keys.orders.iter().map(|k| lock_key("order", k.as_str())))
        .chain(keys.payments.iter().map(|k| lock_key("payment", k.as_str())))
        .chain(keys.money.iter().map(|k| lock_key("money", &k.number)))
        .chain(keys.refunds.iter().map(|k| lock_key("refund", k.as_str())))
        .chain(keys.cases.iter().map(|k| lock_key("case", k.as_str())))
        .chain(keys.requests.iter().map(|k| lock_key("request", k.as_str())))
        .collect()
}

/// The same on every core, for ever: eight bytes of a hash. If two names collide, they merely wait for each other.
fn lock_key(kind: &str, name: &str) -> i64 {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(name.as_bytes());
    let digest = context.finish();
    digest.as_ref().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

#[async_trait]
impl Unit for PostgresUnit {
    async fn wait_briefly(&mut self) -> Result<(), StoreError> {
        self.tx.execute("SET LOCAL lock_timeout = '50ms'").await.map_err(failed)?;
        self.brief = true;
        Ok(())
    }

    async fn claim(&mut self, rows: &[&NotificationRow], names: &Keys) -> Result<BTreeSet<NoticeKey>, StoreError> {
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        // In key order: two units with the same notifications wait for each other, not in a circle.
        let mut rows = rows.to_vec();
        rows.sort_unstable_by_key(|r| (&r.key.content_sha256, r.key.account.as_str(), r.key.provider.as_str()));
        self.locked = lock_keys(names);
        let new = sqlx::query(CLAIM)
            .bind(column(&rows, |r| r.key.content_sha256.as_bytes()))
            .bind(column(&rows, |r| r.key.account.as_str()))
            .bind(column(&rows, |r| r.key.provider.as_str()))
            .bind(rows.iter().map(|r| write::id(&r.id)).collect::<Result<Vec<_>, _>>()?)
            .bind(column(&rows, |r| r.body_sha256.as_str()))
            .bind(column(&rows, |r| r.source.as_str()))
            .bind(column(&rows, |r| r.event_type.as_str()))
            .bind(column(&rows, |r| r.platform_notice_id.as_str()))
            .bind(column(&rows, |r| r.key_id.as_str()))
            .bind(column(&rows, |r| r.received_at.0))
            .bind(column(&rows, |r| r.body_size))
            .bind(column(&rows, |r| r.sealed.key_id.as_str()))
            .bind(column(&rows, |r| r.sealed.bytes.as_slice()))
            .bind(self.locked.iter().copied().collect::<Vec<_>>())
            .fetch_all(&mut *self.tx)
            .await
            .map_err(failed)?;
        let new: BTreeSet<Option<Uuid>> = new.iter().map(|r| r.get(0)).collect();
        let is_new = |row: &&&NotificationRow| write::id(&row.id).is_ok_and(|id| new.contains(&Some(id)));
        Ok(rows.iter().filter(is_new).map(|row| row.key.clone()).collect())
    }

    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        if keys.is_empty() {
            return Ok(loaded);
        }
        self.lock(keys).await?;
        let parked = self.look_up(keys, &mut loaded).await?;
        self.cases(keys, &mut loaded).await?;
        if !parked.is_empty() {
            let rows = sqlx::query(PARKED).bind(parked).fetch_all(&mut *self.tx).await.map_err(failed)?;
            loaded.parked = rows.iter().map(codec::parked).collect::<Result<_, _>>()?;
        }
        Ok(loaded)
    }

    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError> {
        if std::mem::take(&mut self.brief) {
            // All units need the head of the log: the one that holds it is about to commit.
            self.tx.execute("SET LOCAL lock_timeout TO DEFAULT").await.map_err(failed)?;
        }
        write::all(&mut self.tx, writes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        // After a refusal by the database, too, it is unknown what happened: the refusal may come from a proxy.
        self.tx.execute("COMMIT").await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        self.tx.end();
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        self.tx.execute("ROLLBACK").await.map_err(failed)?;
        self.tx.end();
        Ok(())
    }
}
