//! Exchanges on SQLite.

use async_trait::async_trait;
use sqlx::{QueryBuilder, SqlitePool};

use super::failed;
use crate::{
    order::{OrderId, OutRefundNo, OutTradeNo},
    store::{Exchange, ExchangeRow, Exchanges, StoreError, codec},
};

pub(super) struct SqliteExchanges {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

#[async_trait]
impl Exchanges for SqliteExchanges {
    async fn record(&self, new: &[ExchangeRow]) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut sql = QueryBuilder::new(
            "INSERT INTO exchange (exchange_id, provider, account, operation, order_id, out_trade_no, out_refund_no, \
             started_at, duration_us, http_status, outcome, code, target, seal_key_id, sealed) ",
        );
        sql.push_values(new, |mut b, row| {
            let e = &row.exchange;
            b.push_bind(&e.id)
                .push_bind(&e.provider)
                .push_bind(e.account.as_str())
                .push_bind(&e.operation)
                .push_bind(e.order_id.as_ref().map(OrderId::as_str))
                .push_bind(e.out_trade_no.as_ref().map(OutTradeNo::as_str))
                .push_bind(e.out_refund_no.as_ref().map(OutRefundNo::as_str))
                .push_bind(e.started_at.0)
                .push_bind(e.duration_us)
                .push_bind(i64::from(e.http_status))
                .push_bind(e.outcome.as_str())
                .push_bind(&e.code)
                .push_bind(&e.target)
                .push_bind(&row.sealed.key_id)
                .push_bind(&row.sealed.bytes);
        });
        sql.push(" ON CONFLICT DO NOTHING");
        sql.build().execute(&self.writer).await.map(drop).map_err(failed)
    }

    async fn of_order(&self, order_id: &OrderId, limit: u32) -> Result<Vec<Exchange>, StoreError> {
        let rows = sqlx::query("SELECT * FROM exchange WHERE order_id = ?1 ORDER BY exchange_id DESC LIMIT ?2")
            .bind(order_id.as_str())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter().rev().map(codec::exchange).collect()
    }
}
