//! Core and edge as two processes that show each other certificates.

use std::{fs, net::SocketAddr, path::Path};

use paystate_proto::v1::{
    OrderState, PlatformOutcome, RecordObservationsRequest, RefundRequest, ingest_service_client::IngestServiceClient,
    provider_gateway_service_client::ProviderGatewayServiceClient,
};
use paystate_rpc::tls;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::json;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::support::{Process, Shop, home, https, paystate, quiet_address, run, sandbox};

/// What is added to the configuration that `dev` makes.
const TLS: &str = r#"
[core.tls]
certificate = { file = "core.pay.internal.crt" }
key = { file = "core.pay.internal.key" }
client_ca = { file = "ca.crt" }

[core.roles]
edge = ["edge.pay.internal"]
writer = ["orders.pay.internal"]
operator = ["sre.pay.internal"]

[edge.core_tls]
ca = { file = "ca.crt" }
certificate = { file = "edge.pay.internal.crt" }
key = { file = "edge.pay.internal.key" }
server_name = "core.pay.internal"

[edge.gateway_tls]
certificate = { file = "edge.pay.internal.crt" }
key = { file = "edge.pay.internal.key" }
client_ca = { file = "ca.crt" }

[core.edge_tls]
ca = { file = "ca.crt" }
certificate = { file = "core.pay.internal.crt" }
key = { file = "core.pay.internal.key" }
server_name = "edge.pay.internal"
"#;

/// An authority, and a certificate of it for each name.
fn certificates(data: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(data.join("ca.crt"), authority.pem()).unwrap();
    for name in ["core", "edge", "orders", "sre"].map(|name| format!("{name}.pay.internal")) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.clone()]).unwrap().signed_by(&key, &authority).unwrap();
        fs::write(data.join(format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(data.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// The way to a listener for one who shows the certificate of `name`.
fn channel(data: &Path, name: &str, address: SocketAddr, server: &'static str) -> Channel {
    let read = |file: String| fs::read(data.join(file)).unwrap();
    let ca = tls::authorities(&read("ca.crt".to_owned())).unwrap();
    let config = tls::client(ca, &read(format!("{name}.crt")), &read(format!("{name}.key"))).unwrap();
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    paystate_rpc::channel(endpoint, Some((config, server.try_into().unwrap())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_goes_from_edge_to_core_by_certificates_and_nobody_else_gets_in() {
    let (_dir, data) = home().await;
    certificates(&data);
    let config = data.join("paystate.toml");
    let sound = fs::read_to_string(&config).unwrap();
    let gateway = "[edge]\ncore_identities = [\"core.pay.internal\"]\n";
    let way = ("\nedge = \"http://", "\nedge = \"https://");
    fs::write(&config, sound.replace("[edge]\n", gateway).replace(way.0, way.1) + TLS).unwrap();

    let listen = quiet_address().to_string();
    let core_env = [("PAYSTATE__CORE__LISTEN", listen.as_str())];
    let core = Process::role("core", &config, &core_env, "core metrics").await;
    // The first of the two is nobody's: the edge goes on to the one that is there.
    let urls = format!(r#"["https://127.0.0.1:1", "https://{listen}"]"#);
    let edge = Process::role("edge", &config, &[("PAYSTATE__EDGE__CORE", &urls)], "edge metrics").await;
    let edge_url = format!("https://{}", edge.address("edge"));
    let env = [("PAYSTATE__SANDBOX__EDGE_URL", edge_url.as_str()), ("PAYSTATE__SANDBOX__TIME_COMPRESSION", "60")];
    let platforms = Process::role("sandbox", &config, &env, "sandbox").await;

    let to_core = |name: &str| channel(&data, name, core.address("core"), "core.pay.internal");
    let mut shop = Shop::over(to_core("orders.pay.internal"));
    shop.sell("o1", "alipay", "MTLS000001", 500).await.unwrap();
    let (status, body) = https(edge.address("edge"), &data, "GET /readyz", "").await.unwrap();
    assert_eq!(status, 200, "{body}");
    let pay = json!({"account": "alipay", "out_trade_no": "MTLS000001", "amount_minor": 500});
    sandbox(&platforms, &data, "pay", &pay).await.unwrap();
    shop.until("o1", OrderState::Paid).await;

    // The shop may not say that money arrived, the edge may not sell, and without a certificate nobody may.
    let batch = RecordObservationsRequest::default();
    let denied = IngestServiceClient::new(to_core("orders.pay.internal")).record_observations(batch).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let denied = Shop::over(to_core("edge.pay.internal")).sell("o2", "alipay", "MTLS000002", 500).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let plaintext = Endpoint::from_shared(format!("http://{}", core.address("core"))).unwrap();
    let denied = Shop::over(plaintext.connect_lazy()).sell("o2", "alipay", "MTLS000002", 500).await;
    assert_ne!(denied.unwrap_err().code(), Code::PermissionDenied, "it must not get as far as an answer");

    // Only a core may make the edge call a platform.
    let refund = async |name| {
        let to_edge = channel(&data, name, edge.address("gateway"), "edge.pay.internal");
        ProviderGatewayServiceClient::new(to_edge).refund(RefundRequest::default()).await
    };
    let answer = refund("core.pay.internal").await.unwrap().into_inner().answer.unwrap();
    assert_eq!((answer.outcome(), answer.code.as_str()), (PlatformOutcome::NotSent, "ACCOUNT_UNKNOWN"));
    assert_eq!(refund("sre.pay.internal").await.unwrap_err().code(), Code::PermissionDenied);

    // The core starts again; the edge finds it by itself.
    assert!(core.terminate().await);
    let core = Process::role("core", &config, &core_env, "core metrics").await;
    let mut shop = Shop::over(channel(&data, "orders.pay.internal", core.address("core"), "core.pay.internal"));
    shop.sell("o2", "alipay", "MTLS000002", 500).await.unwrap();
    let pay = json!({"account": "alipay", "out_trade_no": "MTLS000002", "amount_minor": 500});
    sandbox(&platforms, &data, "pay", &pay).await.unwrap();
    shop.until("o2", OrderState::Paid).await;
    for process in [platforms, edge, core] {
        assert!(process.terminate().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_one_process_speaks_tls_too() {
    let (_dir, data) = home().await;
    certificates(&data);
    let config = data.join("paystate.toml");
    let sound = fs::read_to_string(&config).unwrap();
    let gateway = "[edge]\ncore_identities = [\"core.pay.internal\"]\n";
    let secured = sound
        .replace("[edge]\n", gateway)
        .replace("core = \"http://", "core = \"https://")
        .replace("\nedge = \"http://", "\nedge = \"https://")
        + TLS;
    fs::write(&config, secured).unwrap();
    let dev = Process::dev(&data, &[("PAYSTATE__SANDBOX__TIME_COMPRESSION", "60")]).await;
    let to_core = |name: &str| channel(&data, name, dev.address("core"), "core.pay.internal");
    let mut shop = Shop::over(to_core("orders.pay.internal"));
    shop.sell("o1", "stripe", "MTLS000001", 500).await.unwrap();
    let pay = json!({"account": "stripe", "out_trade_no": "MTLS000001", "amount_minor": 500});
    sandbox(&dev, &data, "pay", &pay).await.unwrap();
    shop.until("o1", OrderState::Paid).await;

    // The operator's commands show a certificate too, and hear what it does not allow.
    let tail = async |name: &str, further: &[&str]| {
        let (core, file) = (format!("https://{}", dev.address("core")), |end: &str| data.join(format!("{name}.{end}")));
        let mut command = paystate(&["events", "tail", "--from", "earliest", "--until-head", "--core", &core]);
        command.arg("--certificate").arg(file("crt")).arg("--key").arg(file("key")).args(further);
        run(command).await
    };
    let ca = data.join("ca.crt").display().to_string();
    let trusted = ["--ca", &ca, "--server-name", "core.pay.internal"];
    let (ok, out, err) = tail("orders.pay.internal", &trusted).await;
    assert!(ok && out.contains("PENDING -> PAID"), "{out}{err}");
    let (ok, out, err) = tail("edge.pay.internal", &trusted).await;
    assert!(!ok && err.contains("[core.roles]"), "{out}{err}");
    let (ok, out, err) = tail("orders.pay.internal", &["--ca", &ca]).await;
    assert!(!ok && err.contains("cannot reach") && err.contains("certificate"), "{out}{err}");
    let (ok, out, err) = tail("orders.pay.internal", &[]).await;
    assert!(!ok && err.contains("(ca)"), "{out}{err}");
    assert!(dev.terminate().await);
}
