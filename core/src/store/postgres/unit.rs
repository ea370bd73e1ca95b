//! One transaction on PostgreSQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::{failed, lease::Lease, write};
use crate::{
    order::{AccountName, Order, OrderId, OutTradeNo, RequestId},
    store::{
        FactKey, Keys, Loaded, MoneyKey, MoneyKind, NoticeKey, NotificationRow, RequestRow, StoreError, Unit, Writes,
        codec,
    },
};

const CLAIM: &str = "INSERT INTO notice (content_sha256, account, provider, notification_id) \
     SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::uuid[]) \
     ON CONFLICT DO NOTHING RETURNING notification_id";

const LOCK: &str = "SELECT count(pg_advisory_xact_lock(key)) FROM unnest($1::bigint[]) AS key";

/// What stands under the keys, one kind after the other.
const LOOK_UP: &str = "\
    SELECT 'payment' AS what, out_trade_no AS name, order_id, NULL AS provider, NULL AS account, NULL AS kind, NULL AS fingerprint \
      FROM payment WHERE out_trade_no = ANY($1) \
    UNION ALL SELECT 'money', transaction_id, order_id, provider, account, kind, NULL \
      FROM payment_txn WHERE transaction_id = ANY($2) \
    UNION ALL SELECT 'fact', encode(fact_key, 'hex'), NULL, NULL, NULL, NULL, NULL \
      FROM observation WHERE fact_key = ANY($3) \
    UNION ALL SELECT 'request', request_id, order_id, NULL, NULL, NULL, fingerprint \
      FROM request WHERE request_id = ANY($4) \
    UNION ALL SELECT 'parked', encode(fact_key, 'hex'), NULL, NULL, NULL, NULL, NULL \
      FROM parked WHERE out_trade_no = ANY($1) OR transaction_id = ANY($5) OR refund_number = ANY($6)";

const PARKED: &str = "SELECT encode(fact_key, 'hex') AS fact_key, notification_id::text AS notification_id, provider, account, kind, \
       out_trade_no, transaction_id, out_refund_no, refund_id, status, amount_minor, currency, cumulative, occurred_at \
     FROM observation o WHERE o.fact_key = ANY($1) ORDER BY recorded_at, o.fact_key";

const ORDERS: &str = "SELECT doc FROM orders WHERE order_id = ANY($1) ORDER BY order_id FOR NO KEY UPDATE";

pub(super) struct PostgresUnit {
    tx: Lease,
}

impl PostgresUnit {
    pub(super) async fn begin(mut tx: Lease) -> Result<Self, sqlx::Error> {
        tx.execute("BEGIN").await?;
        Ok(Self { tx })
    }

    /// Locks names under which there may be no row yet. Units that named the same key pass here one after
    /// the other, and the next statement sees what the one before committed.
    async fn lock(&mut self, keys: &Keys) -> Result<(), StoreError> {
        let names = (keys.orders.iter().map(|k| lock_key("order", k.as_str())))
            .chain(keys.payments.iter().map(|k| lock_key("payment", k.as_str())))
            .chain(keys.money.iter().map(|k| lock_key("money", &k.number)))
            .chain(keys.requests.iter().map(|k| lock_key("request", k.as_str())));
        let names: Vec<i64> = names.collect::<BTreeSet<_>>().into_iter().collect();
        sqlx::query(LOCK).bind(names).execute(&mut *self.tx).await.map(drop).map_err(failed)
    }

    /// Answers with the facts that wait, by their keys.
    async fn look_up(&mut self, keys: &Keys, loaded: &mut Loaded) -> Result<Vec<Vec<u8>>, StoreError> {
        let numbers = |wanted: Option<MoneyKind>| -> Vec<&str> {
            let of = keys.money.iter().filter(|k| wanted.is_none_or(|kind| k.kind == kind));
            of.map(|k| k.number.as_str()).collect()
        };
        let rows = sqlx::query(LOOK_UP)
            .bind(keys.payments.iter().map(OutTradeNo::as_str).collect::<Vec<_>>())
            .bind(numbers(None))
            .bind(keys.facts.iter().map(write::fact_bytes).collect::<Result<Vec<_>, _>>()?)
            .bind(keys.requests.iter().map(RequestId::as_str).collect::<Vec<_>>())
            .bind(numbers(Some(MoneyKind::Payment)))
            .bind(numbers(Some(MoneyKind::Refund)))
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
                        number: name,
                    };
                    if keys.money.contains(&key) {
                        loaded.money.insert(key, order_id()?);
                    }
                }
                "fact" => {
                    loaded.facts.insert(FactKey(name));
                }
                "request" => {
                    let id = codec::parse(name, RequestId::parse)?;
                    let fingerprint = codec::column(row, "fingerprint")?;
                    loaded.requests.insert(id.clone(), RequestRow { id, fingerprint, order_id: order_id()? });
                }
                _ => parked.push(write::fact_bytes(&FactKey(name))?),
            }
        }
        Ok(parked)
    }
}

/// The same on every core, for ever: eight bytes of a hash. Two names that meet only wait for each other.
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
    async fn claim(&mut self, rows: &[&NotificationRow]) -> Result<BTreeSet<NoticeKey>, StoreError> {
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        // In key order: two units with the same notifications wait for each other, not in a circle.
        let mut rows: Vec<_> = rows.iter().map(|row| Ok((write::notice_id(row)?, *row))).collect::<Result<_, _>>()?;
        rows.sort_unstable_by_key(|(_, row)| {
            (&row.key.content_sha256, row.key.account.as_str(), row.key.provider.as_str())
        });
        let hashes =
            rows.iter().map(|(_, r)| write::hash_bytes(&r.key.content_sha256)).collect::<Result<Vec<_>, _>>()?;
        let new = sqlx::query(CLAIM)
            .bind(hashes)
            .bind(rows.iter().map(|(_, r)| r.key.account.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, r)| r.key.provider.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
            .fetch_all(&mut *self.tx)
            .await
            .map_err(failed)?;
        let new: BTreeSet<Uuid> = new.iter().map(|r| r.get(0)).collect();
        rows.retain(|(id, _)| new.contains(id));
        write::notifications(&mut self.tx, &rows).await?;
        Ok(rows.into_iter().map(|(_, row)| row.key.clone()).collect())
    }

    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        if keys.is_empty() {
            return Ok(loaded);
        }
        self.lock(keys).await?;
        let parked = self.look_up(keys, &mut loaded).await?;
        if !parked.is_empty() {
            let rows = sqlx::query(PARKED).bind(parked).fetch_all(&mut *self.tx).await.map_err(failed)?;
            loaded.parked = rows.iter().map(codec::parked).collect::<Result<_, _>>()?;
        }
        let named = loaded.payments.values().chain(loaded.money.values());
        let ids: BTreeSet<&OrderId> =
            keys.orders.iter().chain(named).chain(loaded.requests.values().map(|r| &r.order_id)).collect();
        if !ids.is_empty() {
            let ids: Vec<_> = ids.into_iter().map(OrderId::as_str).collect();
            let rows = sqlx::query(ORDERS).bind(ids).fetch_all(&mut *self.tx).await.map_err(failed)?;
            for row in &rows {
                let order: Order = codec::read_document(&codec::column::<String>(row, "doc")?)?;
                loaded.orders.insert(order.id.clone(), order);
            }
        }
        Ok(loaded)
    }

    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError> {
        write::all(&mut self.tx, writes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        // Also a refusal by the database leaves open what happened, for instance when it comes from a proxy.
        self.tx.execute("COMMIT").await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        self.tx.end();
        Ok(())
    }
}
