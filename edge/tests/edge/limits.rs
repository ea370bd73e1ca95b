//! Every limit fires.

use std::time::Duration;

use paystate_edge::Limits;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    client::{Client, PATIENCE},
    rig::{PATH, Rig},
};

const SHORT: Duration = Duration::from_millis(200);

/// Waits for the end of a connection that gets no answer, and returns how long that took.
async fn end(client: &mut Client) -> Duration {
    let started = Instant::now();
    assert_eq!(client.answer().await, None);
    started.elapsed()
}

#[tokio::test]
async fn a_handshake_that_does_not_come() {
    let rig = Rig::start(Limits { handshake_timeout: SHORT, ..Limits::default() }).await;
    let mut tcp = TcpStream::connect(rig.address).await.unwrap();
    let ended = timeout(PATIENCE, tcp.read(&mut [0; 1])).await.expect("the handshake limit did not fire");
    assert!(matches!(ended, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_head_that_does_not_come() {
    let rig = Rig::start(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    assert!(end(&mut rig.connect().await).await < PATIENCE / 2);
    let mut client = rig.connect().await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nhost:")).await;
    assert!(end(&mut client).await < PATIENCE / 2);
}

#[tokio::test]
async fn a_head_that_drips() {
    let rig = Rig::start(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    let dripped = async {
        client.send(format!("POST {PATH} HTTP/1.1\r\nx: ")).await;
        while timeout(Duration::from_millis(20), client.answer()).await.is_err() {
            client.send("x").await;
        }
    };
    timeout(PATIENCE, dripped).await.expect("dripping bytes kept the connection open");
}

#[tokio::test]
async fn a_second_head_that_drips() {
    let rig = Rig::start(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    client.send(format!("POST {PATH} HTTP/1.1\r\nx: ")).await;
    assert!(end(&mut client).await < PATIENCE / 2, "the limit of an idle connection was used");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_limit_and_not_its_own() {
    let rig = Rig::start(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    sleep(SHORT * 3).await;
    assert_eq!(client.post(PATH, "paid 2").await.status, 200);

    let rig = Rig::start(Limits { keep_alive_idle: SHORT, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    assert!(end(&mut client).await < Duration::from_secs(4), "not the idle limit");
}

/// A health page or a forgery now and then must not hold the place of a platform.
#[tokio::test]
async fn who_has_brought_nothing_genuine_does_not_keep_a_connection() {
    let limits = || Limits { stranger_tenure: SHORT, ..Limits::default() };
    let rig = Rig::start(limits()).await;
    let mut forger = rig.connect().await;
    assert_ne!(forger.post(PATH, "forged").await.status, 200);
    assert!(end(&mut forger).await < PATIENCE / 2, "a forger kept its place");
    let mut looker = rig.connect().await;
    looker.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(looker.answer().await.unwrap().status, 200);
    assert!(end(&mut looker).await < PATIENCE / 2, "a health page kept its place");
    // Nor does whoever asks again and again.
    let (mut busy, since) = (rig.connect().await, Instant::now());
    loop {
        busy.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let answer = busy.answer().await.expect("the end is announced, so that no request is lost");
        if answer.header("connection") == Some("close") {
            break;
        }
        assert!(since.elapsed() < PATIENCE / 2, "requests kept the place");
        sleep(SHORT / 10).await;
    }
    let mut platform = rig.connect().await;
    assert_eq!(platform.post(PATH, "paid 1").await.status, 200);
    sleep(SHORT * 3).await;
    assert_eq!(platform.post(PATH, "paid 2").await.status, 200);
}

#[tokio::test]
async fn a_body_that_drips() {
    let rig = Rig::start(Limits { body_timeout: SHORT, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 60\r\n\r\npaid")).await;
    let answer = loop {
        match timeout(Duration::from_millis(20), client.answer()).await {
            Ok(answer) => break answer.unwrap(),
            Err(_) => client.send("x").await,
        }
    };
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    let seen = rig.core.until(|seen| seen.rejections.len() == 1).await;
    assert_eq!((seen.rejections[0].reason.as_str(), seen.rejections[0].body_size), ("MALFORMED", 60));
    assert!(seen.rejections[0].body.starts_with(b"paid"));
}

#[tokio::test]
async fn a_body_that_says_that_it_is_too_large() {
    let rig = Rig::start(Limits::default()).await;
    for size in ["65537", "10000000000"] {
        let mut client = rig.connect().await;
        client.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n")).await;
        assert_eq!(client.answer().await.unwrap().status, 413);
        assert_eq!(client.answer().await, None);
    }
    let seen = rig.core.until(|seen| seen.rejections.len() == 2).await;
    assert_eq!((seen.rejections[1].reason.as_str(), seen.rejections[1].body_size), ("TOO_LARGE", 10_000_000_000));
}

#[tokio::test]
async fn a_body_that_turns_out_too_large() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")).await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    client.send(chunk.repeat(65)).await;
    assert_eq!(client.answer().await.unwrap().status, 413);
    let seen = rig.core.until(|seen| seen.rejections.len() == 1).await;
    let rejection = &seen.rejections[0];
    assert_eq!((rejection.reason.as_str(), rejection.body.len()), ("TOO_LARGE", 4096));
    assert!(rejection.body_size > 65536);
}

#[tokio::test]
async fn the_largest_body_passes() {
    let rig = Rig::start(Limits::default()).await;
    let body = format!("paid {}", "x".repeat(65536 - 5));
    assert_eq!(rig.connect().await.post(PATH, &body).await.status, 200);
    rig.core.look(|seen| assert_eq!(seen.messages[0].body.len(), 65536));
}

#[tokio::test]
async fn a_head_with_too_much_in_it() {
    let rig = Rig::start(Limits::default()).await;
    let (many, long) = ("x: 1\r\n".repeat(65), format!("x: {}\r\n", "x".repeat(32 * 1024)));
    for headers in [many, long] {
        let mut client = rig.connect().await;
        client.send(format!("POST {PATH} HTTP/1.1\r\n{headers}content-length: 6\r\n\r\npaid 1")).await;
        assert!(client.answer().await.is_none_or(|a| a.status == 431));
        assert_eq!(client.answer().await, None);
    }
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn one_address_holds_only_so_many_connections() {
    let rig = Rig::start(Limits { max_connections_per_ip: 2, ..Limits::default() }).await;
    let (mut first, second) = (rig.connect().await, rig.connect().await);
    assert!(rig.try_connect().await.is_err());
    drop(second);
    // The place comes back once the edge has seen the end; until then connecting fails.
    let again = async { while rig.try_connect().await.is_err() {} };
    timeout(PATIENCE, again).await.expect("the place did not come back");
    assert_eq!(first.post(PATH, "paid 1").await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let rig = Rig::start(Limits { max_connections: 1, ..Limits::default() }).await;
    let first = rig.connect().await;
    let waiting = rig.connect();
    tokio::pin!(waiting);
    assert!(timeout(SHORT, waiting.as_mut()).await.is_err());
    drop(first);
    let mut second = timeout(PATIENCE, waiting).await.expect("the place did not come back");
    assert_eq!(second.post(PATH, "paid 1").await.status, 200);
}
