//! Requests that are not ours to serve, and bytes that are made to confuse.

use paystate_edge::Limits;

use crate::{
    client::post,
    rig::{PATH, Rig},
};

#[tokio::test]
async fn only_post_to_the_exact_path() {
    let rig = Rig::start(Limits::default()).await;
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        for path in [PATH, "/callback/alipay/nobody"] {
            let mut client = rig.connect().await;
            client.send(format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")).await;
            // The body of an answer to HEAD is announced and not sent, which this client does not know.
            if method != "HEAD" {
                let answer = client.answer().await.unwrap();
                assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
            }
        }
    }
    let unknown = rig.connect().await.post("/nothing", "paid 1").await;
    assert_eq!((unknown.status, unknown.header("connection")), (404, Some("close")));
    for path in [
        "/callback/alipay/nobody",
        "/callback/stripe/shop",
        "/callback/nobody/shop",
        "/callback/alipay/sho%70",
        "/callback/alipay/shop/",
        "//callback/alipay/shop",
        "/callback//alipay/shop",
        "/callback/alipay/./shop",
        "/",
    ] {
        let answer = rig.connect().await.post(path, "paid 1").await;
        assert_eq!((answer.status, answer.body), (404, unknown.body.clone()), "{path}");
    }
    assert_eq!(rig.asked(), 0);
    rig.core.look(|seen| assert!(seen.rejections.is_empty(), "nobody's callbacks are not recorded"));
}

#[tokio::test]
async fn forged_host_headers_change_nothing() {
    let rig = Rig::start(Limits::default()).await;
    for extra in ["host: 127.0.0.1", "host: localhost\r\nx-forwarded-host: localhost\r\nx-debug: 1"] {
        let mut client = rig.connect().await;
        client.send(format!("POST {PATH} HTTP/1.1\r\n{extra}\r\ncontent-length: 6\r\n\r\nforged")).await;
        assert_eq!(client.answer().await.unwrap().status, 400);
    }
}

#[tokio::test]
async fn encoded_bodies_are_not_accepted() {
    let rig = Rig::start(Limits::default()).await;
    for (encoding, status) in [("gzip", 415), ("identity, gzip", 415), ("Identity", 200)] {
        let mut client = rig.connect().await;
        let head = format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-encoding: {encoding}\r\n");
        client.send(format!("{head}content-length: 6\r\n\r\npaid 1")).await;
        assert_eq!(client.answer().await.unwrap().status, status, "{encoding}");
    }
}

#[tokio::test]
async fn no_second_request_hides_in_a_first() {
    let smuggled = post(PATH, "paid smuggled");
    for framing in [
        "content-length: 6\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 6",
        "transfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding : chunked",
        "content-length: 6\r\ncontent-length: 5",
        "content-length: +6",
        "content-length: 6, 6",
        "x: 1\r\n folded: 2\r\ncontent-length: 6",
    ] {
        let rig = Rig::start(Limits::default()).await;
        let mut client = rig.connect().await;
        client.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}")).await;
        let answer = client.answer().await;
        assert!(answer.is_none_or(|a| a.status == 400), "{framing}");
        assert_eq!(client.answer().await, None, "the connection goes on after {framing:?}");
        rig.core.look(|seen| assert!(seen.messages.is_empty(), "{framing}"));
    }
}

#[tokio::test]
async fn a_chunked_body_is_read_whole() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send(format!("{head}3\r\npai\r\n3\r\nd 1\r\n0\r\n\r\n")).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    rig.core.look(|seen| assert_eq!(seen.messages[0].body, b"paid 1"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_believed() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send(format!("{head}6\r\npaid 1\r\nzz\r\n")).await;
    let answer = client.answer().await;
    assert!(answer.is_none_or(|a| a.status == 400));
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn nonsense_instead_of_a_handshake_does_not_stop_the_edge() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rig = Rig::start(Limits::default()).await;
    for _ in 0..100 {
        let mut tcp = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let _ = tcp.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
    }
    assert_eq!(rig.connect().await.post(PATH, "paid 1").await.status, 200);
}
