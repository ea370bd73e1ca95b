//! Redis as it is: killed, flushed, paused, full, with foreign values, behind a password, in a Cluster.

use std::{
    process::{Child, Command, Stdio},
    time::Instant,
};

use ::redis::{Client, FromRedisValue};

use super::*;
use crate::guard::conformance::{PATIENT, conformance, lock, notice, until};

/// The settings of a test, with a prefix of its own.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        kind: Kind::Single,
        urls: vec![url.to_owned()],
        username: None,
        password: None,
        sentinel_password: None,
        tls_ca: None,
        prefix: format!("test-{}", Token::random().as_str()),
    }
}

/// A guard that is ready.
pub(crate) async fn guard(settings: Settings, limits: Limits) -> RedisGuard {
    let guard = RedisGuard::start(settings.check().unwrap(), limits);
    until("Redis helps", || async { !guard.link.is_down() }).await;
    guard
}

/// The Redis that the tests share.
pub(crate) fn shared() -> String {
    std::env::var("PAYSTATE_TEST_REDIS")
        .expect("PAYSTATE_TEST_REDIS is not set: run tests/run, or tests/with-servers cargo test …")
}

conformance!(|limits| guard(settings(&shared()), limits));

/// A Redis of one test.
struct Server {
    dir: tempfile::TempDir,
    child: Child,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Self::spawn(&dir, arguments);
        Self { dir, child }
    }

    fn spawn(dir: &tempfile::TempDir, arguments: &[&str]) -> Child {
        let mut command = Command::new("redis-server");
        // A file of settings comes first.
        let (file, others) = arguments.split_at(arguments.iter().take_while(|a| !a.starts_with("--")).count());
        command.args(file).args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""]).args(others);
        let command = command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().expect("redis-server cannot be started; install Debian's package redis-server")
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.kill();
        self.child = Self::spawn(&self.dir, &[]);
    }

    fn url(&self) -> String {
        format!("unix:{}", self.dir.path().join("redis.sock").display())
    }

    async fn guard(&self, limits: Limits) -> RedisGuard {
        guard(settings(&self.url()), limits).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command as an administrator would.
async fn try_run<T: FromRedisValue>(url: &str, words: &[&str]) -> RedisResult<T> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    let mut command = Cmd::new();
    words.iter().for_each(|word| {
        command.arg(word);
    });
    command.query_async(&mut connection).await
}

async fn run<T: FromRedisValue>(url: &str, words: &[&str]) -> T {
    try_run(url, words).await.unwrap()
}

impl RedisGuard {
    async fn claim(&self, n: usize) -> Claim {
        self.enter(&Token::random(), &[&notice(n)], &[]).await.claims[0]
    }

    async fn well(&self, well: bool) {
        until(if well { "Redis helps again" } else { "the breaker opens" }, || async {
            // Callbacks go on, whatever happens.
            self.claim(999).await;
            self.link.is_down() != well
        })
        .await;
    }

    /// Remembers, and therefore talks to a Redis that works.
    async fn works(&self) {
        let token = Token::random();
        self.enter(&token, &[&notice(1)], &[&lock("o1")]).await;
        self.leave(&token, &[&notice(1)], &[], &[&lock("o1")]).await;
        assert_eq!(self.claim(1).await, Claim::Done);
        assert_eq!(self.enter(&Token::random(), &[], &[&lock("o1")]).await.held, [true]);
    }
}

#[tokio::test]
async fn a_server_that_is_killed_is_missed_and_found_again() {
    let mut server = Server::start(&[]);
    let guard = server.guard(PATIENT).await;
    guard.works().await;
    server.kill();
    guard.well(false).await;
    let entry = guard.enter(&Token::random(), &[&notice(1)], &[&lock("o1")]).await;
    assert_eq!(entry, Entry::unknown(1, 1));
    server.child = Server::spawn(&server.dir, &[]);
    guard.well(true).await;
    guard.works().await;
}

#[tokio::test]
async fn a_server_that_is_lost_while_nobody_asks_is_missed() {
    let mut server = Server::start(&[]);
    let guard = server.guard(PATIENT).await;
    server.kill();
    until("it is missed", || async { guard.link.is_down() }).await;
}

#[tokio::test]
async fn a_server_that_comes_late_is_found() {
    let mut server = Server::start(&[]);
    let url = server.url();
    server.kill();
    let guard = RedisGuard::start(settings(&url).check().unwrap(), PATIENT);
    assert_eq!(guard.claim(1).await, Claim::New);
    server.restart();
    guard.well(true).await;
    guard.works().await;
}

#[tokio::test]
async fn what_is_flushed_between_entering_and_leaving_costs_nothing_but_memory() {
    let server = Server::start(&[]);
    let guard = server.guard(PATIENT).await;
    let (one, two) = (Token::random(), Token::random());
    guard.enter(&one, &[&notice(1), &notice(2)], &[&lock("o1")]).await;
    run::<()>(&server.url(), &["FLUSHALL"]).await;
    run::<()>(&server.url(), &["SCRIPT", "FLUSH"]).await;
    let entry = guard.enter(&two, &[&notice(1), &notice(2)], &[&lock("o1")]).await;
    assert_eq!(entry, Entry::unknown(2, 1));
    // The first one leaves what is the second one's now.
    guard.leave(&one, &[&notice(1)], &[&notice(2)], &[&lock("o1")]).await;
    let entry = guard.enter(&Token::random(), &[&notice(1), &notice(2)], &[&lock("o1")]).await;
    assert_eq!(entry, Entry { claims: vec![Claim::Done, Claim::InFlight], held: vec![false] });
    assert!(!guard.link.is_down());
}

#[tokio::test]
async fn a_server_that_hangs_delays_a_few_batches_and_then_none() {
    let server = Server::start(&[]);
    let command = Duration::from_millis(100);
    let guard = server.guard(Limits { command, ..PATIENT }).await;
    run::<()>(&server.url(), &["CLIENT", "PAUSE", "3000", "ALL"]).await;
    let begun = Instant::now();
    let mut asked = 0;
    while !guard.link.is_down() {
        assert_eq!(guard.claim(1).await, Claim::New);
        asked += 1;
    }
    assert!(asked <= 5 && begun.elapsed() < Duration::from_millis(2_500), "{asked} in {:?}", begun.elapsed());
    // Not one more round trip is waited for.
    let begun = Instant::now();
    for _ in 0..1_000 {
        guard.claim(1).await;
        guard.leave(&Token::random(), &[&notice(1)], &[], &[]).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    guard.well(true).await;
    guard.works().await;
}

#[tokio::test]
async fn a_server_that_is_full_is_left_alone_until_there_is_room() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let guard = server.guard(PATIENT).await;
    run::<()>(&server.url(), &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(guard.claim(1).await, Claim::New);
    guard.well(false).await;
    // The probe is refused as well, so it does not come and go.
    guard.link.connect().await;
    assert!(guard.link.is_down());
    run::<()>(&server.url(), &["CONFIG", "SET", "maxmemory", "0"]).await;
    guard.well(true).await;
    guard.works().await;
}

#[tokio::test]
async fn values_that_are_not_ours_are_no_answer_and_spoil_no_other() {
    let server = Server::start(&[]);
    let guard = server.guard(PATIENT).await;
    let (claims, locks) = ([1, 2, 3, 4].map(notice), ["o1", "o2", "o3", "o4"].map(lock));
    for (key, value) in [
        (guard.claim_key(&claims[0]), ["LPUSH", "x"]),
        (guard.claim_key(&claims[1]), ["SET", "done"]),
        (guard.lock_key(&locks[0]), ["LPUSH", "x"]),
        (guard.lock_key(&locks[1]), ["SET", "done:DUPLICATE"]),
    ] {
        run::<()>(&server.url(), &[value[0], &key, value[1]]).await;
    }
    let (token, other) = (Token::random(), Token::random());
    guard.enter(&other, &[&claims[2]], &[&locks[2]]).await;
    let all: (Vec<_>, Vec<_>) = (claims.iter().collect(), locks.iter().collect());
    let entry = guard.enter(&token, &all.0, &all.1).await;
    assert_eq!(entry.claims, [Claim::New, Claim::New, Claim::InFlight, Claim::New]);
    assert_eq!(entry.held, [true, true, false, true]);
    // A list among the locks does not keep the others from being released, and what is done is mended.
    guard.leave(&token, &all.0, &[], &all.1).await;
    let entry = guard.enter(&other, &all.0, &all.1).await;
    assert_eq!((entry.claims, entry.held), (vec![Claim::Done; 4], vec![true; 4]));
    assert_eq!(guard.enter(&token, &[], &all.1).await.held, [true, true, false, false]);
}

#[tokio::test]
async fn everything_that_is_written_ends() {
    let guard = guard(settings(&shared()), Limits::default()).await;
    let token = Token::random();
    guard.enter(&token, &[&notice(1), &notice(2)], &[&lock("o1")]).await;
    guard.leave(&token, &[&notice(2)], &[], &[]).await;
    let (in_flight, done) = (guard.claim_key(&notice(1)), guard.claim_key(&notice(2)));
    for (key, most) in [(in_flight, 10_000), (done, 26 * 3_600_000), (guard.lock_key(&lock("o1")), 5_000)] {
        let left: i64 = run(&shared(), &["PTTL", &key]).await;
        assert!((1..=most).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn a_password_is_needed_where_there_is_one() {
    let server = Server::start(&["--requirepass", "sesame"]);
    let with = |password: Option<&str>| Settings { password: password.map(Into::into), ..settings(&server.url()) };
    for wrong in [None, Some("wrong")] {
        let guard = RedisGuard::start(with(wrong).check().unwrap(), PATIENT);
        until("the server listens", || async { std::fs::exists(server.dir.path().join("redis.sock")).unwrap() }).await;
        assert!(guard.link.open().await.is_err());
        assert!(guard.link.is_down());
    }
    guard(with(Some("sesame")), PATIENT).await.works().await;
    let user = Settings { username: Some("default".into()), ..with(Some("sesame")) };
    guard(user, PATIENT).await.works().await;
}

#[test]
fn wrong_settings_are_all_named_and_no_secret_with_them() {
    let ok = settings("redis://127.0.0.1:1");
    let several = vec!["redis://a".into(), "redis://b".into()];
    let sentinel = Kind::Sentinel { master: "m".into() };
    let cases: [(Settings, &[&str]); 10] = [
        (Settings { urls: vec![], prefix: String::new(), ..ok.clone() }, &["urls", "prefix"]),
        (Settings { urls: several.clone(), ..ok.clone() }, &["urls"]),
        (
            Settings { urls: vec!["http://a".into(), "redis://u:sesame@a".into()], kind: Kind::Cluster, ..ok.clone() },
            &["urls", "urls"],
        ),
        (Settings { urls: vec!["unix:/s?pass=sesame".into()], ..ok.clone() }, &["urls"]),
        (Settings { urls: vec!["rediss://a#insecure".into()], ..ok.clone() }, &["urls"]),
        (Settings { urls: vec!["unix:/s".into()], kind: sentinel.clone(), ..ok.clone() }, &["urls"]),
        (Settings { urls: vec!["redis://a/1".into()], kind: Kind::Cluster, ..ok.clone() }, &["urls"]),
        (Settings { username: Some("u".into()), tls_ca: Some(vec![]), ..ok.clone() }, &["tls_ca", "username"]),
        (
            Settings { sentinel_password: Some("sesame".into()), prefix: "a{b".into(), ..ok.clone() },
            &["sentinel_password", "prefix"],
        ),
        (
            Settings { urls: vec!["rediss://a".into()], tls_ca: Some(b"-----BEGIN CERTIFICATE-----\nx".into()), ..ok },
            &["tls_ca"],
        ),
    ];
    for (settings, fields) in cases {
        let shown = format!("{settings:?}");
        let mut found = settings.check().unwrap_err();
        assert!(!format!("{found:?}").contains("sesame"));
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        found.sort_by_key(|p| p.field);
        assert_eq!(found.iter().map(|p| p.field).collect::<Vec<_>>(), fields, "{shown}: {found:?}");
    }
}

/// Ports that were free a moment ago.
fn free_ports() -> [String; 2] {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

/// A server on a port, which Clusters and Sentinels need, and its URL. A port may be taken before the server
/// has it; then another one is tried.
async fn on_a_port(arguments: &[&str]) -> (Server, String) {
    for _ in 0..20 {
        let [port, bus] = free_ports();
        let ports = ["--port", &port, "--cluster-port", &bus];
        let mut server = Server::start(&[arguments, &ports].concat());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) && server.child.try_wait().unwrap().is_none() {
            if tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.is_ok() {
                return (server, format!("redis://127.0.0.1:{port}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    panic!("no port is free for long enough");
}

#[tokio::test]
async fn a_cluster_is_asked_in_one_pipeline() {
    let (_server, url) = on_a_port(&["--cluster-enabled", "yes"]).await;
    run::<()>(&url, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let guard = guard(Settings { kind: Kind::Cluster, ..settings(&url) }, PATIENT).await;
    guard.works().await;
    let (notices, locks) = ((0..64).map(notice).collect::<Vec<_>>(), ["o1", "o2", "o3"].map(lock));
    let (notices, locks) = (notices.iter().collect::<Vec<_>>(), locks.iter().collect::<Vec<_>>());
    guard.enter(&Token::random(), &notices, &locks).await;
    let entry = guard.enter(&Token::random(), &notices, &locks).await;
    assert_eq!(entry.held, [false; 3]);
    assert_eq!(entry.claims.iter().filter(|c| **c == Claim::InFlight).count(), 63);
    assert!(!guard.link.is_down());
}

#[tokio::test]
async fn sentinels_lead_to_the_master_and_to_the_next_one() {
    let (_one, first) = on_a_port(&[]).await;
    let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
    let (_two, second) = on_a_port(&["--replicaof", "127.0.0.1", &port(&first)]).await;
    let conf = tempfile::NamedTempFile::new().unwrap();
    let lines = ["sentinel monitor shop 127.0.0.1 PORT 1", "sentinel resolve-hostnames no"].join("\n");
    std::fs::write(conf.path(), lines.replace("PORT", &port(&first))).unwrap();
    let (_sentinel, sentinel) = on_a_port(&[conf.path().to_str().unwrap(), "--sentinel"]).await;
    let kind = Kind::Sentinel { master: "shop".into() };
    let guard = guard(Settings { kind, ..settings(&sentinel) }, PATIENT).await;
    guard.works().await;
    until("the sentinel knows a replica to promote", || async {
        try_run::<()>(&sentinel, &["SENTINEL", "FAILOVER", "shop"]).await.is_ok()
    })
    .await;
    // Sentinels end the connections to a server that changes its role.
    until("the replica is master", || async {
        let role: RedisResult<Vec<Value>> = try_run(&second, &["ROLE"]).await;
        role.is_ok_and(|role| role[0] == Value::BulkString(b"master".to_vec()))
    })
    .await;
    until("the guard writes there", || async {
        guard.claim(7).await;
        try_run(&second, &["EXISTS", &guard.claim_key(&notice(7))]).await == Ok(1)
    })
    .await;
}
