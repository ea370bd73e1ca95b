//! A connection for a piece of work that may be given up half-way.
//!
//! It goes back to the pool only after the work has ended well. Whatever else happens leaves a connection of which
//! we do not know what the server thinks, or whether there still is a server: it is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

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
