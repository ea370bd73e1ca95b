//! The control API as a person with curl meets it.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use paystate_sandbox::serve;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::support::{Edge, Merchant, PATIENCE, data_dir, open, tls};

struct Curl {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

impl Curl {
    async fn connect(port: u16, ca_pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("PEM")).expect("a certificate");
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream =
            tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.expect("TLS");
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        Self { sender }
    }

    async fn send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::new(body.into())).expect("a request");
        let response = self.sender.send_request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    async fn post(&mut self, path: &str, body: &str) -> (StatusCode, serde_json::Value) {
        let (status, body) = self.send(Method::POST, path, body.to_owned()).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }
}

#[tokio::test]
async fn a_person_can_pay_refund_close_attack_and_look() {
    let dir = data_dir();
    let edge = Edge::judging(Merchant::new(dir.path())).await;
    let sandbox = open(dir.path(), &edge).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (config, ca_pem) = tls();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, config, sandbox.clone(), shutdown.clone()));
    let mut curl = Curl::connect(port, &ca_pem).await;

    let (status, help) = curl.send(Method::GET, "/", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(paystate_sandbox::AttackKind::ALL.iter().all(|kind| help.contains(kind.as_str())));

    let (status, trade) =
        curl.post("/pay", r#"{"account":"alipay","out_trade_no":"T1001","amount_minor":1999,"copies":3}"#).await;
    assert_eq!((status, &trade["status"]), (StatusCode::OK, &"paid".into()));
    let (status, refund) = curl
        .post("/refund", r#"{"account":"alipay","out_trade_no":"T1001","out_refund_no":"R1","amount_minor":999}"#)
        .await;
    assert_eq!((status, &refund["transaction_id"]), (StatusCode::OK, &trade["transaction_id"]));
    let (status, closed) =
        curl.post("/close", r#"{"account":"stripe","out_trade_no":"T2","amount_minor":1,"currency":"usd"}"#).await;
    assert_eq!((status, &closed["currency"]), (StatusCode::OK, &"USD".into()));
    let forged = r#"{"account":"alipay","kind":"forged_signature","out_trade_no":"T1001","amount_minor":1999}"#;
    let (status, outcome) = curl.post("/attack", forged).await;
    assert_eq!((status, &outcome["accepted"]), (StatusCode::OK, &false.into()));
    assert!(sandbox.quiesce(PATIENCE).await);
    let (_, ledger) = curl.send(Method::GET, "/ledger", "").await;
    let ledger: serde_json::Value = serde_json::from_str(&ledger).expect("JSON");
    assert_eq!(ledger["counters"]["alipay"]["attacks_refused"], 1);
    assert_eq!(ledger["ledger"]["trades"].as_array().map(Vec::len), Some(2));

    shutdown.cancel();
    server.await.expect("no panic").expect("served");
}

#[tokio::test]
async fn mistakes_are_named() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (config, ca_pem) = tls();
    tokio::spawn(serve(listener, config, sandbox, CancellationToken::new()));
    let mut curl = Curl::connect(port, &ca_pem).await;
    for (path, body, status, word) in [
        ("/pay", "", 400, "EOF"),
        ("/pay", r#"{"account":"alipay"}"#, 400, "out_trade_no"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":"1"}"#, 400, "amount_minor"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":0}"#, 400, "amount_minor"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":1,"copy":2}"#, 400, "copy"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":1,"copies":300}"#, 400, "copies"),
        ("/pay", r#"{"account":"paypal","out_trade_no":"T","amount_minor":1}"#, 400, "account"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T/1","amount_minor":1}"#, 400, "out_trade_no"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":1,"currency":"USD"}"#, 400, "currency"),
        ("/pay", r#"{"account":"alipay","out_trade_no":"T","amount_minor":1} x"#, 400, "trailing"),
        ("/attack", r#"{"account":"alipay","kind":"magic","out_trade_no":"T","amount_minor":1}"#, 400, "kind"),
        ("/attack", r#"{"account":"alipay","kind":"stale","out_trade_no":"T","amount_minor":1}"#, 400, "kind"),
        ("/refund", r#"{"account":"alipay","out_trade_no":"T","out_refund_no":"R","amount_minor":1}"#, 404, "alipay"),
        ("/pay-checkout", r#"{"account":"alipay","out_trade_no":"T"}"#, 404, "alipay"),
        ("/fault", r#"{"account":"alipay","kind":"sulk"}"#, 400, "kind"),
        ("/fault", r#"{"account":"alipay","kind":"lie","for_ms":1}"#, 400, "lie"),
        ("/callbacks", r#"{"account":"alipay","callbacks":"maybe"}"#, 400, "callbacks"),
        ("/effects", "{}", 405, "GET"),
        ("/nowhere", "{}", 404, "path"),
        ("/ledger", "{}", 405, "GET"),
    ] {
        let (got, answer) = curl.post(path, body).await;
        assert_eq!(got.as_u16(), status, "{path} {body} {answer}");
        assert!(answer["error"].as_str().is_some_and(|text| text.contains(word)), "{path} {body} {answer}");
    }
    let (status, _) = curl.send(Method::POST, "/pay", vec![b' '; 65 * 1024]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
