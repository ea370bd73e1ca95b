//! Whose address it is, and what the allow lists make of it. The client of these tests is 127.0.0.1.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::LazyLock, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use paystate_edge::{AllowMode, Front, Limits, Networks, Sources};
use paystate_providers::Provider;
use tokio::time::timeout;

use crate::{
    client::{Answer, Client, PATIENCE},
    rig::{PATH, Rig},
};

const SENDER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);

/// What the edges of this process have counted.
static METRICS: LazyLock<PrometheusHandle> = LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

fn counted(line: &str) -> bool {
    METRICS.render().lines().any(|l| l.starts_with(line))
}

fn networks(text: &str) -> Networks {
    Networks::from_iter([text.parse().unwrap()])
}

fn here() -> Networks {
    networks("127.0.0.0/8")
}

fn elsewhere() -> Networks {
    networks("10.0.0.0/8")
}

/// An edge whose one platform sends from 203.0.113.0/24.
async fn rig(front: Front, mode: AllowMode) -> Rig {
    let allow = BTreeMap::from([(Provider::Alipay, networks("203.0.113.0/24"))]);
    LazyLock::force(&METRICS);
    Rig::with_sources(Sources { front, mode, allow }, Limits::default()).await
}

/// A header of PROXY protocol v2, as a proxy writes it for TCP over IPv4.
fn proxy_v2(sender: Ipv4Addr) -> Vec<u8> {
    let [a, b, c, d] = sender.octets();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, 0x11, 0, 12, a, b, c, d, 10, 0, 0, 1, 1, 2, 1, 187]].concat()
}

/// "I am well, are you?": a proxy's own connection.
fn local() -> Vec<u8> {
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x20, 0, 0, 0]].concat()
}

async fn post_forwarded(client: &mut Client, forwarded: &str, body: &str) -> Answer {
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: a\r\n{forwarded}content-length: {}\r\n", body.len());
    client.send(format!("{head}\r\n{body}")).await;
    client.answer().await.unwrap()
}

/// The address that the core is told with the next refused callback.
async fn told(rig: &Rig) -> String {
    rig.core.until(|seen| !seen.rejections.is_empty()).await.rejections[0].remote_address.clone()
}

#[tokio::test]
async fn a_sender_that_is_not_listed_is_refused_before_its_body_is_read() {
    let rig = rig(Front::Nothing, AllowMode::Enforce).await;
    let mut client = rig.connect().await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n")).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.body.as_str(), answer.header("connection")), (503, "again", Some("close")));
    assert_eq!((client.answer().await, rig.asked()), (None, 0));
    let seen = rig.core.until(|seen| seen.rejections.len() == 1).await;
    let told = &seen.rejections[0];
    assert_eq!((told.reason.as_str(), told.remote_address.as_str()), ("SOURCE_NOT_ALLOWED", "127.0.0.1"));
    assert_eq!((told.body.len(), told.body_size), (0, 6));
    assert_eq!(told.detail, "127.0.0.1 is not on the allow list of alipay");
    assert!(seen.messages.is_empty());
}

#[tokio::test]
async fn health_is_for_everybody() {
    let rig = rig(Front::Nothing, AllowMode::Enforce).await;
    let mut client = rig.connect().await;
    client.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn observing_counts_and_lets_pass() {
    let rig = rig(Front::Nothing, AllowMode::Observe).await;
    let mut client = rig.connect().await;
    let unlisted = |outcome: &str| {
        let labels = format!("provider=\"alipay\",account=\"shop\",outcome=\"{outcome}\"");
        format!("paystate_callbacks_unlisted_total{{{labels}}} 1")
    };
    assert!(!counted(&unlisted("accepted")));
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    assert_eq!(client.post(PATH, "forged").await.status, 400);
    rig.core.look(|seen| assert_eq!(seen.messages.len(), 1));
    assert!(counted(&unlisted("accepted")) && counted(&unlisted("refused")), "{}", METRICS.render());
}

#[tokio::test]
async fn nobody_is_asked_when_it_is_off() {
    let rig = rig(Front::Nothing, AllowMode::Off).await;
    assert_eq!(rig.connect().await.post(PATH, "paid 1").await.status, 200);
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_sender_before_the_handshake() {
    let rig = rig(Front::ProxyV2(here()), AllowMode::Enforce).await;
    let mut client = rig.connect_behind(&proxy_v2(SENDER)).await.unwrap();
    assert_eq!(client.post(PATH, "paid 1").await.status, 200);
    // What a request says of itself is not read.
    let forged = post_forwarded(&mut client, &format!("x-forwarded-for: {STRANGER}\r\n"), "forged").await;
    assert_eq!((forged.status, told(&rig).await), (400, SENDER.to_string()));
    let mut stranger = rig.connect_behind(&proxy_v2(STRANGER)).await.unwrap();
    let forged = post_forwarded(&mut stranger, &format!("x-forwarded-for: {SENDER}\r\n"), "paid 2").await;
    assert_eq!((forged.status, rig.asked()), (503, 2));
}

#[tokio::test]
async fn a_proxys_own_connection_has_the_address_of_the_proxy() {
    let rig = rig(Front::ProxyV2(here()), AllowMode::Enforce).await;
    let mut client = rig.connect_behind(&local()).await.unwrap();
    assert_eq!(client.post(PATH, "paid 1").await.status, 503);
    assert_eq!(told(&rig).await, "127.0.0.1");
}

#[tokio::test]
async fn the_header_of_a_proxy_that_nobody_trusts_is_a_bad_handshake() {
    let rig = rig(Front::ProxyV2(elsewhere()), AllowMode::Off).await;
    assert!(rig.connect_behind(&proxy_v2(SENDER)).await.is_err());
    assert_eq!(rig.connect().await.post(PATH, "forged").await.status, 400, "without a header it is one more sender");
    assert_eq!(told(&rig).await, "127.0.0.1");
    assert!(counted("paystate_connections_refused_total{reason=\"handshake_failed\"}"));
}

#[tokio::test]
async fn a_trusted_proxy_must_send_its_header() {
    let rig = rig(Front::ProxyV2(here()), AllowMode::Off).await;
    assert!(rig.try_connect().await.is_err(), "TLS without a header");
    let nonsense = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, 0x11, 0xff, 0xff]].concat();
    assert!(rig.connect_behind(&nonsense).await.is_err(), "a header that is too large");
    assert!(counted("paystate_connections_refused_total{reason=\"proxy_header_bad\"}"));
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn the_time_of_the_handshake_includes_the_header() {
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::with_sources(Sources { front: Front::ProxyV2(here()), ..Sources::default() }, limits).await;
    let half = &proxy_v2(SENDER)[..20];
    let refused = timeout(PATIENCE, rig.connect_behind(half)).await.expect("half a header kept the connection open");
    assert!(refused.is_err());
}

#[tokio::test]
async fn the_cap_is_for_senders_and_not_for_their_proxy() {
    let limits = Limits { max_connections_per_ip: 1, ..Limits::default() };
    let rig = Rig::with_sources(Sources { front: Front::ProxyV2(here()), ..Sources::default() }, limits).await;
    let _first = rig.connect_behind(&proxy_v2(SENDER)).await.unwrap();
    let mut other = rig.connect_behind(&proxy_v2(STRANGER)).await.unwrap();
    assert!(rig.connect_behind(&proxy_v2(SENDER)).await.is_err(), "a second one of the same sender");
    assert_eq!(other.post(PATH, "paid 1").await.status, 200);
}

#[tokio::test]
async fn the_connections_of_a_proxy_that_ends_tls_are_not_capped() {
    let limits = Limits { max_connections_per_ip: 1, ..Limits::default() };
    let rig = Rig::with_sources(Sources { front: Front::ForwardedFor(here()), ..Sources::default() }, limits).await;
    let (_first, mut second) = (rig.connect().await, rig.connect().await);
    assert_eq!(second.post(PATH, "paid 1").await.status, 200);
}

#[tokio::test]
async fn of_forwarded_for_only_what_trusted_proxies_added_is_believed() {
    let rig = rig(Front::ForwardedFor(here()), AllowMode::Enforce).await;
    for (lines, status) in [
        (format!("x-forwarded-for: {STRANGER}, {SENDER}\r\n"), 200),
        (format!("X-Forwarded-For: {STRANGER}\r\nX-FORWARDED-FOR: [::ffff:{SENDER}]:443 , 127.0.0.9\r\n"), 200),
        (format!("x-forwarded-for: {SENDER}, {STRANGER}\r\n"), 503),
        (format!("x-forwarded-for: {SENDER}, {STRANGER}\r\nx-forwarded-for: 127.0.0.9\r\n"), 503),
        (format!("forwarded: for={SENDER}\r\nx-real-ip: {SENDER}\r\n"), 503),
        (String::new(), 503),
    ] {
        let mut client = rig.connect().await;
        assert_eq!(post_forwarded(&mut client, &lines, "paid 1").await.status, status, "{lines}");
    }
    rig.core.until(|seen| seen.rejections.len() == 4).await;
    let addresses = rig.core.look(|seen| seen.rejections.iter().map(|r| r.remote_address.clone()).collect::<Vec<_>>());
    assert_eq!(addresses, [&STRANGER.to_string(), &STRANGER.to_string(), "127.0.0.1", "127.0.0.1"]);
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_nobodys() {
    let rig = rig(Front::ForwardedFor(here()), AllowMode::Enforce).await;
    let mut client = rig.connect().await;
    let answer = post_forwarded(&mut client, &format!("x-forwarded-for: {SENDER}, unknown\r\n"), "paid 1").await;
    assert_eq!((answer.status, told(&rig).await.as_str()), (503, ""));
}

#[tokio::test]
async fn forwarded_for_of_an_untrusted_peer_is_not_read() {
    let rig = rig(Front::ForwardedFor(elsewhere()), AllowMode::Enforce).await;
    let mut client = rig.connect().await;
    let answer = post_forwarded(&mut client, &format!("x-forwarded-for: {SENDER}\r\n"), "paid 1").await;
    assert_eq!((answer.status, told(&rig).await.as_str()), (503, "127.0.0.1"));
}
