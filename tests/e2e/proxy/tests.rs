//! The proxy does what the fault tests take for granted.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::{Fault, Proxy, Upstream};
use crate::{
    servers::{Postgres, Redis, psql},
    support::SOON,
};

/// Long enough for a byte to go round, were it let.
const A_WHILE: Duration = Duration::from_millis(300);

/// A server that says back what it hears, and a proxy in front of it.
struct Echo {
    proxy: Proxy,
    /// What connections that have ended had sent.
    heard: mpsc::UnboundedReceiver<Vec<u8>>,
    _tasks: JoinSet<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(Upstream::Tcp(listener.local_addr().unwrap())).await;
        let (sender, heard) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(echo(stream, sender.clone()));
            }
        });
        Self { proxy, heard, _tasks: tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.unwrap()
    }
}

async fn echo(mut stream: TcpStream, heard: mpsc::UnboundedSender<Vec<u8>>) {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = stream.read(&mut byte).await {
        all.extend(byte);
        // Whoever has hung up was heard nevertheless.
        let _ = stream.write_all(&byte).await;
    }
    let _ = heard.send(all);
}

/// Says something and hears it back.
async fn round(stream: &mut TcpStream, words: &[u8]) {
    stream.write_all(words).await.unwrap();
    hear(stream, words).await;
}

async fn hear(stream: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("it comes back").unwrap();
    assert_eq!(heard, words);
}

/// The connection ends with a reset, whatever came before it.
async fn assert_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the connection ends");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn without_a_fault_bytes_and_goodbyes_pass() {
    let mut echo = Echo::start().await;
    let mut stream = echo.connect().await;
    round(&mut stream, &[7; 100_000]).await;
    stream.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, stream.read(&mut [0; 1])).await.expect("it ends").unwrap(), 0);
    assert_eq!(echo.heard.recv().await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_gives_it_back_later() {
    let echo = Echo::start().await;
    let mut open = echo.connect().await;
    round(&mut open, b"before").await;
    echo.proxy.set(Fault::Blackhole);
    let mut new = echo.connect().await;
    for stream in [&mut open, &mut new] {
        stream.write_all(b"in it").await.unwrap();
        timeout(A_WHILE, stream.read(&mut [0; 1])).await.expect_err("nothing comes");
    }
    echo.proxy.set(Fault::None);
    hear(&mut open, b"in it").await;
    hear(&mut new, b"in it").await;
}

#[tokio::test]
async fn a_delay_counts_in_both_directions() {
    let echo = Echo::start().await;
    let mut stream = echo.connect().await;
    echo.proxy.set(Fault::Delay(A_WHILE));
    let begin = Instant::now();
    round(&mut stream, b"x").await;
    assert!(begin.elapsed() >= 2 * A_WHILE, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_cut_resets_open_and_new_connections() {
    let echo = Echo::start().await;
    let mut open = echo.connect().await;
    round(&mut open, b"before").await;
    echo.proxy.set(Fault::Cut);
    assert_reset(&mut open).await;
    assert_reset(&mut echo.connect().await).await;
    echo.proxy.set(Fault::None);
    round(&mut echo.connect().await, b"after").await;
}

#[tokio::test]
async fn a_cut_after_some_bytes_lets_exactly_those_pass() {
    let mut echo = Echo::start().await;
    let (mut cut, mut other) = (echo.connect().await, echo.connect().await);
    echo.proxy.set(Fault::CutAfter(8));
    round(&mut other, b"123").await;
    cut.write_all(b"456789").await.unwrap();
    assert_reset(&mut cut).await;
    assert_eq!(timeout(SOON, echo.heard.recv()).await.expect("it hears of the end").unwrap(), b"45678");
    // It is over: the other connection goes on.
    round(&mut other, b"after").await;
}

#[tokio::test]
async fn a_lost_reply_to_commit_leaves_the_row() {
    let postgres = Postgres::start().await;
    postgres.sql("CREATE TABLE t (n int)").await;
    let proxy = Proxy::start(Upstream::Postgres(postgres.socket())).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let insert = async |n: u32| {
        let insert = format!("INSERT INTO t VALUES ({n})");
        psql(&url, &["BEGIN", &insert, "COMMIT", "SELECT 'told'"]).await
    };
    let rows = async || postgres.sql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM t").await;

    assert_eq!(insert(1).await.unwrap(), "told");
    proxy.set(Fault::LoseCommitReply { every: 2 });
    assert_eq!(insert(2).await.unwrap(), "told");
    let complaint = insert(3).await.unwrap_err();
    assert!(complaint.contains("reset by peer") || complaint.contains("closed the connection"), "{complaint}");
    assert_eq!(rows().await, "1 2 3", "the commit whose reply was lost has happened");
    assert_eq!(insert(4).await.unwrap(), "told");
    insert(5).await.unwrap_err();
    assert_eq!((rows().await.as_str(), proxy.lost_replies()), ("1 2 3 4 5", 2));

    // Other statements pass, and so does a transaction that is taken back.
    assert_eq!(psql(&url, &["BEGIN", "DELETE FROM t", "ROLLBACK", "SELECT 'told'"]).await.unwrap(), "told");
    proxy.set(Fault::None);
    assert_eq!(insert(6).await.unwrap(), "told");
}

#[tokio::test]
async fn redis_is_reached_through_a_port() {
    let redis = Redis::start().await;
    let proxy = Proxy::start(Upstream::Unix(redis.socket())).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    hear(&mut stream, b"+PONG\r\n").await;
}
