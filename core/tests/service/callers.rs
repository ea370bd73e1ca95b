//! Who is let in, and what they may do.

use std::{sync::Arc, time::Duration};

use paystate_proto::v1::{
    self, ingest_service_client::IngestServiceClient, operations_service_client::OperationsServiceClient,
    order_service_client::OrderServiceClient, subscription_service_client::SubscriptionServiceClient,
};
use paystate_rpc::{Callers, Role, Roles};
use rustls::ClientConfig;
use tokio::time::timeout;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    pki::{Authority, CORE},
    rig::{PATIENCE, Rig, order},
};

const EDGE: &str = "edge-1.pay.internal";
const WRITER: &str = "spiffe://pay/orders";
const READER: &str = "stock.pay.internal";
const OPERATOR: &str = "sre.pay.internal";

async fn start(authority: &Authority) -> Rig {
    let mut roles = Roles::default();
    roles.grant(EDGE, Role::Edge);
    roles.grant(WRITER, Role::Writer);
    roles.grant(READER, Role::Reader);
    roles.grant(OPERATOR, Role::Operator);
    Rig::start(Callers::Certified { tls: authority.server(), roles }, Duration::ZERO).await
}

fn channel(rig: &Rig, config: Arc<ClientConfig>, server_name: &'static str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("https://{}", rig.address)).unwrap();
    paystate_rpc::channel(endpoint, Some((config, server_name.try_into().unwrap())))
}

fn caller(rig: &Rig, authority: &Authority, names: &[&str]) -> Channel {
    channel(rig, authority.client(&authority.issue(names)), CORE)
}

/// Whether a caller may create, read, explain, hand over, and subscribe. That a method refuses what is in the
/// request, or is not built yet, means that it was reached.
async fn may(channel: &Channel) -> [bool; 5] {
    let reached = |status: Option<Status>| match status {
        None => true,
        Some(status) => {
            let reason = status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}")).reason;
            assert_eq!(status.code() == Code::PermissionDenied, reason == "ROLE_REQUIRED", "{status:?}");
            reason != "ROLE_REQUIRED"
        }
    };
    let mut orders = OrderServiceClient::new(channel.clone());
    let mut operations = OperationsServiceClient::new(channel.clone());
    let mut ingest = IngestServiceClient::new(channel.clone());
    let mut subscriptions = SubscriptionServiceClient::new(channel.clone());
    [
        reached(orders.create_order(v1::CreateOrderRequest::default()).await.err()),
        reached(orders.get_order(v1::GetOrderRequest { order_id: "none".into() }).await.err()),
        reached(operations.explain_order(v1::ExplainOrderRequest::default()).await.err()),
        reached(ingest.record_observations(v1::RecordObservationsRequest::default()).await.err()),
        reached(subscriptions.list_subscriptions(v1::ListSubscriptionsRequest::default()).await.err()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_what_it_is_for_and_nothing_else() {
    let authority = Authority::new();
    let rig = start(&authority).await;
    assert_eq!(may(&caller(&rig, &authority, &[EDGE])).await, [false, false, false, true, false]);
    assert_eq!(may(&caller(&rig, &authority, &[WRITER])).await, [true, true, false, false, true]);
    assert_eq!(may(&caller(&rig, &authority, &[READER])).await, [false, true, false, false, true]);
    assert_eq!(may(&caller(&rig, &authority, &[OPERATOR])).await, [true, true, true, false, true]);
    assert_eq!(may(&caller(&rig, &authority, &[READER, EDGE])).await, [false, true, false, true, true]);
    let nobody = caller(&rig, &authority, &["nobody.pay.internal"]);
    assert_eq!(may(&nobody).await, [false; 5]);
    HealthClient::new(nobody).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_says_why_and_changes_nothing() {
    let authority = Authority::new();
    let rig = start(&authority).await;
    let mut reader = OrderServiceClient::new(caller(&rig, &authority, &[READER]));
    let denied = reader.create_order(order("o1")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let info = denied.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("ROLE_REQUIRED", "paystate"));
    assert_eq!(info.metadata["method"], "/paystate.v1.OrderService/CreateOrder");
    assert_eq!(info.metadata["roles"], "writer, operator");
    assert_eq!(info.metadata["identity"], READER);
    let missing = reader.get_order(v1::GetOrderRequest { order_id: "o1".into() }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);

    let nameless = OrderServiceClient::new(caller(&rig, &authority, &[])).create_order(order("o1")).await;
    let nameless = nameless.unwrap_err();
    assert_eq!(nameless.code(), Code::Unauthenticated);
    assert_eq!(nameless.get_details_error_info().unwrap().reason, "IDENTITY_MISSING");
}

/// How a call over this channel ends; it must not get as far as a service.
async fn shut_out(channel: Channel) {
    let mut health = HealthClient::new(channel);
    let call = timeout(PATIENCE, health.check(HealthCheckRequest::default()));
    let status = match call.await.expect("neither in nor out") {
        Ok(answer) => panic!("it was let in: {answer:?}"),
        Err(status) => status,
    };
    assert!(std::error::Error::source(&status).is_some(), "the server answered: {status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_certificate_the_handshake_fails() {
    let (authority, other) = (Authority::new(), Authority::new());
    let rig = start(&authority).await;
    let ca = paystate_rpc::tls::authorities(authority.pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut bare = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(ca)
        .with_no_client_auth();
    bare.alpn_protocols = vec![b"h2".to_vec()];
    shut_out(channel(&rig, Arc::new(bare), CORE)).await;
    shut_out(channel(&rig, authority.client(&other.issue(&[OPERATOR])), CORE)).await;
    shut_out(channel(&rig, authority.client(&authority.issue_expired(&[OPERATOR])), CORE)).await;
    let plaintext = Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
    shut_out(paystate_rpc::channel(plaintext, None)).await;
    // The other way round: a caller believes neither another name nor another authority.
    let good = authority.issue(&[OPERATOR]);
    shut_out(channel(&rig, authority.client(&good), "other.pay.internal")).await;
    shut_out(channel(&rig, other.client(&good), CORE)).await;

    assert_eq!(may(&channel(&rig, authority.client(&good), CORE)).await, [true, true, true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_every_caller_has_every_role() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
    assert_eq!(may(&paystate_rpc::channel(endpoint, None)).await, [true; 5]);
}
