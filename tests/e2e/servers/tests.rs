//! The servers do what the fault tests take for granted.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{Postgres, RabbitMq, Redis, daemon::processes, program, psql};
use crate::support::SOON;

const TABLE: &str = "CREATE TABLE t (n int)";

/// A client that holds a connection open until the server ends it.
async fn idle_client(postgres: &Postgres) -> Child {
    let mut client = Command::new(program("psql"));
    client.args(["-XAtq", "-d", &postgres.url(), "-c", "SELECT 'here'", "-c", "SELECT pg_sleep(600)"]);
    client.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut client = client.spawn().unwrap();
    let line = BufReader::new(client.stdout.as_mut().unwrap()).lines().next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("here"));
    client
}

async fn assert_lost_its_connection(mut client: Child) {
    let status = timeout(SOON, client.wait()).await.expect("its connection ends").unwrap();
    assert!(!status.success());
}

fn assert_nothing_left(home: &Path) {
    assert_eq!((processes(home), home.exists()), (vec![], false));
}

#[tokio::test]
async fn postgres_keeps_its_data_through_every_kind_of_end() {
    let mut postgres = Postgres::start().await;
    assert_eq!(postgres.sql("SHOW fsync").await, "on");
    assert_eq!(postgres.sql("SHOW listen_addresses").await, "");
    postgres.sql(TABLE).await;

    postgres.sql("INSERT INTO t VALUES (1)").await;
    let client = idle_client(&postgres).await;
    postgres.restart_fast().await;
    assert_lost_its_connection(client).await;

    postgres.sql("INSERT INTO t VALUES (2)").await;
    let client = idle_client(&postgres).await;
    postgres.restart_immediate().await;
    assert_lost_its_connection(client).await;

    postgres.sql("INSERT INTO t VALUES (3)").await;
    let client = idle_client(&postgres).await;
    postgres.kill().await;
    assert_lost_its_connection(client).await;
    assert_eq!(processes(postgres.home.path()), [0; 0]);
    psql(&postgres.url(), &["SELECT 1"]).await.unwrap_err();
    postgres.start_again().await;

    let client = idle_client(&postgres).await;
    assert_eq!(postgres.kill_backends().await, 1);
    assert_lost_its_connection(client).await;

    assert_eq!(postgres.sql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM t").await, "1 2 3");
}

#[tokio::test]
async fn a_paused_postgres_answers_when_it_is_resumed() {
    let postgres = Postgres::start().await;
    postgres.pause();
    let url = postgres.url();
    let mut answer = Box::pin(psql(&url, &["SELECT 1"]));
    timeout(Duration::from_millis(300), &mut answer).await.expect_err("nothing moves");
    postgres.resume();
    assert_eq!(timeout(SOON, answer).await.expect("it moves again").unwrap(), "1");
}

#[tokio::test]
async fn redis_forgets_when_it_is_killed_and_when_it_is_flushed() {
    let mut redis = Redis::start().await;
    redis.command(&["SET", "k", "1"]).await;
    redis.flush_all().await;
    assert_eq!(redis.command(&["DBSIZE"]).await, "0");

    redis.command(&["SET", "k", "1"]).await;
    assert_eq!(redis.command(&["GET", "k"]).await, "1");
    redis.restart().await;
    assert_eq!(redis.command(&["DBSIZE"]).await, "0");

    redis.kill().await;
    assert_eq!(processes(redis.home.path()), [0; 0]);
    redis.try_command(&["PING"]).await.unwrap_err();
    redis.start_again().await;
    assert_eq!(redis.command(&["PING"]).await, "PONG");
}

#[tokio::test]
async fn redis_is_slow_and_full_on_demand() {
    let redis = Redis::start().await;
    redis.limit_memory(1).await;
    let refusal = redis.try_command(&["SET", "k", "1"]).await.unwrap_err();
    assert!(refusal.contains("OOM"), "{refusal}");
    redis.limit_memory(0).await;

    let pause = Duration::from_millis(400);
    let begin = Instant::now();
    redis.pause_clients(pause).await;
    redis.command(&["SET", "k", "1"]).await;
    assert!(begin.elapsed() >= pause, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn nothing_is_left_of_servers_that_are_dropped_paused_killed_or_panicked_with() {
    let mut redis = Redis::start().await;
    let home = redis.home.path().to_owned();
    assert_eq!(processes(&home).len(), 1);
    drop(redis);
    assert_nothing_left(&home);
    redis = Redis::start().await;
    let home = redis.home.path().to_owned();
    redis.kill().await;
    drop(redis);
    assert_nothing_left(&home);

    let paused = Postgres::start().await;
    let home = paused.home.path().to_owned();
    assert!(processes(&home).len() > 1, "children count");
    paused.pause();
    drop(paused);
    assert_nothing_left(&home);

    let mut killed = Postgres::start().await;
    let home = killed.home.path().to_owned();
    killed.kill().await;
    drop(killed);
    assert_nothing_left(&home);

    let held = Postgres::start().await;
    let home = held.home.path().to_owned();
    let test = async move {
        let _held = held;
        std::panic::resume_unwind(Box::new("a test fails"));
    };
    AssertUnwindSafe(test).catch_unwind().await.unwrap_err();
    assert_nothing_left(&home);
}

/// Stands for a test process that is killed: destructors do not run, and the starting thread is gone.
#[tokio::test]
async fn servers_whose_test_is_killed_end() {
    let start = async || {
        let (postgres, redis) = (Postgres::start().await, Redis::start().await);
        let homes = [postgres.home.path().to_owned(), redis.home.path().to_owned()];
        std::mem::forget((postgres, redis));
        homes
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let homes = thread::spawn(move || runtime().block_on(start())).join().unwrap();
    for home in homes {
        let deadline = Instant::now() + SOON;
        while !processes(&home).is_empty() {
            assert!(Instant::now() < deadline, "{:?} go on in {home:?}", processes(&home));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::fs::remove_dir_all(home).unwrap();
    }
}

#[tokio::test]
async fn rabbitmq_comes_back_where_it_was_and_leaves_nothing() {
    let mut rabbitmq = RabbitMq::new();
    let (home, address) = (rabbitmq.home.path().to_owned(), rabbitmq.address());
    for in_order in [true, false] {
        rabbitmq.start().await;
        assert_eq!(rabbitmq.address(), address);
        assert!(processes(&home).len() > 1, "epmd counts");
        if in_order {
            rabbitmq.stop().await
        } else {
            rabbitmq.kill().await
        }
        assert_eq!(processes(&home), [0; 0]);
    }
    rabbitmq.start().await;
    drop(rabbitmq);
    assert_nothing_left(&home);
}

#[tokio::test]
async fn urls_name_the_socket() {
    let redis = Redis::start().await;
    assert_eq!(redis.url(), format!("unix://{}", redis.socket().display()));
    assert!(redis.socket().exists());
}
