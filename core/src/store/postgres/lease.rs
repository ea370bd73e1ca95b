//! A connection for a piece of work that may be cancelled half-way.
//!
//! It goes back to the pool only after the work has ended well. In every other case we do not know what the server
//! thinks, or whether there still is one, so the connection is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{
    PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
};

use super::failed;
use crate::store::StoreError;

/// One statement.
pub(super) type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    ended: bool,
}

impl Lease {
    pub(super) async fn from(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, ended: false })
    }

    /// The work is done, and the server has said so.
    pub(super) fn end(mut self) {
        self.ended = true;
    }
}

/// What one statement answers.
pub(super) async fn rows(pool: &PgPool, query: Query<'_>) -> Result<Vec<PgRow>, StoreError> {
    let mut one = Lease::from(pool).await.map_err(failed)?;
    let rows = query.fetch_all(&mut *one).await.map_err(failed)?;
    one.end();
    Ok(rows)
}

/// What a statement answers that always has one row.
pub(super) async fn one(pool: &PgPool, query: Query<'_>) -> Result<PgRow, StoreError> {
    rows(pool, query).await?.pop().ok_or_else(|| StoreError::Damaged("a statement has no row".into()))
}

/// How many rows one statement changed.
pub(super) async fn changed(pool: &PgPool, query: Query<'_>) -> Result<u64, StoreError> {
    let mut one = Lease::from(pool).await.map_err(failed)?;
    let done = query.execute(&mut *one).await.map_err(failed)?;
    one.end();
    Ok(done.rows_affected())
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}
