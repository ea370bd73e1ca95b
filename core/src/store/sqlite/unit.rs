//! One transaction on SQLite. Each table gets one statement per unit, whatever the size of the batch.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, Transaction};

use super::{failed, json, read};
use crate::{
    order::{AccountName, CaseId, CaseState, OrderId, OutRefundNo, OutTradeNo, RequestId, TransactionId},
    store::{
        FactKey, KEPT_REJECTIONS, Keys, Loaded, MoneyKey, MoneyKind, NoticeKey, NotificationRow, ObservationRow,
        PROVEN_REASONS, RejectionRow, RequestRow, StoreError, Unit, Writes, codec,
    },
};

pub(super) struct SqliteUnit {
    tx: Transaction<'static, Sqlite>,
}

impl SqliteUnit {
    pub(super) fn new(tx: Transaction<'static, Sqlite>) -> Self {
        Self { tx }
    }

    async fn texts(&mut self, sql: &'static str, keys: String) -> Result<Vec<sqlx::sqlite::SqliteRow>, StoreError> {
        sqlx::query(sql).bind(keys).fetch_all(&mut *self.tx).await.map_err(failed)
    }
}

/// Keys as `json_each` takes them.
fn json_of<'a>(keys: impl IntoIterator<Item = &'a FactKey>) -> String {
    serde_json::Value::from_iter(keys.into_iter().map(|k| k.0.to_string())).to_string()
}

#[async_trait]
impl Unit for SqliteUnit {
    // There is one writer at a time: names need no locks.
    async fn claim(&mut self, rows: &[&NotificationRow], _: &Keys) -> Result<BTreeSet<NoticeKey>, StoreError> {
        if rows.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut sql = QueryBuilder::new(
            "INSERT INTO notification (notification_id, provider, account, content_sha256, body_sha256, source, event_type, \
             platform_notice_id, key_id, received_at, body_size, seal_key_id, sealed) ",
        );
        sql.push_values(rows, |mut b, r| {
            b.push_bind(&r.id)
                .push_bind(r.key.provider.as_str())
                .push_bind(r.key.account.as_str())
                .push_bind(r.key.content_sha256.to_string())
                .push_bind(&r.body_sha256)
                .push_bind(r.source.as_str())
                .push_bind(&r.event_type)
                .push_bind(&r.platform_notice_id)
                .push_bind(&r.key_id)
                .push_bind(r.received_at.0)
                .push_bind(r.body_size)
                .push_bind(&r.sealed.key_id)
                .push_bind(&r.sealed.bytes);
        });
        sql.push(" ON CONFLICT (provider, account, content_sha256) DO NOTHING RETURNING notification_id");
        let new = sql.build().fetch_all(&mut *self.tx).await.map_err(failed)?;
        let new: BTreeSet<String> = new.iter().map(|r| r.get(0)).collect();
        Ok(rows.iter().filter(|r| new.contains(&r.id)).map(|r| r.key.clone()).collect())
    }

    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        let mut ids = keys.orders.clone();
        if !keys.payments.is_empty() {
            for row in self.texts(read::PAYMENTS, json(keys.payments.iter().map(OutTradeNo::as_str))).await? {
                let order_id = codec::parse(row.get(1), OrderId::parse)?;
                ids.insert(order_id.clone());
                loaded.payments.insert(codec::parse(row.get(0), OutTradeNo::parse)?, order_id);
            }
        }
        if !keys.money.is_empty() {
            for row in self.texts(read::MONEY, json(keys.money.iter().map(|k| k.number.as_str()))).await? {
                let key = MoneyKey {
                    provider: row.get::<String, _>(0).into(),
                    account: codec::parse(row.get(1), AccountName::parse)?,
                    kind: codec::parse(row.get(2), |kind: String| {
                        MoneyKind::parse(&kind).ok_or("not a kind of money")
                    })?,
                    number: row.get::<String, _>(3).into(),
                };
                if keys.money.contains(&key) {
                    let order_id = codec::parse(row.get(4), OrderId::parse)?;
                    ids.insert(order_id.clone());
                    loaded.money.insert(key, order_id);
                }
            }
        }
        if !keys.requests.is_empty() {
            for row in self.texts(read::REQUESTS, json(keys.requests.iter().map(RequestId::as_str))).await? {
                let id = codec::parse(row.get(0), RequestId::parse)?;
                let order_id = codec::parse(row.get(2), OrderId::parse).ok();
                ids.extend(order_id.clone());
                loaded.requests.insert(id.clone(), RequestRow { id, fingerprint: row.get(1), order_id });
            }
        }
        if !keys.refunds.is_empty() {
            for row in self.texts(read::REFUNDS, json(keys.refunds.iter().map(OutRefundNo::as_str))).await? {
                let order_id = codec::parse(row.get(1), OrderId::parse)?;
                ids.insert(order_id.clone());
                loaded.refunds.insert(codec::parse(row.get(0), OutRefundNo::parse)?, order_id);
            }
        }
        if !keys.cases.is_empty() {
            for row in self.texts(read::CASES, json(keys.cases.iter().map(CaseId::as_str))).await? {
                let row = codec::case(&row)?;
                ids.extend(row.case.order_id.clone());
                loaded.cases.insert(row.case.id.clone(), row);
            }
        }
        if !keys.facts.is_empty() {
            let known = self.texts(read::FACTS, json_of(&keys.facts)).await?;
            loaded.facts = known.iter().map(|r| codec::fact_key(r.get(0))).collect::<Result<_, _>>()?;
        }
        loaded.parked = self.parked(keys).await?;
        loaded.orders = read::orders(&mut *self.tx, &ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(loaded)
    }

    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError> {
        let tx = &mut *self.tx;
        insert_observations(tx, &writes.observations).await?;
        insert_sayings(tx, writes).await?;
        insert_parked(tx, writes).await?;
        if !writes.unparked.is_empty() {
            let keys = json_of(&writes.unparked);
            sqlx::query("DELETE FROM parked WHERE fact_key IN (SELECT value FROM json_each(?1))")
                .bind(keys)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        write_orders(tx, writes).await?;
        insert_keys(tx, writes).await?;
        upsert_cases(tx, writes).await?;
        assign_cases(tx, writes).await?;
        upsert_tasks(tx, writes).await?;
        append_events(tx, writes).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(failed)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.tx.rollback().await.map_err(failed)
    }
}

impl SqliteUnit {
    async fn parked(&mut self, keys: &Keys) -> Result<Vec<crate::store::ParkedRow>, StoreError> {
        if keys.payments.is_empty() && keys.money.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = |kind| json(keys.money.iter().filter(|k| k.kind == kind).map(|k| k.number.as_str()));
        let rows = sqlx::query(read::PARKED)
            .bind(json(keys.payments.iter().map(OutTradeNo::as_str)))
            .bind(numbers(MoneyKind::Payment))
            .bind(numbers(MoneyKind::Refund))
            .fetch_all(&mut *self.tx)
            .await
            .map_err(failed)?;
        rows.iter().map(codec::parked).collect()
    }
}

async fn insert_observations(tx: &mut SqliteConnection, rows: &[ObservationRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new(
        "INSERT INTO observation (fact_key, notification_id, provider, account, kind, out_trade_no, transaction_id, \
         out_refund_no, refund_id, status, amount_minor, currency, cumulative, occurred_at, recorded_at, masked_payer, \
         seal_key_id, sealed_payer) ",
    );
    sql.push_values(rows, |mut b, r| {
        let c = codec::columns(&r.observation.fact);
        b.push_bind(r.key.0.to_string())
            .push_bind(&r.notification_id)
            .push_bind(r.provider.as_str())
            .push_bind(r.observation.account.as_str())
            .push_bind(c.kind)
            .push_bind(c.out_trade_no)
            .push_bind(c.transaction_id)
            .push_bind(c.out_refund_no)
            .push_bind(c.refund_id)
            .push_bind(c.status)
            .push_bind(c.amount.minor())
            .push_bind(String::from(c.amount.currency()))
            .push_bind(c.cumulative)
            .push_bind(c.occurred_at)
            .push_bind(r.recorded_at.0)
            .push_bind(r.masked_payer.as_deref())
            .push_bind(r.sealed_payer.as_ref().map(|s| s.key_id.as_str()))
            .push_bind(r.sealed_payer.as_ref().map(|s| s.bytes.as_slice()));
    });
    execute(tx, sql).await
}

async fn insert_sayings(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    if writes.sayings.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new("INSERT INTO notification_fact (notification_id, fact_key) ");
    sql.push_values(&writes.sayings, |mut b, (notification_id, fact)| {
        b.push_bind(notification_id).push_bind(fact.0.to_string());
    });
    // One message may say a thing twice.
    sql.push(" ON CONFLICT DO NOTHING");
    execute(tx, sql).await
}

async fn insert_parked(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows = writes.newly_parked();
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new(
        "INSERT INTO parked (fact_key, provider, account, out_trade_no, transaction_id, refund_number) ",
    );
    sql.push_values(rows, |mut b, r| {
        let c = codec::columns(&r.observation.fact);
        b.push_bind(r.key.0.to_string())
            .push_bind(r.provider.as_str())
            .push_bind(r.observation.account.as_str())
            .push_bind(c.out_trade_no)
            .push_bind(c.transaction_id)
            .push_bind(c.refund_id.or(c.out_refund_no));
    });
    execute(tx, sql).await
}

/// Writes each order where its version is still the one that was loaded. One statement: an upsert whose
/// WHERE compares the version; a row that lost the race is not returned.
async fn write_orders(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    let (new, old): (Vec<_>, Vec<_>) = writes.orders.iter().partition(|(_, version)| *version == 0);
    for (rows, is_new) in [(new, true), (old, false)] {
        if rows.is_empty() {
            continue;
        }
        let docs = rows.iter().map(|(order, _)| codec::document(order)).collect::<Result<Vec<_>, _>>()?;
        let values = rows.iter().zip(&docs);
        let mut sql = if is_new {
            let mut sql = QueryBuilder::new(
                "INSERT INTO orders (order_id, version, state, amount_minor, currency, paid_minor, refunded_minor, \
                 created_at, doc) ",
            );
            sql.push_values(values, |mut b, ((order, _), doc)| {
                b.push_bind(order.id.as_str())
                    .push_bind(order.version)
                    .push_bind(order.state().as_str())
                    .push_bind(order.amount.minor())
                    .push_bind(String::from(order.amount.currency()))
                    .push_bind(order.paid().minor())
                    .push_bind(order.refunded().minor())
                    .push_bind(order.created_at.0)
                    .push_bind(doc);
            });
            sql.push(" ON CONFLICT (order_id) DO NOTHING RETURNING order_id");
            sql
        } else {
            let mut sql = QueryBuilder::new("WITH new (order_id, loaded, version, state, paid, refunded, doc) AS (");
            sql.push_values(values, |mut b, ((order, loaded), doc)| {
                b.push_bind(order.id.as_str())
                    .push_bind(*loaded)
                    .push_bind(order.version)
                    .push_bind(order.state().as_str())
                    .push_bind(order.paid().minor())
                    .push_bind(order.refunded().minor())
                    .push_bind(doc);
            });
            sql.push(
                ") UPDATE orders SET version = new.version, state = new.state, paid_minor = new.paid, \
                 refunded_minor = new.refunded, doc = new.doc FROM new \
                 WHERE orders.order_id = new.order_id AND orders.version = new.loaded RETURNING orders.order_id",
            );
            sql
        };
        let written = sql.build().fetch_all(&mut *tx).await.map_err(failed)?;
        let written: BTreeSet<String> = written.iter().map(|r| r.get(0)).collect();
        if let Some((lost, _)) = rows.iter().find(|(order, _)| !written.contains(order.id.as_str())) {
            return Err(StoreError::Conflict(format!("order {}", lost.id)));
        }
    }
    Ok(())
}

async fn insert_keys(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    if !writes.payments.is_empty() {
        let mut sql = QueryBuilder::new("INSERT INTO payment (out_trade_no, order_id) ");
        sql.push_values(&writes.payments, |mut b, (number, order_id)| {
            b.push_bind(number.as_str()).push_bind(order_id.as_str());
        });
        execute(tx, sql).await?;
    }
    if !writes.refunds.is_empty() {
        let mut sql = QueryBuilder::new("INSERT INTO refund (out_refund_no, order_id) ");
        sql.push_values(&writes.refunds, |mut b, (number, order_id)| {
            b.push_bind(number.as_str()).push_bind(order_id.as_str());
        });
        execute(tx, sql).await?;
    }
    if !writes.requests.is_empty() {
        let mut sql = QueryBuilder::new("INSERT INTO request (request_id, fingerprint, order_id) ");
        sql.push_values(&writes.requests, |mut b, r| {
            b.push_bind(r.id.as_str())
                .push_bind(&r.fingerprint)
                .push_bind(r.order_id.as_ref().map_or("", OrderId::as_str));
        });
        execute(tx, sql).await?;
    }
    if !writes.money.is_empty() {
        let mut sql = QueryBuilder::new(
            "INSERT INTO payment_txn (provider, account, kind, transaction_id, order_id, amount_minor, currency, fact_key) ",
        );
        sql.push_values(&writes.money, |mut b, r| {
            b.push_bind(r.key.provider.as_str())
                .push_bind(r.key.account.as_str())
                .push_bind(r.key.kind.as_str())
                .push_bind(r.key.number.as_str())
                .push_bind(r.order_id.as_str())
                .push_bind(r.amount.minor())
                .push_bind(String::from(r.amount.currency()))
                .push_bind(r.fact.0.to_string());
        });
        execute(tx, sql).await?;
    }
    Ok(())
}

async fn upsert_cases(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    let last = writes.last_cases();
    if last.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new(
        "INSERT INTO cases (case_id, kind, open, order_id, account, out_trade_no, transaction_id, expected_minor, \
         expected_currency, observed_minor, observed_currency, summary, notification_id, opened_at, resolution, resolved_at, resolver, reason, evidence, due_at, owner) ",
    );
    sql.push_values(&last, |mut b, r| {
        let c = &r.case;
        let (resolution, resolved_at, resolver) = codec::settled(c.state);
        b.push_bind(c.id.as_str())
            .push_bind(c.kind.as_str())
            .push_bind(c.state == CaseState::Open)
            .push_bind(c.order_id.as_ref().map(OrderId::as_str))
            .push_bind(c.account.as_str())
            .push_bind(c.out_trade_no.as_ref().map(OutTradeNo::as_str))
            .push_bind(c.transaction_id.as_ref().map(TransactionId::as_str))
            .push_bind(c.expected.map(|m| m.minor()))
            .push_bind(c.expected.map(|m| String::from(m.currency())))
            .push_bind(c.observed.map(|m| m.minor()))
            .push_bind(c.observed.map(|m| String::from(m.currency())))
            .push_bind(&c.summary)
            .push_bind(&r.notification_id)
            .push_bind(c.opened_at.0)
            .push_bind(resolution)
            .push_bind(resolved_at)
            .push_bind(resolver)
            .push_bind(&c.reason)
            .push_bind(&c.evidence)
            .push_bind(c.due_at.map(|at| at.0))
            .push_bind(&c.owner);
    });
    // `CaseRow::followed_by`, for a row that this unit may not have read.
    sql.push(
        " ON CONFLICT (case_id) DO UPDATE SET open = excluded.open, \
         resolution = iif(cases.resolver <> '' AND excluded.resolver = '', cases.resolution, excluded.resolution), \
         resolved_at = iif(cases.resolver <> '' AND excluded.resolver = '', cases.resolved_at, excluded.resolved_at), \
         reason = iif(cases.resolver <> '' AND excluded.resolver = '', cases.reason, excluded.reason), \
         resolver = iif(excluded.resolver = '', cases.resolver, excluded.resolver), \
         order_id = coalesce(excluded.order_id, cases.order_id), \
         out_trade_no = iif(excluded.open, coalesce(excluded.out_trade_no, cases.out_trade_no), cases.out_trade_no), \
         transaction_id = iif(excluded.open, coalesce(excluded.transaction_id, cases.transaction_id), cases.transaction_id), \
         expected_minor = iif(excluded.open AND NOT cases.open, excluded.expected_minor, cases.expected_minor), \
         expected_currency = iif(excluded.open AND NOT cases.open, excluded.expected_currency, cases.expected_currency), \
         summary = iif(excluded.open, excluded.summary, cases.summary), \
         observed_minor = iif(excluded.open, excluded.observed_minor, cases.observed_minor), \
         observed_currency = iif(excluded.open, excluded.observed_currency, cases.observed_currency), \
         notification_id = iif(excluded.open, excluded.notification_id, cases.notification_id), \
         evidence = iif(excluded.open AND (excluded.evidence <> '' OR NOT cases.open), excluded.evidence, cases.evidence), \
         opened_at = iif(excluded.open AND NOT cases.open, excluded.opened_at, cases.opened_at), \
         due_at = iif(excluded.open AND NOT cases.open, excluded.due_at, cases.due_at), \
         owner = iif(excluded.open AND NOT cases.open, excluded.owner, cases.owner) \
         WHERE cases.resolver = '' OR NOT excluded.open",
    );
    execute(tx, sql).await
}

async fn assign_cases(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    for (id, owner) in &writes.owners {
        let assign = sqlx::query("UPDATE cases SET owner = ?2 WHERE case_id = ?1").bind(id.as_str()).bind(owner);
        assign.execute(&mut *tx).await.map_err(failed)?;
    }
    Ok(())
}

/// Existing tasks become due earlier, never later. While somebody works on one, the new time is noted for the end of
/// that work.
async fn upsert_tasks(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    let rows = writes.earliest_tasks();
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new("INSERT INTO task (kind, subject, account, order_id, due_at) ");
    sql.push_values(rows, |mut b, t| {
        b.push_bind(t.key.kind.as_str())
            .push_bind(t.key.subject.as_str())
            .push_bind(t.account.as_ref().map(AccountName::as_str))
            .push_bind(t.order_id.as_ref().map(OrderId::as_str))
            .push_bind(t.due_at.0);
    });
    sql.push(
        " ON CONFLICT (kind, subject) DO UPDATE SET \
         due_at = iif(lease IS NULL, min(due_at, excluded.due_at), due_at), \
         again_at = iif(lease IS NULL, NULL, min(coalesce(again_at, excluded.due_at), excluded.due_at))",
    );
    execute(tx, sql).await
}

/// Gives out revisions. Last of all, so that on every database they come in commit order.
async fn append_events(tx: &mut SqliteConnection, writes: &Writes) -> Result<(), StoreError> {
    if writes.events.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(writes.events.len()).unwrap_or(i64::MAX);
    let head: i64 = sqlx::query("UPDATE log SET head = head + ?1 RETURNING head - ?1")
        .bind(count)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?
        .get(0);
    let documents = writes
        .events
        .iter()
        .map(|e| Ok((codec::document(&e.event.after)?, codec::document(&e.event.opened_cases)?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut sql = QueryBuilder::new(
        "INSERT INTO order_event (revision, event_id, order_id, seq, kind, from_state, to_state, at, opened_cases, snapshot) ",
    );
    let rows = (head + 1..).zip(writes.events.iter().zip(documents));
    sql.push_values(rows, |mut b, (revision, (e, (snapshot, opened_cases)))| {
        b.push_bind(revision)
            .push_bind(e.event_id())
            .push_bind(e.order_id.as_str())
            .push_bind(e.event.after.version)
            .push_bind(e.event.kind.as_str())
            .push_bind(e.event.from.map(crate::order::State::as_str))
            .push_bind(e.event.after.state().as_str())
            .push_bind(e.event.at.0)
            .push_bind(opened_cases)
            .push_bind(snapshot);
    });
    execute(tx, sql).await
}

pub(super) async fn insert_rejections(
    tx: &mut SqliteConnection,
    rows: &[RejectionRow],
    trim: bool,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::new(
        "INSERT INTO rejection (notification_id, provider, account, reason, detail, claimed_out_trade_no, received_at, \
         body_size, body_sha256, remote_address, seal_key_id, sealed) ",
    );
    sql.push_values(rows, |mut b, r| {
        b.push_bind(&r.id)
            .push_bind(r.provider.as_str())
            .push_bind(r.account.as_str())
            .push_bind(&r.reason)
            .push_bind(&r.detail)
            .push_bind(&r.claimed_out_trade_no)
            .push_bind(r.received_at.0)
            .push_bind(r.body_size)
            .push_bind(&r.body_sha256)
            .push_bind(&r.remote_address)
            .push_bind(&r.sealed.key_id)
            .push_bind(&r.sealed.bytes);
    });
    execute(tx, sql).await?;
    // Anybody may send what is refused, so it must not fill the disk.
    for proven in [false, true].into_iter().filter(|_| trim) {
        sqlx::query(
            "DELETE FROM rejection WHERE (reason IN (SELECT value FROM json_each(?2))) = ?3 AND rowid <= \
             (SELECT rowid FROM rejection WHERE (reason IN (SELECT value FROM json_each(?2))) = ?3 \
               ORDER BY rowid DESC LIMIT 1 OFFSET ?1)",
        )
        .bind(KEPT_REJECTIONS)
        .bind(json(PROVEN_REASONS))
        .bind(proven)
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

async fn execute(tx: &mut SqliteConnection, mut sql: QueryBuilder<Sqlite>) -> Result<(), StoreError> {
    sql.build().execute(tx).await.map(drop).map_err(failed)
}
