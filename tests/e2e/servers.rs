//! A PostgreSQL, a Redis and a RabbitMQ of one test's own, to be killed, held up and restarted as it likes.
//!
//! Contract: unix sockets in a temporary directory, no port (a [`Proxy`](crate::proxy::Proxy) gives them one); RabbitMQ,
//! which knows ports only, has quiet ones. The servers come from Debian's packages; PostgreSQL runs as the user `postgres` where the test is root, because it
//! refuses root. Nothing is left of them when they are dropped.

mod daemon;
#[cfg(test)]
mod tests;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command};

use self::daemon::Daemon;
use crate::support::quiet_address;

/// A PostgreSQL with one superuser, `postgres`. It syncs like a real one.
pub(crate) struct Postgres {
    daemon: Option<Daemon>,
    home: TempDir,
}

impl Postgres {
    /// Makes an empty database cluster and starts it.
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some(user) = user() {
            run(Command::new("chown").arg(user).args([home.path(), &data])).await.unwrap();
        }
        let mut initdb = daemon::command(&program("initdb"), &data, user(), "KILL");
        initdb.args(["--pgdata=.", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        // Only the new, empty cluster is not synced.
        initdb.arg("--no-sync");
        run(&mut initdb.into()).await.unwrap();
        let mut postgres = Self { daemon: None, home };
        postgres.start_again().await;
        postgres
    }

    /// Starts it on the data that it had when it was killed.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.daemon.is_none(), "it is running");
        let home = self.home.path();
        let mut command = daemon::command(&program("postgres"), &self.data(), user(), "QUIT");
        command.args(["-D", ".", "-c", "listen_addresses=", "-c", "max_connections=200"]);
        command.arg("-c").arg(format!("unix_socket_directories={}", home.display()));
        let mut daemon = Daemon::start(command, home, "QUIT");
        daemon.ready(async || run(Command::new(program("pg_isready")).arg("-h").arg(home)).await.is_ok()).await;
        self.daemon = Some(daemon);
    }

    /// Ends every connection and shuts down in order, then starts again.
    pub(crate) async fn restart_fast(&mut self) {
        self.restart("INT").await;
    }

    /// Drops everything at once, then recovers from its log.
    pub(crate) async fn restart_immediate(&mut self) {
        self.restart("QUIT").await;
    }

    async fn restart(&mut self, signal: &str) {
        let daemon = self.daemon.take().expect("it is running");
        daemon.signal(signal);
        daemon.ended().await;
        self.start_again().await;
    }

    /// SIGKILL to all of its processes.
    pub(crate) async fn kill(&mut self) {
        let daemon = self.daemon.take().expect("it is running");
        daemon.signal_all("KILL");
        daemon.ended().await;
    }

    /// Ends every connection; the server goes on. Answers with how many there were.
    pub(crate) async fn kill_backends(&self) -> usize {
        let killed = self
            .sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )
            .await;
        killed.parse().unwrap()
    }

    /// SIGSTOP to all of its processes: connections stay open and nothing moves.
    pub(crate) fn pause(&self) {
        self.daemon.as_ref().expect("it is running").signal_all("STOP");
    }

    /// SIGCONT after [`Self::pause`].
    pub(crate) fn resume(&self) {
        self.daemon.as_ref().expect("it is running").signal_all("CONT");
    }

    /// Runs a statement; answers with its rows, columns separated by `|`.
    pub(crate) async fn sql(&self, statement: &str) -> String {
        psql(&self.url(), &[statement]).await.unwrap()
    }

    /// Restores a dump of the database `postgres` into a new one; answers with the URL of that.
    pub(crate) async fn restored(&self, name: &str) -> String {
        let dump = self.home.path().join("dump.sql");
        let url = self.url();
        run(Command::new(program("pg_dump")).arg("--dbname").arg(&url).arg("--file").arg(&dump)).await.unwrap();
        self.sql(&format!("CREATE DATABASE {name}")).await;
        let restored = self.url_of(name);
        let psql = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", &restored, "--file"];
        run(Command::new(program("psql")).args(psql).arg(&dump)).await.unwrap();
        restored
    }

    /// The URL of the database `postgres`.
    pub(crate) fn url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.home.path().display())
    }

    /// The socket that it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join(".s.PGSQL.5432")
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A killed one leaves its interlock in the kernel, which has only so many.
        if self.daemon.is_none()
            && let Ok(pid_file) = fs::read_to_string(self.data().join("postmaster.pid"))
            && let Some(id) = pid_file.lines().nth(6).and_then(|line| line.split_whitespace().nth(1))
        {
            let _ = std::process::Command::new("ipcrm").args(["-m", id]).status();
        }
    }
}

/// A Redis that keeps nothing on disk: whatever ends it, all is forgotten.
pub(crate) struct Redis {
    daemon: Option<Daemon>,
    home: TempDir,
}

impl Redis {
    /// Starts an empty one.
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("data")).unwrap();
        let mut redis = Self { daemon: None, home };
        redis.start_again().await;
        redis
    }

    /// Starts it after it was killed, empty.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.daemon.is_none(), "it is running");
        let home = self.home.path();
        let mut command = daemon::command(Path::new("redis-server"), &home.join("data"), None, "KILL");
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(self.socket());
        let mut daemon = Daemon::start(command, home, "KILL");
        daemon.ready(async || self.try_command(&["PING"]).await.is_ok()).await;
        self.daemon = Some(daemon);
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        let daemon = self.daemon.take().expect("it is running");
        daemon.signal("KILL");
        daemon.ended().await;
    }

    /// Kills it and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start_again().await;
    }

    /// Forgets all keys.
    pub(crate) async fn flush_all(&self) {
        self.command(&["FLUSHALL"]).await;
    }

    /// Answers nobody for a time.
    pub(crate) async fn pause_clients(&self, time: Duration) {
        self.command(&["CLIENT", "PAUSE", &time.as_millis().to_string()]).await;
    }

    /// Refuses to write beyond so many bytes; 1 is always full, 0 is no limit.
    pub(crate) async fn limit_memory(&self, bytes: u64) {
        self.command(&["CONFIG", "SET", "maxmemory", &bytes.to_string()]).await;
    }

    /// Runs a command; answers as redis-cli prints it.
    pub(crate) async fn command(&self, words: &[&str]) -> String {
        self.try_command(words).await.unwrap()
    }

    /// Runs a command that may fail; then answers with what redis-cli complained of.
    pub(crate) async fn try_command(&self, words: &[&str]) -> Result<String, String> {
        run(Command::new("redis-cli").args(["-e", "-s"]).arg(self.socket()).args(words)).await
    }

    /// The URL of its database 0.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket that it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("redis.sock")
    }
}

/// A RabbitMQ with one user, `guest`. What is durable and was confirmed outlasts every end.
pub(crate) struct RabbitMq {
    daemon: Option<Daemon>,
    home: TempDir,
    /// AMQP, and two that Erlang needs.
    ports: [SocketAddr; 3],
}

impl RabbitMq {
    /// One that does not run yet.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("data")).unwrap();
        Self { daemon: None, home, ports: std::array::from_fn(|_| quiet_address()) }
    }

    /// Where it keeps everything, and where `more.conf` is read.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Starts it on the data that it has.
    pub(crate) async fn start(&mut self) {
        assert!(self.daemon.is_none(), "it is running");
        let data = self.data();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rabbitmq");
        let mut command = daemon::command(&program, &data, None, "KILL");
        command.arg(&data).args(self.ports.map(|port| port.port().to_string()));
        let mut daemon = Daemon::start(command, self.home.path(), "KILL");
        daemon.ready(async || TcpStream::connect(self.address()).await.is_ok()).await;
        self.daemon = Some(daemon);
    }

    /// Shuts down in order.
    pub(crate) async fn stop(&mut self) {
        self.end("TERM").await;
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.end("KILL").await;
    }

    async fn end(&mut self, signal: &str) {
        let daemon = self.daemon.take().expect("it is running");
        daemon.signal(signal);
        daemon.ended().await;
    }

    /// Where it listens for AMQP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.ports[0]
    }
}

/// Runs statements on one connection, each as a simple query of its own, up to the first that fails.
pub(crate) async fn psql(url: &str, statements: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--dbname", url]);
    for statement in statements {
        command.args(["--command", statement]);
    }
    run(&mut command).await
}

/// Runs to its end; answers with standard output, or with what it complained of.
async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stdout) + &text(output.stderr)) }
}

/// Whom PostgreSQL runs as, where it is not the user of the test.
fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some("postgres")
}

/// A program of PostgreSQL. Debian keeps them by version and off `PATH`; the newest one is taken.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let on_path = std::env::split_paths(&path).find_map(|directory| directory.join("postgres").canonicalize().ok());
    let newest = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let numbers = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        Some(Path::new("/usr/lib/postgresql").join(numbers.max()?.to_string()).join("bin/postgres"))
    };
    let server = on_path.or_else(newest).expect("PostgreSQL is not installed; tests/run installs it");
    server.with_file_name(name)
}
