//! PostgreSQL keeps the contract, and its audit finds what is broken.

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, migrate::Migrator};

use super::{
    Address, PostgresStore, Robbing, drop_before, failed, migrate, migrator,
    testing::{Database, empty, granted},
};
use crate::{
    order::{EventFilter, SubscriptionName, Timestamp},
    store::{
        Keys, Store as _, StoreError,
        conformance::{commit, conformance, created, notification, paid, parked},
    },
    subscription::Subscription,
};

conformance!(empty());

/// A core needs no right beyond those that the guide grants.
mod granted {
    use super::*;

    conformance!(granted());

    #[tokio::test]
    async fn what_was_once_true_is_out_of_reach() {
        let (store, _database) = granted().await;
        let who = store.readers.fetch_one("SELECT current_user::text").await.unwrap().get::<String, _>(0);
        assert_eq!(who, "paystate_test_core");
        for sql in ["ALTER TABLE notice DISABLE TRIGGER append_only", "TRUNCATE notice", "DELETE FROM notice"] {
            let refused = failed(store.readers.execute(sql).await.unwrap_err());
            assert!(refused.to_string().contains("(42501)"), "{sql}: {refused}");
        }
    }
}

impl Database {
    fn address(&self) -> Address {
        Address::parse(&self.url, None).unwrap()
    }
}

#[tokio::test]
async fn what_was_once_true_stays_written() {
    let (store, _database) = empty().await;
    paid(&store).await;
    for table in ["notice", "notification", "observation", "payment_txn", "order_event"] {
        for sql in [format!("UPDATE {table} SET account = 'b'"), format!("DELETE FROM {table}")] {
            let sql = sql.replace("order_event SET account", "order_event SET kind");
            let refused = store.readers.execute(sqlx::AssertSqlSafe(sql.clone())).await.unwrap_err();
            assert!(refused.to_string().contains("I24"), "{sql}: {refused}");
        }
    }
}

const STANDING_DIFFERENCE: &str = "\
    WITH run AS (SELECT gen_random_uuid() AS id), stands AS (\
      INSERT INTO reconciliation SELECT 'a', '2026-01-31', 'DONE', '', '{}', 1, 2, id, NULL, id FROM run) \
    INSERT INTO difference SELECT id, seq, seq = 1, NULL, '{}' FROM run, generate_series(1, 2) AS seq";

/// Booked, and the order says nothing of it.
const FORGOTTEN_MONEY: &str = "INSERT INTO payment_txn SELECT 't9', account, provider, kind, order_id, amount_minor, currency, fact_key \
    FROM payment_txn";

/// It waits for a number that was begun.
const LEFT_WAITING: &str = "\
    DELETE FROM payment_txn; \
    INSERT INTO parked (fact_key, provider, account, out_trade_no) SELECT fact_key, provider, account, out_trade_no FROM observation";

/// A checker that never failed proves nothing: each invariant is broken once, by hand.
#[tokio::test]
async fn the_audit_finds_each_planted_violation() {
    let planted = [
        (
            "I3",
            "ALTER TABLE payment_txn DROP CONSTRAINT payment_txn_pkey; INSERT INTO payment_txn SELECT * FROM payment_txn",
        ),
        ("I4", "UPDATE order_event SET from_state = 'CLOSED' WHERE seq = 2"),
        ("I4", "UPDATE order_event SET to_state = 'PAID' WHERE seq = 1"),
        ("I5", "UPDATE order_event SET seq = 9 WHERE seq = 3"),
        ("I5", "DELETE FROM order_event WHERE seq = 1"),
        ("I5", "DELETE FROM order_event"),
        ("I6", "UPDATE orders SET doc = replace(doc, '\"description\":\"x\"', '\"description\":\"y\"')"),
        ("I6", "UPDATE orders SET amount_minor = 501, paid_minor = 501"),
        ("I7", "UPDATE payment_txn SET amount_minor = 1"),
        ("I7", "UPDATE payment_txn SET order_id = 'o2'"),
        ("I8", "ALTER TABLE orders DROP CONSTRAINT refunded_within_paid; UPDATE orders SET refunded_minor = 501"),
        (
            "I9",
            "UPDATE orders SET doc = replace(doc, '\"account\":\"a\",\"provider\"', '\"account\":\"b\",\"provider\"')",
        ),
        ("I17", "UPDATE log SET head = head + 1"),
        ("I17", "UPDATE order_event SET revision = 5 WHERE revision = 3"),
        ("I17", "DELETE FROM log"),
        ("I22", "DELETE FROM payment_txn"),
        ("I22", FORGOTTEN_MONEY),
        ("I22", LEFT_WAITING),
        ("I24", "DROP TRIGGER append_only ON order_event"),
        ("I24", "ALTER TABLE notice DISABLE TRIGGER append_only"),
        ("I24", "DELETE FROM notice"),
        ("I25", "INSERT INTO task (kind, subject, due_at) VALUES ('PAYMENT', 'p1', 1)"),
        ("I26", STANDING_DIFFERENCE),
        ("I30", "DELETE FROM notification"),
        ("I30", "DELETE FROM observation"),
    ];
    for (name, sql) in planted {
        let (store, _database) = empty().await;
        paid(&store).await;
        assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()), "{name}: sound before");
        let mut one = store.readers.acquire().await.unwrap();
        one.execute("SET session_replication_role = replica").await.unwrap();
        one.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        drop(one);
        let broken = store.audit().await.unwrap();
        let found = broken.iter().find(|r| r.name == name).unwrap();
        assert!(!found.violations.is_empty(), "{name} is broken by {sql:?} and nobody noticed");
    }
}

/// A standby that has taken over may lack the last commits, and every connection to it is sound.
#[tokio::test]
async fn another_server_under_the_same_address_is_an_outage() {
    let (store, _database) = empty().await;
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.outages(), 0);
    store.server.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.outages(), 1);
}

#[test]
fn a_parameter_that_the_library_would_ignore_and_log_is_refused() {
    let refused = Address::parse("postgres://u@h/db?sslmode=disable&pwd=hunter2", None).unwrap_err();
    assert!(refused.contains("sslmode") && !refused.contains("hunter2"), "{refused}");
    Address::parse("postgres://u@h:5432/db?host=/run/postgresql&sslmode=disable", None).unwrap();
}

/// PostgreSQL counts the row that a claim takes back, because another claim came first, as a deleted one.
#[tokio::test(flavor = "multi_thread")]
async fn claims_at_once_break_no_invariant() {
    let (store, database) = empty().await;
    for n in 0..100 {
        let (row, start) = (notification(n), tokio::sync::Barrier::new(4));
        let claims = (0..4).map(|_| async {
            let mut unit = store.begin().await.unwrap();
            start.wait().await;
            let new = unit.claim(&[&row], &Keys::default()).await.unwrap().len();
            unit.commit().await.unwrap();
            new
        });
        assert_eq!(futures_util::future::join_all(claims).await.iter().sum::<usize>(), 1);
    }
    // Sessions tell what they counted when they end.
    store.close().await;
    let store = PostgresStore::open(&database.address()).await.unwrap();
    let result = store.audit().await.unwrap();
    assert!(result.iter().all(|r| r.violations.is_empty()), "{result:?}");
}

#[tokio::test]
async fn the_audit_finds_money_that_waits_for_nobody() {
    let (store, _database) = empty().await;
    parked(&store).await;
    assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()), "sound before");
    store.readers.execute("DELETE FROM parked").await.unwrap();
    let broken = store.audit().await.unwrap();
    assert!(!broken.iter().find(|r| r.name == "I22").unwrap().violations.is_empty());
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused() {
    let (store, database) = empty().await;
    store.readers.execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let refused = PostgresStore::open(&database.address()).await.unwrap_err();
    assert!(refused.to_string().contains("the schema is missing"), "{refused}");
    assert!(refused.to_string().contains("paystate migrate"), "{refused}");
}

/// What an earlier version stored is read by this one.
#[tokio::test]
async fn an_older_database_is_brought_up_to_date() {
    let database = Database::blank().await;
    let mut old = PgConnection::connect(&database.url).await.unwrap();
    let steps = migrator().iter().filter(|step| step.version < 4).cloned().collect::<Vec<_>>();
    Migrator::with_migrations(steps).run(&mut old).await.unwrap();
    let case = "INSERT INTO cases VALUES ('c1', 'LATE_PAYMENT', true, 'o1', 'a', NULL, NULL, NULL, NULL, NULL, NULL, 's', 'n', 7)";
    old.execute(case).await.unwrap();
    old.execute("SELECT prepare_month(now())").await.unwrap();
    old.close().await.unwrap();
    assert!(PostgresStore::open(&database.address()).await.is_err(), "before it is migrated");
    migrate(&database.address(), false).await.unwrap();
    let store = PostgresStore::open(&database.address()).await.unwrap();
    let case = store.case(&"c1".into()).await.unwrap().unwrap().case;
    assert_eq!((case.opened_at, case.due_at, case.owner.as_str()), (Timestamp(7), None, ""));
    let months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'exchange'::regclass";
    let months: i64 = store.readers.fetch_one(months).await.unwrap().get(0);
    assert!(months > 12, "{months} partitions of exchanges");
}

/// Whoever migrates by a timetable learns of a month that could not be prepared, and prepares it the next time.
#[tokio::test]
async fn a_month_that_cannot_be_prepared_is_said() {
    let (store, database) = empty().await;
    let next = "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')";
    let next: String = store.readers.fetch_one(next).await.unwrap().get(0);
    let drop = format!("DROP TABLE exchange_{next}");
    store.readers.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
    let mut reader = store.readers.begin().await.unwrap();
    reader.execute("LOCK TABLE exchange IN ACCESS SHARE MODE").await.unwrap();
    let why = migrate(&database.address(), false).await.unwrap_err().to_string();
    assert!(why.contains("of 1 of the coming months") && why.contains("run `paystate migrate` again"), "{why}");
    reader.rollback().await.unwrap();
    migrate(&database.address(), false).await.unwrap();
    let made = format!("SELECT count(*) FROM exchange_{next}");
    assert_eq!(store.readers.fetch_one(sqlx::AssertSqlSafe(made)).await.unwrap().get::<i64, _>(0), 0);
}

/// A unit that waits for a row that somebody locked gives up in bounded time, as a fault of ours.
#[tokio::test]
async fn a_locked_row_is_waited_for_a_bounded_time() {
    let (store, _database) = empty().await;
    commit(&store, &created("o1", 1)).await.unwrap();
    let mut holder = store.readers.begin().await.unwrap();
    holder.execute("SELECT * FROM orders FOR UPDATE").await.unwrap();
    let keys = Keys { orders: [crate::order::OrderId::parse("o1").unwrap()].into(), ..Default::default() };
    let begun = std::time::Instant::now();
    let waited = store.begin().await.unwrap().load(&keys).await;
    assert!(matches!(waited, Err(StoreError::Busy(_))), "{waited:?}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(3));
}

/// After a restart of the server every pooled connection is dead; the next unit does not suffer for it.
#[tokio::test]
async fn units_begin_again_after_their_connections_died() {
    let (store, _database) = empty().await;
    let mut units = Vec::new();
    for _ in 0..4 {
        units.push(store.begin().await.unwrap());
    }
    for unit in units {
        unit.rollback().await.unwrap();
    }
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    store.readers.execute(kill).await.unwrap();
    commit(&store, &created("o1", 1)).await.unwrap();
    assert!(store.outages() > 0, "what was learned of a server that may be another one now is still believed");
}

/// Packets to it are lost: no error, and no answer either.
#[tokio::test]
async fn a_server_that_is_silent_is_an_outage() {
    let (store, _database) = empty().await;
    store.ping().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..super::LOG_READERS {
        held.push(store.log_readers.acquire().await.unwrap());
    }
    let begun = std::time::Instant::now();
    store.ping().await.unwrap_err();
    assert!(
        begun.elapsed() < std::time::Duration::from_millis(1_800),
        "who asks would have left by now: {:?}",
        begun.elapsed()
    );
    assert_eq!(store.outages(), 1);
}

#[tokio::test]
async fn a_server_that_forgets_commits_is_refused() {
    let (store, database) = empty().await;
    store
        .readers
        .execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
        )
        .await
        .unwrap();
    let refused = PostgresStore::open(&database.address()).await.unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit"), "{refused}");
}

#[tokio::test]
async fn retention_drops_whole_months_and_the_rest_stays_sound() {
    let (store, database) = empty().await;
    // The examples happened in 1970; give that month a partition of its own.
    store.readers.execute("SELECT prepare_month('1970-01-01Z'), prepare_month('1970-02-01Z')").await.unwrap();
    paid(&store).await;
    let february = 40 * 24 * 3600 * 1_000_000;
    commit(&store, &created("o2", february)).await.unwrap();
    let address = database.address();
    let planned = drop_before(&address, "1970-02", Robbing::Planned).await.unwrap();
    assert_eq!(planned.dropped, ["exchange_1970_01", "notification_1970_01", "order_event_1970_01"]);
    assert_eq!((planned.oldest_revision, planned.hidden), (4, 0));
    // A core's clock stands in January once more: what is kept comes before that, and would be gone with it.
    commit(&store, &created("o3", 5)).await.unwrap();
    let refused = drop_before(&address, "1970-02", Robbing::Refused).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("revision 5") && why.contains("1 events")),
        "{refused}"
    );
    let planned = drop_before(&address, "1970-02", Robbing::Planned).await.unwrap();
    assert_eq!((planned.oldest_revision, planned.hidden), (6, 1));
    // And one's clock in February among what happened in January: that goes with what it stands among.
    store.readers.execute("SELECT prepare_month('1970-03-01Z')").await.unwrap();
    commit(&store, &created("ahead", february + february)).await.unwrap();
    for n in 0..9 {
        commit(&store, &created(&format!("after{n}"), february + n)).await.unwrap();
    }
    let march = drop_before(&address, "1970-03", Robbing::Planned).await.unwrap();
    assert_eq!((march.oldest_revision, march.hidden), (16, 0));
    let done = drop_before(&address, "1970-02", Robbing::Forced).await.unwrap();
    assert_eq!(done, planned);
    assert_eq!(drop_before(&address, "1970-02", Robbing::Refused).await.unwrap().hidden, 0, "they are gone");
    assert_eq!(drop_before(&address, "1970-02", Robbing::Refused).await.unwrap().dropped, Vec::<String>::new());
    for result in store.audit().await.unwrap() {
        assert!(result.violations.is_empty(), "{result:?}");
    }
    // The identity of what was dropped is not forgotten.
    let key = crate::store::conformance::notification(1).key;
    assert_eq!(store.stored(std::slice::from_ref(&key)).await.unwrap(), [key].into());
    for wrong in ["2026", "2026-1", "26-01", "2026-01; DROP TABLE log", "2999-01", "2025-99", "2020-00", "0000-01"] {
        assert!(matches!(drop_before(&address, wrong, Robbing::Forced).await, Err(StoreError::Refused(_))), "{wrong}");
    }
    store.readers.execute("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").await.unwrap();
    let newer = drop_before(&address, "1970-03", Robbing::Forced).await.unwrap_err().to_string();
    assert!(newer.contains("newer than this paystate"), "{newer}");
}

/// Retention is an explicit end of the log's past, never a gap in it.
#[tokio::test]
async fn what_retention_dropped_is_said_with_what_is_left() {
    let (store, database) = empty().await;
    store.readers.execute("SELECT prepare_month('1970-01-01Z'), prepare_month('1970-02-01Z')").await.unwrap();
    paid(&store).await;
    let february = 40 * 24 * 3600 * 1_000_000;
    commit(&store, &created("o2", february)).await.unwrap();
    // Who has yet to see what would go is named, and nothing goes.
    let name = SubscriptionName::parse("stock").unwrap();
    let late = Subscription::new(name.clone(), EventFilter::default(), 0, 2, Timestamp(1));
    store.subscriptions().create(&late, None).await.unwrap();
    let refused = drop_before(&database.address(), "1970-02", Robbing::Refused).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("stock")), "{refused:?}");
    let planned = drop_before(&database.address(), "1970-02", Robbing::Planned).await.unwrap();
    assert_eq!((planned.robbed, planned.oldest_revision), (vec!["stock".to_owned()], 4));
    let late = store.subscriptions().get(&name).await.unwrap().unwrap();
    store.subscriptions().update(&Subscription { confirmed: 3, ..late }).await.unwrap();
    drop_before(&database.address(), "1970-02", Robbing::Refused).await.unwrap();
    let page = store.log().after(1, 9).await.unwrap();
    assert_eq!((page.state.oldest, page.state.head), (4, 4));
    assert_eq!(page.entries.iter().map(|e| e.row.revision).collect::<Vec<_>>(), [4]);
    assert_eq!(store.log().first_at(Timestamp(1)).await.unwrap(), 4);
}

/// An open writing transaction, the oldest of all, hides nothing that others commit, and is not passed over itself.
#[tokio::test]
async fn a_reader_skips_nothing_of_a_transaction_that_is_open_for_long() {
    let (store, _database) = empty().await;
    let log = store.log();
    let mut open = store.begin().await.unwrap();
    open.claim(&[&notification(1)], &Keys::default()).await.unwrap();
    commit(&store, &created("o1", 1)).await.unwrap();
    commit(&store, &created("o2", 1)).await.unwrap();
    assert_eq!(log.after(0, 9).await.unwrap().entries.len(), 2);
    open.write(&created("o3", 1)).await.unwrap();
    // It has its revision now, and nobody else can have a later one before it ends.
    let next = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, &created("o4", 1)).await }
    });
    assert_eq!(log.after(2, 9).await.unwrap().state.head, 2);
    open.commit().await.unwrap();
    next.await.unwrap().unwrap();
    let page = log.after(2, 9).await.unwrap();
    let orders: Vec<_> = page.entries.iter().map(|e| (e.row.revision, e.row.order_id.as_str())).collect();
    assert_eq!(orders, [(3, "o3"), (4, "o4")]);
}

#[tokio::test]
async fn what_another_core_announces_is_heard_and_our_own_is_not() {
    let (here, database) = empty().await;
    let there = PostgresStore::open(&database.address()).await.unwrap();
    let (here, there) = (here.log(), there.log());
    let mut ears = here.listen().await.unwrap();
    here.announce().await.unwrap();
    let own = tokio::time::timeout(std::time::Duration::from_millis(200), ears.heard()).await;
    assert!(own.is_err(), "{own:?}");
    there.announce().await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), ears.heard()).await.unwrap().unwrap();
}

/// What a dump brings back goes another way from there, so its log is another one.
#[tokio::test]
async fn a_copied_database_has_another_log() {
    let (store, database) = empty().await;
    commit(&store, &created("o1", 1)).await.unwrap();
    let log_id = store.log().state().await.unwrap().id;
    store.close().await;
    let again = PostgresStore::open(&database.address()).await.unwrap();
    assert_eq!(again.log().state().await.unwrap().id, log_id, "a restart is no restore");
    again.close().await;
    let copy = database.copy().await;
    for _ in 0..2 {
        migrate(&copy.address(), false).await.unwrap();
    }
    let copied = PostgresStore::open(&copy.address()).await.unwrap();
    let state = copied.log().state().await.unwrap();
    assert_ne!(state.id, log_id);
    assert_eq!(state.head, 1);
    let again = PostgresStore::open(&copy.address()).await.unwrap();
    assert_eq!(again.log().state().await.unwrap().id, state.id, "once");
    migrate(&copy.address(), true).await.unwrap();
    assert_ne!(again.log().state().await.unwrap().id, state.id);
}

/// The plan of each page must be right when there are many months with millions of rows each.
#[tokio::test]
async fn a_page_of_the_log_is_read_by_its_index() {
    let (store, _database) = empty().await;
    let explain = "PREPARE page AS SELECT * FROM order_event WHERE revision > $1 ORDER BY revision LIMIT $2; \
                   EXPLAIN EXECUTE page (1, 256)";
    let mut one = store.log_readers.acquire().await.unwrap();
    let plan = sqlx::raw_sql(explain).fetch_all(&mut *one).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    assert!(plan.iter().any(|line| line.contains("Index Scan")), "{plan:#?}");
    for wrong in ["Seq Scan", "Sort (", "Bitmap"] {
        assert!(!plan.iter().any(|line| line.trim_start_matches([' ', '-', '>']).starts_with(wrong)), "{plan:#?}");
    }
}

#[test]
fn addresses_carry_no_password() {
    for (url, says) in [
        ("postgres://me:secret@db/pay", "has a password"),
        ("postgres://me@db/pay?password=secret", "has a password"),
        ("mysql://me@db/pay", "write"),
        ("postgres://me@db:port/pay", "is not a PostgreSQL URL"),
    ] {
        let problem = Address::parse(url, None).unwrap_err();
        assert!(problem.contains(says) && !problem.contains("secret"), "{url}: {problem}");
    }
    let address = Address::parse("postgres://me@db:5433/pay", Some("secret")).unwrap();
    assert_eq!(address.to_string(), "postgres db:5433/pay");
}
