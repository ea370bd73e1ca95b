//! How an edge ends.

use std::time::Duration;

use paystate_edge::Limits;
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, PATIENCE, post},
    core::{Mode, STORE},
    rig::{PATH, Rig},
};

const READY: &str = "GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn not_ready_comes_before_the_end_of_accepting() {
    let rig = Rig::start(Limits { unready_grace: PATIENCE, ..Limits::default() }).await;
    let mut client = rig.connect().await;
    client.send(READY).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    rig.shutdown.cancel();
    let mut late = rig.connect().await;
    late.send(READY).await;
    assert_eq!(late.answer().await.unwrap().status, 503);
    assert_eq!(rig.connect().await.post(PATH, "paid 1").await.status, 200, "callbacks are still taken");
}

#[tokio::test]
async fn a_request_under_way_is_finished() {
    let rig = Rig::start(Limits { unready_grace: Duration::ZERO, ..Limits::default() }).await;
    rig.core.set(Mode::Hold);
    let (mut busy, mut idle) = (rig.connect().await, rig.connect().await);
    idle.send(READY).await;
    assert_eq!(idle.answer().await.unwrap().status, 200);
    busy.send(post(PATH, "paid 1")).await;
    rig.core.until(|seen| seen.messages.len() == 1).await;
    rig.shutdown.cancel();
    assert_eq!(idle.answer().await, None, "an idle connection ends at once");
    let closed = async { while rig.try_connect().await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("the listener stayed open");
    rig.core.set(STORE);
    let answer = busy.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(busy.answer().await, None);
    timeout(PATIENCE, rig.served).await.expect("serve did not end").unwrap().unwrap();
}

#[tokio::test]
async fn draining_has_an_end() {
    let limits = Limits { unready_grace: Duration::ZERO, drain: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut slow = rig.connect().await;
    slow.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n")).await;
    // Whether or not the head has been read by now, the connection is not idle for long.
    sleep(Duration::from_millis(20)).await;
    rig.shutdown.cancel();
    timeout(Duration::from_secs(8), rig.served).await.expect("a slow sender kept the edge alive").unwrap().unwrap();
    assert_eq!(slow.answer().await, None);
}

#[tokio::test]
async fn what_is_queued_still_leaves() {
    let limits = Limits { unready_grace: Duration::ZERO, rpc_batch: 1, rpc_in_flight: 1, ..Limits::default() };
    let rig = Rig::start(limits).await;
    rig.core.set(Mode::Hold);
    for n in 1..=5 {
        let mut client = rig.connect().await;
        client.send(post(PATH, &format!("paid {n}"))).await;
        rig.verified(n).await;
        rig.core.until(|seen| !seen.messages.is_empty()).await;
    }
    rig.shutdown.cancel();
    rig.core.set(STORE);
    timeout(PATIENCE, rig.served).await.expect("serve did not end").unwrap().unwrap();
    assert_eq!(rig.core.look(|seen| seen.messages.len()), 5);
}

#[tokio::test]
async fn the_last_answer_says_so_and_a_new_connection_gets_one() {
    let rig = Rig::start(Limits { unready_grace: Duration::from_millis(300), ..Limits::default() }).await;
    let (mut kept, mut new) = (rig.connect().await, rig.connect().await);
    let answer = kept.post(PATH, "paid 1").await;
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    rig.shutdown.cancel();
    let answer = kept.post(PATH, "paid 2").await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(kept.answer().await, None);
    // This one has not asked anything yet, and may have sent its request already when accepting ends.
    let closed = async { while rig.try_connect().await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("the listener stayed open");
    let answer = new.post(PATH, "paid 3").await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    drop(new);
    timeout(PATIENCE, rig.served).await.expect("serve did not end").unwrap().unwrap();
}

#[tokio::test]
async fn what_is_in_the_backlog_is_still_answered() {
    let rig = Rig::start(Limits::default()).await;
    assert_eq!(rig.connect().await.post(PATH, "paid 1").await.status, 200);
    // Connects without giving the edge a turn: the kernel has let it in, the edge has not seen it.
    let early = std::net::TcpStream::connect(rig.address).unwrap();
    rig.shutdown.cancel();
    early.set_nonblocking(true).unwrap();
    let early = tokio::net::TcpStream::from_std(early).unwrap();
    let mut early = Client::over(early, rig.trust.clone()).await.unwrap();
    let answer = early.post(PATH, "paid 2").await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    timeout(PATIENCE, rig.served).await.expect("serve did not end").unwrap().unwrap();
}
