//! SQLite keeps the contract, and its audit finds what is broken.

use sqlx::{Connection as _, Executor as _, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use super::{SqliteStore, migrator};
use crate::store::{
    Store as _,
    conformance::{commit, conformance, created, paid, parked},
};

async fn empty() -> (SqliteStore, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (SqliteStore::open(&dir.path().join("t.db")).await.unwrap(), dir)
}

conformance!(empty());

#[tokio::test]
async fn what_was_once_true_stays_written() {
    let (store, _dir) = empty().await;
    commit(&store, &created("o1", 1)).await.unwrap();
    for sql in ["UPDATE order_event SET at = 0", "DELETE FROM order_event"] {
        let refused = store.writer.execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("I24"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.db");
    let store = SqliteStore::open(&file).await.unwrap();
    commit(&store, &created("o1", 1)).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.journal(&crate::order::OrderId::parse("o1").unwrap(), 9).await.unwrap().len(), 1);
}

/// What an earlier version stored is read by this one.
#[tokio::test]
async fn an_older_file_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    let steps = migrator().iter().filter(|step| step.version < 3).cloned().collect::<Vec<_>>();
    Migrator::with_migrations(steps).run(&mut old).await.unwrap();
    let case = "INSERT INTO cases (case_id, kind, open, account, summary, notification_id, opened_at) \
                VALUES ('c1', 'LATE_PAYMENT', 1, 'a', 's', 'n', 7)";
    old.execute(case).await.unwrap();
    old.close().await.unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    let case = store.case(&"c1".into()).await.unwrap().unwrap().case;
    assert_eq!((case.opened_at.0, case.due_at, case.owner.as_str()), (7, None, ""));
}

#[tokio::test]
async fn a_log_keeps_its_id_until_it_gets_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let open = async || SqliteStore::open(&dir.path().join("t.db")).await.unwrap();
    let log_id = async |store: &SqliteStore| store.log().state().await.unwrap().id;
    let store = open().await;
    let first = log_id(&store).await;
    store.close().await;
    let store = open().await;
    assert_eq!(log_id(&store).await, first);
    store.renew_log().await.unwrap();
    assert_ne!(log_id(&store).await, first);
}

const STANDING_DIFFERENCE: &str = "\
    INSERT INTO reconciliation VALUES ('a', '2026-01-31', 'DONE', '', '{}', 1, 2, 'r', NULL, 'r'); \
    INSERT INTO difference VALUES ('r', 1, 1, NULL, '{}'), ('r', 2, 0, 'c', '{}')";

/// A checker that never failed proves nothing: each invariant is broken once, by hand.
#[tokio::test]
async fn the_audit_finds_each_planted_violation() {
    let planted = [
        (
            "I3",
            "DROP TABLE payment_txn; CREATE TABLE payment_txn AS SELECT 'p' AS provider, 'a' AS account, \
                'PAYMENT' AS kind, 't' AS transaction_id, 'o1' AS order_id, 1 AS amount_minor, 'CNY' AS currency, \
                'f1' AS fact_key UNION ALL SELECT 'p', 'a', 'PAYMENT', 't', 'o1', 1, 'CNY', 'f1'",
        ),
        ("I4", "UPDATE order_event SET from_state = 'PAID'"),
        ("I4", "UPDATE order_event SET to_state = 'PAID'"),
        ("I5", "UPDATE order_event SET seq = 2"),
        ("I6", "UPDATE orders SET doc = replace(doc, '\"description\":\"x\"', '\"description\":\"y\"')"),
        ("I6", "UPDATE orders SET amount_minor = 501"),
        ("I7", "UPDATE orders SET state = 'PAID', paid_minor = amount_minor"),
        ("I8", "UPDATE orders SET refunded_minor = 1"),
        ("I17", "UPDATE log SET head = head + 1"),
        ("I17", "UPDATE order_event SET revision = 5"),
        ("I17", "DELETE FROM log"),
        ("I22", "DELETE FROM parked"),
        ("I22", "INSERT INTO payment (out_trade_no, order_id) SELECT out_trade_no, 'o1' FROM parked"),
        ("I22", "INSERT INTO payment_txn VALUES ('p', 'a', 'PAYMENT', 't9', 'o1', 1, 'CNY', 'f1')"),
        ("I24", "DROP TRIGGER order_event_stays"),
        ("I25", "INSERT INTO task (kind, subject, due_at) VALUES ('PAYMENT', 'p1', 1)"),
        ("I26", STANDING_DIFFERENCE),
        ("I30", "INSERT INTO payment_txn VALUES ('p', 'a', 'PAYMENT', 't', 'o1', 1, 'CNY', 'nowhere')"),
    ];
    for (name, sql) in planted {
        let (store, _dir) = empty().await;
        parked(&store).await;
        assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()), "{name}: sound before");

        let mut writer = store.writer.acquire().await.unwrap();
        writer.execute("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").await.unwrap();
        if name != "I24" {
            writer.execute("DROP TRIGGER order_event_keeps").await.unwrap();
        }
        writer.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        drop(writer);
        let broken = store.audit().await.unwrap();
        let found = broken.iter().find(|r| r.name == name).unwrap();
        assert!(!found.violations.is_empty(), "{name} is broken by {sql:?} and nobody noticed");
    }
}

/// I9 needs an order that is paid.
#[tokio::test]
async fn the_audit_finds_money_on_the_wrong_account() {
    let (store, _dir) = empty().await;
    paid(&store).await;
    assert!(store.audit().await.unwrap().iter().all(|r| r.violations.is_empty()), "sound before");
    let moved = r#"UPDATE orders SET doc = replace(doc, '"account":"a","provider"', '"account":"b","provider"')"#;
    store.writer.execute(moved).await.unwrap();
    let broken = store.audit().await.unwrap();
    assert!(!broken.iter().find(|r| r.name == "I9").unwrap().violations.is_empty());
}

#[tokio::test]
async fn who_only_looks_makes_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.db");
    let missing = SqliteStore::open_existing(&file).await.unwrap_err();
    assert!(!file.exists(), "{missing}");
    std::fs::write(&file, "").unwrap();
    let empty = SqliteStore::open_existing(&file).await.unwrap_err().to_string();
    assert!(empty.contains("run `paystate migrate`") && std::fs::metadata(&file).unwrap().len() == 0, "{empty}");
    let store = SqliteStore::open(&file).await.unwrap();
    SqliteStore::open_existing(&file).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").execute(&store.writer).await.unwrap();
    let newer = SqliteStore::open_existing(&file).await.unwrap_err().to_string();
    assert!(newer.contains("newer than this paystate"), "{newer}");
    let newer = SqliteStore::open(&file).await.unwrap_err().to_string();
    assert!(newer.contains("newer than this paystate"), "{newer}");
}
