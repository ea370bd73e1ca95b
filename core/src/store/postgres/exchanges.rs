//! Exchanges on PostgreSQL, on the connections of tasks.

use async_trait::async_trait;
use sqlx::PgPool;

use super::{
    lease::{changed, rows},
    write::{column, id},
};
use crate::{
    order::{OrderId, OutRefundNo, OutTradeNo},
    store::{Exchange, ExchangeRow, Exchanges, StoreError, codec},
};

pub(super) struct PostgresExchanges {
    pub(super) pool: PgPool,
}

#[async_trait]
impl Exchanges for PostgresExchanges {
    async fn record(&self, new: &[ExchangeRow]) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(
            "INSERT INTO exchange (exchange_id, provider, account, operation, order_id, out_trade_no, out_refund_no, started_at, \
               duration_us, http_status, outcome, code, target, seal_key_id, sealed) \
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
               $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[]) \
             ON CONFLICT DO NOTHING",
        )
        .bind(new.iter().map(|r| id(&r.exchange.id)).collect::<Result<Vec<_>, _>>()?)
        .bind(column(new, |r| r.exchange.provider.as_str()))
        .bind(column(new, |r| r.exchange.account.as_str()))
        .bind(column(new, |r| r.exchange.operation.as_str()))
        .bind(column(new, |r| r.exchange.order_id.as_ref().map(OrderId::as_str)))
        .bind(column(new, |r| r.exchange.out_trade_no.as_ref().map(OutTradeNo::as_str)))
        .bind(column(new, |r| r.exchange.out_refund_no.as_ref().map(OutRefundNo::as_str)))
        .bind(column(new, |r| r.exchange.started_at.0))
        .bind(column(new, |r| r.exchange.duration_us))
        .bind(column(new, |r| i64::from(r.exchange.http_status)))
        .bind(column(new, |r| r.exchange.outcome.as_str()))
        .bind(column(new, |r| r.exchange.code.as_str()))
        .bind(column(new, |r| r.exchange.target.as_str()))
        .bind(column(new, |r| r.sealed.key_id.as_str()))
        .bind(column(new, |r| r.sealed.bytes.as_slice()));
        changed(&self.pool, query).await.map(drop)
    }

    async fn of_order(&self, order_id: &OrderId, limit: u32) -> Result<Vec<Exchange>, StoreError> {
        let query = sqlx::query(
            "SELECT exchange_id::text AS exchange_id, provider, account, operation, order_id, out_trade_no, out_refund_no, started_at, \
               duration_us, http_status, outcome, code, target FROM exchange \
             WHERE order_id = $1 ORDER BY exchange.exchange_id DESC LIMIT $2",
        )
        .bind(order_id.as_str())
        .bind(i64::from(limit));
        let mut found = rows(&self.pool, query).await?.iter().map(codec::exchange).collect::<Result<Vec<_>, _>>()?;
        found.reverse();
        Ok(found)
    }
}
