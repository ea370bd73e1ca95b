//! Months: partitions are prepared ahead and dropped whole when they are no longer needed.

use std::{ops::RangeInclusive, time::Duration};

use sqlx::{
    PgPool, Row as _,
    postgres::{PgPoolOptions, PgRow},
};

use super::{Address, PATIENCE, failed, subscriptions};
use crate::{
    store::{StoreError, codec},
    subscription::Subscription,
};

/// Months that are prepared ahead, whenever a core starts and a few times a day. If no core runs for longer, rows go to
/// the partition for everything else, which is never dropped.
const AHEAD: i32 = 12;

/// What retention dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// Partitions that are gone, or would be.
    pub dropped: Vec<String>,
    /// The first revision that is left, or would be.
    pub oldest_revision: i64,
    /// Events of kept months that can no longer be read: a core with a wrong clock wrote a later event into a month
    /// that is dropped, and the log begins after the last dropped event.
    pub hidden: i64,
    /// Subscriptions that have yet to see, or have parked, what is dropped.
    pub robbed: Vec<String>,
}

/// What to do when a subscription has yet to see what would be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Robbing {
    /// Nothing is dropped.
    Refused,
    /// It is dropped all the same.
    Forced,
    /// Nothing is dropped; the result says what would be.
    Planned,
}

/// Makes the partitions of this month and of the coming ones, each by itself, and says what kept it from making some.
/// That does no harm yet: their rows would go to the partition for everything else.
///
/// A new partition locks its table for a moment. Callbacks queue behind whoever waits for that lock, so the wait is
/// limited to `patience`.
pub(super) async fn prepare(pool: &PgPool, patience: Duration) -> Result<Option<String>, StoreError> {
    let (mut missing, mut why) = (0, None);
    for ahead in 0..=AHEAD {
        let mut one = pool.begin().await.map_err(failed)?;
        let wait = format!("{}ms", patience.as_millis());
        let made = async {
            sqlx::query("SELECT set_config('lock_timeout', $1, true)").bind(wait).execute(&mut *one).await?;
            let made = sqlx::query("SELECT prepare_month(now() + make_interval(months => $1))").bind(ahead);
            made.execute(&mut *one).await?;
            one.commit().await
        };
        if let Err(error) = made.await {
            missing += 1;
            why = why.or(Some(failed(error)));
        }
    }
    Ok(why.map(|why| {
        format!("the partitions of {missing} of the coming months are not made: {why}; run `paystate migrate` again")
    }))
}

/// Drops the messages, journal entries and exchanges with platforms of whole months before `month` (`2026-01`, UTC).
/// Orders, money, facts and the identities of notifications stay for ever, so an old callback is still recognised.
///
/// # Errors
/// [`StoreError::Refused`] when `month` is not a month or has not begun, when a subscription needs what would be
/// dropped, or when events of kept months would be hidden; [`StoreError::Unavailable`].
pub async fn drop_before(address: &Address, month: &str, robbing: Robbing) -> Result<Retained, StoreError> {
    let suffix = month.split_once('-').filter(|(y, m)| y.len() == 4 && m.len() == 2);
    let suffix = suffix.filter(|(y, m)| y.bytes().chain(m.bytes()).all(|b| b.is_ascii_digit()));
    let (year, number) =
        suffix.ok_or_else(|| StoreError::Refused(format!("{month:?} is not a month; write e.g. 2026-01")))?;
    let bound = format!("{year}_{number}");

    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE * 5);
    let pool = pool.connect_with(address.0.clone().options([("lock_timeout", "10s")])).await.map_err(failed)?;
    let mut tx = pool.begin().await.map_err(failed)?;
    let over: bool = sqlx::query("SELECT $1 <= to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
        .bind(&bound)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?
        .get(0);
    if !over {
        return Err(StoreError::Refused(format!("{month} has not begun: nothing of the present can be dropped")));
    }
    let old = sqlx::query(
        "SELECT c.relname::text, p.relname = 'order_event' FROM pg_inherits i \
         JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent \
         WHERE p.oid IN ('notification'::regclass, 'order_event'::regclass, 'exchange'::regclass) \
           AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' AND right(c.relname, 7) < $1 ORDER BY 1",
    )
    .bind(&bound)
    .fetch_all(&mut *tx)
    .await
    .map_err(failed)?;
    let dropped: Vec<String> = old.iter().map(|r| r.get(0)).collect();
    let oldest: i64 = sqlx::query("SELECT oldest FROM log").fetch_one(&mut *tx).await.map_err(failed)?.get(0);
    let newest = newest(&mut tx, &old).await?;
    let hidden = hidden(&mut tx, month, oldest..=newest).await?;
    if robbing == Robbing::Refused && hidden > 0 {
        return Err(StoreError::Refused(format!(
            "a core whose clock was behind wrote revision {newest} into a month that would be dropped, and {hidden} events of \
             months that are kept come before it: nobody could read those any more. Keep that month too, or say --force"
        )));
    }
    let robbed = robbed(&mut tx, oldest..=newest).await?;
    if robbing == Robbing::Refused && !robbed.is_empty() {
        let names = robbed.join(", ");
        return Err(StoreError::Refused(format!(
            "these subscriptions have yet to see, or have parked, what would be dropped: {names}; let them catch up, redrive \
             what is parked, or say --force"
        )));
    }
    if robbing != Robbing::Planned {
        // Before anything else, in the order in which units write: retention waits for them, not in a circle.
        let lock = "LOCK TABLE notification, order_event, exchange IN ACCESS EXCLUSIVE MODE";
        sqlx::query(lock).execute(&mut *tx).await.map_err(failed)?;
        for row in &old {
            drop_partition(&mut tx, &row.get::<String, _>(0), row.get(1)).await?;
        }
    }
    tx.commit().await.map_err(failed)?;
    pool.close().await;
    Ok(Retained { dropped, oldest_revision: oldest.max(newest + 1), hidden, robbed })
}

/// How many events of kept months ($1 is the first of them) there are between revisions $2 and $3, and how many from the
/// middle one of them on, which is the third column. At the turn of a month clocks may differ a little.
const HIDDEN: &str = "\
    WITH kept AS (SELECT revision FROM order_event WHERE revision BETWEEN $2 AND $3 AND at >= \
      (extract(epoch FROM (to_date($1, 'YYYY-MM')::timestamp AT TIME ZONE 'UTC') + interval '1 hour') * 1000000)::bigint), \
    middle AS (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY revision) AS revision FROM kept) \
    SELECT count(*), count(*) FILTER (WHERE kept.revision >= middle.revision), coalesce(min(middle.revision), 0) FROM kept, middle";

/// The events of kept months that would be gone with `dropped`. Events of a clock that was ahead do not count: they
/// stand among events of the months in which they really happened, and go with them.
async fn hidden(tx: &mut sqlx::PgConnection, month: &str, dropped: RangeInclusive<i64>) -> Result<i64, StoreError> {
    let counted = sqlx::query(HIDDEN).bind(month).bind(dropped.start()).bind(dropped.end()).fetch_one(tx);
    let counted = counted.await.map_err(failed)?;
    let (all, kept, middle): (i64, i64, i64) = (counted.get(0), counted.get(1), counted.get(2));
    Ok(if kept * 2 > dropped.end() - middle { all } else { 0 })
}

/// The last revision in these partitions; 0 where there is none.
async fn newest(tx: &mut sqlx::PgConnection, old: &[PgRow]) -> Result<i64, StoreError> {
    let mut newest = 0;
    for row in old.iter().filter(|row| row.get(1)) {
        let sql = format!("SELECT coalesce(max(revision), 0) FROM {}", row.get::<String, _>(0));
        let last = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await.map_err(failed)?;
        newest = last.get::<i64, _>(0).max(newest);
    }
    Ok(newest)
}

/// The subscriptions whose position, or a parked event, lies before what is left.
async fn robbed(tx: &mut sqlx::PgConnection, dropped: RangeInclusive<i64>) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(subscriptions::ALL).fetch_all(tx).await.map_err(failed)?;
    let all = rows.iter().map(codec::subscription).collect::<Result<Vec<_>, _>>()?;
    let needs = |s: &Subscription| {
        s.position() < *dropped.end() || s.parked.values().any(|parked| dropped.contains(&parked.revision))
    };
    Ok(all.iter().filter(|s| needs(s)).map(|s| s.name.to_string()).collect())
}

async fn drop_partition(tx: &mut sqlx::PgConnection, name: &str, has_events: bool) -> Result<(), StoreError> {
    // The name comes from the catalogue and matched a pattern of digits; identifiers cannot be bound.
    if has_events {
        let newest =
            format!("UPDATE log SET oldest = greatest(oldest, coalesce((SELECT max(revision) + 1 FROM {name}), 1))");
        sqlx::query(sqlx::AssertSqlSafe(newest)).execute(&mut *tx).await.map_err(failed)?;
    }
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {name}"))).execute(tx).await.map(drop).map_err(failed)
}
